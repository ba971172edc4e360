"""Regions of a map that is too large to be cut at once: strip by strip, then joined.

Letters: W columns.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dmssn.regions import OUTSIDE, connected_regions


def connect(
    strips: Iterable[tuple[slice, NDArray[np.int32]]], pieces: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Cut strips of a component map into connected pieces, and join those that touch.

    Args:
        strips: Which rows they are, top to bottom, and their components, or ``OUTSIDE``.
        pieces: Of shape (H, W); takes the piece of each pixel, or ``OUTSIDE``.

    Returns:
        The region of each piece: those ``regions.connected_regions`` makes of the whole map,
        numbered alike, by their first pixels.
    """
    count, links = 0, []
    above: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
    for rows, components in strips:
        cut = connected_regions(components)
        cut[cut != OUTSIDE] += count
        if above is not None:
            links.append(_links(*above, components[0], cut[0]))
        count = max(count, int(cut.max()) + 1)
        pieces[rows] = cut
        above = components[-1].copy(), cut[-1].copy()
    upper, lower = np.concatenate([np.empty((2, 0), np.int32), *links], axis=1)
    graph = coo_array((np.ones(upper.size, dtype=np.bool_), (upper, lower)), (count, count))
    found = connected_components(graph.tocsr(), directed=False)[1]
    first = np.unique(found, return_index=True)[1]
    order = np.empty(first.size, dtype=np.int32)
    order[np.argsort(first)] = np.arange(first.size)
    regions: NDArray[np.int32] = order[found]
    return regions


def _links(
    components: NDArray[np.int32],
    pieces: NDArray[np.int32],
    below: NDArray[np.int32],
    pieces_below: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Pairs (2, n) of pieces of two rows, one below the other, that touch and are of one kind."""
    found = []
    width = len(components)
    for shift in (-1, 0, 1):  # eight neighbours
        here = slice(max(0, -shift), width - max(0, shift))
        there = slice(max(0, shift), width - max(0, -shift))
        same = (components[here] == below[there]) & (components[here] != OUTSIDE)
        found.append(np.stack([pieces[here][same], pieces_below[there][same]]))
    pairs: NDArray[np.int32] = np.unique(np.concatenate(found, axis=1), axis=1)
    return pairs
