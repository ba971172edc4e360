"""Regions: every component is split, areas and means are those of a plain loop."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmssn import regions
from dmssn.regions import OUTSIDE, RegionCube, areas, connected_regions, region_means

MAPS = arrays(
    np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-1, 3)
)


def renumbered(region_map: np.ndarray) -> np.ndarray:
    """Ids in the order in which a reader meets them, so that two maps can be compared."""
    flat = region_map.ravel()
    ids, first = np.unique(flat[flat >= 0], return_index=True)
    order = {int(id_): rank for rank, id_ in enumerate(ids[np.argsort(first)])}
    return np.array([order.get(int(id_), OUTSIDE) for id_ in flat]).reshape(region_map.shape)


def by_components(component_map: np.ndarray) -> np.ndarray:
    """The same by scipy, one component at a time."""
    result = np.full(component_map.shape, OUTSIDE)
    found = 0
    for component in np.unique(component_map[component_map >= 0]):
        pieces, count = scipy.ndimage.label(component_map == component, np.ones((3, 3)))
        result[pieces > 0] = pieces[pieces > 0] + found - 1
        found += count
    return result


def test_every_component_is_split_the_first_too():
    component_map = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    found = connected_regions(component_map)
    assert len(np.unique(found)) == 3
    assert found[0, 0] != found[0, 2]
    assert found.dtype == np.int32


def test_pieces_that_touch_at_a_corner_are_one_region():
    found = connected_regions(np.array([[5, 2], [2, 5]]))
    assert found.tolist() == [[0, 1], [1, 0]]


def test_pixels_of_no_component_are_outside_and_join_nothing():
    found = connected_regions(np.array([[1, -1, 1], [-1, -1, -1], [1, -1, -7]]))
    assert (found == OUTSIDE).sum() == 6
    assert len(np.unique(found[found != OUTSIDE])) == 3


@settings(max_examples=60, deadline=None)
@given(component_map=MAPS)
def test_regions_are_scipys_pieces_of_each_component(component_map):
    found = connected_regions(component_map)
    np.testing.assert_array_equal(renumbered(found), renumbered(by_components(component_map)))
    ids = np.unique(found[found >= 0])
    np.testing.assert_array_equal(ids, np.arange(ids.size))  # no gaps


@settings(max_examples=40, deadline=None)
@given(component_map=MAPS, bands=st.sampled_from([1, 3, 33, 70]))
def test_means_are_those_of_a_loop_in_float64(component_map, bands):
    region_map = connected_regions(component_map)
    rng = np.random.default_rng(bands)
    # A large offset: sums in float32 would lose the small differences between regions.
    pixels = (1e4 + rng.normal(size=(*region_map.shape, bands))).astype(np.float32)
    found = region_means(pixels, region_map)
    assert found.shape == (region_map.max(initial=-1) + 1, bands)
    assert found.dtype == np.float32
    for id_ in range(len(found)):
        expected = pixels[region_map == id_].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(found[id_], expected, rtol=5e-7)


def test_a_large_region_loses_nothing_in_its_sum():
    pixels = np.full((512, 512, 1), 0.1, dtype=np.float32)
    pixels[0, 0] = 1000
    mean = region_means(pixels, np.zeros((512, 512), dtype=np.int32))
    # One sum in float32 would be 2e-3 off.
    assert mean[0, 0] == pytest.approx(pixels.astype(np.float64).mean(), rel=5e-7)


def test_pixels_outside_lend_nothing_to_means_even_when_not_finite():
    pixels = np.array([[[1.0], [np.nan], [3.0], [np.inf]]], dtype=np.float32)
    assert region_means(pixels, np.array([[0, -1, 0, -1]])).tolist() == [[2.0]]


def test_an_unused_id_is_refused():
    with pytest.raises(ValueError, match="no gaps; 1 is unused"):
        region_means(np.zeros((1, 2, 3), dtype=np.float32), np.array([[0, 2]]))


def test_areas_by_hand():
    assert areas(np.array([[0, 2, 2], [-1, 0, 2]]), 4).tolist() == [2, 0, 3, 0]
    assert areas(np.array([[-1, -1]]), 0).tolist() == []


def test_a_region_cube_knows_its_areas_and_pixels():
    region_map = np.array([[0, 1, 1], [-1, 0, 1]], dtype=np.int32)
    spectra = np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32)
    cube = RegionCube(region_map, spectra, "scene", (20, 30))
    assert cube.areas.tolist() == [2, 3]
    dense = cube.dense()
    assert dense.shape == (2, 3, 2)
    np.testing.assert_array_equal(dense[0, 2], spectra[1])
    np.testing.assert_array_equal(dense[1, 0], [0, 0])
    assert spectra[1, 1] == np.float32(0.4)  # the table is not written to


def test_homogenizing_twice_changes_nothing():
    rng = np.random.default_rng(0)
    region_map = connected_regions(rng.integers(0, 3, (12, 14)))
    means = region_means(rng.random((12, 14, 5), dtype=np.float32), region_map)
    again = region_means(means[region_map], region_map)
    np.testing.assert_allclose(again, means, rtol=1e-6)


def test_bags_of_any_size_give_the_same_means(monkeypatch):
    rng = np.random.default_rng(0)
    region_map = connected_regions(rng.integers(0, 3, (12, 14)))
    pixels = rng.random((12, 14, 70), dtype=np.float32)
    whole = region_means(pixels, region_map)
    for most in (1, 2, 7):
        monkeypatch.setattr(regions, "PIXELS_TOGETHER", most)
        np.testing.assert_allclose(region_means(pixels, region_map), whole, rtol=3e-7)


def test_a_region_without_pixels_sums_to_zero():
    pixels = np.arange(8, dtype=np.float32).reshape(4, 2)
    sums, counts = regions.region_sums(pixels, np.array([2, -1, 2, 0]), 4)
    assert counts.tolist() == [1, 0, 2, 0]
    assert sums.tolist() == [[6, 7], [0, 0], [4, 6], [0, 0]]


def test_a_cube_of_one_spectrum_is_flat():
    region_map = np.array([[0, 1], [OUTSIDE, 1]], dtype=np.int32)
    for spectra, flat in (([[1, 2], [1, 2]], True), ([[1, 2], [1, 3]], False)):
        cube = RegionCube(region_map, np.array(spectra, dtype=np.float32), "scene", (2, 2))
        assert cube.flat is flat
    assert RegionCube(region_map * 0 - 1, np.zeros((0, 2), dtype=np.float32), "", (2, 2)).flat
