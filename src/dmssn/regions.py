"""A homogenized cube: a map of regions and a table of their spectra.

After spectral homogenization the pixels of a region share one spectrum, so the cube *is*
``spectra[region_map]``; everything that looks at one pixel at a time works on the table.

Letters: H rows, W columns, B bands, R regions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from skimage.measure import label

OUTSIDE = -1
"""Region id of pixels that hold no spectrum: invalid ones, and those augmentation brings in."""

PIXELS_TOGETHER = 16
"""Pixels of a region that are summed in float32 before their sums are added in float64: reading the
cube is then all that summing costs, and a mean is off by less than 5e-7 of the values."""


@dataclass(frozen=True, eq=False)
class RegionCube:
    """A homogenized cube.

    Attributes:
        region_map: Region of each pixel, int32 of shape (H, W): 0..R-1 without gaps, or
            ``OUTSIDE``.
        spectra: Spectrum of each region, float32 of shape (R, B), as the networks see it.
        name: Name of the scene.
        source_shape: Rows and columns of the cube before it was resized.
    """

    region_map: NDArray[np.int32]
    spectra: NDArray[np.float32]
    name: str
    source_shape: tuple[int, int]

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each region, shape (R,)."""
        return areas(self.region_map, len(self.spectra))

    @property
    def flat(self) -> bool:
        """Whether all pixels inside have one and the same spectrum, or there are none."""
        return bool((self.spectra == self.spectra[:1]).all())

    def dense(self) -> NDArray[np.float32]:
        """The cube itself, shape (H, W, B); pixels outside are zero."""
        cube = self.spectra[self.region_map]
        cube[self.region_map == OUTSIDE] = 0
        return cube


def drop_vanished(cube: RegionCube, region_map: NDArray[np.int32]) -> RegionCube:
    """The cube under another map of its regions, without those the map no longer names."""
    present = np.zeros(len(cube.spectra) + 1, dtype=bool)  # the last place is for OUTSIDE, -1
    present[region_map] = True
    kept = np.flatnonzero(present[:-1])
    renumber = np.full(present.size, OUTSIDE, dtype=np.int32)
    renumber[kept] = np.arange(kept.size, dtype=np.int32)
    return RegionCube(renumber[region_map], cube.spectra[kept], cube.name, cube.source_shape)


def areas(region_map: NDArray[np.integer], regions: int) -> NDArray[np.int64]:
    """Pixels of each region, shape (R,), for a map of any shape."""
    # Shifted by one, so that outside (-1) is counted in a place of its own.
    return np.bincount(region_map.ravel() + 1, minlength=regions + 1)[1:]


def connected_regions(component_map: NDArray[np.integer]) -> NDArray[np.int32]:
    """Split each mixture component into its connected pieces, 8 neighbours.

    Args:
        component_map: Component of each pixel, shape (H, W); negative is outside.

    Returns:
        Region ids of shape (H, W): 0..R-1 without gaps, ``OUTSIDE`` where the component is.

    Example:
        >>> connected_regions(np.array([[0, 0, 1], [2, 2, 0], [-1, 2, 2]])).tolist()
        [[0, 0, 1], [2, 2, 0], [-1, 2, 2]]
    """
    # Component 0 is a component like any other, yet label() would take it for background.
    components = np.where(component_map < 0, OUTSIDE, component_map)
    regions: NDArray[np.int32] = label(components, background=OUTSIDE, connectivity=2)
    return (regions - 1).astype(np.int32)


def region_means(
    pixels: NDArray[np.float32], region_map: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Mean spectrum of each region.

    Args:
        pixels: Cube of shape (H, W, B).
        region_map: Region ids of shape (H, W), 0..R-1, each used at least once, or ``OUTSIDE``.

    Returns:
        Spectra of shape (R, B).

    Raises:
        ValueError: A region id is not used by any pixel.

    Example:
        >>> pixels = np.array([[[1.0], [3.0], [8.0]]], dtype=np.float32)
        >>> region_means(pixels, np.array([[0, 0, 1]])).tolist()
        [[2.0], [8.0]]
    """
    regions = int(region_map.max(initial=-1)) + 1
    flat = pixels.reshape(region_map.size, -1)
    sums, counts = region_sums(flat, region_map.ravel(), regions)
    if regions and counts.min() == 0:
        raise ValueError(f"region ids must have no gaps; {int(counts.argmin())} is unused")
    return (sums / counts[:, None]).astype(np.float32)


def region_sums(
    pixels: NDArray[np.float32], ids: NDArray[np.integer], regions: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum of the spectra of each region, (R, B) to float32's precision, and its pixels, (R,).

    Args:
        pixels: Spectra, shape (P, B).
        ids: Region of each, shape (P,): 0..R-1, or ``OUTSIDE``.
        regions: R; a region without pixels sums to 0.
    """
    order = np.argsort(ids, kind="stable")[np.count_nonzero(ids == OUTSIDE) :]
    counts = areas(ids, regions)
    # Pixels of a region, one after the other, in bags of at most PIXELS_TOGETHER.
    bags = -(-counts // PIXELS_TOGETHER)
    region = np.repeat(np.arange(regions), bags)
    place = np.arange(region.size) - np.repeat(bags.cumsum() - bags, bags)
    starts = np.repeat(counts.cumsum() - counts, bags) + place * PIXELS_TOGETHER
    bag_of = csr_array(
        (np.ones(order.size, dtype=np.float32), order, np.append(starts, order.size)),
        (region.size, len(ids)),
    )
    parts = bag_of @ np.ascontiguousarray(pixels, dtype=np.float32)
    members = csr_array(
        (np.ones(region.size), (region, np.arange(region.size))), (regions, region.size)
    )
    sums: NDArray[np.float64] = members @ parts.astype(np.float64)
    return sums, counts
