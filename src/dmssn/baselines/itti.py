"""Itti's model of visual attention, on the cube's colour picture.

Itti, Koch and Niebur, "A model of saliency-based visual attention for rapid scene analysis", IEEE
TPAMI 20(11), 1998. Pyramids, normalization and what we chose there are in ``centre_surround``.

Letters: H rows, W columns, B bands.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate, distance_transform_edt

from dmssn.baselines.answer import Answer
from dmssn.baselines.centre_surround import (
    FINEST,
    LAST,
    absolute_difference,
    conspicuity,
    promoted,
    saliency,
)
from dmssn.baselines.chromaticity import chromaticity
from dmssn.baselines.pyramid import Level, pyramid
from dmssn.cube import Cube
from dmssn.rendering import render

ANGLES = (0, 45, 90, 135)
"""Of edges and bars, in degrees (Itti et al.)."""
PERIOD = 7
"""Pixels of one wave of the Gabor filters, whose Gaussian has a third of it as its sigma (Walther
and Koch, "Modeling attention to salient proto-objects", Neural Networks 19, 2006)."""
RADIUS = 4
"""Pixels from the middle of a filter to its side (the same)."""


def itti(cube: Cube) -> Answer:
    """Contrast of intensity, colour and orientation in the rendered picture.

    We chose: colour opponencies are compared as abs(RG(centre) - RG(surround)), after Walther and
    Koch 2006; the published sign adds them, and so answers to a field of one colour. Orientation is
    the magnitude of a pair of Gabor filters, even and odd, on each level of the intensity.
    """
    valid = cube.valid()
    picture = render(cube).astype(np.float32) / np.float32(255)
    planes = np.concatenate([picture.mean(axis=2, keepdims=True), opponencies(picture, valid)], 2)
    levels = pyramid(planes, valid, LAST)
    intensity = {number: _plane(level, slice(0, 1)) for number, level in levels.items()}
    colour = {number: _plane(level, slice(1, 3)) for number, level in levels.items()}
    parts = [
        conspicuity(intensity, absolute_difference, scale=1),
        conspicuity(colour, absolute_difference, scale=1),
        orientation(intensity),
    ]
    return saliency(parts, levels, valid)


def opponencies(picture: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Red against green and blue against yellow, from broadly tuned colours (Itti, section 2.1).

    Args:
        picture: Red, green and blue, shape (H, W, 3).
        valid: Pixels that count, shape (H, W).

    Returns:
        Shape (H, W, 2); 0 where a pixel is dark, grey or invalid.
    """
    r, g, b = np.moveaxis(chromaticity(picture, valid), 2, 0)
    red, green, blue = r - (g + b) / 2, g - (r + b) / 2, b - (r + g) / 2
    yellow = (r + g) / 2 - np.abs(r - g) / 2 - b
    red, green, blue, yellow = (np.maximum(tone, 0) for tone in (red, green, blue, yellow))
    return np.stack([red - green, blue - yellow], axis=2)


def orientation(levels: dict[int, Level]) -> NDArray[np.float32]:
    """Conspicuity of orientation: that of each angle, normalized, added (Itti, equation 7).

    Args:
        levels: The pyramid of the intensity, of one band.

    Returns:
        Shape (H, W) of the finest centre level; shape (0,) when the pyramid ends before a surround.
    """
    if FINEST not in levels:
        return np.zeros(0, dtype=np.float32)
    filled = {n: _filled(level) for n, level in levels.items() if n >= FINEST}
    total = np.zeros(levels[FINEST].size, dtype=np.float32)
    for angle in ANGLES:
        edges = {
            number: Level(oriented(plane, angle)[:, :, None], levels[number].weight)
            for number, plane in filled.items()
        }
        one = conspicuity(edges, absolute_difference, scale=1)
        if not one.size:
            return one
        total += promoted(one, levels[FINEST].valid, scale=1)
    return total


def oriented(plane: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """How strongly a plane (H, W) has edges or bars along an angle; shape (H, W), >= 0.

    Args:
        plane: Intensity, mirrored at its sides, so that these are no edges.
        angle: In degrees; 0 is along rows, 90 along columns, 45 from bottom left to top right.
    """
    responses = [correlate(plane, kernel, mode="reflect") for kernel in _gabor(angle)]
    return np.asarray(np.hypot(*responses))


def _gabor(angle: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Even and odd filters of sum 0, whose weights' magnitudes add to 1."""
    down, right = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1].astype(np.float64)
    across = down * np.cos(np.deg2rad(angle)) + right * np.sin(np.deg2rad(angle))
    window = np.exp(-(down**2 + right**2) / (2 * (PERIOD / 3) ** 2))
    even, odd = (window * wave(2 * np.pi * across / PERIOD) for wave in (np.cos, np.sin))
    even -= window * even.sum() / window.sum()
    return (
        (even / np.abs(even).sum()).astype(np.float32),
        (odd / np.abs(odd).sum()).astype(np.float32),
    )


def _plane(level: Level, bands: slice) -> Level:
    return Level(level.data[:, :, bands], level.weight)


def _filled(level: Level) -> NDArray[np.float32]:
    """The one plane of a level, its invalid pixels as the nearest valid ones: they make no edge."""
    plane: NDArray[np.float32] = level.data[:, :, 0]
    if level.valid.all() or not level.valid.any():
        return plane
    nearest = distance_transform_edt(~level.valid, return_distances=False, return_indices=True)
    return np.asarray(plane[tuple(nearest)])
