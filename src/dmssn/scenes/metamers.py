"""Metamers: other spectra of the same colour.

The colour of a surface is a few linear functionals of its reflectance. Two reflectances on which
all of them agree look the same to an eye and in a picture rendered from the camera's bands, however
much they differ otherwise.
Letters: B bands, G points of the wavelength grid, K spectra, M functionals.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dmssn.rendering import colour_matching, palette
from dmssn.scenes.spectra import GRID_NM, Spectrum

Table = NDArray[np.float64]

LEAST_STRENGTH = 0.003
"""Functionals in which colours differ by less than this share of what they have in common are left
out. That costs a Delta E of 0.04 or so, 0.3 at most, and spares metamers ripples that no surface
has: an eye's colours and those of a camera's bands are nearly the same.
"""
REFLECTANCE = (0.002, 1.0)
"""Least and greatest reflectance of a metamer."""
INNER = (0.004, 0.98)
"""Bounds that the rounds aim at, so that the last correction stays within ``REFLECTANCE``."""
SMOOTH_NM = 12.0
"""Standard deviation of the bumps by which a spectrum is corrected to the colour wanted."""
ROUNDS = 12
"""Corrections to the bounds and to the colour, in turn."""
OVERSHOOTS = (1, 3, 10, 30, 100)
"""How many times as far as the shape wanted a metamer aims, in turn, until it differs enough: where
a camera sees the visible alone, colour leaves a spectrum little freedom."""
APART_RAD = 0.13
"""Least spectral angle of a metamer to its original: the 0.1 rad that colour similarity (CS) asks
of a finished scene, and something for lens and noise."""


def colour_functionals(
    lights: Sequence[Spectrum],
    camera_response: NDArray[np.floating],
    wavelengths_nm: NDArray[np.float64],
    gain: NDArray[np.floating] | None = None,
) -> Table:
    """The linear functionals of reflectance that make up the colour of a surface.

    Under each light these are CIE XYZ on the whole grid, and the red, green and blue that
    ``rendering`` makes of the camera's bands. A surface lit by any mix of the lights has a colour
    that they determine.

    Args:
        lights: Spectra of what falls on the surface, each of shape (G,).
        camera_response: What each band makes of a spectrum, shape (G, B).
        wavelengths_nm: Band centres, shape (B,).
        gain: What each band is multiplied by before it is rendered, shape (B,), such as 1 / white
            for a cube of reflectance; 1 when None.

    Returns:
        Orthonormal functionals with the same span but for ``LEAST_STRENGTH``, shape (G, M).

    Raises:
        ValueError: The camera's bands give no true colour.
    """
    colours = palette(wavelengths_nm.size, wavelengths_nm)
    if not colours.true:
        low, high = wavelengths_nm[0], wavelengths_nm[-1]
        raise ValueError(
            "metamers need a camera whose bands cover 450-650 nm closely, "
            f"got {wavelengths_nm.size} bands in {low:.0f}-{high:.0f} nm"
        )
    written = np.asarray(camera_response * (1 if gain is None else gain), dtype=float)
    views = np.hstack([colour_matching(GRID_NM), written @ colours.weights.T])
    columns = np.hstack([light[:, None] * views for light in lights])
    columns /= np.linalg.norm(columns, axis=0)
    left, strength, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, strength > LEAST_STRENGTH * strength[0]])


def metamers(of: Table, toward: Spectrum, functionals: Table, seen: Table) -> Table | None:
    """Reflectances of the same colours as others, and as near to a given shape as may be.

    Where colour does not reach, in the infrared, a metamer is ``toward``, as bright as its original
    looks beside it.

    Args:
        of: Reflectances whose colours are kept, shape (K, G).
        toward: Reflectance to be like, shape (G,).
        functionals: Of ``colour_functionals``, shape (G, M).
        seen: What the camera makes of a reflectance in the scene's light, shape (G, B).

    Returns:
        Shape (K, G), within ``REFLECTANCE`` where ``of`` is; the functionals are those of ``of``
        but for rounding. None where a spectrum cannot get ``APART_RAD`` away from its original as
        the camera sees them.
    """
    correct = _corrections(functionals)
    colours, like = of @ functionals, toward @ functionals
    goal = np.maximum(colours @ like / (like @ like), 0)[:, None] * toward
    out = of.copy()
    left = np.arange(len(of))
    for overshoot in OVERSHOOTS:
        start = of[left]
        aim = start + overshoot * (goal[left] - start)
        away = _feasible(aim, colours[left], functionals, correct) - start
        # Between an original and its metamer, and beyond, every spectrum has the same colour.
        room, needed = _room(start, away), _needed(start @ seen, away @ seen)
        done = np.isfinite(needed) & (needed <= room)
        reach = np.minimum(room, np.maximum(needed, 1 if overshoot == 1 else 0))[done]
        out[left[done]] += reach[:, None] * away[done]
        left = left[~done]
        if left.size == 0:
            return out
    return None


def _feasible(found: Table, colours: Table, functionals: Table, correct: Table) -> Table:
    """Spectra near others that have the colours wanted and are within the bounds, or almost."""
    for _ in range(ROUNDS):
        found = np.clip(found, *INNER)
        found += (colours - found @ functionals) @ correct
    return found


def spectral_angle(one: NDArray[np.floating], other: NDArray[np.floating]) -> Table:
    """Angle between spectra along the last axis, in radians; 0 where one is all zeros.

    The form of W. Kahan ("How futile are mindless assessments of roundoff in floating-point
    computation?", 2006, section 12), which is accurate for small angles, too.
    """
    one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    p = one * np.linalg.norm(other, axis=-1, keepdims=True)
    q = other * np.linalg.norm(one, axis=-1, keepdims=True)
    opposite, adjacent = np.linalg.norm(p - q, axis=-1), np.linalg.norm(p + q, axis=-1)
    return np.asarray(2 * np.arctan2(opposite, adjacent))


def _corrections(functionals: Table) -> Table:
    """The smooth change of a spectrum that changes one functional by 1 and no other, (M, G)."""
    bumps = _bumps() @ functionals
    return np.asarray(np.linalg.solve(functionals.T @ bumps, bumps.T))


@cache
def _bumps() -> Table:
    """What a correction is made of, shape (G, G): a bump about each wavelength.

    Functionals of narrow bands differ by what no smooth spectrum has; a little white noise keeps
    the equations for them solvable.
    """
    off = (GRID_NM[:, None] - GRID_NM) / SMOOTH_NM
    return np.asarray(np.exp(-0.5 * off**2) + 1e-4 * np.eye(GRID_NM.size))


def _room(start: Table, step: Table) -> Spectrum:
    """How many steps fit between the bounds, (K,); where the start is outside, none farther out."""
    low, high = np.minimum(start, REFLECTANCE[0]), np.maximum(start, REFLECTANCE[1])
    bound = np.where(step > 0, high, low)
    steps = np.full(step.shape, np.inf)
    np.divide(bound - start, step, out=steps, where=step != 0)
    return np.asarray(steps.min(axis=1))


def _needed(start: Table, step: Table) -> Spectrum:
    """Steps until the angle to the start is ``APART_RAD``, (K,); infinite where it never is."""
    length = np.linalg.norm(start, axis=1)
    along = (start * step).sum(axis=1) / length
    across = np.linalg.norm(step - along[:, None] * start / length[:, None], axis=1)
    gained = across - along * np.tan(APART_RAD)
    steps = np.full(length.shape, np.inf)
    np.divide(length * np.tan(APART_RAD), gained, out=steps, where=gained > 0)
    return steps
