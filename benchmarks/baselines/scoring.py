"""Saliency metrics by PySODMetrics, one image after the other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import py_sod_metrics as sod
from numpy.typing import NDArray
from PIL import Image


def shared(saliency: NDArray[np.float64], mask: NDArray[np.bool_]) -> dict[str, float]:
    """The metrics both programs have, but for the weighted F-measure, of a map as it is."""
    return _results(_stepped(_measures(), saliency, mask))


def of_files(maps: Sequence[Path], masks: Sequence[Path]) -> dict[str, float]:
    """The mean of each metric both programs have over 16-bit maps and 8-bit masks."""
    measures = {**_measures(), "weighted_f_measure": sod.WeightedFmeasure()}
    for map_file, mask_file in zip(maps, masks, strict=True):
        with Image.open(map_file) as picture:
            saliency = np.asarray(picture).astype(np.float64) / 65535
        with Image.open(mask_file) as picture:
            mask = np.asarray(picture) >= 128
        _stepped(measures, saliency, mask)
    found = _results(measures)
    weighted = measures["weighted_f_measure"].get_results()["wfm"]
    return found | {"weighted_f_measure": float(weighted)}


def _measures() -> dict[str, Any]:
    handler = sod.FmeasureHandler(with_dynamic=True, with_adaptive=True, beta=0.3)
    return {
        "mean_absolute_error": sod.MAE(),
        "f": sod.FmeasureV2({"f": handler}),
        "e": sod.Emeasure(),
        "s_measure": sod.Smeasure(),
    }


def _stepped(
    measures: dict[str, Any], saliency: NDArray[np.float64], mask: NDArray[np.bool_]
) -> dict[str, Any]:
    for measure in measures.values():
        measure.step(saliency, mask, normalize=False)
    return measures


def _results(measures: dict[str, Any]) -> dict[str, float]:
    """Means over what was stepped through; of the curves, of each image's largest and mean."""
    handler = measures["f"]._metric_handlers["f"]
    f_curves = np.array(handler.dynamic_results)
    e_curves = np.array(measures["e"].changeable_ems)
    return {
        "mean_absolute_error": float(measures["mean_absolute_error"].get_results()["mae"]),
        "max_f_measure": float(f_curves.max(axis=1).mean()),
        "mean_f_measure": float(f_curves.mean()),
        "adaptive_f_measure": float(np.mean(handler.adaptive_results)),
        "s_measure": float(measures["s_measure"].get_results()["sm"]),
        "max_e_measure": float(e_curves.max(axis=1).mean()),
        "mean_e_measure": float(e_curves.mean()),
        "adaptive_e_measure": float(np.mean(measures["e"].adaptive_ems)),
    }
