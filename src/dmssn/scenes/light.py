"""Light on generated scenes: its spectrum and how it falls over the picture.

Letters: G points of the wavelength grid, T a temperature in kelvin.
"""

from dataclasses import dataclass

import numpy as np

from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import GRID_NM, Spectrum
from dmssn.scenes.textures import Plane, Shape, fractal

SECOND_RADIATION_NM_K = 1.438776877e7
"""hc/k of Planck's law in nm K (CODATA 2018)."""
ABSORPTION_NM = ((760, 5, 0.5), (940, 20, 0.5), (1130, 25, 0.5), (1395, 40, 0.97), (1880, 55, 0.99))
"""Where air takes sunlight: centre, width and greatest share taken; oxygen, then water vapour."""


@dataclass(frozen=True, eq=False)
class Light:
    """One source.

    Attributes:
        spectrum: Spectral power, about 1 on average over the visible, shape (G,).
        field: How much of it reaches each pixel, shape (H, W).
    """

    spectrum: Spectrum
    field: Plane


def black_body(temperature: float) -> Spectrum:
    """Planck's law, scaled to a mean of 1 over 400-700 nm."""
    power = GRID_NM**-5.0 / np.expm1(SECOND_RADIATION_NM_K / (GRID_NM * temperature))
    return np.asarray(power / power[GRID_NM <= 700].mean())


def sunlight(rng: Chance) -> Spectrum:
    """A black body of 5800 K through air with more or less water vapour and haze."""
    taken = np.ones_like(GRID_NM)
    for centre, width, share in ABSORPTION_NM:
        dip = share * rng.uniform(0.8, 1.0) * np.exp(-0.5 * ((GRID_NM - centre) / width) ** 2)
        taken *= 1 - dip
    haze = (GRID_NM / 550) ** rng.uniform(-0.2, 0.6)
    return black_body(rng.uniform(5200, 6200)) * taken * np.minimum(haze, 1.6)


def lamp(rng: Chance) -> Spectrum:
    """An incandescent, a white LED or a fluorescent lamp; the last two with a little infrared."""
    kind = rng.choice(["incandescent", "incandescent", "led", "fluorescent"])
    if kind == "incandescent":
        return black_body(rng.uniform(2600, 4500))
    broad = np.exp(-0.5 * ((GRID_NM - rng.uniform(550, 610)) / rng.uniform(50, 80)) ** 2)
    if kind == "led":
        power = broad + rng.uniform(0.4, 1.2) * np.exp(-0.5 * ((GRID_NM - 452) / 11) ** 2)
    else:
        power = 0.5 * broad
        for line, strength in ((436, 0.7), (546, 1.2), (611, 1.1)):
            power += strength * np.exp(-0.5 * ((GRID_NM - line) / 8) ** 2)
    power += rng.uniform(0.04, 0.15)
    return np.asarray(power / power[GRID_NM <= 700].mean())


def sky(temperature: float) -> Spectrum:
    """Bluish light from all around, which is what a shadow in the open sees."""
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
