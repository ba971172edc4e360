"""What the cases run on: seeded cubes that look like scenes, kept in a folder between processes.

Letters: H rows, W columns, B bands, K materials, R regions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dmssn.batches import Batch, pack
from dmssn.config import MixtureConfig
from dmssn.cube import Cube
from dmssn.mixture import components
from dmssn.readers import read_cube
from dmssn.regions import RegionCube, connected_regions, region_means
from dmssn.store import Scene

Cubes = NDArray[np.float32]

MATERIALS = 30
TEXTURES = 6
TEXTURE_LEVEL = 0.3
"""Standard deviation of the texture along each of its spectral directions; materials differ by
about 1."""
NEAR_ENOUGH = 0.03
"""How far, as a share, the regions of a tuned scene may be from what was asked for."""
REAL = ("cave/*.npz", "abu/*.mat", "muufl/*.mat", "corn/*.hdr")
QUICK_REAL = ("muufl/*.mat",)


@dataclass(frozen=True)
class Sizes:
    """Sizes of the cases."""

    side: int = 512
    """Of the square most cases run on, in pixels."""
    bands: int = 200
    components: int = 50
    regions: int = 6_000
    many_regions: int = 20_000
    frame: tuple[int, int] = (1240, 1680)
    """Rows and columns of a camera's whole picture."""
    train: tuple[int, int] = (256, 512)
    """Sides of the pictures of the two training steps."""
    quality: tuple[int, int] = (256, 100)
    """Side and bands of the generated cube whose mixtures are compared."""


FULL = Sizes()
QUICK = Sizes(96, 24, 8, 400, 1500, (155, 210), (64, 96), (64, 12))


class Inputs:
    """Inputs by name, made on first use and then read from the folder.

    Args:
        folder: Where they are kept; of one run of the benchmark.
        quick: Small sizes.
        data: Folder of real cubes, or None.
    """

    def __init__(self, folder: Path, *, quick: bool = False, data: Path | None = None) -> None:
        """Nothing is made yet."""
        self.folder = folder
        self.quick = quick
        self.data = data

    @cached_property
    def sizes(self) -> Sizes:
        """Those of this run."""
        return QUICK if self.quick else FULL

    @property
    def mixture(self) -> MixtureConfig:
        """The settings scenes are homogenized with."""
        return MixtureConfig(components=self.sizes.components)

    def cube(self, height: int, width: int, bands: int, noise: float = 0.1, seed: int = 0) -> Cubes:
        """A scene of textured materials, shape (H, W, B)."""

        def make() -> Cubes:
            clean, rough = scene_parts(height, width, bands, seed)
            rough *= np.float32(noise)
            rough += clean
            return rough

        return self._kept(f"cube-{height}-{width}-{bands}-{noise:.6g}-{seed}", make)

    def standardized(self, regions: int, side: int | None = None) -> Cubes:
        """A square scene with about so many regions, each band of mean 0 and deviation 1."""
        side, bands = side or self.sizes.side, self.sizes.bands
        return standardize(self.cube(side, side, bands, self.noise(side, bands, regions)))

    def noise(self, side: int, bands: int, regions: int) -> float:
        """The noise at which a square scene falls into about so many regions."""

        def make() -> NDArray[np.float64]:
            clean, rough = scene_parts(side, side, bands, 0)
            low, high = 1e-3, 10.0
            for _ in range(14):
                noise = float(np.sqrt(low * high))
                cube = standardize(clean + np.float32(noise) * rough)
                found = int(self._region_map(cube).max()) + 1
                if abs(found / regions - 1) < NEAR_ENOUGH:
                    break
                low, high = (noise, high) if found < regions else (low, noise)
            return np.array(noise)

        return float(self._kept(f"noise-{side}-{bands}-{regions}", make))

    def region_cube(self, side: int, bands: int, noise: float, seed: int = 0) -> RegionCube:
        """A homogenized square scene, its spectra in [0, 1]."""

        def standardized() -> Cubes:
            return standardize(self.cube(side, side, bands, noise, seed))

        def spectra() -> Cubes:
            means = region_means(standardized(), region_map)
            scaled: Cubes = (means - means.min()) / np.ptp(means)
            return scaled

        name = f"{side}-{bands}-{noise:.6g}-{seed}"
        region_map = self._kept(f"map-{name}", lambda: self._region_map(standardized()))
        table = self._kept(f"spectra-{name}", spectra)
        return RegionCube(region_map, table, "scene", (side, side))

    def batch(self, side: int, bands: int, noise: float, images: int = 1) -> Batch:
        """Homogenized scenes with masks, packed."""
        return pack(
            [
                Scene(self.region_cube(side, bands, noise, seed), object_mask(side, seed))
                for seed in range(images)
            ]
        )

    def real_cubes(self) -> Iterator[Cube]:
        """The real cubes of the data folder; none when there is no folder."""
        if self.data is not None:
            for pattern in QUICK_REAL if self.quick else REAL:
                yield from map(read_cube, sorted(self.data.glob(pattern)))

    def _region_map(self, cube: Cubes) -> NDArray[np.int32]:
        found = components(cube.reshape(-1, cube.shape[2]), self.mixture)
        return connected_regions(found.reshape(cube.shape[:2]))

    def _kept(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        path = self.folder / f"{name}.npy"
        if path.is_file():
            kept: NDArray[Any] = np.load(path)
            return kept
        made = make()
        np.save(path, made)
        return made


def scene_parts(height: int, width: int, bands: int, seed: int) -> tuple[Cubes, Cubes]:
    """A scene without noise, and white noise of deviation 1 to add; shape (H, W, B) each."""
    generator = np.random.default_rng([seed, height, width, bands])
    shape, coarse = (height, width), max(height, width) / 24
    # One at a time: thirty fields of a whole picture at once would be the largest of all arrays.
    best, material = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.intp)
    for index in range(MATERIALS):
        field = smooth_field(shape, coarse, generator)
        material[field > best] = index
        np.maximum(best, field, out=best)
    spectra = smooth_spectra(MATERIALS, bands, generator)
    textures = [smooth_field(shape, 1.5 + index, generator) for index in range(TEXTURES)]
    axes = TEXTURE_LEVEL * smooth_spectra(TEXTURES, bands, generator)
    clean = np.stack(textures, axis=-1) @ axes
    clean += spectra[material]
    noise = np.empty(clean.shape, dtype=np.float32)
    generator.standard_normal(dtype=np.float32, out=noise)
    return clean, noise


def smooth_field(shape: tuple[int, int], sigma: float, generator: np.random.Generator) -> Cubes:
    """White noise filtered by a Gaussian, deviation 1, shape (H, W)."""
    # By Fourier transform: a Gaussian of 70 pixels would take a filter of hundreds of taps.
    rows, columns = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    squares = rows[:, None] ** 2 + columns**2
    white = np.fft.rfft2(generator.standard_normal(shape))
    field = np.fft.irfft2(white * np.exp(-2 * (np.pi * sigma) ** 2 * squares), s=shape)
    scaled: Cubes = (field / field.std()).astype(np.float32)
    return scaled


def smooth_spectra(count: int, bands: int, generator: np.random.Generator) -> Cubes:
    """Random walks along the bands, smoothed; deviation 1 over all, shape (count, B)."""
    walks = generator.standard_normal((count, bands)).cumsum(axis=1)
    smooth = gaussian_filter1d(walks, bands / 60, axis=1)
    scaled: Cubes = (smooth / smooth.std()).astype(np.float32)
    return scaled


def standardize(cube: Cubes) -> Cubes:
    """Each band to mean 0 and deviation 1."""
    flat = cube.reshape(-1, cube.shape[2])
    mean = flat.mean(axis=0, dtype=np.float64)
    deviation = flat.std(axis=0, dtype=np.float64, mean=mean[None])
    standard: Cubes = (cube - mean.astype(np.float32)) / deviation.astype(np.float32)
    return standard


def object_mask(side: int, seed: int) -> NDArray[np.bool_]:
    """Smooth blobs that cover a seventh of the picture."""
    field = smooth_field((side, side), side / 16, np.random.default_rng([seed, 7]))
    return np.asarray(field > np.quantile(field, 6 / 7))
