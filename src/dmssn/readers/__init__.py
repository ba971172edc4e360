"""Cubes from files of any format: one module a format, one way to open them all.

``open_cube`` tells what is in a file without reading its numbers; ``read_cube`` reads it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.cube import Cube
from dmssn.readers.axes import find_axes
from dmssn.readers.bands import Selection, band_wavelengths, select_bands
from dmssn.readers.cube_file import CubeFile, Reflectance
from dmssn.readers.formats import open_stored
from dmssn.readers.stored import Stored
from dmssn.readers.wavelengths import EvenlySpaced


def open_cube(
    path: Path | str,
    *,
    key: str | None = None,
    wavelengths_nm: Sequence[float] | NDArray[np.float64] | EvenlySpaced | None = None,
    band_axis: int | None = None,
    drop_nm: Sequence[tuple[float, float]] = (),
    bands: Selection | None = None,
    white: Path | str | None = None,
    dark: Path | str | None = None,
) -> CubeFile:
    """Open a cube without reading its numbers, where the format allows.

    Args:
        path: ENVI header or raw file, MATLAB, HDF5, numpy or TIFF file, a generated scene, a Zarr
            folder, or a folder of one-band pictures.
        key: Which variable of the file; needed when several can be the cube.
        wavelengths_nm: One for each band in the file, or their two ends; they replace the file's.
        band_axis: Which axis of the stored shape holds the bands; needed when the file and the
            lengths do not tell.
        drop_nm: Ranges of wavelengths to leave out, both ends included.
        bands: Stored numbers of the bands to keep, from 0; always in the order of the file.
        white: Reference file of full light, to turn counts into reflectance.
        dark: Reference file without light.

    Raises:
        FileNotFoundError: There is no such file.
        SettingError: An argument does not fit the file.
        ValueError: The file is damaged, in no known format, or leaves a choice to be made.
    """
    if dark is not None and white is None:
        raise SettingError("--dark needs --white: reflectance is (raw - dark) / (white - dark)")
    path = Path(path)
    stored = open_stored(path, key)
    shape = tuple(stored.array.shape)
    known = stored.wavelengths.values.size if stored.wavelengths else None
    if wavelengths_nm is not None and not isinstance(wavelengths_nm, EvenlySpaced):
        known = len(wavelengths_nm)
    axes, decision = find_axes(path, shape, stored.convention, known, band_axis)
    width, count = (shape[axes.index(letter)] for letter in "WB")
    centres, notes = band_wavelengths(stored, wavelengths_nm, count)
    reflectance: Reflectance | None = None
    alive: NDArray[np.bool_] | None = None
    if white is not None:
        from dmssn.readers.reference import read_reflectance

        reflectance, more = read_reflectance(
            Path(white), None if dark is None else Path(dark), stored, width, count
        )
        notes += more
        alive = np.asarray(np.isfinite(reflectance.span).any(axis=0))
    order, centres, changes = select_bands(stored, centres, count, bands, drop_nm, alive)
    notes = (*stored.notes, *_storage_notes(stored), *notes, *changes)
    return CubeFile(path, stored, axes, order, centres, decision, notes, reflectance)


def read_cube(
    path: Path | str,
    *,
    key: str | None = None,
    wavelengths_nm: Sequence[float] | NDArray[np.float64] | EvenlySpaced | None = None,
    band_axis: int | None = None,
    drop_nm: Sequence[tuple[float, float]] = (),
    bands: Selection | None = None,
    white: Path | str | None = None,
    dark: Path | str | None = None,
) -> Cube:
    """Read a cube; the arguments are those of ``open_cube``.

    Raises:
        FileNotFoundError: There is no such file.
        SettingError: An argument does not fit the file.
        ValueError: As ``open_cube``, or no pixel of the cube is valid.
    """
    return open_cube(
        path,
        key=key,
        wavelengths_nm=wavelengths_nm,
        band_axis=band_axis,
        drop_nm=drop_nm,
        bands=bands,
        white=white,
        dark=dark,
    ).to_cube()


def _storage_notes(stored: Stored) -> tuple[str, ...]:
    """What happens to the stored numbers on their way to float32."""
    notes = []
    dtype = np.dtype(stored.array.dtype)
    if dtype.itemsize > (2 if dtype.kind in "iu" else 4):
        notes.append(f"{dtype.name} numbers are rounded to float32")
    if stored.ignore_value is not None and np.isfinite(stored.ignore_value):
        notes.append(f"{stored.ignore_value:g} means no data: pixels that have it are invalid")
    if stored.scale != 1:
        notes.append(f"divided by the header's reflectance scale factor, {stored.scale:g}")
    if stored.factor != 1 or stored.offset != 0:
        added = f", and its add_offset, {stored.offset:g}, added" if stored.offset else ""
        notes.append(f"multiplied by the file's scale_factor, {stored.factor:g}{added}")
    return tuple(notes)


__all__ = ["Cube", "CubeFile", "EvenlySpaced", "open_cube", "read_cube"]
