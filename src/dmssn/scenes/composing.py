"""A scene from a seed: camera, background, objects, light and sensor, one after the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.cube import Cube
from dmssn.scenes import light, materials
from dmssn.scenes.backgrounds import BACKGROUNDS
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.light import Light
from dmssn.scenes.materials import Material
from dmssn.scenes.objects import AIRBORNE, FAMILIES, NEAR, Thing, paint, shadow, unit_area
from dmssn.scenes.sensor import Camera, Numbers, draw_camera, is_water_band, record

KINDS = {"plain": 0.42, "ground": 0.2, "horizon": 0.1, "patchwork": 0.17, "coast": 0.11}
"""Chance of each kind of background."""
FROM_THE_AIR = ("patchwork", "coast")


@dataclass(frozen=True, eq=False)
class Scene:
    """A cube and its truth.

    Attributes:
        name: What the scene is called.
        cube: What the camera wrote.
        mask: True where a salient object is, shape (H, W).
        attributes: What was drawn: kind of background, number of objects, camera, numbers.
    """

    name: str
    cube: Cube
    mask: NDArray[np.bool_]
    attributes: dict[str, Any]


def generate_scene(
    seed: int,
    *,
    height: int = 256,
    width: int = 256,
    bands: int | None = None,
    wavelength_range_nm: tuple[float, float] | None = None,
    name: str | None = None,
) -> Scene:
    """Make one scene; the same arguments give the same scene.

    Args:
        seed: What the scene is drawn from.
        height: Rows, at least 16.
        width: Columns, at least 16.
        bands: Number of bands; drawn from 20 to 220 when None.
        wavelength_range_nm: First and last band centre within 400-2450 nm; drawn when None.
        name: Name of the scene; ``scene_SEED`` when None.

    Raises:
        ValueError: A size, the bands or the range cannot be.
        ModuleNotFoundError: The extra ``scenes`` is not installed.
    """
    _check(height, width, bands, wavelength_range_nm)
    name = f"scene_{seed}" if name is None else name
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    camera = draw_camera(rng, bands, wavelength_range_nm)
    canvas = Canvas(height, width)
    palette = BACKGROUNDS[kind](rng, canvas)
    lights, things = _fill(rng, canvas, kind, palette, camera)
    numbers: Numbers = rng.choice(["counts", "counts", "radiance", "reflectance"])
    radiance = _expose(rng, canvas, lights, camera)
    white = lights[0].spectrum.astype(np.float32) @ camera.response
    data = record(rng, radiance, white, numbers)
    attributes = {
        "kind": kind,
        "objects": len(things),
        "salient_fraction": round(float(canvas.mask.mean()), 5),
        "bands": data.shape[2],
        "numbers": str(numbers),
    }
    cube = Cube(data, camera.wavelengths_nm, name)
    return Scene(name, cube, canvas.mask, attributes)


def _check(
    height: int, width: int, bands: int | None, range_nm: tuple[float, float] | None
) -> None:
    if min(height, width) < 16:
        raise ValueError(f"a scene is at least 16 x 16 pixels, got {height} x {width}")
    if bands is not None and bands < 1:
        raise ValueError(f"a scene has at least 1 band, got {bands}")
    if range_nm is not None and not 400 <= range_nm[0] < range_nm[1] <= 2450:
        raise ValueError(f"the wavelength range must be within 400-2450 nm, got {range_nm}")


def _fill(
    rng: Generator, canvas: Canvas, kind: str, palette: list[Material], camera: Camera
) -> tuple[list[Light], list[Thing]]:
    """Light the background and put the objects on it."""
    outdoors = kind != "plain"
    spectrum = light.sunlight(rng) if outdoors else light.lamp(rng)
    turn, high = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.95)
    flat = np.sqrt(1 - high**2)
    sun = np.array([flat * np.cos(turn), flat * np.sin(turn), high])
    things = _things(rng, canvas, kind, palette, camera, spectrum)
    if rng.random() < 0.6:
        left = shadow(rng, canvas, things, sun)
        canvas.dim((1 - rng.uniform(0.2, 0.8) * (1 - left)).astype(np.float32))
    for thing in things:
        paint(rng, canvas, thing, sun)
    strength = rng.uniform(0, 1.2) if not outdoors else rng.uniform(0, 0.5)
    return [Light(spectrum, light.uneven(rng, canvas.shape, strength))], things


def _things(
    rng: Generator,
    canvas: Canvas,
    kind: str,
    palette: list[Material],
    camera: Camera,
    spectrum: NDArray[np.float64],
) -> list[Thing]:
    """Draw the objects: how many, how large, of what and where."""
    height, width = canvas.shape
    if kind in FROM_THE_AIR:
        number = int(rng.choice([1, 2, 3, 4, 6, 10]))
        fraction = np.exp(rng.uniform(np.log(0.003), np.log(0.06)))
    else:
        number = int(rng.choice([1, 1, 2, 2, 3, 4, 6]))
        fraction = rng.uniform(0.05, 0.5) if kind == "plain" else np.exp(rng.uniform(-4.2, -1.0))
    family = FAMILIES[str(rng.choice(AIRBORNE if kind in FROM_THE_AIR else NEAR))]
    same = rng.random() < 0.5
    seen = camera.response * (spectrum[:, None] / spectrum.mean())
    made = [_stuff(rng, palette, seen) for _ in range(1 if same else number)]
    shares = rng.dirichlet(np.full(number, 6.0))
    things: list[Thing] = []
    for index in range(number):
        if not same and kind not in FROM_THE_AIR:
            family = FAMILIES[str(rng.choice(NEAR))]
        parts = family(rng)
        scale = np.sqrt(fraction * shares[index] * height * width / unit_area(parts))
        things.append(_place(rng, canvas, kind, parts, made[index % len(made)], scale, things))
    return things


def _place(
    rng: Generator,
    canvas: Canvas,
    kind: str,
    parts: list[Any],
    stuff: list[Material],
    scale: float,
    others: list[Thing],
) -> Thing:
    """Find a place where the object hides little of the others."""
    height, width = canvas.shape
    best, least = (0.0, 0.0), np.inf
    for _ in range(25):
        y, x = rng.normal(0.5, 0.2, 2) if kind == "plain" else rng.uniform(0.06, 0.94, 2)
        y, x = np.clip(y, 0, 1) * height, np.clip(x, 0, 1) * width
        overlap = sum(
            max(0.0, 1 - np.hypot(y - o.y, x - o.x) / (scale + o.scale)) for o in others
        )
        outside = max(0.0, scale - y, scale - x, y + scale - height, x + scale - width) / scale
        cost = overlap + 0.6 * outside + 0.05 * rng.random()
        if cost < least:
            best, least = (y, x), cost
    depth = 0.0 if kind in FROM_THE_AIR or rng.random() < 0.2 else rng.uniform(0.4, 1.1)
    upright = kind not in FROM_THE_AIR and rng.random() < 0.6
    angle = rng.normal(0, 0.25) if upright else rng.uniform(0, 2 * np.pi)
    pattern = rng.choice([0.0, rng.uniform(0, 1)], p=[0.7, 0.3])
    return Thing(parts, stuff, best[0], best[1], scale, angle, depth, pattern)


def _stuff(
    rng: Generator, palette: list[Material], seen: NDArray[np.float64]
) -> list[Material]:
    """Two or three materials of an object; the first stands out from all of the background."""
    hard = rng.random() < 0.15
    return [_distinct(rng, palette, seen, hard)] + [
        _distinct(rng, palette, seen, hard) for _ in range(rng.integers(1, 3))
    ]


def _distinct(
    rng: Generator, palette: list[Material], seen: NDArray[np.float64], hard: bool
) -> Material:
    """A material whose spectrum, as the camera sees it, is not that of any background."""
    behind = np.stack([material.spectra[0] for material in palette]) @ seen
    best, most = None, -np.inf
    for _ in range(12):
        material = _any(rng)
        front = material.spectra[0] @ seen
        if hard:  # as bright as what is behind it: only the spectrum tells
            factor = float(np.clip(behind[0].mean() / front.mean(), 0.2, 3))
            material = Material(np.clip(material.spectra * factor, 0.002, 1), material.gloss * 0.2)
            front = material.spectra[0] @ seen
        apart = contrast(front, behind)
        if apart > most:
            best, most = material, apart
        if apart > 0.5:
            break
    assert best is not None
    return best


def contrast(front: NDArray[np.float64], behind: NDArray[np.float64]) -> float:
    """How far a spectrum is from the nearest of others.

    The spectral angle in radians, times 2.5, plus half the difference of log brightness.
    """
    cosine = behind @ front / (np.linalg.norm(behind, axis=1) * np.linalg.norm(front))
    angle = np.arccos(np.clip(cosine, -1, 1))
    bright = np.abs(np.log(front.mean() / behind.mean(axis=1)))
    return float(np.min(2.5 * angle + 0.5 * bright))


def _any(rng: Generator) -> Material:
    kind = rng.choice(["pigment", "made up", "made", "grey", "natural"], p=[0.45, 0.2, 0.12, 0.13, 0.1])
    if kind == "pigment":
        return materials.pigment(rng)
    if kind == "made up":
        return materials.made_up(rng)
    if kind == "made":
        return materials.measured(rng, materials.MADE)
    if kind == "grey":
        return materials.grey(rng, float(rng.choice([rng.uniform(0.01, 0.1), rng.uniform(0.4, 0.95)])))
    return materials.measured(rng, materials.PLANTS + materials.DRY + materials.SOILS)


def _expose(
    rng: Generator, canvas: Canvas, lights: list[Light], camera: Camera
) -> NDArray[np.float32]:
    """The light that reaches each band at each pixel, blurred by the lens, (H, W, B)."""
    blur = rng.uniform(0.4, 1.3)
    spectra = np.stack(canvas.spectra)
    out = np.zeros((canvas.shape[0] * canvas.shape[1], camera.response.shape[1]), np.float32)
    for source in lights:
        seen = (spectra * source.spectrum).astype(np.float32) @ camera.response
        lit = np.stack([gaussian_filter(plane * source.field, blur) for plane in canvas.planes])
        out += lit.reshape(len(lit), -1).T @ seen
    if camera.wavelengths_nm[-1] > 1400:
        out[:, is_water_band(camera.wavelengths_nm)] *= 0.02
    return out.reshape(*canvas.shape, -1)
