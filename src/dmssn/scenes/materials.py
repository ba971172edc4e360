"""Materials of generated scenes: reflectance spectra, measured or made up.

Letters: E spectra of one material, G points of the wavelength grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import GRID_NM, Spectrum

SOILS = ("dirt", "gravel", "sand", "soil")
PLANTS = ("canopy",)
DRY = ("bark", "litter", "npv", "wood")
PAVED = ("asphalt", "road", "parking_lot", "sidewalk", "driveway", "bridge")
ROOFS = ("comp_shingle", "concrete_tile", "tile", "wood_shingle", "metal")
MADE = ("paint", "metal", "tile", "glass", "other", "manhole")


@dataclass(frozen=True, eq=False)
class Material:
    """A material and how it varies.

    Attributes:
        spectra: Reflectance in [0, 1], shape (E, G). The first is the material itself, the others
            are what it shades into from place to place.
        gloss: Strength of its highlights, 0 (matt) to 1.
    """

    spectra: NDArray[np.float64]
    gloss: float = 0.0


def measured(rng: Chance, classes: Sequence[str]) -> Material:
    """A material of the library: a mix of up to three spectra of one class, and its neighbours."""
    spectra = rng.spectra.reflectance[classes[int(rng.integer(0, len(classes)))]]
    picks = spectra[rng.integers(len(spectra), 4)]
    shares = rng.shares([4.0, 1.0, 0.5])
    base = shares @ picks[:3]
    return varied(rng, base * rng.uniform(0.75, 1.3), toward=picks[3])


def varied(rng: Chance, base: Spectrum, toward: Spectrum | None = None) -> Material:
    """A material around a spectrum: itself, itself tilted, and on its way to another one."""
    middle = (GRID_NM - GRID_NM.mean()) / np.ptp(GRID_NM)
    tilted = base * (1 + rng.normal(0, 0.25) * middle) ** 2 * rng.uniform(0.8, 1.2)
    spectra = [base, tilted]
    if toward is not None:
        spectra.append(base + rng.uniform(0.2, 0.6) * (toward - base))
    return Material(np.clip(np.stack(spectra), 0.002, 1.0))


def grey(rng: Chance, level: float) -> Material:
    """Cloth, card or paint without much colour; ``level`` is its reflectance in the visible."""
    ripple = 1 + _smooth(rng, rng.uniform(60, 300)) * rng.uniform(0.01, 0.1)
    tint = 1 + rng.normal(0, 0.12) * (GRID_NM - 550) / 150 * (GRID_NM < 700)
    # Many black dyes are bright in the near infrared.
    rise = _edge(rng.uniform(690, 800), rng.uniform(15, 60)) * rng.choice([0.0, rng.uniform(0, 4)])
    base = level * np.clip(ripple * tint, 0.3, 2) * (1 + rise)
    return varied(rng, np.clip(base, 0.002, 0.95) * _organic(rng))


def pigment(rng: Chance) -> Material:
    """A dye, fruit, plastic or paint with a colour: an edge, a bump or a notch in the visible."""
    floor, top = rng.uniform(0.01, 0.12), rng.uniform(0.25, 0.9)
    kind = rng.choice(["edge", "edge", "bump", "bump", "notch"])
    if kind == "edge":  # yellow, orange, red
        curve = _edge(rng.uniform(480, 640), rng.uniform(6, 25))
    elif kind == "bump":  # blue, cyan, green
        curve = _bump(rng.uniform(430, 570), rng.uniform(20, 50))
    else:  # pink, magenta, purple
        curve = 1 - rng.uniform(0.6, 1) * _bump(rng.uniform(490, 590), rng.uniform(25, 60))
    infrared = _edge(rng.uniform(660, 780), rng.uniform(8, 40))
    curve = curve * (1 - infrared) + rng.uniform(0.3, 1.0) * infrared
    base = (floor + (top - floor) * curve) * _organic(rng)
    base *= 1 + 0.04 * _smooth(rng, 50)
    gloss = rng.choice([0.0, rng.uniform(0.1, 1.0)])
    material = varied(rng, np.clip(base, 0.002, 1))
    return Material(material.spectra, float(gloss))


def made_up(rng: Chance) -> Material:
    """A smooth random spectrum, so that nothing hangs on what one library happens to hold."""
    length_nm = rng.spread(25, 300)
    wave = _smooth(rng, length_nm) * rng.uniform(0.5, 1.6) + rng.normal(-1.0, 0.8)
    base = 1 / (1 + np.exp(-wave))
    return Material(varied(rng, base).spectra, float(rng.choice([0.0, rng.uniform(0, 0.6)])))


def water(rng: Chance) -> Material:
    """Sea, lake or river: dark, darker toward the red, nearly black in the infrared."""
    level = rng.spread(0.02, 0.12)
    green = 0.6 * _bump(rng.uniform(480, 580), rng.uniform(40, 90))
    base = level * ((1 + green) * (1 - _edge(rng.uniform(580, 720), 30)) + rng.uniform(0.02, 0.2))
    return varied(rng, np.clip(base, 0.001, 1))


def _smooth(rng: Chance, length_nm: float) -> Spectrum:
    """Noise of unit variance along the grid, correlated over ``length_nm``."""
    sigma = length_nm / (GRID_NM[1] - GRID_NM[0])
    noise = gaussian_filter1d(rng.noise((GRID_NM.size + 200,)), sigma, mode="wrap")
    return np.asarray(noise[100:-100] / noise.std())


def _edge(centre_nm: float, width_nm: float) -> Spectrum:
    return np.asarray(0.5 + 0.5 * np.tanh((GRID_NM - centre_nm) / (2 * width_nm)))


def _bump(centre_nm: float, width_nm: float) -> Spectrum:
    return np.asarray(np.exp(-0.5 * ((GRID_NM - centre_nm) / width_nm) ** 2))


def _organic(rng: Chance) -> Spectrum:
    """Absorption of water (1200, 1450, 1940 nm) and of C-H bonds (1730, 2310 nm), in [0, 1]."""
    wet, organic = rng.uniform(0, 0.8, 2) * rng.integers(2, 2)
    taken = wet * (0.3 * _bump(1200, 40) + 0.8 * _bump(1450, 60) + _bump(1940, 70))
    taken += organic * (0.5 * _bump(1730, 25) + 0.6 * _bump(2310, 40))
    fall = 1 - 0.6 * wet * _edge(1350, 60)
    return np.asarray(np.clip(1 - taken, 0.1, 1) * fall)
