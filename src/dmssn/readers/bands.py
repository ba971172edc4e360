"""Which stored bands a cube keeps, and in which order."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.cube.wavelengths import LONGEST_IN_MICROMETRES, strictly_increasing, to_nm
from dmssn.readers.stored import Stored
from dmssn.readers.wavelengths import EvenlySpaced
from dmssn.wording import counted

Selection = slice | Sequence[int] | NDArray[np.intp]
"""Bands by their stored numbers, from 0."""


def band_wavelengths(
    stored: Stored, given: Sequence[float] | NDArray[np.float64] | EvenlySpaced | None, count: int
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """The wavelength of each stored band in nanometres; those the user gives replace the file's.

    Returns:
        Wavelengths of shape (count,), NaN for a band that has none; None when unknown. And a
        sentence on each decision.

    Raises:
        SettingError: The given ones do not fit.
        ValueError: The file's do not fit.
    """
    path = stored.path
    if given is None:
        if stored.wavelengths is None:
            return None, ()
        if stored.wavelengths.values.size != count:
            raise ValueError(
                f"{path}: {count} bands but {stored.wavelengths.values.size} "
                f"{stored.wavelengths.origin}; pass --wavelengths"
            )
        return to_nm(path, stored.wavelengths)
    notes = ("the wavelengths given replace those of the file",) if stored.wavelengths else ()
    if isinstance(given, EvenlySpaced):
        given = np.linspace(given.first_nm, given.last_nm, count)
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (count,):
        raise SettingError(f"{path}: {count} bands in the file but {values.size} wavelengths given")
    if not (np.isfinite(values).all() and values.min() > 0):
        raise SettingError(f"{path}: the wavelengths given must all be finite and above 0")
    if values.max() < LONGEST_IN_MICROMETRES:
        raise SettingError(
            f"{path}: the wavelengths given end at {values.max():g}; give them in nanometres"
        )
    if count > 1 and values.min() == values.max():
        raise SettingError(f"{path}: the wavelengths given are all {values[0]:g}")
    return values, notes


def select_bands(
    stored: Stored,
    wavelengths_nm: NDArray[np.float64] | None,
    count: int,
    bands: Selection | None,
    drop_nm: Sequence[tuple[float, float]],
    alive: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.intp], NDArray[np.float64] | None, tuple[str, ...]]:
    """Choose and order the bands.

    Args:
        stored: The file, with what it says about bad bands.
        wavelengths_nm: Wavelength of each stored band, NaN where it has none, shape (count,).
        count: Number of stored bands.
        bands: The bands to keep; None for all. Always in the order of the file.
        drop_nm: Ranges of wavelengths to leave out, both ends included.
        alive: False for bands that white and dark references cannot calibrate, shape (count,).

    Returns:
        Stored numbers of the bands, their wavelengths, strictly increasing, both of shape (B,), and
        a sentence on each band left out or moved.

    Raises:
        SettingError: The choice does not fit the file, or leaves no band.
        ValueError: The file calls every band bad.
    """
    keep = np.ones(count, dtype=bool)
    notes: list[str] = []

    def leave_out(gone: NDArray[np.bool_], why: str) -> None:
        if np.any(gone & keep):
            notes.append(f"{_count(gone & keep)} left out: {why}")
        keep[gone] = False

    if bands is not None:
        leave_out(~_chosen(stored.path, count, bands), "not among --bands")
    if stored.good_bands is not None:
        leave_out(~stored.good_bands, "the header calls them bad")
    if alive is not None:
        leave_out(~alive, "white is not above dark in any column")
    if wavelengths_nm is not None:
        leave_out(np.isnan(wavelengths_nm), "they have no wavelength")
    if not keep.any():
        raise ValueError(f"{stored.path}: no band remains: {'; '.join(notes)}")
    for low, high in drop_nm:
        gone = _between(stored.path, wavelengths_nm, low, high)
        if not gone.any():
            notes.append(f"no band lies in {low:g}-{high:g} nm: nothing left out")
        leave_out(gone, f"{low:g}-{high:g} nm")
    if not keep.any():
        raise SettingError(f"{stored.path}: --drop-nm leaves no band: {'; '.join(notes)}")
    chosen = np.flatnonzero(keep)
    if wavelengths_nm is None:
        return chosen, None, tuple(notes)
    order, increasing, changes = strictly_increasing(wavelengths_nm[chosen])
    return chosen[order], increasing, (*notes, *changes)


def _count(bands: NDArray[np.bool_]) -> str:
    return counted(int(np.count_nonzero(bands)), "band")


def _chosen(path: Path, count: int, bands: Selection) -> NDArray[np.bool_]:
    if isinstance(bands, slice):
        start = 0 if bands.start is None else int(bands.start)
        stop = count if bands.stop is None else int(bands.stop)
        step = 1 if bands.step is None else int(bands.step)
        if step < 1 or start >= stop:
            raise SettingError(f"{path}: --bands {start}:{stop}:{step} chooses no band")
        # The last one chosen, not the stop, must exist: 0:100 of 80 bands is a mistake.
        numbers = np.arange(start, stop, step)
    else:
        numbers = np.asarray(bands, dtype=np.intp)
    if numbers.size == 0:
        raise SettingError(f"{path}: --bands chooses no band")
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if outside.size:
        raise SettingError(
            f"{path}: --bands asks for band {outside[0]}; the file has {count}, 0 to {count - 1}"
        )
    chosen = np.zeros(count, dtype=bool)
    chosen[numbers] = True
    return chosen


def _between(
    path: Path, wavelengths_nm: NDArray[np.float64] | None, low: float, high: float
) -> NDArray[np.bool_]:
    if wavelengths_nm is None:
        raise SettingError(
            f"{path}: --drop-nm needs wavelengths, which the file does not give; pass --wavelengths"
        )
    if not 0 <= low <= high:
        raise SettingError(f"--drop-nm takes a range from low to high, got {low:g}-{high:g}")
    return (wavelengths_nm >= low) & (wavelengths_nm <= high)
