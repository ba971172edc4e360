"""A detector's scores beside the published ones: a table as JSON and as Markdown.

The published scores are those of ``published_results``; ours are means of ``evaluation``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dmssn.evaluation import Evaluation
from dmssn.reproduction.published_results import COLUMNS, METHODS, SOURCE, SPLITS

FORMAT = 1
"""Of the JSON."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What was scored, and on what.

    Attributes:
        evaluation: Of every test scene.
        set: The data set's name.
        title: What its authors call it, or what it is.
        split: Whose split it is, a sentence.
        left_out: Scenes that could not be prepared, and why; of all splits.
        made_up: Why the published scores do not compare, a sentence; empty for the set itself.
        parameters: Of the detector.
        epoch: Of its training that was the best.
    """

    evaluation: Evaluation
    set: str
    title: str
    split: str
    left_out: dict[str, str]
    made_up: str
    parameters: int
    epoch: int | None


def results_of(scored: Scored) -> dict[str, Any]:
    """Everything as plain values for JSON; an undefined score is None."""
    evaluation, mean = scored.evaluation, scored.evaluation.mean
    ours = {column: _known(mean[metric]) for column, metric in COLUMNS.items()}
    return {
        "format": FORMAT,
        "set": scored.set,
        "title": scored.title,
        "split": scored.split,
        "test_scenes": len(evaluation.scenes),
        "left_out": scored.left_out,
        "compares": not scored.made_up,
        "made_up": scored.made_up,
        "parameters": scored.parameters,
        "epoch": scored.epoch,
        "ours": ours,
        "columns": dict(COLUMNS),
        "mean": {metric: _known(value) for metric, value in mean.items()},
        "counted": evaluation.counted,
        "notes": list(evaluation.notes),
        "published": _published(scored.set),
        "published_source": SOURCE,
    }


def _known(value: float) -> float | None:
    return value if value == value else None  # NaN differs from itself


def _published(data_set: str) -> list[dict[str, Any]]:
    """The published rows; None where a method has no score on the set. None at all for others."""
    if not any(data_set in method.scores for method in METHODS):
        return []
    return [
        {
            "method": method.name,
            "parameters_millions": method.millions,
            **dict(zip(COLUMNS, method.scores.get(data_set, [None] * len(COLUMNS)), strict=True)),
        }
        for method in METHODS
    ]


def markdown(results: dict[str, Any]) -> str:
    """The results as a page with a table."""
    return "\n".join([*_said(results), "", *_table(results), "", *_explained(results), ""])


def _said(results: dict[str, Any]) -> Iterator[str]:
    count = results["test_scenes"]
    yield f"# dmssn on {results['title']}"
    yield ""
    if results["made_up"]:
        yield f"**NOT COMPARABLE: {results['made_up']}**"
        yield ""
    yield f"{count} test {'scene' if count == 1 else 'scenes'}; {results['split']}."
    if left_out := results["left_out"]:
        yield (
            f"{len(left_out)} scenes of the set, of all splits, were left out because they could "
            f"not be prepared: {', '.join(left_out)}."
        )


def _table(results: dict[str, Any]) -> Iterator[str]:
    yield f"| method | parameters | {' | '.join(results['columns'])} |"
    yield f"|---|---|{'---|' * len(results['columns'])}"
    for row in results["published"]:
        yield _row(row["method"], row["parameters_millions"], row, results)
    millions = results["parameters"] / 1e6
    yield _row("**dmssn, this run**", millions, results["ours"], results)


def _row(name: str, millions: float | None, scores: dict[str, Any], results: dict[str, Any]) -> str:
    shown = (scores[column] for column in results["columns"])
    cells = ("-" if score is None else f"{score:.3f}" for score in shown)
    size = "-" if millions is None else f"{millions:.3g} M"
    return f"| {name} | {size} | {' | '.join(cells)} |"


def _explained(results: dict[str, Any]) -> Iterator[str]:
    stands = ", ".join(f"{column} is `{metric}`" for column, metric in results["columns"].items())
    yield f"MAE is better low, the others are better high. Of `dmssn evaluate`, {stands},"
    yield "each the mean over the test scenes for which it is defined."
    if results["published"]:
        mean_f = results["mean"]["mean_f_measure"]
        yield f"Published rows: {results['published_source']}; one setting for all methods."
        yield "How they average F1 is not given: ours is of the pixels above 0.5 in each scene; the"
        yield f"mean F-measure over 256 thresholds (`mean_f_measure`) is {mean_f:.3f} here."
    if results["set"] in SPLITS:
        yield SPLITS[results["set"]]
    if results["epoch"] is not None:
        yield f"The weights are of epoch {results['epoch']}, the best on the validation split."
