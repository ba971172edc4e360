"""Spectra of single pixels, within the blink of an eye, and mean spectra.

A pixel is read from where it lies in the file. Only of a cube stored in large compressed pieces,
as whole bands are, that would take seconds: it is unpacked once, into a file that is gone when the
viewer ends.

Letters: H rows, W columns, B bands.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube, RowSource
from dmssn.files import room
from dmssn.objects import mean_spectra
from dmssn.readers import CubeFile
from dmssn.readers import pixels as pixel_reading
from dmssn.viewing.jobs import Job, MissingError, Watched

AT_ONCE = 4 * 2**20
"""Bytes that are unpacked for a single spectrum; where it takes more the cube is unpacked once."""
GROUP_BYTES = 128 * 2**20
"""Of float32 held at a time while a cube of whole bands is unpacked."""
SPARE = 2**28
"""Bytes of the disk that are left free."""


class NotUnpackedError(Exception):
    """Spectra of this cube are to be had once it is unpacked."""


class Spectra:
    """The spectra of a cube, one at a time.

    Args:
        source: In memory or in a file.
    """

    def __init__(self, source: RowSource) -> None:
        """Nothing is read yet."""
        self._source = source
        self._unpacked: NDArray[np.float32] | None = None

    @property
    def direct(self) -> bool:
        """Whether spectra come straight from the cube."""
        return not isinstance(self._source, CubeFile) or (
            pixel_reading.unpacked(self._source) <= AT_ONCE
        )

    @property
    def ready(self) -> bool:
        """Whether spectra can be had now."""
        return self.direct or self._unpacked is not None

    def at(self, row: int, column: int) -> NDArray[np.float32]:
        """The spectrum of a pixel, float32 of shape (B,); not finite where it is invalid.

        Raises:
            MissingError: There is no such pixel.
            NotUnpackedError: ``unpack`` comes first.
            ValueError: The file is damaged.
        """
        height, width, _ = self._source.shape
        if not (0 <= row < height and 0 <= column < width):
            raise MissingError(f"no pixel {row}, {column} in {height} x {width}")
        if isinstance(self._source, Cube):
            values: NDArray[np.float32] = self._source.data[row, column]
            return values
        if self._unpacked is not None:
            return np.array(self._unpacked[row, column])
        if not self.direct or not isinstance(self._source, CubeFile):
            raise NotUnpackedError(
                "this cube is stored in large compressed pieces: its spectra are being unpacked"
            )
        return pixel_reading.spectrum(self._source, row, column)

    def unpack(self, job: Job) -> None:
        """Write the spectra next to one another into a file without a name.

        Raises:
            OSError: There is too little room for it.
            ValueError: The cube's file is damaged.
        """
        if self.ready or not isinstance(self._source, CubeFile):
            return
        shape = self._source.shape
        needed = int(np.prod(shape, dtype=np.int64)) * 4
        place, free = room(Path(tempfile.gettempdir()))
        if free < needed + SPARE:
            raise OSError(
                f"{place}: {free / 1e9:.1f} GB free, but the spectra of {self._source.name} need "
                f"{(needed + SPARE) / 1e9:.1f} GB there; free some, set TMPDIR to another folder, "
                "or rewrite the cube with `dmssn convert --layout spectrum`"
            )
        with tempfile.TemporaryFile() as file:  # it stays for as long as it is mapped
            if hasattr(os, "posix_fallocate"):  # a disk that fills up later would end the viewer
                os.posix_fallocate(file.fileno(), 0, needed)
            spectra = np.memmap(file, np.float32, "w+", shape=shape)
        if _by_bands(self._source):
            _fill_by_bands(self._source, spectra, job)
        else:
            watched = Watched(self._source, lambda share: job.tell("unpacking spectra", share))
            for rows in watched.row_blocks():
                spectra[rows] = watched.read(rows)
        self._unpacked = spectra


def _by_bands(file: CubeFile) -> bool:
    """Whether pieces of the file hold few bands of many pixels, not all bands of some rows."""
    chunks: Any = getattr(file.stored.array, "chunks", None)
    return bool(chunks and chunks[file.axes.index("B")] * 2 <= file.shape[2])


def _fill_by_bands(file: CubeFile, spectra: NDArray[np.float32], job: Job) -> None:
    height, width, bands = file.shape
    chunks: Any = getattr(file.stored.array, "chunks", None)
    piece = int(chunks[file.axes.index("B")])
    # Of several bands at a time each goes by a few numbers side by side, not by single ones.
    group = max(1, GROUP_BYTES // (height * width * 4) // piece) * piece
    for first in range(0, bands, group):
        job.tell("unpacking spectra", first / bands)
        some = slice(first, min(first + group, bands))
        spectra[:, :, some] = chosen_bands(file, list(range(some.start, some.stop)))


def chosen_bands(source: RowSource, bands: list[int]) -> NDArray[np.float32]:
    """Some bands of a cube, float32 of shape (H, W, number of bands), in the order asked for.

    Raises:
        ValueError: The file is damaged.
    """
    if not isinstance(source, CubeFile):
        return np.concatenate([source.read(rows)[:, :, bands] for rows in source.row_blocks()])
    ordered = sorted(set(bands))
    part = replace(source, band_order=source.band_order[ordered], wavelengths_nm=None)
    return part.read()[:, :, [ordered.index(band) for band in bands]]


def means_of(
    source: RowSource, salient: NDArray[np.bool_], job: Job
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mean spectra of the pixels that are not salient, and of those that are, shape (2, B).

    Over valid pixels alone; NaN where there is none. And how many pixels there are of each.
    """
    pieces = salient.astype(np.int32)
    counts = np.bincount(pieces.ravel(), minlength=2)
    sideways = source.sideways()
    if sideways is not None:  # means do not mind
        source, pieces = sideways, np.ascontiguousarray(pieces.T)
    watched = Watched(source, lambda share: job.tell("averaging spectra", share))
    return mean_spectra(watched, pieces, 2), counts
