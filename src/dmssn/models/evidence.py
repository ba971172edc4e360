"""Evidence: what classical detectors measure of a scene, on the table of its region spectra.

How unlike a spectrum is to the scene (Reed and Xiaoli, IEEE TASSP 38, 1990), to the sides of the
picture (the boundary prior: Wei, Wen, Zhu and Sun, ECCV 2012), to what is around it at several
scales (Itti, Koch and Niebur, IEEE TPAMI 20, 1998), and how rare it is. All of it is measured in
directions in which the scene's own spectra do not correlate and have variance 1, so that neither
the camera, nor its bands, nor the light set its scale: a network that is given it need not learn
it anew for each camera. Nothing here is trained.

Letters: N images, B bands, H rows, W columns, R regions of all images (r of one), K directions,
A anchors, E kinds of evidence.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from dmssn.models.autoencoder import Packing

FEW, MANY = 10, 30
"""Directions: those that hold nearly all of a scene, and enough that a faint material has its own.
The classical ``border`` takes as many as the first."""
LEAST_VARIANCE = 1e-6
"""Of the largest direction's: below are the rounding of float32 spectra and copies of bands."""
SCENE_PART = 1e-2
"""Of the whole scene's covariance, added to the sides': what varies among objects only would have
no variance otherwise."""
SIDES = 64
"""A side is the outermost ``1 / SIDES`` of the picture, at least a pixel."""
GRID = 16
"""Rows and columns of anchors: pixels of an even grid, which stand for the scene."""
LINE = 32
"""Anchors along each side of the picture."""
BANDWIDTH = 1.0
"""Of the kernel that counts how many anchors are like a spectrum, in standard deviations."""
CELLS = (32, 16, 8, 4)
"""Cells a side whose means stand for what is around a pixel, one kind of evidence each."""
WINDOWS = (16, 8)
"""Cells a side, of which three by three are a window whose own spectra a pixel is judged by."""
OF_SPECTRA = 7
"""Kinds that belong to a spectrum wherever it is."""
CHANNELS = OF_SPECTRA + len(CELLS) + len(WINDOWS)
"""E."""
USUAL = (1.1, 1.5, 1.4, 0.7, 1.4, 1.3, 1.3, 0.7, 0.9, 1.0, 1.0, 1.0, 1.0)
"""Mean of each kind over generated scenes, to be taken off; what is left is doubled, to vary by
about 1."""


@torch.no_grad()
def evidence(spectra: Tensor, region_map: Tensor, packing: Packing) -> Tensor:
    """All evidence of a packed batch.

    Args:
        spectra: Region spectra, (R, B), image after image.
        region_map: (N, H, W) integer rows of ``spectra``, -1 outside all regions.
        packing: Which rows are whose.

    Returns:
        (N, E, H, W) float32, mostly from -2 to 5; 0 outside.
    """
    with torch.autocast(spectra.device.type, enabled=False):
        tables = spectra.float().split(packing.counts)
        areas = packing.area.split(packing.counts)
        firsts = [sum(packing.counts[:image]) for image in range(len(packing.counts))]
        maps = [
            _of_image(table, area, rows.long() - first * (rows >= 0))
            for table, area, rows, first in zip(tables, areas, region_map, firsts, strict=True)
        ]
    return torch.stack(maps)


def _of_image(table: Tensor, area: Tensor, rows: Tensor) -> Tensor:
    """Of one image: spectra (r, B), their pixels (r,) and the map of rows (H, W) to (E, H, W)."""
    if not len(table):
        return table.new_zeros(CHANNELS, *rows.shape)
    standard = _standardized(table, area)
    many = whitened(standard, area, MANY)
    few = many[:, :FEW]
    sides = _pixels_at_sides(rows, len(table))
    if not bool(sides.any()):  # all of them outside: the scene has to stand for them
        sides = area
    of_spectra = torch.stack(
        [
            torch.log1p(few.norm(dim=1)),
            torch.log1p(many.norm(dim=1)),
            torch.log1p(_mahalanobis(few, sides)),
            *_rarity(few, _anchors_at_sides(rows, few)),
            _rarity(few, _anchors(rows, few))[1],
            torch.log(area / area.sum()) / -5,
        ],
        dim=1,
    )
    spread = _spread(torch.cat([of_spectra, few], dim=1), rows)
    inside = rows >= 0
    points = spread[OF_SPECTRA:]
    found = torch.cat([spread[:OF_SPECTRA], _around(points, inside), _within(points, inside)])
    usual = torch.tensor(USUAL, device=found.device)[:, None, None]
    return 2 * (found - usual) * inside


def _standardized(table: Tensor, area: Tensor) -> Tensor:
    """Spectra (r, B), each band of mean 0 and variance 1 over the pixels; float64.

    A band that does not vary comes out as 0.
    """
    weight = area.double() / area.sum(dtype=torch.float64)
    apart = table.double() - weight @ table.double()
    deviation = (weight @ apart.square()).sqrt()
    live = deviation > LEAST_VARIANCE
    return apart * torch.where(live, 1 / deviation.clamp(min=LEAST_VARIANCE), 0.0)


def whitened(standard: Tensor, area: Tensor, directions: int) -> Tensor:
    """Spectra in the scene's leading directions, each of mean 0 and variance 1 over its pixels.

    Directions without variance come out as 0.

    Args:
        standard: Spectra whose bands have mean 0 and variance 1, float64 of shape (r, B).
        area: Pixels of each row, (r,).
        directions: K.

    Returns:
        Float32 of shape (r, K), the direction of most variance first; signs are arbitrary.
    """
    weight = area.double() / area.sum(dtype=torch.float64)
    variances, axes = torch.linalg.eigh(standard.T @ (standard * weight[:, None]))
    variances, axes = variances.flip(0)[:directions], axes.flip(1)[:, :directions]
    seen = variances > LEAST_VARIANCE * variances[0].clamp(min=LEAST_VARIANCE)
    scale = torch.where(seen, variances.clamp(min=1e-30).rsqrt(), 0.0)
    found = (standard @ axes * scale).float()
    return F.pad(found, (0, directions - found.shape[1]))


def _mahalanobis(points: Tensor, weight: Tensor) -> Tensor:
    """Distance of points (r, K) to a weighted part of them, of all of which the variance is 1."""
    points, share = points.double(), weight.double() / weight.sum(dtype=torch.float64)
    apart = points - share @ points
    own = torch.eye(points.shape[1], dtype=torch.float64, device=points.device)
    covariance = apart.T @ (apart * share[:, None]) + SCENE_PART * own
    lower = torch.linalg.cholesky(covariance)
    distance: Tensor = torch.linalg.solve_triangular(lower, apart.T, upper=False).norm(dim=0)
    return distance.float()


def _pixels_at_sides(rows: Tensor, regions: int) -> Tensor:
    """Pixels of each region along the sides of the picture, (r,)."""
    height, width = rows.shape
    down, across = max(1, height // SIDES), max(1, width // SIDES)
    edge = rows.new_ones(rows.shape, dtype=torch.bool)
    edge[down : height - down, across : width - across] = False
    ids = rows[edge & (rows >= 0)]
    return torch.bincount(ids, minlength=regions).float()


def _anchors(rows: Tensor, points: Tensor) -> Tensor:
    """Points of the pixels of an even grid that are inside, (A, K)."""
    height, width = (
        ((torch.arange(GRID, device=rows.device) + 0.5) * side / GRID).long() for side in rows.shape
    )
    ids = rows[height][:, width].flatten()
    return points[ids[ids >= 0]]


def _anchors_at_sides(rows: Tensor, points: Tensor) -> Tensor:
    """Points of pixels evenly along the sides of the picture that are inside, (A, K)."""
    lines = []
    for line in (rows[0], rows[-1], rows[:, 0], rows[:, -1]):
        step = (torch.arange(LINE, device=rows.device) + 0.5) * len(line) / LINE
        lines.append(line[step.long()])
    ids = torch.cat(lines)
    return points[ids[ids >= 0]]


def _rarity(points: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """How far the nearest anchor is, and how few anchors are near; (r,) each, 0 without anchors."""
    if not len(anchors):
        return points.new_zeros(len(points)), points.new_zeros(len(points))
    # |p - a|^2 in one product, but for |p|^2, which is the same for all anchors of a point. The
    # nearest is measured anew: of a point that is an anchor itself, large numbers would cancel.
    squared = torch.addmm(anchors.square().sum(dim=1), points, anchors.T, alpha=-2)
    least, which = squared.min(dim=1, keepdim=True)
    nearest = (points - anchors[which[:, 0]]).square_().sum(dim=1)
    near = squared.sub_(least).mul_(-0.5 / BANDWIDTH**2).exp_().mean(dim=1)
    few = nearest * (0.5 / BANDWIDTH**2) - torch.log(near)
    return torch.log1p(nearest.sqrt()), torch.log1p(few.clamp(min=0))


def _spread(table: Tensor, rows: Tensor) -> Tensor:
    """(r, C) to (C, H, W); 0 outside."""
    padded = torch.cat([table, table.new_zeros(1, table.shape[1])])
    return padded[rows].permute(2, 0, 1).contiguous()


def _around(points: Tensor, inside: Tensor) -> Tensor:
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


def _within(points: Tensor, inside: Tensor) -> Tensor:
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
