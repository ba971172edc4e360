"""How sure a mean over scenes is: bootstrap intervals of means and of paired differences.

Letters: E entries, M metrics, S scenes, R resamples. A value is NaN where a metric is not defined.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm as normal
from scipy.stats import t as student

RESAMPLES = 10_000
"""Chance then moves an end of the interval by 3 % of the mean's standard error: the root of
0.025 x 0.975 / 10,000, over the normal density there, 0.058."""
CONFIDENCE = 0.95
SEED = 0
"""Of numpy's PCG64."""
LEAST_SCENES = 6
"""Fewer have no interval and decide nothing: their resamples are too few and too alike, and that
all differences of n scenes have one sign happens to equal entries with a chance of 2 / 2^n, which
is 6 % for five scenes."""
ROUNDING = 1e-7
"""Less is no difference: one map, as an 8-bit picture divided by 255 and as float32, has errors
that differ by 6e-9, and the ends of an interval of equal scores by 1e-15."""
DRAWN_AT_ONCE = 2**22
"""Scenes of resamples in memory, at most, but for one resample of more."""


class Intervals(NamedTuple):
    """Means and their intervals, each of shape (E, M).

    NaN where no scene has a value; ``low`` and ``high`` where fewer than ``LEAST_SCENES`` have.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    scenes: NDArray[np.int64]  # that have a value, which are those in the mean


def intervals(
    values: NDArray[np.float64], resamples: int = RESAMPLES, seed: int = SEED
) -> Intervals:
    """Means over scenes with 95 % expanded percentile bootstrap intervals.

    Scenes are drawn with replacement, as many as there are, and two quantiles of the resampled
    means bound the interval (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    13). Those at 2.5 % and 97.5 % are too near for few scenes: a tenth of such intervals of ten
    scenes miss the mean. They are taken as far out as ``expanded_tail`` says. A resampled mean is
    over the drawn scenes that have a value; resamples without any are left out.

    The draws depend on the number of scenes and the seed alone. So an entry's interval is the
    same whatever else is judged, and wherever it stands, if scenes come in the same order.

    Args:
        values: Shape (E, M, S); NaN where a metric is not defined.
        resamples: R.
        seed: Of numpy's PCG64.

    Example:
        >>> found = intervals(np.array([[[0.0] * 6 + [1.0] * 6]]))
        >>> found.mean.item(), round(found.low.item(), 2), round(found.high.item(), 2)
        (0.5, 0.17, 0.83)
    """
    defined = ~np.isnan(values)
    known = np.where(defined, values, 0.0)
    scenes = defined.sum(axis=-1)
    mean = _ratio(known.sum(axis=-1), scenes)
    low, high = np.full(mean.shape, np.nan), np.full(mean.shape, np.nan)
    counts = [int(count) for count in np.unique(scenes) if count >= LEAST_SCENES]
    drawn = _resampled_means(known, defined, resamples, seed) if counts else np.empty(0)
    for count in counts:
        some, tail = scenes == count, expanded_tail(count)
        low[some], high[some] = np.nanquantile(drawn[some], [tail, 1 - tail], axis=-1)
    return Intervals(mean, low, high, scenes)


def expanded_tail(scenes: int) -> float:
    """The share of resampled means left out at either end of an interval of so many scenes.

    Resampled means vary by the scenes' standard deviation divided by n, not by n - 1, and take
    that deviation for known; this makes up for both, as Student's t does for a mean's (Hesterberg,
    "What teachers should know about the bootstrap", The American Statistician 69(4), 2015:
    the expanded percentile interval).

    Example:
        >>> [round(expanded_tail(scenes), 4) for scenes in (6, 10, 200)]
        [0.0024, 0.0086, 0.024]
    """
    quantile = student.ppf((1 + CONFIDENCE) / 2, scenes - 1)
    return float(normal.cdf(-np.sqrt(scenes / (scenes - 1)) * quantile))


def paired_differences(
    values: NDArray[np.float64],
    reference: NDArray[np.float64],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Intervals:
    """Means of entry minus reference over scenes, with intervals as ``intervals`` gives them.

    The same scenes are drawn for both: what makes a scene hard for both cancels. A scene counts
    where both have a value.

    Args:
        values: Shape (E, M, S).
        reference: Values of the reference, shape (M, S).
        resamples: R.
        seed: Of numpy's PCG64.
    """
    return intervals(values - reference, resamples, seed)


def verdicts(differences: Intervals, low_is_better: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Whether entries are clearly better than the reference, or clearly worse.

    Args:
        differences: Entry minus reference, as ``paired_differences`` gives them.
        low_is_better: Shape (M,).

    Returns:
        Shape (E, M): 1 where an entry is clearly better, -1 where it is clearly worse; 0 where
        the interval comes within ``ROUNDING`` of 0 or holds it, or fewer than ``LEAST_SCENES``
        scenes count.
    """
    above, below = differences.low > ROUNDING, differences.high < -ROUNDING
    sides = above.astype(np.int8) - below.astype(np.int8)
    sides = np.where(low_is_better, -sides, sides)
    return np.where(differences.scenes >= LEAST_SCENES, sides, 0).astype(np.int8)


def _resampled_means(
    known: NDArray[np.float64], defined: NDArray[np.bool_], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Means of resampled scenes, shape (E, M, R); NaN where no drawn scene has a value.

    Args:
        known: Values, 0 where there is none, shape (E, M, S).
        defined: Where there is a value, shape (E, M, S).
        resamples: R.
        seed: Of numpy's PCG64.
    """
    scenes = known.shape[-1]
    generator = np.random.Generator(np.random.PCG64(seed))
    weights = defined.astype(np.float64)
    means = np.empty((*known.shape[:-1], resamples))
    at_once = max(1, DRAWN_AT_ONCE // scenes)
    for start in range(0, resamples, at_once):
        some = slice(start, min(start + at_once, resamples))
        counts = _drawn_counts(generator, some.stop - some.start, scenes)
        # A product an entry, (M, S) by (S, R): its rounding is the same wherever the entry stands.
        means[..., some] = _ratio(known @ counts.T, weights @ counts.T)
    return means


def _drawn_counts(
    generator: np.random.Generator, resamples: int, scenes: int
) -> NDArray[np.float64]:
    """How often each resample holds each scene, shape (R, S); rows sum to S."""
    drawn = generator.integers(scenes, size=(resamples, scenes))
    drawn += np.arange(resamples)[:, None] * scenes
    counts = np.bincount(drawn.ravel(), minlength=resamples * scenes)
    return counts.reshape(resamples, scenes).astype(np.float64)


def _ratio(sums: NDArray[np.float64], numbers: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sums over numbers; NaN where the number is 0."""
    ratio = np.full(sums.shape, np.nan)
    np.divide(sums, numbers, out=ratio, where=np.asarray(numbers) > 0)
    return ratio
