"""Metrics of a map cut at a threshold: precision, recall, F-measures.

Hits are the salient pixels among those called salient; P = hits / called is the precision,
R = hits / salient the recall.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.metrics.pair import Counts, Metric, Pair, area

BETA_SQUARED = 0.3
"""The F-measure's beta squared itself, not a beta to be squared (Achanta et al. 2009)."""


@Metric
def f_measure_curve(pair: Pair) -> NDArray[np.float64]:
    """F-measure, beta squared 0.3, at each threshold t / 255 (Achanta et al., CVPR 2009).

    ``(1 + b) P R / (b P + R)`` with b = 0.3, of the pixels at or above the threshold.

    Returns:
        F-measures in [0, 1], shape (256,), for t = 0 ... 255; 0 where no salient pixel is found.
    """
    hits, called = pair.by_threshold
    return _f_measure(hits, called, pair.salient, BETA_SQUARED)


@Metric
def adaptive_f_measure(pair: Pair) -> float:
    """F-measure, beta squared 0.3, at twice the map's mean (Achanta et al., CVPR 2009); in [0, 1].

    A pixel is called salient at or above ``min(2 * mean, 1)``: a map of zeros calls all of them.
    """
    hits, called = pair.adaptive
    return float(_f_measure(np.asarray(hits), np.asarray(called), pair.salient, BETA_SQUARED))


@Metric
def f1_curve(pair: Pair) -> NDArray[np.float64]:
    """F1, ``2 P R / (P + R)``, at each threshold t / 255; as `f_measure_curve` with b = 1.

    Returns:
        F1 in [0, 1], shape (256,), for t = 0 ... 255; 0 where no salient pixel is found.
    """
    hits, called = pair.by_threshold
    return _f_measure(hits, called, pair.salient, 1.0)


@Metric
def precision_recall_f1(pair: Pair) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pixels above 0.5 (strictly); each in [0, 1], 0 for 0/0.

    Precision is the part of the called pixels that is salient, recall the part of the salient
    pixels that is called, F1 their harmonic mean (van Rijsbergen, Information Retrieval, 1979).
    """
    hits, called, salient = area(pair.inside > 0.5), area(pair.saliency > 0.5), pair.salient
    return hits / max(called, 1), hits / max(salient, 1), 2 * hits / max(salient + called, 1)


def _f_measure(
    hits: Counts, called: Counts, salient: int, beta_squared: float
) -> NDArray[np.float64]:
    """The F-measure from counts: (1 + b) P R / (b P + R) with P and R written out."""
    denominator = beta_squared * salient + called
    ratio: NDArray[np.float64] = hits / np.where(denominator == 0, 1, denominator)
    return (1 + beta_squared) * ratio
