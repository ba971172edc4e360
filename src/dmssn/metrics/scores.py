"""All metrics of one image, and its curves."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.metrics.agreement import correlation, mean_absolute_error, nss
from dmssn.metrics.alignment import adaptive_e_measure, e_measure_curve
from dmssn.metrics.pair import FloatMap, Mask, Pair
from dmssn.metrics.ranking import roc_auc, threshold_roc_auc, true_positive_rate
from dmssn.metrics.structure import s_measure
from dmssn.metrics.thresholds import (
    adaptive_f_measure,
    f1_curve,
    f_measure_curve,
    precision_recall_f1,
)
from dmssn.metrics.weighted import weighted_f_measure


class Curves(NamedTuple):
    """Curves of one image, made so that a mean over images at each place is one too.

    Attributes:
        precision: Of the pixels at or above t / 255, shape (256,), t = 0 ... 255; 1 where none is
            called. NaN for an empty mask.
        recall: Likewise; NaN for an empty mask.
        f_measure: Likewise, beta squared 0.3; 0 for an empty mask, as in `f_measure_curve`.
        true_positive_rate: At false positive rates i / 256, shape (257,), i = 0 ... 256, of the
            exact ROC curve; NaN for an empty or full mask.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f_measure: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]


def score(saliency: FloatMap, mask: Mask, counted: Mask | None = None) -> dict[str, float]:
    """Every metric, by name; NaN where one is undefined.

    Args:
        saliency: The map, float in [0, 1], shape (H, W).
        mask: True where salient, shape (H, W).
        counted: False where the truth is not known, shape (H, W): those pixels count in no metric,
            and the S-measure and the weighted F-measure, which need whole pictures, are NaN. None
            where it is known everywhere.

    Raises:
        ValueError: The shapes differ or are not (H, W), the map is not float, holds NaN or leaves
            [0, 1], the mask or ``counted`` is not bool, or no pixel counts.
    """
    return _score(Pair(saliency, mask, counted))


def curves(saliency: FloatMap, mask: Mask, counted: Mask | None = None) -> Curves:
    """The curves of one image; arguments and errors as for `score`."""
    return _curves(Pair(saliency, mask, counted))


def score_and_curves(
    saliency: FloatMap, mask: Mask, counted: Mask | None = None
) -> tuple[dict[str, float], Curves]:
    """`score` and `curves` of one image, in little more time than the first."""
    pair = Pair(saliency, mask, counted)
    return _score(pair), _curves(pair)


def _score(pair: Pair) -> dict[str, float]:
    f_curve, e_curve = f_measure_curve.of(pair), e_measure_curve.of(pair)
    precision, recall, f1 = precision_recall_f1.of(pair)
    return {
        "mean_absolute_error": mean_absolute_error.of(pair),
        "max_f_measure": float(f_curve.max()),
        "mean_f_measure": float(f_curve.mean()),
        "adaptive_f_measure": adaptive_f_measure.of(pair),
        "weighted_f_measure": weighted_f_measure.of(pair),
        "s_measure": s_measure.of(pair),
        "max_e_measure": float(e_curve.max()),
        "mean_e_measure": float(e_curve.mean()),
        "adaptive_e_measure": adaptive_e_measure.of(pair),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "mean_f1": float(f1_curve.of(pair).mean()),
        "roc_auc": roc_auc.of(pair),
        "threshold_roc_auc": threshold_roc_auc.of(pair),
        "correlation": correlation.of(pair),
        "nss": nss.of(pair),
    }


def _curves(pair: Pair) -> Curves:
    hits, called = pair.by_threshold
    nothing = np.full(hits.shape, np.nan)
    return Curves(
        # 1 where nothing is called: no call was wrong, and it is where the curve's end at recall 0
        # is put (scikit-learn does so too). Every image counts in a mean at every threshold.
        np.where(called == 0, 1.0, hits / np.maximum(called, 1)) if pair.salient else nothing,
        hits / pair.salient if pair.salient else nothing,
        f_measure_curve.of(pair),
        true_positive_rate.of(pair),
    )
