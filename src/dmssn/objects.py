"""Salient objects: connected pieces of a thresholded saliency map, and what each one is like.

Letters: H rows, W columns, B bands.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube
from dmssn.regions import OUTSIDE, areas, connected_regions, region_means


class SalientObject(NamedTuple):
    """One connected piece, 8 neighbours.

    Attributes:
        area: Pixels.
        rows: First row and the one after the last.
        columns: First column and the one after the last.
        centroid: Mean row and column.
        mean_saliency: Over its pixels, in [0, 1].
        spectrum: Mean over its valid pixels in the cube's units, shape (B,); NaN if none is.
    """

    area: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    centroid: tuple[float, float]
    mean_saliency: float
    spectrum: NDArray[np.float32]


def find_objects(
    saliency: NDArray[np.float32], cube: Cube, threshold: float
) -> list[SalientObject]:
    """The objects of a saliency map, largest first.

    Args:
        saliency: Shape (H, W) in [0, 1].
        cube: Of the same H and W.
        threshold: Pixels at or above it are salient.
    """
    pieces = connected_regions(np.where(saliency >= threshold, 0, OUTSIDE))
    count = int(pieces.max()) + 1
    if not count:
        return []
    spectra = _mean_spectra(cube, pieces, count)
    objects = []
    rows, columns = np.nonzero(pieces != OUTSIDE)
    ids = pieces[rows, columns]
    order = np.argsort(ids, kind="stable")
    for piece, members in enumerate(np.split(order, np.cumsum(areas(pieces, count))[:-1])):
        row, column = rows[members], columns[members]
        objects.append(
            SalientObject(
                area=len(members),
                rows=(int(row.min()), int(row.max()) + 1),
                columns=(int(column.min()), int(column.max()) + 1),
                centroid=(float(row.mean()), float(column.mean())),
                mean_saliency=float(saliency[row, column].mean(dtype=np.float64)),
                spectrum=spectra[piece],
            )
        )
    return sorted(objects, key=lambda found: -found.area)


def _mean_spectra(cube: Cube, pieces: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Mean spectrum of each piece over its valid pixels, shape (count, B)."""
    inside = np.where(cube.valid(), pieces, OUTSIDE)
    present = np.unique(inside[inside != OUTSIDE])
    renumber = np.full(count + 1, OUTSIDE, dtype=np.int32)
    renumber[present] = np.arange(present.size)
    spectra = np.full((count, cube.bands), np.nan, dtype=np.float32)
    if present.size:
        spectra[present] = region_means(cube.data, renumber[inside])
    return spectra
