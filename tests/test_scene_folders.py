"""Folders of generated scenes: the same from the same settings, whole, and nobody else's."""

import json
import shutil
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import replace

import h5py
import numpy as np
import pytest
from PIL import Image

from dmssn import scene_folders
from dmssn.cli import main
from dmssn.commands.scenes import FEWEST_COLOUR_BANDS
from dmssn.config import DataConfig, MixtureConfig, PrepareConfig
from dmssn.files import locked
from dmssn.preparing_sets import prepare_set
from dmssn.readers import open_cube
from dmssn.scene_folders import SceneSettings, scene_seed, split_names, write_scenes
from dmssn.scenes import benchmark, generate_scene, libraries, spectra
from dmssn.scenes.attributes import ATTRIBUTES
from dmssn.scenes.backgrounds import AERIAL
from dmssn.scenes.benchmark import Frozen, benchmark_request, fingerprint
from dmssn.store import read_scene
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


def test_no_two_of_many_scenes_have_the_same_seed():
    seeds = {scene_seed(0, index) for index in range(200_000)}  # of 32 bits, about 5 would
    assert len(seeds) == 200_000
    assert max(seeds) < 2**64
    assert seeds.isdisjoint(scene_seed(2**32 - 1, index) for index in range(1000))


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


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "set"
    tokens = ("--count", 5, "--size", "32x40", "--seed", 7, "--seeds-only")
    assert run("-o", folder, *tokens) == 0
    return folder


def test_seeds_in_place_of_cubes_leave_all_else_as_it_is(written, kept):
    files, seeds = content(written), content(kept)
    for name in set(files) | set(seeds):
        if name.parts[0] in ("masks", "color", "splits"):
            assert files[name] == seeds[name]
    one, other = (json.loads((folder / "scenes.json").read_text()) for folder in (written, kept))
    assert one["scenes"] == other["scenes"]
    assert other["settings"] == one["settings"] | {"cubes": "seeds"}
    for path in kept.glob("cubes/*"):
        assert path.suffix == ".scene"
        assert path.stat().st_size < 1024


def test_a_cube_drawn_from_its_seed_is_the_one_that_would_have_been_written(written, kept):
    kinds = set()
    for path in written.glob("cubes/*"):
        file, drawn = open_cube(path), open_cube(kept / "cubes" / f"{path.stem}.scene")
        assert (drawn.name, drawn.shape, drawn.dtype) == (file.name, file.shape, file.dtype)
        np.testing.assert_array_equal(drawn.wavelengths_nm, file.wavelengths_nm)
        np.testing.assert_array_equal(drawn.read(), file.read())
        kinds.add(file.dtype.name)
    assert kinds == {"uint16", "float32"}


def test_both_kinds_of_folders_prepare_to_the_same_numbers(written, kept, tmp_path):
    config = PrepareConfig(size=32, bands=16, mixture=MixtureConfig(components=5))
    for name, root in (("files", written), ("seeds", kept)):
        report = prepare_set(DataConfig(scenes=root, prepared=tmp_path / name), config)
        assert report.made == 5
    for path in written.glob("cubes/*"):
        file, drawn = (read_scene(tmp_path / kind, path.stem) for kind in ("files", "seeds"))
        np.testing.assert_array_equal(file.cube.region_map, drawn.cube.region_map)
        np.testing.assert_array_equal(file.cube.spectra, drawn.cube.spectra)
        np.testing.assert_array_equal(file.mask, drawn.mask)


def test_a_run_of_seeds_goes_on_too(kept, tmp_path, capsys):
    folder = tmp_path / "a"
    shutil.copytree(kept, folder)
    (folder / "cubes/scene_00002.scene").unlink()
    (folder / "color/scene_00001.png").unlink()
    tokens = ("-o", folder, "--count", 5, "--size", "32x40", "--seed", 7)
    assert run(*tokens, "--seeds-only") == 0
    assert content(folder) == content(kept)
    assert run(*tokens) == 1
    assert "other settings" in capsys.readouterr().err
    other = (folder / "cubes/scene_00003.scene").read_text()
    for wrong in (other, other.replace("scene_00003", "scene_00002")):
        (folder / "cubes/scene_00002.scene").write_text(wrong)
        assert run(*tokens, "--seeds-only") == 1
        error = capsys.readouterr().err
        assert error.startswith(f"dmssn scenes: {folder / 'cubes/scene_00002.scene'}: damaged (of ")
    (folder / "cubes/scene_00002.scene").write_text("{")
    assert run(*tokens, "--seeds-only") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"dmssn scenes: {folder / 'cubes/scene_00002.scene'}: damaged (")


def test_every_scene_has_the_attributes_that_are_asked_for(tmp_path, capsys):
    tokens = ("-o", tmp_path / "a", "--count", 3, "--size", "64x64", "--bands", 5, "--json")
    assert run(*tokens, "--attributes", "mo,SO") == 0
    counts = json.loads(capsys.readouterr().out)["attributes"]
    assert list(counts) == list(ATTRIBUTES)
    assert (counts["SO"], counts["MO"]) == (3, 3)
    manifest = json.loads((tmp_path / "a/scenes.json").read_text())
    assert manifest["settings"]["attributes"] == ["SO", "MO"]
    for entry in manifest["scenes"]:
        assert {"SO", "MO"} <= set(entry["attributes"])
        assert entry["salient_fraction"] < 0.01
        assert entry["objects"] >= 2
    # The same, so that nothing is left to do.
    assert run(*tokens, "--attributes", "SO", "MO") == 0
    assert run(*tokens, "--attributes", " SO , mo,") == 0


def test_settings_that_no_scene_can_meet_leave_the_folder_to_others(tmp_path, capsys, monkeypatch):
    def unmet(settings, folder, index):
        raise ValueError("none has CS")

    tokens = ("-o", tmp_path / "a", "--count", 1, "--size", "16x16", "--bands", 6)
    with monkeypatch.context() as context:
        context.setattr(scene_folders, "_write_one", unmet)
        assert run(*tokens, "--attributes", "SO") == 1
    assert "none has CS" in capsys.readouterr().err
    assert run(*tokens) == 0


def test_colours_are_compared_from_the_fewest_bands_on_that_show_them():
    options = {"height": 64, "width": 64, "attributes": ["CS"]}
    assert "CS" in generate_scene(1, bands=FEWEST_COLOUR_BANDS, **options).attributes
    with pytest.raises(ValueError, match="colours need bands"):
        generate_scene(1, bands=FEWEST_COLOUR_BANDS - 1, **options)


@pytest.fixture
def short_benchmark(monkeypatch):
    """Of two scenes, which are as they are drawn now."""
    monkeypatch.setattr(scene_folders, "SCENES", 2)
    prints = [fingerprint(benchmark_request("v1", index).draw()) for index in range(2)]
    arrays = (np.array(values) for values in zip(*prints, strict=True))
    frozen = Frozen(*arrays)
    monkeypatch.setattr(benchmark, "frozen_of", lambda version: frozen)
    return frozen


def test_a_benchmark_is_one_test_split_and_needs_no_library(
    short_benchmark, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    for name, option in (("files", ()), ("seeds", ("--seeds-only",))):
        assert run("-o", tmp_path / name, "--benchmark", "v1", *option) == 0
    assert capsys.readouterr().out.startswith(f"2 scenes in {tmp_path / 'files'}; ")
    for index in range(2):
        scene = benchmark_request("v1", index).draw()
        file = open_cube(tmp_path / f"files/cubes/scene_0000{index}.h5")
        drawn = open_cube(tmp_path / f"seeds/cubes/scene_0000{index}.scene")
        assert file.dtype == drawn.dtype == np.uint16
        np.testing.assert_array_equal(file.read(), scene.cube.data)
        np.testing.assert_array_equal(drawn.read(), scene.cube.data)
    assert [path.name for path in (tmp_path / "files/splits").iterdir()] == ["test.txt"]
    assert (tmp_path / "files/splits/test.txt").read_text() == "scene_00000\nscene_00001\n"


def test_a_scene_that_is_not_the_benchmarks_is_named_and_not_written(
    short_benchmark, tmp_path, capsys
):
    short_benchmark.masks[1] += 1
    assert run("-o", tmp_path / "a", "--benchmark", "v1") == 1
    error = capsys.readouterr().err
    assert error.startswith("dmssn scenes: scene_00001 is not that of benchmark v1: ")
    assert "NumPy" in error
    assert error.count("\n") == 1
    assert [path.name for path in (tmp_path / "a/cubes").iterdir()] == ["scene_00000.h5"]


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


def test_a_full_disk_is_one_line_and_leaves_no_half_scene(tmp_path, capsys):
    resource = pytest.importorskip("resource", reason="not on this system")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        code = run("-o", tmp_path / "a", "--count", 1, "--size", "64x64")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    out, err = capsys.readouterr()
    cube = tmp_path / "a/cubes/scene_00000.h5"
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"dmssn scenes: {cube}: cannot be written (File too large)")
    assert list(cube.parent.iterdir()) == []


def test_a_run_that_is_ended_leaves_whole_files_and_goes_on(tmp_path):
    tokens = ("--count", 9, "--size", "32x32", "--bands", 6, "--seeds-only")
    folder = tmp_path / "a"
    command = [sys.executable, "-m", "dmssn", "scenes", "-o", folder, *tokens, "--workers", 2]
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(folder.glob("cubes/*.scene")):
            time.sleep(0.01)
        process.terminate()
        _, error = process.communicate()
    assert (process.returncode, error) == (128 + signal.SIGTERM, "")
    assert not json.loads((folder / "scenes.json").read_text())["complete"]
    for path in folder.glob("cubes/*.scene"):
        assert open_cube(path).shape == (32, 32, 6)
    assert run("-o", folder, *tokens) == 0
    assert run("-o", tmp_path / "b", *tokens) == 0
    assert content(folder) == content(tmp_path / "b")


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    tokens = ("-o", tmp_path / "a", "--count", 1, "--size", "16x16", "--bands", 6)
    assert run(*tokens) == 0
    whole = content(tmp_path / "a")
    for part in ("", "cubes", "masks", "color", "splits"):
        (tmp_path / "a" / part / f".{'0' * 16}.partial.h5").touch()
    assert run(*tokens) == 0
    assert content(tmp_path / "a") == whole


def test_two_runs_do_not_write_to_one_folder_at_once(tmp_path, capsys):
    tokens = ("-o", tmp_path / "a", "--count", 1, "--size", "16x16", "--bands", 6)
    assert run(*tokens) == 0
    with locked(tmp_path / "a"):
        assert run(*tokens) == 1
    assert "another run is at work in it" in capsys.readouterr().err
    assert run(*tokens) == 0


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
        ("--count", 1, "--size", "64x4097"),
        ("--count", 1, "--size", "٣٢x٣٢"),
        ("--count", 1, "--size", f"64x{'9' * 5000}"),
        ("--count", 1, "--bands", 2),
        ("--count", 1, "--bands", 601),
        ("--count", 1, "--workers", 0),
        ("--count", 1, "--seed", -1),
        ("--count", 1, "--seed", 2**32),
        ("--count", 1, "--attributes", ""),
        ("--count", 1, "--attributes", " ,, "),
    ],
)
def test_a_setting_that_cannot_be_is_a_usage_error(tokens, tmp_path, capsys):
    assert run("-o", tmp_path / "a", *tokens) == 2
    assert capsys.readouterr().err.startswith(f"dmssn scenes: {tokens[-2]} must be")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ((), "--count is missing"),
        (("--count", 1, "--attributes", "SO,XX"), "of CB, CS, HDR, SO, MS, MO, got 'XX'"),
        (("--count", 1, "--attributes"), "--attributes"),
        (("--count", 1, "--attributes", "CS", "MS"), "CS and MS exclude each other"),
        (("--count", 1, "--attributes", "CS", "--bands", 8), "--bands of 9 or more, got 8"),
        (("--count", 1, "--seed", 2**32), "--seed must be from 0 to 4294967295, got 4294967296"),
        (("--count", 1, "--bands", 601), "--bands must be from 3 to 600, got 601"),
        (("--benchmark", "v0"), "--benchmark must be one of v1, got 'v0'"),
        (("--benchmark", "v1", "--count", 200), "leave --count out"),
        (("--benchmark", "v1", "--size", "256x256"), "leave --size out"),
        (("--benchmark", "v1", "--bands", 100), "leave --bands out"),
        (("--benchmark", "v1", "--attributes", "CS"), "leave --attributes out"),
        (("--benchmark", "v1", "--seed", 0), "leave --seed out"),
    ],
)
def test_what_is_missing_unknown_or_too_much_is_a_usage_error(tokens, said, tmp_path, capsys):
    assert run("-o", tmp_path / "a", *tokens) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_without_the_extra_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    spectra.spectra_of.cache_clear()
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    assert run("-o", tmp_path / "a", "--count", 1) == 1
    assert "pip install 'dmssn[scenes]'" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_scenes_have_sides_of_their_own_between_those_that_are_asked_for():
    settings = SceneSettings(count=1, height=400, width=200, seed=3, least_side=50)
    sides = np.array([(r.height, r.width) for r in map(settings.request, range(400))])
    assert sides.min(axis=0).tolist() == [50, 50]
    assert (sides.max(axis=0) > [390, 196]).all()
    assert (sides.max(axis=0) <= [400, 200]).all()
    # As many of each octave: the middle one of logarithms is that of numbers.
    np.testing.assert_allclose(np.median(sides, axis=0), np.sqrt([50 * 400, 50 * 200]), rtol=0.1)
    assert abs(np.corrcoef(sides.T)[0, 1]) < 0.15
    seeds = [replace(settings, least_side=None).request(k).seed for k in range(20)]
    assert seeds == [settings.request(k).seed for k in range(20)]


def test_a_share_of_the_scenes_is_seen_from_the_air():
    settings = SceneSettings(count=1, height=64, width=64, seed=3, aerial=0.4)
    drawn = [settings.request(index).background for index in range(500)]
    assert set(drawn) == {None, *AERIAL}
    counts = [drawn.count(kind) for kind in (None, *AERIAL)]
    np.testing.assert_allclose(counts, [300, 50, 50, 50, 50], atol=25)
    assert {replace(settings, aerial=0.0).request(k).background for k in range(50)} == {None}
    plain = replace(settings, least_side=32, aerial=0.0)
    both = replace(settings, least_side=32)
    for index in range(20):  # neither moves the other
        one, other = plain.request(index), both.request(index)
        assert replace(other, background=None) == one


def test_a_scene_of_a_background_is_of_it_and_is_kept_with_it(tmp_path):
    settings = SceneSettings(
        count=3, height=48, width=64, seed=3, least_side=40, aerial=1.0, cubes="seeds"
    )
    entries = write_scenes(settings, tmp_path / "air")
    assert {entry["background"] for entry in entries} <= set(AERIAL)
    for entry in entries:
        path = tmp_path / "air" / "cubes" / f"{entry['name']}.scene"
        told = json.loads(path.read_text())["request"]
        assert told["background"] == entry["background"]
        cube = open_cube(path).to_cube()
        assert cube.shape[:2] == (told["height"], told["width"])
    path.write_text(
        path.read_text().replace(f'"background": "{told["background"]}"', '"background": "sea"', 1)
    )
    with pytest.raises(ValueError, match="no generated scene"):
        open_cube(path)
    with pytest.raises(ValueError, match="'sea' is no background; known: plain, "):
        generate_scene(0, height=32, width=32, background="sea")


def test_what_folders_told_before_there_were_such_settings_is_told_still(tmp_path):
    settings = SceneSettings(count=1, height=32, width=32, bands=20, cubes="seeds")
    write_scenes(settings, tmp_path / "in")
    told = json.loads((tmp_path / "in" / "scenes.json").read_text())["settings"]
    assert not {"least_side", "aerial"} & set(told)
    scene = next((tmp_path / "in" / "cubes").iterdir())
    assert "background" not in json.loads(scene.read_text())["request"]


def test_half_of_the_scenes_have_glare_and_nothing_else_moves():
    settings = SceneSettings(count=1, height=64, width=64, seed=3, aerial=0.4, glare=0.1)
    requests = [settings.request(index) for index in range(400)]
    shares = np.array([request.glare for request in requests])
    assert 0.4 < (shares > 0).mean() < 0.6
    assert 0.005 <= shares[shares > 0].min() < 0.01
    assert 0.08 < shares.max() <= 0.1
    plain = replace(settings, glare=0.0)
    assert all(
        plain.request(index) == replace(request, glare=0.0)
        for index, request in enumerate(requests)
    )


def test_a_scene_with_glare_is_kept_and_drawn_anew(tmp_path):
    settings = SceneSettings(count=4, height=48, width=48, seed=3, glare=0.5, cubes="seeds")
    entries = write_scenes(settings, tmp_path)
    index = next(k for k in range(4) if settings.request(k).glare)
    drawn = settings.draw(index, entries[index]["name"])
    kept = open_cube(tmp_path / "cubes" / f"{drawn.name}.scene").to_cube()
    np.testing.assert_array_equal(kept.data, drawn.cube.data)
    bare = replace(settings, glare=0.0).draw(index, drawn.name)
    assert (kept.data != bare.cube.data).any()
