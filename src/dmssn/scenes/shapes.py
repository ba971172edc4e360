"""Shapes of objects as signed distances: negative inside, in units of the object's own size.

A shape is a list of parts; each part has its own distance field and may be of another material.
Letters: x to the right and y down, both float32 fields of one shape.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes.chance import Chance

Plane = NDArray[np.float32]
Distance = Callable[[Plane, Plane], Plane]


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a shape.

    Attributes:
        distance: Maps fields x and y to the signed distance from the part's outline.
        material: Which of the object's materials it is made of, from 0.
        tone: Its brightness beside the other parts, as of a face turned from the light.
    """

    distance: Distance
    material: int = 0
    tone: float = 1.0


def ellipse(cx: float, cy: float, a: float, b: float, angle: float = 0.0) -> Distance:
    """An ellipse with half axes ``a`` and ``b``; its distance is exact at the outline only."""

    def distance(x: Plane, y: Plane) -> Plane:
        u, v = _turned(x - cx, y - cy, angle)
        near = np.hypot(u / a, v / b)
        slope = np.hypot(u / a**2, v / b**2)
        return np.asarray(near * (near - 1) / (slope + 1e-6) - 1e-6)

    return distance


def capsule(x0: float, y0: float, x1: float, y1: float, radius: float) -> Distance:
    """A thick line with round ends."""

    def distance(x: Plane, y: Plane) -> Plane:
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2 + 1e-9
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1)
        return np.asarray(np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) - radius)

    return distance


def box(
    cx: float, cy: float, a: float, b: float, angle: float = 0.0, corner: float = 0
) -> Distance:
    """A rectangle with half sides ``a`` and ``b``, its corners rounded by ``corner``."""

    def distance(x: Plane, y: Plane) -> Plane:
        u, v = _turned(x - cx, y - cy, angle)
        p, q = np.abs(u) - a + corner, np.abs(v) - b + corner
        outside = np.hypot(np.maximum(p, 0), np.maximum(q, 0))
        return np.asarray(outside + np.minimum(np.maximum(p, q), 0) - corner)

    return distance


def ring(cx: float, cy: float, radius: float, thickness: float) -> Distance:
    """A ring of half ``thickness`` around a circle."""

    def distance(x: Plane, y: Plane) -> Plane:
        return np.asarray(np.abs(np.hypot(x - cx, y - cy) - radius) - thickness)

    return distance


def blob(rng: Chance, wobble: float, sharp: int = 6) -> Distance:
    """A closed outline whose radius wanders by about ``wobble`` over up to ``sharp`` waves."""
    orders = np.arange(2, 2 + sharp)
    sizes = rng.normal(0, wobble, orders.size) / orders**0.8
    phases = rng.uniform(0, 2 * np.pi, orders.size)

    def distance(x: Plane, y: Plane) -> Plane:
        angle = np.arctan2(y, x)
        radius = np.ones_like(x)
        for order, size, phase in zip(orders, sizes, phases, strict=True):
            radius += np.float32(size) * np.cos(order * angle + phase)
        return np.asarray(np.hypot(x, y) - np.clip(radius, 0.25, 2))

    return distance


def convex(corners: Sequence[tuple[float, float]]) -> Distance:
    """A convex polygon, its corners (x, y) given clockwise as seen with y down."""

    def distance(x: Plane, y: Plane) -> Plane:
        out = np.full_like(x, -np.inf)
        for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]]):
            length = np.hypot(x1 - x0, y1 - y0) + 1e-9
            out = np.maximum(out, ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length)
        return np.asarray(out)

    return distance


def ball(rng: Chance) -> list[Part]:
    """A ball, or an egg."""
    return [Part(ellipse(0, 0, 1, rng.choice([1.0, rng.uniform(0.6, 1)])))]


def fruit(rng: Chance) -> list[Part]:
    """A round thing, with a tip, a stalk or leaves at times."""
    parts = [Part(blob(rng, rng.uniform(0.02, 0.12), 3))]
    if rng.random() < 0.3:
        parts.append(Part(ellipse(0, 0.95, 0.25, 0.3)))
    if rng.random() < 0.3:
        parts.append(Part(capsule(0, -0.9, rng.uniform(-0.3, 0.3), -1.4, 0.06), 1))
    if rng.random() < 0.35:
        for turn in np.linspace(-1.2, 1.2, rng.integer(2, 6)) + rng.normal(0, 0.1):
            x, y = 0.45 * np.sin(turn), -0.8 - 0.4 * np.cos(turn)
            parts.append(Part(ellipse(x, y, 0.14, 0.42, turn), 1))
    return parts


def toy(rng: Chance) -> list[Part]:
    """A body, a head, limbs, ears and a tail."""
    parts = [Part(ellipse(0, 0.2, rng.uniform(0.55, 0.9), rng.uniform(0.5, 0.8)))]
    for side in (-1, 1):
        x, y = side * rng.uniform(0.4, 0.9), rng.uniform(0.5, 0.9)
        limb = ellipse(x, y, rng.uniform(0.2, 0.35), rng.uniform(0.25, 0.55), side * rng.random())
        parts.append(Part(limb, int(rng.integer(0, 2))))
        if rng.random() < 0.6:
            arm = capsule(side * 0.4, 0, side * rng.uniform(0.8, 1.2), rng.uniform(-0.4, 0.5), 0.17)
            parts.append(Part(arm))
    head_x, size = rng.uniform(-0.4, 0.4), rng.uniform(0.35, 0.55)
    parts.append(Part(ellipse(head_x, -0.55, size, size * rng.uniform(0.8, 1.1))))
    if rng.random() < 0.7:
        for side in (-1, 1):
            ear = ellipse(head_x + side * size * 0.9, -0.6 - rng.uniform(0, 0.4), 0.15, 0.32, side)
            parts.append(Part(ear, int(rng.integer(0, 2))))
    if rng.random() < 0.6:
        parts.append(Part(ellipse(head_x + 0.1, -0.45, 0.18, 0.14), 1))
    return parts


def carton(rng: Chance) -> list[Part]:
    """A box, book or tile, with a label at times."""
    a, b = 1.0, rng.uniform(0.35, 1.0)
    parts = [Part(box(0, 0, a, b, 0, rng.choice([0.0, 0.1])))]
    if rng.random() < 0.5:
        parts.append(
            Part(box(0, rng.uniform(-0.3, 0.3) * b, a * 0.7, b * rng.uniform(0.2, 0.5)), 1)
        )
    return parts


def bottle(rng: Chance) -> list[Part]:
    """A bottle, jar or vase with its cap and perhaps a label."""
    wide, neck = rng.uniform(0.3, 0.6), rng.uniform(0.12, 0.25)
    parts = [Part(box(0, 0.3, wide, 0.8, 0, 0.2)), Part(box(0, -0.65, neck, 0.35, 0, 0.05))]
    parts.append(Part(box(0, -1.0, neck * 1.2, 0.12, 0, 0.03), 1))
    if rng.random() < 0.5:
        parts.append(Part(box(0, 0.35, wide, 0.3), 1))
    return parts


def cup(rng: Chance) -> list[Part]:
    """A cup with a handle."""
    tall = rng.uniform(0.5, 0.9)
    handle = Part(ring(0.75, 0, tall * 0.5, 0.1))
    return [handle, Part(box(0, 0, 0.65, tall, 0, 0.12))]


def leaf(rng: Chance) -> list[Part]:
    """A leaf, fish or boat: where two circles overlap."""
    shift = rng.uniform(0.5, 0.9)
    one, two = ellipse(0, shift, 1.2, 1.2), ellipse(0, -shift, 1.2, 1.2)
    parts = [Part(lambda x, y: np.maximum(one(x, y), two(x, y)))]
    if rng.random() < 0.4:
        parts.append(Part(capsule(-0.9, 0, 0.9, 0, 0.05), 1))
    return parts


def lump(rng: Chance) -> list[Part]:
    """An irregular thing: stone, lump, puddle."""
    return [Part(blob(rng, rng.uniform(0.08, 0.3), int(rng.integer(3, 9))))]


def facet(rng: Chance) -> list[Part]:
    """A thing with straight edges, from a triangle to an octagon."""
    sides = int(rng.integer(3, 9))
    turns = (np.arange(sides) + rng.uniform(-0.25, 0.25, sides)) * 2 * np.pi / sides
    return [Part(convex([(float(np.cos(turn)), float(np.sin(turn))) for turn in turns]))]


def crate(rng: Chance) -> list[Part]:
    """A box seen from above one of its edges: three faces, each turned its own way."""
    tall, flat = rng.uniform(0.4, 1.1), rng.uniform(0.25, 0.55)
    left, right = -rng.uniform(0.5, 0.9), rng.uniform(0.5, 0.9)
    top = [(0.0, -tall / 2 - flat), (right, -tall / 2), (0.0, -tall / 2 + flat), (left, -tall / 2)]
    west = [(left, -tall / 2), top[2], (0.0, tall / 2 + flat), (left, tall / 2)]
    east = [top[2], (right, -tall / 2), (right, tall / 2), (0.0, tall / 2 + flat)]
    tones = rng.uniform(0.3, 1.0, 3)
    lid = int(rng.random() < 0.25)
    return [
        Part(convex(top), lid, float(tones[0])),
        Part(convex(west), 0, float(tones[1])),
        Part(convex(east), 0, float(tones[2])),
    ]


def can(rng: Chance) -> list[Part]:
    """A cylinder seen from a little above: its side, its lid and perhaps a label."""
    wide, tall = rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.8)
    lid = rng.uniform(0.15, 0.4) * wide
    parts = [Part(box(0, 0, wide, tall)), Part(ellipse(0, tall, wide, lid))]
    if rng.random() < 0.4:
        parts.append(Part(box(0, 0.1, wide, tall * 0.5), 1))
    return [*parts, Part(ellipse(0, -tall, wide, lid), int(rng.random() < 0.4), 0.8)]


def branched(rng: Chance) -> list[Part]:
    """A thin, jointed thing: tool, twig, cable, insect."""
    joints = int(rng.integer(3, 7))
    turns = np.cumsum(rng.normal(0, 0.7, joints - 1))
    steps = rng.uniform(0.4, 0.8, joints - 1) * np.stack([np.cos(turns), np.sin(turns)])
    points = np.concatenate([np.zeros((2, 1)), np.cumsum(steps, axis=1)], axis=1).T
    points -= (points.min(axis=0) + points.max(axis=0)) / 2
    points *= 1.2 / np.linalg.norm(points, axis=1).max()
    thick = rng.uniform(0.06, 0.18)
    parts = []
    for (x0, y0), (x1, y1) in pairwise(points):
        parts.append(Part(capsule(x0, y0, x1, y1, thick), int(rng.random() < 0.2)))
    if rng.random() < 0.5:
        parts.append(Part(ellipse(float(points[-1, 0]), float(points[-1, 1]), 0.3, 0.3)))
    return parts


def airplane(rng: Chance) -> list[Part]:
    """An airplane from above; a plain cross when it is small."""
    wing, sweep = rng.uniform(0.7, 1.1), rng.uniform(0, 0.4)
    parts = [Part(capsule(0, -1, 0, 1, 0.12))]
    for side in (-1, 1):
        parts.append(Part(capsule(0, -0.1, side * wing, -0.1 + sweep, 0.11)))
        parts.append(Part(capsule(0, 0.85, side * wing * 0.4, 0.85 + sweep * 0.4, 0.07)))
    return parts


def vehicle(rng: Chance) -> list[Part]:
    """A car, truck or boat from above."""
    b = rng.uniform(0.35, 0.55)
    parts = [Part(box(0, 0, 1, b, 0, 0.15))]
    if rng.random() < 0.6:
        parts.append(Part(box(rng.uniform(-0.4, 0.5), 0, 0.2, b * 0.8), 1))
    return parts


def heap(rng: Chance) -> list[Part]:
    """Several balls that touch: berries, stones, bubbles."""
    parts = []
    for turn in range(int(rng.integer(3, 8))):
        far = 0.75 * np.sqrt(turn / 7)
        x, y = far * np.cos(2.4 * turn), far * np.sin(2.4 * turn)
        parts.append(Part(ellipse(x, y, 0.4, 0.4 * rng.uniform(0.8, 1))))
    return parts


def _turned(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    if angle == 0:
        return x, y
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin
