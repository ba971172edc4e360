"""The weighted F-measure (Margolin et al., CVPR 2014), which cares where errors are.

The error is 1 - saliency at a salient pixel and the saliency at any other.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, distance_transform_edt

from dmssn.metrics.pair import EPSILON, Mask, Metric, Pair

Box = tuple[slice, slice]
Nearest = NDArray[np.int32]
"""Row and column of the salient pixel nearest to each pixel, shape (2, H, W)."""

REACH = 3
"""Pixels to each side that an error is softened by: the paper's 7 x 7 Gaussian, of sigma 5."""
SIGMA = 5.0
FAR = 265
"""Distance in pixels from which an error costs 2, for 0.5^(265 / 5) is what rounds 2 - it to 2."""


@Metric
def weighted_f_measure(pair: Pair) -> float:
    """Weighted F-measure, beta 1 (Margolin et al., CVPR 2014); in [0, 1]; 0 for an empty mask.

    Errors inside an object are softened where the error around them is smaller; errors outside
    cost up to twice as much the farther they lie from an object. NaN if any pixel does not count.
    """
    if not pair.whole:
        return float("nan")
    if pair.salient == 0:
        return 0.0
    box = _box_around(pair.mask, FAR)
    saliency, mask = pair.saliency[box], pair.mask[box]
    nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    inside = _softened_errors(saliency, mask, nearest)
    beyond = pair.total - float(saliency.sum())
    outside = 2 * beyond + float(np.vecdot(saliency, _costs(nearest)).sum())
    right = pair.salient - inside
    recall, precision = right / pair.salient, right / (right + outside + EPSILON)
    return 2 * recall * precision / (recall + precision + EPSILON)


def _softened_errors(saliency: NDArray[np.float64], mask: Mask, nearest: Nearest) -> float:
    """Sum of the salient pixels' errors, each replaced by the mean around it where that is less."""
    box = _box_around(mask, REACH)
    # Outside, the error of the nearest salient pixel: the edge of an object has no soft side.
    place = nearest[0][box] * np.intp(saliency.shape[1]) + nearest[1][box]
    around = 1 - saliency.take(place)  # in half the time of two indices
    kernel = np.exp(-(np.arange(-REACH, REACH + 1.0) ** 2) / (2 * SIGMA**2))
    for axis in (0, 1):
        around = correlate1d(around, kernel / kernel.sum(), axis=axis, mode="constant")
    return float(np.minimum(1 - saliency[box], around)[mask[box]].sum())


def _costs(nearest: Nearest) -> NDArray[np.float64]:
    """What an error costs at each pixel, shape (H, W): ``2 - 0.5^(distance / 5)``, 0 if salient."""
    rows, columns = (np.arange(length, dtype=np.int32) for length in nearest.shape[1:])
    squared = (nearest[0] - rows[:, None]) ** 2 + (nearest[1] - columns) ** 2
    # Squared distances are whole numbers: each cost is worked out once, and looked up.
    cost = 2 - np.exp(np.log(0.5) / 5 * np.sqrt(np.arange(FAR**2 + 1)))
    cost[0] = 0
    return np.asarray(cost[np.minimum(squared, FAR**2)])


def _box_around(mask: Mask, margin: int) -> Box:
    """Rows and columns that hold every salient pixel and a margin, where the picture has one."""
    rows, columns = (np.flatnonzero(mask.any(axis=1 - axis)) for axis in (0, 1))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )
