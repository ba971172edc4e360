"""Evidence: each kind by a plain float64 account on pixels, what does not move it, and edges."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from torch import Tensor

from dmssn.models import surroundings as module
from dmssn.models.autoencoder import Packing
from dmssn.models.evidence import CHANNELS, FEW, MANY, USUAL, evidence
from dmssn.models.network import DMSSN
from dmssn.models.surroundings import CELLS, WINDOWS
from dmssn.regions import connected_regions

AREA = 6
"""The kind that is about a region and not about its spectrum."""
SIZES = [(32, 32), (45, 77), (64, 96)]


def scene(seed: int, height: int, width: int, bands: int = 20, outside: bool = True):
    """Region spectra (r, bands) of random blocks and their map; a corner is outside."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 30, (16, 16)), np.ones((7, 7), dtype=int))[:height, :width]
    if outside:
        blocks[: height // 3, : width // 4] = -1
        blocks[-2:, 5:9] = -1
    rows = connected_regions(blocks)
    materials = np.cumsum(rng.normal(size=(30, bands)), axis=1)
    first = [np.flatnonzero(rows.ravel() == region)[0] for region in range(rows.max() + 1)]
    table = materials[blocks.ravel()[first]] + rng.normal(scale=0.3, size=(len(first), bands))
    table = (table - table.min()) / (table.max() - table.min())
    return table.astype(np.float32), rows.astype(np.int64)


def packed(*scenes) -> tuple[Tensor, Tensor, Packing]:
    """As the network takes them, of one size."""
    counts = tuple(len(table) for table, _ in scenes)
    starts = np.cumsum((0, *counts[:-1]))
    maps = [
        np.where(rows < 0, -1, rows + start)
        for (_, rows), start in zip(scenes, starts, strict=True)
    ]
    areas = [np.bincount(rows[rows >= 0], minlength=len(table)) for table, rows in scenes]
    return (
        torch.from_numpy(np.concatenate([table for table, _ in scenes])),
        torch.from_numpy(np.stack(maps).astype(np.int32)),
        Packing(torch.from_numpy(np.concatenate(areas)).float(), counts),
    )


def found(*scenes) -> np.ndarray:
    return evidence(*packed(*scenes)).numpy()


def wanted(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """All kinds of one scene, (E, H, W), from its pixels written out."""
    inside, regions = rows >= 0, rows[rows >= 0]
    pixels = table.astype(np.float64)[regions]
    standard = (pixels - pixels.mean(axis=0)) / pixels.std(axis=0)
    variances, axes = np.linalg.eigh(np.cov(standard.T, bias=True))
    white = standard @ axes[:, ::-1] / np.sqrt(variances[::-1])
    many, few = white[:, :MANY], white[:, :FEW]
    points = np.zeros((*rows.shape, few.shape[1]))
    points[inside] = few
    kinds = [
        np.log1p(np.linalg.norm(few, axis=1)),
        np.log1p(np.linalg.norm(many, axis=1)),
        np.log1p(mahalanobis(few, points[inside & at_sides(rows.shape)])),
        *rarity(few, anchors(points, inside, along_sides(rows.shape))),
        rarity(few, anchors(points, inside, even_grid(rows.shape)))[1],
        np.log(np.bincount(regions)[regions] / len(regions)) / -5,
    ]
    for cells in CELLS:
        apart = np.linalg.norm(points - surroundings(points, inside, cells), axis=2)
        kinds.append(np.log1p(apart)[inside])
    kinds += [np.log1p(in_windows(points, inside, cells)[inside]) for cells in WINDOWS]
    maps = np.zeros((CHANNELS, *rows.shape))
    maps[:, inside] = 2 * (np.array(kinds) - np.array(USUAL)[:, None])
    return maps


def mahalanobis(points: np.ndarray, part: np.ndarray) -> np.ndarray:
    spread = np.cov(part.T, bias=True) + 0.01 * np.eye(points.shape[1])
    return cdist(points, part.mean(axis=0)[None], "mahalanobis", VI=np.linalg.inv(spread))[:, 0]


def in_windows(points: np.ndarray, inside: np.ndarray, cells: int) -> np.ndarray:
    """Distance of each pixel to those of its cell and of the cells around it that are inside."""
    high, wide = (-(-side // cells) for side in inside.shape)
    distance = np.zeros(inside.shape)
    for top in range(0, inside.shape[0], high):
        for left in range(0, inside.shape[1], wide):
            cell = np.s_[top : top + high, left : left + wide]
            first = max(top - high, 0), max(left - wide, 0)
            window = np.s_[first[0] : top + 2 * high, first[1] : left + 2 * wide]
            if (here := inside[cell]).any():
                part = points[window][inside[window]]
                distance[cell][here] = mahalanobis(points[cell][here], part)
    return distance


def at_sides(shape: tuple[int, int]) -> np.ndarray:
    edge = np.zeros(shape, dtype=bool)
    down, across = (max(1, side // 64) for side in shape)
    edge[:down], edge[-down:], edge[:, :across], edge[:, -across:] = True, True, True, True
    return edge


def along_sides(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """32 places along each side."""
    height, width = shape
    down, across = ([(2 * k + 1) * side // 64 for k in range(32)] for side in shape)
    lines = [[(row, column) for column in across] for row in (0, height - 1)]
    lines += [[(row, column) for row in down] for column in (0, width - 1)]
    return [place for line in lines for place in line]


def even_grid(shape: tuple[int, int]) -> list[tuple[int, int]]:
    down, across = ([(2 * k + 1) * side // 32 for k in range(16)] for side in shape)
    return [(row, column) for row in down for column in across]


def anchors(points: np.ndarray, inside: np.ndarray, places: list[tuple[int, int]]) -> np.ndarray:
    return np.array([points[place] for place in places if inside[place]])


def rarity(points: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distance = cdist(points, chosen)
    surprise = np.log(len(chosen)) - logsumexp(-(distance**2) / 2, axis=1)
    return np.log1p(distance.min(axis=1)), np.log1p(np.maximum(surprise, 0))


def surroundings(points: np.ndarray, inside: np.ndarray, cells: int) -> np.ndarray:
    """Means of cells between whose middles it is linear; a cell weighs as much as is inside."""
    (down, up), (left, right) = (means_and_lines(side, cells) for side in inside.shape)
    whole = np.dstack([points * inside[:, :, None], inside])
    smooth = np.einsum("yi,ir,rcp,jc,xj->yxp", up, down, whole, left, right, optimize=True)
    return smooth[:, :, :-1] / np.maximum(smooth[:, :, -1:], 1e-6)


def means_and_lines(side: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels to cells, (cells, side), which overlap where they have to, and back, (side, cells)."""
    pool = np.zeros((cells, side))
    for cell in range(cells):
        first, end = cell * side // cells, -(-(cell + 1) * side // cells)
        pool[cell, first:end] = 1 / (end - first)
    at = (np.arange(side) + 0.5) * cells / side - 0.5
    lines = [np.interp(at, np.arange(cells), one) for one in np.eye(cells)]
    return pool, np.array(lines).T


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_kind_is_that_of_pixels_written_out(height: int, width: int) -> None:
    scenes = [scene(seed, height, width, outside=seed > 0) for seed in range(2)]
    maps = found(*scenes)
    assert maps.shape == (2, CHANNELS, height, width)
    for image, one in enumerate(scenes):
        for kind, expected in enumerate(wanted(*one)):
            np.testing.assert_allclose(maps[image, kind], expected, atol=2e-4, err_msg=str(kind))


def unlike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


def test_a_table_of_regions_and_one_of_their_pixels_give_the_same_maps() -> None:
    table, rows = scene(0, 45, 77)
    pixels = np.full(rows.shape, -1)
    pixels[rows >= 0] = np.arange((rows >= 0).sum())
    one, other = found((table, rows))[0], found((table[rows[rows >= 0]], pixels))[0]
    kinds = np.arange(CHANNELS) != AREA
    assert unlike(one[kinds], other[kinds]) < 1e-4
    inside = rows >= 0
    np.testing.assert_allclose(
        (other - one)[AREA][inside],
        0.4 * np.log(np.bincount(rows[inside]))[rows[inside]],
        atol=1e-5,
    )


def test_a_network_sees_the_same_of_a_table_and_of_cubes() -> None:
    torch.manual_seed(0)
    spectra, region_map, packing = packed(*(scene(k, 32, 36, outside=False) for k in range(2)))
    network = DMSSN(spectra.shape[1], with_evidence=True).eval()
    cubes = spectra[region_map].permute(0, 3, 1, 2)
    with torch.no_grad():
        one, other = network(spectra, region_map, packing), network.forward_dense(cubes)
        torch.testing.assert_close(network.saliency_dense(cubes), one.logits.sigmoid())
    assert one.logits.std() > 0.01
    torch.testing.assert_close(one.logits, other.logits, atol=1e-4, rtol=1e-4)


def test_neither_camera_nor_light_nor_numbering_moves_it() -> None:
    table, rows = scene(1, 45, 77)
    rng = np.random.default_rng(0)
    gain = np.exp(rng.uniform(-2, 2, table.shape[1])).astype(np.float32)
    order = rng.permutation(len(table))
    number = np.argsort(order)  # a region's place in the new order
    changed = {
        "brighter bands": (table * gain, rows),
        "an offset": (table + np.linspace(-1, 2, table.shape[1], dtype=np.float32), rows),
        "bands the other way round": (np.ascontiguousarray(table[:, ::-1]), rows),
        "other numbers": (table[order], np.where(rows < 0, -1, number[rows])),
    }
    plain = found((table, rows))
    for what, one in changed.items():
        assert unlike(found(one), plain) < 2e-3, what
    assert unlike(found((table**2, rows)), plain) > 0.1


def test_dark_on_bright_is_bright_on_dark() -> None:
    table, rows = scene(1, 45, 77)
    assert unlike(found((table, rows))[0], found((1 - table, rows))[0]) < 1e-3


def test_turning_the_picture_turns_the_maps() -> None:
    table, rows = scene(2, 64, 96)
    plain = found((table, rows))[0]
    # Places of anchors are those of whole pixels, and so are not quite symmetric.
    still = [k for k in range(CHANNELS) if k not in (3, 4, 5)]
    for turned, back in ((rows[:, ::-1], np.s_[:, :, ::-1]), (rows[::-1], np.s_[:, ::-1])):
        maps = found((table, np.ascontiguousarray(turned)))[0]
        assert unlike(maps[back][still], plain[still]) < 1e-3


def test_outside_is_zero_and_nothing_is_learned_from_it() -> None:
    table, rows = scene(0, 64, 96)
    maps = found((table, rows))[0]
    assert (maps[:, rows < 0] == 0).all()
    assert (maps[:, rows >= 0] != 0).mean() > 0.99
    # Bands of one material each run into the part that is outside: nothing changes beside it.
    rows = np.repeat(np.arange(64)[:, None] // 8, 96, axis=1)
    rows[:, 48:] = -1
    maps = found((table[:8], rows))[0]
    np.testing.assert_allclose(maps[:, :, 47], maps[:, :, 12], atol=1e-4)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    scenes = [scene(seed, 45, 77, outside=seed != 1) for seed in range(3)]
    together = found(*scenes)
    for image, one in enumerate(scenes):
        np.testing.assert_array_equal(together[image], found(one)[0])


def blank(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((0, 20), dtype=np.float32), np.full((height, width), -1)


def test_an_image_without_regions_is_zeros_and_hurts_no_other() -> None:
    other = scene(0, 33, 40)
    maps = found(blank(33, 40), other, blank(33, 40))
    assert (maps[[0, 2]] == 0).all()
    np.testing.assert_array_equal(maps[1], found(other)[0])


def lone_pixel() -> tuple[np.ndarray, np.ndarray]:
    rows = np.full((33, 40), -1)
    rows[16, 20] = 0
    return np.full((1, 20), 0.4, dtype=np.float32), rows


def framed() -> tuple[np.ndarray, np.ndarray]:
    table, rows = scene(0, 45, 77, outside=False)
    rows[:3], rows[-3:], rows[:, :3], rows[:, -3:] = -1, -1, -1, -1
    seen, numbers = np.unique(rows[rows >= 0], return_inverse=True)
    rows[rows >= 0] = numbers
    return table[seen], rows


EDGES = {
    "one region": (np.full((1, 20), 0.3, np.float32), np.zeros((32, 32), int)),
    "two regions": (np.eye(2, 20, dtype=np.float32), np.arange(32 * 32).reshape(32, 32) % 2),
    "constant spectra": (np.full((9, 20), 0.3, np.float32), scene(0, 32, 32)[1].clip(max=8)),
    "black": (np.zeros((9, 64), np.float32), scene(0, 45, 77)[1].clip(max=8)),
    "one band varies": (
        np.pad(scene(0, 45, 77, bands=1)[0], ((0, 0), (3, 8)), constant_values=0.5),
        scene(0, 45, 77)[1],
    ),
    "three bands, repeated": (
        scene(0, 45, 77, bands=3)[0][:, np.arange(64) * 3 // 64],
        scene(0, 45, 77)[1],
    ),
    "a hair's breadth apart": (
        0.5 + 1e-7 * scene(0, 32, 32)[0],
        scene(0, 32, 32)[1],
    ),
    "sides outside": framed(),
    "a lone pixel": lone_pixel(),
    "only a corner inside": (
        np.eye(2, 20, dtype=np.float32),
        np.pad(np.array([[0, 1], [1, 1]]), ((30, 0), (40, 0)), constant_values=-1),
    ),
    "every pixel its own": (
        np.random.default_rng(0).random((32 * 32, 20), dtype=np.float32),
        np.arange(32 * 32).reshape(32, 32),
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_what_is_measured_of_odd_scenes_is_finite_and_moderate(name: str) -> None:
    table, rows = EDGES[name]
    maps = found((table.astype(np.float32), rows.astype(np.int64)))
    assert maps.shape == (1, CHANNELS, *rows.shape)
    assert np.isfinite(maps).all()
    assert np.abs(maps).max() < 20
    assert (maps[0][:, rows < 0] == 0).all()


def test_where_all_sides_are_outside_the_scene_stands_for_them() -> None:
    table, rows = framed()
    maps = found((table, rows))[0] / 2 + np.array(USUAL)[:, None, None]
    inside = rows >= 0
    # The scene's mean is 0 and its variance 1, to which a hundredth is added.
    np.testing.assert_allclose(
        np.expm1(maps[2][inside]), np.expm1(maps[0][inside]) / np.sqrt(1.01), rtol=1e-4
    )
    assert np.abs(maps[3:5][:, inside]).max() < 1e-6  # no anchors there


def test_copies_of_bands_change_nothing() -> None:
    table, rows = scene(0, 45, 77, bands=3)
    copies = table[:, np.repeat(np.arange(3), 7)]
    assert unlike(found((table, rows)), found((copies, rows))) < 1e-3


def test_pixels_alone_in_their_window_and_far_from_all_others_hurt_nothing() -> None:
    # Hundreds of deviations away from the mean and not from each other: large numbers cancel.
    generator = torch.Generator().manual_seed(0)
    for scale in (10.0, 1e3, 1e5):
        points = torch.randn(FEW, 64, 64, generator=generator)
        inside = torch.zeros(64, 64, dtype=torch.bool)
        inside[20:] = True
        inside[3:5, 3] = True
        points[:, 3:5, 3] = scale * torch.randn(FEW, 1, generator=generator)
        maps = module.within(points * inside, inside)
        assert maps.isfinite().all()
        # They are the mean of the smaller window, from which they do not differ.
        assert maps[0, 3:5, 3].max() < 1e-2


def test_one_pixel_of_its_own_is_measured_as_well_as_others() -> None:
    # It is an anchor too, and hundreds of deviations away from all others.
    table, rows = np.eye(2, 20, dtype=np.float32), np.zeros((256, 256), dtype=np.int64)
    rows[0, 4] = 1
    maps = found((table, rows))[0] / 2 + np.array(USUAL)[:, None, None]
    assert np.expm1(maps[0, 0, 4]) == pytest.approx(np.sqrt(256**2 - 1), rel=1e-4)
    assert abs(maps[3, 0, 4]) < 1e-5
    assert abs(maps[3, 99, 99]) < 1e-5


def test_a_thing_in_the_middle_stands_out_in_every_way() -> None:
    rows = np.random.default_rng(0).integers(0, 6, (64, 64))
    rows[26:38, 26:38] = 6
    table = 0.4 + 0.02 * np.random.default_rng(1).normal(size=(7, 20))
    table[6] += 0.3
    maps = found((table.astype(np.float32), rows))[0]
    thing = rows == 6
    for kind in range(AREA):
        assert maps[kind][thing].min() > maps[kind][~thing].max(), kind
    for kind in (9, 10):  # of cells of 8 and of 16 pixels, which are not within it
        assert maps[kind][thing].mean() > maps[kind][~thing].mean() + 0.1, kind


def test_no_gradient_comes_from_it() -> None:
    spectra, region_map, packing = packed(scene(0, 32, 32))
    spectra.requires_grad_()
    assert not evidence(spectra, region_map, packing).requires_grad
    assert spectra.grad is None


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_lower_precision_around_it_does_not_touch_it(half: torch.dtype) -> None:
    batch = packed(scene(0, 32, 36), scene(1, 32, 36))
    plain = evidence(*batch)
    with torch.autocast("cpu", half):
        within = evidence(*batch)
        network = DMSSN(20, with_evidence=True)
        output = network(*batch)
    assert within.dtype == torch.float32
    assert torch.equal(within, plain)
    assert output.logits.isfinite().all()
    coarse = evidence(batch[0].to(half), *batch[1:])
    assert coarse.dtype == torch.float32
    assert coarse.isfinite().all()


def test_what_prediction_keeps_training_can_use() -> None:
    module._pooling.cache_clear()
    batch = packed(scene(0, 37, 41))
    with torch.inference_mode():
        first = evidence(*batch).clone()
    maps = evidence(*batch)
    assert torch.equal(first, maps)
    weight = torch.ones(CHANNELS, 1, 1, requires_grad=True)
    (maps * weight).sum().backward()
    assert weight.grad is not None


def test_the_usual_means_are_of_each_kind() -> None:
    assert len(USUAL) == CHANNELS
