"""Made-up homogenized scenes, for graphs to be traced with and held against torch on.

Letters: B bands, H rows, W columns, R regions.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dmssn.regions import OUTSIDE

REGIONS = 300


def example(
    height: int, width: int, bands: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A made-up scene: spectra (R, B) in [0, 1] of a few materials and their light; a region map.

    A corner of it is outside.
    """
    generator = np.random.default_rng([seed, height, width])
    count = min(REGIONS, height * width // 8)
    middles = generator.random((count, 2)) * (height, width)
    places = np.indices((height, width)).reshape(2, -1).T
    nearest = cKDTree(middles).query(places)[1].reshape(height, width)
    nearest[: height // 6, : width // 5] = OUTSIDE
    present = np.unique(nearest[nearest >= 0])
    numbers = np.full(count + 1, OUTSIDE, dtype=np.int32)  # the last place is for OUTSIDE, -1
    numbers[present] = np.arange(present.size, dtype=np.int32)
    at = np.linspace(0, 1, bands)
    waves = 6 * generator.random((6, 3, 1))
    materials = np.sin(waves[:, 0] * at + waves[:, 1]) * np.cos(waves[:, 2] * at)
    mixed = generator.dirichlet(np.full(6, 0.3), present.size) @ materials
    spectra = (mixed - mixed.min()) / np.ptp(mixed) * generator.uniform(0.3, 1, (present.size, 1))
    spectra += 0.01 * generator.normal(size=spectra.shape)
    return np.clip(spectra, 0, 1).astype(np.float32), numbers[nearest]
