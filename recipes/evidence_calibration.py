"""Calibration: is a saliency of 0.7 right in 70 % of cases, and is 0.5 a good threshold?

Letters: S scenes, K bins of saliency, T thresholds t / 255, R resamples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.judging.results import Results
from dmssn.judging.statistics import (
    LEAST_SCENES,
    RESAMPLES,
    SEED,
    Intervals,
    expanded_tail,
    intervals,
    verdicts,
)
from dmssn.judging.tables import number_text
from dmssn.metrics import LEVELS
from dmssn.scoring import Pair

BINS = 10
"""K."""
HALF = LEVELS // 2
"""Number of the first threshold above 0.5: a pixel counts as salient from 128 / 255 on."""


class Reliability(NamedTuple):
    """What is salient of the pixels of each bin, over all scenes; each of shape (K,)."""

    pixels: NDArray[np.int64]
    saliency: NDArray[np.float64]  # their mean; NaN of an empty bin
    salient: NDArray[np.float64]  # share that really is; likewise
    low: NDArray[np.float64]  # of its 95 % interval; NaN likewise, and for few scenes
    high: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between saliency and share, over pixels."""
        gaps = np.nan_to_num(np.abs(self.saliency - self.salient))
        return float((gaps * self.pixels).sum() / self.pixels.sum())

    @property
    def overall(self) -> tuple[float, float]:
        """Mean saliency of all pixels, and the share of them that is salient."""
        sums = (np.nan_to_num(part) @ self.pixels for part in (self.saliency, self.salient))
        saliency, salient = (float(total / self.pixels.sum()) for total in sums)
        return saliency, salient


class Thresholds(NamedTuple):
    """F-measures of an entry at thresholds, means over scenes."""

    half: float  # at 0.5
    best: float  # at the one threshold that is best over all scenes
    best_at: float  # which it is, in [0, 1]
    own: float  # of each scene at its own best threshold: F max
    gain: Intervals  # chosen on one half of the scenes, on the other: above 0.5; shapes (1, 1)


def tally(pair: Pair) -> NDArray[np.float64]:
    """Pixels, sum of saliency and salient pixels of each bin of one scene, shape (3, K).

    A bin holds saliency from k / K to below (k + 1) / K, the last one 1 too. Pixels whose truth is
    not known are left out.
    """
    known = np.ones_like(pair.mask) if pair.counted is None else pair.counted
    saliency, mask = pair.saliency[known], pair.mask[known]
    place = np.minimum((saliency * BINS).astype(np.int64), BINS - 1)
    weights = (None, saliency, mask.astype(np.float64))
    return np.array([np.bincount(place, weight, BINS) for weight in weights], dtype=np.float64)


def reliability(tallies: Sequence[NDArray[np.float64]]) -> Reliability:
    """Put scenes together, with expanded bootstrap intervals over scenes as tables have them.

    Args:
        tallies: Of each scene, shape (3, K).
    """
    scenes = np.stack(tallies)
    pixels, saliency, salient = scenes.sum(axis=0)
    low, high = np.full((2, BINS), np.nan)
    if len(scenes) >= LEAST_SCENES:
        generator = np.random.Generator(np.random.PCG64(SEED))
        counts = generator.multinomial(len(scenes), [1 / len(scenes)] * len(scenes), RESAMPLES)
        shares = _ratio(counts @ scenes[:, 2], counts @ scenes[:, 0])
        tail = expanded_tail(len(scenes))
        some = pixels > 0
        low[some], high[some] = np.nanquantile(shares[:, some], [tail, 1 - tail], axis=0)
    return Reliability(
        pixels.astype(np.int64), _ratio(saliency, pixels), _ratio(salient, pixels), low, high
    )


def thresholds(curves: NDArray[np.float64]) -> Thresholds:
    """What the threshold decides.

    The gain is honest: the threshold is chosen on every second scene and judged on the others, and
    the other way round.

    Args:
        curves: F-measure of each scene at each threshold, shape (S, T).
    """
    means = curves.mean(axis=0)
    best = int(means.argmax())
    chosen = np.empty(len(curves))
    for part in (0, 1):
        other = curves[1 - part :: 2]
        level = int(other.mean(axis=0).argmax()) if len(other) else HALF
        chosen[part::2] = curves[part::2, level]
    return Thresholds(
        half=float(means[HALF]),
        best=float(means[best]),
        best_at=best / (LEVELS - 1),
        own=float(curves.max(axis=1).mean()),
        gain=intervals((chosen - curves[:, HALF])[None, None]),
    )


def f_curves(results: Results, entry: str) -> NDArray[np.float64]:
    """F-measure of each scene at each threshold, shape (S, T); scenes by name."""
    return np.stack([results.curves[entry][scene].f_measure for scene in results.scenes])


def verdict(found: Thresholds) -> str:
    """Whether 0.5 will do, a sentence that follows from the numbers."""
    change = with_interval(found.gain)
    which = int(verdicts(found.gain, np.array([False])).item())
    if which > 0:
        said = (
            f"0.5 is not the best threshold: {found.best_at:.2f} is, over all scenes; one chosen "
            f"on half of them changes F by {change} on the other half."
        )
    else:
        said = (
            f"No single threshold is clearly better than 0.5: the best over all scenes is "
            f"{found.best_at:.2f}, but one chosen on half of them changes F by {change} on the "
            "other half."
        )
    gap = number_text(found.own - found.best, sign=True)
    return f"{said} A threshold of its own for each scene would add {gap} to the best single one."


def with_interval(found: Intervals) -> str:
    """The only number of an interval, signed."""
    mean, low, high = (float(part.item()) for part in found[:3])
    text = number_text(mean, sign=True)
    if np.isnan(low):
        return text
    return f"{text} [{number_text(low, sign=True)}, {number_text(high, sign=True)}]"


def _ratio(sums: NDArray[np.float64], numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over numbers; NaN where the number is 0."""
    ratio = np.full(sums.shape, np.nan)
    np.divide(sums, numbers, out=ratio, where=numbers > 0)
    return ratio
