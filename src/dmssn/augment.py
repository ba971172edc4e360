"""Augmentation: one affine warp of a region map and a mask, nearest neighbour.

The region table stays as it is but for regions that vanish; 200 bands are never touched.

Letters: H rows, W columns, R regions.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.config import AugmentConfig
from dmssn.regions import OUTSIDE, RegionCube, drop_vanished


def augment(
    cube: RegionCube,
    mask: NDArray[np.bool_],
    config: AugmentConfig,
    generator: np.random.Generator,
) -> tuple[RegionCube, NDArray[np.bool_]]:
    """Flip, turn and scale a scene at random.

    Regions of which no pixel is left leave the table, areas are recounted, and pixels that were
    outside the picture become ``OUTSIDE``.

    Args:
        cube: The scene.
        mask: Bool of shape (H, W), or several of them, (H, W, planes).
        config: What to do and how much.
        generator: Draws the change; the same state gives the same change.
    """
    matrix = random_affine(config, generator)
    rows, columns, inside = source_pixels(mask.shape[:2], matrix)
    region_map = np.where(inside, cube.region_map[rows, columns], np.int32(OUTSIDE))
    view = drop_vanished(cube, region_map)
    if view.flat:
        # One material, or an invalid part of the scene, filled the view. The code of one spectrum
        # is zero everywhere, and every norm of the transformer makes its gradient 300 times larger.
        return cube, mask
    warped = mask[rows, columns]
    warped[~inside] = False
    return view, warped


def random_affine(config: AugmentConfig, generator: np.random.Generator) -> NDArray[np.float64]:
    """A 2x2 matrix from output to source offsets (row, column) about the picture's centre."""
    # Every number is drawn whether it is used or not, so one setting does not move the others.
    chance = generator.random(6)
    size = generator.random(4)
    angle = np.deg2rad(generator.uniform(-config.rotation, config.rotation))
    flip = np.where((chance[:2] < 0.5) & config.flips, -1.0, 1.0)
    shrink = np.where(chance[2:4] < 0.5, config.shrink + (1 - config.shrink) * size[:2], 1.0)
    enlarge = np.where(chance[4:] < 0.5, 1 + (config.enlarge - 1) * size[2:], 1.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix: NDArray[np.float64] = np.diag(flip / (shrink * enlarge)) @ turn
    return matrix


def source_pixels(
    shape: tuple[int, ...], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Row and column of the source pixel of each output pixel, and whether there is one.

    Args:
        shape: (H, W).
        matrix: 2x2, from output to source offsets.

    Returns:
        Rows and columns, clipped to the picture, and inside; each of shape (H, W).
    """
    height, width = shape
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    down = np.arange(height)[:, None] - middle[0]
    right = np.arange(width)[None, :] - middle[1]
    rows = np.rint(matrix[0, 0] * down + matrix[0, 1] * right + middle[0]).astype(np.intp)
    columns = np.rint(matrix[1, 0] * down + matrix[1, 1] * right + middle[1]).astype(np.intp)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return rows.clip(0, height - 1), columns.clip(0, width - 1), inside
