"""Folders of generated scenes: the same from the same settings, whole, and nobody else's."""

import json
import signal
import subprocess
import sys
import weakref

import h5py
import numpy as np
import pytest
from PIL import Image

from dmssn import scene_folders
from dmssn.cli import main
from dmssn.scene_folders import split_names
from dmssn.scenes import generate_scene, libraries, spectra
from dmssn.workers import in_order


def run(*tokens):
    with pytest.raises(SystemExit) as stop:
        main(["scenes", *map(str, tokens)])
    return stop.value.code


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (10, (8, 1, 1)), (100, (80, 10, 10))],
)
def test_split_lists_are_disjoint_and_complete(number, sizes):
    names = [f"scene_{i:05d}" for i in range(number)]
    splits = split_names(names, seed=5)
    assert tuple(map(len, splits.values())) == sizes
    assert sorted(name for split in splits.values() for name in split) == names


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes") / "set"
    assert run("-o", folder, "--count", 5, "--size", "32x40", "--seed", 7) == 0
    return folder


def test_the_command_writes_cubes_masks_pictures_splits_and_a_manifest(written):
    manifest = json.loads((written / "scenes.json").read_text())
    assert manifest["complete"]
    assert manifest["settings"] == {
        "count": 5, "height": 32, "width": 40, "bands": None, "seed": 7,
        "attributes": [], "stream": "train", "cubes": "files",
    }  # fmt: skip
    names = [entry["name"] for entry in manifest["scenes"]]
    assert names == [f"scene_{i:05d}" for i in range(5)]
    for entry in manifest["scenes"]:
        name = entry["name"]
        scene = generate_scene(entry["seed"], height=32, width=40)
        assert tuple(entry["attributes"]) == scene.attributes
        assert {fact: entry[fact] for fact in scene.facts} == scene.facts
        with h5py.File(written / "cubes" / f"{name}.h5") as file:
            np.testing.assert_array_equal(file["dataset"][:], scene.cube.data)
            np.testing.assert_array_equal(file["wavelengths_nm"][:], scene.cube.wavelengths_nm)
            counts = entry["numbers"] == "counts"
            assert file["dataset"].dtype == (np.uint16 if counts else np.float32)
        with Image.open(written / "masks" / f"{name}.png") as mask:
            np.testing.assert_array_equal(np.asarray(mask), scene.mask * np.uint8(255))
        with Image.open(written / "color" / f"{name}.png") as picture:
            assert picture.size == (40, 32)
    listed = [
        name
        for split in ("train", "val", "test")
        for name in (written / "splits" / f"{split}.txt").read_text().split()
    ]
    assert sorted(listed) == names


def test_the_same_settings_write_the_same_files_with_any_number_of_workers(written, tmp_path):
    tokens = ("-o", tmp_path / "a", "--count", 5, "--size", "32x40", "--seed", 7, "--workers", 2)
    assert run(*tokens) == 0
    assert content(tmp_path / "a") == content(written)


def test_a_run_cut_off_goes_on_and_keeps_what_is_whole(tmp_path, capsys):
    tokens = ("-o", tmp_path / "a", "--count", 4, "--size", "16x16", "--bands", 6)
    assert run(*tokens) == 0
    whole = content(tmp_path / "a")
    for lost in ("cubes/scene_00002.h5", "masks/scene_00001.png", "splits/val.txt"):
        (tmp_path / "a" / lost).unlink()
    kept = (tmp_path / "a/cubes/scene_00003.h5").stat().st_mtime_ns
    capsys.readouterr()
    assert run(*tokens, "--json") == 0
    assert json.loads(capsys.readouterr().out)["scenes"] == 4
    assert content(tmp_path / "a") == whole
    assert (tmp_path / "a/cubes/scene_00003.h5").stat().st_mtime_ns == kept


def test_a_damaged_scene_of_an_earlier_run_is_named(tmp_path, capsys):
    tokens = ("-o", tmp_path / "a", "--count", 1, "--size", "16x16", "--bands", 6)
    assert run(*tokens) == 0
    cube = tmp_path / "a/cubes/scene_00000.h5"
    for damaged in (cube.read_bytes()[:2000], b""):
        cube.write_bytes(damaged)
        capsys.readouterr()
        assert run(*tokens) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"dmssn scenes: {cube}: damaged (")
        assert error.count("\n") == 1
    cube.unlink()
    assert run(*tokens) == 0


def test_a_full_disk_is_one_line_and_leaves_no_half_scene(tmp_path):
    program = (
        "import resource; from dmssn.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        f"main(['scenes', '-o', {str(tmp_path / 'a')!r}, '--count', '1', '--size', '64x64'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    cube = tmp_path / "a/cubes/scene_00000.h5"
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"dmssn scenes: {cube}: cannot be written (File too large)")
    assert list(cube.parent.iterdir()) == []


class Handle:
    """Something whose end is watched, as h5py watches its own."""


def interrupted_in_h5py(*_):
    """Ctrl-C inside a callback that cannot raise it, which is where h5py meets it."""
    handle = Handle()
    watch = weakref.ref(handle, lambda _: signal.raise_signal(signal.SIGINT))
    del handle
    assert watch() is None
    return {"name": "scene_00000"}


def test_ctrl_c_ends_the_writing_wherever_it_strikes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(scene_folders, "_write_one", interrupted_in_h5py)
    assert run("-o", tmp_path / "a", "--count", 3, "--size", "16x16") == 130
    assert capsys.readouterr().err == "dmssn scenes: interrupted\n"
    assert not json.loads((tmp_path / "a" / "scenes.json").read_text())["complete"]


def ignores_ctrl_c(_):
    return {"ignored": signal.getsignal(signal.SIGINT) is signal.SIG_IGN}


def test_ctrl_c_is_the_parents_to_handle_and_no_worker_shows_a_traceback():
    assert list(in_order(ignores_ctrl_c, range(2), 2)) == [{"ignored": True}] * 2


def test_a_folder_with_other_things_or_other_settings_is_left_alone(written, tmp_path, capsys):
    before = content(written)
    assert run("-o", written, "--count", 6, "--size", "32x40", "--seed", 7) == 1
    assert "other settings" in capsys.readouterr().err
    assert content(written) == before
    (tmp_path / "mine.txt").write_text("keep")
    assert run("-o", tmp_path, "--count", 1) == 1
    error = capsys.readouterr().err
    assert "is not empty" in error
    assert error.count("\n") == 1
    for output in (tmp_path / "mine.txt", tmp_path / "mine.txt" / "deeper"):
        assert run("-o", output, "--count", 1) == 1
        assert f"{output}: cannot be made a folder to write to" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]


@pytest.mark.parametrize(
    "tokens",
    [
        ("--count", 0),
        ("--count", 1, "--size", "256"),
        ("--count", 1, "--size", "8x64"),
        ("--count", 1, "--bands", 0),
        ("--count", 1, "--workers", 0),
        ("--count", 1, "--seed", -1),
    ],
)
def test_a_setting_that_cannot_be_is_a_usage_error(tokens, tmp_path, capsys):
    assert run("-o", tmp_path / "a", *tokens) == 2
    assert capsys.readouterr().err.startswith(f"dmssn scenes: {tokens[-2]} must be")
    assert not (tmp_path / "a").exists()


def test_without_the_extra_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    spectra.spectra_of.cache_clear()
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    assert run("-o", tmp_path / "a", "--count", 1) == 1
    assert "pip install 'dmssn[scenes]'" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
