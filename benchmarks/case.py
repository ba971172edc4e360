"""What a case is: rows of the table, and a function from inputs to the sides to be timed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.findings import Finding
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Timing
from benchmarks.roofline import Work

ALLOCATORS = ("default", "kept")
"""The C library's own behaviour, and freed memory kept in the process."""


def nothing(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
    """No findings."""
    return []


@dataclass
class Point:
    """Sides that are timed against one another, all built.

    Attributes:
        sides: In turns; none for a point that has findings alone.
        facts: Sizes, the number of regions and the like.
        judge: From times and results to findings.
        label: Which point of its case; empty for the only one.
        work: What each side has to do at least, by side.
        memory: Peaks of memory that the case measured itself, by side, in bytes.
    """

    sides: Sequence[Side]
    facts: dict[str, Any]
    judge: Callable[[Mapping[str, Timing], Mapping[str, Any]], list[Finding]] = nothing
    label: str = ""
    work: Mapping[str, Work] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One comparison of a case.

    Attributes:
        name: Of the row.
        baseline: Side that is to be beaten.
        ours: Side that is to beat it.
        target: Least ratio of their times; None when there is none.
        memory_target: Largest ratio of our memory to the baseline's.
        others: Further baselines, shown beside.
        compared: Whether both do the same thing, so that the ratio of their times means anything.
    """

    name: str
    baseline: str
    ours: str = "dmssn"
    target: float | None = None
    memory_target: float | None = None
    others: tuple[str, ...] = ()
    compared: bool = True


@dataclass(frozen=True)
class Case:
    """What is measured in processes of its own.

    Attributes:
        name: Of the case.
        about: A sentence that says what either side does.
        build: Yields the points, one after the other.
        rows: Comparisons of each point.
        repeats: Timed runs of a side.
        allocators: Under which it is measured.
        memory: Whether the peak of each side is measured.
        gpu: Whether it needs one.
    """

    name: str
    about: str
    build: Callable[[Inputs], Iterator[Point]]
    rows: tuple[Row, ...] = ()
    repeats: int = 5
    allocators: tuple[str, ...] = ALLOCATORS
    memory: bool = True
    gpu: bool = False

    @property
    def sides(self) -> list[str]:
        """Names of the sides in its rows, each once."""
        names = [name for row in self.rows for name in (row.ours, row.baseline, *row.others)]
        return list(dict.fromkeys(names))

    @property
    def answers_to(self) -> set[str]:
        """The names by which ``--only`` chooses it."""
        return {self.name, *(row.name for row in self.rows)}
