"""Spectra in directions that do not correlate, each of variance 1.

In them the Mahalanobis distance to the mean is the length of a pixel's vector.

Letters: H rows, W columns, B bands, P pixels, K directions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube

DEAD = 1e-7
"""A band whose standard deviation is less than this part of its mean is constant: float32 has no
finer steps."""
RANK_TOLERANCE = 1e-12
"""A direction with less than this part of the largest one's variance has none: the bands are
copies, or sums, of each other, or outnumber the pixels. The rest is rounding of float64 sums."""


class Spread(NamedTuple):
    """Mean and covariance of some pixels' spectra, in float64.

    Attributes:
        pixels: P.
        mean: Shape (B,).
        covariance: Shape (B, B), divided by P - 1; zeros for fewer than two pixels.
    """

    pixels: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitening:
    """From spectra to coordinates that do not correlate.

    Attributes:
        mean: What becomes 0, shape (B,).
        weights: Shape (B, K), the direction of the largest variance first.
    """

    mean: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def directions(self) -> int:
        """K."""
        return int(self.weights.shape[1])

    def __call__(self, spectra: NDArray[np.floating]) -> NDArray[np.float64]:
        """Coordinates (..., K) of spectra (..., B)."""
        return np.asarray((spectra - self.mean) @ self.weights)


def spread(cube: Cube, chosen: NDArray[np.bool_]) -> Spread:
    """Statistics of chosen pixels, shape (H, W), all of them valid."""
    pixels = int(chosen.sum())
    mean, scatter = np.zeros(cube.bands), np.zeros((cube.bands, cube.bands))
    for spectra in _blocks(cube, chosen):
        mean += spectra.sum(axis=0)
    mean /= max(pixels, 1)
    for spectra in _blocks(cube, chosen):
        spectra -= mean
        scatter += spectra.T @ spectra
    return Spread(pixels, mean, scatter / max(pixels - 1, 1))


def whitening(
    mean: NDArray[np.float64], covariance: NDArray[np.float64], most: int | None = None
) -> Whitening:
    """The directions of a covariance, without those that have no variance.

    Bands are brought to variance 1 first, so that neither their units nor dead ones matter; then
    directions without variance are left out, which is the pseudo-inverse of the covariance.

    Args:
        mean: Shape (B,).
        covariance: Shape (B, B).
        most: Directions kept; None for all that have any variance.
    """
    deviation = np.sqrt(np.diagonal(covariance))
    live = deviation > DEAD * np.abs(mean)
    weights = np.zeros((mean.size, 0))
    if live.any():
        scale = deviation[live]
        variances, axes = np.linalg.eigh(covariance[np.ix_(live, live)] / np.outer(scale, scale))
        kept = np.flatnonzero(variances > RANK_TOLERANCE * variances[-1])[::-1][:most]
        weights = np.zeros((mean.size, kept.size))
        weights[live] = axes[:, kept] / np.sqrt(variances[kept]) / scale[:, None]
    return Whitening(mean, weights)


def distances(cube: Cube, valid: NDArray[np.bool_], white: Whitening) -> NDArray[np.float64]:
    """Mahalanobis distance of every pixel, shape (H, W); 0 where it is invalid."""
    result = np.zeros(valid.shape)
    for rows in cube.row_blocks():
        spectra = white(cube.read(rows)[valid[rows]])
        result[rows][valid[rows]] = np.sqrt(np.einsum("pk,pk->p", spectra, spectra))
    return result


def whitened(cube: Cube, valid: NDArray[np.bool_], white: Whitening) -> NDArray[np.float64]:
    """Coordinates of every pixel, shape (H, W, K); 0 where it is invalid."""
    result = np.zeros((*valid.shape, white.directions))
    for rows in cube.row_blocks():
        result[rows][valid[rows]] = white(cube.read(rows)[valid[rows]])
    return result


def _blocks(cube: Cube, chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """The chosen spectra of some rows at a time, shape (n, B)."""
    for rows in cube.row_blocks():
        yield cube.read(rows)[chosen[rows]].astype(np.float64)
