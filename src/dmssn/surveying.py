"""One pass over a cube's rows, in memory or in a file, that collects all prediction needs of them.

Letters: H rows, W columns, B bands, m bands wanted, S side of the network's square.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn.cube import Cube, RowSource
from dmssn.resample import Resizer, resample_bands


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass over a cube found.

    Attributes:
        name: Of the cube.
        small: The cube at the size and bands wanted, float32 of shape (S, S, m) or of the rows and
            columns asked for; NaN where less than half of what a pixel covers is valid.
        valid: Which of the cube's own pixels are finite in every band, shape (H, W).
        colours: Weighted sums over bands of the cube's own pixels, float32 of shape (H, W, 3);
            None when they were not asked for. Those of invalid pixels are not finite.
    """

    name: str
    small: NDArray[np.float32]
    valid: NDArray[np.bool_]
    colours: NDArray[np.float32] | None = None


def survey(
    cube: RowSource,
    size: int | tuple[int, int],
    bands: csr_array | None = None,
    colours: csr_array | None = None,
) -> Survey:
    """Read every row of a cube once, never holding more than a block of them.

    Args:
        cube: In memory or in a file.
        size: Side of the square wanted, or rows and columns.
        bands: Weights (m, B) to the bands wanted; None for the cube's own.
        colours: Weights (3, B) of a palette, if a colour picture is wanted.

    Raises:
        ValueError: No pixel is valid, or the file is damaged.
    """
    shape = (size, size) if isinstance(size, int) else size
    sideways = cube.sideways()
    if sideways is not None:
        return _upright(_survey(sideways, shape[::-1], bands, colours))
    return _survey(cube, shape, bands, colours)


def _upright(found: Survey) -> Survey:
    """A survey with rows and columns exchanged."""
    colours = found.colours
    return Survey(
        found.name,
        np.ascontiguousarray(found.small.swapaxes(0, 1)),
        np.ascontiguousarray(found.valid.T),
        None if colours is None else np.ascontiguousarray(colours.swapaxes(0, 1)),
    )


def _survey(
    cube: RowSource,
    shape: tuple[int, int],
    bands: csr_array | None,
    colours: csr_array | None,
) -> Survey:
    height, width, count = cube.shape
    # Bands and pixels are both weighted sums, in either order: the one first that leaves less.
    early = bands if height * width <= shape[0] * shape[1] else None
    resizer = Resizer((height, width, count if early is None else early.shape[0]), *shape)
    painted = None if colours is None else np.empty((height, width, 3), dtype=np.float32)
    filled = np.zeros(count, dtype=np.bool_)

    def take(top: int, block: NDArray[np.float32]) -> None:
        resizer.add(block if early is None else resample_bands(block, early))
        bottom = top + len(block)
        if colours is not None and painted is not None:
            painted[top:bottom] = resample_bands(block, colours)
        if not resizer.valid[:bottom].any():
            np.logical_or(filled, np.isfinite(block).any(axis=(0, 1)), out=filled)

    for rows in cube.row_blocks():
        block = Cube(cube.read(rows))
        for some in block.row_blocks():  # a block of HDF5 chunks may be large
            take(rows.start + some.start, block.read(some))
        del block  # before the next is read
    if not resizer.valid.any():
        raise cube.without_valid_pixel(filled)
    small = resizer.result()
    if bands is not None and early is None:
        small = resample_bands(small, bands)
    return Survey(cube.name, small, resizer.valid, painted)
