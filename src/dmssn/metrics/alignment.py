"""The enhanced-alignment measure, E (Fan et al., IJCAI 2018).

The map is cut at a threshold. Letters: a and b are the deviations of the cut map and of the mask
from their means at a pixel; N is the number of pixels.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.metrics.pair import EPSILON, Counts, Metric, Pair


@Metric
def e_measure_curve(pair: Pair) -> NDArray[np.float64]:
    """Enhanced-alignment measure at each threshold t / 255 (Fan et al., IJCAI 2018).

    Sum of ``(1 + 2ab / (a^2 + b^2))^2 / 4`` over the pixels, divided by N - 1.

    Returns:
        E-measures, shape (256,), for t = 0 ... 255. The best is N / (N - 1) for N pixels, as in
        the authors' program: 1 for any image of ordinary size. A single pixel is divided by 1.
    """
    hits, called = pair.by_threshold
    return _e_measure(hits, called, pair.salient, pair.size)


@Metric
def adaptive_e_measure(pair: Pair) -> float:
    """Enhanced-alignment measure at twice the map's mean (Fan et al., IJCAI 2018).

    Range as for `e_measure_curve`, threshold as for `adaptive_f_measure`.
    """
    hits, called = pair.adaptive
    return float(_e_measure(np.asarray(hits), np.asarray(called), pair.salient, pair.size))


def _e_measure(hits: Counts, called: Counts, salient: int, size: int) -> NDArray[np.float64]:
    """The E-measure from counts: all pixels of one (called, salient) pair align equally well."""
    if salient in (0, size):  # nothing to align with: the part of the pixels that is right
        return (called if salient else size - called) / max(size - 1, 1)
    mean_map, mean_mask = called / size, salient / size
    aligned: NDArray[np.float64] = (
        hits * _alignment(1 - mean_map, 1 - mean_mask)
        + (called - hits) * _alignment(1 - mean_map, -mean_mask)
        + (salient - hits) * _alignment(-mean_map, 1 - mean_mask)
        + (size - called - salient + hits) * _alignment(-mean_map, -mean_mask)
    )
    return aligned / (size - 1)


def _alignment(of_map: NDArray[np.float64], of_mask: float) -> NDArray[np.float64]:
    """How well two deviations from the mean agree, in [0, 1]: the paper's enhanced alignment."""
    aligned = 2 * of_map * of_mask / (of_map**2 + of_mask**2 + EPSILON)
    return (aligned + 1) ** 2 / 4
