"""A prepared scene as a strip of pictures: colours, mask, saliency."""

import numpy as np
import pytest

from dmssn.cube import Cube
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import render
from dmssn.runs.scene_pictures import GAP, NOT_KNOWN, scene_strip
from dmssn.store import Scene

NM = np.linspace(420, 680, 9)


def scene_of(height=6, width=8, counted=None):
    rng = np.random.default_rng(0)
    region_map = rng.integers(5, size=(height, width), dtype=np.int32)
    region_map[0, :5] = range(5)
    cube = RegionCube(region_map, rng.random((5, 9), dtype=np.float32), "scene", (height, width))
    return Scene(cube, region_map == 2, counted), rng.random((height, width))


def parts_of(strip, width):
    return [strip[:, start : start + width] for start in range(0, strip.shape[1], width + GAP)]


@pytest.mark.parametrize("nm", [NM, list(NM), None, NM + 900])
def test_the_scene_is_in_the_colours_of_its_dense_cube(nm):
    scene, saliency = scene_of()
    strip = scene_strip(scene, saliency, nm)
    assert (strip.shape, strip.dtype) == ((6, 3 * 8 + 2 * GAP, 3), np.uint8)
    dense = Cube(scene.cube.dense(), None if nm is None else np.asarray(nm), "scene")
    difference = parts_of(strip, 8)[0].astype(int) - render(dense)
    assert np.abs(difference).max() <= 1


def test_mask_and_saliency_are_beside_it_with_white_between():
    scene, saliency = scene_of()
    strip = scene_strip(scene, saliency, NM)
    _, mask, said = parts_of(strip, 8)
    np.testing.assert_array_equal(mask, (scene.mask * np.uint8(255))[..., None].repeat(3, axis=2))
    np.testing.assert_array_equal(said, np.rint(saliency * 255)[..., None].repeat(3, axis=2))
    assert (strip[:, 8 : 8 + GAP] == 255).all()
    assert (strip[:, 16 + GAP : 16 + 2 * GAP] == 255).all()


def test_pixels_outside_are_black_in_all_three():
    scene, saliency = scene_of()
    scene.cube.region_map[2:4] = OUTSIDE
    mask = np.ones_like(scene.mask)
    strip = scene_strip(scene._replace(mask=mask), np.ones_like(saliency), NM)
    for part in parts_of(strip, 8):
        assert not part[2:4].any()
        assert part[4:].any()


def test_pixels_whose_truth_is_not_known_are_grey_in_the_mask():
    counted = np.ones((6, 8), dtype=bool)
    counted[5] = False
    scene, saliency = scene_of(counted=counted)
    _, mask, _ = parts_of(scene_strip(scene, saliency, NM), 8)
    assert (mask[5] == NOT_KNOWN).all()
    assert set(np.unique(mask[:5])) == {0, 255}


def test_a_saliency_a_little_out_of_range_does_not_wrap():
    scene, saliency = scene_of()
    strip = scene_strip(scene, np.where(saliency > 0.5, 1.01, -0.01).astype(np.float32), NM)
    assert set(np.unique(parts_of(strip, 8)[2])) == {0, 255}


def test_the_strip_is_the_same_each_time():
    scene, saliency = scene_of()
    np.testing.assert_array_equal(
        scene_strip(scene, saliency, NM), scene_strip(scene, saliency.copy(), NM)
    )
