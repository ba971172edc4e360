"""Shadows: of the objects, and of things that are not in the picture.

Every field is the share of the direct light that is left, in [0, 1], float32 of shape (H, W).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.scenes import textures
from dmssn.scenes.chance import Chance
from dmssn.scenes.objects import Thing, Vector, box_of, distances
from dmssn.scenes.textures import Plane, Shape


def cast(
    shape: Shape,
    things: list[Thing],
    sun: Vector,
    length: float,
    labels: NDArray[np.integer] | None = None,
) -> Plane:
    """What objects leave of the light, under themselves as well as around.

    Args:
        shape: (H, W).
        things: What casts shadows.
        sun: Direction of the light.
        length: Shift of a shadow as a share of its object's size.
        labels: Numbers of the things, from 1, where each is to be seen, for their shadows on one
            another: none falls on a thing itself, nor on those painted after it, before it.
    """
    left = np.ones(shape, dtype=np.float32)
    for number, thing in enumerate(things, start=1):
        far = length * thing.scale
        moved = replace(thing, y=thing.y - sun[1] * far, x=thing.x - sun[0] * far)
        box = box_of(moved, shape)
        if box is not None:
            nearest = np.min(distances(moved, box), axis=0)
            lit = np.clip(0.5 + nearest / max(0.2 * far, 1.0), 0, 1)
            if labels is not None:
                lit[labels[box] >= number] = 1
            left[box] = np.minimum(left[box], lit)
    return left


def contact(shape: Shape, things: list[Thing], sun: Vector) -> Plane:
    """The dark seam where things rest on the ground, which light from no side reaches.

    Args:
        shape: (H, W).
        things: What rests.
        sun: Direction of the light; the seam is on the side away from it.
    """
    left = np.ones(shape, dtype=np.float32)
    for thing in things:
        moved = replace(
            thing, y=thing.y + (0.04 - 0.05 * sun[1]) * thing.scale,
            x=thing.x - 0.05 * sun[0] * thing.scale,
        )  # fmt: skip
        box = box_of(moved, shape)
        if box is not None:
            nearest = np.min(distances(moved, box), axis=0)
            lit = np.clip(nearest / max(0.12 * thing.scale, 1.0), 0, 1)
            left[box] = np.minimum(left[box], lit)
    return left


def lift(left: Plane, things: list[Thing]) -> Plane:
    """Take shadows off things of the ground's own material, as far as they cover a pixel."""
    left = left.copy()
    for thing in things:
        box = box_of(thing, left.shape)
        if box is not None:
            covered = np.clip(0.5 - np.min(distances(thing, box), axis=0), 0, 1)
            left[box] = np.maximum(left[box], covered)
    return left


def from_outside(rng: Chance, shape: Shape) -> Plane:
    """Shadow of a building's edge, a tree, bars, a wall with a window; or a lamp's pool."""
    height, width = shape
    side = min(shape)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = (x - width / 2) * np.float32(np.cos(angle)) + (y - height / 2) * np.float32(
        np.sin(angle)
    )
    across = (y - height / 2) * np.float32(np.cos(angle)) - (x - width / 2) * np.float32(
        np.sin(angle)
    )
    soft = max(side * rng.spread(0.004, 0.15), 0.7)
    kind = rng.choice(["edge", "tree", "tree", "bars", "window", "pool"])
    if kind == "edge":
        out = 0.5 + (along - rng.uniform(-0.25, 0.25) * side) / soft
    elif kind == "tree":
        crown = textures.fractal(rng, shape, side * rng.uniform(0.1, 0.4), 1.8)
        out = 0.5 + (crown - rng.uniform(-0.5, 0.7)) * side * 0.05 / soft
    elif kind == "bars":
        period = side * rng.uniform(0.1, 0.35)
        out = 0.5 + (np.abs(along % period - period / 2) - period * rng.uniform(0.1, 0.3)) / soft
    elif kind == "pool":
        out = np.exp(
            -((along - rng.normal(0, 0.2) * side) ** 2 + across**2)
            / rng.uniform(0.02, 0.15)
            / side**2
        )
    else:
        a, b = rng.uniform(0.15, 0.4, 2) * side
        cy, cx = rng.uniform(-0.2, 0.2, 2) * side
        out = 0.5 + np.minimum(a - np.abs(along - cx), b - np.abs(across - cy)) / soft
    return np.asarray(gaussian_filter(np.clip(out, 0, 1).astype(np.float32), 0.6))
