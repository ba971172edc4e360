"""Gaussian pyramids of cubes, and what brings a level back to the size of another.

A level has every second row and column of the one before, which is smoothed with the binomial
kernel (1, 4, 6, 4, 1) / 16 along each axis (Burt and Adelson, "The Laplacian pyramid as a compact
image code", IEEE Transactions on Communications 31(4), 1983). Only what a level keeps is computed.
Levels are counted from 1, the full size; row i of level n lies at row i * 2**(n - 1) of level 1.

Pixels that are invalid, or would lie outside the picture, have no weight, and the weights of the
others are scaled up in their stead (normalized convolution: Knutsson and Westin, CVPR 1993).

All is numpy's: its passes over blocks that stay in the cache take no longer than torch's on two
cores, and do not slow down when the cores have other work.

Letters: H rows, W columns, B bands, h rows of a block; n samples in, m samples out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TAPS = tuple(zip(range(-2, 3), (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16), strict=True))
"""Offsets and weights of the kernel."""
BLOCK_BYTES = 2 * 2**20
"""Rows are smoothed in blocks of about this size, which stay in a processor's cache."""


class Level(NamedTuple):
    """One level of a pyramid.

    Attributes:
        data: Float32 of shape (H, W, B); 0 where the weight is 0.
        weight: How much of what a pixel is made from is valid, in [0, 1], shape (H, W).
    """

    data: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.weight.shape[0], self.weight.shape[1]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Pixels that are made from any valid one, shape (H, W)."""
        return self.weight > 0


def pyramid(data: NDArray[np.float32], valid: NDArray[np.bool_], last: int) -> dict[int, Level]:
    """The levels from 2 on, by number; as many as there are down to a single pixel.

    Args:
        data: Level 1, shape (H, W, B), of which no copy is made.
        valid: Pixels that count, shape (H, W).
        last: The deepest level wanted.
    """
    levels: dict[int, Level] = {}
    before, weight = data, None if valid.all() else valid.astype(np.float32)
    for number in range(2, last + 1):
        if max(before.shape[:2]) == 1:
            break
        levels[number] = smoothed(before, weight, step=2)
        before, weight = levels[number]
    return levels


def smoothed(data: NDArray[np.float32], weight: NDArray[np.float32] | None, *, step: int) -> Level:
    """Smooth rows and columns and keep every ``step``-th.

    Args:
        data: Shape (H, W, B). Where the weight is 0, it may hold anything.
        weight: Of each pixel, shape (H, W); None where all have weight 1.
        step: 1 keeps all.
    """
    height, width, bands = data.shape
    rows_out, columns_out = -(-height // step), -(-width // step)
    result = np.empty((rows_out, columns_out, bands), dtype=np.float32)
    rows = max(1, BLOCK_BYTES // (4 * width * bands * step))
    for first in range(0, rows_out, rows):
        stop = min(first + rows, rows_out)
        top, bottom = max(0, first * step - 2), min(height, (stop - 1) * step + 3)
        block = data[top:bottom]
        if weight is not None:
            part = weight[top:bottom, :, None]
            block = np.where(part > 0, block, np.float32(0)) * part
        lines = _along_rows(block, first * step - top, stop - first, step)
        result[first:stop] = _along_columns(lines, columns_out, step)
    inside = _inside(height, step)[:, None] * _inside(width, step)
    kept = inside if weight is None else _smoothed_plane(weight, step)
    result /= np.where(kept > 0, kept, 1)[:, :, None]
    return Level(result, np.minimum(kept / inside, 1))


def _smoothed_plane(plane: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Weighted sums around the pixels kept of a plane (H, W)."""
    rows_out, columns_out = (-(-size // step) for size in plane.shape)
    lines = _along_rows(plane[:, :, None], 0, rows_out, step)
    return _along_columns(lines, columns_out, step)[:, :, 0]


def _inside(size: int, step: int) -> NDArray[np.float32]:
    """The part of the kernel that lies within an axis, at each sample kept; shape (m,)."""
    ones = np.ones((size, 1, 1), dtype=np.float32)
    return _along_rows(ones, 0, -(-size // step), step)[:, 0, 0]


def _along_rows(
    block: NDArray[np.float32], start: int, count: int, step: int
) -> NDArray[np.float32]:
    """Weighted sums of the rows around ``start``, ``start + step``, ...; shape (count, W, B)."""
    result = np.zeros((count, *block.shape[1:]), dtype=np.float32)
    product = np.empty_like(result)
    for offset, weight in TAPS:
        low = max(0, -((start + offset) // step))  # the first that has such a row
        high = min(count, (len(block) - 1 - start - offset) // step + 1)
        if low < high:
            begin = start + offset + low * step
            rows = block[begin : begin + (high - low - 1) * step + 1 : step]
            np.multiply(rows, np.float32(weight), out=product[low:high])
            result[low:high] += product[low:high]
    return result


def _along_columns(lines: NDArray[np.float32], count: int, step: int) -> NDArray[np.float32]:
    """Weighted sums of the columns around 0, ``step``, ...; shape (H, count, B)."""
    return _along_rows(lines.swapaxes(0, 1), 0, count, step).swapaxes(0, 1)


def enlarged(level: Level, size: tuple[int, int], ratio: int) -> NDArray[np.float32]:
    """Bring a level to the size of one above it, linearly between its pixels.

    Args:
        level: Its weights count: a pixel of weight 0 lends nothing.
        size: (H, W) wanted.
        ratio: Rows of the size wanted from one row of the level to the next: 2 to the number of
            levels between.

    Returns:
        Shape (H, W, B); 0 where no pixel with weight is near.
    """
    rows, columns = (
        _between(have, want, ratio) for have, want in zip(level.size, size, strict=True)
    )
    if (level.weight == 1).all():
        return _spread(level.data, rows, columns)
    weight = _spread(level.weight[:, :, None], rows, columns)
    weighted = _spread(level.data * level.weight[:, :, None], rows, columns)
    weighted /= np.where(weight > 0, weight, 1)
    return weighted


def _spread(
    data: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Apply weights of shapes (H, h) and (W, w) to data of shape (h, w, B)."""
    tall = (rows @ data.reshape(len(data), -1)).reshape(len(rows), *data.shape[1:])
    return np.asarray(columns @ tall)


def _between(have: int, want: int, ratio: int) -> NDArray[np.float32]:
    """Weights of linear interpolation at every ``1 / ratio``-th sample, shape (want, have)."""
    position = np.minimum(np.arange(want) / ratio, have - 1)
    weights = 1 - np.abs(position[:, None] - np.arange(have))
    return np.asarray(np.maximum(weights, 0), dtype=np.float32)
