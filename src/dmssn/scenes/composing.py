"""A scene from a seed: camera, stage, exposure and numbers, and what of it was asked for.

Letters: H rows, W columns, B bands.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SCENE_BANDS, SCENE_SIDES
from dmssn.cube import Cube
from dmssn.scenes.attributes import ATTRIBUTES, Evidence, measure, saturated_share
from dmssn.scenes.backgrounds import AERIAL
from dmssn.scenes.chance import Chance
from dmssn.scenes.dressing import NoMetamer
from dmssn.scenes.objects import outlines
from dmssn.scenes.sensor import (
    BITS,
    Camera,
    detect,
    draw_camera,
    draw_numbers,
    enlarge,
    focus,
    is_water_band,
    stray,
    write,
)
from dmssn.scenes.spectra import STREAMS, Stream, spectra_of
from dmssn.scenes.staging import KINDS, Stage, set_stage
from dmssn.scenes.styles import Style, draw_kind, draw_style
from dmssn.scenes.surrounds import LEAST_PIXELS

SALIENT_FRACTION = (0.001, 0.6)
"""Least and greatest share of a scene that is salient; a scene outside is drawn again."""
SMALLEST_NATIVE_SIDE = 36
"""An enlarged scene had at least this many rows and columns before."""
PATIENCE = 25
"""Scenes drawn of one style before one background, before others are."""
FAINT_SHARE = 0.25
"""Share of the objects that may be hardly to be seen, in a shadow or before one of their kind."""
ATTEMPTS = 500
"""Scenes drawn before attributes asked for are given up."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A cube and its truth.

    Attributes:
        name: What the scene is called.
        cube: What the camera wrote.
        mask: True where a salient object is, shape (H, W).
        attributes: Codes of what makes the scene hard, of ``ATTRIBUTES``, in their order.
        facts: What was drawn and measured: background, objects, camera, numbers.
    """

    name: str
    cube: Cube
    mask: NDArray[np.bool_]
    attributes: tuple[str, ...]
    facts: dict[str, Any]


MOST_GLARE = 0.5


@dataclass(frozen=True)
class _Request:
    height: int
    width: int
    bands: int | None
    most_bands: int | None
    range_nm: tuple[float, float] | None
    attributes: frozenset[str]
    bits: int | None
    glare: float


def generate_scene(
    seed: int,
    *,
    height: int = 256,
    width: int = 256,
    bands: int | None = None,
    wavelength_range_nm: tuple[float, float] | None = None,
    attributes: Collection[str] = (),
    stream: Stream = "train",
    most_bands: int | None = None,
    bits: int | None = None,
    background: str | None = None,
    glare: float = 0.0,
    name: str | None = None,
) -> Scene:
    """Make one scene; the same arguments give the same scene.

    Args:
        seed: What the scene is drawn from, 0 to 2**64 - 1.
        height: Rows, 16 to 4096.
        width: Columns, likewise.
        bands: Number of bands, 3 to 600; drawn from 20 to 600 when None.
        wavelength_range_nm: First and last band centre within 400-2450 nm; drawn when None.
        attributes: Codes of attributes the scene is to have; it may have others too.
        stream: Scenes to train on, or those of a benchmark, which share neither spectra nor chance
            with them.
        most_bands: No more bands are drawn; at least 20.
        bits: Depth of the camera's numbers, 8 to 16, which are whole then; drawn when None, as is
            whether they are counts, radiance or reflectance.
        background: Kind of background, of ``staging.KINDS``; drawn when None.
        glare: Share of the light that strays in the camera, 0 to 0.5.
        name: Name of the scene; ``scene_SEED`` when None.

    Raises:
        ValueError: A size, the bands, the range, the attributes, the background or the glare
            cannot be.
        ModuleNotFoundError: The extra ``scenes`` is not installed.
    """
    request = _Request(
        height, width, bands, most_bands, wavelength_range_nm, frozenset(attributes), bits, glare
    )
    _check(request)
    if background is not None and background not in KINDS:
        raise ValueError(f"{background!r} is no background; known: {', '.join(KINDS)}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"a seed is from 0 to 2**64 - 1, got {seed}")
    spectra = spectra_of(stream)
    name = f"scene_{seed}" if name is None else name
    place = (STREAMS.index(stream), seed)
    for attempt in range(ATTEMPTS):
        # A style and a background are kept a while: what is hard to draw is not to be rare for it.
        rng = Chance([*place, 1, attempt // PATIENCE], spectra)
        style = draw_style(rng, request.attributes)
        kind = background or draw_kind(rng, KINDS, style)
        scene = _attempt(Chance([*place, 0, attempt], spectra), request, style, kind, name)
        if scene is not None and request.attributes <= set(scene.attributes):
            return scene
    asked = ", ".join(code for code in ATTRIBUTES if code in request.attributes)
    raise ValueError(
        f"{ATTEMPTS} scenes of {height} x {width} were drawn from seed {seed}, and none has "
        f"{asked or 'an object to be seen'}; ask for less, or for a larger scene"
    )


def _check(request: _Request) -> None:
    least, most = SCENE_SIDES
    if not (
        least <= min(request.height, request.width) and max(request.height, request.width) <= most
    ):
        raise ValueError(
            f"a scene is {least} x {least} to {most} x {most} pixels, got {request.height} x "
            f"{request.width}"
        )
    least, most = SCENE_BANDS
    if request.bands is not None and not least <= request.bands <= most:
        raise ValueError(f"a scene has {least} to {most} bands, got {request.bands}")
    if request.most_bands is not None and request.most_bands < 20:
        raise ValueError(f"at least 20 bands are drawn, got {request.most_bands} at most")
    if request.bits is not None and not min(BITS) <= request.bits <= max(BITS):
        raise ValueError(f"a camera has 8 to 16 bits, got {request.bits}")
    span = request.range_nm
    if span is not None and not 400 <= span[0] < span[1] <= 2450:
        raise ValueError(f"the wavelength range must be within 400-2450 nm, got {span}")
    if not 0 <= request.glare <= MOST_GLARE:
        raise ValueError(f"glare is from 0 to {MOST_GLARE}, got {request.glare}")
    unknown = sorted(request.attributes - set(ATTRIBUTES))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no attribute; known: {', '.join(ATTRIBUTES)}")
    if {"CS", "MS"} <= request.attributes:
        raise ValueError(
            "CS and MS exclude each other: spectra that differ, and spectra that hardly do"
        )


def _attempt(rng: Chance, request: _Request, style: Style, kind: str, name: str) -> Scene | None:
    """A scene; None where its objects hardly show, or are to be metamers and are not."""
    colour = "CS" in request.attributes
    camera = draw_camera(
        rng, request.bands, request.range_nm, most=request.most_bands, colour=colour
    )
    if style.metamers and not camera.sees_colour:
        style = replace(style, metamers=False)
    factor = _enlargement(rng, kind, min(request.height, request.width))
    shape = (-(-request.height // factor), -(-request.width // factor))
    numbers = "counts" if request.bits else draw_numbers(rng)
    bits = request.bits or rng.choice(BITS)
    white_out = numbers == "reflectance"
    try:
        stage = set_stage(rng, shape, kind, camera, style, white_out=white_out)
    except NoMetamer:
        return None
    labels = _labels(stage, factor)[: request.height, : request.width]
    low, high = SALIENT_FRACTION
    share = np.count_nonzero(labels) / labels.size
    shown = np.count_nonzero(labels) >= LEAST_PIXELS and stage.canvas.mask.any()
    if not (shown and low <= share <= high):
        return None
    radiance = _radiance(rng, stage, camera, sharp=factor > 1)
    if request.glare:
        stray(radiance, request.glare)
    clean = radiance.mean(axis=2)
    gain = detect(rng, radiance, style.over)
    saturated = saturated_share(radiance)
    white = (stage.lights[0].spectrum * gain) @ camera.response
    data = write(rng, radiance, white, numbers, bits)
    codes, measured = measure(
        Evidence(
            data=data,
            wavelengths_nm=camera.wavelengths_nm,
            labels=stage.canvas.labels,
            shade=stage.shade,
            clean=clean,
            materials=stage.materials,
            saturated=saturated,
            salient=share,
        )
    )
    hidden = measured["faint"] > FAINT_SHARE * measured["objects"]
    if hidden or (style.metamers and "CS" not in codes):
        return None
    if factor > 1:
        wide = (shape[0] * factor, shape[1] * factor)
        data = enlarge(data, wide, whole=numbers == "counts")
        data = np.ascontiguousarray(data[: request.height, : request.width])
    facts = {
        "background": kind,
        "layout": stage.plan.layout,
        "bands": data.shape[2],
        "range_nm": [round(float(nm), 1) for nm in camera.wavelengths_nm[[0, -1]]],
        "numbers": numbers,
        "bits": bits,
        "enlarged": factor,
        "distractors": stage.distractors,
        "screen": stage.screen and stage.screen.kind,
        **({"glare": request.glare} if request.glare else {}),
        **measured,
    }
    return Scene(name, Cube(data, camera.wavelengths_nm, name), labels > 0, codes, facts)


def _enlargement(rng: Chance, kind: str, side: int) -> int:
    """How much the scene is enlarged after it was taken; small cubes often are."""
    chance = 0.3 if kind in AERIAL else 0.08
    most = side // SMALLEST_NATIVE_SIDE
    if most < 2 or not rng.one_in(chance):
        return 1
    return min(2 + int(-math.log(1 - rng.random(), 3)), most)


def _labels(stage: Stage, factor: int) -> NDArray[np.int16]:
    """Number of the object each pixel of the enlarged picture belongs to, by geometry alone."""
    if factor == 1:
        return stage.canvas.labels
    labels = outlines(stage.things, stage.canvas.shape, factor)
    if stage.screen is not None:
        labels[stage.screen.coverage(stage.canvas.shape, factor) >= 0.5] = 0
    return labels


def _radiance(rng: Chance, stage: Stage, camera: Camera, *, sharp: bool) -> NDArray[np.float32]:
    """The light that reaches each band at each pixel, blurred by the lens, (H, W, B)."""
    planes = focus(rng, stage.canvas.planes, sharp=sharp)
    shares = stage.lit(planes)
    spectra = np.stack(stage.canvas.spectra)
    seen = [
        (spectra * source.spectrum).astype(np.float32) @ camera.response for source in stage.lights
    ]
    out = shares.reshape(len(shares), -1).T @ np.concatenate(seen)
    if stage.outdoors:
        out[:, is_water_band(camera.wavelengths_nm)] *= 0.02
    return np.asarray(out.reshape(*stage.canvas.shape, -1))
