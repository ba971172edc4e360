"""Families of objects: each draws the parts of one thing, about 1 in half size.

Letters: x to the right and y down.
"""

from itertools import pairwise

import numpy as np

from dmssn.scenes.chance import Chance
from dmssn.scenes.shapes import Part, blob, box, capsule, convex, ellipse, ring, star


def ball(rng: Chance) -> list[Part]:
    """A ball, or an egg."""
    return [Part(ellipse(0, 0, 1, rng.choice([1.0, rng.uniform(0.6, 1)])))]


def fruit(rng: Chance) -> list[Part]:
    """A round thing, with a tip, a stalk or leaves at times."""
    parts = [Part(blob(rng, rng.uniform(0.02, 0.12), 3))]
    if rng.one_in(0.3):
        parts.append(Part(ellipse(0, 0.95, 0.25, 0.3)))
    if rng.one_in(0.3):
        parts.append(Part(capsule(0, -0.9, rng.uniform(-0.3, 0.3), -1.4, 0.06), 1))
    if rng.one_in(0.35):
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
        parts.append(Part(limb, rng.integer(0, 2)))
        if rng.one_in(0.6):
            arm = capsule(side * 0.4, 0, side * rng.uniform(0.8, 1.2), rng.uniform(-0.4, 0.5), 0.17)
            parts.append(Part(arm))
    head_x, size = rng.uniform(-0.4, 0.4), rng.uniform(0.35, 0.55)
    parts.append(Part(ellipse(head_x, -0.55, size, size * rng.uniform(0.8, 1.1))))
    if rng.one_in(0.7):
        for side in (-1, 1):
            ear = ellipse(head_x + side * size * 0.9, -0.6 - rng.uniform(0, 0.4), 0.15, 0.32, side)
            parts.append(Part(ear, rng.integer(0, 2)))
    if rng.one_in(0.6):
        parts.append(Part(ellipse(head_x + 0.1, -0.45, 0.18, 0.14), 1))
    return parts


def carton(rng: Chance) -> list[Part]:
    """A box, book or tile, with a label at times."""
    a, b = 1.0, rng.uniform(0.35, 1.0)
    parts = [Part(box(0, 0, a, b, 0, rng.choice([0.0, 0.1])))]
    if rng.one_in(0.5):
        parts.append(
            Part(box(0, rng.uniform(-0.3, 0.3) * b, a * 0.7, b * rng.uniform(0.2, 0.5)), 1)
        )
    return parts


def bottle(rng: Chance) -> list[Part]:
    """A bottle, jar or vase with its cap and perhaps a label."""
    wide, neck = rng.uniform(0.3, 0.6), rng.uniform(0.12, 0.25)
    parts = [Part(box(0, 0.3, wide, 0.8, 0, 0.2)), Part(box(0, -0.65, neck, 0.35, 0, 0.05))]
    parts.append(Part(box(0, -1.0, neck * 1.2, 0.12, 0, 0.03), 1))
    if rng.one_in(0.5):
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
    if rng.one_in(0.4):
        parts.append(Part(capsule(-0.9, 0, 0.9, 0, 0.05), 1))
    return parts


def lump(rng: Chance) -> list[Part]:
    """An irregular thing: stone, lump, puddle."""
    return [Part(blob(rng, rng.uniform(0.08, 0.3), rng.integer(3, 9)))]


def facet(rng: Chance) -> list[Part]:
    """A thing with straight edges, from a triangle to an octagon."""
    sides = rng.integer(3, 9)
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
    lid = int(rng.one_in(0.25))
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
    if rng.one_in(0.4):
        parts.append(Part(box(0, 0.1, wide, tall * 0.5), 1))
    return [*parts, Part(ellipse(0, -tall, wide, lid), int(rng.one_in(0.4)), 0.8)]


def branched(rng: Chance) -> list[Part]:
    """A thin, jointed thing: tool, twig, cable, insect."""
    joints = rng.integer(3, 7)
    turns = np.cumsum(rng.normal(0, 0.7, joints - 1))
    steps = rng.uniform(0.4, 0.8, joints - 1) * np.stack([np.cos(turns), np.sin(turns)])
    points = np.concatenate([np.zeros((2, 1)), np.cumsum(steps, axis=1)], axis=1).T
    points -= (points.min(axis=0) + points.max(axis=0)) / 2
    points *= 1.2 / np.linalg.norm(points, axis=1).max()
    thick = rng.uniform(0.06, 0.18)
    parts = []
    for (x0, y0), (x1, y1) in pairwise(points):
        parts.append(Part(capsule(x0, y0, x1, y1, thick), int(rng.one_in(0.2))))
    if rng.one_in(0.5):
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
    if rng.one_in(0.6):
        parts.append(Part(box(rng.uniform(-0.4, 0.5), 0, 0.2, b * 0.8), 1))
    return parts


def heap(rng: Chance) -> list[Part]:
    """Several balls that touch: berries, stones, bubbles."""
    parts = []
    for turn in range(rng.integer(3, 8)):
        far = 0.75 * np.sqrt(turn / 7)
        x, y = far * np.cos(2.4 * turn), far * np.sin(2.4 * turn)
        parts.append(Part(ellipse(x, y, 0.4, 0.4 * rng.uniform(0.8, 1))))
    return parts


def figure(rng: Chance) -> list[Part]:
    """Someone who stands, walks or waves: jointed limbs, clothes of two materials."""
    parts = []
    hip, neck = 0.15, -0.5
    for side in (-1, 1):
        knee = side * rng.uniform(0.05, 0.3)
        foot = knee + rng.normal(0, 0.15)
        parts.append(Part(capsule(side * 0.12, hip, knee, 0.55, 0.11), 1))
        parts.append(Part(capsule(knee, 0.55, foot, 1.0, 0.09), 1))
        elbow = (side * rng.uniform(0.25, 0.5), neck + rng.uniform(-0.1, 0.4))
        hand = (elbow[0] + side * rng.uniform(-0.1, 0.3), elbow[1] + rng.uniform(-0.4, 0.35))
        parts.append(Part(capsule(side * 0.2, neck + 0.05, *elbow, 0.08)))
        parts.append(Part(capsule(*elbow, *hand, 0.065), 2))
    parts.append(Part(box(0, (hip + neck) / 2, 0.24, 0.4, 0, 0.12)))
    return [*parts, Part(ellipse(rng.normal(0, 0.03), -0.8, 0.16, 0.2), 2)]


def quadruped(rng: Chance) -> list[Part]:
    """An animal on four legs, from the side."""
    legs, parts = rng.uniform(0.4, 0.8), []
    for x in (-0.55, -0.4, 0.4, 0.55):
        foot = x + rng.normal(0, 0.12)
        parts.append(Part(capsule(x, 0.1, foot, 0.1 + legs, 0.08)))
    parts.append(Part(ellipse(0, 0, 0.75, rng.uniform(0.28, 0.42))))
    head = (rng.uniform(0.8, 1.0), rng.uniform(-0.6, -0.15))
    parts.append(Part(capsule(0.55, -0.1, *head, 0.14)))
    parts.append(Part(ellipse(head[0] + 0.1, head[1], 0.24, 0.16, 0.3)))
    tail = (-1.0 - rng.uniform(0, 0.2), rng.uniform(-0.4, 0.3))
    parts.append(Part(capsule(-0.7, -0.1, *tail, 0.05), int(rng.one_in(0.3))))
    if rng.one_in(0.4):  # a patch of another colour on its back
        parts.append(Part(ellipse(rng.uniform(-0.3, 0.3), -0.05, 0.25, 0.18), 1))
    return parts


def flower(rng: Chance) -> list[Part]:
    """Petals about a heart, on a stalk at times."""
    count, parts = rng.integer(5, 12), []
    if rng.one_in(0.4):
        parts.append(Part(capsule(0, 0.2, rng.uniform(-0.3, 0.3), 1.6, 0.05), 2))
    long = rng.uniform(0.3, 0.45)
    for turn in np.arange(count) * 2 * np.pi / count + rng.uniform(0, 1):
        x, y = 0.55 * float(np.cos(turn)), 0.55 * float(np.sin(turn))
        parts.append(Part(ellipse(x, y, long, min(1.5 / count, 0.25), float(turn))))
    return [*parts, Part(ellipse(0, 0, 0.25, 0.25), 1)]


def tyre(rng: Chance) -> list[Part]:
    """A ring: tyre, wreath, coil."""
    thick = rng.uniform(0.12, 0.3)
    parts = [Part(ring(0, 0, 1 - thick, thick))]
    if rng.one_in(0.3):
        turn = rng.uniform(0, np.pi)
        x, y = float(np.cos(turn)) * (1 - thick), float(np.sin(turn)) * (1 - thick)
        parts.append(Part(capsule(-x, -y, x, y, 0.07), 1))
    return parts


def emblem(rng: Chance) -> list[Part]:
    """A star or a cogwheel."""
    parts = [Part(star(rng.integer(4, 11), rng.uniform(0.35, 0.75)))]
    if rng.one_in(0.3):
        parts.append(Part(ellipse(0, 0, 0.3, 0.3), 1))
    return parts


def mushroom(rng: Chance) -> list[Part]:
    """A stem and a cap: mushroom, umbrella, table lamp."""
    wide, tall = rng.uniform(0.6, 1.0), rng.uniform(0.35, 0.6)
    cap, cut = ellipse(0, -0.2, wide, tall), box(0, -0.7, 1.5, 0.55)
    stem = Part(box(0, 0.4, rng.uniform(0.06, 0.3), 0.6, 0, 0.05), 1)
    return [stem, Part(lambda x, y: np.maximum(cap(x, y), cut(x, y)))]


def pole(rng: Chance) -> list[Part]:
    """A thing much longer than wide: pencil, post, cable, spoon."""
    thick, bend = rng.uniform(0.05, 0.14), rng.normal(0, 0.15)
    parts = [
        Part(capsule(-1.2, 0, 0, bend, thick)),
        Part(capsule(0, bend, 1.2, 0, thick)),
    ]
    if rng.one_in(0.5):
        parts.append(Part(ellipse(1.25, 0, thick * 2.2, thick * 1.6), 1))
    return parts


def panels(rng: Chance) -> list[Part]:
    """Rows of equal panels, seen from above: awnings, solar cells, stacked goods."""
    rows, columns = rng.integer(1, 4), rng.integer(2, 5)
    a, b = 0.85 / columns, 0.7 / rows
    return [
        Part(box(2 * a * (c - (columns - 1) / 2), 2 * b * (r - (rows - 1) / 2), 0.88 * a, 0.85 * b))
        for r in range(rows)
        for c in range(columns)
    ]
