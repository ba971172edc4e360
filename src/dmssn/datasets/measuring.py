"""The range and the validity of a cube's numbers, noted while they are read for something else.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube, RowSource
from dmssn.readers.cube_file import CubeFile


class Values(NamedTuple):
    """The numbers of a cube, in the units in which they are stored.

    Attributes:
        least: Of the finite numbers.
        greatest: Of the finite numbers.
        negative: How many are below 0.
        invalid_pixels: Pixels with a number missing in any band.
        constant_bands: Stored numbers, from 0, of bands that hold one value only.
        empty_bands: Likewise, of bands that hold none.
    """

    least: float
    greatest: float
    negative: int
    invalid_pixels: int
    constant_bands: list[int]
    empty_bands: list[int]


class Measured:
    """A cube that keeps account of the numbers that are read from it."""

    def __init__(self, cube: RowSource) -> None:
        """Nothing was read yet."""
        self._cube = cube
        bands = cube.shape[2]
        self._least, self._greatest = np.full(bands, np.inf), np.full(bands, -np.inf)
        self._rows = self._negative = self._invalid = 0

    @property
    def name(self) -> str:
        """That of the cube."""
        return self._cube.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        return self._cube.shape

    @property
    def wavelengths_nm(self) -> NDArray[np.float64] | None:
        """Those of the cube."""
        return self._cube.wavelengths_nm

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the cube."""
        return self._cube.notes

    @property
    def complete(self) -> bool:
        """Whether all rows were read."""
        return self._rows == self.shape[0]

    def row_blocks(self) -> list[slice]:
        """Those of the cube."""
        return self._cube.row_blocks()

    def without_valid_pixel(self, filled: NDArray[np.bool_], /) -> ValueError:
        """The cube's error."""
        return self._cube.without_valid_pixel(filled)

    def read(self, rows: slice, /) -> NDArray[np.float32]:
        """Read rows, each of which is to be read once, as float32 of shape (h, W, B)."""
        block = self._cube.read(rows)
        pieces = Cube(block).row_blocks()  # a block of HDF5 chunks may be large
        for piece in pieces:
            self._take(block[piece])
        self._rows += len(block)
        return block

    def _take(self, block: NDArray[np.float32]) -> None:
        with np.errstate(invalid="ignore"):
            low, high = block.min(axis=(0, 1)), block.max(axis=(0, 1))
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            finite = np.isfinite(block)
            self._invalid += int(np.count_nonzero(~finite.all(axis=2)))
            low = np.where(finite, block, np.inf).min(axis=(0, 1))
            high = np.where(finite, block, -np.inf).max(axis=(0, 1))
            block = np.where(finite, block, 0)
        np.minimum(self._least, low, out=self._least)
        np.maximum(self._greatest, high, out=self._greatest)
        if low.min() < 0:
            self._negative += int(np.count_nonzero(block < 0))

    def values(self, file: CubeFile) -> Values:
        """All of it, in stored units and by stored numbers of bands."""
        scale, order = file.stored.scale, file.band_order
        empty = self._least > self._greatest
        return Values(
            least=_stored(self._least.min() * scale, file),
            greatest=_stored(self._greatest.max() * scale, file),
            negative=self._negative,
            invalid_pixels=self._invalid,
            constant_bands=np.sort(order[self._least == self._greatest]).tolist(),
            empty_bands=np.sort(order[empty]).tolist(),
        )


def _stored(value: float, file: CubeFile) -> float:
    """A number as the file has it: dividing and multiplying leave a rounding."""
    return float(round(value)) if file.dtype.kind in "iu" and np.isfinite(value) else float(value)
