"""Objects and what is around them: which pixels to compare, and means that noise does not sway.

Letters: H rows, W columns, B bands, N regions.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array

from dmssn.scenes.metamers import spectral_angle

Pixels = NDArray[np.intp]
"""Indices of the pixels of a region, of (H W)."""

LEAST_PIXELS = 3
"""Smaller objects are not counted."""
GAP = 2
"""Pixels between an object and its surround, for the blur of the lens."""
TEXTURED_PIXELS = 64
"""Smaller objects have no texture to speak of."""
EVEN = 0.01
"""Deviations below are taken for this: a surface as even as that has no texture."""
SAMPLED = 200
"""Pixels of a region that tell how much it varies."""


def nearest_object(labels: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """Pixels from the nearest object and its number, both (H, W); endless where there is none."""
    if not labels.any():
        return np.full(labels.shape, np.inf, dtype=np.float32), labels
    off, (rows, columns) = distance_transform_edt(labels == 0, return_indices=True)
    return np.asarray(off, dtype=np.float32), labels[rows, columns]


def pairs(
    labels: NDArray[np.integer],
    objects: NDArray[np.intp],
    sizes: NDArray[np.intp],
    off: NDArray[np.float32],
    nearest: NDArray[np.integer],
) -> tuple[list[Pixels], list[Pixels]]:
    """The pixels of each object and of its surround: what lies a little off it, nearest to it.

    Objects hidden among others, which have no surround, are left out.

    Args:
        labels: Number of the object at each pixel, shape (H, W).
        objects: Numbers of the objects wanted.
        sizes: Pixels of every number.
        off: Pixels from the nearest object, shape (H, W).
        nearest: Its number, shape (H, W).
    """
    width = np.maximum(np.sqrt(sizes) / 3, 3)  # of the ring around an object
    ring = (off > GAP) & (off <= GAP + width[nearest])
    fronts, backs = [], []
    for number in objects:
        around = np.flatnonzero(ring & (nearest == number))
        if around.size >= LEAST_PIXELS:
            fronts.append(np.flatnonzero(labels == number))
            backs.append(around)
    return fronts, backs


def mean_spectra(
    data: NDArray[np.float32], regions: list[Pixels]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean spectrum of each region, (N, B), and the square of the angle that noise turns it by.

    The pixels of a region are dealt to two halves in turn; what their means differ by is chance.

    Args:
        data: Shape (H, W, B).
        regions: Each of two pixels or more.
    """
    halves = [half for pixels in regions for half in (pixels[::2], pixels[1::2])]
    sizes = np.array([half.size for half in halves])
    ends = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.ones(ends[-1], dtype=np.float32)
    table = data.reshape(-1, data.shape[2])
    sums = csr_array((ones, np.concatenate(halves), ends), shape=(sizes.size, len(table))) @ table
    means = (sums.astype(float) / sizes[:, None]).reshape(len(regions), 2, -1)
    first, second = sizes[::2], sizes[1::2]
    both = first + second
    apart = spectral_angle(means[:, 0], means[:, 1])
    whole = sums.reshape(means.shape).sum(axis=1, dtype=float) / both[:, None]
    return whole, np.asarray(apart**2 * first * second / both**2)


def spread(
    data: NDArray[np.float32],
    clean: NDArray[np.float32],
    regions: list[Pixels],
    means: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much the pixels of each region differ among themselves, both of shape (N,).

    Args:
        data: Shape (H, W, B).
        clean: Brightness without noise, shape (H, W).
        regions: Pixels of each.
        means: Mean spectrum of each, shape (N, B).

    Returns:
        Median spectral angle of a pixel to the mean in radians, and standard deviation of log
        brightness; neither below ``EVEN``.
    """
    table, bright = data.reshape(-1, data.shape[2]), np.log(np.maximum(clean.ravel(), 1e-9))
    some = [pixels[:: max(1, pixels.size // SAMPLED)] for pixels in regions]
    angles = [
        float(np.median(spectral_angle(table[pixels], mean)))
        for pixels, mean in zip(some, means, strict=True)
    ]
    deviations = [float(bright[pixels].std()) for pixels in some]
    return np.maximum(angles, EVEN), np.maximum(deviations, EVEN)


def texture(inside: NDArray[np.float32], around: NDArray[np.float32]) -> float:
    """Relative deviation of brightness in an object over that around it; 1 where there is none.

    Half the way between the quantiles that a normal distribution has at one deviation, which the
    few pixels at an outline hardly move.
    """
    if min(inside.size, around.size) < TEXTURED_PIXELS:
        return 1.0
    ratios = []
    for bright in (inside, around):
        low, middle, high = np.quantile(bright.astype(np.float64), [0.1587, 0.5, 0.8413])
        ratios.append(max(float((high - low) / (2 * middle + 1e-9)), EVEN))
    return ratios[0] / ratios[1]
