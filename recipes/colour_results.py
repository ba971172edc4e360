"""What came of hyperspectral versus colour: means over seeds, differences by scene, verdicts.

Letters: A arms, N seeds, M metrics, S scenes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmssn.ablation.results import ENOUGH_SEEDS, spread
from dmssn.judging.markup import markdown_table
from dmssn.judging.results import known
from dmssn.judging.statistics import LEAST_SCENES, Intervals, paired_differences, verdicts
from dmssn.judging.tables import NO_NUMBER, Cell, Table, number_text
from dmssn.runs.records import LESS_IS_BETTER, METRICS
from dmssn.wording import counted

FORMAT = 1
TITLE = "Hyperspectral versus colour"
DECIDES = "f_mean"
"""The metric of the verdicts; one, chosen before."""
CUBE, COLOUR = "cube", "colour"
NAMES = {CUBE: "spectra", COLOUR: "colours"}
"""What the arms see, in words."""
OF_SETS = {
    "metamers": "scenes whose objects have the colour of what surrounds them",
    "any": "scenes as they come, but for those",
}
Verdict = Literal["shown", "refuted", "undecided"]


def results_of(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """All there is to tell, as plain values for JSON.

    Args:
        runs: Arm to what the run of each seed left: ``tests`` (set to scene to metrics, None where
            one is not defined), ``parameters``, ``minutes``, ``teacher_minutes``.
        facts: Of the set-up, told as they are.
    """
    kinds = list(runs[CUBE][0]["tests"])
    return {
        "format": FORMAT,
        **facts,
        "decides": DECIDES,
        "arms": {
            arm: {
                "parameters": own[0]["parameters"],
                "minutes": float(np.mean([run["minutes"] for run in own])),
            }
            for arm, own in runs.items()
        },
        "tests": {kind: _of_test(runs, kind) for kind in kinds},
    }


def _of_test(runs: Mapping[str, Sequence[Mapping[str, Any]]], kind: str) -> dict[str, Any]:
    """What came out on one set of test scenes."""
    scenes = sorted(runs[CUBE][0]["tests"][kind])
    values = {
        arm: np.stack([scores_of(run["tests"][kind], scenes) for run in own])
        for arm, own in runs.items()
    }
    # Scene by scene, of both the mean over seeds: what chance made of one training is less then.
    means = {arm: of_arm.mean(axis=0) for arm, of_arm in values.items()}
    difference = paired_differences(means[CUBE][None], means[COLOUR])
    by_seed = {arm: _mean_over_scenes(of_arm) for arm, of_arm in values.items()}  # (N, M)
    seeds = by_seed[CUBE] - by_seed[COLOUR]
    decides = list(METRICS).index(DECIDES)
    return {
        "scenes": len(scenes),
        "means": {
            arm: {m: spread(of_arm[:, n].tolist()) for n, m in enumerate(METRICS)}
            for arm, of_arm in by_seed.items()
        },
        "difference": {
            metric: {
                "mean": known(float(difference.mean[0, n])),
                "low": known(float(difference.low[0, n])),
                "high": known(float(difference.high[0, n])),
                "seeds": seeds[:, n].tolist(),
            }
            for n, metric in enumerate(METRICS)
        },
        "verdict": verdict(difference, seeds[:, decides], decides),
    }


def scores_of(
    told: Mapping[str, Mapping[str, float | None]], scenes: Sequence[str]
) -> NDArray[np.float64]:
    """Scores of a run, shape (M, S), metrics in the order of ``METRICS``; NaN where undefined."""
    return np.array(
        [
            [math.nan if (value := told[scene][metric]) is None else value for scene in scenes]
            for metric in METRICS
        ],
        dtype=np.float64,
    )


def verdict(difference: Intervals, seeds: Sequence[float] | NDArray[Any], metric: int) -> Verdict:
    """Whether spectra are worth more than colours.

    Args:
        difference: Spectra minus colours, scene by scene, shapes (1, M).
        seeds: The mean difference of each seed, in the metric that decides.
        metric: Number of that metric.

    Returns:
        "shown" where the interval lies on the side of spectra, and each of three seeds or more
        does too; "refuted" where all lie on that of colours; else "undecided".
    """
    low = np.array([name in LESS_IS_BETTER for name in METRICS])
    side = int(verdicts(difference, low)[0, metric])
    sign = -1 if low[metric] else 1
    if side == 0 or len(seeds) < ENOUGH_SEEDS:
        return "undecided"
    if not all(sign * side * seed > 0 for seed in seeds):
        return "undecided"
    return "shown" if side > 0 else "refuted"


def verdict_said(results: Mapping[str, Any], kind: str) -> str:
    """The verdict on a set of test scenes, a sentence that follows from the numbers."""
    told = results["tests"][kind]
    found = told["difference"][results["decides"]]
    label, seeds = METRICS[results["decides"]], len(found["seeds"])
    agree = sum(seed > 0 for seed in found["seeds"])
    of_seeds = f"with {agree} of {counted(seeds, 'seed')} above 0"
    where = f"On {OF_SETS[kind]}"
    text = f"{where}, spectra minus colours is {_difference(found)} in {label}, {of_seeds}"
    if told["verdict"] == "shown":
        return f"Shown. {text}: the network that sees spectra is better."
    if told["verdict"] == "refuted":
        return f"Refuted. {text}: the network that sees colours is better."
    few = [
        f"it takes {LEAST_SCENES} scenes" if told["scenes"] < LEAST_SCENES else "",
        f"it takes {ENOUGH_SEEDS} seeds" if seeds < ENOUGH_SEEDS else "",
    ]
    because = " and ".join(reason for reason in few if reason)
    return f"Undecided. {text}{f': {because}' if because else ''}."


def section(results: Mapping[str, Any]) -> Iterator[str]:
    """The part of the page."""
    arms, tests = results["arms"], results["tests"]
    parameters = " and ".join(f"{arm['parameters']:,}" for arm in arms.values())
    minutes = " and ".join(f"{arm['minutes']:.1f}" for arm in arms.values())
    yield from (f"## {TITLE}", "")
    yield (
        "The same network with the same settings (`recipes/colour.toml`), trained on the spectra "
        f"of generated scenes and on their colours: {results['train']} scenes to train on and "
        f"{results['val']} to choose the epoch by, of {results['size']} pixels a side, "
        f"{counted(results['epochs'], 'epoch')}, {counted(results['seeds'], 'seed')} of each. "
        "Colours are the CIE's of the same cube, as three linear bands and not rounded: more than "
        "a picture file holds. Scenes whose camera shows no true colour are left out for both. "
        f"Spectra are brought to {results['bands'][CUBE]} bands, so that the networks have "
        f"{parameters} parameters; a training took {minutes} minutes."
    )
    yield ""
    for kind in tests:
        yield f"- {verdict_said(results, kind)}"
    for kind, told in tests.items():
        yield from ("", f"### {kind} ({counted(told['scenes'], 'scene')})", "")
        yield from markdown_table(test_table(told))
    yield ""
    yield (
        "Means over scenes, ± the standard deviation over seeds; differences scene by scene, of "
        "the means over seeds, with 95 % intervals of the bootstrap over scenes. Of MAE less is "
        f'better. The verdict is about {METRICS[results["decides"]]}: "shown" where the interval '
        f"and each of {ENOUGH_SEEDS} seeds or more lie on the side of spectra, "
        '"refuted" where they lie on that of colours. It is true of this small set-up, and no more '
        "than a hint for others."
    )
    yield ""
    yield "`python -m recipes.colour -o runs/colour` does it again."


def test_table(told: Mapping[str, Any]) -> Table:
    """A row an arm, and one of differences."""
    rows = [
        [Cell(NAMES[arm]), *(Cell(_mean(means[metric])) for metric in METRICS)]
        for arm, means in told["means"].items()
    ]
    differences = [Cell(_difference(told["difference"][metric])) for metric in METRICS]
    return Table(["what it sees", *METRICS.values()], [*rows, [Cell("difference"), *differences]])


def _mean_over_scenes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis, where there is a value; NaN where there is none."""
    defined = ~np.isnan(values)
    sums, numbers = np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1)
    mean = np.full(sums.shape, np.nan)
    np.divide(sums, numbers, out=mean, where=numbers > 0)
    return mean


def _mean(number: Mapping[str, Any]) -> str:
    if number["mean"] is None or math.isnan(number["mean"]):
        return NO_NUMBER
    text = number_text(number["mean"])
    return text if number["spread"] is None else f"{text} ± {number_text(number['spread'])}"


def _difference(found: Mapping[str, Any]) -> str:
    if found["mean"] is None:
        return NO_NUMBER
    text = number_text(found["mean"], sign=True)
    if found["low"] is None:
        return text
    return (
        f"{text} [{number_text(found['low'], sign=True)}, {number_text(found['high'], sign=True)}]"
    )
