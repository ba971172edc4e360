"""What is before the camera: background, objects, light and shadows, one after the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.scenes import distractors, light, shadows
from dmssn.scenes.arranging import Plan, arrange, draw_plan
from dmssn.scenes.backgrounds import BACKGROUNDS
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.dressing import dress
from dmssn.scenes.foreground import Screen, draw_screen, hang
from dmssn.scenes.light import Light
from dmssn.scenes.materials import Material
from dmssn.scenes.objects import Thing, Vector, paint
from dmssn.scenes.sensor import Camera
from dmssn.scenes.styles import Style
from dmssn.scenes.textures import Plane

KINDS = {
    "plain": 0.38,
    "ground": 0.16,
    "paved": 0.10,
    "horizon": 0.08,
    "patchwork": 0.16,
    "coast": 0.12,
}
"""Chance of each kind of background."""
LARGE_SHARE = 0.02
"""A background material with this share of the picture counts as one of those there are."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A scene before it is taken.

    Attributes:
        canvas: What is painted.
        plan: What its objects have in common.
        things: The objects, in the order they were painted.
        screen: What is before them; None in most scenes.
        lights: The direct light, then what fills its shadows.
        materials: Background materials with a share of the picture worth naming.
        distractors: Names of what draws the eye and is not salient.
        outdoors: Whether the light comes through the air.
    """

    canvas: Canvas
    plan: Plan
    things: list[Thing]
    screen: Screen | None
    lights: list[Light]
    materials: int
    distractors: list[str]
    outdoors: bool

    @property
    def shade(self) -> Plane:
        """Light that reaches each pixel over that in full light, (H, W)."""
        total = np.sum([source.field for source in self.lights], axis=0)
        return np.asarray(total / np.quantile(total[::3, ::3], 0.9), dtype=np.float32)


def set_stage(
    rng: Chance,
    shape: tuple[int, int],
    kind: str,
    camera: Camera,
    style: Style,
    *,
    white_out: bool,
) -> Stage:
    """Paint a scene.

    Args:
        rng: Source of chance.
        shape: (H, W).
        kind: Of the background, of ``KINDS``.
        camera: What it is painted for.
        style: How it is made hard.
        white_out: Whether the file holds reflectance.

    Raises:
        NoMetamer: Its objects are to be of the background's colour, and nothing tried can be.
    """
    canvas = Canvas(*shape)
    palette = BACKGROUNDS[kind](rng, canvas)
    sun = _sun(rng)
    told, lumps = _distract(rng, canvas, palette, kind, sun, style)
    materials = _counted(canvas, palette)
    plan = draw_plan(rng, kind, style)
    outdoors = kind != "plain" and (kind not in ("ground", "paved") or rng.one_in(0.7))
    direct = light.sunlight(rng) if outdoors else light.lamp(rng)
    fill = light.sky(rng.uniform(5800, 9000)) if outdoors else light.lamp(rng)
    water = canvas.coverage(palette[0]) if kind == "coast" else None
    things = arrange(rng, plan, shape, None if water is None else water / water.max())
    things = dress(rng, canvas, things, style, camera, [direct, fill], plan, white_out=white_out)
    for number, thing in enumerate(things, start=1):
        paint(rng, canvas, thing, sun, number)
    screen = None
    if not plan.airborne and not style.metamers and rng.one_in(0.12):
        screen = draw_screen(rng, shape)
        hang(rng, canvas, screen)
    field = light.uneven(rng, shape, rng.uniform(0, 0.4 if outdoors else 1.2))
    if rng.one_in(0.6):
        thrown = rng.uniform(0.1, 0.7)
        left = np.ones(shape, dtype=np.float32)
        if not style.metamers:  # whose shadows would give them away
            left = shadows.cast(canvas, things, sun, thrown)
        if lumps:
            left = np.minimum(left, shadows.cast(canvas, lumps, sun, thrown))
        left = gaussian_filter(left, min(shape) * rng.uniform(0.002, 0.02))
        field = field * (1 - np.float32(rng.uniform(0.3, 1.0)) * (1 - left))
    grounded = np.ones(shape, dtype=np.float32)
    if not plan.airborne and not style.metamers and rng.one_in(0.8):
        grounded = shadows.contact(canvas, [*lumps, *things], sun, rng.uniform(0.3, 0.8))
    share = 0.15 + 0.5 * plan.ambient * rng.random()
    if style.dark:
        field = field * np.maximum(shadows.from_outside(rng, shape), rng.uniform(0, 0.04))
        share = rng.uniform(0.02, 0.1)
    elif rng.one_in(0.12):
        depth = np.float32(rng.uniform(0.3, 0.8))
        field = field * (1 - depth * (1 - shadows.from_outside(rng, shape)))
        told.append("shadow")
    around = np.float32(share) * light.uneven(rng, shape, rng.uniform(0, 0.8)) * grounded
    lights = [Light(direct, (field * grounded).astype(np.float32)), Light(fill, around)]
    return Stage(canvas, plan, things, screen, lights, materials, told, outdoors)


def _sun(rng: Chance) -> Vector:
    """Where the light comes from: a unit vector (x, y, z), z toward the camera."""
    turn, high = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.85)
    flat = np.sqrt(1 - high**2)
    return np.array([flat * np.cos(turn), flat * np.sin(turn), high])


def _distract(
    rng: Chance,
    canvas: Canvas,
    palette: list[Material],
    kind: str,
    sun: Vector,
    style: Style,
) -> tuple[list[str], list[Thing]]:
    """Paint what is not salient over a background; returns its names, and what casts shadows."""
    told: list[str] = []
    lumps: list[Thing] = []
    if style.metamers or style.akin or style.small:  # of which they would look the more salient
        return told, lumps
    if rng.one_in(0.35 if style.busy else 0.15):
        distractors.stain(rng, canvas)
        told.append("stains")
    near = kind in ("plain", "ground", "paved", "horizon")
    if near and rng.one_in(0.4 if style.busy else 0.12):
        lumps = distractors.lumps(rng, canvas, palette, sun)
        told.append("lumps")
    return told, lumps


def _counted(canvas: Canvas, palette: list[Material]) -> int:
    shares: NDArray[np.float64] = np.array(
        [canvas.coverage(material).mean() for material in dict.fromkeys(palette)], dtype=float
    )
    return int((shares >= LARGE_SHARE * shares.sum()).sum())
