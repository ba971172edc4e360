"""Cameras of generated scenes: their bands, their noise and the numbers they write.

Letters: B bands, G points of the wavelength grid.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import GRID_NM, Spectrum

Numbers = Literal["counts", "radiance", "reflectance"]

WINDOWS_NM = (
    (0.40, (400.0, 700.0)),
    (0.32, (400.0, 1000.0)),
    (0.20, (400.0, 2450.0)),
    (0.08, (900.0, 1700.0)),
)
"""Chance of each kind of camera, and its range of wavelengths."""
WATER_NM = ((1340.0, 1450.0), (1790.0, 1960.0))
"""Where air lets almost no sunlight through: the bands there are noise."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A hyperspectral camera.

    Attributes:
        wavelengths_nm: Band centres, shape (B,).
        response: What each band makes of a spectrum on the grid, shape (G, B), float32.
    """

    wavelengths_nm: NDArray[np.float64]
    response: NDArray[np.float32]


def draw_camera(
    rng: Chance, bands: int | None, wavelength_range_nm: tuple[float, float] | None
) -> Camera:
    """A camera with Gaussian bands; the number of bands and the range are drawn when None."""
    if wavelength_range_nm is None:
        kind = rng.choice(range(len(WINDOWS_NM)), p=[chance for chance, _ in WINDOWS_NM])
        low, high = WINDOWS_NM[kind][1]
        low, high = low + rng.uniform(0, 40), high - rng.uniform(0, 60)
    else:
        low, high = wavelength_range_nm
    if bands is None:
        most = 220 if high - low > 1000 else 120
        bands = int(rng.spread(20, most))
    centres = np.linspace(low, high, bands)
    step = (high - low) / max(bands - 1, 1)
    sigma = max(step * rng.uniform(0.4, 0.9), 4.0)
    response = np.exp(-0.5 * ((GRID_NM[:, None] - centres) / sigma) ** 2)
    response /= response.sum(axis=0)
    response *= _efficiency(rng, centres, low, high)
    return Camera(centres, response.astype(np.float32))


def draw_numbers(rng: Chance) -> Numbers:
    """What the file of a scene holds; counts, as cameras write them, in half of the scenes."""
    kinds: tuple[Numbers, ...] = ("counts", "counts", "radiance", "reflectance")
    return kinds[rng.integer(0, len(kinds))]


def _efficiency(rng: Chance, centres: Spectrum, low: float, high: float) -> Spectrum:
    """How well the detector sees each band: best in the middle of its range."""
    peak, width = rng.uniform(0.3, 0.8), rng.uniform(0.35, 1.0)
    place = (centres - low) / (high - low)
    return np.asarray(0.1 + 0.9 * np.exp(-0.5 * ((place - peak) / width) ** 2))


def record(
    rng: Chance, radiance: NDArray[np.float32], white: NDArray[np.float32], numbers: Numbers
) -> NDArray[np.float32]:
    """What the camera writes of the light that reaches it.

    Args:
        rng: Source of chance.
        radiance: Noise-free signal, shape (H, W, B); overwritten.
        white: The same of a white surface in full light, shape (B,).
        numbers: What the file holds: whole ``counts``, ``radiance`` in float, or ``reflectance``
            (signal over white).

    Returns:
        Shape (H, W, B); counts are whole numbers in 0..4095 or 0..65535.
    """
    exposure = rng.uniform(0.5, 1.0) if rng.random() < 0.85 else rng.choice([0.15, 1.5])
    top = np.quantile(radiance[::3, ::3].max(axis=2), 0.995) + 1e-9
    gain = exposure / top
    signal = radiance
    signal *= gain
    _add_noise(rng, signal)
    np.minimum(signal, 1.0, out=signal)  # a full well holds no more
    if numbers == "counts":
        steps = int(rng.choice([4095, 65535]))
        signal *= steps
        signal += steps * rng.choice([0.0, rng.uniform(0, 0.02)])  # dark level
        return np.clip(np.rint(signal, out=signal), 0, steps, out=signal)
    if numbers == "reflectance":
        signal /= np.maximum(white * gain, 0.02 * float(white.max()) * gain)
        return np.clip(signal, -0.2, 2, out=signal)
    signal *= np.exp(rng.uniform(-3, 8))
    return signal


def _add_noise(rng: Chance, signal: NDArray[np.float32]) -> None:
    """Shot and read noise, and in some cameras stripes and bad bands; in place."""
    _, width, bands = signal.shape
    electrons = rng.spread(1.5e3, 6e4)
    read = rng.spread(3e-4, 6e-3)
    sigma = np.sqrt(np.maximum(signal, 0) / electrons + read**2)
    level = np.ones(bands, dtype=np.float32)
    if rng.random() < 0.3:
        bad = rng.integers(bands, 1 + bands // 40)
        level[bad] *= rng.uniform(3, 20, bad.size)
    sigma *= level
    sigma *= rng.noise(signal.shape)
    signal += sigma
    if rng.random() < 0.25:
        stripes = rng.noise((width, bands))
        signal *= 1 + np.float32(rng.uniform(0.002, 0.02)) * stripes
        signal += np.float32(read * rng.uniform(0, 2)) * stripes
    if rng.random() < 0.05:
        signal[:, :, rng.integer(0, bands)] = 0.0


def is_water_band(wavelengths_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bands in which airborne cameras see nothing but noise."""
    hits = [(wavelengths_nm > low) & (wavelengths_nm < high) for low, high in WATER_NM]
    return np.asarray(np.any(hits, axis=0))


def enlarge(data: NDArray[np.float32], shape: tuple[int, int], whole: bool) -> NDArray[np.float32]:
    """Interpolate a cube linearly to (H, W); ``whole`` keeps counts whole numbers."""
    height, width = (
        _interpolation(old, new) for old, new in zip(data.shape[:2], shape, strict=True)
    )
    tall = np.tensordot(height, data, axes=(1, 0))
    wide = np.ascontiguousarray(np.matmul(width, tall))
    return np.rint(wide, out=wide) if whole else wide


def _interpolation(old: int, new: int) -> NDArray[np.float32]:
    """Weights (new, old) of linear interpolation, pixel centres aligned and ends held."""
    place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    left = np.minimum(place.astype(np.intp), old - 2)
    weights = np.zeros((new, old), dtype=np.float32)
    weights[np.arange(new), left] = 1 - (place - left)
    weights[np.arange(new), left + 1] = place - left
    return weights
