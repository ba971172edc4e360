"""Salient objects: connected pieces of a thresholded saliency map, and what each one is like.

Letters: H rows, W columns, B bands.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import RowSource
from dmssn.regions import OUTSIDE, areas, connected_regions, region_sums


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
    saliency: NDArray[np.float32], cube: RowSource, threshold: float
) -> list[SalientObject]:
    """The objects of a saliency map, largest first.

    Args:
        saliency: Shape (H, W) in [0, 1].
        cube: Of the same H and W; only blocks of rows with something salient are read.
        threshold: Pixels at or above it are salient.
    """
    pieces = connected_regions(np.where(saliency >= threshold, 0, OUTSIDE))
    count = int(pieces.max()) + 1
    if not count:
        return []
    spectra = mean_spectra(cube, pieces, count)
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


def mean_spectra(cube: RowSource, pieces: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Mean spectrum of each piece over its valid pixels, shape (count, B); NaN where none is.

    Args:
        cube: Only blocks of rows that hold a part of a piece are read.
        pieces: Piece of each pixel, shape (H, W), or ``OUTSIDE``.
        count: Pieces.
    """
    sums, counts = np.zeros((count, cube.shape[2])), np.zeros(count, dtype=np.int64)

    def add(spectra: NDArray[np.float32], ids: NDArray[np.int32]) -> None:
        valid = np.isfinite(spectra).all(axis=1)
        spectra, ids = spectra[valid], ids[valid]
        # The few pieces of a block, under numbers of their own: sums for all of them would be
        # large when they are many.
        present, own = np.unique(ids, return_inverse=True)
        own_sums, own_counts = region_sums(spectra, own, present.size)
        sums[present] += own_sums
        counts[present] += own_counts

    for rows in cube.row_blocks():
        inside = pieces[rows] != OUTSIDE
        if inside.any():
            add(cube.read(rows)[inside], pieces[rows][inside])
    with np.errstate(invalid="ignore"):  # a piece without a valid pixel: 0 / 0 is NaN, as wanted
        return (sums / counts[:, None]).astype(np.float32)
