"""Metrics of the map's values, pixel by pixel: mean absolute error, CC and NSS."""

import numpy as np

from dmssn.metrics.pair import Metric, Pair, spread


@Metric
def mean_absolute_error(pair: Pair) -> float:
    """Mean of ``|saliency - mask|`` over the pixels (Perazzi et al., CVPR 2012); in [0, 1]."""
    inside = float(pair.inside.sum())
    outside = pair.total - inside
    return (outside + pair.salient - inside) / pair.size


@Metric
def correlation(pair: Pair) -> float:
    """Pearson's linear correlation CC (Bylinskii et al., TPAMI 41, 2019); in [-1, 1].

    0 for a flat map or an empty or full mask: nothing varies together there.
    """
    if pair.low == pair.high or pair.one_kind:
        return 0.0
    share = pair.salient / pair.size
    # Pearson's sum with the mask's mean, share, and deviation, sqrt(share (1 - share)), put in.
    return float(np.clip(_standardized_inside(pair) * np.sqrt(share / (1 - share)), -1, 1))


@Metric
def nss(pair: Pair) -> float:
    """Normalized scanpath saliency: the salient pixels' mean, in standard deviations of the map.

    Peters et al., Vision Research 45, 2005, with every salient pixel as a fixation. Unbounded, 0
    is chance. NaN for an empty mask or a flat map.
    """
    if pair.low == pair.high or pair.salient == 0:
        return float("nan")
    return _standardized_inside(pair)


def _standardized_inside(pair: Pair) -> float:
    """Mean of the salient pixels when the map has mean 0 and standard deviation 1."""
    deviations = spread(pair.size, pair.total, pair.squares, pair.squares)
    if deviations is not None:
        return float((pair.inside.mean() - pair.mean) / np.sqrt(deviations / pair.size))
    # Stretched first, which changes nothing but keeps the squares of tiny values above zero.
    stretched = (pair.saliency - pair.low) / (pair.high - pair.low)
    return float((stretched[pair.mask].mean() - stretched.mean()) / stretched.std())
