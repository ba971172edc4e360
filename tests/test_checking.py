"""``dmssn dataset check`` and ``list``: every fault is found, alone and with the others."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from PIL import Image

from dmssn.checking import Report, Request, check
from dmssn.cli import main
from dmssn.datasets.catalogue import DATA_SETS
from dmssn.datasets.evidence import Evidence
from dmssn.datasets.hs_sod import HS_SOD
from dmssn.datasets.inspecting_sets import settle_by
from dmssn.datasets.measuring import Measured
from dmssn.datasets.splits import Choice
from dmssn.readers import open_cube
from dmssn.surveying import survey
from dmssn.workers import WorkerDied
from making_sets import write_counts, write_lists, write_scene

KIND = replace(
    HS_SOD, scenes=6, bands=12, shape=(48, 64), wavelengths_nm=None, splits={}, orientation="none"
)
NAMES = [f"{number:04}" for number in range(1, 7)]
SHAPE = (48, 64, 12)


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sets") / "clean"
    for seed, name in enumerate(NAMES):
        write_scene(root, name, seed=seed)
    write_lists(root / "splits", train=NAMES[:3], val=NAMES[3:4], test=NAMES[4:])
    return root


@pytest.fixture
def copy(clean, tmp_path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "copy"))


def looked_at(root: Path, kind=KIND, **request) -> Report:
    return check(kind, Request(root=root, output=root, **request))


def cube_at(root: Path, name: str) -> Path:
    return root / "hyperspectral" / f"{name}.mat"


def mask_at(root: Path, name: str) -> Path:
    return root / "ground-truth" / f"{name}.jpg"


def colour_at(root: Path, name: str) -> Path:
    return root / "color" / f"{name}.jpg"


def counts(root: Path, name: str) -> np.ndarray:
    """The cube of a scene, (H, W, B)."""
    with h5py.File(cube_at(root, name)) as file:
        return np.asarray(file["hypercube"]).transpose(2, 1, 0)


def rewrite(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path, str], None]:
    return lambda root, name: write_counts(cube_at(root, name), change(counts(root, name)))


def with_value(value: float, where: tuple, dtype: str = "float32"):
    def change(data: np.ndarray) -> np.ndarray:
        data = data.astype(dtype)
        data[where] = value
        return data

    return rewrite(change)


def paint(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path, str], None]:
    def fault(root: Path, name: str) -> None:
        levels = change(np.asarray(Image.open(mask_at(root, name))))
        Image.fromarray(levels).save(mask_at(root, name))

    return fault


def cut(path: Callable[[Path, str], Path]) -> Callable[[Path, str], None]:
    def fault(root: Path, name: str) -> None:
        whole = path(root, name).read_bytes()
        path(root, name).write_bytes(whole[: len(whole) // 2])

    return fault


def remove(*paths: Callable[[Path, str], Path]) -> Callable[[Path, str], None]:
    return lambda root, name: [path(root, name).unlink() for path in paths] and None


def again(path: Callable[[Path, str], Path], suffix: str) -> Callable[[Path, str], None]:
    return lambda root, name: shutil.copy(
        path(root, name), path(root, name).with_suffix(suffix)
    ) and None  # fmt: skip


def listed_twice(root: Path, name: str) -> None:
    with (root / "splits" / "test.txt").open("a") as file:
        file.write(f"{name}\n{name}\n")


def unlisted(root: Path, name: str) -> None:
    for path in (root / "splits").iterdir():
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{line}\n" for line in lines if line != name))


FAULTS = {
    "no cube": (remove(cube_at), "wrong", "files", "a mask without a cube"),
    "no mask": (remove(mask_at), "wrong", "files", "a cube without a mask"),
    "absent": (remove(cube_at, mask_at), "wrong", "files", "neither cube nor mask"),
    "two cubes": (again(cube_at, ".h5"), "wrong", "files", "more than one cube"),
    "two masks": (again(mask_at, ".png"), "wrong", "files", "more than one mask"),
    "two colours": (again(colour_at, ".png"), "note", "files", "more than one colour"),
    "twice": (listed_twice, "wrong", "files", "in two lists"),
    "unlisted": (unlisted, "note", "files", "in no list"),
    "no colour": (remove(colour_at), "note", "files", "without a colour picture"),
    "cut colour": (cut(colour_at), "note", "files", "unreadable colour picture"),
    "cut cube": (cut(cube_at), "wrong", "cubes", "unreadable"),
    "no bytes": (
        lambda root, name: cube_at(root, name).write_bytes(b"") and None,
        "wrong", "cubes", "unreadable",
    ),
    "few bands": (rewrite(lambda data: data[:, :, :8]), "wrong", "cubes", "unreadable"),
    "large": (
        rewrite(lambda data: np.concatenate([data, data[:9]])), "note", "cubes", "larger than",
    ),
    "13 bit": (with_value(5000, (3, 4, 5), "uint16"), "wrong", "values", "numbers above 4095"),
    "below 0": (with_value(-1, (3, 4, 5), "int16"), "wrong", "values", "negative"),
    "divided": (rewrite(lambda data: data / 4095), "wrong", "values", "divided by 4095 already"),
    "nan": (with_value(np.nan, (3, 4, 5)), "note", "values", "invalid pixels"),
    "infinite": (with_value(np.inf, (3, 4, 5)), "note", "values", "invalid pixels"),
    "empty band": (with_value(np.nan, np.s_[:, :, 5]), "wrong", "values", "no pixel has"),
    "empty": (with_value(np.nan, np.s_[:]), "wrong", "values", "no pixel has"),
    "flat band": (with_value(7, np.s_[:, :, 5]), "note", "values", "bands with one value"),
    "flat": (rewrite(lambda data: data[:1, :1] + 0 * data), "wrong", "values", "one spectrum"),
    "cut mask": (cut(mask_at), "wrong", "masks", "unreadable"),
    "small mask": (paint(lambda levels: levels[:40]), "wrong", "masks", "not of the size"),
    "turned mask": (
        paint(lambda levels: levels.T), "wrong", "masks", "is the orientation right?",
    ),
    "dark mask": (paint(lambda levels: levels // 4), "wrong", "masks", "unreadable"),
    "grey mask": (
        paint(lambda levels: np.maximum(levels, 90)), "note", "masks", "neither black nor white",
    ),
    "empty mask": (paint(lambda levels: 0 * levels), "note", "masks", "nothing is salient"),
    "full mask": (
        paint(lambda levels: np.full_like(levels, 255)), "note", "masks", "everything is salient",
    ),
    "turned": (
        rewrite(lambda data: data[::-1]), "wrong", "orientation", "flip-top-bottom by the colour",
    ),
}  # fmt: skip
"""A change to one scene: how grave, in which group, and a part of what is said."""


def test_a_clean_copy_has_nothing_wrong(clean):
    report = looked_at(clean)
    assert report.problems == []
    assert report.settled.orientation == "none"
    assert report.votes == {"none": 6}
    assert (report.complete, len(report.read), report.range) == (6, 6, (0, 4095))
    assert report.shapes == {SHAPE: 6}
    assert report.dtypes == {"uint16": 6}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_named(copy, fault):
    change, severity, group, said = FAULTS[fault]
    change(copy, "0002")
    report = looked_at(copy)
    found = [
        (problem.severity, problem.group)
        for problem in report.problems
        if problem.scene == "0002" and said in problem.said
    ]
    assert found == [(severity, group)]
    assert {problem.scene for problem in report.of("wrong")} <= {"0002", None}


def test_all_faults_are_listed_at_once(tmp_path, capsys):
    names = dict(zip(FAULTS, (f"{number:04}" for number in range(100)), strict=False))
    for seed, name in enumerate([*names.values(), "0098", "0099"]):
        write_scene(tmp_path, name, seed=seed)
    write_lists(tmp_path / "splits", train=names.values(), val=["0098"], test=["0099"])
    for fault, name in names.items():
        FAULTS[fault][0](tmp_path, name)
    report = looked_at(tmp_path)
    for fault, name in names.items():
        _, severity, group, said = FAULTS[fault]
        assert any(
            problem.scene == name
            and (problem.severity, problem.group) == (severity, group)
            and said in problem.said
            for problem in report.problems
        ), fault
    assert report.settled.orientation == "none"


def test_a_cube_that_is_not_read_is_opened_all_the_same(copy):
    cut(cube_at)(copy, "0002")
    with_value(5000, (3, 4, 5), "uint16")(copy, "0003")
    report = looked_at(copy, read=0)
    assert [(item.scene, item.said) for item in report.problems] == [("0002", "unreadable")]
    assert report.read == []
    assert report.range == (None, None)
    assert len(looked_at(copy, read=3).read) == 3


def test_details_tell_numbers_and_files(copy):
    again(cube_at, ".h5")(copy, "0001")
    with_value(5000, (3, 4, 5), "uint16")(copy, "0002")
    paint(lambda levels: levels[:40])(copy, "0003")
    rewrite(lambda data: data[:, :, :8])(copy, "0004")
    rewrite(lambda data: data[:, ::-1])(copy, "0005")
    details = {problem.scene: problem.detail for problem in looked_at(copy).of("wrong")}
    assert details["0001"] == "hyperspectral/0001.h5, hyperspectral/0001.mat"
    assert details["0002"] == "up to 5000"
    assert details["0003"] == "40 x 64, not 48 x 64"
    assert details["0004"] == "8 bands, HS-SOD has 12"
    assert details["0005"].startswith("score 0.9")


def test_a_split_orientation_is_open_and_every_cube_is_named(copy):
    for name in NAMES[:3]:
        rewrite(lambda data: data[::-1])(copy, name)
    report = looked_at(copy)
    assert report.settled is None
    (about_all,) = [problem for problem in report.problems if problem.scene is None]
    assert "3 for" in about_all.said
    assert (about_all.severity, about_all.group) == ("wrong", "orientation")
    assert {item.scene for item in report.problems if item.group == "orientation"} == {None, *NAMES}


def test_turned_cubes_are_settled_by_their_pictures_and_masks_fit(tmp_path):
    for seed, name in enumerate(NAMES):
        write_scene(tmp_path, name, seed=seed, orientation="rotate-270")
    kind = replace(KIND, orientation=None)
    report = looked_at(tmp_path, kind)
    assert report.problems == []
    assert report.settled.orientation == "rotate-270"
    assert report.shapes == {SHAPE: 6}
    given = looked_at(tmp_path, kind, orientation="rotate-90")
    (problem,) = given.of("wrong")
    assert problem.said.startswith("'rotate-90' was given, but of 6 cubes")
    assert {item.said for item in given.of("note")} == {"rotate-270 by the colour picture"}
    unread = looked_at(tmp_path, kind, read=0)
    assert [(item.severity, item.group) for item in unread.problems] == [("note", "orientation")]


def test_what_nothing_tells_is_wrong(copy):
    shutil.rmtree(copy / "color")
    (problem,) = looked_at(copy, replace(KIND, orientation=None)).problems
    assert problem.severity == "wrong"
    assert "pass --orientation" in problem.said
    assert looked_at(copy).problems == []


def test_the_range_is_that_before_the_sets_own_division(copy):
    """Files may scale their numbers too: these are told as they are read."""
    with h5py.File(cube_at(copy, "0001"), "r+") as file:
        file["hypercube"].attrs["scale_factor"] = 0.5
    values = {item.scene.name: item.values for item in looked_at(copy).read}
    assert values["0001"].greatest == pytest.approx(4095 / 2)
    assert values["0002"].greatest == 4095


def test_a_cube_read_by_columns_is_measured_whole(tmp_path):
    data = np.random.default_rng(0).uniform(1, 2, (40, 60, 9)).astype("float32")
    data[3, 5, 2], data[7, 50, 4], data[8, 8, 8] = -1, 9, np.nan
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("cube", data=data.transpose(2, 1, 0), chunks=(9, 1, 40))
    cube = open_cube(tmp_path / "a.mat")
    measured = Measured(cube)
    survey(measured, 16)
    assert measured.complete
    values = measured.account.values(cube, 1)
    assert (values.least, values.greatest, values.negative, values.invalid_pixels) == (-1, 9, 1, 1)


def test_votes_count_only_where_they_are_clear():
    unclear = Evidence({"none": 0.2, "transpose": 0.9}, z=1.0)
    item = SimpleNamespace(evidence=unclear, values=True, scene=SimpleNamespace(name="a"))
    settled, problems = settle_by(KIND, [item], "auto")
    assert settled.orientation == "none"
    assert problems == []


def test_counts_are_those_of_the_copy(copy):
    kind = replace(KIND, scenes=7)
    (problem,) = looked_at(copy, kind).problems
    assert (problem.severity, problem.said) == (
        "wrong", "6 scenes with cube and mask, published are 7",
    )  # fmt: skip
    chosen = looked_at(copy, kind, choice=Choice("seeded"))
    assert [item.severity for item in chosen.problems] == ["note"]
    assert [item.severity for item in looked_at(copy, replace(KIND, scenes=5)).problems] == ["note"]


def test_sets_that_differ_in_bands_or_types_are_noted(copy):
    write_counts(cube_at(copy, "0001"), counts(copy, "0001")[:, :, :8].astype("float32"))
    said = [problem.said for problem in looked_at(copy, replace(KIND, bands=None)).problems]
    assert said[0].startswith("the cubes differ in bands (8: 0001; 12: 0002, 0003, 0004 and 2 more")
    assert said[1].startswith("the cubes differ in types of numbers (float32: 0001; uint16: ")


def test_an_empty_split_is_noted(copy):
    write_lists(copy / "splits", train=NAMES, val=[], test=[])
    assert [problem.said for problem in looked_at(copy).problems] == ["no scene in the test split"]


def test_no_scene_at_all_is_a_report_too(copy):
    for name in NAMES:
        mask_at(copy, name).unlink()
    report = looked_at(copy)
    assert len(report.of("wrong")) == 7
    assert report.inspections == []
    json.dumps(report.to_table())


def test_room_for_the_prepared_set(copy, monkeypatch):
    report = looked_at(copy, size=96)
    assert report.disk.needed_bytes == 6 * (96**2 * 5 + 96**2 // 6 * 12 * 4)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    (problem,) = check(KIND, Request(root=copy, output=copy / "a" / "b", size=512)).problems
    assert (problem.severity, problem.group) == ("wrong", "disk")
    assert problem.said == "the prepared set needs 21 MB, free are 1 MB"


def test_processes_find_the_same(copy):
    cut(cube_at)(copy, "0002")
    alone, several = looked_at(copy).to_table(), looked_at(copy, workers=2).to_table()
    for table in (alone, several):
        del table["disk"]
    assert alone == several


def test_a_killed_process_is_reported_with_its_scene(copy, monkeypatch):
    def killed(function, items, **_):
        yield items[0], WorkerDied()
        yield from ((item, function(item)) for item in items[1:])

    monkeypatch.setattr("dmssn.checking.over_all", killed)
    (problem,) = looked_at(copy).of("wrong")
    assert (problem.scene, problem.said) == ("0001", f"{WorkerDied()}; use fewer --workers")


# The commands.


def run(capsys, *tokens) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["dataset", *map(str, tokens)])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


@pytest.fixture
def own(tmp_path) -> Path:
    """A folder of one's own."""
    for seed, name in enumerate(["b10", "b2", "b1"]):
        write_scene(tmp_path / "own", name, kind="folder", seed=seed)
    write_lists(tmp_path / "own" / "splits", train=["b10", "b2"], test=["b1"])
    return tmp_path / "own"


def test_a_clean_folder_is_reported_and_exits_with_0(own, capsys):
    code, out, err = run(capsys, "check", "folder", own)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"a folder of scenes in {own}: nothing wrong, 0 to note"
    told = {line[2:15].strip(): line[15:] for line in lines[1:]}
    assert told["scenes"] == "3: 1 train, 1 val, 1 test"
    assert told["cubes"] == "48 x 64 x 12, uint16"
    assert told["numbers"] == "0 to 4095; 3 of 3 cubes read"
    assert told["orientation"].startswith("none: as documented; of 3 cubes")
    assert told["disk"].startswith("prepared at size 256 it takes up to about 3 MB")


def test_what_is_wrong_exits_with_1_and_is_grouped(own, capsys):
    (own / "masks" / "b2.jpg").unlink()
    cube = own / "cubes" / "b1.mat"
    cube.write_bytes(cube.read_bytes()[:4000])
    code, out, _ = run(capsys, "check", "folder", own)
    assert code == 1
    listed = out[out.index("wrong:\n") :].splitlines()
    assert listed[:5] == [
        "wrong:",
        "  files",
        "    a cube without a mask: b2",
        "    no scene in the val split",
        "  cubes",
    ]
    assert listed[5].startswith("    unreadable: b1 (cannot be read, it is damaged")


def test_json_has_stable_keys(own, capsys):
    code, out, _ = run(capsys, "check", "folder", own, "--json", "--read", "1")
    table = json.loads(out)
    assert code == 0
    assert [*table] == [
        "format", "set", "title", "root", "wrong", "notes", "split", "counts", "orientation",
        "range", "dtypes", "disk", "problems", "scenes",
    ]  # fmt: skip
    assert table["counts"] == {
        "complete": 3, "published": None, "read": 1, "train": 1, "val": 1, "test": 1,
    }  # fmt: skip
    scene = next(scene for scene in table["scenes"] if scene["values"])
    assert [*scene] == [
        "name", "split", "cube", "mask", "colour", "stored", "shape", "dtype", "values",
        "mask_shape", "salient", "evidence",
    ]  # fmt: skip
    assert [*scene["values"]] == [
        "least", "greatest", "negative", "invalid_pixels", "constant_bands", "empty_bands",
    ]  # fmt: skip
    assert [*scene["evidence"]] == ["winner", "decisive", "z", "scores"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--read", "some"], "--read takes all, none or a number"),
        (["--split", "nobodys"], "'nobodys' is no split"),
        (["--fold", "6/5"], "fold"),
        (["--fold", "1/2", "--split", "seeded"], "exclude each other"),
        (["--val", "2"], "val must be"),
        (["--size", "3"], "size must be"),
        (["--workers", "0"], "--workers must be"),
        (["--orientation", "sideways"], "--orientation"),
    ],
)
def test_wrong_use_exits_with_2(own, capsys, options, said):
    code, out, err = run(capsys, "check", "folder", own, *options)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_an_unknown_set_or_no_folder(own, capsys):
    code, _, err = run(capsys, "check", "hsod", own)
    assert code == 2
    assert "known: folder, hsod-bit" in err
    code, _, err = run(capsys, "check", "hs-sod", own / "none")
    assert code == 1
    assert "no such folder" in err


def test_a_folder_one_level_off_is_recognized(own, capsys):
    for folder in (own.parent, own / "cubes"):
        code, _, err = run(capsys, "check", "folder", folder)
        assert code == 1
        assert err.endswith(f"; {own} looks like it\n")


def test_the_other_split_of_hs_sod_is_mentioned(clean, capsys):
    _, out, _ = run(capsys, "check", "hs-sod", clean, "--read", "none")
    assert "split 'dmssn': 48 / 12 scenes, as DMSSN (there is also smn)" in out
    assert ", and 27 more, see --json\n" in out


def test_the_list_tells_every_set(capsys):
    code, out, err = run(capsys, "list")
    assert (code, err) == (0, "")
    for name, kind in DATA_SETS.items():
        assert f"{name}: {kind.title}\n" in out
    assert "60 of 81 bands, up to 768 x 1024 pixels" in out
    assert "dmssn (48 / 12 scenes, as DMSSN), the default; smn (48 / 12 scenes, as SMN)" in out
    assert "get a copy from its authors" in out
    code, out, _ = run(capsys, "list", "--json")
    tables = {table["name"]: table for table in json.loads(out)}
    assert code == 0
    assert [*tables] == [*DATA_SETS]
    assert [*tables["hs-sod"]] == [
        "name", "title", "scenes", "bands", "shape", "divisor", "wavelengths_nm",
        "wavelengths_source", "splits", "default_split", "sizes", "orientation", "folders",
        "parted_by", "cube_suffixes",
    ]  # fmt: skip
    assert tables["hs-sod"]["wavelengths_nm"][:2] == [380, 385]
    assert tables["hsod-bit-v2"]["sizes"] == [406, 94]
    assert tables["hsod-bit"]["orientation"] is None
