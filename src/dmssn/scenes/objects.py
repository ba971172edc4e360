"""Objects: where they are, what they are made of, and how they catch the light."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from dmssn.scenes import shapes, textures
from dmssn.scenes.canvas import Box, Canvas
from dmssn.scenes.materials import GRID_NM, Material
from dmssn.scenes.shapes import Part
from dmssn.scenes.textures import Plane

WHITE = Material(np.ones((1, GRID_NM.size)))
"""What a highlight reflects: the lamp itself."""

Vector = NDArray[np.float64]
Draw = Callable[[Generator], list[Part]]


@dataclass(frozen=True, eq=False)
class Thing:
    """An object and its place.

    Attributes:
        parts: Its shape, in units of its own size.
        materials: What its parts are of, at least two.
        y, x: Its centre in pixels.
        scale: Pixels to one unit of its shape.
        angle: How far it is turned, in radians.
        round: Depth of its relief: 1 a ball, 0 a flat picture.
        pattern: How much its second material shows on its first, 0..1.
    """

    parts: list[Part]
    materials: list[Material]
    y: float
    x: float
    scale: float
    angle: float
    round: float
    pattern: float


def unit_area(parts: list[Part]) -> float:
    """Area of a shape in units of its own size."""
    y, x = np.mgrid[-2:2:80j, -2:2:80j].astype(np.float32)
    inside = np.min([part.distance(x, y) for part in parts], axis=0) < 0
    return float(max(inside.mean() * 16, 0.05))


def distances(thing: Thing, box: Box) -> list[Plane]:
    """Signed distance in pixels from each part, for the pixels of a box."""
    y, x = np.mgrid[box].astype(np.float32)
    y, x = (y - np.float32(thing.y)) / thing.scale, (x - np.float32(thing.x)) / thing.scale
    cos, sin = np.float32(np.cos(thing.angle)), np.float32(np.sin(thing.angle))
    u, v = (x * cos + y * sin), (y * cos - x * sin)
    return [
        (part.distance(u, v) * thing.scale).astype(np.float32) for part in thing.parts
    ]


def box_of(thing: Thing, shape: tuple[int, int]) -> Box | None:
    """Rows and columns that hold the thing; None when it is outside the picture."""
    reach = 1.7 * thing.scale + 3
    rows = slice(max(int(thing.y - reach), 0), min(int(thing.y + reach), shape[0]))
    cols = slice(max(int(thing.x - reach), 0), min(int(thing.x + reach), shape[1]))
    return None if rows.start >= rows.stop or cols.start >= cols.stop else (rows, cols)


def paint(rng: Generator, canvas: Canvas, thing: Thing, sun: Vector) -> None:
    """Paint an object over what is there and mark it as salient.

    Args:
        rng: Source of chance.
        canvas: What is painted on.
        thing: The object.
        sun: Unit vector (x, y, z) toward the light; z is toward the camera.
    """
    box = box_of(thing, canvas.shape)
    if box is None:
        return
    for part, distance in zip(thing.parts, distances(thing, box), strict=True):
        coverage = np.clip(0.5 - distance, 0, 1)
        if not coverage.any():
            continue
        material = thing.materials[part.material % len(thing.materials)]
        shade, glint = _shading(rng, distance, thing, sun, material.gloss)
        size = coverage.shape
        weights = textures.abundances(rng, size, len(material.spectra), rng.uniform(0.01, 0.15))
        canvas.cover(material, coverage, weights * shade, box)
        if thing.pattern > 0 and min(size) > 8:
            _decorate(rng, canvas, thing, coverage, shade, box)
        if glint is not None:
            canvas.add(WHITE, glint * coverage, box)
        canvas.mask[box] |= distance <= 0


def _decorate(
    rng: Generator, canvas: Canvas, thing: Thing, coverage: Plane, shade: Plane, box: Box
) -> None:
    """Spots or stripes of the object's last material."""
    size = coverage.shape
    if rng.random() < 0.5:
        field = textures.stripes(rng, size, thing.scale * rng.uniform(0.15, 0.8))
    else:
        field = textures.fractal(rng, size, thing.scale * rng.uniform(0.1, 0.5), 3.0)
    over = coverage * np.clip((field - 1 + 1.5 * thing.pattern) * 3, 0, 1)
    material = thing.materials[-1]
    weights = textures.abundances(rng, size, len(material.spectra), 0.05)
    canvas.cover(material, over.astype(np.float32), weights * shade, box)


def _shading(
    rng: Generator, distance: Plane, thing: Thing, sun: Vector, gloss: float
) -> tuple[Plane, Plane | None]:
    """Lambert's shading of a part puffed up from its outline, and its highlight."""
    if thing.round == 0:
        return np.ones_like(distance), None
    depth = distance_transform_edt(np.pad(distance <= 0, 1))[1:-1, 1:-1].astype(np.float32)
    most = float(depth.max()) + 1e-3
    depth = gaussian_filter(depth, 0.08 * most)
    rise = np.sqrt(np.clip(1 - (1 - np.clip(depth / most, 0, 1)) ** 2, 0, 1)) * most * thing.round
    rough = rng.choice([0.0, rng.uniform(0, 0.3)])
    if rough and min(distance.shape) > 4:
        rise = rise + rough * textures.fractal(rng, distance.shape, 6.0, 1.5)
    if min(distance.shape) < 2:
        return np.ones_like(distance), None
    slope_y, slope_x = np.gradient(rise)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = np.maximum((-slope_x * sun[0] - slope_y * sun[1] + sun[2]) / length, 0)
    ambient = rng.uniform(0.1, 0.5)
    shade = (ambient + (1 - ambient) * facing / sun[2] ** 0.5).astype(np.float32)
    if gloss == 0:
        return shade, None
    half = sun + np.array([0, 0, 1.0])
    half /= np.linalg.norm(half)
    mirror = np.maximum((-slope_x * half[0] - slope_y * half[1] + half[2]) / length, 0)
    return shade, (gloss * mirror ** np.exp(rng.uniform(2.5, 5))).astype(np.float32)


def shadow(rng: Generator, canvas: Canvas, things: list[Thing], sun: Vector) -> Plane:
    """How much of the direct light is left beside the objects, (H, W) in [0, 1]."""
    left = np.ones(canvas.shape, dtype=np.float32)
    long = rng.uniform(0.15, 0.7)
    for thing in things:
        far = long * thing.scale
        cast = Thing(
            thing.parts, thing.materials, thing.y - sun[1] * far, thing.x - sun[0] * far,
            thing.scale, thing.angle, 0, 0,
        )
        box = box_of(cast, canvas.shape)
        if box is None:
            continue
        nearest = np.min(distances(cast, box), axis=0)
        left[box] = np.minimum(left[box], np.clip(0.5 + nearest / max(0.2 * far, 1), 0, 1))
    return left


FAMILIES: dict[str, Draw] = {
    "ball": shapes.ball,
    "fruit": shapes.fruit,
    "toy": shapes.toy,
    "carton": shapes.carton,
    "bottle": shapes.bottle,
    "cup": shapes.cup,
    "leaf": shapes.leaf,
    "lump": shapes.lump,
    "facet": shapes.facet,
    "branched": shapes.branched,
    "heap": shapes.heap,
    "airplane": shapes.airplane,
    "vehicle": shapes.vehicle,
}
"""Name of a family of shapes to the function that draws one of it."""
NEAR = ("ball", "fruit", "toy", "carton", "bottle", "cup", "leaf", "lump", "facet", "branched", "heap")
AIRBORNE = ("airplane", "vehicle", "vehicle", "leaf", "facet", "carton", "lump")
