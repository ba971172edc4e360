"""The range and the validity of a cube's numbers, noted while they are read for something else.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube, Georeference, RowSource
from dmssn.readers.cube_file import CubeFile


class Values(NamedTuple):
    """The numbers of a cube as they are before its set divides them.

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
    """A cube that keeps account of the numbers that are read from it.

    Args:
        cube: The cube; each of its rows, or each of its columns, is to be read once.
        account: Where to add them; a new one when left out.
    """

    def __init__(self, cube: RowSource, account: "Account | None" = None) -> None:
        """Nothing was read yet."""
        self._cube = cube
        self.account = account or Account(cube.shape[2])

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
    def georeference(self) -> Georeference | None:
        """That of the cube."""
        return self._cube.georeference

    @property
    def complete(self) -> bool:
        """Whether all of it was read."""
        height, width, _ = self.shape
        return self.account.pixels == height * width

    def row_blocks(self) -> list[slice]:
        """Those of the cube."""
        return self._cube.row_blocks()

    def read(self, rows: slice, /) -> NDArray[np.float32]:
        """Read rows, float32 of shape (h, W, B)."""
        block = self._cube.read(rows)
        for piece in Cube(block).row_blocks():  # a block of HDF5 chunks may be large
            self.account.add(block[piece])
        return block

    def sideways(self) -> "Measured | None":
        """The cube with rows and columns exchanged, where that is read better."""
        other = self._cube.sideways()
        return None if other is None else Measured(other, self.account)

    def without_valid_pixel(self, filled: NDArray[np.bool_], /) -> ValueError:
        """The cube's error."""
        return self._cube.without_valid_pixel(filled)


class Account:
    """Range and validity of the numbers that came, band by band.

    Attributes:
        pixels: How many came.
    """

    def __init__(self, bands: int) -> None:
        """Nothing has come yet."""
        self._least, self._greatest = np.full(bands, np.inf), np.full(bands, -np.inf)
        self.pixels = self._negative = self._invalid = 0

    def add(self, block: NDArray[np.float32]) -> None:
        """Take numbers, shape (h, W, B)."""
        self.pixels += block.shape[0] * block.shape[1]
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

    def values(self, file: CubeFile, divisor: float) -> Values:
        """All of it, before the set's own division, by the band numbers of the file."""
        order = file.band_order
        return Values(
            least=_undivided(self._least.min(), file, divisor),
            greatest=_undivided(self._greatest.max(), file, divisor),
            negative=self._negative,
            invalid_pixels=self._invalid,
            constant_bands=np.sort(order[self._least == self._greatest]).tolist(),
            empty_bands=np.sort(order[self._least > self._greatest]).tolist(),
        )


def _undivided(value: float, file: CubeFile, divisor: float) -> float:
    """A number as it was; of one that was whole, without the rounding of the division."""
    stored, undone = file.stored, float(value * divisor)
    scaled = stored.scale != divisor or stored.factor != 1 or stored.offset != 0
    whole = file.dtype.kind in "iu" and not scaled and np.isfinite(undone)
    return float(round(undone)) if whole else undone
