"""Objects: where they are, what they are made of, and how they catch the light."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from dmssn.scenes import textures
from dmssn.scenes.canvas import Box, Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.shapes import Part
from dmssn.scenes.spectra import GRID_NM
from dmssn.scenes.textures import Plane

WHITE = Material(np.ones((1, GRID_NM.size)))
"""What a highlight reflects: the lamp itself."""

Vector = NDArray[np.float64]
"""A unit vector (x, y, z): x to the right, y down, z toward the camera."""


@dataclass(frozen=True, eq=False)
class Thing:
    """An object and its place.

    Attributes:
        parts: Its shape, in units of its own size.
        materials: What its parts are of; a part's ``material`` counts around this list.
        y: Row of its centre in pixels.
        x: Column of its centre in pixels.
        scale: Pixels to one unit of its shape.
        angle: How far it is turned, in radians.
        relief: Depth of its parts: 1 a ball, 0 a flat picture.
        rim: How far from its outline it is curved, as a share of its half width, in (0, 1].
        pattern: How much its last material shows on its others as spots or stripes, in [0, 1].
        ambient: Share of the light that comes from all around, in [0, 1].
        twins: Spectra that take the place of those behind it, one for each plane; such an object
            is flat, and its colour and texture are those of what it hides.
    """

    parts: list[Part]
    materials: list[Material]
    y: float
    x: float
    scale: float
    angle: float
    relief: float = 0.0
    rim: float = 1.0
    pattern: float = 0.0
    ambient: float = 1.0
    twins: Material | None = None

    def material_of(self, part: Part) -> Material:
        """What one of its parts is made of."""
        return self.materials[part.material % len(self.materials)]


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
    u, v = x * cos + y * sin, y * cos - x * sin
    return [(part.distance(u, v) * thing.scale).astype(np.float32) for part in thing.parts]


def box_of(thing: Thing, shape: tuple[int, int]) -> Box | None:
    """Rows and columns that hold the thing; None when it is outside the picture."""
    reach = 1.8 * thing.scale + 3
    rows = slice(max(int(thing.y - reach), 0), min(int(thing.y + reach), shape[0]))
    cols = slice(max(int(thing.x - reach), 0), min(int(thing.x + reach), shape[1]))
    return None if rows.start >= rows.stop or cols.start >= cols.stop else (rows, cols)


def paint(rng: Chance, canvas: Canvas, thing: Thing, sun: Vector, number: int = 0) -> None:
    """Paint an object over what is there.

    Args:
        rng: Source of chance.
        canvas: What it is painted on.
        thing: The object.
        sun: Direction of the light.
        number: Its label; 0 for a thing that is not salient.
    """
    box = box_of(thing, canvas.shape)
    if box is None:
        return
    for part, distance in zip(thing.parts, distances(thing, box), strict=True):
        coverage = np.clip(0.5 - distance, 0, 1)
        if not coverage.any():
            continue
        if thing.twins is not None:
            canvas.disguise(thing.twins, coverage, box)
        else:
            shading = _shading(rng, distance, thing, sun, thing.material_of(part).gloss)
            _paint_part(rng, canvas, thing, part, coverage, shading, box)
        canvas.labels[box][distance <= 0] = number


def _paint_part(
    rng: Chance,
    canvas: Canvas,
    thing: Thing,
    part: Part,
    coverage: Plane,
    shading: tuple[Plane, Plane],
    box: Box,
) -> None:
    material = thing.material_of(part)
    shade, glint = shading[0] * np.float32(part.tone), shading[1]
    size = (coverage.shape[0], coverage.shape[1])
    weights = textures.abundances(rng, size, len(material.spectra), rng.uniform(0.01, 0.15))
    canvas.cover(material, coverage, weights * shade, box)
    if thing.pattern > 0 and min(size) > 8:
        _decorate(rng, canvas, thing, coverage, shade, box)
    canvas.add(WHITE, glint * coverage, box)


def outlines(things: list[Thing], shape: tuple[int, int], factor: int = 1) -> NDArray[np.int16]:
    """Labels of objects by their geometry alone, of a picture enlarged after it was painted.

    A pixel belongs to the last object of the list within whose outline its centre lies.

    Args:
        things: In the order they are painted; the first has number 1.
        shape: (H, W) of the picture as it was painted.
        factor: How much it is enlarged.

    Returns:
        Shape (factor H, factor W).
    """
    wide = (shape[0] * factor, shape[1] * factor)
    labels = np.zeros(wide, dtype=np.int16)
    for number, thing in enumerate(things, start=1):
        y, x = ((place + 0.5) * factor - 0.5 for place in (thing.y, thing.x))
        large = replace(thing, y=y, x=x, scale=thing.scale * factor)
        box = box_of(large, wide)
        if box is not None:
            labels[box][np.min(distances(large, box), axis=0) <= 0] = number
    return labels


def _decorate(
    rng: Chance, canvas: Canvas, thing: Thing, coverage: Plane, shade: Plane, box: Box
) -> None:
    """Spots or stripes of the object's last material."""
    size = (coverage.shape[0], coverage.shape[1])
    if rng.one_in(0.5):
        field = textures.stripes(rng, size, thing.scale * rng.uniform(0.15, 0.8))
    else:
        field = textures.fractal(rng, size, thing.scale * rng.uniform(0.1, 0.5), 3.0)
    over = coverage * np.clip((field - 1 + 1.5 * thing.pattern) * 3, 0, 1)
    material = thing.materials[-1]
    weights = textures.abundances(rng, size, len(material.spectra), 0.05)
    canvas.cover(material, over.astype(np.float32), weights * shade, box)


def _shading(
    rng: Chance, distance: Plane, thing: Thing, sun: Vector, gloss: float
) -> tuple[Plane, Plane]:
    """Lambert's shading and the highlight (Blinn's) of a part puffed up from its outline."""
    if thing.relief == 0 or min(distance.shape) < 4:
        return np.ones_like(distance), np.zeros_like(distance)
    depth = distance_transform_edt(np.pad(distance <= 0, 1))[1:-1, 1:-1].astype(np.float32)
    edge = (float(depth.max()) + 1e-3) * thing.rim
    depth = gaussian_filter(depth, 0.08 * edge)
    rise = np.sqrt(1 - (1 - np.clip(depth / edge, 0, 1)) ** 2) * edge * thing.relief
    if rng.one_in(0.3):
        bumps = textures.fractal(rng, distance.shape, edge * rng.uniform(0.05, 0.5), 2.0)
        rise = rise + rng.uniform(0, 0.025) * edge * bumps
    slope_y, slope_x = np.gradient(rise)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)

    def facing(toward: Vector) -> Plane:
        along = -slope_x * toward[0] - slope_y * toward[1] + toward[2]
        return np.asarray(np.maximum(along / length, 0), dtype=np.float32)

    shade = thing.ambient + (1 - thing.ambient) * facing(sun) / np.float32(sun[2]) ** 0.5
    half = sun + np.array([0.0, 0.0, 1.0])
    mirror = facing(half / np.linalg.norm(half))
    glint = gloss * mirror ** np.float32(np.exp(rng.uniform(2.5, 5)))
    return np.asarray(shade, dtype=np.float32), np.asarray(glint, dtype=np.float32)
