"""Where tiles lie, and how much each counts where they overlap.

Each axis has its own places and weights: those of a tile are the products of its rows' and its
columns'.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.detector_settings import LEAST, MOST


class Span(NamedTuple):
    """A tile along one axis.

    Attributes:
        pixels: Which of the scene's rows, or columns.
        weight: Of each, float32; those of all tiles that hold a pixel sum to 1.
    """

    pixels: slice
    weight: NDArray[np.float32]


def spans(length: int, side: int, overlap: int) -> list[Span]:
    """Tiles along an axis, evenly spread, each overlapping the next by so much or more.

    In the middle of what two tiles share one hands over to the next, linearly, over ``overlap``
    pixels. So tiles that differ by d where they overlap add no step above d / overlap to their
    blend.

    Args:
        length: Pixels of the axis.
        side: Of a tile; a shorter axis is one tile.
        overlap: From 1 to a third of a side, or more than two tiles would share a pixel.

    Example:
        >>> [(span.pixels.start, span.pixels.stop) for span in spans(10, 4, 1)]
        [(0, 4), (3, 7), (6, 10)]
    """
    side = min(side, length)
    count = -(-(length - overlap) // (side - overlap)) if side < length else 1
    starts = np.rint(np.linspace(0, length - side, count)).astype(int)
    middles = (starts[1:] + starts[:-1] + side) / 2
    place = np.arange(length) + 0.5
    # How far a tile has taken over from the one before, of each tile and of one behind the last.
    taken = np.clip((place - middles[:, None]) / overlap + 0.5, 0, 1)
    taken = np.concatenate([np.ones((1, length)), taken, np.zeros((1, length))])
    weights = (taken[:-1] - taken[1:]).astype(np.float32)
    return [
        Span(slice(start, start + side), weight[start : start + side])
        for start, weight in zip(starts.tolist(), weights, strict=True)
    ]


def tiles(
    shape: tuple[int, int], side: int, overlap: int
) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    """All tiles of a scene, row by row: rows, columns, and the weight of each pixel."""
    across = spans(shape[1], side, overlap)
    for down in spans(shape[0], side, overlap):
        for beside in across:
            yield down.pixels, beside.pixels, down.weight[:, None] * beside.weight


def check_tiles(side: int, overlap: int | None = None) -> int:
    """The overlap of tiles of a side: the given one, or a quarter of the side.

    Raises:
        SettingError: One of them cannot be.
    """
    if not LEAST <= side <= MOST:
        raise SettingError(f"--tile must be from {LEAST} to {MOST} pixels, got {side}")
    if overlap is None:
        return side // 4
    if not 1 <= overlap <= side // 3:
        raise SettingError(
            f"--overlap must be from 1 to {side // 3}, a third of --tile, got {overlap}"
        )
    return overlap
