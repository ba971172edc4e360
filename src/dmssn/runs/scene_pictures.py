"""A prepared scene as a picture: what the network sees, the truth, and what the network says.

Letters: H rows, W columns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dmssn.regions import OUTSIDE
from dmssn.rendering import paint, palette
from dmssn.store import Scene

GAP = 4
"""Columns between two pictures, white."""
NOT_KNOWN = 96
"""Grey of pixels whose truth is not known."""


def scene_strip(
    scene: Scene,
    saliency: NDArray[np.floating],
    wavelengths_nm: Sequence[float] | NDArray[np.float64] | None,
) -> NDArray[np.uint8]:
    """The homogenized scene in colours, its mask and a saliency map, side by side.

    Args:
        scene: The scene.
        saliency: In [0, 1], shape (H, W).
        wavelengths_nm: Of the scene's bands; None when unknown.

    Returns:
        sRGB of shape (H, 3 W + 2 ``GAP``, 3). Pixels outside are black, and in the mask those are
        grey whose truth is not known.
    """
    cube = scene.cube
    nm = None if wavelengths_nm is None else np.asarray(wavelengths_nm, dtype=np.float64)
    colours = palette(cube.spectra.shape[1], nm)
    inside = cube.region_map != OUTSIDE
    table = np.asarray(cube.spectra @ colours.weights.T, dtype=np.float32)
    spread = np.full((*inside.shape, 3), np.nan, dtype=np.float32)
    spread[inside] = table[cube.region_map[inside]]
    mask = np.where(scene.mask, 255, 0)
    if scene.counted is not None:
        mask = np.where(scene.counted, mask, NOT_KNOWN)
    said = np.rint(np.clip(saliency, 0, 1) * 255)
    gap = np.full((len(inside), GAP, 3), 255, dtype=np.uint8)
    greys = [np.where(inside, levels, 0).astype(np.uint8) for levels in (mask, said)]
    truth, answer = (np.repeat(grey[..., None], 3, axis=2) for grey in greys)
    return np.hstack([paint(spread, true=colours.true), gap, truth, gap, answer])
