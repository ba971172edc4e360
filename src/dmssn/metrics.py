"""Saliency metrics of one image.

A saliency map is float in [0, 1] and a mask is bool (True is salient), both of shape (H, W).
``*_error``: lower is better; every other: higher is better. A map is scored as it is: nothing
stretches it to [0, 1] first, since a detector that is never sure should not look as if it were.
docs/metrics.md lists what each metric gives for empty masks, flat maps and the like.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, distance_transform_edt
from scipy.stats import rankdata

FloatMap = NDArray[np.floating]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

LEVELS = 256
"""Thresholds of the curves, 0/255 ... 255/255; a pixel is called salient at or above one."""
BETA_SQUARED = 0.3
"""The F-measure's beta squared itself, not a beta to be squared (Achanta et al. 2009)."""
EPSILON = float(np.spacing(1.0))
"""What the measures' first (MATLAB) programs add to their denominators; kept to agree with them."""


def score(saliency: FloatMap, mask: Mask) -> dict[str, float]:
    """Every metric of this module, by name; NaN where one is undefined.

    Raises:
        ValueError: The shapes differ or are not (H, W), the map is not float, holds NaN or leaves
            [0, 1], or the mask is not bool.
    """
    f_curve, e_curve = f_measure_curve(saliency, mask), e_measure_curve(saliency, mask)
    precision, recall, f1 = precision_recall_f1(saliency, mask)
    return {
        "mean_absolute_error": mean_absolute_error(saliency, mask),
        "max_f_measure": float(f_curve.max()),
        "mean_f_measure": float(f_curve.mean()),
        "adaptive_f_measure": adaptive_f_measure(saliency, mask),
        "weighted_f_measure": weighted_f_measure(saliency, mask),
        "s_measure": s_measure(saliency, mask),
        "max_e_measure": float(e_curve.max()),
        "mean_e_measure": float(e_curve.mean()),
        "adaptive_e_measure": adaptive_e_measure(saliency, mask),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": roc_auc(saliency, mask),
        "correlation": correlation(saliency, mask),
        "nss": nss(saliency, mask),
    }


def mean_absolute_error(saliency: FloatMap, mask: Mask) -> float:
    """Mean of ``|saliency - mask|`` over the pixels (Perazzi et al., CVPR 2012); in [0, 1]."""
    saliency, mask = _checked(saliency, mask)
    return float(np.abs(saliency - mask).mean())


def f_measure_curve(saliency: FloatMap, mask: Mask) -> NDArray[np.float64]:
    """F-measure, beta squared 0.3, at each threshold t / 255 (Achanta et al., CVPR 2009).

    Returns:
        F-measures in [0, 1], shape (256,), for t = 0 ... 255; 0 where no salient pixel is found.
    """
    saliency, mask = _checked(saliency, mask)
    hits, called = _counts_by_threshold(saliency, mask)
    return _f_measure(hits, called, _area(mask))


def adaptive_f_measure(saliency: FloatMap, mask: Mask) -> float:
    """F-measure, beta squared 0.3, at twice the map's mean (Achanta et al., CVPR 2009); in [0, 1].

    A pixel is called salient at or above ``min(2 * mean, 1)``: a map of zeros calls all of them.
    """
    saliency, mask = _checked(saliency, mask)
    hits, called = _adaptive_counts(saliency, mask)
    return float(_f_measure(hits, called, _area(mask)))


def precision_recall_f1(saliency: FloatMap, mask: Mask) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pixels above 0.5 (strictly); each in [0, 1], 0 for 0/0.

    Precision is the part of the called pixels that is salient, recall the part of the salient
    pixels that is called, F1 their harmonic mean (van Rijsbergen, Information Retrieval, 1979).
    """
    saliency, mask = _checked(saliency, mask)
    above = saliency > 0.5
    hits, called, salient = _area(above & mask), _area(above), _area(mask)
    return hits / max(called, 1), hits / max(salient, 1), 2 * hits / max(salient + called, 1)


def e_measure_curve(saliency: FloatMap, mask: Mask) -> NDArray[np.float64]:
    """Enhanced-alignment measure at each threshold t / 255 (Fan et al., IJCAI 2018).

    Returns:
        E-measures, shape (256,), for t = 0 ... 255. The best is N / (N - 1) for N pixels, as in
        the authors' program: 1 for any image of ordinary size. A single pixel is divided by 1.
    """
    saliency, mask = _checked(saliency, mask)
    hits, called = _counts_by_threshold(saliency, mask)
    return _e_measure(hits, called, _area(mask), mask.size)


def adaptive_e_measure(saliency: FloatMap, mask: Mask) -> float:
    """Enhanced-alignment measure at twice the map's mean (Fan et al., IJCAI 2018).

    Range as for `e_measure_curve`, threshold as for `adaptive_f_measure`.
    """
    saliency, mask = _checked(saliency, mask)
    hits, called = _adaptive_counts(saliency, mask)
    return float(_e_measure(hits, called, _area(mask), mask.size))


def weighted_f_measure(saliency: FloatMap, mask: Mask) -> float:
    """Weighted F-measure, beta 1 (Margolin et al., CVPR 2014); in [0, 1]; 0 for an empty mask.

    Errors inside an object are softened where the error around them is smaller; errors outside
    cost up to twice as much the farther they lie from an object.
    """
    saliency, mask = _checked(saliency, mask)
    salient = _area(mask)
    if salient == 0:
        return 0.0
    distance, (row, column) = distance_transform_edt(~mask, return_indices=True)
    error = np.abs(saliency - mask)
    # Outside, the error of the nearest salient pixel: the edge of an object has no soft side.
    around = error[row, column]
    kernel = np.exp(-(np.arange(-3.0, 4.0) ** 2) / (2 * 5**2))  # 7 x 7, sigma 5, of the paper
    for axis in (0, 1):
        around = correlate1d(around, kernel / kernel.sum(), axis=axis, mode="constant")
    inside = np.minimum(error, around)[mask].sum()
    outside = (error * (2 - np.exp(np.log(0.5) / 5 * distance)))[~mask].sum()
    recall = 1 - inside / salient
    precision = (salient - inside) / (salient - inside + outside + EPSILON)
    return float(2 * recall * precision / (recall + precision + EPSILON))


def s_measure(saliency: FloatMap, mask: Mask) -> float:
    """Structure measure, alpha 0.5 (Fan et al., ICCV 2017); in [0, 1].

    The mean of an object-aware and a region-aware likeness. For an empty mask 1 minus the map's
    mean, for a full one the map's mean.
    """
    saliency, mask = _checked(saliency, mask)
    share = _area(mask) / mask.size
    if share in (0, 1):
        return float(saliency.mean() if share else 1 - saliency.mean())
    objects = share * _object(saliency[mask]) + (1 - share) * _object(1 - saliency[~mask])
    return float(max(0.0, 0.5 * objects + 0.5 * _regions(saliency, mask)))


def roc_auc(saliency: FloatMap, mask: Mask) -> float:
    """Area under the ROC curve of the continuous map; in [0, 1], 0.5 is chance.

    The chance that a salient pixel has the higher saliency of a random pair, a tie counting half
    (Hanley and McNeil, Radiology 143, 1982). NaN for an empty or full mask.
    """
    saliency, mask = _checked(saliency, mask)
    salient = _area(mask)
    others = mask.size - salient
    if salient == 0 or others == 0:
        return float("nan")
    ranks = rankdata(saliency.ravel())[mask.ravel()].sum()
    return float((ranks - salient * (salient + 1) / 2) / salient / others)


def correlation(saliency: FloatMap, mask: Mask) -> float:
    """Pearson's linear correlation CC (Bylinskii et al., TPAMI 41, 2019); in [-1, 1].

    0 for a flat map or an empty or full mask: nothing varies together there.
    """
    saliency, mask = _checked(saliency, mask)
    scores = _standardized(saliency)
    share = _area(mask) / mask.size
    if scores is None or share in (0, 1):
        return 0.0
    # Pearson's sum with the mask's mean, share, and deviation, sqrt(share (1 - share)), put in.
    return float(np.clip(scores[mask].mean() * np.sqrt(share / (1 - share)), -1, 1))


def nss(saliency: FloatMap, mask: Mask) -> float:
    """Normalized scanpath saliency: the salient pixels' mean, in standard deviations of the map.

    Peters et al., Vision Research 45, 2005, with every salient pixel as a fixation. Unbounded, 0
    is chance. NaN for an empty mask or a flat map.
    """
    saliency, mask = _checked(saliency, mask)
    scores = _standardized(saliency)
    if scores is None or not mask.any():
        return float("nan")
    return float(scores[mask].mean())


def _checked(saliency: FloatMap, mask: Mask) -> tuple[NDArray[np.float64], Mask]:
    """The map in float64, and the mask, or an error that says which of them cannot be scored."""
    if mask.dtype != np.bool_:
        raise ValueError(f"a mask is bool, got {mask.dtype}; compare it with what is salient")
    if not np.issubdtype(saliency.dtype, np.floating):
        raise ValueError(f"a saliency map is float in [0, 1], got {saliency.dtype}")
    if saliency.shape != mask.shape:
        raise ValueError(f"the map has shape {saliency.shape}, the mask {mask.shape}")
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"a map and a mask have shape (H, W), got {mask.shape}")
    low, high = float(saliency.min()), float(saliency.max())
    if not 0 <= low <= high <= 1:  # NaN, too, fails this
        raise ValueError(f"saliency is from 0 to 1, got values from {low:g} to {high:g}")
    return saliency.astype(np.float64, copy=False), mask


def _counts_by_threshold(saliency: NDArray[np.float64], mask: Mask) -> tuple[Counts, Counts]:
    """Pixels called salient and rightly so, and all called salient, per threshold: (256,) each."""
    level = (saliency * (LEVELS - 1)).astype(np.uint8)
    # A histogram summed from the top counts the pixels at or above each level.
    right = np.bincount(level[mask], minlength=LEVELS)[::-1].cumsum()[::-1]
    called = np.bincount(level.ravel(), minlength=LEVELS)[::-1].cumsum()[::-1]
    return right, called


def _adaptive_counts(saliency: NDArray[np.float64], mask: Mask) -> tuple[Counts, Counts]:
    """As `_counts_by_threshold`, at twice the map's mean: no axes."""
    above = saliency >= min(2 * saliency.mean(), 1)
    return np.asarray(_area(above & mask)), np.asarray(_area(above))


def _area(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _f_measure(hits: Counts, called: Counts, salient: int) -> NDArray[np.float64]:
    """The F-measure from counts: (1 + b) P R / (b P + R) with P and R written out."""
    denominator = BETA_SQUARED * salient + called
    ratio: NDArray[np.float64] = hits / np.where(denominator == 0, 1, denominator)
    return (1 + BETA_SQUARED) * ratio


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


def _object(values: NDArray[np.float64]) -> float:
    """Likeness of an object's (or the background's) values to a uniform 1: the S-measure's O."""
    mean, deviation = values.mean(), values.std(ddof=1) if values.size > 1 else 0.0
    return float(2 * mean / (mean**2 + 1 + deviation + EPSILON))


def _regions(saliency: NDArray[np.float64], mask: Mask) -> float:
    """Likeness of the four quadrants around the mask's centroid, weighted by area."""
    # One past the centroid, whose own row and column belong to the upper left quadrant.
    row, column = (
        round(float(mask.sum(axis=1 - axis) @ np.arange(mask.shape[axis]) / mask.sum())) + 1
        for axis in (0, 1)
    )
    total = 0.0
    for rows in (slice(0, row), slice(row, None)):
        for columns in (slice(0, column), slice(column, None)):
            area = mask[rows, columns].size
            if area:  # a centroid in the last row or column leaves quadrants without pixels
                total += area * _likeness(saliency[rows, columns], mask[rows, columns])
    return total / mask.size


def _likeness(saliency: NDArray[np.float64], mask: Mask) -> float:
    """Structural similarity of a quadrant of the map and of the mask (Wang et al. 2004), in one."""
    mean_map, mean_mask = saliency.mean(), mask.mean()
    from_map, from_mask = saliency - mean_map, mask - mean_mask
    freedom = mask.size - 1 + EPSILON
    covariance = (from_map * from_mask).sum() / freedom
    variances = ((from_map**2).sum() + (from_mask**2).sum()) / freedom
    above = 4 * mean_map * mean_mask * covariance
    below = (mean_map**2 + mean_mask**2) * variances
    if above == 0:
        return 1.0 if below == 0 else 0.0
    return float(above / (below + EPSILON))


def _standardized(saliency: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The map with mean 0 and standard deviation 1; None for a flat map, which has none."""
    if saliency.min() == saliency.max():
        return None
    # Stretched first, which changes nothing but keeps the squares of tiny values above zero.
    stretched = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    return np.asarray((stretched - stretched.mean()) / stretched.std())
