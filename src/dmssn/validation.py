"""What validation measures: losses and quick metrics over the validation scenes."""

import copy
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmssn import metrics
from dmssn.batches import Batch, validation_batches
from dmssn.config import FitConfig
from dmssn.devices import precision
from dmssn.models.network import DMSSN
from dmssn.store import PreparedSet

Network = TypeVar("Network", bound=nn.Module)

AGREEMENT = 0.02
"""Most that compiled or low-precision saliency may differ from plain float32, on average."""


def mean_terms(
    network: Network,
    terms: Callable[[Network, Batch], dict[str, Tensor]],
    prepared: PreparedSet,
    batch_size: int,
    device: torch.device,
) -> dict[str, float]:
    """Loss terms over the validation scenes, each scene weighing the same."""
    totals: dict[str, float] = {}
    with torch.inference_mode():
        for batch in validation_batches(prepared, batch_size):
            for name, term in terms(network, batch.to(device)).items():
                totals[name] = totals.get(name, 0.0) + float(term) * len(batch.mask)
    scenes = len(prepared.names("val"))
    return {name: total / scenes for name, total in totals.items()}


def score_detector(
    network: DMSSN, prepared: PreparedSet, fit: FitConfig, device: torch.device
) -> dict[str, float]:
    """Means over the validation scenes, at the network's size, of a few quick metrics.

    A metric that no scene defines, such as the AUC of empty masks, is left out.
    """
    rows = []
    for batch in validation_batches(prepared, fit.batch):
        moved = batch.to(device)
        with torch.inference_mode(), precision(fit, device):
            saliency = network.saliency(moved.spectra, moved.region_map, moved.packing)
        masks = batch.mask > 0
        counted = torch.ones_like(masks) if batch.counted is None else batch.counted
        for scene, mask, known in zip(saliency.float().cpu(), masks, counted, strict=True):
            rows.append(_quick_metrics(scene[known][None].numpy(), mask[known][None].numpy()))
    means = {f"val/{name}": _mean_defined([row[name] for row in rows]) for name in rows[0]}
    return {name: mean for name, mean in means.items() if not math.isnan(mean)}


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
