"""The results of an ablation as tables and as a page; all words follow from the numbers."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from dmssn.ablation.results import GAVE_UP, UNDECIDED, VERDICTS, margin
from dmssn.ablation.variants import OURS
from dmssn.config import FitConfig, Recipe
from dmssn.runs.records import METRICS
from dmssn.wording import counted

Results = Mapping[str, Any]
Rows = list[list[str]]

WIDTH = 150
"""Of the page's lines, in characters, but for tables."""


def score_rows(results: Results) -> Rows:
    """A heading, and a row a variant: its scores, and what they cost."""
    heading = ["variant", *METRICS.values(), "seeds", "parameters", "minutes", "teacher's"]
    rows = [heading]
    for name, told in results["variants"].items():
        parameters = told["parameters"]
        rows.append(
            [
                name,
                *(_shown(told["metrics"][metric], results["seeds"]) for metric in METRICS),
                f"{len(told['seeds'])}",
                "-" if parameters is None else f"{parameters:,}",
                _minutes(told["minutes"]),
                _minutes(told["teacher_minutes"]),
            ]
        )
    return rows


def difference_rows(results: Results) -> Rows:
    """A heading, and a row a variant: how far it is from ours, and the verdict."""
    rows = [["variant", *(f"{label} - ours" for label in METRICS.values()), "verdict"]]
    for name, told in results["variants"].items():
        if name != OURS:
            shown = (_shown(told["difference"][m], results["seeds"], sign=True) for m in METRICS)
            rows.append([name, *shown, told["verdict"]])
    return rows


def failures(results: Results) -> list[str]:
    """Why runs left no scores, a line each."""
    return [
        f"{name}, seed {seed}: {why}"
        for name, told in results["variants"].items()
        for seed, why in told["failed"].items()
    ]


def outcome(name: str, results: Results) -> str:
    """What came out for the claim of a variant, a sentence."""
    told = results["variants"].get(name)
    if told is None:
        return "Not run."
    verdict, label = told["verdict"], METRICS[results["decides"]]
    if told["failed"]:
        word = "Diverged" if verdict.startswith(GAVE_UP) else "Failed"
        return f"{word} in {len(told['failed'])} of {results['seeds']} runs: not compared."
    difference = told["difference"][results["decides"]]
    if difference["mean"] is None:
        return f"Not compared: {verdict}."
    by = f"{label} {_shown(difference, results['seeds'], sign=True)}"
    if verdict == UNDECIDED or verdict not in VERDICTS:
        return f"Not decided, {verdict}: {by}."
    found = "Supported" if verdict == told["expected"] else "Contradicted"
    return f"{found}, the variant is {verdict}: {by}."


def page(results: Results, recipe: Recipe, command: str) -> str:
    """The Markdown page.

    Args:
        results: As ``results_of`` gives them.
        recipe: ``ours``.
        command: What made them, a line.
    """
    return "\n".join(_lines(results, recipe, command))


def _lines(results: Results, recipe: Recipe, command: str) -> Iterator[str]:
    yield "# Ablations"
    yield ""
    yield from wrap(
        "Does each idea of the method do what is said of it? Each variant below is the same recipe "
        "with one thing changed, trained anew with the same seeds and scored on the same scenes. "
        "The command at the end of this page writes the page; nothing on it is written by hand.",
        WIDTH,
    )
    yield ""
    yield "## Set-up"
    yield ""
    yield from _setup(results, recipe)
    yield ""
    yield "## Scores"
    yield ""
    spread = "mean" if results["seeds"] == 1 else "mean ± standard deviation over the seeds"
    workers = results["workers"]
    beside = f"with {workers} trainings side by side" if workers > 1 else "one training at a time"
    yield from wrap(
        f"On the test scenes, {spread}. Of MAE less is better, of the others more. Minutes are "
        f"wall-clock time of training a detector, and the teacher it needs, "
        f"{beside}.",
        WIDTH,
    )
    yield ""
    yield from _markdown(score_rows(results))
    yield ""
    yield "## Differences to ours"
    yield ""
    yield from _rule(results)
    yield ""
    yield from _markdown(difference_rows(results))
    yield ""
    if failed := failures(results):
        yield "Runs without scores:"
        yield ""
        yield from (f"- {line}" for line in failed)
        yield ""
    yield "## What the variants are"
    yield ""
    yield from _markdown(
        [["variant", "what is different", "keys"]]
        + [
            [
                name,
                told["says"],
                ", ".join(f"`{k} = {_toml(v)}`" for k, v in told["changes"].items()),
            ]
            for name, told in results["variants"].items()
        ]
    )
    yield ""
    yield "## Claims"
    yield ""
    yield from wrap(
        "What comes out is true of this set-up, and no more than a hint for other scenes, sizes "
        "and lengths of training. A claim that is not decided is not refuted.",
        WIDTH,
    )
    yield ""
    yield from _markdown(
        [["claim", "variant", "what came out"]]
        + [
            [told["claim"], name, outcome(name, results)]
            for name, told in results["variants"].items()
            if told["claim"]
        ]
    )
    yield ""
    yield "## Again"
    yield ""
    yield "```"
    yield command
    yield "```"
    yield ""


def _setup(results: Results, recipe: Recipe) -> Iterator[str]:
    generate, scenes = recipe.generate, results["scenes"]
    total = sum(scenes.values())
    if generate.count:
        bands = f"{generate.bands} bands" if generate.bands else "a number of bands of its own each"
        made = f"{counted(total, 'generated scene')} of {generate.size} x {generate.size} pixels, "
        made += bands
        made += f" (seed {generate.seed})"
    else:
        made = f"{counted(total, 'scene')} of the data set `{recipe.data.set}`"
        if results["made_up"]:
            made += f", which are not real but {results['made_up']}"
    split = f"{scenes['train']} to train on, {scenes['val']} to choose the epoch by"
    size, seeds = recipe.prepare.size, results["seeds"]
    yield from _item(
        f"Scenes: {made}; {split}, {scenes['test']} to test on, which training never sees."
    )
    yield from _item(f"Which scenes are for what: {results['split']}.")
    yield f"- Networks see {size} x {size} pixels and {results['bands']} bands."
    yield f"- Teacher: {_fit(recipe.teacher.fit)}."
    rates = f"dropout {recipe.detector.dropout:g}, attention dropout"
    rates += f" {recipe.detector.attention_dropout:g}, drop path {recipe.detector.drop_path:g}"
    yield f"- Detector: {_fit(recipe.detector.fit)}; {rates}."
    told = ", ".join(map(str, range(seeds)))
    yield f"- Seeds: {told}, of both stages. Variants whose teacher would be the same share it."
    yield from _item(
        "Scored: the checkpoint of the epoch that was best on the validation scenes, at the "
        "networks' size; a metric of a run is its mean over the test scenes."
    )
    if "published-rates" in results["variants"]:
        yield from _item(
            "`published-rates` has the published optimizer, rates, decay, schedule and dropout, no "
            "clipping and no average of weights, but our epochs, augmentation and scenes a step: "
            "its rate falls as often as in the published number of epochs, at most once an epoch."
        )
    programs = (f"{name} {' and '.join(found)}" for name, found in results["versions"].items())
    yield f"- Versions: {', '.join(programs)}."


def _item(text: str) -> list[str]:
    return wrap(f"- {text}", WIDTH, subsequent_indent="  ")


def _fit(fit: FitConfig) -> str:
    average = f"weights averaged with decay {fit.ema:g}" if fit.ema else "no average of weights"
    return (
        f"{counted(fit.epochs, 'epoch')}, {counted(fit.batch, 'scene')} a step, {fit.optimizer} at "
        f"{fit.learning_rate:g} with decay {fit.weight_decay:g}, {fit.schedule} schedule, {average}"
    )


def _rule(results: Results) -> Iterator[str]:
    label, seeds, alarms = METRICS[results["decides"]], results["seeds"], results["false_alarms"]
    paired = "Variant minus ours."
    if seeds > 1:
        paired = "Variant minus ours, seed by seed; mean ± standard deviation of these differences."
    if seeds < results["enough_seeds"]:
        yield f"{paired} Fewer than {results['enough_seeds']} seeds decide nothing."
        return
    compared = sum(told["verdict"] in VERDICTS for told in results["variants"].values())
    chance = (
        f" If all variants were equal, one or more of {compared} such verdicts would be false with "
        f"a chance of up to {1 - (1 - alarms) ** compared:.0%}."
    )
    yield from wrap(
        f'{paired} The verdict is about {label} alone: "better" or "worse" where the mean '
        f"difference is more than {margin(seeds):.2f} standard errors from 0 (Student's t for "
        f"{seeds} seeds), which chance alone does in {alarms:.0%} of comparisons; else "
        f'"{UNDECIDED}". Of a variant that lacks a seed, or whose runs or those of {OURS} failed, '
        f"there is none.{chance if compared > 1 else ''}",
        WIDTH,
    )


def _markdown(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    heading, *others = rows
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    yield from (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in others)


def _shown(number: Mapping[str, Any], seeds: int, *, sign: bool = False) -> str:
    """A mean and its spread."""
    mean, spread = number["mean"], number["spread"]
    if mean is None:
        return "-"
    text = f"{mean:+.3f}" if sign else f"{mean:.3f}"
    if spread is None:
        return text if seeds == 1 else f"{text} (one seed)"
    return f"{text} ± {spread:.3f}"


def _minutes(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _toml(value: Any) -> str:  # noqa: ANN401
    return str(value).lower() if isinstance(value, bool) else f"{value!r}".replace("'", '"')
