"""What the code published with DMSSN computes, under names of its own, to compare with its tables.

It stretches each map to [0, 1], cuts it above 0.5, and calls its metrics with map and mask
exchanged.
"""

import numpy as np

from dmssn.metrics.agreement import correlation, mean_absolute_error, nss
from dmssn.metrics.pair import FloatMap, Mask, Pair, area


def stretched(saliency: FloatMap) -> FloatMap:
    """The map with its least value brought to 0 and its largest to 1, shape (H, W).

    A flat map stays as it is, as in PySODMetrics. Float32 stays float32.
    """
    low, high = saliency.min(), saliency.max()
    if low == high:
        return saliency
    return np.asarray((saliency - low) / (high - low))


def published_score(
    saliency: FloatMap, mask: Mask, counted: Mask | None = None
) -> dict[str, float]:
    """The metrics as the code published with DMSSN computes them, of the stretched map.

    ``published_precision`` is the recall of the pixels above 0.5, ``published_recall`` their
    precision, ``published_f1`` their F1; 0 for 0/0. ``published_auc`` is (precision + negative
    predictive value) / 2, NaN where all pixels are called or none is. The error, CC and NSS are
    `mean_absolute_error`, `correlation` and `nss`, with their 0 and NaN.

    Args:
        saliency: The map, float in [0, 1], shape (H, W).
        mask: True where salient, shape (H, W).
        counted: False where the truth is not known, shape (H, W): those pixels are as if they were
            not there.

    Raises:
        ValueError: As for `score`.
    """
    given = Pair(saliency, mask, counted)  # looked at before stretching hides what is beyond 1
    pair = Pair(stretched(given.saliency), given.mask)
    called, hits = area(pair.saliency > 0.5), area(pair.inside > 0.5)
    return {
        "published_mean_absolute_error": mean_absolute_error.of(pair),
        "published_precision": hits / max(pair.salient, 1),
        "published_recall": hits / max(called, 1),
        "published_f1": 2 * hits / max(pair.salient + called, 1),
        "published_auc": _auc_of_exchanged(hits, called, pair.salient, pair.size),
        "published_correlation": correlation.of(pair),
        "published_nss": nss.of(pair),
    }


def _auc_of_exchanged(hits: int, called: int, salient: int, size: int) -> float:
    """Area under the ROC curve of the mask as a score for the cut map as the truth.

    A score of two values has one corner: half the sum of the salient part of the called pixels
    and of the other part of those not called.
    """
    if called in (0, size):
        return float("nan")
    rest = size - called
    return (hits / called + (rest - salient + hits) / rest) / 2
