"""Pictures in tiles, at full size and at halves of it, so that a view of any zoom is sharp.

Letters: H rows, W columns.
"""

import io
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmssn.viewing.jobs import MissingError

SIDE = 512
"""Rows and columns of a tile."""
KEPT = 16
"""Packed tiles of a layer that are kept: to pack one takes longer than all else of an answer."""
APRON = 1
"""Pixels around a tile of values that belong to its neighbours: contours go on from one to the
next."""

Shrink = Literal["mean", "most", "first"]


class Layer:
    """What is shown of a scene in one way: colours, or one value a pixel.

    Args:
        picture: uint8 of shape (H, W, 3), colours; or uint8 or uint16 of shape (H, W), values that
            the page turns into colours, unless ``grey``.
        shrink: What stands for four pixels: their mean, the greatest, or the first of them.
        grey: Whether one value a pixel is a grey picture.

    Attributes:
        bytes: Of memory that it takes at most, with the packed tiles that it may come to keep.
    """

    def __init__(
        self, picture: NDArray[Any], shrink: Shrink = "mean", *, grey: bool = False
    ) -> None:
        """Make the smaller sizes, down to a single tile."""
        self.is_picture = grey or picture.ndim == 3
        self._levels = [picture]
        while max(self._levels[-1].shape[:2]) > SIDE:
            self._levels.append(_halved(self._levels[-1], shrink))
        self.bytes = sum(level.nbytes for level in self._levels)
        if self.is_picture:  # packed, noise takes hardly more than as it is
            pixel = picture.nbytes // (picture.shape[0] * picture.shape[1])
            self.bytes += min(self.bytes, KEPT * SIDE**2 * pixel)
        self._packed = lru_cache(KEPT)(partial(_packed, self._levels))

    @property
    def whole(self) -> NDArray[Any]:
        """All of it at full size, shape (H, W) or (H, W, 3); not to be changed."""
        return self._levels[0]

    def facts(self) -> dict[str, Any]:
        """What the page needs to ask for tiles."""
        height, width = self.whole.shape[:2]
        return {
            "height": height,
            "width": width,
            "levels": len(self._levels),
            "side": SIDE,
            "picture": self.is_picture,
            "bytes": self.whole.itemsize,
        }

    def tile(self, level: int, row: int, column: int) -> tuple[bytes, str]:
        """One tile.

        Args:
            level: 0 for full size, 1 for half of it, ...
            row: Number of the tile from the top.
            column: From the left.

        Returns:
            A PNG of a picture; of values their bytes, little-endian, rows from the top, with an
            apron of one pixel, in which the outermost are repeated. And the type of the content.

        Raises:
            MissingError: There is no such tile.
        """
        if not 0 <= level < len(self._levels):
            raise MissingError(f"no level {level}")
        whole = self._levels[level]
        top, left = row * SIDE, column * SIDE
        if not (0 <= top < whole.shape[0] and 0 <= left < whole.shape[1]):
            raise MissingError(f"no tile {row}, {column} at level {level}")
        if self.is_picture:
            return self._packed(level, top, left), "image/png"
        rows = _around(top, whole.shape[0])
        columns = _around(left, whole.shape[1])
        values = whole[np.ix_(rows, columns)]
        return values.astype(values.dtype.newbyteorder("<")).tobytes(), "application/octet-stream"


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture of shape (H, W) or (H, W, 3) as PNG, packed lightly: it does not travel far."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _packed(levels: Sequence[NDArray[Any]], level: int, top: int, left: int) -> bytes:
    return png(levels[level][top : top + SIDE, left : left + SIDE])


def _around(start: int, length: int) -> NDArray[np.intp]:
    """Places of a tile and its apron, the ends repeated."""
    stop = min(start + SIDE, length)
    return np.clip(np.arange(start - APRON, stop + APRON), 0, length - 1)


def _halved(picture: NDArray[Any], shrink: Shrink) -> NDArray[Any]:
    """Half the rows and columns, the last one repeated where they are odd."""
    if shrink == "first":
        return np.ascontiguousarray(picture[::2, ::2])
    odd = [(0, side % 2) for side in picture.shape[:2]] + [(0, 0)] * (picture.ndim - 2)
    even = np.pad(picture, odd, mode="edge") if any(pad for _, pad in odd) else picture
    corners = [even[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    if shrink == "most":
        return np.asarray(np.maximum.reduce(corners))
    total = sum(corner.astype(np.uint32) for corner in corners)
    return np.asarray((total + 2) // 4, dtype=picture.dtype)
