"""White and dark reference files: from raw counts to reflectance.

reflectance = (raw - dark) / (white - dark), band by band; column by column too for a reference
as wide as the cube, since each column of a pushbroom camera is a detector of its own. A reference
is averaged over its rows. Letters: H rows, W columns, B bands.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.cube.wavelengths import to_nm
from dmssn.readers.axes import find_axes
from dmssn.readers.cube_file import CubeFile, Reflectance
from dmssn.readers.formats import open_stored
from dmssn.readers.numbers import read_numbers
from dmssn.readers.stored import ChoiceError, Stored

SAME_BAND_NM = 1.0
"""Wavelengths of cube and reference may differ by this much, which covers rounded ones."""


def read_reflectance(
    white: Path, dark: Path | None, stored: Stored, width: int, bands: int
) -> tuple[Reflectance, tuple[str, ...]]:
    """Read the references of a cube.

    Where white is not above dark there is no reflectance: the calibration is NaN there.

    Args:
        white: Reference of full light: a cube, a line, or one spectrum.
        dark: Reference without light, likewise; None for 0.
        stored: The cube they are for.
        width: Its columns.
        bands: Its stored bands.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A reference has other bands than the cube, or white is nowhere above dark.
    """
    bright, notes = _line(white, stored, width, bands)
    floor = np.zeros_like(bright)
    if dark is not None:
        floor, more = _line(dark, stored, width, bands)
        notes += more
    span = bright - floor
    usable = np.isfinite(span) & (span > 0)
    if not usable.any():
        raise ValueError(f"{white}: white is not above dark in any band; are the two swapped?")
    if not usable.all():
        notes += (
            f"white is not above dark in {np.count_nonzero(~usable)} of {usable.size} "
            "detector elements (band by column): no reflectance there",
        )
    span[~usable] = np.nan
    floor = np.broadcast_to(floor, span.shape)
    return Reflectance(floor.astype(np.float32), span.astype(np.float32)), notes


def _line(
    path: Path, stored: Stored, width: int, bands: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """A reference averaged over rows, shape (1 or W, B), and a sentence on what was averaged."""
    line = _load_line(path, stored, bands)
    if line.shape[1] != bands:
        raise ValueError(f"{path}: the reference has {line.shape[1]} bands, the cube {bands}")
    if line.shape[0] == width:
        return line, (f"{path.name}: averaged over rows, one reference for each column",)
    return _mean(line)[None], (f"{path.name}: averaged, one reference for all columns",)


def _load_line(path: Path, stored: Stored, bands: int) -> NDArray[np.float64]:
    """The reference's rows averaged, shape (its columns, its bands)."""
    if path.suffix.lower() in (".txt", ".csv"):
        return read_numbers(path)[None]
    if path.suffix.lower() == ".npy" and path.is_file():
        from dmssn.readers.numpy_files import map_npy

        array = map_npy(path)
        if array.ndim in (1, 2):
            return np.array(array, dtype=np.float64).reshape(-1, array.shape[-1])
    try:
        reference = _open(path, stored.key)
        shape = tuple(reference.array.shape)
        axes, decision = find_axes(path, shape, reference.convention, bands, None)
    except ChoiceError as error:
        doubt = str(error).partition("; pass --")[0]
        raise ValueError(
            f"{doubt}; save the reference by itself, as .npy of (columns, bands)"
        ) from None
    _check_wavelengths(reference, stored)
    order = np.arange(shape[axes.index("B")])
    return _mean_over_rows(CubeFile(path, reference, axes, order, None, decision))


def _open(path: Path, key: str | None) -> Stored:
    """Open a reference; of several variables it is the one called as the cube is in its file."""
    if key is not None:
        with suppress(SettingError):
            return open_stored(path, key)
    return open_stored(path, None)


def _check_wavelengths(reference: Stored, stored: Stored) -> None:
    if not (reference.wavelengths and stored.wavelengths):
        return
    own, _ = to_nm(reference.path, reference.wavelengths)
    others, _ = to_nm(stored.path, stored.wavelengths)
    if own is None or others is None or own.shape != others.shape:
        return
    difference = np.nanmax(np.abs(own - others))
    if difference > SAME_BAND_NM:
        raise ValueError(
            f"{reference.path}: its wavelengths differ from the cube's by up to {difference:g} nm; "
            "give a reference of the same camera"
        )


def _mean_over_rows(file: CubeFile) -> NDArray[np.float64]:
    """Mean of the finite numbers in each column and band, shape (W, B); NaN where none is."""
    _, width, bands = file.shape
    total, count = np.zeros((width, bands)), np.zeros((width, bands), dtype=np.intp)
    for rows in file.row_blocks():
        block = file.read(rows)
        finite = np.isfinite(block)
        total += block.sum(axis=0, dtype=np.float64, where=finite)
        count += finite.sum(axis=0)
    return _divided(total, count)


def _mean(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the finite numbers over columns, shape (B,); NaN where none is."""
    finite = np.isfinite(line)
    return _divided(line.sum(axis=0, where=finite), finite.sum(axis=0))


def _divided(total: NDArray[np.float64], count: NDArray[np.integer]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.full_like(total, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean
