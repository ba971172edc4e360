"""What is put into a scene: how many objects, how large, of what materials and where."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes import materials, shapes
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.objects import Thing, unit_area

NEAR = (
    shapes.ball,
    shapes.fruit,
    shapes.fruit,
    shapes.toy,
    shapes.toy,
    shapes.carton,
    shapes.crate,
    shapes.can,
    shapes.bottle,
    shapes.cup,
    shapes.leaf,
    shapes.lump,
    shapes.facet,
    shapes.branched,
    shapes.heap,
)
"""Families of shapes seen from nearby."""
AIRBORNE = (
    shapes.airplane,
    shapes.airplane,
    shapes.vehicle,
    shapes.leaf,
    shapes.facet,
    shapes.carton,
    shapes.lump,
)
"""Families of shapes seen from the air."""
FLAT_TOPPED = (shapes.carton, shapes.crate, shapes.facet, shapes.cup, shapes.can)
SMALLEST = {shapes.airplane: 4.5, shapes.branched: 6.0, shapes.leaf: 2.0}
"""Least half size in pixels of thin shapes, so that a part is not lost between two pixels."""
LARGEST = 0.6
"""Greatest half size of an object as a share of the picture's shorter side."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the objects of one scene have in common.

    Attributes:
        fraction: Share of the picture they are to fill.
        number: How many there are.
        layout: ``free``, ``row`` or ``lattice``.
        same_shape: Whether they are of one family of shapes.
        same_stuff: Whether they are of the same materials.
        airborne: Whether the scene is seen from the air.
        cut: Whether the border of the picture may cut them.
        ambient: Share of the light that comes from all around.
    """

    fraction: float
    number: int
    layout: str
    same_shape: bool
    same_stuff: bool
    airborne: bool
    cut: bool
    ambient: float


def draw_plan(rng: Chance, kind: str) -> Plan:
    """How the objects before a background of the given kind are arranged."""
    airborne = kind in ("patchwork", "coast")
    layout = str(rng.choice(["free", "row", "lattice"], p=[0.72, 0.14, 0.14]))
    if airborne:
        many = {"free": [1, 2, 2, 3, 4, 8], "row": [2, 3, 4, 6], "lattice": [8, 15, 30, 60]}
        fraction = rng.spread(0.003, 0.05)
    else:
        many = {"free": [1, 1, 2, 2, 3, 4, 6], "row": [2, 3, 4], "lattice": [4, 6, 9, 12]}
        low, high = (0.06, 0.55) if kind == "plain" else (0.012, 0.35)
        fraction = rng.spread(low, high)
        if kind == "plain" and rng.random() < 0.5:
            fraction = rng.uniform(0.2, 0.55)
    return Plan(
        fraction=float(fraction),
        number=int(rng.choice(many[layout])),
        layout=layout,
        same_shape=airborne or layout != "free" or rng.random() < 0.4,
        same_stuff=rng.random() < (0.75 if airborne else 0.4),
        airborne=airborne,
        cut=rng.random() < 0.12,
        ambient=float(rng.uniform(0.03, 0.5) if kind == "plain" else rng.uniform(0.2, 0.6)),
    )


def arrange(
    rng: Chance, plan: Plan, shape: tuple[int, int], stuff: list[list[Material]]
) -> list[Thing]:
    """The objects of a scene, in the order they are painted.

    Args:
        rng: Source of chance.
        plan: What they have in common.
        shape: (H, W).
        stuff: The materials of each object, cycled through.
    """
    families = AIRBORNE if plan.airborne else NEAR
    family = families[rng.integer(0, len(families))]
    regular = plan.layout != "free"
    shares = rng.shares(np.full(plan.number, 200.0 if regular else 6.0))
    lattice = _lattice(rng, plan, shape) if regular else None
    turn = _turn(rng, plan)
    things: list[Thing] = []
    for index in range(plan.number):
        if not plan.same_shape:
            family = families[rng.integer(0, len(families))]
        parts = family(rng)
        area = plan.fraction * float(shares[index]) * shape[0] * shape[1]
        scale = min(float(np.sqrt(area / unit_area(parts))), LARGEST * min(shape))
        scale = max(scale, SMALLEST.get(family, 1.0))
        if lattice is None:
            y, x = _free_place(rng, plan, shape, scale, things)
            turn = _turn(rng, plan)
        else:
            y, x = lattice[index]
        flat = plan.airborne or rng.random() < 0.15
        things.append(
            Thing(
                parts,
                stuff[index % len(stuff)],
                y,
                x,
                scale,
                turn,
                relief=0.0 if flat else rng.uniform(0.5, 1.1),
                rim=_rim(rng, family in FLAT_TOPPED),
                pattern=rng.choice([0.0, rng.uniform(0, 1)], p=[0.75, 0.25]),
                ambient=plan.ambient,
            )
        )
    return things


def _rim(rng: Chance, flat_topped: bool) -> float:
    if flat_topped:
        return float(rng.uniform(0.05, 0.3))
    return float(rng.choice([1.0, rng.uniform(0.3, 1.0)]))


def _turn(rng: Chance, plan: Plan) -> float:
    if plan.airborne or rng.random() < 0.4:
        return float(rng.uniform(0, 2 * np.pi))
    return float(rng.normal(0, 0.25))


def _free_place(
    rng: Chance, plan: Plan, shape: tuple[int, int], scale: float, others: list[Thing]
) -> tuple[float, float]:
    """The centre, of those tried, where an object hides and loses least."""
    size = np.array(shape)
    best, least = (0.0, 0.0), np.inf
    for _ in range(25):
        place = rng.uniform(0.06, 0.94, 2) if plan.airborne else rng.normal(0.5, 0.2, 2)
        y, x = (float(value) for value in np.clip(place, 0, 1) * size)
        hidden = sum(
            max(0.0, 1 - float(np.hypot(y - o.y, x - o.x)) / (0.9 * (scale + o.scale)))
            for o in others
        )
        outside = max(0.0, scale - y, scale - x, y + scale - shape[0], x + scale - shape[1])
        cost = hidden + (0 if plan.cut else 0.8) * outside / scale + 0.05 * rng.random()
        if cost < least:
            best, least = (y, x), cost
    return best


def _lattice(rng: Chance, plan: Plan, shape: tuple[int, int]) -> list[tuple[float, float]]:
    """Centres in one row or in several, turned, about the middle of the picture."""
    across = plan.number if plan.layout == "row" else int(np.ceil(np.sqrt(plan.number)))
    index = np.arange(plan.number)
    rows, cols = index // across, index % across
    u = cols - cols.max() / 2 + rng.choice([0.0, 0.5]) * (rows % 2)
    v = rows - rows.max() / 2
    turn = rng.uniform(0, 2 * np.pi) if plan.airborne else rng.normal(0, 0.3)
    # Spread so that the objects, on average as large as their cell allows, do not overlap.
    cell = np.sqrt(plan.fraction * shape[0] * shape[1] / plan.number)
    longest = 0.85 * min(shape) / max(across, 1)
    step = min(max(cell * rng.uniform(1.3, 3.0), longest * rng.uniform(0.3, 1)), longest)
    jitter = rng.normal(0, 0.06, (2, plan.number))
    u, v = (u + jitter[0]) * step, (v + jitter[1]) * step * rng.uniform(0.8, 1.2)
    cy, cx = rng.uniform(0.4, 0.6, 2) * shape
    y = cy + v * np.cos(turn) + u * np.sin(turn)
    x = cx + u * np.cos(turn) - v * np.sin(turn)
    return [(float(a), float(b)) for a, b in zip(y, x, strict=True)]


def draw_stuff(
    rng: Chance, plan: Plan, behind: NDArray[np.float64], seen: NDArray[np.float64]
) -> list[list[Material]]:
    """Two or three materials for each object, each apart from everything behind it.

    Args:
        rng: Source of chance.
        plan: Of the scene.
        behind: Reflectance of the background's materials, shape (materials, G).
        seen: What the camera makes of a reflectance in this light, shape (G, B).
    """
    hard = rng.random() < 0.15
    sets = 1 if plan.same_stuff else min(plan.number, 6)
    return [
        [_distinct(rng, behind @ seen, seen, hard) for _ in range(rng.integer(2, 4))]
        for _ in range(sets)
    ]


def _distinct(
    rng: Chance, behind: NDArray[np.float64], seen: NDArray[np.float64], hard: bool
) -> Material:
    """A material whose spectrum, as the camera sees it, is not that of any background."""
    tried: list[tuple[float, Material]] = []
    for _ in range(12):
        material = _any(rng)
        front = material.spectra[0] @ seen
        if hard:  # as bright as what is behind it: only the spectrum tells
            factor = float(np.clip(behind[0].mean() / front.mean(), 0.2, 3))
            material = Material(np.clip(material.spectra * factor, 0.002, 1), material.gloss * 0.2)
            front = material.spectra[0] @ seen
        apart = contrast(front, behind)
        tried.append((apart, material))
        if apart > 0.6:
            break
    return max(tried, key=lambda pair: pair[0])[1]


def contrast(front: NDArray[np.float64], behind: NDArray[np.float64]) -> float:
    """How far a spectrum (B,) is from the nearest of others (materials, B).

    The spectral angle in radians times 2.5, plus half the difference of log brightness: our own
    yardstick, by which 0.6 is seen at a glance.
    """
    cosine = behind @ front / (np.linalg.norm(behind, axis=1) * np.linalg.norm(front))
    angle = np.arccos(np.clip(cosine, -1, 1))
    bright = np.abs(np.log(front.mean() / behind.mean(axis=1)))
    return float(np.min(2.5 * angle + 0.5 * bright))


def _any(rng: Chance) -> Material:
    kind = rng.choice(
        ["pigment", "made up", "made", "grey", "natural"], p=[0.45, 0.2, 0.12, 0.13, 0.1]
    )
    if kind == "pigment":
        return materials.pigment(rng)
    if kind == "made up":
        return materials.made_up(rng)
    if kind == "made":
        return materials.measured(rng, materials.MADE)
    if kind == "grey":
        return materials.grey(rng, float(rng.choice([0.1, 0.95]) * rng.uniform(0.4, 1)))
    return materials.measured(rng, materials.PLANTS + materials.DRY + materials.SOILS)
