"""Backgrounds: what is behind and around the objects, none of it salient."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes import laying, materials, structures, textures
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material


def plain(rng: Chance, canvas: Canvas) -> list[Material]:
    """One sheet of cloth, card, wall or table top, often nearly black; a second one at times."""
    sheets = [laying.sheet(rng)]
    laying.lay(rng, canvas, sheets[0], vary=rng.uniform(0.01, 0.12), made="any")
    if rng.one_in(0.12):
        sheets.append(laying.sheet(rng))
        laying.lay(
            rng, canvas, sheets[-1], vary=0.03, coverage=laying.pattern(rng, canvas), made="any"
        )
    if rng.one_in(0.3):  # a table before a wall
        sheets.append(laying.sheet(rng))
        below = laying.below(rng, canvas, rng.uniform(0.25, 0.8), wobble=0)
        laying.lay(
            rng, canvas, sheets[-1], vary=rng.uniform(0.01, 0.15), coverage=below, made="any"
        )
    if rng.one_in(0.08):
        laying.chart(rng, canvas)
    return sheets


def ground(rng: Chance, canvas: Canvas) -> list[Material]:
    """Soil, grass, litter, gravel, paving: several materials in patches of every size."""
    count = rng.integer(1, 5)
    palette = [laying.natural(rng) for _ in range(count)]
    grain = min(canvas.shape) * rng.uniform(0.05, 0.5)
    heights = [
        textures.fractal(rng, canvas.shape, grain, rng.uniform(1.0, 2.2)) + rng.normal(0, 0.6)
        for _ in palette
    ]
    sharp = rng.spread(0.8, 8)
    powers = np.exp(sharp * (np.stack(heights) - np.max(heights, axis=0)))
    shares = powers / powers.sum(axis=0)
    for material, share, so_far in zip(palette, shares, np.cumsum(shares, axis=0), strict=True):
        coverage = (share / np.maximum(so_far, 1e-6)).astype(np.float32)
        laying.lay(rng, canvas, material, vary=rng.uniform(0.03, 0.25), coverage=coverage)
    if rng.one_in(0.5):
        laying.grain(rng, canvas, rng.uniform(0.03, 0.2))
    if rng.one_in(0.4):
        laying.scatter(rng, canvas, palette[0] if rng.one_in(0.5) else laying.natural(rng))
    return palette


def paved(rng: Chance, canvas: Canvas) -> list[Material]:
    """One thing again and again: bricks, planks, tiles, cobbles, or a carpet of leaves."""
    side = min(canvas.shape)
    kind = rng.choice(["bricks", "planks", "tiles", "cobbles", "leaves", "leaves"])
    if kind in ("cobbles", "leaves"):
        number = int(rng.spread(60, 1500))
        cell, gap = textures.mosaic(rng, canvas.shape, number, rng.uniform(0, side * 0.02))
        size = side / number**0.5
    else:
        size = side * rng.uniform(0.06, 0.25)
        long = size * {"bricks": 2.2, "planks": 20.0, "tiles": 1.0}[kind]
        shift = 0.5 if kind == "bricks" else rng.choice([0.0, 0.37])
        cell, gap = textures.courses(rng, canvas.shape, size, long, shift)
    classes = {
        "bricks": materials.SOILS + materials.ROOFS,
        "planks": materials.DRY,
        "tiles": materials.PAVED + materials.ROOFS,
        "cobbles": (*materials.PAVED, "gravel"),
        "leaves": (*materials.PLANTS, "litter"),
    }[kind]
    palette = [materials.measured(rng, classes)]
    palette += [
        materials.measured(rng, classes) if rng.one_in(0.7) else laying.sheet(rng)
        for _ in range(rng.integer(0, 3))
    ]
    owner = rng.integers(len(palette) + 2, int(cell.max()) + 1)  # mostly the first
    owner[owner >= len(palette)] = 0
    made = "wood" if kind == "planks" else "natural"
    tone = np.exp(rng.normal(0, rng.uniform(0.03, 0.3), owner.shape)).astype(np.float32)
    for index, material in enumerate(palette):
        own = (owner[cell] == index).astype(np.float32) if index else None
        laying.lay(rng, canvas, material, rng.uniform(0.03, 0.2), own, made=made)
    canvas.dim(tone[cell])
    joint = np.clip(0.5 + size * rng.uniform(0.01, 0.06) - gap, 0, 1)
    if kind in ("bricks", "tiles", "cobbles") and rng.one_in(0.6):
        palette.append(materials.grey(rng, rng.uniform(0.05, 0.6)))
        laying.lay(rng, canvas, palette[-1], 0.1, joint)
    else:
        canvas.dim(1 - np.float32(rng.uniform(0.2, 0.8)) * joint)
    return palette


def horizon(rng: Chance, canvas: Canvas) -> list[Material]:
    """Two or three zones one above the other: wall or sky, plants or buildings, ground."""
    palette = [laying.far(rng) if rng.one_in(0.5) else laying.natural(rng)]
    laying.lay(rng, canvas, palette[0], vary=rng.uniform(0.01, 0.1))
    for line in np.sort(rng.uniform(0.15, 0.85, rng.integer(1, 3))):
        palette.append(laying.natural(rng))
        wobble = rng.choice([0.0, rng.uniform(0, 0.06)])
        below = laying.below(rng, canvas, line, wobble)
        vary, away = rng.uniform(0.03, 0.25), line - 0.1 if rng.one_in(0.6) else None
        laying.lay(rng, canvas, palette[-1], vary, coverage=below, horizon=away)
    return palette


def patchwork(rng: Chance, canvas: Canvas) -> list[Material]:
    """The ground from the air: fields or blocks, roads, buildings."""
    shape, side = canvas.shape, min(canvas.shape)
    if rng.one_in(0.5):
        number = int(rng.spread(4, 40))
        label = textures.fields(rng, shape, number)
    else:
        number = int(rng.spread(4, 150))
        label = textures.cells(rng, shape, number, rng.uniform(0, side * 0.05))
    palette = [laying.natural(rng) for _ in range(min(number, rng.integer(2, 7)))]
    _patches(rng, canvas, palette, number, label)
    for _ in range(rng.integer(0, 5)):
        laying.road(rng, canvas, palette)
    if rng.one_in(0.5):
        laying.buildings(rng, canvas, palette)
    if rng.one_in(0.5):
        laying.trees(rng, canvas)
    return palette


def _patches(
    rng: Chance, canvas: Canvas, palette: list[Material], number: int, label: NDArray[np.intp]
) -> None:
    """Cover each of the ground's patches, labelled (H, W) in [0, number), with a material."""
    owner = rng.integers(len(palette), number)
    for index, material in enumerate(palette):
        coverage = (owner[label] == index).astype(np.float32) if index else None
        laying.lay(rng, canvas, material, vary=rng.uniform(0.03, 0.2), coverage=coverage)
    laying.grain(rng, canvas, rng.spread(0.03, 0.3))


def built(rng: Chance, canvas: Canvas) -> list[Material]:
    """Land that is built upon, from the air: few kinds of ground, streets, yards, large roofs."""
    number = int(rng.spread(2, 12))
    if rng.one_in(0.5):
        label = textures.fields(rng, canvas.shape, number)
    else:
        label = textures.cells(rng, canvas.shape, number, min(canvas.shape) * rng.uniform(0, 0.05))
    palette = [laying.natural(rng) for _ in range(rng.integer(1, 4))]
    _patches(rng, canvas, palette, number, label)
    structures.build(rng, canvas, palette)
    if rng.one_in(0.3):
        laying.buildings(rng, canvas, palette)
    if rng.one_in(0.5):
        laying.trees(rng, canvas)
    return palette


def coast(rng: Chance, canvas: Canvas) -> list[Material]:
    """Water and a shore of sand, plants and paving along one side; or open water."""
    palette = _water(rng, canvas)
    if rng.one_in(0.75):
        _land(rng, canvas, palette)
    return palette


def harbour(rng: Chance, canvas: Canvas) -> list[Material]:
    """Water with dams, piers or bars of sand in it, and at times a shore."""
    palette = _water(rng, canvas)
    if rng.one_in(0.4):
        _land(rng, canvas, palette)
    town = structures.draw_town(rng, canvas)
    for _ in range(rng.integer(1, 4)):
        structures.dam(rng, canvas, town, palette)
    return palette


def _water(rng: Chance, canvas: Canvas) -> list[Material]:
    """Cover all with water."""
    sea = materials.water(rng)
    laying.lay(rng, canvas, sea, vary=rng.uniform(0.01, 0.12), made="water")
    laying.grain(rng, canvas, rng.uniform(0.01, 0.12))
    return [sea]


def _land(rng: Chance, canvas: Canvas, palette: list[Material]) -> None:
    """A shore along one side: sand, then plants, then what is paved."""
    distance = laying.shore(rng, canvas)
    edge = 0.0
    for classes in (("sand", "gravel"), materials.PLANTS + materials.SOILS, materials.PAVED):
        palette.append(materials.measured(rng, classes))
        coverage = np.clip(distance - edge + 0.5, 0, 1).astype(np.float32)
        laying.lay(rng, canvas, palette[-1], vary=rng.uniform(0.05, 0.25), coverage=coverage)
        laying.grain(rng, canvas, rng.uniform(0.05, 0.25), coverage)
        edge += min(canvas.shape) * rng.uniform(0.02, 0.15)


BACKGROUNDS: dict[str, Callable[[Chance, Canvas], list[Material]]] = {
    "plain": plain,
    "ground": ground,
    "paved": paved,
    "horizon": horizon,
    "patchwork": patchwork,
    "coast": coast,
    "built": built,
    "harbour": harbour,
}
"""Kind of background to the function that paints it and returns the materials it used."""
AERIAL = ("patchwork", "built", "harbour", "coast")
"""Backgrounds that are seen from the air."""
WATERS = ("harbour", "coast")
"""Those whose objects are on the first material, which is water."""
