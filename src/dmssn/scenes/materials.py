"""Materials of generated scenes: reflectance spectra, measured or by formula.

Letters: E spectra of one material, G points of the wavelength grid.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import GRID_NM, Spectrum

SOILS = ("dirt", "gravel", "sand", "soil")
PLANTS = ("canopy",)
DRY = ("bark", "char", "litter", "npv", "wood")
PAVED = ("asphalt", "road", "parking_lot", "sidewalk", "bridge")
ROOFS = ("comp_shingle", "concrete_tile", "tile", "wood_shingle", "metal")
MADE = ("paint", "metal", "tile", "other")
GLOSS = {"metal": (0.3, 1.0), "paint": (0.0, 0.9), "tile": (0.0, 0.6), "other": (0.0, 0.6)}
"""Least and greatest gloss of what people make; everything else of the library is matt."""


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
    group = rng.choice(classes)
    spectra = rng.spectra.reflectance[group]
    picks = spectra[rng.integers(len(spectra), 4)]
    base = rng.shares([4.0, 1.0, 0.5]) @ picks[:3]
    material = varied(rng, base * rng.uniform(0.75, 1.3), toward=picks[3])
    return Material(material.spectra, rng.uniform(*GLOSS.get(group, (0.0, 0.0))))


def charted(rng: Chance) -> Material:
    """A paint of a colour chart; its infrared is drawn, for the charts were measured to 700 nm.

    Most dyes and pigments let go of the light near there; soot and some oxides stay as they are.
    """
    paints = rng.spectra.reflectance["chart"]
    base = paints[rng.integer(0, len(paints))]
    end = float(base[-1])  # held since the end of the chart
    level = max(end, rng.uniform(0.45, 0.95)) if rng.one_in(0.75) else end * rng.uniform(0.7, 1.1)
    infrared = _edge(rng.uniform(725, 800), rng.uniform(6, 15))
    tail = level * (1 + 0.03 * _smooth(rng, 60))
    base = (base * (1 - infrared) + tail * infrared) * _organic(rng)
    material = varied(rng, np.clip(base, 0.002, 1))
    return Material(material.spectra, _finish(rng))


def varied(rng: Chance, base: Spectrum, toward: Spectrum | None = None) -> Material:
    """A material around a spectrum: itself, more or less of what colours it, on its way to another.

    The second is tilted a little as well, as by dust or damp.
    """
    middle = (GRID_NM - GRID_NM.mean()) / np.ptp(GRID_NM)
    other = deepened(np.clip(base, 0.002, 1.0), math.exp(rng.normal(0, 0.4)))
    other = other * (1 + rng.normal(0, 0.2) * middle) ** 2 * rng.uniform(0.9, 1.1)
    spectra = [base, other]
    if toward is not None:
        spectra.append(base + rng.uniform(0.2, 0.6) * (toward - base))
    return Material(np.clip(np.stack(spectra), 0.002, 1.0))


def deepened(reflectance: Spectrum, factor: float) -> Spectrum:
    """What a thick layer reflects when ``factor`` times as much in it absorbs.

    Kubelka and Munk (1931): absorption over scattering is (1 - R)^2 / 2R.
    """
    ratio = factor * (1 - reflectance) ** 2 / (2 * reflectance)
    return np.asarray(1 / (1 + ratio + np.sqrt(ratio**2 + 2 * ratio)))


def grey(rng: Chance, level: float) -> Material:
    """Cloth, card or paint without much colour; ``level`` is its reflectance in the visible."""
    ripple = 1 + _smooth(rng, rng.uniform(60, 300)) * rng.uniform(0.01, 0.1)
    tint = 1 + rng.normal(0, 0.12) * (GRID_NM - 550) / 150 * (GRID_NM < 700)
    # Many black dyes are bright in the near infrared.
    rise = rng.uniform(0, 4) * _edge(rng.uniform(680, 800), rng.uniform(15, 60))
    base = level * np.clip(ripple * tint, 0.3, 2) * (1 + rng.choice([0, 1], p=[0.4, 0.6]) * rise)
    if level < 0.08:  # and in the violet
        base = base * (1 + rng.uniform(0, 3) * np.exp(-(GRID_NM - GRID_NM[0]) / 25))
    return varied(rng, np.clip(base, 0.002, 0.95) * _organic(rng))


def pigment(rng: Chance) -> Material:
    """A dye, fruit, plastic or paint with a colour: an edge, a bump or a notch in the visible."""
    floor, top = rng.spread(0.008, 0.12), rng.uniform(0.25, 0.9)
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
    material = varied(rng, np.clip(base, 0.002, 1))
    return Material(material.spectra, _finish(rng))


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


def _finish(rng: Chance) -> float:
    """Gloss of a paint or plastic: matt, or anything up to polished."""
    return rng.choice([0.0, rng.uniform(0.1, 1.0)])


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
