"""Mean and spread of each band over any number of pixels, gathered in parts.

Letters: P pixels, B bands.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PIXELS_AT_ONCE = 4096
"""Turned to float64 together: a few MiB at 200 bands."""


class Moments(NamedTuple):
    """Number of pixels, mean and sum of squared deviations from the mean of each band.

    Merged by the formula of T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a
    pairwise algorithm for computing sample variances", COMPSTAT 1982: no difference of large
    sums, so bands whose spread is a millionth of their level keep it.

    Attributes:
        pixels: How many.
        mean: float64 of shape (B,).
        squares: Likewise, at least 0.
    """

    pixels: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both sets of pixels together.

        Example:
            >>> one, two = of_pixels(np.float32([[1], [3]])), of_pixels(np.float32([[8]]))
            >>> one.merge(two).mean.tolist(), one.merge(two).std.tolist()
            ([4.0], [2.943920288775949])
        """
        if not self.pixels or not other.pixels:
            return self if self.pixels else other
        count = self.pixels + other.pixels
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * (other.pixels / count),
            self.squares + other.squares + apart**2 * (self.pixels * (other.pixels / count)),
        )

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation (of the population), shape (B,); 0 without pixels."""
        return np.sqrt(self.squares / max(self.pixels, 1))


def of_pixels(pixels: NDArray[np.float32], before: Moments | None = None) -> Moments:
    """The moments of pixels, finite, shape (P, B), and of those that came before."""
    bands = pixels.shape[1]
    total = before or Moments(0, np.zeros(bands), np.zeros(bands))
    for first in range(0, len(pixels), PIXELS_AT_ONCE):
        part = pixels[first : first + PIXELS_AT_ONCE].astype(np.float64)
        mean = part.mean(axis=0)
        part -= mean
        total = total.merge(Moments(len(part), mean, np.square(part, out=part).sum(axis=0)))
    return total
