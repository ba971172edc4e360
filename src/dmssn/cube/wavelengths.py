"""Wavelengths in nanometres: what they are called, their unit, their order."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NAME = re.compile(
    r"(cent(er|re)_?)?(wave_?lengths?|waves?|wls?|wvls?|lambdas?|band_?cent(er|re)s?)"
    r"(_?(?P<unit>nm|um|nanometers?|micrometers?|microns?))?",
    re.IGNORECASE,
)
"""Names under which variables and attributes hold wavelengths."""
UNITS_NM = {
    1.0: re.compile("nm|nanomet(er|re)s?"),
    1000.0: re.compile("[uµμ]m|microns?|micromet(er|re)s?"),
}
"""Nanometres in one unit: how the unit is written, in lower case."""
UNSTATED = ("", "unknown", "none")
LONGEST_IN_MICROMETRES = 100.0
"""Wavelengths of unknown unit that are all below this are micrometres: no imager sees 100 nm."""
NUDGE_NM = 1e-3
"""Bands of equal wavelength are moved apart by at most this, far below any camera's resolution."""


class Wavelengths(NamedTuple):
    """Wavelengths as a file gives them."""

    values: NDArray[np.float64]
    """In the unit of the file, shape (number of values,)."""
    unit: str | None
    """As the file writes it; None when it does not say."""
    origin: str
    """Where in the file they were found, for messages."""


def unit_in_name(name: str) -> str | None:
    """The unit at the end of a name such as ``wavelengths_nm``; None when there is none."""
    match = NAME.fullmatch(name)
    return match["unit"] if match else None


def is_name(name: str) -> bool:
    """Whether a variable or attribute of this name holds wavelengths.

    Example:
        >>> is_name("Wavelengths_nm"), is_name("wl"), is_name("bandwidth")
        (True, True, False)
    """
    return NAME.fullmatch(name) is not None


def to_nm(where: object, stored: Wavelengths) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Convert a file's wavelengths to nanometres.

    Args:
        where: Whose they are, for messages.
        stored: As they are told.

    Returns:
        Wavelengths of shape (B,), NaN for bands that have none (stored as 0 or below); None when
        they cannot be known. And a sentence on each decision.

    Raises:
        ValueError: Several bands, all of one wavelength.
    """
    values = np.where(np.isfinite(stored.values) & (stored.values > 0), stored.values, np.nan)
    if np.isnan(values).all():
        return None, (f"the {stored.origin} of the file are all empty: wavelengths unknown",)
    if values.size > 1 and np.nanmin(values) == np.nanmax(values):
        raise ValueError(
            f"{where}: the {stored.origin} are all {np.nanmin(values):g}; pass --wavelengths"
        )
    unit = (stored.unit or "").strip().lower()
    factor = next((nm for nm, names in UNITS_NM.items() if names.fullmatch(unit)), None)
    if factor is None and unit not in UNSTATED:
        return None, (
            f"the {stored.origin} are in {stored.unit!r}, neither nanometres nor micrometres: "
            "wavelengths unknown",
        )
    if _only_count(stored.values):
        return None, (f"the {stored.origin} only count the bands: wavelengths unknown",)
    likely, taken = 1.0, "nanometres"
    if np.nanmax(values) < LONGEST_IN_MICROMETRES:
        likely = 1000.0
        taken = f"micrometres, since all are below {LONGEST_IN_MICROMETRES:g}"
    if factor is None:
        return values * likely, (f"the {stored.origin} state no unit: taken as {taken}",)
    if factor == likely:
        return values * factor, ()
    return values * likely, (
        f"the {stored.origin} end at {np.nanmax(values):g}, which cannot be {stored.unit!r} as "
        f"stated: taken as {taken}",
    )


def _only_count(values: NDArray[np.float64]) -> bool:
    """Whether these are the numbers of the bands, from 0 or 1."""
    numbers = np.arange(values.size)
    return values.size > 1 and any(np.array_equal(values, numbers + first) for first in (0, 1))


def in_nanometres(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wavelengths that a user gives, as they are.

    Raises:
        ValueError: They cannot be nanometres.
    """
    if not (np.isfinite(values).all() and values.min() > 0):
        raise ValueError("wavelengths_nm must all be finite and above 0")
    if values.max() < LONGEST_IN_MICROMETRES:
        raise ValueError(f"wavelengths_nm end at {values.max():g}; give them in nanometres")
    return values


def by_wavelength(
    data: NDArray[np.float32], wavelengths_nm: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], tuple[str, ...]]:
    """A cube (H, W, B) with its bands in the order of their wavelengths; no copy if they are so.

    Returns:
        The cube, its strictly increasing wavelengths, and a sentence on each change.
    """
    order, increasing, notes = strictly_increasing(wavelengths_nm)
    if np.all(np.diff(order) == 1):
        return data, increasing, notes
    return np.ascontiguousarray(data[:, :, order]), increasing, notes


def strictly_increasing(
    wavelengths_nm: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float64], tuple[str, ...]]:
    """Sort bands by wavelength and move bands of equal wavelength a hair apart.

    No band is dropped, since equal wavelengths are mostly rounded ones; bands of equal wavelength
    keep the order of the file.

    Returns:
        Indices that sort the bands, the strictly increasing wavelengths, both of shape (B,), and a
        sentence on each change.

    Example:
        >>> strictly_increasing(np.array([500.0, 400.0, 400.0]))[1].tolist()
        [400.0, 400.001, 500.0]
    """
    order = np.argsort(wavelengths_nm, kind="stable").astype(np.intp)
    notes = []
    if np.any(np.diff(order) < 0):
        notes.append("the bands are not in the order of their wavelengths: sorted")
    distinct, inverse, counts = np.unique(
        wavelengths_nm[order], return_inverse=True, return_counts=True
    )
    repeat = np.arange(order.size) - (np.cumsum(counts) - counts)[inverse]
    step = np.minimum(NUDGE_NM, np.append(np.diff(distinct), np.inf) / (counts + 1))
    moved = int(np.count_nonzero(repeat))
    if moved:
        notes.append(
            f"{moved} bands repeat the wavelength of another: moved apart by {NUDGE_NM:g} nm or "
            "less, in the order of the file"
        )
    return order, distinct[inverse] + repeat * step[inverse], tuple(notes)
