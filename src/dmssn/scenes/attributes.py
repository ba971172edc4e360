"""What makes a scene hard, measured on the finished scene.

The codes are those of HSOD-BIT-V2 and one of ours. A scene has a code because its pixels say so,
whoever asked for it.
Letters: H rows, W columns, B bands, N objects.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.color import deltaE_ciede2000, xyz2lab

from dmssn.rendering import STRETCH, XYZ_TO_SRGB, palette
from dmssn.scenes.metamers import spectral_angle
from dmssn.scenes.surrounds import (
    GAP,
    LEAST_PIXELS,
    mean_spectra,
    nearest_object,
    pairs,
    spread,
    texture,
)

SMALL_SHARE = 0.01
"""SO: salient share of the scene, below."""
SAME_COLOUR = 1.0
"""CS: Delta E 2000 of every object to its surround, below: a difference that is just not seen."""
OTHER_COLOUR = 5.0
"""MS: Delta E 2000 that counts as another colour, at least."""
SAME_MATERIAL_RAD = 0.1
"""Spectral angle of an object to its surround: CS at least, MS below."""
OTHER_BRIGHTNESS = 0.2
"""MS: difference of log brightness that counts, at least."""
OTHER_TEXTURE = 2.0
"""MS: ratio of the relative deviations of brightness that counts, at least, either way."""
STANDS_OUT = 2.5
"""An object that differs from its surround by less than this many times what the surround's own
pixels differ by, and has not another texture either, is hardly to be seen by anyone."""
FULL_WELL = 0.999
SATURATED_SHARE = 0.01
"""HDR: share of pixels with a band at full well, at least; or"""
DEEP_SHADE = 0.125
SHADED_SHARE = 0.05
"""HDR: share of pixels with less than ``DEEP_SHADE`` of the full light, at least."""
EDGE_BLUR = 1.5
EDGE_STEP = 0.05
"""An edge: change of log brightness from one pixel to the next, at least, after a blur by
``EDGE_BLUR`` pixels."""
DARK = 0.05
"""What is as dark as this share of the mean brightness has no edges to speak of."""
EDGE_SHARE = 0.25
"""CB: share of the background's pixels on an edge, at least; few cloths and walls and most
patchworks and pebbled grounds have as many; or"""
MATERIALS = 5
"""CB: materials of the background, at least."""

ATTRIBUTES = {
    "CB": f"complex background: edges on {EDGE_SHARE:.0%} of it or more, or {MATERIALS} materials"
    " or more",
    "CS": "colour similarity: every object's Delta E 2000 to its surround is below"
    f" {SAME_COLOUR:g}, its spectral angle {SAME_MATERIAL_RAD:g} rad or more",
    "HDR": f"high dynamic range: {SATURATED_SHARE:.0%} of the pixels or more at full well, or"
    f" {SHADED_SHARE:.0%} or more in less than 1/{1 / DEEP_SHADE:.0f} of the light",
    "SO": f"small objects: less than {SMALL_SHARE:.0%} of the scene is salient",
    "MS": f"material similarity: every object's spectral angle to its surround is below"
    f" {SAME_MATERIAL_RAD:g} rad, its colour, brightness or texture another one",
    "MO": f"multiple objects: two or more of {LEAST_PIXELS} pixels or more",
}
"""Codes, in their order, and what they ask of a scene."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What is known of a finished scene.

    Attributes:
        data: The numbers of its cube, before it is enlarged, shape (H, W, B), float32.
        wavelengths_nm: Band centres, shape (B,).
        labels: Number of the object at each pixel, 0 where none is, shape (H, W).
        shade: Light that reaches each pixel over full light, shape (H, W).
        clean: Brightness without noise, the mean over the bands, shape (H, W).
        materials: Materials that cover 2 % of the background or more.
        saturated: Share of its pixels with a band at full well.
        salient: Share of the finished scene that is salient, where it was enlarged; as the labels
            say when None.
    """

    data: NDArray[np.float32]
    wavelengths_nm: NDArray[np.float64]
    labels: NDArray[np.integer]
    shade: NDArray[np.float32]
    clean: NDArray[np.float32]
    materials: int
    saturated: float
    salient: float | None = None


@dataclass(frozen=True, eq=False)
class Contrast:
    """How each object differs from its surround, arrays of shape (N,).

    Attributes:
        angle: Spectral angle in radians, less what noise alone makes of it.
        delta_e: Delta E 2000; None where the camera has no true colour.
        brightness: Log of its brightness over that of the surround.
        texture: Its relative deviation of brightness over that of the surround; 1 where it has too
            few pixels to tell.
        standing_out: Its angle over the median angle of the surround's pixels to their mean, and
            its brightness over the deviation of theirs, as the legs of a right triangle.
    """

    angle: NDArray[np.float64]
    delta_e: NDArray[np.float64] | None
    brightness: NDArray[np.float64]
    texture: NDArray[np.float64]
    standing_out: NDArray[np.float64]


def measure(evidence: Evidence) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Attributes of a scene, and the quantities they were decided by.

    Returns:
        Codes of ``ATTRIBUTES`` in their order; and numbers for a file of JSON: share that is
        salient, objects, those that are faint, largest Delta E 2000, least and greatest spectral
        angle, ratio of textures farthest from 1, shares of saturated and shaded pixels and of the
        background's edges, its materials. A quantity that the scene does not have is None.
    """
    labels = evidence.labels
    sizes = np.bincount(labels.ravel())
    objects = np.flatnonzero(sizes[1:] >= LEAST_PIXELS) + 1
    salient = 1 - sizes[0] / labels.size if evidence.salient is None else evidence.salient
    off, nearest = nearest_object(labels)
    contrast = _contrast(evidence, objects, sizes, off, nearest)
    saturated, shaded = evidence.saturated, float((evidence.shade < DEEP_SHADE).mean())
    edges = _edges(evidence.clean, off > GAP + 3 * EDGE_BLUR)
    holds = {
        "CB": edges >= EDGE_SHARE or evidence.materials >= MATERIALS,
        "CS": contrast is not None and _same_colour(contrast),
        "HDR": saturated >= SATURATED_SHARE or shaded >= SHADED_SHARE,
        "SO": salient < SMALL_SHARE,
        "MS": contrast is not None and _same_material(contrast),
        "MO": objects.size >= 2,
    }
    facts = {
        "salient_fraction": round(float(salient), 5),
        "objects": int(objects.size),
        "faint": 0 if contrast is None else int(_faint(contrast).sum()),
        **_extremes(contrast),
        "saturated": round(saturated, 4),
        "shaded": round(shaded, 4),
        "edges": round(edges, 4),
        "materials": evidence.materials,
    }
    return tuple(code for code in ATTRIBUTES if holds[code]), facts


def _extremes(contrast: Contrast | None) -> dict[str, float | None]:
    """What an object of a scene has most or least of."""
    if contrast is None:
        return dict.fromkeys(("delta_e", "least_angle", "greatest_angle", "texture"))
    return {
        "delta_e": None if contrast.delta_e is None else round(float(contrast.delta_e.max()), 2),
        "least_angle": round(float(contrast.angle.min()), 4),
        "greatest_angle": round(float(contrast.angle.max()), 4),
        "texture": round(float(contrast.texture[np.abs(np.log(contrast.texture)).argmax()]), 3),
    }


def _faint(contrast: Contrast) -> NDArray[np.bool_]:
    """Which objects hardly differ from their surround in anything."""
    alike = np.abs(np.log(contrast.texture)) < np.log(OTHER_TEXTURE)
    return np.asarray(alike & (contrast.standing_out < STANDS_OUT))


def _same_colour(contrast: Contrast) -> bool:
    if contrast.delta_e is None:
        return False
    alike, apart = contrast.delta_e < SAME_COLOUR, contrast.angle >= SAME_MATERIAL_RAD
    return bool((alike & apart).all())


def _same_material(contrast: Contrast) -> bool:
    if contrast.delta_e is None:
        other = np.abs(contrast.brightness) >= OTHER_BRIGHTNESS
    else:
        other = contrast.delta_e >= OTHER_COLOUR
    other |= np.abs(np.log(contrast.texture)) >= np.log(OTHER_TEXTURE)
    return bool(((contrast.angle < SAME_MATERIAL_RAD) & other).all())


def _contrast(
    evidence: Evidence,
    objects: NDArray[np.intp],
    sizes: NDArray[np.intp],
    off: NDArray[np.float32],
    nearest: NDArray[np.integer],
) -> Contrast | None:
    """Each object against its surround; None where no object has one."""
    fronts, backs = pairs(evidence.labels, objects, sizes, off, nearest)
    if not fronts:
        return None
    front, front_noise = mean_spectra(evidence.data, fronts)
    back, back_noise = mean_spectra(evidence.data, backs)
    angle = np.sqrt(np.maximum(spectral_angle(front, back) ** 2 - front_noise - back_noise, 0))
    bright = [evidence.clean.ravel()[pixels] for pixels in fronts]
    behind = [evidence.clean.ravel()[pixels] for pixels in backs]
    brightness = np.array(
        [np.log(a.mean() / b.mean()) for a, b in zip(bright, behind, strict=True)]
    )
    angles, deviations = spread(evidence.data, evidence.clean, backs, back)
    return Contrast(
        angle,
        _delta_e(front, back, evidence),
        brightness,
        np.array([texture(a, b) for a, b in zip(bright, behind, strict=True)]),
        np.hypot(angle / angles, brightness / deviations),
    )


def _delta_e(
    front: NDArray[np.float64], back: NDArray[np.float64], evidence: Evidence
) -> NDArray[np.float64] | None:
    """Delta E 2000 between spectra (N, B) as ``rendering`` shows them, its stretch and all.

    The stretch counts: in a picture of little contrast small differences are to be seen. None where
    the camera has no true colour.
    """
    bands = evidence.wavelengths_nm.size
    colours = palette(bands, evidence.wavelengths_nm)
    if not colours.true:
        return None
    weights = colours.weights.toarray().astype(np.float64)
    some = evidence.data[::3, ::3].reshape(-1, bands) @ weights.T
    low, high = np.percentile(some, STRETCH)
    if not high > low:
        return np.zeros(len(front))
    shown = (np.clip((spectra @ weights.T - low) / (high - low), 0, 1) for spectra in (front, back))
    lab = [xyz2lab(linear @ np.linalg.inv(XYZ_TO_SRGB).T) for linear in shown]
    return np.asarray(deltaE_ciede2000(*lab))


def saturated_share(signal: NDArray[np.float32]) -> float:
    """Share of pixels with a band at full well.

    Args:
        signal: What the detector holds, 1 at full well, shape (H, W, B).
    """
    pixels = np.zeros(signal.shape[0] * signal.shape[1], dtype=np.bool_)
    pixels[np.flatnonzero(signal >= FULL_WELL) // signal.shape[2]] = True  # they are few
    return float(pixels.mean())


def _edges(clean: NDArray[np.float32], background: NDArray[np.bool_]) -> float:
    """Share of the background's pixels that are on an edge."""
    if not background.any():
        return 0.0
    bright = gaussian_filter(clean, EDGE_BLUR)
    slopes = np.gradient(np.log(bright + DARK * float(clean.mean()) + 1e-9))
    return float((np.hypot(*slopes)[background] >= EDGE_STEP).mean())
