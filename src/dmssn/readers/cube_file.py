"""A cube in a file: what is known without reading it, and its rows as they are asked for.

Letters: H rows, W columns, B bands, h rows of a block.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube, Georeference
from dmssn.readers.stored import Array, Loaded, Stored, cube_name, parsing

BLOCK_BYTES = 32 * 2**20
"""Stored numbers are fetched in blocks of about this size."""
ROWS_BYTES = 16 * 2**20
"""Blocks of rows that ``row_blocks`` gives have about this size as float32 ..."""
SCATTERED = 4
"""... times this where the rows of a band lie together: longer pieces, fewer jumps in the file."""
MOST_BYTES = 256 * 2**20
"""``row_blocks`` cuts HDF5 chunks in two only if whole ones would make larger blocks than this."""
TURNED = ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")
"""Types that torch knows, in the machine's byte order."""

LISTED = 8
"""Messages name at most this many bands."""


@dataclass(frozen=True, eq=False)
class Reflectance:
    """Turns raw counts into reflectance: (raw - dark) / (white - dark).

    Attributes:
        dark: Counts without light, shape (1 or W, stored bands).
        span: White minus dark, NaN where that is not above 0, same shape.
    """

    dark: NDArray[np.float32]
    span: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CubeFile:
    """A cube that stays in its file until its rows are read.

    Attributes:
        path: The file or folder.
        stored: The numbers as the file holds them.
        axes: Order of the stored axes, such as ``"BWH"``.
        band_order: Stored number of each band, shape (B,).
        wavelengths_nm: Band centres in nanometres, strictly increasing, shape (B,), or None.
        axis_decision: Which stored axis holds the bands and why, a sentence.
        notes: What was decided or changed, one sentence each.
        reflectance: The calibration by white and dark references, if asked for.
        flip_rows: Whether the last stored row is the top one.
        flip_columns: Whether the last stored column is the left one.
    """

    path: Path
    stored: Stored
    axes: str
    band_order: NDArray[np.intp]
    wavelengths_nm: NDArray[np.float64] | None
    axis_decision: str
    notes: tuple[str, ...] = ()
    reflectance: Reflectance | None = None
    flip_rows: bool = False
    flip_columns: bool = False

    @property
    def name(self) -> str:
        """What the cube is called: the name of the file without its ending, or of the folder."""
        return cube_name(self.path)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B) of the cube that is read."""
        height, width = (self.stored_shape[self.axes.index(letter)] for letter in "HW")
        return height, width, self.band_order.size

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Lengths of the axes as the file shows them."""
        return tuple(self.stored.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers."""
        return np.dtype(self.stored.array.dtype)

    @property
    def key(self) -> str | None:
        """Name of the variable in the file; None when the file holds just one cube."""
        return self.stored.key

    @property
    def georeference(self) -> Georeference | None:
        """Where the pixels of the cube that is read lie on a map; None when unknown."""
        found, convention = self.stored.georeference, self.stored.convention
        stored = convention.axes if convention else "HW"
        transpose = _rows_first(stored) != _rows_first(self.axes)
        shape, flips = self.shape[:2], (self.flip_rows, self.flip_columns)
        return None if found is None else found.turned(shape, transpose, *flips)

    def row_blocks(self) -> list[slice]:
        """Blocks of whole rows, top to bottom, each 16 to 64 MiB once read; 128 MiB of columns.

        Their limits fall between the chunks of an HDF5 file, so that no chunk is unpacked twice,
        unless the chunks are so high that a block would be larger than 256 MiB.
        """
        height, width, bands = self.shape
        row = width * bands * 4
        wanted = ROWS_BYTES * (1 if self.axes[0] == "H" else SCATTERED)
        if self.sideways() is not None:  # to pick some rows, nearly all of the file is read
            wanted = MOST_BYTES // 2
        rows = max(1, wanted // row)
        chunks = getattr(self.stored.array, "chunks", None)
        chunk = chunks[self.axes.index("H")] if chunks else 1
        if rows < chunk and chunk * row > MOST_BYTES:
            rows = max(1, MOST_BYTES // row)
        else:
            rows = max(1, round(rows / chunk)) * chunk
        tops = range(0, height, rows)
        blocks = [self._stored_rows(top, min(top + rows, height)) for top in tops]
        return blocks[::-1] if self.flip_rows else blocks

    def _stored_rows(self, top: int, bottom: int) -> slice:
        """Rows counted from the other end where they are flipped; its own inverse."""
        height = self.shape[0]
        return slice(height - bottom, height - top) if self.flip_rows else slice(top, bottom)

    def sideways(self) -> "CubeFile | None":
        """The cube with rows and columns exchanged, where the file holds columns together.

        MATLAB does: to pick a few rows, nearly all of such a file is read, and again for the next.
        Not where references apply, whose columns are the file's.
        """
        steps = getattr(self.stored.array, "chunks", None) or (1, 1, 1)
        height, width = (self.axes.index(letter) for letter in "HW")
        share = [steps[axis] / self.stored_shape[axis] for axis in (height, width)]
        if height < width or share[0] < share[1] or self.reflectance is not None:
            return None
        return replace(
            self,
            axes=self.axes.translate(str.maketrans("HW", "WH")),
            flip_rows=self.flip_columns,
            flip_columns=self.flip_rows,
        )

    def read(self, rows: slice | None = None) -> NDArray[np.float32]:
        """Read the cube or a block of its rows; only these are fetched where the format allows.

        Numbers beyond float32 become infinite, so their pixels are invalid like those of NaN.

        Args:
            rows: Which rows, without a step; None for all.

        Returns:
            float32 of shape (h, W, B), top row first.

        Raises:
            ValueError: The file is damaged, or ``rows`` has a step.
        """
        height, width, bands = self.shape
        top, bottom, step = (rows or slice(None)).indices(height)
        if step != 1:
            raise ValueError(f"rows are read as a block without a step, got {rows}")
        out = np.empty((max(0, bottom - top), width, bands), dtype=np.float32)
        if out.size:
            with np.errstate(over="ignore", invalid="ignore"):  # ends as infinite or NaN: invalid
                self._fill(out, self._stored_rows(top, bottom).start)
                self._calibrate(out)
        if self.flip_rows or self.flip_columns:
            down, right = (-1 if flip else 1 for flip in (self.flip_rows, self.flip_columns))
            return np.ascontiguousarray(out[::down, ::right])
        return out

    def to_cube(self) -> Cube:
        """Read the whole cube.

        Raises:
            ValueError: The file is damaged, or no pixel of the cube is valid.
        """
        cube = Cube(self.read(), self.wavelengths_nm, self.name, self.notes, self.georeference)
        with np.errstate(invalid="ignore"):  # infinities of both signs in one pixel
            if not cube.valid().any():
                raise self.without_valid_pixel(np.asarray(np.isfinite(cube.data).any(axis=(0, 1))))
        return cube

    def without_valid_pixel(self, filled: NDArray[np.bool_]) -> ValueError:
        """The error for a cube without a valid pixel.

        Args:
            filled: Whether a band has any finite value, shape (B,).
        """
        empty = np.sort(self.band_order[~filled]).tolist()
        said = f"{self.path}: no pixel has finite values in all bands"
        if not empty or not filled.any():
            return ValueError(said)
        listed = ", ".join(map(str, empty[:LISTED])) + (", ..." if len(empty) > LISTED else "")
        return ValueError(
            f"{said}: {len(empty)} of {filled.size} bands are empty (number {listed}, from 0); "
            "leave them out with --bands or --drop-nm"
        )

    def _fill(self, out: NDArray[np.float32], top: int) -> None:
        """Copy stored numbers to ``out``, block by block."""
        source, axes = _slowest_first(self.stored.array, self.axes)
        first, last = int(self.band_order.min()), int(self.band_order.max()) + 1
        limits = {"H": (top, top + out.shape[0]), "W": (0, out.shape[1]), "B": (first, last)}
        read_direct = getattr(source, "read_direct", None)
        as_wanted = axes == "HWB" and source.dtype == out.dtype
        if read_direct and as_wanted and isinstance(_index(self.band_order), slice):
            with parsing(self.path):
                read_direct(out, tuple(slice(*limits[letter]) for letter in axes))
            return
        for span in _blocks(source, axes, limits):
            wanted = (self.band_order >= span["B"][0]) & (self.band_order < span["B"][1])
            into = np.flatnonzero(wanted)
            if into.size == 0:
                continue
            with parsing(self.path):
                block = source[tuple(slice(*span[letter]) for letter in axes)]
            spectra = block.transpose([axes.index(letter) for letter in "HWB"])
            bands = _index(self.band_order[into] - span["B"][0])
            h, w = ((span[k][0] - limits[k][0], span[k][1] - limits[k][0]) for k in "HW")
            _copy(spectra[:, :, bands], out[slice(*h), slice(*w)], _index(into))

    def _calibrate(self, out: NDArray[np.float32]) -> None:
        """Mark missing numbers and scale, in place, a row at a time to need no second cube."""
        calibration = self.reflectance
        if self.stored.holds_values and calibration is None:
            return
        if calibration is not None:
            dark, span = (a[:, self.band_order] for a in (calibration.dark, calibration.span))
        for row in out:
            self.stored.to_values(row)
            if calibration is not None:
                row -= dark
                row /= span


def _rows_first(axes: str) -> bool:
    return axes.index("H") < axes.index("W")


def _slowest_first(array: Array, axes: str) -> tuple[Array, str]:
    """The array with the axis first whose steps in memory are the longest."""
    whole = array.whole if isinstance(array, Loaded) else array
    if isinstance(whole, np.ndarray) and whole.flags.f_contiguous:
        return whole.T, axes[::-1]
    return whole, axes


def _blocks(
    source: Array, axes: str, limits: dict[str, tuple[int, int]]
) -> Iterator[dict[str, tuple[int, int]]]:
    """Parts of what lies within the limits, of about ``BLOCK_BYTES`` each.

    They are cut along the axis that gives the thinnest parts without cutting an HDF5 chunk in
    two: the first axis if there are no chunks.
    """
    extents = [limits[letter][1] - limits[letter][0] for letter in axes]
    steps = getattr(source, "chunks", None) or (1, *source.shape[1:])
    cut = min(range(3), key=lambda axis: steps[axis] / extents[axis])
    slab = math.prod(extents) // extents[cut] * source.dtype.itemsize
    length = max(1, round(BLOCK_BYTES / slab / steps[cut])) * steps[cut]
    low, high = limits[axes[cut]]
    edges = [*range(low - low % steps[cut], high, length), high]
    for start, stop in pairwise(edges):
        yield limits | {axes[cut]: (max(start, low), stop)}


def _copy(spectra: NDArray[Any], out: NDArray[np.float32], bands: slice | NDArray[np.intp]) -> None:
    """Copy numbers of any type and order of axes to bands of ``out``."""
    # Of turned axes torch's copy takes half the time, on all cores it may use. A command that
    # does without torch is not made to load it: that takes longer than the copy of most cubes.
    torch = sys.modules.get("torch")
    turned = spectra.strides[-1] > spectra.itemsize and spectra.dtype in TURNED
    if torch is not None and turned and spectra.flags.writeable and isinstance(bands, slice):
        torch.from_numpy(out[:, :, bands]).copy_(torch.from_numpy(spectra))
    else:
        out[:, :, bands] = spectra


def _index(numbers: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Consecutive numbers as a slice, which numpy needs no copy for."""
    if numbers.size == 1 or np.all(np.diff(numbers) == 1):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
