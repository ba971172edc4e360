"""A scene from a seed: camera, background, objects, light and sensor, one after the other.

Letters: H rows, W columns, B bands, G points of the wavelength grid.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.cube import Cube
from dmssn.scenes import light
from dmssn.scenes.arranging import Plan, arrange, draw_plan, draw_stuff
from dmssn.scenes.backgrounds import BACKGROUNDS
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.light import Light
from dmssn.scenes.objects import Vector, paint, shadow
from dmssn.scenes.sensor import Camera, draw_camera, draw_numbers, enlarge, is_water_band, record
from dmssn.scenes.spectra import STREAMS, Stream, spectra_of

KINDS = {"plain": 0.46, "ground": 0.18, "horizon": 0.08, "patchwork": 0.16, "coast": 0.12}
"""Chance of each kind of background."""
SALIENT_FRACTION = (0.002, 0.6)
"""Least and greatest share of a scene that is salient; a scene outside is drawn again."""
SMALLEST_SIDE = 16
SMALLEST_NATIVE_SIDE = 36
"""An enlarged scene had at least this many rows and columns before."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A cube and its truth.

    Attributes:
        name: What the scene is called.
        cube: What the camera wrote.
        mask: True where a salient object is, shape (H, W).
        attributes: Codes of what makes the scene hard, of ``ATTRIBUTES``, in their order.
        facts: What was drawn and measured: background, objects, camera, numbers.
    """

    name: str
    cube: Cube
    mask: NDArray[np.bool_]
    attributes: tuple[str, ...]
    facts: dict[str, Any]


def generate_scene(
    seed: int,
    *,
    height: int = 256,
    width: int = 256,
    bands: int | None = None,
    wavelength_range_nm: tuple[float, float] | None = None,
    attributes: Collection[str] = (),
    stream: Stream = "train",
    name: str | None = None,
) -> Scene:
    """Make one scene; the same arguments give the same scene.

    Args:
        seed: What the scene is drawn from.
        height: Rows, at least 16.
        width: Columns, at least 16.
        bands: Number of bands; drawn from 20 to 220 when None.
        wavelength_range_nm: First and last band centre within 400-2450 nm; drawn when None.
        attributes: Codes of attributes the scene is to have; it may have others too.
        stream: Scenes to train on, or those of a benchmark, which share neither spectra nor chance
            with them.
        name: Name of the scene; ``scene_SEED`` when None.

    Raises:
        ValueError: A size, the bands or the range cannot be.
        ModuleNotFoundError: The extra ``scenes`` is not installed.
    """
    _check(height, width, bands, wavelength_range_nm)
    spectra = spectra_of(stream)
    low, high = SALIENT_FRACTION
    attempt = 0
    while True:
        rng = Chance([STREAMS.index(stream), seed, attempt], spectra)
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        camera = draw_camera(rng, bands, wavelength_range_nm)
        factor = _enlargement(rng, kind, min(height, width))
        canvas = Canvas(-(-height // factor), -(-width // factor))
        lights, plan = _paint(rng, canvas, kind, camera)
        # An object may be hidden, out of the picture or smaller than a pixel.
        if canvas.mask.sum() >= 3 and low <= canvas.mask.mean() <= high:
            break
        attempt += 1
    numbers = draw_numbers(rng)
    radiance = _expose(rng, canvas, lights, camera)
    white = lights[0].spectrum.astype(np.float32) @ camera.response
    data = record(rng, radiance, white, numbers)
    mask = canvas.mask
    if factor > 1:
        data = enlarge(data, (height, width), whole=numbers == "counts")
        grey = mask[:, :, None].astype(np.float32)
        mask = enlarge(grey, (height, width), whole=False)[:, :, 0] >= 0.5
    facts = {
        "background": kind,
        "objects": plan.number,
        "layout": plan.layout,
        "salient_fraction": round(float(mask.mean()), 5),
        "bands": data.shape[2],
        "range_nm": [round(float(nm), 1) for nm in camera.wavelengths_nm[[0, -1]]],
        "numbers": numbers,
        "enlarged": factor,
    }
    name = f"scene_{seed}" if name is None else name
    return Scene(name, Cube(data, camera.wavelengths_nm, name), mask, (), facts)


def _check(
    height: int, width: int, bands: int | None, range_nm: tuple[float, float] | None
) -> None:
    if min(height, width) < SMALLEST_SIDE:
        side = SMALLEST_SIDE
        raise ValueError(f"a scene is at least {side} x {side} pixels, got {height} x {width}")
    if bands is not None and bands < 1:
        raise ValueError(f"a scene has at least 1 band, got {bands}")
    if range_nm is not None and not 400 <= range_nm[0] < range_nm[1] <= 2450:
        raise ValueError(f"the wavelength range must be within 400-2450 nm, got {range_nm}")


def _enlargement(rng: Chance, kind: str, side: int) -> int:
    """How much the scene is enlarged after it was taken; small cubes often are."""
    chance = 0.5 if kind in ("patchwork", "coast") else 0.12
    most = side // SMALLEST_NATIVE_SIDE
    if most < 2 or rng.random() > chance:
        return 1
    return min(2 + int(-math.log2(1 - rng.random())), most)


def _paint(rng: Chance, canvas: Canvas, kind: str, camera: Camera) -> tuple[list[Light], Plan]:
    """Paint the background and the objects; returns what lights them and how they are arranged."""
    palette = BACKGROUNDS[kind](rng, canvas)
    plan = draw_plan(rng, kind)
    outdoors = kind != "plain" and (kind != "ground" or rng.random() < 0.7)
    spectrum = light.sunlight(rng) if outdoors else light.lamp(rng)
    seen = camera.response * (spectrum[:, None] / spectrum.mean())
    behind = np.stack([material.spectra[0] for material in palette])
    things = arrange(rng, plan, canvas.shape, draw_stuff(rng, plan, behind, seen))
    turn, high = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.95)
    flat = np.sqrt(1 - high**2)
    sun: Vector = np.array([flat * np.cos(turn), flat * np.sin(turn), high])
    for thing in things:
        paint(rng, canvas, thing, sun)
    direct = light.uneven(rng, canvas.shape, rng.uniform(0, 0.4 if outdoors else 1.2))
    if rng.random() < 0.6:
        left = shadow(canvas, things, sun, rng.uniform(0.1, 0.7))
        left = gaussian_filter(left, min(canvas.shape) * rng.uniform(0.002, 0.03))
        left[canvas.mask] = 1
        deep = np.float32(rng.uniform(0.3, 1.0))
        direct = direct * (1 - deep * (1 - gaussian_filter(left, 0.6)))
    fill = _fill_light(rng, canvas, outdoors, plan)
    return [Light(spectrum, direct), fill], plan


def _fill_light(rng: Chance, canvas: Canvas, outdoors: bool, plan: Plan) -> Light:
    """What lights the shadows: the sky, walls around, or a second lamp."""
    share = np.float32(0.15 + 0.5 * plan.ambient * rng.random())
    if outdoors:
        spectrum = light.sky(rng.uniform(5800, 9000))
    else:
        spectrum = light.lamp(rng)
    return Light(spectrum, share * light.uneven(rng, canvas.shape, rng.uniform(0, 0.8)))


def _expose(
    rng: Chance, canvas: Canvas, lights: list[Light], camera: Camera
) -> NDArray[np.float32]:
    """The light that reaches each band at each pixel, blurred by the lens, (H, W, B)."""
    blur = rng.uniform(0.4, 1.3)
    shares = np.stack([gaussian_filter(plane, blur) for plane in canvas.planes])
    shares = shares.reshape(len(shares), -1)
    spectra = np.stack(canvas.spectra)
    out = np.zeros((shares.shape[1], camera.wavelengths_nm.size), np.float32)
    for source in lights:
        seen = (spectra * source.spectrum).astype(np.float32) @ camera.response
        out += (shares.T @ seen) * source.field.reshape(-1, 1)
    if camera.wavelengths_nm[-1] > 1400:
        out[:, is_water_band(camera.wavelengths_nm)] *= 0.02
    return out.reshape(*canvas.shape, -1)
