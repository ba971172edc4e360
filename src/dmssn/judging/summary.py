"""The numbers of a benchmark that its tables show: means, differences, parts by attribute.

Letters: E entries, M metrics, S scenes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.evaluation import NONE
from dmssn.judging.results import Results, known
from dmssn.judging.statistics import Intervals, intervals, paired_differences, verdicts
from dmssn.metric_names import HEADINGS, PUBLISHED_HEADINGS, low_is_better

COMPARED = (
    "mean_absolute_error",
    "max_f_measure",
    "mean_f_measure",
    "s_measure",
    "mean_e_measure",
    "roc_auc",
    "correlation",
)
"""Metrics whose differences are shown; the rest say much the same again."""
VERDICTS = {1: "better", -1: "worse", 0: ""}
"""Of a difference, in a word."""
BY_ATTRIBUTE = ("roc_auc", "max_f_measure", "mean_absolute_error")
"""Metrics that are shown of the scenes of each attribute."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Summary:
    """What a benchmark comes to; entries and metrics in the order of its results.

    Attributes:
        results: Of every scene.
        means: Over the scenes, (E, M).
        differences: Entry minus reference, (E, M); 0 for the reference itself.
        verdicts: Of the differences, (E, M): 1 clearly better, -1 clearly worse, 0 neither.
        parts: By attribute: its scenes and the means over them, (E, M).
    """

    results: Results
    means: Intervals
    differences: Intervals
    verdicts: NDArray[np.int8]
    parts: Mapping[str, tuple[Sequence[str], Intervals]]

    @property
    def names(self) -> list[str]:
        """Of the entries."""
        return [entry.name for entry in self.results.entries]

    @property
    def mean(self) -> dict[str, dict[str, float]]:
        """Mean over the scenes by entry and metric; NaN if it is defined for none."""
        return {
            name: dict(zip(self.results.metrics, self.means.mean[entry].tolist(), strict=True))
            for entry, name in enumerate(self.names)
        }

    def to_table(self) -> dict[str, Any]:
        """The results, and what they come to, as plain values; an undefined number is None.

        ``means`` and, without the reference, ``differences`` hold for each entry and metric the
        mean, the ends of its interval and the scenes that count, a difference its verdict as well;
        ``by_attribute`` the means of each part, with its scenes.
        """
        differences = _told(self, self.differences)
        del differences[self.results.reference]
        for name, metrics in differences.items():
            for number, told in enumerate(metrics.values()):
                told["verdict"] = (
                    VERDICTS[int(self.verdicts[self.names.index(name), number])] or None
                )
        return self.results.to_table() | {
            "means": _told(self, self.means),
            "differences": differences,
            "by_attribute": {
                code: {"scenes": list(scenes), "means": _told(self, means)}
                for code, (scenes, means) in self.parts.items()
            },
        }


def summarize(results: Results) -> Summary:
    """Work out means, differences and their intervals.

    Raises:
        ValueError: No scene counts, or the reference is not among the entries.
    """
    names, scenes = [entry.name for entry in results.entries], results.scenes
    if not scenes:
        raise ValueError(f"{results.title}: no scene that every entry could be judged on")
    if results.reference not in names:
        raise ValueError(f"the reference {results.reference!r} is none of {', '.join(names)}")
    values = values_of(results)
    differences = paired_differences(values, values[names.index(results.reference)])
    low = np.array([low_is_better(metric) for metric in results.metrics], dtype=np.bool_)
    return Summary(
        results=results,
        means=intervals(values),
        differences=differences,
        verdicts=verdicts(differences, low),
        parts={
            code: (part, intervals(np.ascontiguousarray(values[:, :, np.isin(scenes, part)])))
            for code, part in scenes_by_attribute(results).items()
        },
    )


def values_of(results: Results) -> NDArray[np.float64]:
    """All scores, (E, M, S): scenes by name, which makes a mean the same in any order they ran."""
    return np.array(
        [
            [
                [results.scores[entry.name][scene][metric] for scene in results.scenes]
                for metric in results.metrics
            ]
            for entry in results.entries
        ],
        dtype=np.float64,
    )


def results_json(summary: Summary) -> str:
    """``Summary.to_table`` as text."""
    return json.dumps(summary.to_table(), indent=1, allow_nan=False) + "\n"


def _told(summary: Summary, found: Intervals) -> dict[str, dict[str, dict[str, Any]]]:
    """Intervals by entry and metric, as plain values."""
    return {
        name: {
            metric: {
                "mean": known(found.mean[entry, number]),
                "low": known(found.low[entry, number]),
                "high": known(found.high[entry, number]),
                "scenes": int(found.scenes[entry, number]),
            }
            for number, metric in enumerate(summary.results.metrics)
        }
        for entry, name in enumerate(summary.names)
    }


def scenes_by_attribute(results: Results) -> dict[str, list[str]]:
    """Scenes that have each attribute, sorted; ``NONE`` for those told to have none.

    Scenes of which nothing is told are in no part.
    """
    told = {
        scene: results.attributes[scene] or (NONE,)
        for scene in results.scenes
        if scene in results.attributes
    }
    codes = sorted({code for own in told.values() for code in own} - {NONE})
    parts = {code: [scene for scene, own in told.items() if code in own] for code in codes}
    plain = [scene for scene, own in told.items() if NONE in own]
    return parts | ({NONE: plain} if codes and plain else {})


def heading(metric: str) -> str:
    """What a metric is called in tables."""
    return (HEADINGS | PUBLISHED_HEADINGS).get(metric, metric)
