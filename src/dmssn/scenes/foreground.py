"""What is before the objects and hides parts of them; it is not salient.

It comes in from a border or crosses the whole picture, so it belongs to the surroundings.
"""

from dataclasses import dataclass

import numpy as np

from dmssn.scenes import materials, textures
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.materials import Material
from dmssn.scenes.shapes import Distance, capsule, ellipse
from dmssn.scenes.textures import Plane


@dataclass(frozen=True, eq=False)
class Screen:
    """What is before the objects.

    Attributes:
        kind: ``blades``, ``wires`` or ``twigs``.
        forms: Its parts, as signed distances in pixels from fields of column and row.
    """

    kind: str
    forms: list[Distance]

    def coverage(self, shape: tuple[int, int], factor: int = 1) -> Plane:
        """How much of each pixel it hides.

        Args:
            shape: (H, W) of the picture as it was painted.
            factor: How much the picture is enlarged.

        Returns:
            Shape (factor H, factor W), in [0, 1].
        """
        height, width = shape[0] * factor, shape[1] * factor
        y, x = np.mgrid[:height, :width].astype(np.float32)
        y, x = (y + 0.5) / factor - 0.5, (x + 0.5) / factor - 0.5
        nearest = np.full((height, width), np.inf, dtype=np.float32)
        for form in self.forms:
            np.minimum(nearest, form(x, y), out=nearest)
        return np.asarray(np.clip(0.5 - nearest * factor, 0, 1), dtype=np.float32)


def draw_screen(rng: Chance, shape: tuple[int, int]) -> Screen:
    """Blades of grass from below, wires of a fence, or twigs with leaves from one side."""
    height, width = shape
    side = min(shape)
    kind = rng.choice(["blades", "wires", "twigs"])
    forms: list[Distance] = []
    if kind == "blades":
        for _ in range(rng.integer(8, 30)):
            foot, tall = rng.uniform(0, width), side * rng.uniform(0.1, 0.45)
            lean = rng.normal(0, 0.25) * tall
            thick = max(side * rng.uniform(0.003, 0.012), 0.5)
            knee = (foot + 0.3 * lean, height - 0.6 * tall)
            forms.append(capsule(foot, height + 2.0, *knee, thick))
            forms.append(capsule(*knee, foot + lean, height - tall, thick * 0.6))
    elif kind == "wires":
        angle, step = rng.uniform(0, np.pi), side * rng.uniform(0.12, 0.3)
        thick, reach = max(side * rng.uniform(0.002, 0.008), 0.4), float(max(shape))
        for turn in (angle, angle + np.pi / 2):
            cos, sin = float(np.cos(turn)), float(np.sin(turn))
            for off in np.arange(-reach, reach, step):
                cx, cy = width / 2 - off * sin, height / 2 + off * cos
                ends = (cx - reach * cos, cy - reach * sin, cx + reach * cos, cy + reach * sin)
                forms.append(capsule(*ends, thick))
    else:
        y, x, turn = rng.uniform(0, height), 0.0, rng.normal(0, 0.5)
        for _ in range(rng.integer(3, 7)):
            step = side * rng.uniform(0.06, 0.15)
            to_x, to_y = x + step * float(np.cos(turn)), y + step * float(np.sin(turn))
            forms.append(capsule(x, y, to_x, to_y, max(side * 0.006, 0.5)))
            for _ in range(rng.integer(1, 4)):
                tilt, long = rng.uniform(0, np.pi), side * rng.uniform(0.02, 0.06)
                cx, cy = to_x + long * float(np.cos(tilt)), to_y + long * float(np.sin(tilt))
                forms.append(ellipse(cx, cy, long, long * 0.4, tilt))
            x, y, turn = to_x, to_y, turn + rng.normal(0, 0.4)
        if rng.one_in(0.5):
            forms = [_mirrored(form, width) for form in forms]
    return Screen(kind, forms)


def _mirrored(form: Distance, width: int) -> Distance:
    return lambda x, y: form(width - 1 - x, y)


def hang(rng: Chance, canvas: Canvas, screen: Screen) -> Material:
    """Paint a screen over all that is there; returns what it is made of."""
    if screen.kind == "wires":
        made_of = materials.grey(rng, rng.uniform(0.03, 0.4))
    else:
        made_of = materials.measured(rng, materials.PLANTS if rng.one_in(0.7) else materials.DRY)
    coverage = screen.coverage(canvas.shape)
    weights = textures.abundances(rng, canvas.shape, len(made_of.spectra), rng.uniform(0.05, 0.3))
    canvas.cover(made_of, coverage, weights)
    canvas.occlude(coverage)
    return made_of
