"""What people build, from the air: streets, dams, yards, roofs, large and each like no other.

Every function paints on a canvas. None of it is salient, however unlike the rest it is: what is
looked for from the air is smaller.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from dmssn.scenes import laying, materials, shapes, textures
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.shapes import Distance
from dmssn.scenes.textures import Plane


@dataclass(frozen=True, kw_only=True)
class Town:
    """What all that is built in one picture has in common.

    Attributes:
        angle: Of walls and streets; some are at right angles to it.
        shade: How far, in pixels, a wall as high as the shorter side casts its shadow, (y, x).
        depth: How much of the light a shadow takes.
    """

    angle: float
    shade: tuple[float, float]
    depth: float


def draw_town(rng: Chance, canvas: Canvas) -> Town:
    """Directions of walls and of shadows."""
    turn, long = rng.uniform(0, 2 * np.pi), min(canvas.shape) * rng.uniform(0.1, 0.8)
    return Town(
        angle=rng.uniform(0, np.pi),
        shade=(long * np.sin(turn), long * np.cos(turn)),
        depth=rng.uniform(0.2, 0.8),
    )


def street(rng: Chance, canvas: Canvas, town: Town, palette: list[Material]) -> None:
    """A street, taxiway or track, straight or bent, perhaps with painted lines or kerbs."""
    side = min(canvas.shape)
    off = way(rng, canvas, town)
    half = side * rng.spread(0.006, 0.06)
    palette.append(materials.measured(rng, materials.PAVED))
    paved = laying.within(np.abs(off) - half)
    laying.lay(rng, canvas, palette[-1], rng.uniform(0.02, 0.12), paved)
    if rng.one_in(0.5):
        paint = materials.grey(rng, rng.uniform(0.3, 0.9))
        line = side * rng.uniform(0.001, 0.004)
        at = half * rng.choice([0.0, 0.7, 1.0])
        laying.lay(rng, canvas, paint, 0.05, laying.within(np.abs(np.abs(off) - at) - line))


def way(rng: Chance, canvas: Canvas, town: Town) -> Plane:
    """Distance of each pixel from the middle of a way through the picture, straight or bent.

    It is positive on one side and negative on the other.
    """
    cy, cx = (rng.uniform(0, length) for length in canvas.shape)
    if rng.one_in(0.4):
        radius, turn = min(canvas.shape) * rng.spread(0.2, 2.0), rng.uniform(0, 2 * np.pi)
        cy, cx = cy + radius * np.sin(turn), cx + radius * np.cos(turn)
        y, x = _pixels(canvas)
        return np.asarray(np.hypot(y - cy, x - cx) - radius)
    angle = town.angle + rng.choice([0.0, np.pi / 2]) if rng.one_in(0.7) else rng.uniform(0, 3)
    return _beside(canvas, cy, cx, angle)


def dam(rng: Chance, canvas: Canvas, town: Town, palette: list[Material]) -> None:
    """A strip of land with water on both sides: a bar of sand, a dam, a pier, a bridge."""
    side = min(canvas.shape)
    off = way(rng, canvas, town)
    if rng.one_in(0.4):  # it parts two waters
        palette.append(materials.water(rng))
        beyond = laying.within(off if (off < 0).mean() < 0.5 else -off)
        laying.lay(rng, canvas, palette[-1], rng.uniform(0.01, 0.1), beyond, made="water")
    off = np.abs(off + side * rng.uniform(0, 0.02) * textures.fractal(rng, canvas.shape, side / 6))
    half = side * rng.spread(0.006, 0.05)
    if rng.one_in(0.4):  # surf, or wet sand
        palette.append(materials.grey(rng, rng.uniform(0.2, 0.9)))
        along = laying.within(off - half * rng.uniform(1.1, 1.6))
        laying.lay(rng, canvas, palette[-1], 0.1, along)
    classes = rng.choice([("sand", "gravel"), materials.PAVED, materials.PLANTS, materials.DRY])
    palette.append(materials.measured(rng, classes))
    laying.lay(rng, canvas, palette[-1], rng.uniform(0.03, 0.2), laying.within(off - half))
    if rng.one_in(0.4):
        palette.append(materials.measured(rng, materials.PLANTS + materials.PAVED))
        laying.lay(rng, canvas, palette[-1], 0.1, laying.within(off - half * rng.uniform(0.3, 0.7)))


def yard(rng: Chance, canvas: Canvas, town: Town, palette: list[Material]) -> None:
    """A large paved, mown or bare block: an apron, a car park, a playing field."""
    form = _block(rng, canvas, town, (0.15, 0.45))
    classes = rng.choice([materials.PAVED, materials.PAVED, materials.SOILS, materials.PLANTS])
    palette.append(materials.measured(rng, classes))
    distance = _over(canvas, form)
    laying.lay(rng, canvas, palette[-1], rng.uniform(0.02, 0.12), laying.within(distance))
    if rng.one_in(0.4):
        rim = laying.within(np.abs(distance) - min(canvas.shape) * rng.uniform(0.002, 0.008))
        palette.append(materials.measured(rng, materials.PAVED + materials.PLANTS))
        laying.lay(rng, canvas, palette[-1], 0.1, rim)


def pond(rng: Chance, canvas: Canvas, town: Town, palette: list[Material]) -> None:
    """Standing water with a shore like a block's or round."""
    form = _block(rng, canvas, town, (0.04, 0.2), corner=rng.uniform(0, 1))
    palette.append(materials.water(rng))
    coverage = laying.within(_over(canvas, form))
    laying.lay(rng, canvas, palette[-1], rng.uniform(0.01, 0.1), coverage, made="water")


def roof(rng: Chance, canvas: Canvas, town: Town, material: Material) -> None:
    """A large building: a block, two that meet, or one around a court; it casts a shadow."""
    side = min(canvas.shape)
    distance = _over(canvas, _block(rng, canvas, town, (0.04, 0.2)))
    kind = rng.choice(["block", "block", "meeting", "court"])
    if kind == "court":
        distance = np.maximum(distance, -distance - side * rng.uniform(0.03, 0.1))
    elif kind == "meeting":
        cy, cx = (float(at.mean()) for at in np.nonzero(distance <= distance.min() + 1))
        wing = _block(rng, canvas, town, (0.04, 0.2), centre=(cy, cx))
        distance = np.minimum(distance, _over(canvas, wing))
    coverage = laying.within(distance)
    high = rng.spread(0.02, 0.25)
    shade = np.zeros_like(coverage)
    for part in np.linspace(0.2, 1, 5):  # what stands between wall and end of the shadow, too
        by = [part * high * along for along in town.shade]
        np.maximum(shade, shift(coverage, by, order=1), out=shade)
    canvas.dim(1 - np.float32(town.depth) * gaussian_filter(shade, 0.5))
    laying.lay(rng, canvas, material, rng.uniform(0.02, 0.15), coverage)
    if rng.one_in(0.35):  # two slopes, of which the light meets one
        inside = np.nonzero(distance < 0)
        cy, cx = (float(at.mean()) if len(at) else 0.0 for at in inside)
        off = _beside(canvas, cy, cx, town.angle)
        canvas.dim(1 - np.float32(rng.uniform(0.1, 0.5)) * coverage * laying.within(off))
    if rng.one_in(0.4):  # a parapet
        rim = laying.within(np.abs(distance + side * 0.004) - side * rng.uniform(0.002, 0.006))
        laying.lay(rng, canvas, materials.grey(rng, rng.uniform(0.05, 0.9)), 0.1, rim)


def _block(
    rng: Chance,
    canvas: Canvas,
    town: Town,
    half: tuple[float, float],
    centre: tuple[float, float] | None = None,
    corner: float = 0.0,
) -> Distance:
    """A rectangle along the town's streets, half its sides drawn as shares of the shorter side."""
    a, b = rng.spread(*half) * min(canvas.shape), rng.spread(*half) * min(canvas.shape)
    cy, cx = (rng.uniform(0, length) for length in canvas.shape)
    if centre is not None:
        cy, cx = centre[0] + rng.uniform(-1, 1) * a, centre[1] + rng.uniform(-1, 1) * b
    return shapes.box(cx, cy, a, b, town.angle, corner * min(a, b))


def _over(canvas: Canvas, form: Distance) -> Plane:
    """A form's distances at all pixels."""
    y, x = _pixels(canvas)
    return form(x, y)


def _beside(canvas: Canvas, cy: float, cx: float, angle: float) -> Plane:
    """Distance of all pixels from a line through a point; negative on one side of it."""
    y, x = _pixels(canvas)
    return np.asarray((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle))


def _pixels(canvas: Canvas) -> NDArray[np.float32]:
    """Rows and columns of all pixels, (2, H, W)."""
    return np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32)


def build(rng: Chance, canvas: Canvas, palette: list[Material]) -> None:
    """Streets, yards, ponds and large roofs over the ground there is."""
    town = draw_town(rng, canvas)
    for _ in range(rng.integer(0, 4)):
        yard(rng, canvas, town, palette)
    for _ in range(rng.integer(1, 6)):
        street(rng, canvas, town, palette)
    if rng.one_in(0.2):
        pond(rng, canvas, town, palette)
    usual = materials.measured(rng, materials.ROOFS)
    for _ in range(rng.integer(1, 8)):
        own = rng.choice([partial(materials.measured, rng, materials.ROOFS), partial(_any, rng)])
        material = usual if rng.one_in(0.3) else own()
        palette.append(material)
        roof(rng, canvas, town, material)


def _any(rng: Chance) -> Material:
    """What flat roofs are covered with: felt, gravel, paint."""
    if rng.one_in(0.5):
        return materials.grey(rng, rng.spread(0.03, 0.9))
    return materials.made_up(rng) if rng.one_in(0.4) else materials.measured(rng, materials.PAVED)
