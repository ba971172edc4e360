"""Salient objects: connected pieces, largest first, and their numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from dmssn.cube import Cube
from dmssn.objects import find_objects
from making import Watched


def cube_like(shape: tuple[int, int], bands: int = 3) -> Cube:
    """Every number is its own, so that no mean is right by accident."""
    values = np.arange(np.prod(shape) * bands, dtype=np.float32)
    return Cube(values.reshape(*shape, bands))


def test_each_connected_piece_is_an_object_with_its_numbers():
    saliency = np.zeros((4, 6), np.float32)
    saliency[0, 0], saliency[0, 1], saliency[1, 0] = 0.5, 0.7, 0.9
    saliency[3, 5] = 1
    large, small = find_objects(saliency, cube_like((4, 6)), 0.5)
    assert (large.area, large.rows, large.columns) == (3, (0, 2), (0, 2))
    assert large.centroid == pytest.approx((1 / 3, 1 / 3))
    assert large.mean_saliency == pytest.approx(0.7)
    # Pixels 0, 1 and 6, of spectra 0 1 2, 3 4 5 and 18 19 20.
    assert large.spectrum.tolist() == [7, 8, 9]
    assert (small.area, small.rows, small.columns) == (1, (3, 4), (5, 6))
    assert small.centroid == (3, 5)
    assert small.spectrum.tolist() == [69, 70, 71]


def test_pixels_that_touch_at_a_corner_are_one_object():
    saliency = np.eye(5, dtype=np.float32)
    (found,) = find_objects(saliency, cube_like((5, 5)), 0.5)
    assert (found.area, found.centroid) == (5, (2, 2))


def test_a_pixel_at_the_threshold_is_salient_and_one_below_is_not():
    saliency = np.array([[0.25, 0.2499]], np.float32)
    (found,) = find_objects(saliency, cube_like((1, 2)), 0.25)
    assert found.columns == (0, 1)


def test_a_map_below_the_threshold_has_no_objects():
    assert find_objects(np.zeros((4, 6), np.float32), cube_like((4, 6)), 0.5) == []


def test_at_threshold_zero_the_scene_is_one_object():
    (found,) = find_objects(np.zeros((4, 6), np.float32), cube_like((4, 6)), 0)
    assert (found.area, found.rows, found.columns) == (24, (0, 4), (0, 6))


def test_invalid_pixels_lend_nothing_to_the_spectrum():
    cube = cube_like((2, 4))
    cube.data[0, 0, 1] = np.nan
    saliency = np.zeros((2, 4), np.float32)
    saliency[0, :2] = 1
    (found,) = find_objects(saliency, cube, 0.5)
    assert found.area == 2
    assert found.spectrum.tolist() == [3, 4, 5]


def test_an_object_of_invalid_pixels_alone_has_no_spectrum_and_moves_no_other():
    cube = cube_like((2, 4))
    cube.data[0, 0] = np.inf
    saliency = np.zeros((2, 4), np.float32)
    saliency[0, 0] = saliency[0, 3] = saliency[1, 3] = 1
    large, small = find_objects(saliency, cube, 0.5)
    assert large.spectrum.tolist() == [15, 16, 17]
    assert np.isnan(small.spectrum).all()


@pytest.mark.parametrize("rows", [1, 2, 7, 20])
def test_spectra_read_block_by_block_are_those_of_the_whole(rows):
    rng = np.random.default_rng(0)
    saliency = ndimage.gaussian_filter(rng.random((20, 30)), 1.5).astype(np.float32)
    cube = cube_like((20, 30))
    cube.data[9, ::3, 1] = np.nan
    wanted = find_objects(saliency, cube, 0.5)
    assert max(piece.rows[1] - piece.rows[0] for piece in wanted) > 7
    found = find_objects(saliency, Watched(cube.data).in_blocks(rows), 0.5)
    for one, other in zip(found, wanted, strict=True):
        assert one[:-1] == other[:-1]
        np.testing.assert_array_equal(one.spectrum, other.spectrum)


def test_only_blocks_that_hold_an_object_are_read():
    saliency = np.zeros((20, 6), np.float32)
    saliency[9:11, 2] = 1
    cube = Watched(cube_like((20, 6)).data).in_blocks(5)
    find_objects(saliency, cube, 0.5)
    assert cube.asked == [(5, 10), (10, 15)]


@given(arrays(np.float32, (9, 13), elements=st.floats(0, 1, width=32)), st.floats(0, 1))
def test_objects_are_those_of_scipy_and_share_out_the_salient_pixels(saliency, threshold):
    objects = find_objects(saliency, cube_like((9, 13)), threshold)
    labels, count = ndimage.label(saliency >= threshold, structure=np.ones((3, 3)))
    assert sum(found.area for found in objects) == (saliency >= threshold).sum()
    assert [found.area for found in objects] == sorted(np.bincount(labels.ravel())[1:])[::-1]
    boxes = {((r.start, r.stop), (c.start, c.stop)) for r, c in ndimage.find_objects(labels)}
    assert {(found.rows, found.columns) for found in objects} == boxes
    ids = range(1, count + 1)
    centroids = sorted(ndimage.center_of_mass(labels > 0, labels, ids)) if count else []
    assert np.allclose(sorted(found.centroid for found in objects), centroids)
