"""Are generated scenes like real cubes? Compare what can be counted.

    python -m recipes.scene_statistics --real FOLDER                    # 40 scenes a camera
    python -m recipes.scene_statistics --real FOLDER --scenes 8 --no-regions     # a quick look

prints a Markdown table for each camera of the real cubes in FOLDER, which ``recipes/score.py``
takes too: each cube's own numbers beside the median and the range from 10 to 90 % of scenes
generated with that camera's bands and size, and of a like background. A star marks a real number
outside that range.

Letters: H rows, W columns, B bands, R regions.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, sobel, uniform_filter
from scipy.stats import kurtosis

from dmssn.config import PrepareConfig
from dmssn.cube import Cube
from dmssn.preparing import prepare
from dmssn.scenes import generate_scene
from dmssn.scenes.sensor import is_water_band
from recipes.score import real

PLAIN = ("plain",)
AIRBORNE = ("patchwork", "coast")
LIKE = {"abu": AIRBORNE, "muufl": AIRBORNE}
"""Backgrounds that cubes whose names begin so are compared with; the others, on cloths and belts,
with ``PLAIN``."""
AVIRIS_BANDS = 224
"""Cubes without wavelengths are of this camera, less the bands that air takes."""
RANGE_NM = (400.0, 2450.0)
LEAST_SIDE = 32
"""A power spectrum of a smaller picture has too few frequencies for a slope."""
BLOCK = 6
"""Side of the blocks whose mean spectra are taken to be free of noise."""
REACH = 4
"""Pixels to either side of a mask's edge whose spectra are compared."""
EDGE = 0.1
"""Change of brightness a pixel, of its range from 1 to 99 %, that makes an edge."""

Brightness = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pool:
    """Real cubes of one camera, and how scenes like theirs are drawn.

    Attributes:
        cubes: Name, cube and mask of each.
        kinds: Backgrounds of like scenes.
    """

    cubes: list[tuple[str, Cube, Mask]]
    kinds: tuple[str, ...]


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
    """How jagged spectra are: median of second differences over half the level they stand on.

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


def pools(folder: Path) -> list[Pool]:
    """The real cubes, by camera; bands that generated scenes cannot have are left out."""
    found: dict[tuple[object, ...], Pool] = {}
    for name, cube, mask, crop in real(folder):
        kinds = next((value for key, value in LIKE.items() if name.startswith(key)), PLAIN)
        nm = cube.wavelengths_nm
        inside = slice(None) if nm is None else (nm >= RANGE_NM[0]) & (nm <= RANGE_NM[1])
        nm = None if nm is None else nm[inside]
        cut = Cube(np.ascontiguousarray(cube.data[crop][:, :, inside]), nm, name)
        camera = (kinds, "AVIRIS") if nm is None else (kinds, cut.bands, nm[0], nm[-1])
        found.setdefault(camera, Pool([], kinds)).cubes.append((name, cut, mask[crop]))
    return list(found.values())


def like(pool: Pool, count: int, first: int = 0) -> Iterator[tuple[Cube, Mask]]:
    """Generated scenes of a pool's camera, size and kinds of background.

    Args:
        pool: What they are to be like.
        count: How many.
        first: Seed to begin at.
    """
    cube = pool.cubes[0][1]
    bands, limits = AVIRIS_BANDS, RANGE_NM
    if cube.wavelengths_nm is not None:
        bands, limits = cube.bands, (cube.wavelengths_nm[0], cube.wavelengths_nm[-1])
    seed = first
    while count:
        scene = generate_scene(
            seed, height=cube.height, width=cube.width, bands=bands, wavelength_range_nm=limits
        )
        seed += 1
        if scene.facts["background"] not in pool.kinds:
            continue
        count -= 1
        yield without_water(scene.cube) if cube.wavelengths_nm is None else scene.cube, scene.mask


def without_water(cube: Cube) -> Cube:
    """A cube less the bands in which air lets no light through, as AVIRIS cubes are given out."""
    assert cube.wavelengths_nm is not None
    kept = ~is_water_band(cube.wavelengths_nm)
    return Cube(np.ascontiguousarray(cube.data[:, :, kept]), cube.wavelengths_nm[kept], cube.name)


def rows(pool: Pool, scenes: int, *, regions: bool) -> list[str]:
    """The lines of a pool's table."""
    own = [measure(cube, mask, regions=regions) for _, cube, mask in pool.cubes]
    drawn = [measure(cube, mask, regions=regions) for cube, mask in like(pool, scenes)]
    names = [name.replace("_", " ") for name, _, _ in pool.cubes]
    lines = [
        f"| | {' | '.join(names)} | generated, median (10-90 %) |",
        f"|---|{'---|' * len(names)}---|",
    ]
    for title in own[0]:
        values = np.array([each[title] for each in drawn])
        values = values[~np.isnan(values)]
        low, middle, high = np.percentile(values, [10, 50, 90]) if values.size else [np.nan] * 3
        cells = [_cell(each[title], low, high) for each in own]
        spread = f"{_short(middle)} ({_short(low)} to {_short(high)})" if values.size else "-"
        lines.append(f"| {title} | {' | '.join(cells)} | {spread} |")
    return lines


def _cell(value: float, low: float, high: float) -> str:
    return _short(value) if not value < low and not value > high else f"{_short(value)} *"


def _short(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _blocks(data: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean spectra of square blocks, shape (blocks, B)."""
    height, width, bands = (data.shape[0] // BLOCK, data.shape[1] // BLOCK, data.shape[2])
    cut = data[: height * BLOCK, : width * BLOCK].astype(np.float64)
    cut = cut.reshape(height, BLOCK, width, BLOCK, bands)
    return np.asarray(cut.mean(axis=(1, 3)).reshape(-1, bands))


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--no-regions", action="store_true")
    options = parser.parse_args()
    for pool in pools(options.real):
        print("\n".join(rows(pool, options.scenes, regions=not options.no_regions)), flush=True)
        print()


if __name__ == "__main__":
    main()
