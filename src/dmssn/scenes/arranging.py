"""What is put into a scene: how many objects, how large, of what materials and where."""

from dataclasses import dataclass

import numpy as np

from dmssn.scenes import families
from dmssn.scenes.backgrounds import AERIAL, WATERS
from dmssn.scenes.chance import Chance
from dmssn.scenes.objects import Thing, unit_area
from dmssn.scenes.styles import Style
from dmssn.scenes.textures import Plane

NEAR = (
    families.ball,
    families.fruit,
    families.fruit,
    families.toy,
    families.carton,
    families.crate,
    families.can,
    families.bottle,
    families.cup,
    families.leaf,
    families.lump,
    families.facet,
    families.branched,
    families.heap,
    families.figure,
    families.quadruped,
    families.flower,
    families.tyre,
    families.emblem,
    families.mushroom,
    families.pole,
)
"""Families of shapes seen from nearby."""
AIRBORNE = (
    families.airplane,
    families.airplane,
    families.vehicle,
    families.vehicle,
    families.vehicle,
    families.facet,
    families.carton,
    families.lump,
    families.panels,
    families.ball,
)
"""Families of shapes seen from the air."""
AFLOAT = (families.leaf, families.leaf, families.vehicle, families.carton, families.lump)
"""Families of shapes seen from the air on the water."""
FLAT_TOPPED = (families.carton, families.crate, families.facet, families.cup, families.can)
UPRIGHT = (families.figure, families.quadruped, families.mushroom, families.bottle, families.cup)
"""Families that mostly stand as they are drawn."""
SMALLEST = {
    families.airplane: 4.5,
    families.branched: 6.0,
    families.leaf: 2.0,
    families.figure: 6.0,
    families.quadruped: 5.0,
    families.flower: 4.0,
    families.pole: 5.0,
    families.tyre: 3.0,
    families.panels: 3.0,
}
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
        afloat: Whether there is water in it.
        cut: Whether the border of the picture may cut them.
        ambient: Share of the light that comes from all around.
    """

    fraction: float
    number: int
    layout: str
    same_shape: bool
    same_stuff: bool
    airborne: bool
    afloat: bool
    cut: bool
    ambient: float


def draw_plan(rng: Chance, kind: str, style: Style) -> Plan:
    """How the objects before a background of the given kind are arranged."""
    airborne = kind in AERIAL
    layout = rng.choice(["free", "row", "lattice"], p=[0.72, 0.14, 0.14])
    if airborne:
        many = {"free": [1, 2, 2, 3, 4, 8], "row": [2, 3, 4, 6], "lattice": [8, 15, 30, 60]}
        # On built land something must tell what is looked for from roofs: it is smaller.
        fraction = rng.spread(*((0.002, 0.02) if kind == "built" else (0.003, 0.05)))
    else:
        many = {"free": [1, 1, 2, 2, 3, 4, 6], "row": [2, 3, 4], "lattice": [4, 6, 9, 12]}
        fraction = rng.spread(0.06, 0.55) if kind == "plain" else rng.spread(0.012, 0.35)
        if kind == "plain" and rng.one_in(0.5):
            fraction = rng.uniform(0.2, 0.55)
    number = rng.choice(many[layout])
    if style.small:
        fraction, number = rng.spread(0.0012, 0.0085), min(number, rng.integer(1, 8))
    if style.many:
        number = max(number, rng.integer(2, 5))
    if style.metamers:
        fraction = min(fraction, 0.25)  # something of the background is to be left beside it
    return Plan(
        fraction=fraction,
        number=number,
        layout=layout,
        same_shape=airborne or layout != "free" or rng.one_in(0.4),
        same_stuff=rng.random() < (0.75 if airborne else 0.4),
        airborne=airborne,
        afloat=kind in WATERS,
        cut=rng.one_in(0.12),
        ambient=float(rng.uniform(0.03, 0.5) if kind == "plain" else rng.uniform(0.2, 0.6)),
    )


def arrange(
    rng: Chance, plan: Plan, shape: tuple[int, int], welcome: Plane | None = None
) -> list[Thing]:
    """The objects of a scene without their materials, in the order they are painted.

    Args:
        rng: Source of chance.
        plan: What they have in common.
        shape: (H, W).
        welcome: Where they are rather found, 0 to 1, shape (H, W); anywhere when None.
    """
    offered = (AFLOAT if plan.afloat else AIRBORNE) if plan.airborne else NEAR
    family = rng.choice(offered)
    regular = plan.layout != "free"
    shares = rng.shares(np.full(plan.number, 200.0 if regular else 6.0))
    lattice = _lattice(rng, plan, shape) if regular else None
    turn = _turn(rng, plan, family in UPRIGHT)
    things: list[Thing] = []
    for index in range(plan.number):
        if not plan.same_shape:
            family = rng.choice(offered)
        parts = family(rng)
        area = plan.fraction * float(shares[index]) * shape[0] * shape[1]
        scale = min(float(np.sqrt(area / unit_area(parts))), LARGEST * min(shape))
        if lattice is not None:
            scale = min(scale, 0.55 * lattice[0])
        scale = max(scale, SMALLEST.get(family, 1.0))
        if lattice is None:
            y, x = _free_place(rng, plan, shape, scale, things, welcome)
            turn = _turn(rng, plan, family in UPRIGHT)
        else:
            y, x = lattice[1][index]
        flat = plan.airborne or rng.one_in(0.15)
        things.append(
            Thing(
                parts,
                [],
                y,
                x,
                scale,
                turn,
                relief=0.0 if flat else rng.uniform(0.5, 1.1),
                rim=_rim(rng, family in FLAT_TOPPED),
                pattern=rng.uniform(0, 1) if rng.one_in(0.3) else 0.0,
                ambient=plan.ambient,
            )
        )
    return things


def _rim(rng: Chance, flat_topped: bool) -> float:
    if flat_topped:
        return rng.uniform(0.05, 0.3)
    return 1.0 if rng.one_in(0.5) else rng.uniform(0.3, 1.0)


def _turn(rng: Chance, plan: Plan, upright: bool) -> float:
    if plan.airborne or rng.one_in(0.1 if upright else 0.4):
        return rng.uniform(0, 2 * np.pi)
    return rng.normal(0, 0.25)


def _free_place(
    rng: Chance,
    plan: Plan,
    shape: tuple[int, int],
    scale: float,
    others: list[Thing],
    welcome: Plane | None,
) -> tuple[float, float]:
    """The centre, of those tried, where an object hides and loses least."""
    size = np.array(shape)
    best, least = (0.0, 0.0), np.inf
    for _ in range(25):
        place = rng.uniform(0.06, 0.94, 2) if plan.airborne else rng.normal(0.5, 0.26, 2)
        y, x = (float(value) for value in np.clip(place, 0, 1) * (size - 1))
        hidden = sum(
            max(0.0, 1 - float(np.hypot(y - o.y, x - o.x)) / (0.9 * (scale + o.scale)))
            for o in others
        )
        outside = max(0.0, scale - y, scale - x, y + scale - shape[0], x + scale - shape[1])
        away = 0.0 if welcome is None else 1 - float(welcome[int(y), int(x)])
        cost = 2 * away + hidden + (0 if plan.cut else 0.8) * outside / scale + 0.05 * rng.random()
        if cost < least:
            best, least = (y, x), cost
    return best


def _lattice(
    rng: Chance, plan: Plan, shape: tuple[int, int]
) -> tuple[float, list[tuple[float, float]]]:
    """Step, and centres in one row or in several, turned, about the middle of the picture."""
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
    return step, [(float(a), float(b)) for a, b in zip(y, x, strict=True)]
