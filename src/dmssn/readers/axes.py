"""Which stored axis holds the bands, and how the others are laid out.

Letters: H rows, W columns, B bands. The rule, in order: what the format says; the axis as long as
the list of wavelengths; the one axis that can be spectral by the lengths alone. What stays
undecided is an error that lists the choices.
"""

from pathlib import Path

from dmssn.config import SettingError
from dmssn.readers.stored import ChoiceError, Convention

FEWEST_BANDS = 5
"""Shorter axes are not guessed to be spectral: 3 and 4 are the channels of a colour picture."""
MOST_BANDS = 1024
"""Longer axes are not guessed to be spectral: an unbinned camera reaches about this many bands."""
CLEARLY_SHORTER = 2
"""The guessed spectral axis is at most the other two divided by this."""
ALIKE = 2
"""The other two count as alike when the longer is at most this many times the shorter."""


def axis_from_lengths(shape: tuple[int, ...]) -> int | None:
    """The one axis that can be spectral, judged by three lengths alone; None when none stands out.

    It is the odd one out when the other two are equal (most scenes of that kind are square), else
    the shortest if it is at most half as long as the other two and these are alike. Scenes that
    are nearly as narrow as they have bands (512 x 217 pixels, 204 bands) stay undecided on
    purpose: a guess would often be wrong.

    Example:
        >>> axis_from_lengths((36, 36, 72)), axis_from_lengths((200, 1240, 1680))
        (2, 0)
        >>> axis_from_lengths((512, 217, 204)) is None
        True
    """
    short, middle, long = sorted(shape)
    if (short == middle) != (middle == long):
        bands = long if short == middle else short
    elif short * CLEARLY_SHORTER <= middle and long <= ALIKE * middle:
        bands = short
    else:
        return None
    return shape.index(bands) if FEWEST_BANDS <= bands <= MOST_BANDS else None


def find_axes(
    path: Path,
    shape: tuple[int, ...],
    convention: Convention | None,
    wavelength_count: int | None,
    band_axis: int | None,
) -> tuple[str, str]:
    """Decide which stored axis is which.

    Args:
        path: File the cube is in, for messages.
        shape: Lengths of the three stored axes.
        convention: The format's axis order, if it has one.
        wavelength_count: How many wavelengths are known for the cube, if any.
        band_axis: What the user says, which settles it.

    Returns:
        The order of the stored axes, such as ``"BWH"``, and a sentence that says why.

    Raises:
        SettingError: ``band_axis`` is none of the axes, or not the one the file's header names.
        ValueError: The rule cannot decide.
    """
    if band_axis is not None:
        _check_choice(path, shape, convention, band_axis)
        axis, reason = band_axis, "as --band-axis says"
    else:
        axis, reason = _decide(path, shape, convention, wavelength_count)
    axes = _order(axis, convention)
    return axes, f"axis {axis} of {shape} holds the bands: {reason}"


def _check_choice(
    path: Path, shape: tuple[int, ...], convention: Convention | None, band_axis: int
) -> None:
    if band_axis not in range(3):
        raise SettingError(f"--band-axis is 0, 1 or 2, got {band_axis}")
    if convention and convention.certain and band_axis != convention.band_axis:
        raise SettingError(
            f"{path}: --band-axis {band_axis} of {shape} contradicts {convention.reason}, "
            f"which says {convention.band_axis}; leave it out"
        )


def _decide(
    path: Path, shape: tuple[int, ...], convention: Convention | None, wavelength_count: int | None
) -> tuple[int, str]:
    if convention and convention.certain:
        return convention.band_axis, convention.reason
    as_long = [axis for axis in range(3) if shape[axis] == wavelength_count]
    guess = axis_from_lengths(shape)
    usual = convention.band_axis if convention else None
    if convention and usual in as_long:
        return convention.band_axis, f"{convention.reason}, and as long as the list of wavelengths"
    if convention and not as_long and guess in (None, usual):
        return convention.band_axis, convention.reason
    if len(as_long) == 1:
        return as_long[0], "the only one as long as the list of wavelengths"
    if guess is not None and (guess in as_long or (not as_long and not convention)):
        return guess, f"by the lengths, only {shape[guess]} can be the number of bands"
    doubt = "cannot tell which axis holds the bands"
    if convention and not as_long:
        doubt = f"axis {usual} by the format ({convention.reason}), axis {guess} by the lengths"
    choices = "; ".join(f"{axis}: {_as_read(shape, axis, convention)}" for axis in range(3))
    raise ChoiceError(f"{path}: shape {shape}: {doubt}; pass --band-axis ({choices})")


def _order(axis: int, convention: Convention | None) -> str:
    """The stored order, given the band axis; rows come before columns unless the format differs."""
    spatial = "HW"
    if convention:
        spatial = convention.axes.replace("B", "")
    return spatial[:axis] + "B" + spatial[axis:]


def _as_read(shape: tuple[int, ...], axis: int, convention: Convention | None) -> str:
    height, width, bands = (shape[_order(axis, convention).index(letter)] for letter in "HWB")
    return f"{bands} bands of {height} x {width} pixels"
