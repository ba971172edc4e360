"""What can be counted of a scene, generated or real: its spectra, noise, contrast and texture.

Letters: H rows, W columns, B bands.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label, sobel, uniform_filter
from scipy.stats import kurtosis

from dmssn.config import PrepareConfig
from dmssn.cube import Cube
from dmssn.preparing import prepare
from dmssn.scenes.metamers import spectral_angle

LEAST_SIDE = 32
"""A power spectrum of a smaller picture has too few frequencies for a slope."""
BLOCK = 6
"""Side of the blocks whose mean spectra are taken to be free of noise."""
REACH = 4
"""Pixels to either side of a mask's edge whose spectra are compared."""
LEAST_PIXELS = 3
LEAST_RING = 6
"""Pixels a part of a mask has at least to be looked at, and how wide its surround is at least."""
EDGE = 0.1
"""Change of brightness a pixel, of its range from 1 to 99 %, that makes an edge."""

Brightness = NDArray[np.float64]
Mask = NDArray[np.bool_]


def measure(cube: Cube, mask: Mask, *, regions: bool = True) -> dict[str, float]:
    """Every number of the tables, by its title; NaN where it is not defined.

    Args:
        cube: All pixels valid.
        mask: True where salient, shape (H, W).
        regions: Whether to homogenize the cube and count its regions, the slow one.
    """
    data = cube.data
    brightness = data.mean(axis=2, dtype=np.float64)
    ranks = component_counts(data)
    angle, bright = border_contrast(data, mask)
    low, middle, high, top = np.percentile(brightness, [5, 50, 95, 99])
    found = {
        "salient, %": 100 * float(mask.mean()),
        "roughness of spectra, 1/1000": 1000 * roughness(data),
        "noise, % of the mean": 100 * noise(data),
        "effective rank": ranks[0],
        "components to 99 %": ranks[1],
        "components to 99.9 %": ranks[2],
        "angle across the mask's edge, rad": angle,
        "difference of log brightness there": bright,
        "objects over the texture around them": standing_out(data, mask),
        "slope of the power spectrum": power_slope(brightness),
        "edges, % of pixels": 100 * edge_density(brightness),
        "log10 of brightness, 95 % to 5 %": float(np.log10(high / max(low, 1e-3 * top))),
        "median brightness to 99 %": float(middle / top),
        "kurtosis of brightness": float(kurtosis(brightness, axis=None)),
    }
    if regions:
        found["regions"] = float(prepare(cube, PrepareConfig()).spectra.shape[0])
    return found


def roughness(data: NDArray[np.float32]) -> float:
    """How jagged spectra are: the median second difference over the spectrum's mean level.

    Of the means of blocks, so that noise counts little; a median over bands, so that a jump
    where bands were left out does not count.
    """
    means = _blocks(data)
    bend = np.abs(means[:, 2:] - 2 * means[:, 1:-1] + means[:, :-2])
    level = np.abs(means).mean(axis=1, keepdims=True)
    return float(np.median(bend / np.maximum(level, 1e-12)))


def noise(data: NDArray[np.float32]) -> float:
    """Standard deviation of the noise over the band's mean level, a median over bands.

    From differences between neighbours in space, less what the bands to either side say of them:
    texture changes slowly from band to band, noise does not.
    """
    across = np.diff(data, axis=1)
    own = across[:, :, 1:-1] - (across[:, :, :-2] + across[:, :, 2:]) / 2
    # Each difference has twice the variance; half of two neighbours adds half of it once more.
    sigma = 1.4826 * np.median(np.abs(own), axis=(0, 1)) / np.sqrt(3)
    level = np.abs(data[:, :, 1:-1].mean(axis=(0, 1), dtype=np.float64))
    return float(np.median(sigma / np.maximum(level, 1e-12)))


def component_counts(data: NDArray[np.float32]) -> tuple[float, int, int]:
    """Effective rank, and principal components to 99 and 99.9 % of the variance.

    Of standardized bands, as the network's are. The rank is the participation ratio of the
    variances, their sum squared over the sum of their squares: B for independent bands, 1 for
    bands all alike.
    """
    pixels = data.reshape(-1, data.shape[2]).astype(np.float64)
    spread = pixels.std(axis=0)
    pixels = (pixels - pixels.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    parts = np.linalg.eigvalsh(pixels.T @ pixels)[::-1]
    told = np.cumsum(parts) / parts.sum()
    rank = parts.sum() ** 2 / (parts**2).sum()
    return float(rank), int((told < 0.99).sum()) + 1, int((told < 0.999).sum()) + 1


def border_contrast(data: NDArray[np.float32], mask: Mask) -> tuple[float, float]:
    """Spectral angle in radians and difference of log brightness across the mask's edge.

    Medians over the pixels along the inside of the edge. Each compares the mean of the salient
    pixels around it with the mean of the others, leaving out the two pixels past the edge, where
    the lens mixes both.
    """
    if mask.all() or not mask.any():
        return float("nan"), float("nan")
    outside = distance_transform_edt(~mask)
    edge = mask & (distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1] < 1.5)
    near = mask.astype(np.float32)
    far = ((outside > 2) & (outside <= 2 + REACH)).astype(np.float32)
    window = 2 * REACH + 1
    front, behind = (
        uniform_filter(data * side[:, :, None], (window, window, 1), mode="constant")[edge]
        / np.maximum(uniform_filter(side, window, mode="constant")[edge], 1e-9)[:, None]
        for side in (near, far)
    )
    seen = uniform_filter(far, window, mode="constant")[edge] > 1e-3
    front, behind = front[seen].astype(np.float64), behind[seen].astype(np.float64)
    lengths = np.linalg.norm(front, axis=1) * np.linalg.norm(behind, axis=1)
    cosine = (front * behind).sum(axis=1) / np.maximum(lengths, 1e-12)
    levels = np.maximum(front.mean(axis=1), 1e-12) / np.maximum(behind.mean(axis=1), 1e-12)
    return float(np.median(np.arccos(np.clip(cosine, -1, 1)))), float(
        np.median(np.abs(np.log(levels)))
    )


def standing_out(data: NDArray[np.float32], mask: Mask) -> float:
    """How far objects stand out of the texture around them, the median of the mask's parts.

    The spectral angle of a part's mean to its surround's over the median angle of the surround's
    pixels, and the difference of log brightness over their deviation: the root of the sum of both
    squares. 1 is no more than the surround differs from itself.
    """
    parts, count = label(mask, np.ones((3, 3)))
    found = []
    for part in range(1, count + 1):
        inside = parts == part
        away = distance_transform_edt(~inside)
        around = (away > 2) & (away <= 2 + max(np.sqrt(inside.sum()), LEAST_RING)) & ~mask
        if inside.sum() < LEAST_PIXELS or not around.any():
            continue
        front, others = data[inside].mean(axis=0, dtype=np.float64), data[around]
        behind = others.mean(axis=0, dtype=np.float64)
        levels = np.log(np.maximum(others.mean(axis=1, dtype=np.float64), 1e-9))
        angle = spectral_angle(front, behind)
        bright = np.log(max(front.mean(), 1e-9) / max(behind.mean(), 1e-9))
        own_angle, own_bright = np.median(spectral_angle(others, behind)), levels.std()
        found.append(np.hypot(angle / max(own_angle, 1e-6), bright / max(own_bright, 1e-6)))
    return float(np.median(found)) if found else float("nan")


def power_slope(brightness: Brightness) -> float:
    """By which power of frequency the picture's power falls, 0.03 to 0.35 cycles a pixel.

    About 2 for photographs (Field, JOSA A 4(12), 1987), 0 for noise.
    """
    if min(brightness.shape) < LEAST_SIDE:
        return float("nan")
    height, width = brightness.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((brightness - brightness.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    limits = np.geomspace(0.03, 0.35, 13)
    rings = np.digitize(radius, limits)
    means = [power[rings == ring].mean() for ring in range(1, 13) if (rings == ring).any()]
    middles = [radius[rings == ring].mean() for ring in range(1, 13) if (rings == ring).any()]
    return float(-np.polyfit(np.log(middles), np.log(np.maximum(means, 1e-30)), 1)[0])


def edge_density(brightness: Brightness) -> float:
    """Share of pixels on an edge."""
    low, high = np.percentile(brightness, [1, 99])
    scaled = np.clip((brightness - low) / max(high - low, 1e-12), 0, 1)
    return float((np.hypot(sobel(scaled, 0), sobel(scaled, 1)) / 8 > EDGE).mean())


def _blocks(data: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean spectra of square blocks, shape (blocks, B)."""
    height, width, bands = (data.shape[0] // BLOCK, data.shape[1] // BLOCK, data.shape[2])
    cut = data[: height * BLOCK, : width * BLOCK].astype(np.float64)
    cut = cut.reshape(height, BLOCK, width, BLOCK, bands)
    return np.asarray(cut.mean(axis=(1, 3)).reshape(-1, bands))
