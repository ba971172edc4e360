"""What backgrounds are made of: sheets, zones, roads, roofs, pebbles, and how they are laid.

Every function paints on a canvas, or gives a coverage in [0, 1] or a distance in pixels, (H, W).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.scenes import materials, shapes, textures
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.textures import Plane


def pattern(rng: Chance, canvas: Canvas) -> Plane:
    """Coverage of the stripes, checks or dots of a printed cloth."""
    period = min(canvas.shape) * rng.spread(0.03, 0.2)
    if rng.one_in(0.5):
        field = textures.stripes(rng, canvas.shape, period)
    else:
        field = textures.weave(rng, canvas.shape, period)
    return np.asarray(np.clip((field - rng.uniform(-0.5, 1)) * 2, 0, 1), dtype=np.float32)


def chart(rng: Chance, canvas: Canvas) -> None:
    """A colour chart or label at one border, cut by it, as bench cameras often have in view."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if rng.one_in(0.5):
        y, x = x, y
    length, across = (width, height) if y[0, 0] == y[0, -1] else (height, width)
    if rng.one_in(0.5):
        y = across - 1 - y
    cell, rows = across * rng.uniform(0.05, 0.12), rng.integer(1, 4)
    first, columns = rng.uniform(-0.2, 0.4) * length, rng.integer(3, 8)
    u, v = (x - first) / cell, (y + cell * rng.uniform(0, 0.6)) / cell
    frame = (u > -0.2) & (u < columns + 0.2) & (v < rows + 0.2)
    lay(rng, canvas, materials.grey(rng, rng.uniform(0.02, 0.1)), 0.02, frame.astype(np.float32))
    window = (u % 1 > 0.1) & (u % 1 < 0.9) & (v % 1 > 0.1) & (v % 1 < 0.9)
    for row in range(rows):
        for column in range(columns):
            patch = window & (np.floor(u) == column) & (np.floor(v) == row)
            if patch.any():
                colour = materials.pigment(rng) if rng.one_in(0.6) else sheet(rng)
                even = np.ones((1, *canvas.shape), dtype=np.float32)
                canvas.cover(Material(colour.spectra[:1]), patch.astype(np.float32), even)


def sheet(rng: Chance) -> Material:
    """Cloth, card, paint or wood, often nearly black."""
    kind = rng.choice(
        ["black", "grey", "white", "coloured", "wood"], p=[0.58, 0.12, 0.09, 0.12, 0.09]
    )
    if kind == "black":
        return materials.grey(rng, rng.spread(0.006, 0.06))
    if kind == "grey":
        return materials.grey(rng, rng.uniform(0.08, 0.5))
    if kind == "white":
        return materials.grey(rng, rng.uniform(0.55, 0.9))
    if kind == "coloured":
        return materials.pigment(rng) if rng.one_in(0.5) else materials.made_up(rng)
    return materials.measured(rng, materials.DRY)


def shore(rng: Chance, canvas: Canvas) -> Plane:
    """Pixels inland of a curved coast line, negative at sea."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    side, turn = min(canvas.shape), rng.uniform(0, 2 * np.pi)
    cy, cx = height / 2 + rng.normal(0, 0.1) * side, width / 2 + rng.normal(0, 0.1) * side
    bend = side * rng.uniform(0.01, 0.05) * textures.fractal(rng, canvas.shape, side / 3)
    if rng.one_in(0.5):  # a bay
        return np.asarray(np.hypot(y - cy, x - cx) - side * rng.uniform(0.42, 0.6) + bend)
    return np.asarray((y - cy) * np.cos(turn) + (x - cx) * np.sin(turn) - side * 0.25 + bend)


def natural(rng: Chance) -> Material:
    """What the ground outdoors is of."""
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


def far(rng: Chance) -> Material:
    """What stands behind the ground: sky, wall, haze."""
    if rng.one_in(0.5):
        return materials.grey(rng, rng.uniform(0.3, 0.9))
    return materials.measured(rng, materials.ROOFS + materials.PLANTS)


def lay(
    rng: Chance,
    canvas: Canvas,
    material: Material,
    vary: float,
    coverage: Plane | None = None,
    horizon: float | None = None,
    made: str = "natural",
) -> None:
    """Cover the canvas, or part of it, with a material that varies from place to place.

    Args:
        rng: Source of chance.
        canvas: What is painted.
        material: What it is covered with.
        vary: Relative standard deviation of the brightness.
        coverage: How much of each pixel, (H, W); all when None.
        horizon: Row, as a share of the height, that its texture recedes to.
        made: Kind of its texture, of ``textures.SURFACES``.
    """
    if coverage is None:
        coverage = np.ones(canvas.shape, dtype=np.float32)
    weights = textures.abundances(rng, canvas.shape, len(material.spectra), vary, made)
    if horizon is not None:
        weights = textures.receding(weights, horizon)
    canvas.cover(material, coverage, weights)


def within(distance: NDArray[np.floating[Any]]) -> Plane:
    """Coverage of what has negative distances, in pixels."""
    return np.asarray(np.clip(0.5 - distance, 0, 1), dtype=np.float32)


def below(rng: Chance, canvas: Canvas, line: float, wobble: float) -> Plane:
    """Coverage of what lies below a tilted, perhaps ragged line at a share of the height."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    tilt = rng.normal(0, 0.05)
    edge = height * (line + tilt * (x / width - 0.5))
    if wobble:
        edge = edge + height * wobble * textures.fractal(rng, canvas.shape, width / 6)
    return np.asarray(np.clip(y - edge + 0.5, 0, 1), dtype=np.float32)


def road(rng: Chance, canvas: Canvas, palette: list[Material]) -> None:
    """A straight road across the picture."""
    height, width = canvas.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    off = (x - width * rng.random()) * np.cos(angle) + (y - height * rng.random()) * np.sin(angle)
    half = min(canvas.shape) * rng.uniform(0.008, 0.06)
    palette.append(materials.measured(rng, materials.PAVED))
    coverage = np.clip(half - np.abs(off) + 0.5, 0, 1).astype(np.float32)
    lay(rng, canvas, palette[-1], vary=rng.uniform(0.02, 0.12), coverage=coverage)


def buildings(rng: Chance, canvas: Canvas, palette: list[Material]) -> None:
    """Many roofs of one or two materials, with shadows: common here, so not salient."""
    angle = rng.uniform(0, np.pi)
    roofs = [materials.measured(rng, materials.ROOFS) for _ in range(rng.integer(1, 3))]
    palette += roofs
    large = rng.spread(0.015, 0.06)
    for roof in roofs:
        size = (0.5 * large, 1.5 * large)
        scatter(rng, canvas, roof, size, number=(4, int(0.7 / large)), angle=angle)


def trees(rng: Chance, canvas: Canvas) -> None:
    """Crowns of one kind, with shadows; as common as roofs are."""
    kind = materials.measured(rng, materials.PLANTS)
    size = rng.spread(0.004, 0.02)
    scatter(rng, canvas, kind, (0.6 * size, size), number=(20, 200), shaded=True)


def grain(rng: Chance, canvas: Canvas, vary: float, coverage: Plane | None = None) -> None:
    """Brightness that changes from pixel to pixel, as that of land seen from the air does.

    Args:
        rng: Source of chance.
        canvas: What is painted so far.
        vary: Relative standard deviation.
        coverage: Where; all over when None.
    """
    field = textures.fractal(rng, canvas.shape, min(canvas.shape) / 4, rng.uniform(0.5, 1.0))
    factor = np.exp(vary * np.clip(field, -3, 3))
    canvas.dim(factor if coverage is None else 1 + coverage * (factor - 1))


def scatter(
    rng: Chance,
    canvas: Canvas,
    material: Material,
    size: tuple[float, float] = (0.004, 0.02),
    number: tuple[int, int] = (30, 150),
    angle: float | None = None,
    *,
    shaded: bool = False,
) -> None:
    """Strew many things of one material over the whole picture: pebbles, tufts, roofs.

    Args:
        rng: Source of chance.
        canvas: What is strewn on.
        material: What they are of.
        size: Smallest and greatest half length, as a share of the shorter side.
        number: Fewest and most things.
        angle: Rectangles all turned so, when given, which cast shadows; pebbles otherwise.
        shaded: Whether pebbles cast shadows, too.
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
    coverage = within(distance)
    if shaded or angle is not None:
        shift = rng.integer(1, 4)
        shade = np.roll(coverage, (shift, shift), axis=(0, 1))
        canvas.dim(1 - np.float32(rng.uniform(0.3, 0.7)) * gaussian_filter(shade, 0.5))
    lay(rng, canvas, material, vary=rng.uniform(0.03, 0.2), coverage=coverage)
