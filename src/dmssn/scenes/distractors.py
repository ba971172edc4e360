"""Things that draw the eye and are not salient: they are of what is around them.

Stains, and lumps of the ground itself: no spectrum of theirs is not that of their surround.
"""

import numpy as np

from dmssn.scenes import families
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.objects import Thing, Vector, box_of, distances, paint
from dmssn.scenes.shapes import Part

ROUND = (families.ball, families.lump, families.lump, families.heap, families.facet)


def stain(rng: Chance, canvas: Canvas) -> None:
    """Wet, worn or burnt patches: darker or brighter, of the same spectrum."""
    for _ in range(rng.integer(1, 5)):
        thing = _somewhere(rng, canvas, families.lump(rng), [], rng.uniform(0.03, 0.2))
        box = box_of(thing, canvas.shape)
        if box is None:
            continue
        soft = max(thing.scale * rng.uniform(0.05, 0.5), 1.0)
        inside = np.clip(0.5 - np.min(distances(thing, box), axis=0) / soft, 0, 1)
        change = rng.uniform(0.55, 0.9) if rng.one_in(0.8) else rng.uniform(1.05, 1.2)
        canvas.dim((1 + (np.float32(change) - 1) * inside).astype(np.float32), box)


def lumps(rng: Chance, canvas: Canvas, palette: list[Material], sun: Vector) -> list[Thing]:
    """Stones, clods and folds: of the material they lie on, seen by their shading alone.

    Returns:
        What was painted, for its shadows.
    """
    coverages = [canvas.coverage(material) for material in palette]
    size, things = rng.spread(0.01, 0.05), []
    for _ in range(rng.integer(2, 12)):
        family = rng.choice(ROUND)
        thing = _somewhere(rng, canvas, family(rng), [], size * rng.uniform(0.6, 1.4))
        place = (int(thing.y), int(thing.x))
        under = int(np.argmax([coverage[place] for coverage in coverages]))
        thing.materials.append(Material(palette[under].spectra))
        paint(rng, canvas, thing, sun)
        things.append(thing)
    return things


def _somewhere(
    rng: Chance,
    canvas: Canvas,
    parts: list[Part],
    materials: list[Material],
    size: float,
) -> Thing:
    height, width = canvas.shape
    return Thing(
        parts,
        materials,
        y=rng.uniform(0, height),
        x=rng.uniform(0, width),
        scale=max(size * min(canvas.shape), 1.0),
        angle=rng.uniform(0, 2 * np.pi),
        relief=rng.uniform(0.3, 0.7),
        ambient=rng.uniform(0.5, 0.8),
    )
