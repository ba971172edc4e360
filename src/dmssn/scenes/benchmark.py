"""The fixed benchmark: the same scenes everywhere, and how to tell that they are the same.

A scene's numbers are the same up to float rounding, which may move a 16-bit count by one. So what
is compared are its mask, exactly, and means of its cube over tiles and groups of bands.
Letters: H rows, W columns, B bands.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import __version__ as scipy_version

from dmssn import __version__
from dmssn.scenes.composing import Scene
from dmssn.scenes.kept import SceneRequest
from dmssn.scenes.spectra import Stream

SCENES = 200
SIDE = 256
MOST_BANDS = 100
BITS = 16
ASKED: dict[Stream, tuple[str | None, ...]] = {
    "v1": ("CB", "CS", "HDR", "SO", "MS", "MO", None, None, None, None)
}
"""The attribute asked of each scene, in turn: 20 scenes for each, and 80 as they come."""
VERSIONS = tuple(ASKED)
TILES, GROUPS = 4, 8
"""Means are over this many tiles along rows and columns, and groups of bands."""
TOLERANCE = 0.25
"""Counts of 16 bit by which a mean may differ."""


class Fingerprint(NamedTuple):
    """What tells a scene from another.

    Attributes:
        bands: Number of bands.
        mask: CRC-32 of the mask's bits, rows first.
        means: Of the cube's counts, float32 of shape (``TILES``, ``TILES``, ``GROUPS``).
    """

    bands: int
    mask: int
    means: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Frozen:
    """The fingerprints of all scenes of a benchmark.

    Attributes:
        bands: uint16 of shape (``SCENES``,).
        masks: uint32 of shape (``SCENES``,).
        means: float32 of shape (``SCENES``, ``TILES``, ``TILES``, ``GROUPS``).
    """

    bands: NDArray[np.uint16]
    masks: NDArray[np.uint32]
    means: NDArray[np.float32]


def benchmark_request(version: Stream, index: int) -> SceneRequest:
    """What a scene of a benchmark is drawn from.

    Args:
        version: Of ``VERSIONS``.
        index: From 0 to ``SCENES`` - 1.

    Raises:
        ValueError: There is no such benchmark, or scene.
    """
    if version not in ASKED or not 0 <= index < SCENES:
        raise ValueError(
            f"the benchmarks are {', '.join(VERSIONS)}, each of scenes 0 to {SCENES - 1}; "
            f"got {version}, {index}"
        )
    asked = ASKED[version][index % len(ASKED[version])]
    return SceneRequest(
        seed=index,
        height=SIDE,
        width=SIDE,
        most_bands=MOST_BANDS,
        attributes=() if asked is None else (asked,),
        stream=version,
        bits=BITS,
    )


def benchmark_scene(version: Stream, index: int) -> Scene:
    """Draw a scene of a benchmark; needs nothing that does not come with the package.

    Raises:
        ValueError: There is no such benchmark, or scene; or another one comes of it here.
    """
    scene = benchmark_request(version, index).draw(f"scene_{index:05d}")
    check(version, index, scene)
    return scene


def fingerprint(scene: Scene) -> Fingerprint:
    """What tells a scene from another; its sides are multiples of ``TILES``."""
    height, width, bands = scene.cube.shape
    tiles = scene.cube.data.reshape(TILES, height // TILES, TILES, width // TILES, bands)
    by_band = tiles.mean(axis=(1, 3), dtype=np.float64)
    parts = np.array_split(by_band, GROUPS, axis=2)
    means = np.stack([part.mean(axis=2) for part in parts], axis=2).astype(np.float32)
    return Fingerprint(bands, zlib.crc32(np.packbits(scene.mask).tobytes()), means)


def check(version: Stream, index: int, scene: Scene) -> None:
    """Refuse a scene that is not the benchmark's.

    Raises:
        ValueError: It differs by more than rounding.
    """
    frozen, found = frozen_of(version), fingerprint(scene)
    if found.bands != frozen.bands[index]:
        what = f"it has {found.bands} bands in place of {frozen.bands[index]}"
    elif found.mask != frozen.masks[index]:
        what = "it has another mask"
    elif (off := float(np.abs(found.means - frozen.means[index]).max())) > TOLERANCE:
        what = f"its counts are off by {off:.3g} in the mean of a tile"
    else:
        return
    raise ValueError(
        f"{scene.name} is not that of benchmark {version}: {what}; scores on it could not be "
        f"compared (dmssn {__version__}, NumPy {np.__version__}, SciPy {scipy_version})"
    )


@cache
def frozen_of(version: Stream) -> Frozen:
    """The fingerprints in the package, which ``recipes/freeze_benchmark.py`` wrote."""
    path = Path(__file__).with_name(f"benchmark_{version}.npz")
    with np.load(path, allow_pickle=False) as arrays:
        return Frozen(arrays["bands"], arrays["masks"], arrays["means"])
