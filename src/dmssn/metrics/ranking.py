"""Areas under ROC curves: of the map as it is, and of its cuts at 256 thresholds.

A ROC curve has the part of the salient pixels that is called salient over the part of the others
that is, as the threshold falls.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.metrics.pair import Metric, Pair

RATES = 256
"""Steps of the false positive rate in `true_positive_rate`."""


@Metric
def roc_auc(pair: Pair) -> float:
    """Area under the ROC curve of the continuous map; in [0, 1], 0.5 is chance.

    The chance that a salient pixel has the higher saliency of a random pair, a tie counting half
    (Hanley and McNeil, Radiology 143, 1982). NaN for an empty or full mask.
    """
    if pair.one_kind:
        return float("nan")
    salient, others = pair.ranked
    wins = _twice_the_wins(salient, others)
    return wins / 2 / (salient.size * others.size)


@Metric
def threshold_roc_auc(pair: Pair) -> float:
    """Area under the ROC points of the thresholds t / 255 and straight lines between; in [0, 1].

    The ends (0, 0) and (1, 1) are on it. That is `roc_auc` of the map brought down to 256 levels,
    so values between two thresholds are ties. NaN for an empty or full mask.
    """
    if pair.one_kind:
        return float("nan")
    hits, called = pair.by_threshold  # the first calls every pixel: it is (1, 1) already
    true = np.append(hits, 0) / pair.salient
    false = np.append(called - hits, 0) / (pair.size - pair.salient)
    return float(np.trapezoid(true[::-1], false[::-1]))


@Metric
def true_positive_rate(pair: Pair) -> NDArray[np.float64]:
    """Height of the exact ROC curve, ties being slanted pieces, at false positive rates i / 256.

    Where the curve rises straight up, the top counts.

    Returns:
        True positive rates in [0, 1], ascending, shape (257,), for i = 0 ... 256; the last is 1.
        NaN for an empty or full mask.
    """
    if pair.one_kind:
        return np.full(RATES + 1, np.nan)
    salient, others = pair.ranked
    reached = np.arange(RATES) * others.size / RATES  # pixels wrongly called at each rate, exact
    value = others[others.size - 1 - reached.astype(np.int64)]  # which of them is called next
    wrong, right = _at_or_above(others, value), _at_or_above(salient, value)
    part = (reached - wrong[0]) / (wrong[1] - wrong[0])
    rates = (right[0] + part * (right[1] - right[0])) / salient.size
    return np.append(rates, 1.0)


def _twice_the_wins(ones: NDArray[np.float64], others: NDArray[np.float64]) -> int:
    """Twice the pairs won by the first (ascending) values, plus the ties, counted exactly."""
    if ones.size > others.size:  # the fewer are looked up among the more
        return 2 * ones.size * others.size - _twice_the_wins(others, ones)
    first = np.flatnonzero(np.append(True, ones[1:] != ones[:-1]))  # of each distinct value
    often = np.diff(first, append=ones.size)
    below = np.searchsorted(others, ones[first], side="left")
    return int((below + np.searchsorted(others, ones[first], side="right")) @ often)


def _at_or_above(
    values: NDArray[np.float64], limit: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many ascending values lie above each limit, and how many at or above it."""
    above = values.size - np.searchsorted(values, limit, side="right")
    return above, values.size - np.searchsorted(values, limit, side="left")
