"""A detector's scores beside the published ones: a table as JSON and as Markdown.

The published scores are those of ``published_results``; ours are means of ``evaluation``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dmssn.evaluation import Evaluation
from dmssn.reproduction.published_results import COLUMNS, METHODS, SOURCE, SPLITS
from dmssn.wording import counted

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
        published: How many test scenes that split has where it is a published one of the set; None
            for another split.
        left_out: Scenes that could not be prepared, and why; of all splits.
        made_up: What the scenes are where they are not the real set, in a few words.
        parameters: Of the detector.
        epoch: Of its training that was the best.
    """

    evaluation: Evaluation
    set: str
    title: str
    split: str
    published: int | None
    left_out: dict[str, str]
    made_up: str
    parameters: int
    epoch: int | None


def results_of(scored: Scored) -> dict[str, Any]:
    """Everything as plain values for JSON; an undefined score is None."""
    evaluation, mean = scored.evaluation, scored.evaluation.mean
    reason = _reason(scored)
    ours = {column: _known(mean[metric]) for column, metric in COLUMNS.items()}
    return {
        "format": FORMAT,
        "set": scored.set,
        "title": scored.title,
        "split": scored.split,
        "test_scenes": len(evaluation.scenes),
        "left_out": scored.left_out,
        "compares": not reason,
        "reason": reason,
        "parameters": scored.parameters,
        "epoch": scored.epoch,
        "ours": ours,
        "columns": dict(COLUMNS),
        "mean": {metric: _known(value) for metric, value in mean.items()},
        "counted": evaluation.counted,
        "scoring": list(evaluation.scoring),
        "notes": list(evaluation.notes),
        "published": _published(scored.set),
        "published_source": SOURCE,
    }


def _reason(scored: Scored) -> str:
    """Why the scores do not compare with published ones, a sentence; empty when they do."""
    if scored.made_up:
        return f"The scenes are {scored.made_up}; no published score is of them."
    if not _published(scored.set):
        return "No scores of this set are published."
    if scored.published is None:
        return "Another split than the published one."
    if missing := scored.published - len(scored.evaluation.scenes):
        scenes = counted(scored.published, "test scene")
        return f"Of the {scenes} of the published split {missing} could not be prepared."
    return ""


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
    yield f"# dmssn on {results['title']}"
    yield ""
    if not results["compares"]:
        yield f"**NOT COMPARABLE with published scores. {results['reason']}**"
        yield ""
    yield f"{counted(results['test_scenes'], 'test scene')}; {results['split']}."
    if left_out := results["left_out"]:
        yield (
            f"Of all splits {counted(len(left_out), 'scene')} could not be prepared, and "
            f"{'was' if len(left_out) == 1 else 'were'} left out: {', '.join(left_out)}."
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
    yield from results["scoring"]
    if results["published"]:
        mean_f = results["mean"]["mean_f_measure"]
        yield f"Published rows: {results['published_source']}; one setting for all methods."
        yield "How they average F1 is not given: ours is of the pixels above 0.5 in each scene; the"
        yield f"mean F-measure over 256 thresholds (`mean_f_measure`) is {mean_f:.3f} here."
    if results["set"] in SPLITS:
        yield SPLITS[results["set"]]
    if results["epoch"] is not None:
        yield f"The weights are of epoch {results['epoch']}, the best on the validation split."
