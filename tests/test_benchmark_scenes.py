"""The fixed benchmark: its plan, its scenes as they were frozen, and that a change is noticed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dmssn.cube import Cube
from dmssn.scenes import Scene, benchmark
from dmssn.scenes.attributes import ATTRIBUTES
from dmssn.scenes.benchmark import (
    SCENES,
    Frozen,
    benchmark_request,
    benchmark_scene,
    check,
    fingerprint,
    frozen_of,
)


def test_twenty_scenes_are_asked_for_each_attribute_and_eighty_come_as_they_are():
    requests = [benchmark_request("v1", index) for index in range(SCENES)]
    assert Counter(request.attributes for request in requests) == {
        **{(code,): 20 for code in ATTRIBUTES},
        (): 80,
    }
    assert len({request.seed for request in requests}) == SCENES
    assert {(r.height, r.width, r.stream, r.bits) for r in requests} == {(256, 256, "v1", 16)}


@pytest.mark.parametrize("index", range(0, SCENES, 19))  # every kind of request is among them
def test_a_scene_is_the_one_that_was_frozen(index):
    scene = benchmark_scene("v1", index)  # refuses another
    assert scene.name == f"scene_{index:05d}"
    assert set(benchmark_request("v1", index).attributes) <= set(scene.attributes)
    assert 20 <= scene.cube.bands <= 100
    assert scene.cube.data.min() >= 0
    assert scene.cube.data.max() <= 65535
    np.testing.assert_array_equal(scene.cube.data, np.rint(scene.cube.data))


def test_the_frozen_scenes_are_all_there_and_no_two_alike():
    frozen = frozen_of("v1")
    assert frozen.bands.shape == frozen.masks.shape == (SCENES,)
    assert frozen.means.shape == (SCENES, 4, 4, 8)
    assert len(set(frozen.masks.tolist())) == SCENES
    assert frozen.bands.min() >= 20
    assert frozen.bands.max() <= 100


def test_there_are_no_other_scenes():
    for version, index in (("v1", -1), ("v1", SCENES), ("train", 0), ("v2", 0)):
        with pytest.raises(ValueError, match=rf"v1, each of scenes 0 to 199; got {version}"):
            benchmark_request(version, index)


@pytest.fixture
def scene(monkeypatch):
    """A scene of 24 bands, frozen as the first of a benchmark."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 65536, (64, 64, 24)).astype(np.float32)
    mask = np.zeros((64, 64), dtype=bool)
    mask[10:30, 20:50] = True
    scene = Scene("scene_00000", Cube(counts), mask, (), {})
    arrays = (np.array([value]) for value in fingerprint(scene))
    frozen = Frozen(*arrays)
    monkeypatch.setattr(benchmark, "frozen_of", lambda version: frozen)
    return scene


def with_counts(scene, change):
    return replace(scene, cube=Cube(scene.cube.data + change))


def test_a_mean_is_of_a_tile_and_a_group_of_bands():
    counts = np.zeros((8, 12, 16), dtype=np.float32)
    counts[2:4, 9:12, 4:6] = 7  # the second row of tiles, the last column, the third pair of bands
    means = fingerprint(Scene("a", Cube(counts), np.ones((8, 12), bool), (), {})).means
    expected = np.zeros((4, 4, 8), dtype=np.float32)
    expected[1, 3, 2] = 7
    np.testing.assert_array_equal(means, expected)


def test_rounding_is_no_change(scene):
    off = np.random.default_rng(1).choice([-1, 0, 1], scene.cube.shape, p=[0.05, 0.9, 0.05])
    check("v1", 0, with_counts(scene, off.astype(np.float32)))


def changed_mask(scene):
    mask = scene.mask.copy()
    mask[0, 0] = True
    return replace(scene, mask=mask)


def brighter_corner(scene):
    change = np.zeros(scene.cube.shape, dtype=np.float32)
    change[48:, :16, 21:] = 1
    return with_counts(scene, change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_mask, "it has another mask"),
        (brighter_corner, "its counts are off by 1 in the mean of a tile"),
        (lambda scene: with_counts(scene, np.float32(-1)), "its counts are off by 1 in"),
        (
            lambda scene: replace(scene, cube=Cube(scene.cube.data[:, :, :23])),
            "it has 23 bands in place of 24",
        ),
    ],
)
def test_a_change_is_told(scene, change, said):
    with pytest.raises(ValueError, match=rf"^scene_00000 is not that of benchmark v1: {said}"):
        check("v1", 0, change(scene))
