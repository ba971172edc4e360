"""What objects are made of, for what is behind them.

Letters: B bands, G points of the wavelength grid, K planes of a canvas.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes import materials
from dmssn.scenes.arranging import Plan
from dmssn.scenes.attributes import STANDS_OUT
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.metamers import colour_functionals, metamers, spectral_angle
from dmssn.scenes.objects import Thing, box_of
from dmssn.scenes.sensor import Camera
from dmssn.scenes.spectra import GRID_NM, Spectrum
from dmssn.scenes.styles import Style

TARGETS = 10
"""Spectra tried for a metamer to be like."""
SAMPLED = 20
"""Objects whose places tell how much the background varies."""
TRIES = 12
"""Materials tried for one as far from the background as was drawn."""
CONTRAST_NEAR, CONTRAST_AIRBORNE = (0.5, 3.5), (0.15, 0.8)
"""Least and greatest contrast drawn, of objects seen from nearby and from the air."""


class NoMetamer(ValueError):
    """Nothing tried is far enough from what is behind and of the same colour."""


def dress(
    rng: Chance,
    canvas: Canvas,
    things: list[Thing],
    style: Style,
    camera: Camera,
    lights: list[Spectrum],
    plan: Plan,
    *,
    white_out: bool,
) -> list[Thing]:
    """Choose what objects are made of.

    Args:
        rng: Source of chance.
        canvas: The background.
        things: Objects without materials.
        style: Of the scene.
        camera: What sees them.
        lights: Spectra (G,) of what lights them, the main one first.
        plan: What they have in common.
        white_out: Whether the file holds reflectance, its bands divided by those of white.

    Raises:
        NoMetamer: They are to be of the background's colour, and nothing tried can be.
    """
    seen = camera.response * (lights[0][:, None] / lights[0].mean())
    if style.metamers:
        gain = 1 / camera.levels(lights[0] @ camera.response) if white_out else None
        written = seen if gain is None else seen * gain
        twins = _twins(rng, canvas, camera, lights, written, gain)
        return [replace(thing, twins=twins, relief=0.0, pattern=0.0) for thing in things]
    if style.akin:
        varied = _texture(canvas, things, seen)[1]
        return [_akin(rng, canvas, thing, STANDS_OUT * varied) for thing in things]
    behind = np.stack(canvas.spectra)[canvas.firsts] @ seen
    kinds = 1 if plan.same_stuff else min(len(things), 6)
    least = STANDS_OUT * _texture(canvas, things, seen)[0]
    stuff = [_stuff(rng, behind, seen, plan, least) for _ in range(kinds)]
    return [replace(thing, materials=stuff[index % kinds]) for index, thing in enumerate(things)]


def _twins(
    rng: Chance,
    canvas: Canvas,
    camera: Camera,
    lights: list[Spectrum],
    seen: NDArray[np.float64],
    gain: NDArray[np.float64] | None,
) -> Material:
    """A spectrum for each of the canvas, of the same colour and otherwise another."""
    functionals = colour_functionals(lights, camera.response, camera.wavelengths_nm, gain)
    originals = np.stack(canvas.spectra)
    for _ in range(TARGETS):
        found = metamers(originals, _any(rng).spectra[0], functionals, seen)
        if found is not None:
            return Material(found)
    raise NoMetamer("no metamer")


def _texture(canvas: Canvas, things: list[Thing], seen: NDArray[np.float64]) -> tuple[float, float]:
    """How much the background varies where objects are to be: contrast, and log brightness."""
    boxes = [box for thing in things[:SAMPLED] if (box := box_of(thing, canvas.shape)) is not None]
    if not boxes:
        return 0.0, 0.0
    shares = np.concatenate(
        [np.stack([plane[box].ravel() for plane in canvas.planes], axis=1) for box in boxes]
    )
    shares = shares[:: max(1, len(shares) // 500)]
    spectra = shares @ (np.stack(canvas.spectra) @ seen)
    angle = float(np.median(spectral_angle(spectra, spectra.mean(axis=0))))
    varied = float(np.log(np.maximum(spectra.mean(axis=1), 1e-9)).std())
    return 2.5 * angle + 0.5 * varied, varied


def _akin(rng: Chance, canvas: Canvas, thing: Thing, least: float) -> Thing:
    """The object of what is behind it: brighter or darker, of another tint or texture."""
    box = box_of(thing, canvas.shape)
    base = canvas.reflectance(np.s_[:, :] if box is None else box)
    tint = 1 + rng.uniform(0.05, 0.2) * rng.choice([-1, 1]) * np.exp(
        -0.5 * ((GRID_NM - rng.uniform(430, 670)) / rng.uniform(20, 50)) ** 2
    )
    other = min(max(rng.uniform(0.25, 0.85), least), 1.2)  # in log brightness
    factor = np.exp(other if rng.one_in(0.5) else -other)
    body = np.clip(base * factor * tint, 0.002, 0.98)
    marks = np.clip(base * rng.uniform(0.5, 1.8), 0.002, 0.98)
    return replace(
        thing,
        materials=[Material(body[None]), Material(marks[None])],
        pattern=rng.uniform(0, 1) if rng.one_in(0.5) else 0.0,
    )


def _stuff(
    rng: Chance,
    behind: NDArray[np.float64],
    seen: NDArray[np.float64],
    plan: Plan,
    least: float,
) -> list[Material]:
    """Two or three materials of one object, each about as far from the background as is drawn."""
    drawn = rng.spread(*(CONTRAST_AIRBORNE if plan.airborne else CONTRAST_NEAR))
    wanted = min(max(drawn, least), CONTRAST_NEAR[1])
    alike_bright = rng.one_in(0.15)
    stuff = []
    for _ in range(rng.integer(2, 4)):
        tried: list[tuple[float, Material]] = []
        for _ in range(TRIES):
            material = _any(rng, airborne=plan.airborne)
            if alike_bright:  # as what is behind it: only the spectrum tells
                front = material.spectra[0] @ seen
                factor = float(np.clip(behind[0].mean() / front.mean(), 0.2, 3))
                spectra = np.clip(material.spectra * factor, 0.002, 1)
                material = replace(material, spectra=spectra, gloss=material.gloss * 0.2)
            off = abs(np.log(contrast(material.spectra[0] @ seen, behind) / wanted))
            tried.append((float(off), material))
            if off < 0.3:
                break
        stuff.append(min(tried, key=lambda pair: pair[0])[1])
    return stuff


def contrast(front: NDArray[np.float64], behind: NDArray[np.float64]) -> float:
    """How far a spectrum (B,) is from the nearest of others (materials, B).

    The spectral angle in radians times 2.5, plus half the difference of log brightness: our own
    yardstick, by which 0.6 is seen at a glance.
    """
    bright = np.abs(np.log(front.mean() / behind.mean(axis=1)))
    return float(np.min(2.5 * spectral_angle(behind, front) + 0.5 * bright)) + 1e-6


def _any(rng: Chance, *, airborne: bool = False) -> Material:
    kinds = ["pigment", "chart", "made up", "made", "grey", "natural"]
    shares = [0.12, 0.05, 0.08, 0.3, 0.4, 0.05] if airborne else [0.32, 0.13, 0.2, 0.12, 0.13, 0.1]
    kind = rng.choice(kinds, p=shares)
    if kind == "pigment":
        return materials.pigment(rng)
    if kind == "chart":
        return materials.charted(rng)
    if kind == "made up":
        return materials.made_up(rng)
    if kind == "made":
        return materials.measured(rng, materials.MADE)
    if kind == "grey":
        return materials.grey(rng, rng.choice([0.1, 0.95]) * rng.uniform(0.4, 1))
    return materials.measured(rng, materials.PLANTS + materials.DRY + materials.SOILS)
