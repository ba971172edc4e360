"""Pictures warped and resized band by band with scikit-image, and an oracle of area averages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize, warp

Cubes = NDArray[np.float32]


def as_points(matrix: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """A 2x2 matrix of (row, column) offsets about the centre as a 3x3 one of (x, y) points."""
    middle = np.array([(shape[0] - 1) / 2, (shape[1] - 1) / 2])
    shift = middle - matrix @ middle
    whole = np.eye(3)
    whole[:2, :2] = matrix[::-1, ::-1]
    whole[:2, 2] = shift[::-1]
    return whole


def warp_bands(bands: NDArray[Any], points: NDArray[np.float64]) -> NDArray[Any]:
    """Each band (B, H, W), nearest neighbour, 0 outside."""
    warped = [
        warp(band, points, order=0, mode="constant", cval=0, preserve_range=True) for band in bands
    ]
    return np.stack(warped)


def resize_bands(cube: Cubes, bands: Sequence[int], shape: tuple[int, int]) -> Cubes:
    """Some bands of (H, W, B) to another size, antialiased; shape (h, w, len(bands))."""
    small = [
        resize(cube[:, :, band], shape, order=1, anti_aliasing=True, preserve_range=True)
        for band in bands
    ]
    return np.stack(small, axis=-1)


def area_average(band: Cubes, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A band (H, W) to a smaller size, each output pixel the mean over its area, in float64."""
    wide = band.astype(np.float64)
    return _shares(band.shape[0], shape[0]) @ wide @ _shares(band.shape[1], shape[1]).T


def _shares(size: int, small: int) -> NDArray[np.float64]:
    """How much of each output cell each sample covers, dense, shape (small, size)."""
    edges = np.linspace(0, size, small + 1)
    left = np.maximum(edges[:-1, None], np.arange(size))
    right = np.minimum(edges[1:, None], np.arange(size) + 1)
    shares: NDArray[np.float64] = np.clip(right - left, 0, None) * small / size
    return shares
