"""Preparing a folder of scenes: what is kept, refused and said; statistics of train only."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dmssn import preparing_sets
from dmssn.cli import main
from dmssn.config import MixtureConfig, PrepareConfig
from dmssn.cube import Cube
from dmssn.datasets.folder import SceneFiles, scenes
from dmssn.preparing import homogenize, prepare
from dmssn.preparing_sets import prepare_set, training_statistics
from dmssn.store import PreparedSet, read_scene, scene_path
from generated import cube_of, with_object, write_folder, write_scene_files

CONFIG = PrepareConfig(size=32, mixture=MixtureConfig(components=8))


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "scenes", height=36, width=44, bands=6)


def test_a_set_holds_every_scene_as_prepare_makes_it(folder, tmp_path):
    manifest = prepare_set(folder, tmp_path / "set", CONFIG)
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
    assert PreparedSet(tmp_path / "set").manifest == manifest


def test_processes_do_not_change_the_files(folder, tmp_path):
    for jobs in (1, 2):
        prepare_set(folder, tmp_path / str(jobs), CONFIG, jobs)
    for split in ("train_0", "val_1", "test_0"):
        one, two = (scene_path(tmp_path / str(jobs), split) for jobs in (1, 2))
        assert one.read_bytes() == two.read_bytes()


def test_an_interrupted_set_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    out = tmp_path / "set"

    def fails_at_the_third(*arguments):
        if len(list((out / "scenes").glob("[a-z]*"))) == 2:
            raise KeyboardInterrupt
        return homogenize(*arguments)

    monkeypatch.setattr(preparing_sets, "homogenize", fails_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepare_set(folder, out, CONFIG)
    with pytest.raises(FileNotFoundError, match="no prepared set"):
        PreparedSet(out)
    before = {path: path.stat().st_mtime_ns for path in (out / "scenes").iterdir()}
    assert len(before) == 2
    monkeypatch.undo()
    prepare_set(folder, out, CONFIG)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list((out / "scenes").iterdir())) == 7
    assert PreparedSet(out).names("val") == ["val_0", "val_1"]


def test_other_settings_are_refused_and_change_nothing(folder, tmp_path):
    out = tmp_path / "set"
    prepare_set(folder, out, CONFIG)
    before = (out / "settings.json").read_bytes(), scene_path(out, "val_0").read_bytes()
    with pytest.raises(ValueError, match="prepared with other settings"):
        prepare_set(folder, out, PrepareConfig(size=33, mixture=CONFIG.mixture))
    assert before == (
        (out / "settings.json").read_bytes(),
        scene_path(out, "val_0").read_bytes(),
    )


def test_a_new_scene_joins_a_set(folder, tmp_path):
    prepare_set(folder, tmp_path / "set", CONFIG)
    write_scene_files(folder, *with_object(cube_of(36, 44, 6, 99, "more"), 99))
    (folder / "splits" / "val.txt").write_text("val_0\nval_1\nmore\n")
    assert prepare_set(folder, tmp_path / "set", CONFIG).splits["val"][-1] == "more"
    assert read_scene(tmp_path / "set", "more").mask.any()


def test_every_bad_scene_is_named(folder, tmp_path):
    (folder / "cubes" / "train_1.npz").write_bytes(b"no cube")
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(folder / "masks" / "val_0.png")
    (folder / "masks" / "val_1.png").write_bytes(b"no picture")
    blind = cube_of(36, 44, 6, name="test_0")
    blind.data[:, :, 0] = np.nan
    write_scene_files(folder, blind, np.zeros((36, 44), bool))
    with pytest.raises(ValueError, match="4 scenes could not be prepared") as raised:
        prepare_set(folder, tmp_path / "set", CONFIG)
    for said in ("train_1.npz", "val_0.png: 5 x 6, its cube is 36 x 44", "val_1.png", "test_0"):
        assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "set" / "manifest.json").exists()
    assert scene_path(tmp_path / "set", "train_0").is_file()  # the good ones are kept


def test_statistics_are_of_the_training_scenes_alone(folder, tmp_path):
    config = PrepareConfig(size=32, statistics="data set", mixture=CONFIG.mixture)
    manifest = prepare_set(folder, tmp_path / "set", config)
    train = [with_object(cube_of(36, 44, 6, seed=seed), seed)[0].data for seed in range(4)]
    pixels = np.stack(train).astype(np.float64).reshape(-1, 6)
    np.testing.assert_allclose(manifest.mean, pixels.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(manifest.std, pixels.std(axis=0), rtol=1e-6)
    # Other test and validation scenes: the same statistics.
    loud = cube_of(36, 44, 6, seed=50, name="val_0")
    write_scene_files(folder, Cube(loud.data * 9, loud.wavelengths_nm, "val_0"), loud.valid())
    assert prepare_set(folder, tmp_path / "loud", config).mean == manifest.mean


def test_statistics_leave_invalid_pixels_out(tmp_path):
    cube = cube_of(20, 20, 4, name="a")
    cube.data[0, 0, 1], cube.data[5, 6, 0] = np.nan, np.inf
    write_scene_files(tmp_path, cube, cube.valid())
    files = SceneFiles("a", tmp_path / "cubes" / "a.npz", tmp_path / "masks" / "a.png", "train")
    found = training_statistics([files], PrepareConfig())
    pixels = cube.data[cube.valid()].astype(np.float64)
    assert len(pixels) == 398
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0))
    np.testing.assert_allclose(found.std, pixels.std(axis=0))


@pytest.mark.parametrize("rows", [1, 7])
def test_statistics_read_block_by_block_are_those_of_the_whole(folder, monkeypatch, rows):
    train = [scene for scene in scenes(folder) if scene.split == "train"]
    config = PrepareConfig(bands=4)
    wanted = training_statistics(train, config)
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", rows * 44 * 6 * 4)
    found = training_statistics(train, config)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_limits_are_read_off_pixels_spread_over_the_whole_scene(folder, monkeypatch):
    (train, *_) = scenes(folder)
    wanted = training_statistics([train], PrepareConfig())
    sampled = []
    real = preparing_sets.usual_limits
    monkeypatch.setattr(preparing_sets, "SAMPLE", 50)
    monkeypatch.setattr(
        preparing_sets, "usual_limits", lambda pixels: [sampled.append(pixels), real(pixels)][1]
    )
    found = training_statistics([train], PrepareConfig())
    with np.load(train.cube) as file:
        every = file["cube"].reshape(-1, 6)[::16]  # of 36 x 44 pixels, 99
    np.testing.assert_array_equal(sampled[0], every)
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=0.01)


def test_statistics_of_a_scene_without_a_valid_pixel_are_refused(tmp_path):
    cube = cube_of(20, 20, 4, name="a")
    cube.data[:, :, 2] = np.nan
    write_scene_files(tmp_path, cube, cube.valid())
    files = SceneFiles("a", tmp_path / "cubes" / "a.npz", tmp_path / "masks" / "a.png", "train")
    with pytest.raises(ValueError, match=r"a\.npz: no pixel .* 1 of 4 bands are empty \(number 2,"):
        training_statistics([files], PrepareConfig())


def test_a_hot_pixel_of_a_training_scene_moves_the_statistics_little(folder, tmp_path):
    config = PrepareConfig(size=32, statistics="data set")
    train = [scene for scene in scenes(folder) if scene.split == "train"]
    before = training_statistics(train, config)
    cube, mask = with_object(cube_of(36, 44, 6, seed=2, name="train_2"), 2)
    cube.data[10, 11] = -3.4e38  # a "no data" value that nobody declared
    write_scene_files(folder, cube, mask)
    after = training_statistics(train, config)
    np.testing.assert_allclose(after.mean, before.mean, atol=0.01 * before.std.max())
    np.testing.assert_allclose(after.std, before.std, rtol=0.02)


def test_a_training_scene_of_one_spectrum_is_refused(folder, tmp_path):
    for name in ("train_1", "val_0"):  # nothing is learned from a validation scene
        flat = Cube(np.full((36, 44, 6), 0.5, np.float32), np.linspace(400, 1000, 6), name)
        write_scene_files(folder, flat, np.zeros((36, 44), dtype=bool))
    with pytest.raises(ValueError, match=r"^1 scenes .*train_1\S+: one spectrum for all pixels"):
        prepare_set(folder, tmp_path / "set", CONFIG)


def test_other_training_scenes_are_refused_where_their_statistics_count(folder, tmp_path):
    config = PrepareConfig(size=32, statistics="data set", mixture=CONFIG.mixture)
    prepare_set(folder, tmp_path / "set", config)
    (folder / "splits" / "train.txt").write_text("train_0\ntrain_1\n")
    with pytest.raises(ValueError, match="other settings or training scenes"):
        prepare_set(folder, tmp_path / "set", config)


def test_statistics_without_training_scenes_are_refused(folder, tmp_path):
    (folder / "splits" / "train.txt").unlink()
    with pytest.raises(ValueError, match="need training scenes"):
        prepare_set(folder, tmp_path / "set", PrepareConfig(size=32, statistics="data set"))


def other_bands(folder) -> None:
    write_scene_files(folder, *with_object(cube_of(36, 44, 9, name="val_1"), 1))


@pytest.mark.parametrize("statistics", ["self", "data set"])
def test_cubes_of_different_bands_are_refused(folder, tmp_path, statistics):
    other_bands(folder)
    config = PrepareConfig(size=32, statistics=statistics, mixture=CONFIG.mixture)
    with pytest.raises(ValueError, match=r"val_1.*9|9 bands, but statistics of 6") as raised:
        prepare_set(folder, tmp_path / "set", config)
    if statistics == "self":
        assert "set prepare.bands" in str(raised.value)


def test_training_cubes_of_different_bands_have_no_statistics(folder, tmp_path):
    write_scene_files(folder, *with_object(cube_of(36, 44, 9, name="train_3"), 1))
    with pytest.raises(ValueError, match=r"train_3.npz: 9 bands, the scenes before it 6; set"):
        prepare_set(folder, tmp_path / "set", PrepareConfig(size=32, statistics="data set"))


def test_cubes_of_different_bands_are_brought_to_one_number(folder, tmp_path):
    other_bands(folder)
    config = PrepareConfig(size=32, bands=4, mixture=CONFIG.mixture)
    manifest = prepare_set(folder, tmp_path / "set", config)
    assert (manifest.bands, manifest.wavelengths_nm) == (4, None)
    assert read_scene(tmp_path / "set", "val_1").cube.spectra.shape[1] == 4


def test_wavelengths_that_differ_are_not_passed_on(folder, tmp_path):
    cube, mask = with_object(cube_of(36, 44, 6, name="val_1"), 1)
    write_scene_files(folder, Cube(cube.data, cube.wavelengths_nm + 5, "val_1"), mask)
    assert prepare_set(folder, tmp_path / "set", CONFIG).wavelengths_nm is None


def test_masks_are_read_as_evaluation_reads_them(folder, tmp_path):
    mask = np.asarray(Image.open(folder / "masks" / "train_0.png")) > 0
    Image.fromarray(mask.astype(np.uint8)).save(folder / "masks" / "train_0.png")  # 0 and 1
    (folder / "masks" / "train_1.png").unlink()
    np.savez(folder / "masks" / "train_1", truth=mask)
    (folder / "masks" / "train_2.png").unlink()
    levels = np.where(mask, 140, 120).astype(np.uint8)
    Image.fromarray(levels).save(folder / "masks" / "train_2.jpg", quality=100)
    prepare_set(folder, tmp_path / "set", CONFIG)
    found = [read_scene(tmp_path / "set", f"train_{k}").mask for k in range(3)]
    assert abs(found[0].mean() - mask.mean()) < 0.02
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("part", ["cubes", "masks", "splits"])
def test_a_folder_without_its_parts_is_refused(folder, part):
    shutil.rmtree(folder / part)
    with pytest.raises(FileNotFoundError, match=f"no folder {part}/"):
        scenes(folder)


def test_names_that_do_not_fit_are_all_said(folder):
    (folder / "masks" / "train_0.png").unlink()
    (folder / "cubes" / "val_0.npz").unlink()
    shutil.copy(folder / "cubes" / "val_1.npz", folder / "cubes" / "train_1.h5")
    (folder / "splits" / "test.txt").write_text("test_0\n\ntrain_2\nnowhere\n")
    with pytest.raises(ValueError, match="train_0 without a mask") as raised:
        scenes(folder)
    for said in (
        "val_0 without a cube",
        "train_1 with 2 cubes",
        "train_2 listed twice",
        "nowhere without a cube",
    ):
        assert said in str(raised.value)


def test_splits_that_name_no_scene_are_refused(folder):
    for path in (folder / "splits").iterdir():
        path.write_text("\n")
    with pytest.raises(ValueError, match="name no scene"):
        scenes(folder)


def test_files_beside_the_cubes_are_not_cubes(folder):
    for name in ("train_0.txt", "train_0.json", "val_0.png", ".train_1.npz"):
        (folder / "cubes" / name).write_text("a note")
    (folder / "masks" / "train_0.txt").write_text("a note")
    found = {scene.name: scene for scene in scenes(folder)}
    assert found["train_0"].cube.suffix == found["val_0"].cube.suffix == ".npz"
    assert len(found) == 7


def test_an_envi_header_stands_for_its_raw_file_and_a_folder_for_its_pictures(folder):
    (folder / "cubes" / "train_0.npz").unlink()
    for suffix in (".hdr", ".img"):
        (folder / "cubes" / "train_0").with_suffix(suffix).write_text("")
    (folder / "cubes" / "train_1.npz").unlink()
    (folder / "cubes" / "train_1").mkdir()
    found = {scene.name: scene.cube.name for scene in scenes(folder)}
    assert (found["train_0"], found["train_1"]) == ("train_0.hdr", "train_1")


def test_a_link_to_a_folder_of_pictures_keeps_its_own_name(folder, tmp_path):
    (folder / "cubes" / "train_0.npz").unlink()
    elsewhere = tmp_path / "camera_7"
    elsewhere.mkdir()
    for band in range(4):
        levels = np.random.default_rng(band).integers(0, 255, (36, 44), dtype=np.uint8)
        Image.fromarray(levels).save(elsewhere / f"{band}.png")
    (folder / "cubes" / "train_0").symlink_to(elsewhere)
    prepare_set(folder, tmp_path / "set", replace(CONFIG, bands=4))
    assert read_scene(tmp_path / "set", "train_0").cube.name == "train_0"


def test_the_command_prepares_what_its_recipe_says(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\nscenes = "scenes"\nprepared = "set"\n'
        "[prepare]\nsize = 32\n[prepare.mixture]\ncomponents = 8\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["prepare", str(recipe)])
    assert ended.value.code == 0
    assert capsys.readouterr().out == "set: 4 train, 2 val, 1 test, 6 bands\n"
    settings = json.loads((tmp_path / "set" / "settings.json").read_text())
    assert settings["prepare"]["size"] == 32
    with pytest.raises(SystemExit) as ended:
        main(["prepare", str(recipe), "--jobs", "0"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "dmssn prepare: --jobs must be at least 1, got 0\n"
