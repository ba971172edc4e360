"""Backgrounds: what is behind and around the objects, none of it salient."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from dmssn.scenes import materials, shapes, textures
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.textures import Plane


def plain(rng: Chance, canvas: Canvas) -> list[Material]:
    """One sheet of cloth, card, wall or table top, often nearly black; a second one at times."""
    sheets = [_sheet(rng)]
    lay(rng, canvas, sheets[0], vary=rng.uniform(0.01, 0.12))
    if rng.random() < 0.12:
        sheets.append(_sheet(rng))
        lay(rng, canvas, sheets[-1], vary=0.03, coverage=_pattern(rng, canvas))
    if rng.random() < 0.3:  # a table before a wall
        sheets.append(_sheet(rng))
        below = _below(rng, canvas, rng.uniform(0.25, 0.8), wobble=0)
        lay(rng, canvas, sheets[-1], vary=rng.uniform(0.01, 0.15), coverage=below)
    if rng.random() < 0.08:
        _chart(rng, canvas)
    return sheets


def _pattern(rng: Chance, canvas: Canvas) -> Plane:
    """Coverage of the stripes, checks or dots of a printed cloth."""
    period = min(canvas.shape) * rng.spread(0.03, 0.2)
    if rng.random() < 0.5:
        field = textures.stripes(rng, canvas.shape, period)
    else:
        field = textures.weave(rng, canvas.shape, period)
    return np.asarray(np.clip((field - rng.uniform(-0.5, 1)) * 2, 0, 1), dtype=np.float32)


def _chart(rng: Chance, canvas: Canvas) -> None:
    """A colour chart or label at one border, cut by it, as bench cameras often have in view."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if rng.random() < 0.5:
        y, x = x, y
    length, across = (width, height) if y[0, 0] == y[0, -1] else (height, width)
    if rng.random() < 0.5:
        y = across - 1 - y
    cell, rows = across * rng.uniform(0.05, 0.12), int(rng.integer(1, 4))
    first, columns = rng.uniform(-0.2, 0.4) * length, int(rng.integer(3, 8))
    u, v = (x - first) / cell, (y + cell * rng.uniform(0, 0.6)) / cell
    frame = (u > -0.2) & (u < columns + 0.2) & (v < rows + 0.2)
    lay(rng, canvas, materials.grey(rng, rng.uniform(0.02, 0.1)), 0.02, frame.astype(np.float32))
    window = (u % 1 > 0.1) & (u % 1 < 0.9) & (v % 1 > 0.1) & (v % 1 < 0.9)
    for row in range(rows):
        for column in range(columns):
            patch = window & (np.floor(u) == column) & (np.floor(v) == row)
            if patch.any():
                colour = materials.pigment(rng) if rng.random() < 0.6 else _sheet(rng)
                even = np.ones((1, *canvas.shape), dtype=np.float32)
                canvas.cover(Material(colour.spectra[:1]), patch.astype(np.float32), even)


def _sheet(rng: Chance) -> Material:
    kind = rng.choice(
        ["black", "grey", "white", "coloured", "wood"], p=[0.45, 0.17, 0.12, 0.15, 0.11]
    )
    if kind == "black":
        return materials.grey(rng, rng.spread(0.006, 0.06))
    if kind == "grey":
        return materials.grey(rng, rng.uniform(0.08, 0.5))
    if kind == "white":
        return materials.grey(rng, rng.uniform(0.55, 0.9))
    if kind == "coloured":
        return materials.pigment(rng) if rng.random() < 0.5 else materials.made_up(rng)
    return materials.measured(rng, materials.DRY)


def ground(rng: Chance, canvas: Canvas) -> list[Material]:
    """Soil, grass, litter, gravel, paving: several materials in patches of every size."""
    count = int(rng.integer(1, 5))
    palette = [_natural(rng) for _ in range(count)]
    grain = min(canvas.shape) * rng.uniform(0.05, 0.5)
    heights = [
        textures.fractal(rng, canvas.shape, grain, rng.uniform(1.3, 2.5)) + rng.normal(0, 0.6)
        for _ in palette
    ]
    sharp = np.exp(rng.uniform(0, 2.5))
    powers = np.exp(sharp * (np.stack(heights) - np.max(heights, axis=0)))
    shares = powers / powers.sum(axis=0)
    for material, share, so_far in zip(palette, shares, np.cumsum(shares, axis=0), strict=True):
        coverage = (share / np.maximum(so_far, 1e-6)).astype(np.float32)
        lay(rng, canvas, material, vary=rng.uniform(0.03, 0.25), coverage=coverage)
    if rng.random() < 0.4:
        scatter(rng, canvas, palette[0] if rng.random() < 0.5 else _natural(rng))
    return palette


def horizon(rng: Chance, canvas: Canvas) -> list[Material]:
    """Two or three zones one above the other: wall or sky, plants or buildings, ground."""
    palette = [_far(rng) if rng.random() < 0.5 else _natural(rng)]
    lay(rng, canvas, palette[0], vary=rng.uniform(0.01, 0.1))
    for line in np.sort(rng.uniform(0.15, 0.85, rng.integer(1, 3))):
        palette.append(_natural(rng))
        wobble = rng.choice([0.0, rng.uniform(0, 0.06)])
        below = _below(rng, canvas, line, wobble)
        lay(rng, canvas, palette[-1], vary=rng.uniform(0.03, 0.25), coverage=below)
    return palette


def patchwork(rng: Chance, canvas: Canvas) -> list[Material]:
    """The ground from the air: fields or blocks, roads, buildings."""
    shape, side = canvas.shape, min(canvas.shape)
    number = int(rng.integer(3, 22))
    if rng.random() < 0.5:
        label = textures.fields(rng, shape, number)
    else:
        label = textures.cells(rng, shape, number, rng.uniform(0, side * 0.05))
    palette = [_natural(rng) for _ in range(min(number, int(rng.integer(2, 7))))]
    owner = rng.integers(len(palette), number)
    for index, material in enumerate(palette):
        coverage = (owner[label] == index).astype(np.float32)
        if index == 0:
            coverage[:] = 1
        lay(rng, canvas, material, vary=rng.uniform(0.03, 0.2), coverage=coverage)
    for _ in range(rng.integer(0, 4)):
        _road(rng, canvas, palette)
    if rng.random() < 0.5:
        _buildings(rng, canvas, palette)
    return palette


def coast(rng: Chance, canvas: Canvas) -> list[Material]:
    """Water and a shore of sand, plants and paving along one side; or open water."""
    sea = materials.water(rng)
    lay(rng, canvas, sea, vary=rng.uniform(0.01, 0.12))
    palette = [sea]
    if rng.random() < 0.75:
        distance = _shore(rng, canvas)
        edge = 0.0
        for classes in (("sand", "gravel"), materials.PLANTS + materials.SOILS, materials.PAVED):
            palette.append(materials.measured(rng, classes))
            coverage = np.clip(distance - edge + 0.5, 0, 1).astype(np.float32)
            lay(rng, canvas, palette[-1], vary=rng.uniform(0.05, 0.25), coverage=coverage)
            edge += min(canvas.shape) * rng.uniform(0.02, 0.15)
    return palette


def _shore(rng: Chance, canvas: Canvas) -> Plane:
    """Pixels inland of a curved coast line, negative at sea."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side, turn = min(canvas.shape), rng.uniform(0, 2 * np.pi)
    cy, cx = height / 2 + rng.normal(0, 0.1) * side, width / 2 + rng.normal(0, 0.1) * side
    bend = side * rng.uniform(0.01, 0.05) * textures.fractal(rng, canvas.shape, side / 3)
    if rng.random() < 0.5:  # a bay
        return np.asarray(np.hypot(y - cy, x - cx) - side * rng.uniform(0.42, 0.6) + bend)
    return np.asarray((y - cy) * np.cos(turn) + (x - cx) * np.sin(turn) - side * 0.25 + bend)


def _natural(rng: Chance) -> Material:
    kind = rng.choice(["soil", "plant", "dry", "paved", "made up"], p=[0.28, 0.27, 0.15, 0.2, 0.1])
    if kind == "made up":
        return Material(materials.made_up(rng).spectra)
    classes = {
        "soil": materials.SOILS,
        "plant": materials.PLANTS,
        "dry": materials.DRY,
        "paved": materials.PAVED,
    }[kind]
    return materials.measured(rng, classes)


def _far(rng: Chance) -> Material:
    """What stands behind the ground: sky, wall, haze."""
    if rng.random() < 0.5:
        return materials.grey(rng, rng.uniform(0.3, 0.9))
    return materials.measured(rng, materials.ROOFS + materials.PLANTS)


def lay(
    rng: Chance, canvas: Canvas, material: Material, vary: float, coverage: Plane | None = None
) -> None:
    """Cover the canvas, or part of it, with a material that varies from place to place."""
    if coverage is None:
        coverage = np.ones(canvas.shape, dtype=np.float32)
    weights = textures.abundances(rng, canvas.shape, len(material.spectra), vary)
    canvas.cover(material, coverage, weights)


def _below(rng: Chance, canvas: Canvas, line: float, wobble: float) -> Plane:
    """Coverage of what lies below a tilted, perhaps ragged line at a share of the height."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    tilt = rng.normal(0, 0.05)
    edge = height * (line + tilt * (x / width - 0.5))
    if wobble:
        edge = edge + height * wobble * textures.fractal(rng, canvas.shape, width / 6)
    return np.asarray(np.clip(y - edge + 0.5, 0, 1), dtype=np.float32)


def _road(rng: Chance, canvas: Canvas, palette: list[Material]) -> None:
    """A straight road across the picture."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    off = (x - width * rng.random()) * np.cos(angle) + (y - height * rng.random()) * np.sin(angle)
    half = min(canvas.shape) * rng.uniform(0.008, 0.06)
    palette.append(materials.measured(rng, materials.PAVED))
    coverage = np.clip(half - np.abs(off) + 0.5, 0, 1).astype(np.float32)
    lay(rng, canvas, palette[-1], vary=rng.uniform(0.02, 0.12), coverage=coverage)


def _buildings(rng: Chance, canvas: Canvas, palette: list[Material]) -> None:
    """Many roofs of one or two materials, with shadows: common here, so not salient."""
    angle = rng.uniform(0, np.pi)
    roofs = [materials.measured(rng, materials.ROOFS) for _ in range(rng.integer(1, 3))]
    palette += roofs
    for roof in roofs:
        scatter(rng, canvas, roof, size=(0.02, 0.09), number=(4, 14), angle=angle)


def scatter(
    rng: Chance,
    canvas: Canvas,
    material: Material,
    size: tuple[float, float] = (0.004, 0.02),
    number: tuple[int, int] = (30, 150),
    angle: float | None = None,
) -> None:
    """Strew many things of one material over the whole picture: pebbles, tufts, roofs.

    Args:
        rng: Source of chance.
        canvas: What is strewn on.
        material: What they are of.
        size: Smallest and greatest half length, as a share of the shorter side.
        number: Fewest and most things.
        angle: Rectangles all turned so, when given; pebbles otherwise.
    """
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.full(canvas.shape, np.inf, dtype=np.float32)
    for _ in range(rng.integer(*number)):
        a, b = rng.uniform(*size, 2) * min(canvas.shape)
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        rows = slice(max(int(cy - a - b - 2), 0), int(cy + a + b + 2))
        cols = slice(max(int(cx - a - b - 2), 0), int(cx + a + b + 2))
        if angle is None:
            form = shapes.ellipse(cx, cy, max(a, 0.5), max(b, 0.5), rng.uniform(0, 3))
        else:
            form = shapes.box(cx, cy, max(a, 0.5), max(b, 0.5), angle)
        near = form(x[rows, cols], y[rows, cols])
        distance[rows, cols] = np.minimum(distance[rows, cols], near)
    coverage = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    if angle is not None:
        shift = int(rng.integer(1, 4))
        shade = np.roll(coverage, (shift, shift), axis=(0, 1))
        canvas.dim(1 - np.float32(rng.uniform(0.3, 0.7)) * gaussian_filter(shade, 0.5))
    lay(rng, canvas, material, vary=rng.uniform(0.03, 0.2), coverage=coverage)


BACKGROUNDS: dict[str, Callable[[Chance, Canvas], list[Material]]] = {
    "plain": plain,
    "ground": ground,
    "horizon": horizon,
    "patchwork": patchwork,
    "coast": coast,
}
"""Kind of background to the function that paints it and returns the materials it used."""
