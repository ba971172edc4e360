"""Data sets: where files lie, which scenes are for what, and what is read of them."""

import math
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from dmssn.config import SettingError
from dmssn.datasets.catalogue import DATA_SETS, data_set
from dmssn.datasets.data_set import DataSet, SceneFiles
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.folder import FOLDER
from dmssn.datasets.hrssd import HRSSD
from dmssn.datasets.hs_sod import HS_SOD
from dmssn.datasets.hsod_bit import HSOD_BIT, HSOD_BIT_V2
from dmssn.datasets.layout import find_layout, natural
from dmssn.datasets.opening import open_scene, read_truth
from dmssn.datasets.splits import Choice, carve, choose, published, read_list
from making_sets import write_counts, write_lists


def touch(root: Path, *paths: str) -> Path:
    """Empty files: finding opens none."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def named(
    root: Path, names: list[str], cubes: str = "hsi/{}.mat", masks: str = "gt/{}.jpg"
) -> Path:
    return touch(root, *(path.format(name) for path in (cubes, masks) for name in names))


def split_of(kind: DataSet, root: Path, *choice, **more) -> dict[str, list[str]]:
    found = find_scenes(kind, root, Choice(*choice, **more))
    assert found.wrong == {}
    return {split: found.names(split) for split in ("train", "val", "test")}


# Layouts.


@pytest.mark.parametrize("cubes", ["hyperspectral", "hypercube", "hsi", "cubes", "HSI", "Cubes"])
@pytest.mark.parametrize("masks", ["ground_truth", "ground-truth", "GT", "masks"])
def test_folders_of_a_flat_copy_have_any_of_the_usual_names(tmp_path, cubes, masks):
    touch(tmp_path, f"{cubes}/1.mat", f"{masks}/1.jpg", "pseudo-color/1.jpg", "readme.txt")
    layout = find_layout(HS_SOD, tmp_path)
    assert layout.cubes == {"1": [tmp_path / cubes / "1.mat"]}
    assert layout.masks == {"1": [tmp_path / masks / "1.jpg"]}
    assert layout.colours == {"1": [tmp_path / "pseudo-color" / "1.jpg"]}
    assert layout.parted == {}


@pytest.mark.parametrize("pattern", ["{kind}/{split}", "{split}/{kind}", "{kind}/{split}s"])
def test_copies_may_be_parted_by_split(tmp_path, pattern):
    for kind, suffix in (("hsi", "h5"), ("GT", "jpg"), ("color", "jpg")):
        for split, name in (("Train", "1"), ("test", "2")):
            touch(tmp_path, f"{pattern.format(kind=kind, split=split)}/{name}.{suffix}")
    if pattern.endswith("s"):  # a folder that means nothing here
        with pytest.raises(ValueError, match="no scene with cube and mask"):
            find_scenes(HSOD_BIT, tmp_path)
        return
    layout = find_layout(HSOD_BIT, tmp_path)
    assert layout.parted == {"1": "train", "2": "test"}
    assert [*layout.cubes] == [*layout.masks] == [*layout.colours] == ["1", "2"]


def test_only_files_of_the_right_kind_count(tmp_path):
    touch(
        tmp_path, "cubes/a.hdr", "cubes/a.img", "cubes/b/b_01.png", "cubes/.c.mat", "cubes/d.txt",
        "masks/a.png", "masks/b.npz", "masks/e.doc",
    )  # fmt: skip
    layout = find_layout(FOLDER, tmp_path)
    assert layout.names == ["a", "b"]
    assert layout.cubes["b"] == [tmp_path / "cubes" / "b"]
    touch(tmp_path, "hsi/b/b_01.png", "hsi/a.mat", "hsi/a.npy", "gt/a.png")
    assert find_layout(HS_SOD, tmp_path).cubes["a"] == [tmp_path / "hsi" / "a.mat"]


def test_names_are_sorted_as_people_count():
    assert sorted(["10", "9", "0002"], key=natural) == ["0002", "9", "10"]
    assert sorted(["x10y", "x9y"], key=natural) == ["x9y", "x10y"]
    assert natural("²") == [(math.inf, "²")]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "no such folder"),
        (["gt/1.jpg"], "no folder hyperspectral/ of cubes; HS-SOD has hyperspectral/ or"),
        (["hsi/1.mat"], "no folder ground_truth/ of masks; HS-SOD has ground_truth/ or"),
        (["HS-SOD/hsi/1.mat", "HS-SOD/gt/1.jpg"], "HS-SOD looks like it"),
        (["HS-SOD/hsi/train/1.mat", "HS-SOD/train/gt/1.jpg"], "HS-SOD looks like it"),
    ],
)
def test_a_folder_that_is_none_is_refused_with_what_is_expected(tmp_path, files, said):
    root = tmp_path / "copy"
    touch(root, *files)
    with pytest.raises(FileNotFoundError, match=re.escape(said)) as error:
        find_scenes(HS_SOD, root)
    assert str(error.value).startswith(f"{root}: ")


def test_a_folder_one_level_too_low_is_recognized(tmp_path):
    named(tmp_path, ["1"])
    with pytest.raises(FileNotFoundError, match=f"; {tmp_path} looks like it"):
        find_scenes(HS_SOD, tmp_path / "hsi")


def test_what_does_not_fit_is_told_and_the_rest_is_found(tmp_path):
    named(tmp_path, ["1", "2", "3", "4"], cubes="cubes/{}.mat", masks="masks/{}.png")
    touch(tmp_path, "cubes/1.h5", "masks/2.jpg", "cubes/5.mat", "masks/6.png", "cubes/7.mat")
    write_lists(tmp_path / "splits", train=["1", "2", "3", "5"], val=["4", "4"], test=["6", "8"])
    found = find_scenes(FOLDER, tmp_path)
    assert [scene.name for scene in found.scenes] == ["3"]
    assert found.wrong == {
        "1": "with 2 cubes: 1.h5, 1.mat",
        "2": "with 2 masks: 2.jpg, 2.png",
        "4": "in two lists, or twice in one",
        "5": "without a mask",
        "6": "without a cube",
        "8": "without a cube",
    }
    assert found.unlisted == ["7"]


def test_a_copy_without_any_complete_scene_is_refused(tmp_path):
    touch(tmp_path, "cubes/a.mat", "masks/b.png")
    with pytest.raises(ValueError, match=r"no scene with cube and mask \(.*a: without a mask"):
        find_scenes(FOLDER, tmp_path)


# Splits.


@pytest.mark.parametrize(
    ("kind", "name", "train", "test"),
    [(HSOD_BIT, "dmssn", 255, 64), (HS_SOD, "dmssn", 48, 12), (HS_SOD, "smn", 48, 12)],
)
def test_published_lists_are_whole_and_disjoint(kind, name, train, test):
    lists = {split: published(kind, name, split) for split in ("train", "test")}
    assert [len(names) for names in lists.values()] == [train, test]
    assert len({*lists["train"], *lists["test"]}) == train + test == kind.scenes


def test_the_two_splits_of_hs_sod_share_one_test_scene():
    one, other = (set(published(HS_SOD, name, "test")) for name in ("dmssn", "smn"))
    assert len(one & other) == 1
    assert {*published(HS_SOD, "dmssn", "train"), *one} == {
        *published(HS_SOD, "smn", "train"), *other,
    }  # fmt: skip


@pytest.fixture
def hs_sod(tmp_path) -> Path:
    names = published(HS_SOD, "dmssn", "train") + published(HS_SOD, "dmssn", "test")
    return named(tmp_path, names)


def test_the_first_published_split_is_the_default_and_the_others_are_told(hs_sod):
    default = split_of(HS_SOD, hs_sod)
    assert default == split_of(HS_SOD, hs_sod, "dmssn")
    assert {split: len(names) for split, names in default.items()} == {
        "train": 43, "val": 5, "test": 12,
    }  # fmt: skip
    assert default["test"] == published(HS_SOD, "dmssn", "test")
    assert split_of(HS_SOD, hs_sod, "smn")["test"] == published(HS_SOD, "smn", "test")
    assert "(there is also smn)" in find_scenes(HS_SOD, hs_sod).said
    assert "by seed 3" in find_scenes(HS_SOD, hs_sod, Choice(seed=3)).said


def test_validation_is_carved_from_train_by_the_seed_alone(hs_sod):
    def val(**choice) -> list[str]:
        split = split_of(HS_SOD, hs_sod, **choice)
        assert sorted(split["train"] + split["val"]) == sorted(published(HS_SOD, "dmssn", "train"))
        return split["val"]

    assert val() == val(seed=0)
    assert val(seed=1) != val()
    assert len(val(val=0.25)) == 12
    assert val(val=0) == []


@pytest.mark.parametrize(
    ("count", "share", "taken"), [(0, 0.5, 0), (1, 0.5, 0), (2, 0.01, 1), (2, 0.9, 1), (10, 0.3, 3)]
)
def test_a_carved_share_leaves_something_on_both_sides(count, share, taken):
    names = [f"{number}" for number in range(count)]
    left, out = carve(names, share, 0)
    assert (len(left), len(out)) == (count - taken, taken)
    assert sorted(left + out) == sorted(names)


def test_zeros_before_numbers_make_no_difference(tmp_path):
    names = published(HS_SOD, "dmssn", "train") + published(HS_SOD, "dmssn", "test")
    padded = split_of(HS_SOD, named(tmp_path / "padded", names))
    bare = split_of(HS_SOD, named(tmp_path / "bare", [str(int(name)) for name in names]))
    assert {k: [str(int(n)) for n in v] for k, v in padded.items()} == bare
    more = named(tmp_path / "more", [f"{int(name):06}" for name in names])
    assert len(split_of(HS_SOD, more)["test"]) == 12


def test_v2_is_split_by_chance_in_the_published_sizes(tmp_path):
    named(tmp_path, [f"{number}" for number in range(1, 501)], cubes="hypercube/{}.h5")
    split = split_of(HSOD_BIT_V2, tmp_path)
    assert (len(split["train"]) + len(split["val"]), len(split["test"])) == (406, 94)
    assert split["test"] != split_of(HSOD_BIT_V2, tmp_path, seed=1)["test"]
    assert split == split_of(HSOD_BIT_V2, tmp_path, "seeded")


@pytest.mark.parametrize("parts", [2, 5, 7])
def test_folds_test_every_scene_once(hs_sod, parts):
    tests = []
    for part in range(1, parts + 1):
        split = split_of(HS_SOD, hs_sod, fold=f"{part}/{parts}")
        assert sum(map(len, split.values())) == 60
        assert abs(len(split["test"]) - 60 / parts) < 1
        tests += split["test"]
    assert sorted(tests) == sorted(set(tests)) == sorted(find_layout(HS_SOD, hs_sod).names)


def test_own_lists_of_a_folder(tmp_path):
    named(tmp_path, ["1", "2", "3", "4"])
    write_lists(tmp_path / "mine", train=["2"], val=["1"], test=["4"])
    assert split_of(HS_SOD, tmp_path, str(tmp_path / "mine")) == {
        "train": ["2"], "val": ["1"], "test": ["4"],
    }  # fmt: skip
    assert find_scenes(HS_SOD, tmp_path, Choice(str(tmp_path / "mine"))).unlisted == ["3"]


def test_a_single_list_names_the_test_scenes(tmp_path):
    named(tmp_path, ["01", "02", "03", "04"])
    (tmp_path / "held-out.txt").write_text("\ufeff3\n\n", encoding="utf-8")
    split = split_of(HS_SOD, tmp_path, str(tmp_path / "held-out.txt"), val=0)
    assert split == {"train": ["01", "02", "04"], "val": [], "test": ["03"]}


def test_parted_folders_are_a_split(tmp_path):
    named(tmp_path, ["1", "2"], cubes="hsi/train/{}.mat", masks="gt/train/{}.jpg")
    named(tmp_path, ["3"], cubes="hsi/test/{}.mat", masks="gt/test/{}.jpg")
    assert split_of(HS_SOD, tmp_path, "folders", val=0) == {
        "train": ["1", "2"], "val": [], "test": ["3"],
    }  # fmt: skip
    own = replace(HS_SOD, splits={})
    assert split_of(own, tmp_path, val=0)["test"] == ["3"]


def test_a_folder_of_ones_own_is_split_by_its_lists_or_by_chance(tmp_path):
    named(tmp_path, ["a", "b", "c", "d", "e"], cubes="cubes/{}.mat", masks="masks/{}.png")
    assert [len(names) for names in split_of(FOLDER, tmp_path).values()] == [3, 1, 1]
    write_lists(tmp_path / "splits", train=["a", "b"], val=["c"], test=["d"])
    assert split_of(FOLDER, tmp_path)["val"] == ["c"]


@pytest.mark.parametrize(
    ("choice", "error", "said"),
    [
        (Choice("smm"), SettingError, "'smm' is no split of HS-SOD and no file or folder"),
        (Choice("folders"), SettingError, "do not lie in folders train and test"),
        (Choice("dmssn", "1/2"), SettingError, "exclude each other"),
        (Choice(fold="0/5"), SettingError, "fold is one of so many parts, such as 2/5, got '0/5'"),
        (Choice(fold="2"), SettingError, "got '2'"),
        (Choice(fold="a/b"), SettingError, "got 'a/b'"),
    ],
)
def test_no_such_split(hs_sod, choice, error, said):
    with pytest.raises(error, match=re.escape(said)):
        find_scenes(HS_SOD, hs_sod, choice)


def test_lists_that_are_none(hs_sod):
    with pytest.raises(FileNotFoundError, match="name no scene"):
        find_scenes(HS_SOD, hs_sod, Choice(str(hs_sod / "gt")))
    (hs_sod / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="this is binary"):
        find_scenes(HS_SOD, hs_sod, Choice(str(hs_sod / "list.txt")))
    assert read_list(hs_sod / "none.txt") == []


def test_a_name_in_two_lists_counts_once_and_is_told(tmp_path):
    named(tmp_path, ["1", "2"])
    write_lists(tmp_path / "mine", train=["1", "2"], test=["2"])
    layout = find_layout(HS_SOD, tmp_path)
    chosen = choose(HS_SOD, tmp_path, layout, Choice(str(tmp_path / "mine"), val=0))
    assert chosen.twice == ["2"]
    assert chosen.splits == {"1": "train", "2": "train"}


def test_data_sets_are_known_by_name_in_any_case():
    assert data_set("HS-SOD") is HS_SOD
    assert all(data_set(name).name == name for name in DATA_SETS)
    with pytest.raises(SettingError, match="'hsod' is no data set; known: folder, hsod-bit"):
        data_set("hsod")


# Opening.


def write_hdf5(path: Path, data: np.ndarray, key: str = "dataset", **more) -> Path:
    with h5py.File(path, "w") as file:
        file[key] = data
        for name, values in more.items():
            file[name] = values
    return path


NUMBERS = np.arange(6 * 8 * 200, dtype=np.float32).reshape(6, 8, 200)


@pytest.mark.parametrize("key", ["dataset", "hypercube", "cube"])
def test_the_variable_has_any_of_the_names(tmp_path, key):
    file = open_scene(HSOD_BIT, write_hdf5(tmp_path / "1.h5", NUMBERS, key))
    assert (file.key, file.shape) == (key, (6, 8, 200))
    np.testing.assert_array_equal(file.read(), NUMBERS)


def test_a_known_name_is_chosen_among_several(tmp_path):
    path = write_hdf5(tmp_path / "1.h5", NUMBERS, other=NUMBERS[:, :, :150])
    assert open_scene(HSOD_BIT, path).key == "dataset"


def test_the_sets_wavelengths_are_taken_where_the_file_has_none(tmp_path):
    file = open_scene(HSOD_BIT, write_hdf5(tmp_path / "1.h5", NUMBERS))
    np.testing.assert_allclose(file.wavelengths_nm, np.linspace(401.5, 998.5, 200))
    assert any(HSOD_BIT.wavelengths_source in note for note in file.notes)
    theirs = np.linspace(500, 900, 200)
    path = write_hdf5(tmp_path / "2.h5", NUMBERS, wavelengths_nm=theirs)
    file = open_scene(HSOD_BIT, path)
    np.testing.assert_allclose(file.wavelengths_nm, theirs)
    assert not any(HSOD_BIT.wavelengths_source in note for note in file.notes)


def test_another_number_of_bands_is_refused(tmp_path):
    path = write_hdf5(tmp_path / "1.h5", NUMBERS[:, :, 100:])
    with pytest.raises(ValueError, match=r"which axis holds the bands; HSOD-BIT has 200 bands$"):
        open_scene(HSOD_BIT, path)
    wide = np.zeros((300, 300, 100), dtype=np.uint8)
    write_hdf5(path, wide)
    with pytest.raises(ValueError, match=r"1\.h5: .*bands.* HSOD-BIT has 200") as error:
        open_scene(HSOD_BIT, path)
    assert not isinstance(error.value, SettingError)


def test_numbers_are_divided_as_the_set_stores_them(tmp_path):
    upright = np.random.default_rng(0).integers(0, 4096, (6, 8, 81)).astype(np.uint16)
    write_counts(tmp_path / "1.mat", upright)
    file = open_scene(HS_SOD, tmp_path / "1.mat")
    assert file.shape == (6, 8, 81)
    np.testing.assert_allclose(file.read(), upright / np.float32(4095), rtol=1e-6)
    turned = open_scene(HS_SOD, tmp_path / "1.mat", "rotate-90")
    np.testing.assert_array_equal(turned.read(), np.rot90(file.read()))
    assert "divided by 4095, as HS-SOD stores it" in turned.notes


def test_a_cube_that_leaves_a_choice_tells_a_way_out_that_there_is(tmp_path):
    path = write_hdf5(tmp_path / "1.h5", NUMBERS[:, :, :100])
    with pytest.raises(ValueError, match=r"holds the bands; save it as ENVI, whose header tells$"):
        open_scene(FOLDER, path)


def test_damaged_and_missing_cubes(tmp_path):
    touch(tmp_path, "1.h5")
    with pytest.raises(ValueError, match=r"1\.h5: the file is empty"):
        open_scene(HSOD_BIT, tmp_path / "1.h5")
    with pytest.raises(FileNotFoundError):
        open_scene(HSOD_BIT, tmp_path / "2.h5")


def scene_with(mask: Path) -> SceneFiles:
    return SceneFiles("1", mask, mask, "train")


def test_masks_have_the_size_of_the_upright_cube(tmp_path):
    path = tmp_path / "1.png"
    levels = np.zeros((4, 6), dtype=np.uint8)
    levels[1, 2] = 255
    Image.fromarray(levels).save(path)
    mask, counted = read_truth(HS_SOD, scene_with(path), (4, 6))
    assert (mask.sum(), mask[1, 2], counted) == (1, True, None)
    with pytest.raises(ValueError, match=r"4 x 6, its cube is 6 x 4; is --orientation right\?"):
        read_truth(HS_SOD, scene_with(path), (6, 4))
    with pytest.raises(ValueError, match=r"its cube is 5 x 6$"):
        read_truth(HS_SOD, scene_with(path), (5, 6))


@pytest.mark.parametrize(("kind", "ignored"), [("int8", -1), ("float32", -1), ("uint8", 255)])
def test_labels_of_hrssd_leave_pixels_out(tmp_path, kind, ignored):
    labels = np.array([[0, 1, ignored], [1, 0, 0]]).astype(kind)
    tifffile.imwrite(tmp_path / "1.tif", labels)
    mask, counted = read_truth(HRSSD, scene_with(tmp_path / "1.tif"), (2, 3))
    assert mask.tolist() == [[False, True, False], [True, False, False]]
    assert counted.tolist() == [[True, True, False], [True, True, True]]


def test_hrssd_is_read_from_tiff_and_parted_by_its_own_names(tmp_path):
    data = np.random.default_rng(0).integers(0, 9000, (32, 6, 8)).astype(np.uint16)
    for folder, name in (("tr", "a"), ("ts", "b")):
        for kind in ("image", "label"):
            (tmp_path / folder / kind).mkdir(parents=True)
        tifffile.imwrite(tmp_path / folder / "image" / f"{name}.tif", data)
        tifffile.imwrite(tmp_path / folder / "label" / f"{name}.tif", np.ones((6, 8), np.int8))
    found = find_scenes(HRSSD, tmp_path, Choice(val=0))
    assert {scene.name: scene.split for scene in found.scenes} == {"a": "train", "b": "test"}
    cube = open_scene(HRSSD, found.scenes[0].cube).read()
    np.testing.assert_allclose(cube, data.transpose(1, 2, 0) / 1e4, rtol=1e-6)


# What users found.


def own_folder(root, *names):
    for name in names:
        for folder, ending in (("cubes", "npy"), ("masks", "png")):
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / f"{name}.{ending}").write_text("")
    return root


def test_lists_are_found_whatever_their_case_and_odd_ones_refused(tmp_path):
    root = own_folder(tmp_path, "a", "b", "c")
    (root / "Splits").mkdir()
    (root / "Splits" / "Train.txt").write_text("a\nb")
    (root / "Splits" / "TEST.txt").write_text("c")
    found = find_scenes(FOLDER, root)
    assert (found.names("test"), len(found.names("train") + found.names("val"))) == (["c"], 2)
    (root / "Splits" / "validation.txt").write_text("b")
    with pytest.raises(ValueError, match=r"validation\.txt: lists are called train\.txt"):
        find_scenes(FOLDER, root)
    (root / "Splits" / "validation.txt").rename(root / "Splits" / "readme.txt")
    assert find_scenes(FOLDER, root).names("test") == ["c"]


def test_a_file_in_place_of_the_lists_is_refused(tmp_path):
    (own_folder(tmp_path, "a") / "splits").write_text("a")
    with pytest.raises(ValueError, match="splits: expected a folder of lists"):
        find_scenes(FOLDER, tmp_path)


def test_lists_of_another_set_are_refused(tmp_path):
    own_folder(tmp_path, "a", "b")
    (tmp_path / "fake.json").write_text('{"format": 1}')
    with pytest.raises(SettingError, match=r"fake\.json: no name in it is one of the scenes"):
        find_scenes(FOLDER, tmp_path, Choice(split=str(tmp_path / "fake.json")))


@pytest.mark.parametrize("fold", ["1/1", "0/3", "2"])
def test_a_fold_is_one_of_two_or_more(tmp_path, fold):
    with pytest.raises(SettingError, match="fold"):
        find_scenes(FOLDER, own_folder(tmp_path, "a", "b"), Choice(fold=fold))


def parted_copy(root, parts: dict[str, tuple[str, str]]):
    """Scenes by the folders their cube and their mask lie in."""
    for name, (cube, mask) in parts.items():
        for split, folder, ending in ((cube, "hyperspectral", "h5"), (mask, "GT", "jpg")):
            (root / split / folder).mkdir(parents=True, exist_ok=True)
            (root / split / folder / f"{name}.{ending}").write_text("")
    return root


def test_a_parted_copy_without_published_lists_is_split_as_it_is_parted(tmp_path):
    names = {str(number): ("test" if number % 3 == 0 else "train",) * 2 for number in range(12)}
    found = find_scenes(HSOD_BIT_V2, parted_copy(tmp_path, names), Choice(val=0))
    assert found.names("test") == ["0", "3", "6", "9"]


def test_a_scene_in_two_parts_is_in_none(tmp_path):
    root = parted_copy(tmp_path, {"1": ("train", "train"), "2": ("test", "train")})
    found = find_scenes(HSOD_BIT_V2, root, Choice(val=0))
    assert found.names("train") == ["1"]
    assert "different splits" in found.wrong["2"]


def test_one_scene_spelt_twice_has_two_cubes(tmp_path):
    root = own_folder(tmp_path, "0024", "7")
    (root / "cubes" / "24.npy").write_text("")
    (root / "masks" / "7.png").rename(root / "masks" / "007.png")
    (root / "color").mkdir()
    (root / "color" / "07.png").write_text("")
    found = find_scenes(FOLDER, root)
    assert found.wrong == {"0024": "with 2 cubes: 0024.npy, 24.npy"}
    (scene,) = found.scenes
    assert (scene.name, scene.mask.name, scene.colour.name) == ("7", "007.png", "07.png")
