"""What a scene is drawn from: numbers by chance, and measured spectra.

The numbers come from the raw bits of a bit generator alone. NumPy promises that those stay what
they are from version to version, and does not promise it of its distributions; a benchmark that is
to be the same everywhere needs that. Planes of noise from a table of quantiles are four times as
fast, too, and noise is most of a scene's work.
"""

import math
from collections.abc import Sequence
from typing import TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtri

from dmssn.scenes.spectra import Spectra

T = TypeVar("T")
Size = int | tuple[int, ...]

QUANTILES: NDArray[np.float32] = ndtri((np.arange(2**16) + 0.5) / 2**16).astype(np.float32)
"""Of the normal distribution, each as likely as the others; -4.3 to 4.3."""


class Chance:
    """Draws numbers; the same key draws the same ones.

    Attributes:
        spectra: The measured spectra that materials and lights are made of.
    """

    def __init__(self, key: Sequence[int], spectra: Spectra) -> None:
        """Begin.

        Args:
            key: Whole numbers from 0 to 2**64 - 1, as many as in every other key; another key gives
                another sequence.
            spectra: Measured spectra.
        """
        # Two words each: a sequence of seeds takes as many as a number needs, and 2**32 for (0, 1).
        words = [word for number in key for word in (number % 2**32, number >> 32)]
        self._bits = np.random.SFC64(np.random.SeedSequence(words))
        self.spectra = spectra

    @overload
    def random(self, size: None = None) -> float: ...
    @overload
    def random(self, size: Size) -> NDArray[np.float64]: ...
    def random(self, size: Size | None = None) -> float | NDArray[np.float64]:
        """Evenly from [0, 1)."""
        if size is None:
            return (int(self._bits.random_raw()) >> 11) * 2.0**-53
        raw = np.asarray(self._bits.random_raw(int(np.prod(size))), dtype=np.uint64)
        return np.asarray((raw >> np.uint64(11)).reshape(size) * 2.0**-53)

    @overload
    def uniform(self, low: float, high: float, size: None = None) -> float: ...
    @overload
    def uniform(self, low: float, high: float, size: Size) -> NDArray[np.float64]: ...
    def uniform(
        self, low: float, high: float, size: Size | None = None
    ) -> float | NDArray[np.float64]:
        """Evenly from [low, high)."""
        if size is None:
            return low + (high - low) * self.random()
        return np.asarray(low + (high - low) * self.random(size))

    def spread(self, low: float, high: float) -> float:
        """From [low, high), its logarithm evenly; both are above 0."""
        return math.exp(self.uniform(math.log(low), math.log(high)))

    @overload
    def normal(self, mean: float, deviation: float, size: None = None) -> float: ...
    @overload
    def normal(self, mean: float, deviation: float, size: Size) -> NDArray[np.float64]: ...
    def normal(
        self, mean: float, deviation: float, size: Size | None = None
    ) -> float | NDArray[np.float64]:
        """From a normal distribution."""
        if size is None:
            return mean + deviation * float(ndtri(self.random() + 2.0**-54))
        return np.asarray(mean + deviation * ndtri(self.random(size) + 2.0**-54))

    def noise(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Normal numbers of mean 0 and deviation 1, in float32."""
        count = int(np.prod(shape))
        raw = np.asarray(self._bits.random_raw(-(-count // 4)), dtype="<u8").view("<u2")
        return QUANTILES.take(raw[:count]).reshape(shape)

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high - 1."""
        return int(low) + int(self.random() * (high - low))

    def integers(self, high: int, size: Size) -> NDArray[np.intp]:
        """Whole numbers from 0 to high - 1."""
        return np.asarray(self.random(size) * high).astype(np.intp)

    def choice(self, of: Sequence[T], p: ArrayLike | None = None) -> T:
        """One of several, each as likely as the others or with the shares of ``p``."""
        if p is None:
            return of[self.integer(0, len(of))]
        sums = np.cumsum(p)
        return of[int(np.searchsorted(sums, self.random() * sums[-1], side="right"))]

    def one_in(self, chance: float) -> bool:
        """True with the given chance, in [0, 1]."""
        return self.random() < chance

    def shares(self, weights: ArrayLike) -> NDArray[np.float64]:
        """Shares that sum to 1, from a Dirichlet distribution; larger weights, more alike."""
        weights = np.asarray(weights, dtype=float)
        parts = gammaincinv(weights, np.clip(self.random(weights.shape), 1e-12, 1 - 1e-12))
        return np.asarray(parts / parts.sum())
