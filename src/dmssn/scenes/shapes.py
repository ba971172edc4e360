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


def star(points: int, inner: float) -> Distance:
    """A star with tips at 1; its distance is exact at the outline only.

    Args:
        points: Tips.
        inner: Radius of the corners between them.
    """
    half = np.pi / points
    # The edge from a tip (1, 0) to the corner between, as a line with unit normal.
    corner = (inner * np.cos(half), inner * np.sin(half))
    length = float(np.hypot(corner[0] - 1, corner[1]))
    normal = (corner[1] / length, (1 - corner[0]) / length)

    def distance(x: Plane, y: Plane) -> Plane:
        turn = np.abs((np.arctan2(y, x) + half) % (2 * half) - half)
        radius = np.hypot(x, y)
        return np.asarray(
            radius * (np.cos(turn) * normal[0] + np.sin(turn) * normal[1]) - normal[0]
        )

    return distance


def _turned(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    if angle == 0:
        return x, y
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin
