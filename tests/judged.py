"""Results of a benchmark, made up, for tests of what is written of them."""

import numpy as np

from dmssn.judging.results import Entry, Results
from dmssn.metrics import Curves


def entry_of(name, **more):
    return Entry(**({"name": name, "kind": "classical", "parameters": 0} | more))


def results_of(scores, *, entries=None, **more):
    """Results of entry -> scene -> metric -> value, with curves that are straight lines."""
    names = list(scores)
    told = {
        "title": "made up",
        "entries": entries or [entry_of(name) for name in names],
        "scores": scores,
        "curves": {name: {scene: curves_of() for scene in scores[name]} for name in names},
        "reference": names[0],
    }
    return Results(**(told | more))


def curves_of(level=0.5):
    """Curves of a map that does as well as its level says."""
    falling = np.linspace(1, 0, 256)
    return Curves(
        precision=np.full(256, level),
        recall=falling,
        f_measure=level * falling,
        true_positive_rate=np.linspace(0, 1, 257) ** (1 - level),
    )


def metrics_of(value, **more):
    """Three metrics of one scene."""
    return {"mean_absolute_error": 1 - value, "max_f_measure": value, "roc_auc": value} | more


def spread_results(**more):
    """Two entries on eight scenes: ``good`` is 0.1 above ``plain`` in each."""
    scenes = [f"scene_{number}" for number in range(8)]
    values = {scene: 0.3 + 0.05 * number for number, scene in enumerate(scenes)}
    return results_of(
        {
            "plain": {scene: metrics_of(value) for scene, value in values.items()},
            "good": {scene: metrics_of(value + 0.1) for scene, value in values.items()},
        },
        **more,
    )
