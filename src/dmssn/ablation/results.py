"""What came of an ablation: means and spreads over seeds, differences to ours, verdicts.

A run is what one variant made of one seed: its scores, or why there are none.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t

from dmssn.ablation.variants import OURS, Variant
from dmssn.runs.records import LESS_IS_BETTER, METRICS
from dmssn.training.validation import means

Runs = Mapping[int, dict[str, Any] | str]
"""Of a variant: seed to what its run left, or why there is nothing."""

FORMAT = 1
DECIDES = "f_mean"
"""The metric of the verdict. One, chosen before: of four some would differ by chance."""
FALSE_ALARMS = 0.05
"""How often a verdict may call two equal variants different."""
ENOUGH_SEEDS = 3
GAVE_UP = "diverged"
"""Begins why a run left no scores where its numbers became infinite."""
UNDECIDED = "no clear difference"
VERDICTS = ("better", "worse", UNDECIDED)
"""Where there was enough to judge by; else it is told what there was not."""
TOO_FEW = "too few seeds"
UNPAIRED = "not every seed has both scores"
NO_OURS = f"{OURS} has no scores"


def results_of(
    found: Mapping[str, Variant],
    runs: Mapping[str, Runs],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """All there is to tell, as plain values for JSON.

    Args:
        found: Variants by name.
        runs: Variant and seed to what its run left: ``scenes`` (scene to metrics, None where one
            is not defined), ``parameters``, ``minutes``, ``teacher_minutes``, ``versions``; or
            why there is nothing. Variants without any run are left out.
        facts: Of the set-up, told as they are; ``seeds`` among them, how many were asked for.

    Returns:
        ``facts``, the versions and the rule of the verdicts; under ``variants``, what is told of
        each.
    """
    scored = {
        name: {seed: _mean_scores(run) for seed, run in seeds.items() if isinstance(run, dict)}
        for name, seeds in runs.items()
    }
    told = {
        name: _described(found[name], scored[name], scored.get(OURS, {}), runs, facts["seeds"])
        for name in runs
    }
    whole = [run for seeds in runs.values() for run in seeds.values() if isinstance(run, dict)]
    names = dict.fromkeys(name for run in whole for name in run["versions"])
    versions = {name: sorted({run["versions"][name] for run in whole}) for name in names}
    return {
        "format": FORMAT,
        **facts,
        "versions": versions,
        "decides": DECIDES,
        "false_alarms": FALSE_ALARMS,
        "enough_seeds": ENOUGH_SEEDS,
        "variants": told,
    }


def _mean_scores(run: dict[str, Any]) -> dict[str, float]:
    """Metrics of a run, means over the scenes they are defined for."""
    return means(
        {
            scene: {name: math.nan if values[name] is None else values[name] for name in METRICS}
            for scene, values in run["scenes"].items()
        }
    )


def _described(
    variant: Variant,
    scored: Mapping[int, dict[str, float]],
    ours: Mapping[int, dict[str, float]],
    runs: Mapping[str, Runs],
    seeds: int,
) -> dict[str, Any]:
    own = runs[variant.name]
    whole = [run for run in own.values() if isinstance(run, dict)]
    pairs = {
        name: [
            scored[seed][name] - ours[seed][name]
            for seed in sorted(scored.keys() & ours.keys())
            if name in scored[seed] and name in ours[seed]
        ]
        for name in METRICS
    }
    differences = {} if variant.name == OURS else pairs
    return {
        "says": variant.says,
        "changes": dict(variant.changes),
        "claim": variant.claim,
        "expected": variant.expected,
        "parameters": whole[0]["parameters"] if whole else None,
        "minutes": _mean([run["minutes"] for run in whole]),
        "teacher_minutes": _mean([run["teacher_minutes"] for run in whole]),
        "seeds": {str(seed): values for seed, values in scored.items()},
        "failed": {str(seed): why for seed, why in own.items() if isinstance(why, str)},
        "metrics": {
            name: spread([values[name] for values in scored.values() if name in values])
            for name in METRICS
        },
        "difference": {name: spread(values) for name, values in differences.items()},
        "verdict": ""
        if variant.name == OURS
        else _judged(own, runs.get(OURS, {}), pairs[DECIDES], seeds),
    }


def _judged(own: Runs, ours: Runs, differences: Sequence[float], seeds: int) -> str:
    """The verdict, where every seed that was asked for has a difference; else what is missing."""
    for who, its in (("", own), (f"{OURS} ", ours)):
        if whys := [why for why in its.values() if isinstance(why, str)]:
            word = GAVE_UP if all(why.startswith(GAVE_UP) for why in whys) else "failed"
            return f"{who}{word} in {len(whys)} of {seeds}"
    if not ours:
        return NO_OURS
    if len(differences) < seeds and seeds >= ENOUGH_SEEDS:
        return UNPAIRED
    return verdict(differences)


def _mean(values: Sequence[float | None]) -> float | None:
    """None when a value is, or when there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean and standard deviation (of a sample, divided by n - 1) of one number for each seed.

    Returns:
        ``mean``, None without a value; ``spread``, None with fewer than two; ``seeds``, how many.
    """
    return {
        "mean": float(np.mean(values)) if values else None,
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "seeds": len(values),
    }


def margin(seeds: int) -> float:
    """How many standard errors from 0 the mean of differences must be to count.

    By chance alone it is as far in ``FALSE_ALARMS`` of all cases (Student's t, both sides).

    Args:
        seeds: Differences, at least 2.
    """
    return float(t.ppf(1 - FALSE_ALARMS / 2, seeds - 1))


def verdict(differences: Sequence[float]) -> str:
    """How a variant fares beside ours, in words.

    Args:
        differences: Of the metric that decides, variant minus ours, one for each seed.

    Example:
        >>> verdict([-0.10, -0.11, -0.12]), verdict([-0.10, 0.11, 0.12]), verdict([0.5, 0.5])
        ('worse', 'no clear difference', 'too few seeds')
    """
    if len(differences) < ENOUGH_SEEDS:
        return TOO_FEW
    mean, error = np.mean(differences), np.std(differences, ddof=1) / math.sqrt(len(differences))
    if abs(mean) <= margin(len(differences)) * error:
        return UNDECIDED
    return "better" if (mean < 0) == (DECIDES in LESS_IS_BETTER) else "worse"
