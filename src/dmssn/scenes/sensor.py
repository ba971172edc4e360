"""Cameras of generated scenes: their bands, their noise and the numbers they write.

Letters: B bands, G points of the wavelength grid.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmssn.rendering import covers_visible
from dmssn.resample import axis_weights
from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import GRID_NM, Spectrum
from dmssn.scenes.textures import Plane

Numbers = Literal["counts", "radiance", "reflectance"]

WINDOWS_NM = (
    (0.45, (400.0, 1000.0)),
    (0.22, (400.0, 700.0)),
    (0.15, (400.0, 2450.0)),
    (0.08, (900.0, 1700.0)),
    (0.10, None),
)
"""Chance of each kind of camera, and its range of wavelengths; None: any part of the grid."""
WATER_NM = ((1340.0, 1450.0), (1790.0, 1960.0))
"""Where air lets almost no sunlight through: the bands there are noise."""
BITS = (8, 10, 12, 12, 12, 14, 16, 16)
"""Depths of converters, each as likely as the others."""
NARROWEST_NM = 150.0
FINEST_NM = 0.8
"""No camera drawn has bands nearer to each other."""
COLOUR_STEP_NM = 35.0
"""Bands of a camera that is to see colours are no farther apart."""
GLARE_CELLS, GLARE_REACH = 24, 0.12
"""Cells a side that glare is reckoned on; standard deviation of a glow, of a side."""
BLOCK_VALUES = 2**16
"""Values whose noise is drawn at once: what the processor's own memory holds."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A hyperspectral camera.

    Attributes:
        wavelengths_nm: Band centres, shape (B,).
        response: What each band makes of a spectrum on the grid, shape (G, B), float32.
    """

    wavelengths_nm: NDArray[np.float64]
    response: NDArray[np.float32]

    @staticmethod
    def levels(white: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a cube of reflectance is divided by: the signal of white, where there is any."""
        return np.maximum(white, 0.02 * float(white.max()))

    @property
    def sees_colour(self) -> bool:
        """Whether its bands tell the colours of things as a person sees them."""
        return self.wavelengths_nm.size > 1 and covers_visible(self.wavelengths_nm)


def draw_camera(
    rng: Chance,
    bands: int | None,
    wavelength_range_nm: tuple[float, float] | None,
    *,
    most: int | None = None,
    colour: bool = False,
) -> Camera:
    """A camera with Gaussian bands.

    Args:
        rng: Source of chance.
        bands: How many; drawn when None.
        wavelength_range_nm: First and last band centre; drawn when None.
        most: Most bands that are drawn.
        colour: Whether it is to see the colours of things as a person does.

    Raises:
        ValueError: It is to see colours, and with these bands or in this range cannot.
    """
    low, high = wavelength_range_nm or _draw_range(rng, bands, colour=colour)
    if bands is None:
        bands = _draw_bands(rng, high - low, most, colour=colour)
    centres = np.linspace(low, high, bands) if bands > 1 else np.array([(low + high) / 2])
    step = (high - low) / max(bands - 1, 1)
    if colour and (low > 440 or high < 660 or step > COLOUR_STEP_NM):
        raise ValueError(
            f"colours need bands {COLOUR_STEP_NM:g} nm apart or less from 440 to 660 nm, got "
            f"{bands} over {low:g}-{high:g} nm"
        )
    sigma = max(step * rng.uniform(0.4, 0.9), 4.0)
    response = np.exp(-0.5 * ((GRID_NM[:, None] - centres) / sigma) ** 2)
    response /= response.sum(axis=0)
    response *= _efficiency(rng, centres, low, high)
    return Camera(centres, response.astype(np.float32))


def _draw_range(rng: Chance, bands: int | None, *, colour: bool) -> tuple[float, float]:
    while True:
        window = rng.choice(
            [window for _, window in WINDOWS_NM], p=[chance for chance, _ in WINDOWS_NM]
        )
        if window is None:
            low = rng.uniform(GRID_NM[0], GRID_NM[-1] - NARROWEST_NM)
            high = rng.uniform(low + NARROWEST_NM, float(GRID_NM[-1]))
        else:
            low, high = window[0] + rng.uniform(0, 40), window[1] - rng.uniform(0, 60)
        if not colour:
            return low, high
        if bands is not None and bands * COLOUR_STEP_NM < 400:
            return 420.0, 680.0  # as wide as few bands allow
        wide = bands is None or (high - low) / max(bands - 1, 1) <= COLOUR_STEP_NM
        if low <= 440 and high >= 660 and wide:
            return low, high


def _draw_bands(rng: Chance, width_nm: float, most: int | None, *, colour: bool) -> int:
    """Mostly 20 to 220 bands, at times up to 600."""
    limit = min(600 if rng.one_in(0.12) else 220, int(width_nm / FINEST_NM), most or 600)
    least = max(20, int(width_nm / COLOUR_STEP_NM) + 2) if colour else 20
    return int(rng.spread(least, max(limit, least) + 0.999))


def draw_numbers(rng: Chance) -> Numbers:
    """What the file of a scene holds; counts, as cameras write them, in half of the scenes."""
    kinds: tuple[Numbers, ...] = ("counts", "counts", "radiance", "reflectance")
    return rng.choice(kinds)


def _efficiency(rng: Chance, centres: Spectrum, low: float, high: float) -> Spectrum:
    """How well the detector sees each band: best in the middle of its range."""
    peak, width = rng.uniform(0.3, 0.8), rng.uniform(0.35, 1.0)
    place = (centres - low) / max(high - low, 1.0)
    floor = rng.spread(0.01, 0.2)
    curve = floor + (1 - floor) * np.exp(-0.5 * ((place - peak) / width) ** 2)
    if rng.one_in(0.3):  # bands that were not calibrated against each other
        curve = curve * np.clip(1 + rng.normal(0, rng.uniform(0.005, 0.03), place.shape), 0.5, 1.5)
    return np.asarray(curve)


def focus(rng: Chance, planes: list[Plane], *, sharp: bool) -> list[Plane]:
    """Blur planes as lens and, along the flight or the belt, motion do.

    Args:
        rng: Source of chance.
        planes: To be blurred, each (H, W).
        sharp: Whether the lens is better than the pixels are fine.
    """
    blur = rng.uniform(0.3, 0.6) if sharp else rng.uniform(0.4, 1.1)
    along = blur * (rng.uniform(1, 1.5) if rng.one_in(0.3) else 1.0)
    sigma = (along, blur) if rng.one_in(0.5) else (blur, along)
    return [gaussian_filter(plane, sigma, truncate=3) for plane in planes]


def stray(radiance: NDArray[np.float32], share: float) -> None:
    """Veiling glare, in place: light that lens and body scatter, half evenly and half nearby.

    After Talvala et al., "Veiling glare in high dynamic range imaging", ACM TOG 26, 2007.

    Args:
        radiance: Noise-free, shape (H, W, B).
        share: Of the light, 0 to 1.
    """
    height, width, _ = radiance.shape
    down, across = axis_weights(height, GLARE_CELLS), axis_weights(width, GLARE_CELLS)
    small = np.tensordot(down.toarray(), radiance, axes=(1, 0))
    small = np.matmul(across.toarray(), small)
    sigma = GLARE_REACH * GLARE_CELLS
    near = gaussian_filter(small, (sigma, sigma, 0), mode="nearest")
    veil = share * (near + small.mean(axis=(0, 1))) / 2
    tall = np.tensordot(axis_weights(GLARE_CELLS, height).toarray(), veil, axes=(1, 0))
    radiance *= np.float32(1 - share)
    radiance += np.matmul(axis_weights(GLARE_CELLS, width).toarray(), tall).astype(np.float32)


def detect(rng: Chance, radiance: NDArray[np.float32], over: float) -> float:
    """Turn light into what the detector holds, in place: shot and read noise, its faults, its end.

    Args:
        rng: Source of chance.
        radiance: Noise-free, shape (H, W, B); overwritten by the signal, 1 being a full well.
        over: Share of the pixels that are over-exposed; 0 leaves some room at most exposures.

    Returns:
        Signal of unit radiance.
    """
    height, width, bands = radiance.shape
    # In float64: NumPy's versions differ in how they interpolate between numbers of float32.
    brightest = radiance[::3, ::3].max(axis=2).astype(np.float64)
    top = float(np.quantile(brightest, 1 - max(over, 0.005))) + 1e-9
    exposure = rng.uniform(0.5, 0.98) if rng.one_in(0.95) else rng.uniform(0.1, 0.4)
    gain = (1.0 if over else exposure) / top
    electrons, read = rng.spread(1e4, 2e6), rng.spread(2e-5, 2e-3)
    if rng.one_in(0.08):  # in poor light
        electrons, read = rng.spread(1e3, 2e4), rng.spread(1e-3, 6e-3)
    level = np.ones(bands, dtype=np.float32)
    if rng.one_in(0.15):
        level[rng.integers(bands, 1 + bands // 40)] = rng.uniform(2, 8)
    slope, offset = _stripes(rng, width, bands, read)
    stuck = rng.integers(bands, 1 if rng.one_in(0.06) and bands > 8 else 0)
    held = rng.uniform(0, 0.3) if bands >= 60 and rng.one_in(0.3) else 0.0
    rows = max(1, BLOCK_VALUES // (width * bands))
    for first in range(0, height, rows):
        signal = radiance[first : first + rows]
        signal *= gain
        sigma = np.maximum(signal, 0)
        sigma *= np.float32(1 / electrons)
        sigma += np.float32(read**2)
        np.sqrt(sigma, out=sigma)
        sigma *= level
        sigma *= rng.noise(sigma.shape)
        signal += sigma
        if slope is not None and offset is not None:
            signal *= slope
            signal += offset
        signal[:, :, stuck] = held
        np.minimum(signal, 1.0, out=signal)  # a full well holds no more
    return gain


def _stripes(
    rng: Chance, width: int, bands: int, read: float
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Gain and offset of each detector of a line camera, (W, B), which leave stripes; or None."""
    if not rng.one_in(0.25):
        return None, None
    pattern = rng.noise((width, bands))
    return (
        1 + np.float32(rng.uniform(0.002, 0.02)) * pattern,
        np.float32(read * rng.uniform(0, 2)) * pattern,
    )


def write(
    rng: Chance,
    signal: NDArray[np.float32],
    white: NDArray[np.float64],
    numbers: Numbers,
    bits: int,
) -> NDArray[np.float32]:
    """The numbers of the file.

    Args:
        rng: Source of chance.
        signal: What the detector holds, shape (H, W, B); overwritten.
        white: The same of a white surface in full light, shape (B,).
        numbers: What the file holds: whole ``counts``, ``radiance`` in float, or ``reflectance``
            (signal over white).
        bits: Of the converter.

    Returns:
        Shape (H, W, B); counts are whole numbers from 0 up to all bits set.
    """
    dark = rng.uniform(0, 0.02) if rng.one_in(0.5) else 0.0
    factor, steps = rng.spread(0.05, 3e3), 2**bits - 1
    if numbers == "counts":
        signal += np.float32(dark)
    signal *= steps
    np.rint(signal, out=signal)
    if numbers == "counts":
        return np.clip(signal, 0, steps, out=signal)
    signal *= np.float32(1 / steps)
    if numbers == "reflectance":
        signal /= Camera.levels(white).astype(np.float32)
        return np.clip(signal, -0.2, 2, out=signal)
    signal *= np.float32(factor)
    return signal


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
