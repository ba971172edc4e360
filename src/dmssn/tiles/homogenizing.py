"""A whole scene homogenized at its own size, from rows that are read several times and never kept.

The numbers are those of ``preparing.homogenize`` at the cube's own rows and columns: the same
pixels are drawn, and all are worked on in the same order and in blocks of the same size.

Letters: H rows, W columns, B bands wanted, P valid pixels, R regions.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn import mixture, moments, preparing
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import Cube, RowSource
from dmssn.kmeans import drawn
from dmssn.kmeans_numpy import PIXELS_AT_ONCE
from dmssn.mixture_numpy import SAMPLE
from dmssn.preparing import Statistics, scaled, standardize, usual_limits, usual_range
from dmssn.progress import track
from dmssn.regions import OUTSIDE, region_sums
from dmssn.resample import resample_bands
from dmssn.tiles.connecting import connect
from dmssn.tiles.scratch import Scratch
from dmssn.writers.plan import whole_chunks

STRIP = 2**20
"""Pixels that are cut into regions at once."""
ROWS_AT_ONCE = 2**14
"""Of the table."""

Pixels = NDArray[np.float32]


class Homogenized(NamedTuple):
    """A homogenized scene; its arrays lie on a disk.

    Attributes:
        region_map: Region of each pixel, int32 of shape (H, W), or ``OUTSIDE``.
        spectra: Of each region, in [0, 1], float32 of shape (R, B).
        areas: Pixels of each region, int64 of shape (R,).
        valid: Which pixels are finite in every band, shape (H, W).
        colours: Weighted sums over the cube's own bands, float32 of shape (H, W, 3); or None.
    """

    region_map: NDArray[np.int32]
    spectra: NDArray[np.float32]
    areas: NDArray[np.int64]
    valid: NDArray[np.bool_]
    colours: NDArray[np.float32] | None


def homogenize(
    cube: RowSource,
    config: PrepareConfig,
    statistics: Statistics | None = None,
    *,
    bands: csr_array | None = None,
    colours: csr_array | None = None,
    scratch: Scratch | None = None,
) -> Homogenized:
    """Homogenize a whole scene.

    Args:
        cube: In memory or in a file; it is read five times.
        config: Its size does not count.
        statistics: As ``preparing.prepare`` takes them, of the bands wanted.
        bands: Weights (B, own bands) to the bands wanted; None for the cube's own.
        colours: Weights (3, own bands) of a palette, if a colour picture is wanted.
        scratch: Where the arrays are.

    Raises:
        SettingError: The mixture is an exact one, and the scene is larger than its sample.
        ValueError: As ``preparing.prepare``.
        OSError: There is no room for the arrays.
    """
    scratch = scratch or Scratch()
    scene = _Scene(cube, bands, scratch, colours)
    scene.standardize = _standardizing(scene, config, statistics)
    ids = scratch.array((scene.count,), np.int32)
    if config.homogenize == "none":
        ids[:] = np.arange(scene.count)
    else:
        _components(scene, config, ids)
    region_map = scratch.array(scene.valid.shape, np.int32)
    regions = _regions(scene, config, ids, region_map)
    spectra, areas = _means(scene, ids, regions, scratch)
    stride = max(1, scene.count // preparing.SAMPLE)
    low, high = usual_range(spectra, ids[::stride])
    for first in range(0, regions, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        spectra[rows] = scaled(spectra[rows], low, high)
    return Homogenized(region_map, spectra, areas, scene.valid, scene.colours)


class _Scene:
    """The rows of a cube, as often as they are wanted, and which of its pixels are valid."""

    standardize: Callable[[Pixels], Pixels]
    """What is done to spectra (n, B) before they are looked at."""

    def __init__(
        self, cube: RowSource, bands: csr_array | None, scratch: Scratch, colours: csr_array | None
    ) -> None:
        """The first reading; raises ValueError where no pixel is valid."""
        self.cube, self.bands = cube, bands
        height, width, count = cube.shape
        self.valid = scratch.array((height, width), np.bool_)
        self.colours: NDArray[np.float32] | None = None
        if colours is not None:
            self.colours = scratch.array((height, width, 3), np.float32)
        filled = np.zeros(count, dtype=np.bool_)
        self.count = 0
        for top, raw, wanted in self._rows("looking at"):
            inside = np.isfinite(wanted).all(axis=2)
            self.valid[top : top + len(raw)] = inside
            self.count += int(inside.sum())
            if self.colours is not None and colours is not None:
                self.colours[top : top + len(raw)] = resample_bands(raw, colours)
            if not self.count:
                filled |= np.isfinite(raw).any(axis=(0, 1))
        if not self.count:
            raise cube.without_valid_pixel(filled)

    def _rows(self, doing: str) -> Iterator[tuple[int, Pixels, Pixels]]:
        """First row, the block as it is read, and its wanted bands; cut as ``survey`` cuts."""
        for rows in track(self.cube.row_blocks(), f"{doing} {self.cube.name}", each="blocks"):
            block = Cube(self.cube.read(rows))
            for some in block.row_blocks():
                raw = block.read(some)
                wanted = raw if self.bands is None else resample_bands(raw, self.bands)
                yield rows.start + some.start, raw, wanted
            del block  # before the next is read

    def pixels(self, doing: str) -> Iterator[tuple[slice, Pixels]]:
        """Valid spectra in their order, (n, B), n a multiple of ``PIXELS_AT_ONCE``.

        A sum, or a product of matrices, may depend on how its rows are cut in blocks: these are
        cut as all pixels together would be.
        """
        blocks = (
            wanted[self.valid[top : top + len(wanted)]] for top, _, wanted in self._rows(doing)
        )
        for first, spectra in whole_chunks(blocks, PIXELS_AT_ONCE):
            yield slice(first, first + len(spectra)), spectra

    def picked(self, doing: str, *numbers: NDArray[np.int64]) -> list[Pixels]:
        """The valid spectra of these numbers, each list of them increasing."""
        found: list[list[Pixels]] = [[] for _ in numbers]
        for rows, spectra in self.pixels(doing):
            for parts, wanted in zip(found, numbers, strict=True):
                low, high = np.searchsorted(wanted, (rows.start, rows.stop))
                parts.append(spectra[wanted[low:high] - rows.start])
        return [np.concatenate(parts) for parts in found]


def _standardizing(
    scene: _Scene, config: PrepareConfig, statistics: Statistics | None
) -> Callable[[Pixels], Pixels]:
    """How spectra are clipped and standardized, as ``preparing.homogenize`` does; two readings."""
    name = scene.cube.name
    stride = max(1, scene.count // preparing.SAMPLE)
    (sample,) = scene.picked("sampling", np.arange(0, scene.count, stride))
    limits, bands = usual_limits(sample), sample.shape[1]
    if config.statistics == "self":
        own: moments.Moments | None = None
        for _, spectra in scene.pixels("measuring"):
            own = moments.of_pixels(np.clip(spectra, *limits), own)
        assert own is not None
        statistics = Statistics(own.mean, own.std)
    elif statistics is None:
        raise ValueError(f"{name}: statistics of the data set are needed and were not given")
    elif statistics.mean.shape != (bands,):
        raise ValueError(f"{name}: {bands} bands, but statistics of {statistics.mean.size}")
    known = statistics

    def apply(spectra: Pixels) -> Pixels:
        found = np.clip(spectra, *limits)
        standardize(found, known)
        if config.statistics != "self" and not np.abs(found).max() <= preparing.FARTHEST:
            raise ValueError(preparing.too_far(name))
        return found

    return apply


def _components(scene: _Scene, config: PrepareConfig, ids: NDArray[np.int32]) -> None:
    """Put the component of each valid pixel into ``ids``; two readings."""
    if config.mixture.mode == "exact" and scene.count > SAMPLE:
        raise SettingError(
            f"{scene.cube.name}: the detector's mixture is exact, which takes all pixels at once; "
            "--tile needs one that was trained with prepare.mixture.mode = fast"
        )
    generator = np.random.default_rng(config.mixture.seed)
    (sample,) = scene.picked("drawing from", drawn(scene.count, SAMPLE, generator))
    sample = scene.standardize(sample)
    fitted = mixture.fitted(torch.from_numpy(sample), config.mixture, generator)
    for rows, spectra in scene.pixels("assigning"):
        ids[rows] = fitted.components(torch.from_numpy(scene.standardize(spectra)))


def _regions(
    scene: _Scene,
    config: PrepareConfig,
    ids: NDArray[np.int32],
    region_map: NDArray[np.int32],
) -> int:
    """Turn components into regions, in ``ids`` and in the map; returns how many there are."""
    if config.homogenize == "none":
        number = np.arange(scene.count, dtype=np.int32)
    elif config.homogenize == "component":
        used = np.bincount(ids) > 0
        number = (used.cumsum() - 1).astype(np.int32)
    else:
        strips = ((rows, _put(ids[here], inside)) for rows, inside, here in _strips(scene))
        number = connect(strips, region_map)
    for rows, inside, here in _strips(scene):
        found = region_map[rows][inside] if config.homogenize == "region" else ids[here]
        ids[here] = number[found]
        region_map[rows] = _put(ids[here], inside)
    return int(number.max()) + 1


def _put(ids: NDArray[np.int32], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers of the pixels inside as a map."""
    found = np.full(inside.shape, OUTSIDE, dtype=np.int32)
    found[inside] = ids
    return found


def _strips(scene: _Scene) -> Iterator[tuple[slice, NDArray[np.bool_], slice]]:
    """Some rows, which of their pixels are valid, and the numbers of these."""
    height, width = scene.valid.shape
    high, done = max(1, STRIP // width), 0
    for top in range(0, height, high):
        rows = slice(top, min(top + high, height))
        inside = np.array(scene.valid[rows])
        here = slice(done, done + int(inside.sum()))
        done = here.stop
        yield rows, inside, here


def _means(
    scene: _Scene, ids: NDArray[np.int32], regions: int, scratch: Scratch
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mean standardized spectrum of each region, and its pixels; one reading."""
    spectra: NDArray[np.float32] | None = None
    areas = np.zeros(regions, dtype=np.int64)
    for rows, pixels in scene.pixels("averaging"):
        pixels = scene.standardize(pixels)
        if spectra is None:
            spectra = scratch.array((regions, pixels.shape[1]), np.float32)
        here, place = np.unique(ids[rows], return_inverse=True)
        sums, counts = region_sums(pixels, place, len(here))
        areas[here] += counts
        # A mean so far is moved by what comes: sums would need twice the room.
        moved = sums - counts[:, None] * spectra[here].astype(np.float64)
        spectra[here] += (moved / areas[here][:, None]).astype(np.float32)
    assert spectra is not None
    return spectra, areas
