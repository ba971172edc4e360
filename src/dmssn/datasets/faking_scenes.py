"""Made-up scenes of any size, a band at a time: no cube is ever held.

A scene is patches with hard borders, smooth random fields that vary each patch, and light. Patch,
fields and light make a cube of low rank: a plane of one band is read off small tables, then gets
its noise. Settings decide every bit, for no sum here is left to a linear algebra library.

Letters: H rows, W columns, B bands, M patches, J fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Shape = tuple[int, int]
Curve = NDArray[np.float64]
Field = NDArray[Any]

ZONES = 24
"""Large areas, each of a material of its own."""
GRAINS = (0.25, 0.03, 0.006)
"""Size of the largest structures in each field, as a share of the picture's side."""
AMPLITUDES = (0.14, 0.14, 0.12)
"""How much of a material each field exchanges for another one, or takes from its brightness."""
DETAIL = 0.9
"""Standard deviations above which a fine field is detail, such as leaves or stones: a fifth."""
CANDIDATES = 24
"""Spectra an object's is chosen from: the one least like the background's."""
READ_NOISE, SHOT_NOISE = 0.0025, 0.006
"""Noise of a dark pixel, and of one of signal 1, which grows with the signal's root."""


@dataclass(frozen=True, eq=False)
class FakeScene:
    """A made-up scene, upright.

    Attributes:
        mask: What is salient, bool of shape (H, W).
        patches: Patch of each pixel, shape (H, W), 0..M-1.
        fields: How far a pixel is from its patch's mean, in each way, shape (J, H, W); mean about
            0, standard deviation about 1.
        tables: Spectrum of each patch, then its change by one standard deviation of each field,
            float32 of shape (1 + J, M, B).
        sunlit: Share of the sun's direct light, shape (H, W), in [0, 1].
        sun: What the camera sees of white in direct light, shape (B,).
        sky: Likewise in the shade.
        seed: Of the noise.
    """

    mask: NDArray[np.bool_]
    patches: NDArray[np.uint8]
    fields: Plane
    tables: NDArray[np.float32]
    sunlit: Plane
    sun: NDArray[np.float32]
    sky: NDArray[np.float32]
    seed: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        height, width = self.mask.shape
        return height, width, self.sun.size

    def plane(self, band: int) -> Plane:
        """One band, float32 of shape (H, W): about 0 to 1, below 0 by no more than noise."""
        seen = self.tables[0, :, band][self.patches]
        for field, change in zip(self.fields, self.tables[1:, :, band], strict=True):
            seen += change[self.patches] * field
        np.maximum(seen, 0, out=seen)
        seen *= self.sunlit * (self.sun[band] - self.sky[band]) + self.sky[band]
        noise = np.random.default_rng((*self.seed, band)).standard_normal(
            seen.shape, dtype=np.float32
        )
        noise *= np.sqrt(seen * np.float32(SHOT_NOISE**2) + np.float32(READ_NOISE**2))
        seen += noise
        return seen


def fake_scene(
    shape: Shape, wavelengths_nm: Curve, seed: tuple[int, ...], *, symmetric: bool = False
) -> FakeScene:
    """Make up a scene.

    Args:
        shape: (H, W).
        wavelengths_nm: Band centres in nanometres, shape (B,).
        seed: Another one gives another scene.
        symmetric: Make the scene its own mirror image, left and right, but for its noise and one
            small object on the right.
    """
    rng = np.random.default_rng(seed)
    even: Callable[[Field], Field] = _mirrored if symmetric else np.asarray
    side = float(np.sqrt(shape[0] * shape[1]))
    patches = even(_zones(rng, shape, side))
    detail = even(smooth_field(rng, shape, side * rng.uniform(0.008, 0.03))) > DETAIL
    patches = patches * 2 + detail
    spectra = [spectrum(rng, wavelengths_nm) for _ in range(2 * ZONES)]
    mask = np.zeros(shape, dtype=np.bool_)
    for _ in range(rng.integers(1, 4)):
        middle = rng.uniform(0.25, 0.75, 2) * shape
        inside = even(blob(rng, shape, middle, rng.uniform(0.08, 0.2) * min(shape)))
        patches[inside], mask[inside] = len(spectra), True
        spectra.append(_unlike(rng, spectra, wavelengths_nm))
    if symmetric:
        middle = np.array([rng.uniform(0.15, 0.35), 0.85]) * shape
        inside = blob(rng, shape, middle, max(0.07 * min(shape), 2.0))
        patches[inside], mask[inside] = len(spectra), True
        spectra.append(_unlike(rng, spectra, wavelengths_nm))
    fields = [even(smooth_field(rng, shape, max(side * grain, 2.0))) for grain in GRAINS]
    sun, sky = _light(rng, wavelengths_nm)
    return FakeScene(
        mask,
        patches.astype(np.uint8),
        np.stack(fields),
        _tables(rng, np.stack(spectra)),
        even(_sunlit(rng, shape, side)),
        sun,
        sky,
        (*seed, 1),
    )


def smooth_field(rng: Generator, shape: Shape, grain: float, roughness: float = 2.2) -> Plane:
    """A random field, float32 of shape (H, W), mean 0, standard deviation 1.

    Args:
        rng: Source of chance.
        shape: (H, W).
        grain: Size in pixels above which it has no structure.
        roughness: The amplitude falls as frequency to the power of minus this.
    """
    v, u = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    fall = (u**2 + v**2 + 1 / (2 * np.pi * grain) ** 2) ** (-roughness / 2)
    waves = rng.standard_normal(fall.shape) + 1j * rng.standard_normal(fall.shape)
    waves *= fall
    waves[0, 0] = 0
    field = np.fft.irfft2(waves, s=shape)
    return np.asarray(field / field.std(), dtype=np.float32)


def spectrum(rng: Generator, wavelengths_nm: Curve) -> Curve:
    """A plausible reflectance, smooth, 0.03 to 0.95, shape (B,).

    A slope, a few wide bands of absorption or of colour, and for some materials the step at 710
    nm by which plants are known.
    """
    along = (wavelengths_nm - 700) / 300
    curve = rng.uniform(0.12, 0.5) * (1 + rng.uniform(-0.25, 0.5) * along)
    for _ in range(rng.integers(2, 5)):
        centre, width = rng.uniform(400, 1000), rng.uniform(25, 120)
        curve *= 1 + rng.uniform(-0.5, 0.6) * np.exp(
            -0.5 * ((wavelengths_nm - centre) / width) ** 2
        )
    if rng.random() < 0.4:
        curve *= 0.45 + rng.uniform(0.6, 1.6) / (1 + np.exp(-(wavelengths_nm - 710) / 14))
    return np.clip(curve, 0.03, 0.95)


def blob(rng: Generator, shape: Shape, middle: Curve, radius: float) -> NDArray[np.bool_]:
    """A lobed shape around a point, bool of shape (H, W); holds the pixel of its middle."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    down, right = (y - middle[0]) * rng.uniform(0.7, 1.4), x - middle[1]
    angle = np.arctan2(down, right)
    edge = np.full(shape, radius)
    for lobes in range(2, 6):
        edge *= 1 + rng.uniform(0, 0.3 / lobes) * np.cos(lobes * angle + rng.uniform(0, 6))
    inside: NDArray[np.bool_] = down**2 + right**2 < edge**2
    inside[int(middle[0]), int(middle[1])] = True
    return inside


def _mirrored(plane: Field) -> Field:
    """A plane with its right half the mirror image of its left one."""
    half = plane.shape[1] // 2
    plane[:, plane.shape[1] - half :] = plane[:, :half][:, ::-1]
    return plane


def _zones(rng: Generator, shape: Shape, side: float) -> NDArray[np.uint8]:
    """Zone of each pixel: the nearest of random points, with bent borders."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y += 0.03 * side * smooth_field(rng, shape, side / 6)
    x += 0.03 * side * smooth_field(rng, shape, side / 6)
    zones = np.zeros(shape, dtype=np.uint8)
    nearest = np.full(shape, np.inf, dtype=np.float32)
    for zone, (down, right) in enumerate(rng.random((ZONES, 2)).astype(np.float32) * shape):
        distance = (y - np.float32(down)) ** 2 + (x - np.float32(right)) ** 2
        closer = distance < nearest
        zones[closer] = zone
        np.minimum(nearest, distance, out=nearest)
    return zones


def _unlike(rng: Generator, spectra: list[Curve], wavelengths_nm: Curve) -> Curve:
    """A spectrum far from all of the others."""
    drawn = np.stack([spectrum(rng, wavelengths_nm) for _ in range(CANDIDATES)])
    apart = np.abs(drawn[:, None] - np.stack(spectra)).mean(axis=2).min(axis=1)
    return np.asarray(drawn[apart.argmax()])


def _tables(rng: Generator, spectra: Curve) -> NDArray[np.float32]:
    """Spectra (M, B) and how each field changes them: brightness, then towards other materials."""
    changes = [spectra * rng.uniform(0.5, 1.5, (len(spectra), 1))]
    for _ in GRAINS[1:]:
        other = spectra[rng.permutation(len(spectra))]
        changes.append((other - spectra) * rng.uniform(0.5, 1.5, (len(spectra), 1)))
    scaled = [change * size for change, size in zip(changes, AMPLITUDES, strict=True)]
    return np.stack([spectra, *scaled]).astype(np.float32)


def _light(
    rng: Generator, wavelengths_nm: Curve
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the camera sees of white in the sun and in the shade, shape (B,) each, at most 1."""
    camera = np.exp(-0.5 * ((wavelengths_nm - 640) / 210) ** 2)
    water = 1 - rng.uniform(0.2, 0.4) * np.exp(-0.5 * ((wavelengths_nm - 940) / 18) ** 2)
    sun = camera * water
    sky = camera * rng.uniform(0.35, 0.5) * (550 / wavelengths_nm) ** 1.2
    return sun.astype(np.float32), sky.astype(np.float32)


def _sunlit(rng: Generator, shape: Shape, side: float) -> Plane:
    """Share of direct light: a gradient across the picture, and soft shadows."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * (y / shape[0] - 0.5) + np.sin(angle) * (x / shape[1] - 0.5)
    shadows = smooth_field(rng, shape, side / 4, roughness=3.0)
    return np.asarray(np.clip(0.75 + 0.3 * ramp + 0.1 * shadows, 0, 1), dtype=np.float32)
