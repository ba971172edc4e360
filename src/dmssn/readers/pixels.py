"""The spectrum of one pixel, straight from a cube's file.

Letters: H rows, W columns, B bands.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.readers.cube_file import CubeFile
from dmssn.readers.stored import parsing

CHUNK_CACHE = 2**20
"""Of HDF5: a chunk that is larger, and stored as it is, is read only where it is asked for."""


def spectrum(file: CubeFile, row: int, column: int) -> NDArray[np.float32]:
    """Read one pixel; no other is asked for.

    Args:
        file: The cube.
        row: 0 to H - 1, from the top.
        column: 0 to W - 1, from the left.

    Returns:
        Float32 of shape (B,), as ``CubeFile.read`` has it there.

    Raises:
        IndexError: There is no such pixel.
        ValueError: The file is damaged.
    """
    height, width, _ = file.shape
    if not (0 <= row < height and 0 <= column < width):
        raise IndexError(f"{file.name}: no pixel {row}, {column} in {height} x {width}")
    stored_row = height - 1 - row if file.flip_rows else row
    stored_column = width - 1 - column if file.flip_columns else column
    first, last = int(file.band_order.min()), int(file.band_order.max()) + 1
    limits = {
        "H": slice(stored_row, stored_row + 1),
        "W": slice(stored_column, stored_column + 1),
        "B": slice(first, last),
    }
    with parsing(file.path):
        block = np.asarray(file.stored.array[tuple(limits[letter] for letter in file.axes)])
    with np.errstate(over="ignore", invalid="ignore"):  # ends as infinite or NaN: invalid
        values: NDArray[np.float32] = block.ravel()[file.band_order - first].astype(np.float32)
        file.stored.to_values(values)
        if file.reflectance is not None:
            dark, span = file.reflectance.dark, file.reflectance.span
            place = stored_column if len(dark) > 1 else 0
            values -= dark[place, file.band_order]
            values /= span[place, file.band_order]
    return values


def unpacked(file: CubeFile) -> int:
    """Bytes that are read, or unpacked, to have the spectrum of one pixel.

    A cube stored in compressed whole bands is unpacked as a whole for each.
    """
    array: Any = file.stored.array
    bands = int(np.ptp(file.band_order)) + 1
    plain = bands * file.dtype.itemsize
    chunks = getattr(array, "chunks", None)
    if not chunks:
        return plain
    whole = math.prod(chunks) * file.dtype.itemsize
    filters = getattr(array, "_filters", True)  # Zarr's chunks are always read whole
    if not filters and whole > CHUNK_CACHE:
        return plain
    return int(whole * -(-bands // chunks[file.axes.index("B")]))


__all__ = ["spectrum", "unpacked"]
