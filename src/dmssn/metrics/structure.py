"""The structure measure, S (Fan et al., ICCV 2017): likeness of objects, and of four regions."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dmssn.metrics.pair import EPSILON, Mask, Metric, Pair, area, spread, sum_of_squares


@Metric
def s_measure(pair: Pair) -> float:
    """Structure measure, alpha 0.5 (Fan et al., ICCV 2017); in [0, 1].

    The mean of an object-aware and a region-aware likeness, 0 where it is negative. For an empty
    mask 1 minus the map's mean, for a full one the map's mean. NaN if any pixel does not count.
    """
    if not pair.whole:
        return float("nan")
    if pair.one_kind:
        return pair.mean if pair.salient else 1 - pair.mean
    return max(0.0, 0.5 * _objects(pair) + 0.5 * _regions(pair))


def _objects(pair: Pair) -> float:
    """Likeness of the object's values to a uniform 1 and of the background's to a uniform 0."""
    share = pair.salient / pair.size
    inside = _object(float(pair.inside.mean()), _deviation(pair.inside))
    around = pair.size - pair.salient
    total = pair.total - float(pair.inside.sum())
    deviations = spread(
        around, total, pair.squares - float(pair.inside @ pair.inside), pair.squares
    )
    if deviations is None or around == 1:
        outside = pair.saliency[~pair.mask]
        background = _object(1 - float(outside.mean()), _deviation(outside))
    else:
        background = _object(1 - total / around, float(np.sqrt(deviations / (around - 1))))
    return share * inside + (1 - share) * background


def _deviation(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else 0.0


def _object(mean: float, deviation: float) -> float:
    """The paper's O: 1 for a uniform 1, less the lower and the less uniform the values are."""
    return 2 * mean / (mean**2 + 1 + deviation + EPSILON)


def _regions(pair: Pair) -> float:
    """Likeness of the four quadrants around the mask's centroid, weighted by area."""
    return (
        sum(mask.size * _likeness(saliency, mask) for saliency, mask in _quadrants(pair))
        / pair.size
    )


def _quadrants(pair: Pair) -> Iterator[tuple[NDArray[np.float64], Mask]]:
    """Map and mask of each; a centroid in the last row or column leaves some without pixels."""
    # One past the centroid, whose own row and column belong to the upper left quadrant.
    row, column = (
        round(float(np.count_nonzero(pair.mask, axis=1 - axis) @ np.arange(length) / pair.salient))
        + 1
        for axis, length in enumerate(pair.mask.shape)
    )
    for rows in (slice(0, row), slice(row, None)):
        for columns in (slice(0, column), slice(column, None)):
            if pair.mask[rows, columns].size:
                yield pair.saliency[rows, columns], pair.mask[rows, columns]


def _likeness(saliency: NDArray[np.float64], mask: Mask) -> float:
    """Structural similarity of a quadrant of the map and of the mask (Wang et al. 2004), in one.

    ``4 m n c / ((m^2 + n^2) (v + w))`` for means m and n, variances v and w, covariance c.
    """
    size, salient = mask.size, area(mask)
    if salient in (0, size):
        return _likeness_to_nothing(saliency, salient / size)
    total, squares = _sum(saliency), sum_of_squares(saliency)
    mean_map, mean_mask = total / size, salient / size
    covariance = float(saliency[mask].sum()) - mean_mask * total
    variances = squares - mean_map * total + salient * (1 - mean_mask)
    above = 4 * mean_map * mean_mask * covariance
    below = (mean_map**2 + mean_mask**2) * variances
    freedom = size - 1 + EPSILON
    return above / freedom / (below / freedom + EPSILON)


def _likeness_to_nothing(saliency: NDArray[np.float64], mean_mask: float) -> float:
    """Likeness where the mask does not vary, so neither does it with the map: 1 if both are flat.

    As in the authors' program, 1 too where map and mask are 0.
    """
    total, squares = _sum(saliency), sum_of_squares(saliency)
    if spread(saliency.size, total, squares, squares) is not None:
        return 0.0
    mean_map = saliency.mean()
    below = (mean_map**2 + mean_mask**2) * ((saliency - mean_map) ** 2).sum()
    return 1.0 if below == 0 else 0.0


def _sum(saliency: NDArray[np.float64]) -> float:
    """Of a quadrant: as a matrix product, for a quadrant's rows lie apart in memory."""
    return float((saliency @ np.ones(saliency.shape[1])).sum())
