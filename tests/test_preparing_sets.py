"""Preparing a folder of scenes: what is kept, refused and said; statistics of train only."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from dmssn import moments, preparing_scenes
from dmssn.cli import main
from dmssn.config import DataConfig, MixtureConfig, PrepareConfig, SettingError
from dmssn.cube import Cube
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.faking import write_fake
from dmssn.datasets.faking_plan import FakeSettings
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.opening import read_truth
from dmssn.datasets.splits import Choice
from dmssn.labour import Labour
from dmssn.preparing import homogenize, prepare, usual_limits
from dmssn.preparing_sets import Report, prepare_set
from dmssn.resample import resize
from dmssn.store import PreparedSet, read_about, read_scene, scene_path
from generated import cube_of, with_object, write_folder, write_scene_files

CONFIG = PrepareConfig(size=32, mixture=MixtureConfig(components=8))
OF_TRAIN = replace(CONFIG, statistics="data set")


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "scenes", height=36, width=44, bands=6)


def prepared(folder: Path, out: Path, config: PrepareConfig = CONFIG, **options) -> Report:
    data = {name: options.pop(name) for name in ("val", "fold", "split") if name in options}
    return prepare_set(DataConfig(scenes=folder, prepared=out, **data), config, **options)


def bytes_of(out: Path) -> dict[str, bytes]:
    """Every file of a prepared set but its lock."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def ages(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "scenes").iterdir()}


def test_a_set_holds_every_scene_as_prepare_makes_it(folder, tmp_path):
    report = prepared(folder, tmp_path / "set")
    manifest = report.manifest
    assert (report.made, report.kept, report.wrong, report.missing) == (7, 0, {}, [])
    assert manifest.bands == 6
    assert {split: len(names) for split, names in manifest.splits.items()} == {
        "train": 4,
        "val": 2,
        "test": 1,
    }
    np.testing.assert_allclose(manifest.wavelengths_nm, np.linspace(400, 1000, 6))
    assert manifest.mean is manifest.std is None
    cube, mask = with_object(cube_of(36, 44, 6, seed=2, name="train_2"), 2)
    expected, found = prepare(cube, CONFIG), read_scene(tmp_path / "set", "train_2")
    np.testing.assert_array_equal(found.cube.region_map, expected.region_map)
    np.testing.assert_array_equal(found.cube.spectra, expected.spectra)
    assert found.cube.source_shape == (36, 44)
    assert abs(found.mask.mean() - mask.mean()) < 0.02
    assert found.counted is None
    assert PreparedSet(tmp_path / "set").manifest == manifest


def test_the_manifest_tells_source_versions_and_checksums(folder, tmp_path):
    manifest = prepared(folder, tmp_path / "set").manifest
    assert manifest.source["set"] == "folder"
    assert manifest.source["orientation"] == "none"
    assert {"dmssn", "numpy", "torch", "python"} <= manifest.versions.keys()
    from hashlib import sha256

    for name, told in manifest.checksums.items():
        assert sha256(scene_path(tmp_path / "set", name).read_bytes()).hexdigest() == told
    assert len(manifest.checksums) == 7


@pytest.mark.parametrize("config", [CONFIG, OF_TRAIN])
def test_processes_and_parts_do_not_change_a_byte(folder, tmp_path, config):
    prepared(folder, tmp_path / "one", config)
    prepared(folder, tmp_path / "two", config, labour=Labour(workers=2))
    if config.statistics == "data set":
        for part in (2, 1, 3):
            labour = Labour(shard=(part, 3))
            prepared(folder, tmp_path / "parts", config, labour=labour, statistics_only=True)
    reports = [
        prepared(folder, tmp_path / "parts", config, labour=Labour(shard=(part, 3)))
        for part in (3, 1, 2)
    ]
    assert [report.manifest is not None for report in reports] == [False, False, True]
    assert [len(report.missing) for report in reports] == [5, 2, 0]
    wanted = bytes_of(tmp_path / "one")
    assert wanted == bytes_of(tmp_path / "two") == bytes_of(tmp_path / "parts")
    assert sum(name.startswith("scenes/") for name in wanted) == 7


def test_parts_of_statistics_that_are_missing_are_said(folder, tmp_path):
    labour = Labour(shard=(1, 2))
    with pytest.raises(ValueError, match="statistics of 2 training scenes are missing"):
        prepared(folder, tmp_path / "set", OF_TRAIN, labour=labour)


def test_an_interrupted_set_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    out = tmp_path / "set"

    def fails_at_the_third(*arguments):
        if len(list((out / "scenes").glob("[a-z]*"))) == 2:
            raise KeyboardInterrupt
        return homogenize(*arguments)

    monkeypatch.setattr(preparing_scenes, "homogenize", fails_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepared(folder, out)
    with pytest.raises(FileNotFoundError, match="no prepared set"):
        PreparedSet(out)
    before = ages(out)
    assert len(before) == 2
    monkeypatch.undo()
    report = prepared(folder, out)
    assert (report.made, report.kept) == (5, 2)
    assert before.items() <= ages(out).items()
    assert len(ages(out)) == 7
    assert PreparedSet(out).names("val") == ["val_0", "val_1"]
    prepared(folder, tmp_path / "whole")
    assert bytes_of(out) == bytes_of(tmp_path / "whole")


def test_other_settings_are_refused_and_change_nothing(folder, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out)
    before = bytes_of(out)
    with pytest.raises(ValueError, match=r"other settings .*\(prepare\.size\); pass --redo"):
        prepared(folder, out, replace(CONFIG, size=33))
    assert bytes_of(out) == before


def test_other_settings_are_prepared_anew_on_request(folder, tmp_path):
    other = replace(CONFIG, size=40)
    prepared(folder, tmp_path / "set")
    report = prepared(folder, tmp_path / "set", other, redo=True)
    assert (report.made, report.kept) == (7, 0)
    prepared(folder, tmp_path / "fresh", other)
    assert bytes_of(tmp_path / "set") == bytes_of(tmp_path / "fresh")


def test_a_new_scene_joins_a_set(folder, tmp_path):
    prepared(folder, tmp_path / "set")
    write_scene_files(folder, *with_object(cube_of(36, 44, 6, 99, "more"), 99))
    (folder / "splits" / "val.txt").write_text("val_0\nval_1\nmore\n")
    report = prepared(folder, tmp_path / "set")
    assert report.manifest.splits["val"][-1] == "more"
    assert (report.made, report.kept) == (1, 7)
    assert read_scene(tmp_path / "set", "more").mask.any()


def test_a_changed_cube_or_mask_is_noticed(folder, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out)
    write_scene_files(folder, *with_object(cube_of(36, 44, 6, 77, "train_1"), 77))  # both
    Image.fromarray(np.full((36, 44), 255, np.uint8)).save(folder / "masks" / "val_0.png")
    before = ages(out)
    report = prepared(folder, out)
    changed = {name for name, age in ages(out).items() if before[name] != age}
    assert changed == {"train_1.safetensors", "val_0.safetensors"}
    assert (report.made, report.kept) == (2, 5)
    assert read_scene(out, "val_0").mask.all()
    prepared(folder, tmp_path / "fresh")
    assert bytes_of(out) == bytes_of(tmp_path / "fresh")


def test_a_copy_elsewhere_is_the_same_set(folder, tmp_path):
    prepared(folder, tmp_path / "set")
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    report = prepared(tmp_path / "copy", tmp_path / "set")
    assert (report.made, report.kept) == (0, 7)


@pytest.mark.parametrize("place", [200, -40])
def test_a_damaged_file_is_found_by_its_checksum_and_made_again(folder, tmp_path, place):
    out = tmp_path / "set"
    prepared(folder, out)
    wanted = bytes_of(out)
    path = scene_path(out, "train_3")
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 4
    path.write_bytes(damaged)
    opened = PreparedSet(out)
    with pytest.raises(ValueError, match="train_3"):
        opened.read("train_3")
    report = prepared(folder, out)
    assert (report.made, report.kept) == (1, 6)
    assert bytes_of(out) == wanted


def break_four(folder: Path) -> None:
    (folder / "cubes" / "train_1.npz").write_bytes(b"no cube")
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(folder / "masks" / "val_0.png")
    (folder / "masks" / "val_1.png").write_bytes(b"no picture")
    blind = cube_of(36, 44, 6, name="test_0")
    blind.data[:, :, 0] = np.nan
    write_scene_files(folder, blind, np.zeros((36, 44), bool))
    (folder / "masks" / "train_2.png").unlink()


def test_every_bad_scene_is_named_and_the_others_prepared(folder, tmp_path):
    break_four(folder)
    report = prepared(folder, tmp_path / "set", labour=Labour(workers=2))
    assert set(report.wrong) == {"train_1", "train_2", "val_0", "val_1", "test_0"}
    assert "val_0.png: 5 x 6, its cube is 36 x 44" in report.wrong["val_0"]
    assert "without a mask" in report.wrong["train_2"]
    assert report.manifest is None
    assert not (tmp_path / "set" / "manifest.json").exists()
    assert report.made == 2
    assert scene_path(tmp_path / "set", "train_0").is_file()  # the good ones are kept


@pytest.mark.parametrize("config", [CONFIG, OF_TRAIN])
def test_a_set_can_do_without_its_bad_scenes(folder, tmp_path, config):
    break_four(folder)
    (folder / "masks" / "val_1.png").write_bytes((folder / "masks" / "train_0.png").read_bytes())
    report = prepared(folder, tmp_path / "set", config, skip_bad=True)
    manifest = report.manifest
    assert manifest.splits == {"train": ["train_0", "train_3"], "val": ["val_1"], "test": []}
    assert manifest.left_out.keys() == {"train_1", "train_2", "val_0", "test_0"}
    assert PreparedSet(tmp_path / "set").names("train") == ["train_0", "train_3"]


def seen_by_the_network(cube: Cube) -> np.ndarray:
    """Spectra (P, B) of a cube at the network's size, outliers clipped, float64."""
    small = resize(cube.data, 32, 32)
    pixels = small[np.isfinite(small).all(axis=2)]
    return np.clip(pixels, *usual_limits(pixels)).astype(np.float64)


def test_statistics_are_of_the_training_scenes_alone(folder, tmp_path):
    manifest = prepared(folder, tmp_path / "set", OF_TRAIN).manifest
    pixels = np.concatenate(
        [
            seen_by_the_network(with_object(cube_of(36, 44, 6, seed=seed), seed)[0])
            for seed in range(4)
        ]
    )
    np.testing.assert_allclose(manifest.mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(manifest.std, pixels.std(axis=0), rtol=1e-12)
    # Other test and validation scenes: the same statistics.
    loud = cube_of(36, 44, 6, seed=50, name="val_0")
    write_scene_files(folder, Cube(loud.data * 9, loud.wavelengths_nm, "val_0"), loud.valid())
    assert prepared(folder, tmp_path / "loud", OF_TRAIN).manifest.mean == manifest.mean


def test_statistics_leave_invalid_pixels_out(tmp_path):
    cube, mask = with_object(cube_of(20, 20, 4, name="a"), 0)
    cube.data[0, 0, 1], cube.data[5, 6, 0] = np.nan, np.inf
    write_scene_files(tmp_path, cube, mask)
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "train.txt").write_text("a")
    manifest = prepared(tmp_path, tmp_path / "set", OF_TRAIN).manifest
    pixels = seen_by_the_network(cube)
    np.testing.assert_allclose(manifest.mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(manifest.std, pixels.std(axis=0), rtol=1e-12)


def test_a_hot_pixel_of_a_training_scene_moves_the_statistics_little(tmp_path):
    folder = write_folder(tmp_path / "scenes", train=2, val=1, height=100, width=110, bands=4)
    config = replace(OF_TRAIN, size=80)
    before = prepared(folder, tmp_path / "before", config).manifest
    cube, mask = with_object(cube_of(100, 110, 4, seed=1, name="train_1"), 1)
    cube.data[10, 11] = -3.4e38  # a "no data" value that nobody declared
    write_scene_files(folder, cube, mask)
    after = prepared(folder, tmp_path / "after", config).manifest
    np.testing.assert_allclose(after.mean, before.mean, atol=0.01 * max(before.std))
    np.testing.assert_allclose(after.std, before.std, rtol=0.02)


def test_moments_that_are_kept_are_not_measured_again(folder, tmp_path, monkeypatch):
    out = tmp_path / "set"
    prepared(folder, out, OF_TRAIN, statistics_only=True)
    assert not (out / "scenes").exists()
    (out / "statistics" / "train_1.json").write_text("{")  # of a lost disk
    measured = []
    real = moments.of_pixels
    monkeypatch.setattr(moments, "of_pixels", lambda p: [measured.append(1), real(p)][1])
    assert prepared(folder, out, OF_TRAIN).manifest is not None
    assert len(measured) == 1
    prepared(folder, tmp_path / "whole", OF_TRAIN)
    assert bytes_of(out) == bytes_of(tmp_path / "whole")


def test_a_training_scene_without_a_valid_pixel_has_no_statistics(folder, tmp_path):
    cube = cube_of(36, 44, 6, name="train_2")
    cube.data[:, :, 2] = np.nan
    write_scene_files(folder, cube, np.zeros((36, 44), dtype=bool))
    report = prepared(folder, tmp_path / "set", OF_TRAIN)
    assert (report.made, report.manifest) == (0, None)
    assert "the statistics need all training scenes" in report.said[-1]
    assert "train_2.npz: no pixel has finite values" in report.wrong["train_2"]
    assert "number 2," in report.wrong["train_2"]


def test_a_training_scene_of_one_spectrum_is_refused(folder, tmp_path):
    for name in ("train_1", "val_0"):  # nothing is learned from a validation scene
        flat = Cube(np.full((36, 44, 6), 0.5, np.float32), np.linspace(400, 1000, 6), name)
        write_scene_files(folder, flat, np.zeros((36, 44), dtype=bool))
    wrong = prepared(folder, tmp_path / "set").wrong
    assert wrong.keys() == {"train_1"}
    assert "one spectrum for all pixels" in wrong["train_1"]


def test_other_training_scenes_are_refused_where_their_statistics_count(folder, tmp_path):
    prepared(folder, tmp_path / "set", OF_TRAIN)
    (folder / "splits" / "train.txt").write_text("train_0\ntrain_1\n")
    with pytest.raises(ValueError, match="other settings or training scenes"):
        prepared(folder, tmp_path / "set", OF_TRAIN)
    assert prepared(folder, tmp_path / "set", OF_TRAIN, redo=True).made == 5


def test_statistics_without_training_scenes_are_refused(folder, tmp_path):
    (folder / "splits" / "train.txt").unlink()
    with pytest.raises(ValueError, match="need training scenes"):
        prepared(folder, tmp_path / "set", OF_TRAIN)


def other_bands(folder) -> None:
    write_scene_files(folder, *with_object(cube_of(36, 44, 9, name="val_1"), 1))


def test_cubes_of_different_bands_are_refused(folder, tmp_path):
    other_bands(folder)
    with pytest.raises(ValueError, match=r"differ in bands .*val_1 has 9.*set prepare\.bands"):
        prepared(folder, tmp_path / "set")
    wrong = prepared(folder, tmp_path / "of_train", OF_TRAIN).wrong
    assert "9 bands, but statistics of 6" in wrong["val_1"]


def test_training_cubes_of_different_bands_have_no_statistics(folder, tmp_path):
    write_scene_files(folder, *with_object(cube_of(36, 44, 9, name="train_3"), 1))
    with pytest.raises(ValueError, match=r"train_3.npz: 9 bands, the scenes before it 6; set"):
        prepared(folder, tmp_path / "set", OF_TRAIN)


def test_cubes_of_different_bands_are_brought_to_one_number(folder, tmp_path):
    other_bands(folder)
    manifest = prepared(folder, tmp_path / "set", replace(CONFIG, bands=4)).manifest
    assert (manifest.bands, manifest.wavelengths_nm) == (4, None)
    assert read_scene(tmp_path / "set", "val_1").cube.spectra.shape[1] == 4
    assert read_about(tmp_path / "set", "val_1")["wavelengths_nm"] is None


def test_wavelengths_that_differ_are_not_passed_on(folder, tmp_path):
    cube, mask = with_object(cube_of(36, 44, 6, name="val_1"), 1)
    write_scene_files(folder, Cube(cube.data, cube.wavelengths_nm + 5, "val_1"), mask)
    assert prepared(folder, tmp_path / "set").manifest.wavelengths_nm is None


def test_masks_are_read_as_evaluation_reads_them(folder, tmp_path):
    mask = np.asarray(Image.open(folder / "masks" / "train_0.png")) > 0
    Image.fromarray(mask.astype(np.uint8)).save(folder / "masks" / "train_0.png")  # 0 and 1
    (folder / "masks" / "train_1.png").unlink()
    np.savez(folder / "masks" / "train_1", truth=mask)
    (folder / "masks" / "train_2.png").unlink()
    levels = np.where(mask, 140, 120).astype(np.uint8)
    Image.fromarray(levels).save(folder / "masks" / "train_2.jpg", quality=100)
    prepared(folder, tmp_path / "set")
    found = [read_scene(tmp_path / "set", f"train_{k}").mask for k in range(3)]
    assert abs(found[0].mean() - mask.mean()) < 0.02
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_validation_split_is_carved_where_no_list_names_it(folder, tmp_path):
    (folder / "splits" / "val.txt").unlink()
    splits = prepared(folder, tmp_path / "set").manifest.splits
    assert sorted(splits["train"] + splits["val"]) == [f"train_{k}" for k in range(4)]
    assert (len(splits["val"]), splits["test"]) == (1, ["test_0"])
    # Statistics are of what is left to train on.
    assert prepared(folder, tmp_path / "a", OF_TRAIN).manifest.splits == splits


def test_every_fold_tests_other_scenes(folder, tmp_path):
    shutil.rmtree(folder / "splits")
    tested = []
    for part in (1, 2, 3):
        splits = prepared(folder, tmp_path / str(part), fold=f"{part}/3", val=0.2).manifest.splits
        assert len(splits["train"] + splits["val"] + splits["test"]) == 7
        tested += splits["test"]
    assert sorted(tested) == sorted([*(f"train_{k}" for k in range(4)), "val_0", "val_1", "test_0"])
    with pytest.raises(SettingError, match="fold"):
        prepared(folder, tmp_path / "wrong", fold="4/3")


def test_a_link_to_a_folder_of_pictures_keeps_its_own_name(folder, tmp_path):
    (folder / "cubes" / "train_0.npz").unlink()
    elsewhere = tmp_path / "camera_7"
    elsewhere.mkdir()
    for band in range(4):
        levels = np.random.default_rng(band).integers(0, 255, (36, 44), dtype=np.uint8)
        Image.fromarray(levels).save(elsewhere / f"{band}.png")
    (folder / "cubes" / "train_0").symlink_to(elsewhere)
    prepared(folder, tmp_path / "set", replace(CONFIG, bands=4))
    assert read_scene(tmp_path / "set", "train_0").cube.name == "train_0"


def run(capsys, *tokens):
    """Exit code, stdout and stderr of ``dmssn prepare``."""
    with pytest.raises(SystemExit) as ended:
        main(["prepare", *map(str, tokens)])
    return ended.value.code, *capsys.readouterr()


def test_the_command_prepares_what_its_recipe_says(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\nscenes = "scenes"\nprepared = "set"\n'
        "[prepare]\nsize = 32\n[prepare.mixture]\ncomponents = 8\n"
    )
    code, out, err = run(capsys, recipe, "--workers", 1)
    assert code == 0
    assert out.splitlines()[0].startswith("set: 7 scenes prepared, 0 kept (a scene: reading ")
    assert out.splitlines()[1] == "set: complete, 4 train, 2 val, 1 test, 6 bands"
    assert "lists in splits/" in err
    settings = json.loads((tmp_path / "set" / "settings.json").read_text())
    assert settings["prepare"]["size"] == 32
    # By name, with the recipe's settings, into another folder: the same scenes.
    assert run(capsys, "folder", folder, "-o", "by_name", "--recipe", recipe)[0] == 0
    assert bytes_of(tmp_path / "by_name") == bytes_of(tmp_path / "set")


def test_options_go_before_the_recipe(folder, tmp_path, capsys):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'[data]\nscenes = "{folder}"\nprepared = "nowhere"\nval = 0.5\n[prepare]\nsize = 32\n'
    )
    (folder / "splits" / "val.txt").unlink()
    code, out, _ = run(
        capsys, recipe, "-o", tmp_path / "set", "--size", 40, "--bands", 4, "--val", 0.25, "--json"
    )
    told = json.loads(out)
    assert (code, told["complete"], told["made"], told["bands"]) == (0, True, 5, 4)
    assert told["splits"] == {"train": 3, "val": 1, "test": 1}
    assert read_scene(tmp_path / "set", "test_0").mask.shape == (40, 40)
    assert told["seconds"].keys() == {"reading", "homogenizing", "writing"}


def test_the_command_lists_all_that_went_wrong_in_the_end(folder, tmp_path, capsys):
    break_four(folder)
    code, out, err = run(capsys, "folder", folder, "-o", tmp_path / "set", "--size", 32)
    assert code == 1
    assert "2 scenes prepared" in out
    told = [line for line in err.splitlines() if line.startswith("dmssn prepare: not prepared: ")]
    assert sorted(line.rpartition(": ")[2] for line in told) == [
        "test_0", "train_1", "train_2", "val_0", "val_1",
    ]  # fmt: skip
    assert err.splitlines()[-1].startswith("dmssn prepare: 5 scenes could not be prepared")
    (folder / "masks" / "val_1.png").write_bytes((folder / "masks" / "train_0.png").read_bytes())
    again = "folder", folder, "-o", tmp_path / "set", "--size", 32, "--skip-bad"
    code, out, err = run(capsys, *again)
    assert (code, "dmssn prepare: left out: " in err) == (0, True)
    assert out.splitlines()[1].endswith("complete, 2 train, 1 val, 0 test, 6 bands")


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["folder"], "a data set goes with its folder: dmssn prepare folder ROOT -o"),
        (["folder", "in"], "--output is missing"),
        (["a.toml", "--recipe", "b.toml"], "two recipes"),
        (["moon", "in", "-o", "out"], "'moon' is no data set; known: folder, hsod-bit"),
        (["folder", "{folder}", "-o", "{out}", "--workers", "0"], "--workers must be at least 1"),
        (["folder", "{folder}", "-o", "{out}", "--shard", "3/2"], "--shard is one of so many"),
        (["folder", "{folder}", "-o", "{out}", "--split", "none"], "'none' is no split"),
        (["folder", "{folder}", "-o", "{out}", "--size", "5"], "size must be at least 32"),
        (["folder", "{folder}", "-o", "{out}", "--statistics-only"], "needs --statistics"),
        (
            ["folder", "{folder}", "-o", "{out}", "--fold", "1/3", "--split", "seeded"],
            "exclude each other",
        ),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(folder, tmp_path, capsys, tokens, said):
    tokens = [token.format(folder=folder, out=tmp_path / "out") for token in tokens]
    code, out, err = run(capsys, *tokens)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "out" / "scenes").exists()


def test_cubes_in_zarr_stores_are_scenes_and_a_changed_chunk_is_noticed(folder, tmp_path):
    zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")
    cube, _ = with_object(cube_of(36, 44, 6, seed=2, name="train_2"), 2)
    (folder / "cubes" / "train_2.npz").unlink()
    store = str(folder / "cubes" / "train_2.zarr")
    zarr.create_array(store, data=cube.data, chunks=(12, 44, 6))
    prepared(folder, tmp_path / "set")
    found, wanted = read_scene(tmp_path / "set", "train_2"), prepare(cube, CONFIG)
    np.testing.assert_array_equal(found.cube.spectra, wanted.spectra)
    zarr.open_array(store, mode="r+")[20:24, 10:14] = 3.0
    assert prepared(folder, tmp_path / "set").made == 1


@pytest.mark.parametrize(
    ("name", "size", "orientation"),
    [
        ("hsod-bit", (44, 60), "rotate-90"),
        ("hsod-bit-v2", (44, 60), "flip-top-bottom"),
        ("hs-sod", (40, 56), "none"),
        ("hrssd", (48, 48), "none"),
        ("folder", (40, 52), "none"),
    ],
)
def test_made_up_sets_of_every_layout_are_prepared(tmp_path, name, size, orientation):
    kind, root = data_set(name), tmp_path / "copy"
    fake = FakeSettings(scenes=6, size=size, orientation=orientation, quirks=False, seed=4)
    write_fake(kind, root, fake)
    data = DataConfig(set=name, scenes=root, prepared=tmp_path / "set", fold="1/3", val=0.3)
    manifest = prepare_set(data, CONFIG).manifest
    assert manifest.source["orientation"] == orientation
    assert sum(len(names) for names in manifest.splits.values()) == 6
    assert all(manifest.splits.values())
    assert manifest.bands == (kind.bands or 60)
    if kind.wavelengths_nm:
        np.testing.assert_allclose(manifest.wavelengths_nm, kind.centres_nm)
        assert manifest.source["wavelengths"] == kind.wavelengths_source
    scenes = {s.name: s for s in find_scenes(kind, root, Choice(fold="1/3", val=0.3)).scenes}
    for scene in scenes.values():
        found = read_scene(tmp_path / "set", scene.name)
        mask, counted = read_truth(kind, scene, size)
        assert found.cube.source_shape == size
        assert (found.mask == (resize(mask.astype(np.float32), 32, 32) >= 0.5)).mean() > 0.99
        assert (found.counted is None) == (counted is None) == (name != "hrssd")
        if found.counted is not None:
            assert 0 < (~found.counted).mean() < 0.5
            assert not found.mask[~found.counted].any()


def test_a_set_with_quirks_is_prepared_but_for_them(tmp_path):
    kind, root = data_set("hs-sod"), tmp_path / "copy"
    told = write_fake(kind, root, FakeSettings(scenes=8, size=(40, 56)))
    data = DataConfig(set="hs-sod", scenes=root, prepared=tmp_path / "set", split="folders")
    with pytest.raises(SettingError, match="do not lie in folders"):
        prepare_set(data, CONFIG)
    report = prepare_set(replace(data, split=""), CONFIG)
    quirks = {quirk["scene"] for quirk in told["quirks"].values()}
    absent = {name for name, why in report.wrong.items() if why == "without a cube"}
    assert set(report.wrong) - absent == quirks
    assert len(absent) == 60 - 8
    assert report.made == 6
    assert "truncated" in report.wrong[told["quirks"]["truncated"]["scene"]]


# What reviewers and users found.


@pytest.mark.parametrize("config", [CONFIG, OF_TRAIN])
def test_parts_do_without_the_bad_scenes_of_other_parts(folder, tmp_path, config):
    break_four(folder)
    (folder / "masks" / "val_1.png").write_bytes((folder / "masks" / "train_0.png").read_bytes())
    parts = [Labour(shard=(part, 2)) for part in (1, 2)]
    if config is OF_TRAIN:
        for part in parts:
            always = {"labour": part, "skip_bad": True, "statistics_only": True}
            prepared(folder, tmp_path / "set", config, **always)
    reports = [
        prepared(folder, tmp_path / "set", config, labour=part, skip_bad=True) for part in parts
    ]
    assert reports[1].manifest is not None
    prepared(folder, tmp_path / "whole", config, skip_bad=True)
    assert bytes_of(tmp_path / "set") == bytes_of(tmp_path / "whole")
    # Mended, the set is whole, and no word of the trouble is left.
    write_scene_files(folder, *with_object(cube_of(36, 44, 6, seed=1, name="train_1"), 1))
    for part in parts * 2:
        if config is OF_TRAIN:
            always = {"labour": part, "skip_bad": True, "statistics_only": True}
            prepared(folder, tmp_path / "set", config, **always)
    last = [prepared(folder, tmp_path / "set", config, labour=p, skip_bad=True) for p in parts][-1]
    assert "train_1" in last.manifest.splits["train"]
    assert not (tmp_path / "set" / "wrong" / "train_1.json").exists()


def test_other_versions_are_other_settings(folder, tmp_path, monkeypatch):
    out = tmp_path / "set"
    prepared(folder, out)
    changed = preparing_scenes.versions() | {"torch": "99"}
    for module in ("claims", "preparing_scenes", "preparing_sets"):
        monkeypatch.setattr(f"dmssn.{module}.versions", lambda: changed)
    with pytest.raises(ValueError, match=r"\(versions\.torch\); pass --redo"):
        prepared(folder, out)
    report = prepared(folder, out, redo=True)
    assert (report.made, report.manifest.versions["torch"]) == (7, "99")


def test_redo_makes_all_of_it_anew_even_with_equal_settings(folder, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out, OF_TRAIN)
    before, wanted = ages(out), bytes_of(out)
    report = prepared(folder, out, OF_TRAIN, redo=True)
    assert (report.measured, report.made, report.kept) == (4, 7, 0)
    assert all(ages(out)[name] > age for name, age in before.items())
    assert bytes_of(out) == wanted


def test_a_set_that_is_whole_no_more_has_no_manifest(folder, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out)
    kept = (folder / "masks" / "val_0.png").read_bytes()
    (folder / "masks" / "val_0.png").unlink()
    report = prepared(folder, out)
    assert report.wrong == {"val_0": "without a mask"}
    with pytest.raises(FileNotFoundError, match="no prepared set"):
        PreparedSet(out)
    (folder / "masks" / "val_0.png").write_bytes(kept)
    assert prepared(folder, out).made == 0
    assert PreparedSet(out).names("val") == ["val_0", "val_1"]


def test_while_a_scene_is_made_again_the_set_is_not_whole(folder, tmp_path, monkeypatch):
    out = tmp_path / "set"
    prepared(folder, out)
    Image.fromarray(np.full((36, 44), 255, np.uint8)).save(folder / "masks" / "val_0.png")
    seen = []
    real = preparing_scenes.homogenize
    monkeypatch.setattr(
        preparing_scenes,
        "homogenize",
        lambda *given: [seen.append((out / "manifest.json").exists()), real(*given)][1],
    )
    prepared(folder, out)
    assert seen == [False]


def test_a_scene_that_changes_while_the_others_are_made_is_told(
    folder, tmp_path, capsys, monkeypatch
):
    real = preparing_scenes.write_scene

    def changing(*given):
        real(*given)
        if given[1].cube.name == "test_0":
            Image.fromarray(np.full((36, 44), 255, np.uint8)).save(folder / "masks" / "val_0.png")

    monkeypatch.setattr(preparing_scenes, "write_scene", changing)
    always = ("folder", folder, "-o", tmp_path / "set", "--size", 32, "--workers", 1)
    code, _, err = run(capsys, *always)
    assert code == 1
    assert "1 scene changed while being prepared (val_0); run it again" in err
    monkeypatch.undo()
    assert run(capsys, *always)[0] == 0


def test_a_mended_training_scene_is_welcome(folder, tmp_path):
    kept = (folder / "masks" / "train_1.png").read_bytes()
    (folder / "masks" / "train_1.png").unlink()
    assert "train_1" in prepared(folder, tmp_path / "set", OF_TRAIN).wrong
    (folder / "masks" / "train_1.png").write_bytes(kept)
    assert prepared(folder, tmp_path / "set", OF_TRAIN).manifest is not None
    prepared(folder, tmp_path / "fresh", OF_TRAIN)
    assert bytes_of(tmp_path / "set") == bytes_of(tmp_path / "fresh")


def test_another_split_is_another_setting(folder, tmp_path):
    shutil.rmtree(folder / "splits")
    prepared(folder, tmp_path / "set", fold="1/3")
    with pytest.raises(ValueError, match=r"\(split\.fold\); pass --redo"):
        prepared(folder, tmp_path / "set", fold="2/3")
    assert prepared(folder, tmp_path / "set", fold="2/3", redo=True).manifest is not None


def test_a_flat_scene_does_not_become_one_to_train_on(folder, tmp_path):
    flat = Cube(np.full((36, 44, 6), 0.5, np.float32), np.linspace(400, 1000, 6), "val_0")
    write_scene_files(folder, flat, np.zeros((36, 44), dtype=bool))
    prepared(folder, tmp_path / "set")
    (folder / "splits" / "train.txt").write_text("train_0\nval_0\n")
    (folder / "splits" / "val.txt").write_text("val_1\n")
    assert "one spectrum" in prepared(folder, tmp_path / "set").wrong["val_0"]


def test_damaged_statistics_are_measured_again(folder, tmp_path):
    out = tmp_path / "set"
    prepared(folder, out, OF_TRAIN)
    wanted = bytes_of(out)
    path = out / "statistics" / "train_1.json"
    for old, new in (('"pixels": 1024', '"pixels": 9024'), ('"pixels": 1024', '"pixels": "a"')):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        assert prepared(folder, out, OF_TRAIN).made == 0
        assert bytes_of(out) == wanted


@pytest.mark.parametrize("old", [b"sha256", b"400.0", b"made_from", b"flat"])
def test_a_damaged_header_of_a_scene_is_found(folder, tmp_path, old):
    out = tmp_path / "set"
    prepared(folder, out)
    wanted = bytes_of(out)
    path = scene_path(out, "val_1")
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, old[:-1] + b"7"))
    assert prepared(folder, out).made == 1
    assert bytes_of(out) == wanted


def test_a_scene_of_which_no_pixel_counts_is_refused(tmp_path):
    kind, root = data_set("hrssd"), tmp_path / "copy"
    write_fake(kind, root, FakeSettings(scenes=4, size=(48, 48), quirks=False))
    label = sorted(root.glob("*/label/*.tif"))[0]
    tifffile.imwrite(label, np.full((48, 48), -1, np.int8))
    data = DataConfig(set="hrssd", scenes=root, prepared=tmp_path / "set")
    wrong = prepare_set(data, CONFIG).wrong
    assert wrong.keys() == {label.stem}
    assert "no pixel of it counts" in wrong[label.stem]


@pytest.mark.parametrize(
    "text", ["null", "[]", "{}", '{"orientation": "none"}', '{"orientation": "up", "others": {}}']
)
def test_settings_that_are_not_whole_are_damaged(folder, tmp_path, text):
    prepared(folder, tmp_path / "set")
    (tmp_path / "set" / "settings.json").write_text(text)
    with pytest.raises(ValueError, match=r"settings\.json: damaged; delete it"):
        prepared(folder, tmp_path / "set")


def test_statistics_alone_are_done_whatever_the_other_scenes_are(folder, tmp_path, capsys):
    (folder / "masks" / "val_0.png").unlink()
    always = ("folder", folder, "-o", tmp_path / "set", "--size", 32, "--workers", 1)
    code, out, _ = run(capsys, *always, "--statistics", "data set", "--statistics-only")
    assert (code, out) == (0, f"{tmp_path / 'set'}: statistics of 4 training scenes are there\n")


def test_the_data_set_itself_is_no_place_for_its_prepared_scenes(folder):
    for out in (folder, folder / "cubes"):
        with pytest.raises(SettingError, match="is the data set itself"):
            prepared(folder, out)


def test_cubes_that_are_turned_otherwise_now_are_not_taken_for_the_first(tmp_path):
    kind = data_set("hsod-bit-v2")
    for orientation in ("none", "rotate-180"):
        fake = FakeSettings(scenes=4, size=(44, 60), orientation=orientation, quirks=False)
        write_fake(kind, tmp_path / orientation, fake)
    data = DataConfig(set="hsod-bit-v2", scenes=tmp_path / "none", prepared=tmp_path / "set")
    assert prepare_set(data, CONFIG).manifest.source["orientation"] == "none"
    turned = replace(data, scenes=tmp_path / "rotate-180")
    with pytest.raises(ValueError, match="with orientation none, now it is rotate-180 "):
        prepare_set(turned, CONFIG)
    given = replace(turned, orientation="flip-left-right")
    with pytest.raises(ValueError, match="now it is flip-left-right"):
        prepare_set(given, CONFIG)
    report = prepare_set(turned, CONFIG, redo=True)
    assert (report.made, report.manifest.source["orientation"]) == (4, "rotate-180")
    fresh = prepare_set(replace(turned, prepared=tmp_path / "fresh"), CONFIG)
    assert fresh.manifest == report.manifest


def test_a_cube_that_is_turned_unlike_the_rest_is_named(tmp_path):
    kind = data_set("hsod-bit-v2")
    for orientation in ("none", "rotate-180"):
        fake = FakeSettings(scenes=5, size=(44, 60), orientation=orientation, quirks=False)
        write_fake(kind, tmp_path / orientation, fake)
    odd = sorted((tmp_path / "none" / "hyperspectral").iterdir())[2]
    shutil.copy(tmp_path / "rotate-180" / "hyperspectral" / odd.name, odd)
    data = DataConfig(set="hsod-bit-v2", scenes=tmp_path / "none", prepared=tmp_path / "set")
    said = prepare_set(data, CONFIG).said
    assert f"{odd.stem}: rotate-180 by its colour picture, prepared as none like the rest" in said


def test_scenes_know_how_their_cube_was_turned_without_the_settings(folder, tmp_path):
    data = DataConfig(scenes=folder, prepared=tmp_path / "set", orientation="none")
    prepare_set(data, CONFIG)
    (tmp_path / "set" / "settings.json").unlink()
    report = prepare_set(replace(data, orientation="flip-left-right"), CONFIG)
    assert (report.made, report.kept) == (7, 0)
