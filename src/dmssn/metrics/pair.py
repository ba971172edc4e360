"""A map beside its mask, and what several metrics need of the two, each worked out once.

Letters: H rows, W columns, N pixels that count. A saliency map is float in [0, 1] and a mask is
bool (True is salient), both of shape (H, W).
"""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.floating]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
Result = TypeVar("Result", covariant=True)

LEVELS = 256
"""Thresholds of the curves, 0/255 ... 255/255; a pixel is called salient at or above one."""
EPSILON = float(np.spacing(1.0))
"""What the measures' first (MATLAB) programs add to their denominators; kept to agree with them."""
_SURE = 1e-4
"""Part of a sum of squares that must be left for a variance to be taken as a difference of sums:
what rounding adds to such a difference is then below 1e-11 of it."""


class Pair:
    """A map and a mask that can be compared.

    Attributes:
        saliency: The map in float64, shape (H, W).
        mask: True where salient, shape (H, W).
        whole: Whether every pixel counts. If not, the pixels that do are here as one row.
        salient: Number of salient pixels.
        size: Number of pixels, N.
        low: Least value of the map.
        high: Largest value of the map.
    """

    def __init__(self, saliency: FloatMap, mask: Mask, counted: Mask | None = None) -> None:
        """Check the two, and leave out what does not count.

        Args:
            saliency: The map, shape (H, W); what it holds where no pixel counts is not looked at.
            mask: The mask, shape (H, W).
            counted: False where the truth is not known, shape (H, W); None where it is everywhere.

        Raises:
            ValueError: The shapes differ or are not (H, W), the map is not float, holds NaN or
                leaves [0, 1], the mask or ``counted`` is not bool, or no pixel counts.
        """
        _check_kinds(saliency, mask, counted)
        self.whole = counted is None or bool(counted.all())
        if counted is not None and not self.whole:
            saliency, mask = saliency[counted][None], mask[counted][None]
            if mask.size == 0:
                raise ValueError("no pixel counts: nothing is known of this mask")
        self.low, self.high = float(saliency.min()), float(saliency.max())
        if not 0 <= self.low <= self.high <= 1:  # NaN, too, fails this
            raise ValueError(
                f"saliency is from 0 to 1, got values from {self.low:g} to {self.high:g}"
            )
        self.saliency: NDArray[np.float64] = saliency.astype(np.float64, copy=False)
        self.mask = mask
        self.salient, self.size = area(mask), mask.size

    @property
    def one_kind(self) -> bool:
        """Whether the mask is empty or full: there is nothing to tell apart."""
        return self.salient in (0, self.size)

    @cached_property
    def inside(self) -> NDArray[np.float64]:
        """The salient pixels' values, row by row, shape (salient,)."""
        return self.saliency[self.mask]

    @cached_property
    def total(self) -> float:
        """Sum of the map's values."""
        return float(self.saliency.sum())

    @property
    def mean(self) -> float:
        """Of the map."""
        return self.total / self.size

    @cached_property
    def squares(self) -> float:
        """Sum of the map's squared values."""
        return sum_of_squares(self.saliency)

    @cached_property
    def by_threshold(self) -> tuple[Counts, Counts]:
        """Pixels called salient and rightly so, and all called salient, at t / 255: (256,) each."""
        return _at_or_above(_levels(self.inside)), _at_or_above(_levels(self.saliency))

    @cached_property
    def adaptive(self) -> tuple[int, int]:
        """As `by_threshold`, at or above twice the map's mean, but at most 1."""
        threshold = min(2 * self.mean, 1)
        return area(self.inside >= threshold), area(self.saliency >= threshold)

    @cached_property
    def ranked(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values of the salient pixels and of the others, each in ascending order."""
        return np.sort(self.inside), np.sort(self.saliency[~self.mask])


class Metric(Generic[Result]):
    """A metric, called with a map and its mask; ``of`` takes a `Pair` that metrics share."""

    def __init__(self, of: Callable[[Pair], Result]) -> None:
        """Of a function of a pair, whose name and docstring it takes."""
        self.of = of
        self.__name__, self.__doc__, self.__module__ = of.__name__, of.__doc__, of.__module__

    def __call__(self, saliency: FloatMap, mask: Mask, counted: Mask | None = None) -> Result:
        """The metric of one image; see `Pair` for what is refused."""
        return self.of(Pair(saliency, mask, counted))


def _levels(values: NDArray[np.float64]) -> Counts:
    """How many values are at each level, from t / 255 to below (t + 1) / 255; shape (256,)."""
    level = np.zeros(values.size + values.size % 2, dtype=np.uint8)
    np.multiply(
        values, LEVELS - 1, out=level[: values.size].reshape(values.shape), casting="unsafe"
    )
    # Two levels at a time, as one number of 16 bits: half the work of counting single ones.
    pairs = np.bincount(level.view(np.uint16), minlength=LEVELS**2).reshape(LEVELS, LEVELS)
    counts: Counts = pairs.sum(axis=0) + pairs.sum(axis=1)
    counts[0] -= level.size - values.size  # what fills the last pair up
    return counts


def _at_or_above(counts: Counts) -> Counts:
    """How many are at each level or a higher one."""
    return counts[::-1].cumsum()[::-1]


def area(mask: Mask) -> int:
    """Number of pixels that are True."""
    return int(np.count_nonzero(mask))


def sum_of_squares(values: NDArray[np.float64]) -> float:
    """Of an array of shape (rows, columns); no copy is made of it."""
    return float(np.vecdot(values, values).sum())


def spread(count: int, total: float, squares: float, largest: float) -> float | None:
    """Sum of squared deviations from the mean, from sums alone.

    Args:
        count: Number of values.
        total: Their sum.
        squares: Their squares' sum.
        largest: The largest sum that ``squares`` was a difference of; rounding is in units of it.

    Returns:
        The sum; None where rounding would show in it, so that values are to be looked at again.
    """
    deviations = squares - total * (total / count)
    return deviations if deviations > _SURE * largest > 1e-200 else None


def _check_kinds(saliency: FloatMap, mask: Mask, counted: Mask | None) -> None:
    """Refuse what is not a map and a mask of one shape (H, W)."""
    if mask.dtype != np.bool_:
        raise ValueError(f"a mask is bool, got {mask.dtype}; compare it with what is salient")
    if not np.issubdtype(saliency.dtype, np.floating):
        raise ValueError(f"a saliency map is float in [0, 1], got {saliency.dtype}")
    if saliency.shape != mask.shape:
        raise ValueError(f"the map has shape {saliency.shape}, the mask {mask.shape}")
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"a map and a mask have shape (H, W), got {mask.shape}")
    if counted is not None and counted.dtype != np.bool_:
        raise ValueError(f"which pixels count is bool, got {counted.dtype}")
    if counted is not None and counted.shape != mask.shape:
        raise ValueError(f"the mask has shape {mask.shape}, its pixels that count {counted.shape}")
