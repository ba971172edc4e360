"""Prepared sets on disk: round trips, the locked test split, damaged files."""

import json

import numpy as np
import pytest

from dmssn.regions import OUTSIDE, RegionCube
from dmssn.store import (
    FORMAT,
    Manifest,
    PreparedSet,
    Scene,
    read_scene,
    scene_path,
    write_json,
    write_manifest,
    write_scene,
)

RNG = np.random.default_rng(0)
SCENE = Scene(
    RegionCube(
        np.array([[0, 1, 1], [OUTSIDE, 2, 1]], dtype=np.int32),
        RNG.random((3, 5), dtype=np.float32),
        "a.b",
        (17, 40),
    ),
    np.array([[True, False, False], [False, True, False]]),
)
MANIFEST = Manifest(
    prepare={"size": 32},
    bands=5,
    wavelengths_nm=[400.0, 500.5, 600, 700, 800],
    mean=None,
    std=None,
    splits={"train": ["a", "b"], "val": ["c"], "test": ["d"]},
)


def test_a_scene_comes_back_as_it_was(tmp_path):
    write_scene(tmp_path, SCENE)
    found = read_scene(tmp_path, "a.b")
    np.testing.assert_array_equal(found.cube.region_map, SCENE.cube.region_map)
    np.testing.assert_array_equal(found.cube.spectra, SCENE.cube.spectra)
    np.testing.assert_array_equal(found.mask, SCENE.mask)
    assert found.cube.region_map.dtype == np.int32
    assert found.mask.dtype == bool
    assert (found.cube.name, found.cube.source_shape) == ("a.b", (17, 40))
    assert [path.name for path in (tmp_path / "scenes").iterdir()] == ["a.b.safetensors"]


def test_a_manifest_comes_back_as_it_was(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    prepared = PreparedSet(tmp_path)
    assert prepared.manifest == MANIFEST
    assert prepared.names("train") == ["a", "b"]
    assert prepared.names("val") == ["c"]


def test_the_test_split_is_locked(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    for split in ("test", "all", ""):
        with pytest.raises(ValueError, match="the test scenes are for evaluation"):
            PreparedSet(tmp_path).names(split)


def test_test_scenes_are_named_for_evaluation_alone(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    assert PreparedSet(tmp_path).test_names() == ["d"]
    write_manifest(tmp_path, Manifest(**{**vars(MANIFEST), "splits": {"test": []}}))
    with pytest.raises(ValueError, match="no scene in the test split"):
        PreparedSet(tmp_path).test_names()


@pytest.mark.parametrize("splits", [{"train": [], "val": []}, {}])
def test_an_empty_split_is_refused(tmp_path, splits):
    write_manifest(tmp_path, Manifest(**{**vars(MANIFEST), "splits": splits}))
    for split in ("train", "val"):
        with pytest.raises(ValueError, match=f"no scene in the {split} split"):
            PreparedSet(tmp_path).names(split)


def test_a_set_that_is_not_there_is_told_how_to_make(tmp_path):
    with pytest.raises(FileNotFoundError, match="no prepared set; make it with `dmssn prepare`"):
        PreparedSet(tmp_path / "nowhere")


def test_a_newer_set_is_refused(tmp_path):
    write_json(tmp_path / "manifest.json", {"format": FORMAT + 1, "version": "9"})
    with pytest.raises(ValueError, match="newer dmssn"):
        PreparedSet(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"format": 1, "version": "0", "scenes": []}', '{"complete": true}'],
)
def test_a_manifest_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest.json: not of a prepared set; make one with"):
        PreparedSet(tmp_path)


def test_a_missing_or_damaged_scene_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone.safetensors: not a prepared scene"):
        read_scene(tmp_path, "gone")
    write_scene(tmp_path, SCENE)
    path = scene_path(tmp_path, "a.b")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"a.b.safetensors: not a prepared scene"):
        read_scene(tmp_path, "a.b")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"prepare the set again"):
        read_scene(tmp_path, "a.b")


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"new": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_an_error_that_names_the_scene(tmp_path):
    cube = RegionCube(np.zeros((40, 40), np.int32), np.zeros((1, 5), np.float32), "big", (40, 40))
    with pytest.raises(OSError, match=r"big\.safetensors: cannot be written"):
        write_scene(tmp_path, Scene(cube, np.zeros((40, 40), dtype=bool)))
    assert list((tmp_path / "scenes").iterdir()) == []
