"""What validation measures: losses and quick metrics over the validation scenes."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmssn import metrics
from dmssn.batches import Batch, pack
from dmssn.config import FitConfig
from dmssn.devices import precision
from dmssn.distributed import World
from dmssn.models.network import DMSSN
from dmssn.store import PreparedSet

AGREEMENT = 0.02
"""Most that compiled or low-precision saliency may differ from plain float32, on average."""
QUICK = ("mae", "f_mean", "f_max", "auc")
"""Metrics that are quick enough for every epoch."""


def scene_table(
    prepared: PreparedSet,
    names: Sequence[str],
    columns: Sequence[str],
    measure: Callable[[Batch], list[dict[str, float]]],
    *,
    batch: int,
    world: World | None = None,
    between: Callable[[], None] | None = None,
) -> dict[str, dict[str, float]]:
    """Measure scenes, each in one process of the job and each once.

    Args:
        prepared: Holds the scenes.
        names: Which ones.
        columns: Keys of what is measured.
        measure: From a batch to the numbers of each of its scenes; a number may be NaN.
        batch: Scenes measured at once.
        world: The job's processes.
        between: Called by all processes, equally often, between batches.

    Returns:
        Scene to numbers by column, the same in all processes.
    """
    world = world or World()
    numbers = torch.zeros(len(names), len(columns), dtype=torch.float64)
    mine = world.share(list(enumerate(names)))
    for first in range(0, len(world.share(names, of=0)), batch):  # as often in all processes
        if between:
            between()
        some = mine[first : first + batch]
        if some:
            packed = pack([prepared.read(name) for _, name in some])
            with torch.inference_mode():
                found = measure(packed)
            for (place, _), scene in zip(some, found, strict=True):
                row = [scene[column] for column in columns]
                numbers[place] = torch.tensor(row, dtype=torch.float64)
    world.sum(numbers)
    return {
        name: dict(zip(columns, row, strict=True))
        for name, row in zip(names, numbers.tolist(), strict=True)
    }


def score_scenes(
    network: DMSSN,
    prepared: PreparedSet,
    names: Sequence[str],
    fit: FitConfig,
    device: torch.device,
    world: World | None = None,
    between: Callable[[], None] | None = None,
) -> dict[str, dict[str, float]]:
    """A few quick metrics of each scene, at the network's size; NaN where one is not defined.

    Args:
        network: On ``device``, not training.
        prepared: Holds the scenes.
        names: Which ones.
        fit: Its batch and precision.
        device: Where the network is.
        world: The job's processes, which share the scenes.
        between: As ``scene_table`` takes it.
    """

    def measure(batch: Batch) -> list[dict[str, float]]:
        masks = batch.mask > 0
        counted = torch.ones_like(masks) if batch.counted is None else batch.counted
        maps = saliency_of(network, batch, fit, device)
        return [
            _quick_metrics(scene[known][None].numpy(), mask[known][None].numpy())
            for scene, mask, known in zip(maps, masks, counted, strict=True)
        ]

    # As many at once as in a step, for which there is memory.
    batch = -(-fit.batch // (fit.accumulate * (world or World()).size))
    return scene_table(prepared, names, QUICK, measure, batch=batch, world=world, between=between)


def saliency_of(network: DMSSN, batch: Batch, fit: FitConfig, device: torch.device) -> Tensor:
    """Saliency of a batch, float32 on the CPU, (N, 1, H, W)."""
    moved = batch.to(device)
    with torch.inference_mode(), precision(fit, device):
        saliency = network.saliency(moved.spectra, moved.region_map, moved.packing)
    return saliency.float().cpu()


def means(scenes: Mapping[str, Mapping[str, float]], prefix: str = "") -> dict[str, float]:
    """Mean of each number over the scenes it is defined for; left out if it is for none."""
    columns = list(next(iter(scenes.values())))
    found = {c: _mean_defined([row[c] for row in scenes.values()]) for c in columns}
    return {prefix + c: mean for c, mean in found.items() if not math.isnan(mean)}


def agreement(network: DMSSN, batch: Batch, fit: FitConfig, device: torch.device) -> float:
    """How near compiled or low-precision saliency comes to plain float32 arithmetic.

    Args:
        network: As it will be trained; its mode is as before afterwards.
        batch: Scenes to compare on.
        fit: Its precision.
        device: Where the network is.

    Returns:
        Mean absolute difference of the saliency of a batch.

    Raises:
        FloatingPointError: It is above ``AGREEMENT``: training would go wrong, or already has.
    """
    batch = batch.to(device)
    plain = copy.deepcopy(network).eval()  # a copy is not compiled
    training = network.training
    network.eval()
    with torch.inference_mode():
        exact = plain.saliency(batch.spectra, batch.region_map, batch.packing)
        with precision(fit, device):
            quick = network.saliency(batch.spectra, batch.region_map, batch.packing)
    network.train(training)
    difference = float((quick.float() - exact).abs().mean())
    if not difference <= AGREEMENT:
        raise FloatingPointError(
            f"the saliency in {fit.precision}{', compiled,' if network.compiled else ''} is "
            f"{difference:.3g} off plain float32 on average, more than {AGREEMENT}; use float32, "
            "and detector.compile = false"
        )
    return difference


def _quick_metrics(saliency: NDArray[np.float32], mask: NDArray[np.bool_]) -> dict[str, float]:
    if not mask.size:  # nobody knows the truth of any pixel
        return dict.fromkeys(QUICK, math.nan)
    curve = metrics.f_measure_curve(saliency, mask)
    return {
        "mae": metrics.mean_absolute_error(saliency, mask),
        "f_mean": float(curve.mean()),
        "f_max": float(curve.max()),
        "auc": metrics.roc_auc(saliency, mask),
    }


def _mean_defined(values: list[float]) -> float:
    """Mean of the scenes a metric is defined for; NaN when it is for none."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
