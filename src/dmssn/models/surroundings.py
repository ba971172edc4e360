"""Evidence of surroundings: how unlike a pixel's spectrum is to what is around it.

Letters: C channels, H rows, W columns, K directions.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

SCENE_PART = 1e-2
"""Of the whole scene's covariance, added to a part's: what varies among objects only would have no
variance otherwise."""
CELLS = (32, 16, 8, 4)
"""Cells a side whose means stand for what is around a pixel, one kind of evidence each."""
WINDOWS = (16, 8)
"""Cells a side, of which three by three are a window whose own spectra a pixel is judged by."""


def around(points: Tensor, inside: Tensor) -> Tensor:
    """Distance of each pixel's point (K, H, W) to the mean of what is around it, at each scale.

    A cell counts by the share of it that is inside.
    """
    present = inside.float()[None]
    both = torch.cat([points, present])
    found = []
    for cells in CELLS:
        (down, up), (left, right) = (_pooling(side, cells, both.device) for side in inside.shape)
        smooth = up @ (down @ both @ left.T) @ right.T  # (K + 1, H, W); the last is the weight
        apart = torch.addcmul(points, smooth[:-1], -1 / smooth[-1:].clamp(min=1e-6))
        found.append(torch.log1p(apart.square_().sum(dim=0).sqrt_()) * present[0])
    return torch.stack(found)


def within(points: Tensor, inside: Tensor) -> Tensor:
    """Mahalanobis distance of each pixel's point (K, H, W) to the points of its window.

    A window is three by three cells about the pixel's own, and its statistics are sums of theirs.
    """
    number = len(points)
    own = torch.eye(number, dtype=torch.float64, device=points.device)
    found = []
    for cells in WINDOWS:
        blocks = _blocks(torch.cat([points, inside[None]]), cells)
        # In float64: where a window's own spectra vary little, large numbers nearly cancel.
        exact = blocks.double()
        moments = torch.cat([exact @ exact[:, :number].mT, exact.sum(dim=2, keepdim=True)], dim=2)
        sums = F.avg_pool2d(moments.flatten(1).T.reshape(1, -1, cells, cells), 3, 1, 1)
        sums = sums[0].flatten(1).T.reshape(len(blocks), number + 1, number + 1)
        sums = sums / sums[:, -1:, -1:].clamp(min=1e-9)  # by the pixels that are inside
        centre = sums[:, :-1, -1:]
        covariance = sums[:, :-1, :-1] - centre @ centre.mT
        lower = torch.linalg.cholesky(covariance + SCENE_PART * own)
        white = torch.linalg.solve_triangular(lower, own.expand_as(lower), upper=False)
        distance = (white.float() @ (blocks[:, :number] - centre.float())).norm(dim=1)
        found.append(torch.log1p(_joined(distance, cells, inside)) * inside)
    return torch.stack(found)


def _blocks(maps: Tensor, cells: int) -> Tensor:
    """Maps (C, H, W) cut into square cells, (cells^2, C, pixels); zeros fill up the last ones."""
    channels, height, width = maps.shape
    high, wide = -(-height // cells), -(-width // cells)
    padded = F.pad(maps, (0, cells * wide - width, 0, cells * high - height))
    parts = padded.view(channels, cells, high, cells, wide).permute(1, 3, 0, 2, 4)
    return parts.reshape(cells**2, channels, high * wide)


def _joined(values: Tensor, cells: int, like: Tensor) -> Tensor:
    """Numbers of the pixels of cells, (cells^2, pixels), as the map (H, W) they were cut from."""
    height, width = like.shape
    high, wide = -(-height // cells), -(-width // cells)
    parts = values.view(cells, cells, high, wide).transpose(1, 2)
    return parts.reshape(cells * high, cells * wide)[:height, :width]


@cache
@torch.inference_mode(False)  # what prediction caches, training uses too
def _pooling(side: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Means over cells of a line, (cells, side), and lines between their middles, (side, cells)."""
    pool = F.adaptive_avg_pool1d(torch.eye(side, device=device), cells).T
    enlarge = F.interpolate(torch.eye(cells, device=device)[None], side, mode="linear")[0].T
    return pool.contiguous(), enlarge.contiguous()
