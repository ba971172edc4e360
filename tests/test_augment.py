"""Augmentation: map and mask move alike, as scipy moves them; the table follows."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn.augment import augment, random_affine, source_pixels
from dmssn.config import AugmentConfig
from dmssn.regions import OUTSIDE, RegionCube, connected_regions, drop_vanished

NEUTRAL = AugmentConfig(flips=False, rotation=0, shrink=1, enlarge=1)


def scene(height: int = 24, width: int = 31, seed: int = 0, outside: bool = True):
    """A scene of many small regions; its mask is region 3 and 4."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 9, (8, 8)), np.ones((5, 5), dtype=int))[:height, :width]
    if outside:
        blocks[2:4, 5:7] = -1
    region_map = connected_regions(blocks)
    spectra = rng.random((region_map.max() + 1, 4), dtype=np.float32)
    cube = RegionCube(region_map, spectra, "scene", (50, 60))
    return cube, np.isin(region_map, (3, 4))


@pytest.mark.parametrize("seed", range(5))
def test_neutral_settings_change_nothing(seed):
    cube, mask = scene()
    found, moved = augment(cube, mask, NEUTRAL, np.random.default_rng(seed))
    np.testing.assert_array_equal(found.region_map, cube.region_map)
    np.testing.assert_array_equal(found.spectra, cube.spectra)
    np.testing.assert_array_equal(moved, mask)
    assert (found.name, found.source_shape) == ("scene", (50, 60))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_map_mask_areas_and_table_stay_together(seed):
    cube, mask = scene()
    found, moved = augment(cube, mask, AugmentConfig(), np.random.default_rng(seed))
    ids = np.unique(found.region_map)
    assert found.region_map.dtype == np.int32
    assert found.region_map.shape == mask.shape
    np.testing.assert_array_equal(ids[ids >= 0], np.arange(len(found.spectra)))
    assert found.areas.min() > 0
    assert found.areas.sum() == (found.region_map != OUTSIDE).sum()
    # Spectra are unique here: which source regions the rows are shows by their values.
    sources = [int(np.flatnonzero((cube.spectra == row).all(axis=1))[0]) for row in found.spectra]
    inside = found.region_map != OUTSIDE
    expected = np.isin(np.array([*sources, -9])[found.region_map], (3, 4))
    np.testing.assert_array_equal(moved[inside], expected[inside])
    assert not moved[~inside].any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_warp_is_scipys(seed):
    cube, _ = scene(seed=seed % 7)
    matrix = random_affine(AugmentConfig(), np.random.default_rng(seed))
    middle = (np.array(cube.region_map.shape) - 1) / 2
    expected = scipy.ndimage.affine_transform(
        cube.region_map,
        matrix,
        middle - matrix @ middle,
        order=0,
        mode="grid-constant",
        cval=OUTSIDE,
    )
    rows, columns, inside = source_pixels(cube.region_map.shape, matrix)
    found = np.where(inside, cube.region_map[rows, columns], OUTSIDE)
    assert (found == expected).mean() > 0.99  # exact halves may round to either side


def test_flips_alone_are_the_four_flips():
    cube, mask = scene()
    config = AugmentConfig(rotation=0, shrink=1, enlarge=1)
    seen = set()
    for seed in range(40):
        found, moved = augment(cube, mask, config, np.random.default_rng(seed))
        for name, axes in {"none": (), "up": (0,), "left": (1,), "both": (0, 1)}.items():
            if np.array_equal(moved, np.flip(mask, axes)):
                np.testing.assert_array_equal(found.areas.sum(), cube.areas.sum())
                np.testing.assert_array_equal(found.dense(), np.flip(cube.dense(), axes))
                seen.add(name)
    assert seen == {"none", "up", "left", "both"}


def test_a_quarter_turn_of_a_square_is_exact():
    cube, _ = scene(24, 24)
    rows, columns, inside = source_pixels((24, 24), np.array([[0.0, -1.0], [1.0, 0.0]]))
    assert inside.all()
    np.testing.assert_array_equal(cube.region_map[rows, columns], np.rot90(cube.region_map, -1))


def test_shrinking_by_two_leaves_a_frame_outside():
    rows, columns, inside = source_pixels((20, 20), np.diag([2.0, 2.0]))
    assert inside.sum() == 100
    assert inside[5:15, 5:15].all()
    assert (np.diff(rows[5:15, 0]) == 2).all()
    assert (np.diff(columns[0, 5:15]) == 2).all()


def test_enlarging_by_two_loses_regions_and_fills_the_view():
    cube, _ = scene(outside=False)
    rows, columns, inside = source_pixels(cube.region_map.shape, np.diag([0.5, 0.5]))
    assert inside.all()
    found = drop_vanished(cube, cube.region_map[rows, columns])
    assert len(found.spectra) < len(cube.spectra)
    np.testing.assert_array_equal(found.dense(), cube.dense()[rows, columns])


def test_scales_and_turns_stay_within_their_settings():
    config = AugmentConfig(flips=False, rotation=30, shrink=0.6, enlarge=1.3)
    scales, turns = [], []
    for seed in range(400):
        matrix = random_affine(config, np.random.default_rng(seed))
        scales.append(1 / np.linalg.norm(matrix, axis=1))
        turns.append(np.rad2deg(np.arctan2(matrix[1, 0], matrix[1, 1])))
        assert np.linalg.det(matrix) > 0
    scale = np.array(scales)
    assert 0.6 <= scale.min() < 0.65
    assert 1.2 < scale.max() <= 1.3
    # Neither with probability 1/2 * 1/2.
    assert 0.2 < np.isclose(scale, 1).mean() < 0.3
    assert -30 <= min(turns) < -27
    assert 27 < max(turns) <= 30


def test_one_setting_does_not_move_the_draws_of_another():
    for seed in range(20):
        with_flips = random_affine(AugmentConfig(rotation=40), np.random.default_rng(seed))
        without = random_affine(
            AugmentConfig(rotation=40, flips=False), np.random.default_rng(seed)
        )
        np.testing.assert_allclose(np.abs(with_flips), np.abs(without))


def test_a_view_that_holds_no_region_is_left_as_it_was():
    region_map = np.full((9, 9), OUTSIDE, dtype=np.int32)
    region_map[0, 0] = 0
    cube = RegionCube(region_map, np.ones((1, 3), dtype=np.float32), "corner", (9, 9))
    mask = region_map == 0
    enlarge = AugmentConfig(flips=False, rotation=0, shrink=1, enlarge=10)
    seen = 0
    for seed in range(20):
        found, moved = augment(cube, mask, enlarge, np.random.default_rng(seed))
        assert found.areas.sum() >= 1
        assert moved.sum() == found.areas.sum()
        seen += found is cube
    assert seen > 3


def test_a_view_of_one_material_alone_is_left_as_it_was():
    region_map = np.zeros((9, 9), dtype=np.int32)
    region_map[0, 0], region_map[8, 8] = 1, 2
    spectra = np.array([[0.1, 0.9], [0.8, 0.2], [0.8, 0.2]], dtype=np.float32)
    cube = RegionCube(region_map, spectra, "corners", (9, 9))
    enlarge = AugmentConfig(flips=False, rotation=180, shrink=1, enlarge=10)
    found = [augment(cube, region_map > 0, enlarge, np.random.default_rng(k))[0] for k in range(20)]
    assert sum(one is cube for one in found) > 3
    assert not any(one.flat for one in found)
