"""What a benchmark found: scores of each entry on each scene, and what else is told of them.

An entry is a detector, or a folder of maps of another program.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dmssn import __version__
from dmssn.metrics import Curves

FORMAT = 1
"""Of the JSON."""

Kind = Literal["network", "classical", "maps"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is compared.

    Attributes:
        name: Of the detector or the folder of maps.
        kind: A trained network, a classical detector, or maps of another program.
        about: What it is, in a few words, such as its settings.
        parameters: Trained numbers, 0 of a classical detector; None where it is not known.
        seconds: Median time of a scene; None where it was not measured.
        seconds_range: The least and the most time of a scene; None likewise.
        memory: Peak of its processes' memory in bytes; None where it was not measured.
        gpu_memory: Likewise of the GPU's; None where there is none.
    """

    name: str
    kind: Kind
    about: str = ""
    parameters: int | None = None
    seconds: float | None = None
    seconds_range: tuple[float, float] | None = None
    memory: int | None = None
    gpu_memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Results:
    """What came of a benchmark.

    Attributes:
        title: What was judged on, such as a folder's name.
        entries: In the order they were asked for.
        scores: Entry to scene to metric; every entry has the same scenes. NaN where a metric is
            not defined.
        curves: Entry to scene to its curves; of the same scenes.
        reference: The entry that differences are to.
        attributes: Scene to codes of what makes it hard; empty where scenes tell none.
        left_out: Scene to why it counts for no entry.
        scoring: How maps were scored, one sentence each.
        measured: What time and memory are of, a sentence.
        notes: What should be known of the entries or scenes, one sentence each.
    """

    title: str
    entries: Sequence[Entry]
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    curves: Mapping[str, Mapping[str, Curves]]
    reference: str
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    scoring: Sequence[str] = ()
    measured: str = ""
    notes: Sequence[str] = ()

    @property
    def scenes(self) -> list[str]:
        """Names of the scenes that count, sorted."""
        return sorted(next(iter(self.scores.values()), {}))

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, in the order they were scored."""
        for scenes in self.scores.values():
            for values in scenes.values():
                return list(values)
        return []

    def to_table(self) -> dict[str, Any]:
        """All but the curves, as plain values for JSON; an undefined score is None."""
        return {
            "format": FORMAT,
            "version": __version__,
            "title": self.title,
            "reference": self.reference,
            "scoring": list(self.scoring),
            "measured": self.measured,
            "notes": list(self.notes),
            "entries": [vars(entry) for entry in self.entries],
            "scores": {
                entry: {
                    scene: {metric: known(value) for metric, value in values.items()}
                    for scene, values in scenes.items()
                }
                for entry, scenes in self.scores.items()
            },
            "attributes": {scene: list(codes) for scene, codes in self.attributes.items()},
            "left_out": dict(self.left_out),
        }


def known(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return None if math.isnan(value) else value
