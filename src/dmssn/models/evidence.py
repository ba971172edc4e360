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

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dmssn.models.autoencoder import Packing
from dmssn.models.surroundings import CELLS, SCENE_PART, WINDOWS, around, within

FEW, MANY = 10, 30
"""Directions: those that hold nearly all of a scene, and enough that a faint material has its own.
The classical ``border`` takes as many as the first."""
LEAST_VARIANCE = 1e-6
"""Of the largest direction's: below are the rounding of float32 spectra and copies of bands."""
SIDES = 64
"""A side is the outermost ``1 / SIDES`` of the picture, at least a pixel."""
GRID = 16
"""Rows and columns of anchors: pixels of an even grid, which stand for the scene."""
LINE = 32
"""Anchors along each side of the picture."""
BANDWIDTH = 1.0
"""Of the kernel that counts how many anchors are like a spectrum, in standard deviations."""
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
    sides = pixels_at_sides(rows, len(table))
    if not bool(sides.any()):  # all of them outside: the scene has to stand for them
        sides = area
    image = Image(
        *_ellipsoid(few, sides),
        few[ids_at_sides(rows)],
        few[ids_of_grid(rows)],
        area.sum(),
    )
    return of_pixels(of_spectra(many, area, image), few, rows)


class Image(NamedTuple):
    """What the evidence of a spectrum has to know of the image it is in."""

    centre: Tensor
    """Mean of the points at the sides, (FEW,) float64."""
    lower: Tensor
    """Cholesky factor of their covariance, (FEW, FEW) float64."""
    at_sides: Tensor
    """Anchors there, (A, FEW)."""
    anchors: Tensor
    """Those that stand for the scene, (A, FEW)."""
    pixels: Tensor
    """Of all regions together."""


def of_spectra(many: Tensor, area: Tensor, image: Image) -> Tensor:
    """Evidence that belongs to a spectrum wherever it is, (r, OF_SPECTRA).

    Args:
        many: ``whitened`` spectra, (r, MANY).
        area: Pixels of each, (r,).
        image: Theirs.
    """
    few = many[:, :FEW]
    return torch.stack(
        [
            torch.log1p(few.norm(dim=1)),
            torch.log1p(many.norm(dim=1)),
            torch.log1p(_mahalanobis(few, image)),
            *_rarity(few, image.at_sides),
            _rarity(few, image.anchors)[1],
            torch.log(area / image.pixels) / -5,
        ],
        dim=1,
    )


def of_pixels(belonging: Tensor, few: Tensor, rows: Tensor) -> Tensor:
    """All evidence of a picture, (E, H, W), from that ``of_spectra`` and the points (r, FEW)."""
    spread = _spread(torch.cat([belonging, few], dim=1), rows)
    inside = rows >= 0
    points = spread[OF_SPECTRA:]
    found = torch.cat([spread[:OF_SPECTRA], around(points, inside), within(points, inside)])
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
    axes, scale = leading(standard.T @ (standard * weight[:, None]), directions)
    found = (standard @ axes * scale).float()
    return F.pad(found, (0, directions - found.shape[1]))


def leading(covariance: Tensor, directions: int) -> tuple[Tensor, Tensor]:
    """The directions of most variance, (B, K), and what brings each to variance 1, or to 0."""
    variances, axes = torch.linalg.eigh(covariance)
    variances, axes = variances.flip(0)[:directions], axes.flip(1)[:, :directions]
    seen = variances > LEAST_VARIANCE * variances[0].clamp(min=LEAST_VARIANCE)
    return axes, torch.where(seen, variances.clamp(min=1e-30).rsqrt(), 0.0)


def _ellipsoid(points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and spread of a weighted part of points (r, K), of all of which the variance is 1."""
    points, share = points.double(), weight.double() / weight.sum(dtype=torch.float64)
    centre = share @ points
    apart = points - centre
    return centre, factor(apart.T @ (apart * share[:, None]))


def factor(covariance: Tensor) -> Tensor:
    """Cholesky factor of a covariance of points with some of the whole scene's added."""
    own = torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)
    lower: Tensor = torch.linalg.cholesky(covariance + SCENE_PART * own)
    return lower


def _mahalanobis(points: Tensor, image: Image) -> Tensor:
    """Distance of points (r, K) to those at the sides."""
    apart = points.double() - image.centre
    distance: Tensor = torch.linalg.solve_triangular(image.lower, apart.T, upper=False).norm(dim=0)
    return distance.float()


def pixels_at_sides(rows: Tensor, regions: int) -> Tensor:
    """Pixels of each region along the sides of the picture, (r,)."""
    height, width = rows.shape
    down, across = max(1, height // SIDES), max(1, width // SIDES)
    if height < 2 * down + 1 or width < 2 * across + 1:  # nothing but sides
        strips = [rows]
    else:
        middle = rows[down : height - down]
        beside = [middle[:, :across], middle[:, width - across :]]
        strips = [rows[:down], rows[height - down :], *beside]
    ids = torch.cat([strip.flatten() for strip in strips])
    return torch.bincount(ids[ids >= 0], minlength=regions).float()


def ids_of_grid(rows: Tensor) -> Tensor:
    """Rows of the table of the pixels of an even grid that are inside, (A,)."""
    height, width = (
        ((torch.arange(GRID, device=rows.device) + 0.5) * side / GRID).long() for side in rows.shape
    )
    ids = rows[height][:, width].flatten().long()
    return ids[ids >= 0]


def ids_at_sides(rows: Tensor) -> Tensor:
    """Likewise of pixels evenly along the sides of the picture, (A,)."""
    lines = []
    for line in (rows[0], rows[-1], rows[:, 0], rows[:, -1]):
        step = (torch.arange(LINE, device=rows.device) + 0.5) * len(line) / LINE
        lines.append(line[step.long()])
    ids = torch.cat(lines).long()
    return ids[ids >= 0]


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
