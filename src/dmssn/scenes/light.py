"""Light on generated scenes: its spectrum and how it falls over the picture.

Letters: G points of the wavelength grid.
"""

from dataclasses import dataclass

import numpy as np

from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import GRID_NM, Spectrum, black_body
from dmssn.scenes.textures import Plane, Shape, fractal

ABSORPTION_NM = ((760, 5, 0.5), (940, 20, 0.5), (1130, 25, 0.5), (1395, 40, 0.97), (1880, 55, 0.99))
"""Where air takes sunlight: centre, width and greatest share taken; oxygen, then water vapour."""
DAYLIGHT_END_NM = 830
"""Up to here the tables of daylight have in them what air takes."""
LAMPS = {"incandescent": 0.3, "led": 0.22, "fluorescent": 0.16, "discharge": 0.04, "daylight": 0.28}
"""Chance of each kind of lamp, and of a window."""


@dataclass(frozen=True, eq=False)
class Light:
    """One source.

    Attributes:
        spectrum: Spectral power, about 1 on average over the visible, shape (G,).
        field: How much of it reaches each pixel, shape (H, W).
    """

    spectrum: Spectrum
    field: Plane


def sunlight(rng: Chance) -> Spectrum:
    """Sun through air: a black body with haze, or with skylight, as daylight was measured."""
    power, from_nm = black_body(rng.uniform(5200, 6200)), 0
    if rng.one_in(0.5):
        power, from_nm = _mixed(rng, "daylight"), DAYLIGHT_END_NM
    for centre, width, share in ABSORPTION_NM:
        if centre > from_nm:
            dip = np.exp(-0.5 * ((GRID_NM - centre) / width) ** 2)
            power = power * (1 - share * rng.uniform(0.8, 1.0) * dip)
    haze = (GRID_NM / 550) ** rng.uniform(-0.2, 0.6)
    return np.asarray(power * np.minimum(haze, 1.6))


def lamp(rng: Chance) -> Spectrum:
    """A lamp as it was measured, of two makes at times, and a little older, bluer or redder.

    Half of the incandescent ones are black bodies instead. The other kinds send out next to no
    infrared; a share of incandescent light is with them, as there is in most rooms.
    """
    kind = rng.choice(list(LAMPS), p=list(LAMPS.values()))
    if kind == "incandescent":
        power = black_body(rng.uniform(2600, 4500)) if rng.one_in(0.5) else _mixed(rng, kind)
    elif kind == "daylight":
        power = _mixed(rng, kind)
    else:
        power = _mixed(rng, kind) + rng.spread(0.02, 0.2) * black_body(rng.uniform(2600, 3200))
    power = power * (GRID_NM / 550) ** rng.normal(0, 0.15)
    return np.asarray(power / power[GRID_NM <= 700].mean())


def _mixed(rng: Chance, kind: str) -> Spectrum:
    """Two measured lights of a kind, more of the first."""
    measured = rng.spectra.illuminants[kind]
    first, second = measured[rng.integers(len(measured), 2)]
    return np.asarray(first + (second - first) * 0.5 * rng.random() ** 2)


def sky(temperature: float) -> Spectrum:
    """Bluish light from all around, which is what a shadow in the open sees; kelvin."""
    return black_body(temperature) * (GRID_NM / 550) ** -1.5


def uneven(rng: Chance, shape: Shape, strength: float) -> Plane:
    """A field around 1: a slope over the picture, a pool of light and darker corners.

    Args:
        rng: Source of chance.
        shape: (H, W).
        strength: 0 is even light, 1 strongly uneven.
    """
    height, width = shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    out = 0.5 * strength * rng.random() * (x * np.cos(angle) + y * np.sin(angle))
    if rng.random() < 0.5:
        cy, cx, radius = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8), rng.uniform(0.5, 1.5)
        out += strength * rng.random() * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / radius**2)
    if rng.random() < 0.4:
        out -= 0.35 * strength * rng.random() * (x**2 + y**2)
    out += 0.1 * strength * fractal(rng, shape, max(shape) / 2, 3.0)
    return np.asarray(np.exp(out), dtype=np.float32)
