"""Who does the work on the scenes of a set, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from dmssn.progress import track
from dmssn.workers import WorkerDied, over_all


@dataclass(frozen=True, kw_only=True)
class Labour:
    """Who does the work; what is written does not depend on it.

    Attributes:
        workers: Processes on this machine.
        scheduler: Address of a Dask cluster to work instead.
        shard: The k-th of n parts of the work, for n runs side by side.
    """

    workers: int = 1
    scheduler: str | None = None
    shard: tuple[int, int] = (1, 1)

    @property
    def whole(self) -> bool:
        """Whether this run does all of the work."""
        return self.shard == (1, 1)


class Item(Protocol):
    """What is worked on: a scene."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def cube(self) -> Path:
        """Its file, for messages."""
        ...


T = TypeVar("T")
Scene = TypeVar("Scene", bound=Item)


@dataclass(frozen=True)
class Outcome:
    """What became of a scene.

    Attributes:
        error: What is wrong with it; empty when nothing is.
        fatal: Whether the next scene would meet the same, such as a full disk.
        seconds: Time of each part of the work.
    """

    error: str = ""
    fatal: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


def part_of(items: Sequence[T], shard: tuple[int, int]) -> list[T]:
    """The k-th of n parts: every n-th item from the k-th on, so that each has of every split.

    Example:
        >>> part_of([1, 2, 3, 4, 5], (2, 3))
        [2, 5]
    """
    part, parts = shard
    return list(items[part - 1 :: parts])


def each(
    what: str,
    items: Sequence[Scene],
    function: Callable[[Scene], Outcome],
    labour: Labour,
    wrong: dict[str, str],
) -> list[Outcome]:
    """Work on every scene; one that goes wrong does not stop the others.

    Args:
        what: The work, in a word or two, for progress.
        items: The scenes of this run.
        function: Works on one.
        labour: Who works.
        wrong: Takes the name of each scene that went wrong, and why.

    Returns:
        What became of the others.

    Raises:
        OSError: What stopped one scene would stop them all, or no cluster answers.
    """
    done = over_all(function, items, workers=labour.workers, scheduler=labour.scheduler)
    good = []
    for item, outcome in track(done, what, len(items), "scenes"):
        if isinstance(outcome, WorkerDied):
            outcome = Outcome(f"{item.cube}: {outcome}")
        if outcome.fatal:
            raise OSError(f"{outcome.error}; run it again to go on from here")
        if outcome.error:
            wrong[item.name] = outcome.error
        else:
            good.append(outcome)
    return good
