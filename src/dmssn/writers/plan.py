"""What is to be written, the same for every format, and how numbers are stored.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Georeference

Blocks = Iterable[NDArray[np.float32]]
"""The rows of a cube from top to bottom, in blocks of shape (h, W, B)."""
Layout = Literal["cube", "spectrum"]

WHOLE_CHUNK = 2 * 2**20
"""Bytes of a chunk that is made for reading whole cubes ..."""
LARGEST_CHUNK = 4 * 2**20
"""... and of one that holds just one row, before it is cut."""
TILE_CHUNK = 128 * 2**10
"""Bytes of a chunk that is made for reading single spectra: little is unpacked in vain, yet a
chunk is still worth a read."""


@dataclass(frozen=True)
class Encoding:
    """How float32 numbers are stored: value = stored * scale_factor + add_offset.

    Attributes:
        dtype: Of the stored numbers.
        scale_factor: Above 0.
        add_offset: The value that is stored as 0.
        fill: Stored for whatever is not finite; None when nothing is, or when NaN can be stored.
    """

    dtype: np.dtype[Any]
    scale_factor: float = 1.0
    add_offset: float = 0.0
    fill: int | None = None

    @property
    def scaled(self) -> bool:
        """Whether stored numbers are not the values themselves."""
        return self.scale_factor != 1 or self.add_offset != 0

    def encode(self, block: NDArray[np.float32]) -> NDArray[Any]:
        """Numbers as they are stored, same shape."""
        if self.dtype.kind == "f":
            return block.astype(self.dtype, copy=False)
        out = np.empty(block.shape, self.dtype)
        for row, stored in zip(block, out, strict=True):  # row by row: float64 takes double
            steps = (row.astype(np.float64) - self.add_offset) / self.scale_factor
            np.rint(steps, out=steps)
            steps[~np.isfinite(steps)] = self.fill or 0
            stored[:] = np.clip(steps, 0, np.iinfo(self.dtype).max)
        return out


class Plan(NamedTuple):
    """A cube to be written."""

    shape: tuple[int, int, int]
    """(H, W, B)."""
    wavelengths_nm: NDArray[np.float64] | None
    """Shape (B,); None when unknown."""
    encoding: Encoding
    layout: Layout = "cube"
    compression: str = "none"
    interleave: str = "bip"
    """ENVI's order of axes."""
    georeference: Georeference | None = None

    @property
    def nbytes(self) -> int:
        """Size of the stored numbers before they are packed."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.encoding.dtype.itemsize

    def grid_mapping(self) -> dict[str, str]:
        """The georeference as attributes; none where it is unknown."""
        return {} if self.georeference is None else self.georeference.grid_mapping()

    def chunks(self) -> tuple[int, int, int]:
        """The shape of a chunk, all bands deep.

        Example:
            >>> float32 = Encoding(np.dtype("float32"))
            >>> Plan((1240, 1680, 200), None, float32, "cube").chunks()
            (2, 1680, 200)
            >>> Plan((1240, 1680, 200), None, float32, "spectrum").chunks()
            (12, 12, 200)
        """
        height, width, bands = self.shape
        pixel = bands * self.encoding.dtype.itemsize
        if self.layout == "spectrum":
            side = max(1, int(np.sqrt(TILE_CHUNK / pixel)))
            return min(side, height), min(side, width), bands
        rows = max(1, round(WHOLE_CHUNK / (width * pixel)))
        if width * pixel > LARGEST_CHUNK:
            width = max(1, WHOLE_CHUNK // pixel)
        return min(rows, height), width, bands


def whole_chunks(blocks: Blocks, rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The same rows in blocks that end between chunks of so many rows, and where each begins.

    A chunk that is written in two parts would be packed, unpacked and packed again.
    """
    top, kept = 0, None
    for block in blocks:
        if kept is not None:
            missing = rows - len(kept)
            kept = np.concatenate([kept, block[:missing]])
            block = block[missing:]
            if len(kept) < rows:
                continue
            yield top, kept
            top, kept = top + rows, None
        whole = len(block) - len(block) % rows
        if whole:
            yield top, block[:whole]
            top += whole
        if whole < len(block):
            kept = block[whole:].copy()
    if kept is not None:
        yield top, kept
