"""What is before the camera: background, objects, light and shadows, one after the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.scenes import distractors, light, shadows
from dmssn.scenes.arranging import Plan, arrange, draw_plan
from dmssn.scenes.backgrounds import BACKGROUNDS, WATERS
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
    "built": 0.0,
    "harbour": 0.0,
}
"""Chance of each kind of background; those of none are there for the asking."""
LARGE_SHARE = 0.02
"""A background material with this share of the picture counts as one of those there are."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """A scene before it is taken.

    Attributes:
        canvas: What is painted.
        plan: What its objects have in common.
        things: The objects, in the order they were painted.
        screen: What is before them; None in most scenes.
        lights: The direct light, then what fills its shadows.
        ground: Planes of the canvas that are of the background; the others are painted on it.
        on_ground: Of each light, the share that objects leave on the background's planes. A pixel
            that an object covers in part has its background in the shadow and the object not.
        materials: Background materials with a share of the picture worth naming.
        distractors: Names of what draws the eye and is not salient.
        outdoors: Whether the light comes through the air.
    """

    canvas: Canvas
    plan: Plan
    things: list[Thing]
    screen: Screen | None
    lights: list[Light]
    ground: int
    on_ground: list[Plane]
    materials: int
    distractors: list[str]
    outdoors: bool

    @property
    def shade(self) -> Plane:
        """Light that reaches each pixel over that in full light, (H, W)."""
        sources = list(zip(self.lights, self.on_ground, strict=True))
        below = np.sum([source.field * left for source, left in sources], axis=0)
        above = np.sum([source.field for source, _ in sources], axis=0)
        total = np.where(self.canvas.mask, above, below)
        full = np.quantile(total[::3, ::3].astype(np.float64), 0.9)
        return np.asarray(total / full, dtype=np.float32)

    def lit(self, planes: list[Plane]) -> NDArray[np.float32]:
        """Planes of the canvas in each light, shape (lights K, H, W), light after light."""
        parts = []
        for source, left in zip(self.lights, self.on_ground, strict=True):
            below = source.field * left
            parts += [plane * below for plane in planes[: self.ground]]
            parts += [plane * source.field for plane in planes[self.ground :]]
        return np.stack(parts)


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
    welcome = None
    if style.metamers:  # where there is nothing of which they would be a part
        welcome = _evenness(canvas)
    elif kind in WATERS:
        welcome = canvas.coverage(palette[0])
        welcome /= max(float(welcome.max()), 1e-6)  # other waters may have covered all of it
    things = arrange(rng, plan, shape, welcome)
    things = dress(rng, canvas, things, style, camera, [direct, fill], plan, white_out=white_out)
    ground = len(canvas.planes)
    for number, thing in enumerate(things, start=1):
        paint(rng, canvas, thing, sun, number)
    screen = None
    if not plan.airborne and not style.metamers and rng.one_in(0.12):
        screen = draw_screen(rng, shape)
        hang(rng, canvas, screen)
    shadow, seam, among = _shadows(rng, canvas, things, lumps, sun, plan, style)
    field = among * light.uneven(rng, shape, rng.uniform(0, 0.4 if outdoors else 1.2))
    share = 0.15 + 0.5 * plan.ambient * rng.random()
    if style.dark:
        field = field * np.maximum(shadows.from_outside(rng, shape), rng.uniform(0, 0.04))
        share = rng.uniform(0.02, 0.1)
    elif rng.one_in(0.12):
        depth = np.float32(rng.uniform(0.3, 0.8))
        field = field * (1 - depth * (1 - shadows.from_outside(rng, shape)))
        told.append("shadow")
    around = np.float32(share) * light.uneven(rng, shape, rng.uniform(0, 0.8))
    return Stage(
        canvas=canvas,
        plan=plan,
        things=things,
        screen=screen,
        lights=[Light(direct, field.astype(np.float32)), Light(fill, around)],
        ground=ground,
        on_ground=[shadow * seam, seam],
        materials=materials,
        distractors=told,
        outdoors=outdoors,
    )


def _evenness(canvas: Canvas) -> Plane:
    """Where the background hardly changes over the size of an object, 0 to 1, (H, W)."""
    levels = [float(spectrum.mean()) for spectrum in canvas.spectra]
    bright = np.sum(
        [plane * level for plane, level in zip(canvas.planes, levels, strict=True)], axis=0
    )
    small, large = (gaussian_filter(bright, share * min(canvas.shape)) for share in (0.02, 0.12))
    change = gaussian_filter(np.abs(small - large), 0.04 * min(canvas.shape))
    return np.asarray(1 - change / (change.max() + 1e-9), dtype=np.float32)


def _shadows(
    rng: Chance,
    canvas: Canvas,
    things: list[Thing],
    lumps: list[Thing],
    sun: Vector,
    plan: Plan,
    style: Style,
) -> tuple[Plane, Plane, Plane]:
    """Shares of light left: of the direct one on the ground, of all there, and among objects."""
    shape = canvas.shape
    even = np.ones(shape, dtype=np.float32)
    if style.metamers:  # whom shadows would give away
        return even, even, even
    shadow = seam = among = even
    if rng.one_in(0.6):
        thrown, soft = rng.uniform(0.1, 0.7), min(shape) * rng.uniform(0.002, 0.02)
        depth = np.float32(rng.uniform(0.3, 1.0))
        left = shadows.lift(shadows.cast(shape, lumps, sun, thrown), lumps)
        left = np.minimum(left, shadows.cast(shape, things, sun, thrown))
        shadow = 1 - depth * (1 - gaussian_filter(left, soft))
        left = shadows.cast(shape, things, sun, thrown, canvas.labels)
        among = 1 - depth * (1 - gaussian_filter(left, soft))
    if not plan.airborne and rng.one_in(0.8):
        left = shadows.lift(shadows.contact(shape, lumps, sun), lumps)
        left = np.minimum(left, shadows.contact(shape, things, sun))
        seam = 1 - np.float32(rng.uniform(0.3, 0.8)) * (1 - left)
    return shadow, seam, among


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
    if kind not in WATERS and rng.one_in(0.35 if style.busy else 0.15):
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
