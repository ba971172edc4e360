"""``dmssn benchmark``: detectors and maps of other programs, compared on the same scenes."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import dmssn
from dmssn.cli import main
from dmssn.config import SettingError
from dmssn.detector import detector_names
from dmssn.judging.contestants import Contestant, contestants
from dmssn.readers import read_cube
from dmssn.saliency_maps import read_saliency
from dmssn.scoring import Scoring
from dmssn.store import PreparedSet, read_scene
from generated import cube_of, with_object, write_folder, write_scene_files
from making import BANDS, PREPARE, write_detector

pytestmark = pytest.mark.usefixtures("unrendered")

NAMES = ("a", "b", "c")
SIZE = {"height": 24, "width": 30, "bands": BANDS}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """``cubes/`` and ``masks/`` of three small scenes."""
    root = tmp_path_factory.mktemp("set")
    for seed, name in enumerate(NAMES):
        write_scene_files(root, *with_object(cube_of(**SIZE, seed=seed, name=name), seed))
    return root


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def judge(*tokens) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", *map(str, tokens)])
    return int(ended.value.code or 0)


def given(root: Path) -> list:
    return ["--cubes", root / "cubes", "--masks", root / "masks"]


def results_in(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def judged(scenes, network, tmp_path_factory, unrendered) -> Path:
    """A benchmark of two detectors, with all its pictures; what is in it is only read."""
    out = tmp_path_factory.mktemp("out") / "judged"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", unrendered)
        assert judge(*given(scenes), "--detectors", f"tiny={network},sad", "-o", out) == 0
    return out


def test_scores_are_those_of_evaluate_on_the_maps(judged, scenes):
    results = results_in(judged)
    assert [entry["name"] for entry in results["entries"]] == ["tiny", "sad"]
    for entry in ("tiny", "sad"):
        evaluation = dmssn.evaluate(judged / "maps" / entry, scenes / "masks")
        assert results["scores"][entry] == evaluation.scenes


def test_maps_are_those_the_detectors_make(judged, scenes, network):
    for entry, text in (("tiny", str(network)), ("sad", "sad")):
        detector = dmssn.load_detector(text, device="cpu")
        for name in NAMES:
            wanted = detector(read_cube(scenes / "cubes" / f"{name}.npz"))
            found = read_saliency(judged / "maps" / entry / f"{name}.saliency.png")
            # Threads of another number add in another order.
            np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_all_that_is_promised_is_written(judged):
    names = {path.name for path in judged.iterdir() if not path.name.startswith(".")}
    assert names >= {
        "settings.json",
        "results.json",
        "table.csv",
        "differences.csv",
        "scores.csv",
        "benchmark.md",
        "benchmark.html",
        "curves.png",
        "curves.svg",
        "sheet_01.png",
        "maps",
        "colour",
    }
    with Image.open(judged / "curves.png") as picture:
        assert picture.width == 1560
    page = (judged / "benchmark.html").read_text()
    for said in ("tiny", "sad", "the mask's own size", "none stretched", "too few"):
        assert said.replace("'", "&#x27;") in page or said in page


def test_what_is_said_of_maps_is_told_once_with_the_scenes_it_is_of(judged):
    notes = results_in(judged)["notes"]
    pyramid = [note for note in notes if "the pyramid of 24 x 30 pixels ends" in note]
    assert len(pyramid) == 1
    assert pyramid[0].startswith("sad: ")
    assert pyramid[0].endswith(" (a, b, c)")
    assert "tiny: 8 bands as the detector's" not in " ".join(notes)
    assert sum(note.startswith("tiny: bands") for note in notes) == 1


def test_what_an_entry_is_and_costs_is_told(judged, network):
    tiny, sad = results_in(judged)["entries"]
    assert (tiny["kind"], sad["kind"]) == ("network", "classical")
    assert tiny["parameters"] == dmssn.load_detector(str(network)).parameters > 0
    assert sad["parameters"] == 0
    for entry in (tiny, sad):
        assert 0 < entry["seconds"] < 60
        assert entry["memory"] > 2**20
        assert entry["gpu_memory"] is None
    with (judged / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["tiny", "sad"]


def copy_of(judged: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(judged, tmp_path / "again"))


def moments(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("maps/*/*.png")}


def bytes_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_run_again_it_keeps_what_is_done_and_writes_the_same_bytes(
    judged, scenes, network, tmp_path, monkeypatch, unrendered
):
    monkeypatch.setattr(Figure, "savefig", unrendered)
    out = copy_of(judged, tmp_path)
    before, kept = bytes_in(out), moments(out)
    assert judge(*given(scenes), "--detectors", f"tiny={network},sad", "-o", out) == 0
    assert moments(out) == kept
    assert bytes_in(out) == before


def test_what_is_missing_or_of_another_cube_is_made_again(judged, scenes, network, tmp_path):
    out, root = copy_of(judged, tmp_path), Path(shutil.copytree(scenes, tmp_path / "set"))
    maps = out / "maps" / "sad"
    (maps / "b.json").unlink()  # as where it was stopped between the map and its record
    cube = read_cube(root / "cubes" / "c.npz").data
    np.savez(root / "cubes" / "c.npz", cube=cube[::-1].copy())
    before = moments(out)
    assert judge(*given(root), "--detectors", f"tiny={network},sad", "-o", out) == 0
    changed = {Path(name).name[0] for name, when in moments(out).items() if before[name] != when}
    assert changed == {"b", "c"}
    flipped = read_saliency(maps / "c.saliency.png")
    found = read_saliency(judged / "maps" / "sad" / "c.saliency.png")
    assert np.abs(flipped - found).max() > 0.1


def test_maps_of_another_program_join_by_name(judged, scenes, tmp_path):
    maps = tmp_path / "theirs"
    maps.mkdir()
    for name in (*NAMES, "not-asked-for"):
        Image.fromarray(np.full((24, 30), 128, np.uint8)).save(maps / f"{name}.png")
    out = copy_of(judged, tmp_path)
    words = [*given(scenes), "--detectors", "sad", "--maps", f"flat={maps}", "-o", out]
    assert judge(*words, "--reference", "flat") == 0
    results = results_in(out)
    assert [entry["kind"] for entry in results["entries"]] == ["classical", "maps"]
    assert results["reference"] == "flat"
    assert results["entries"][1]["seconds"] is None
    assert {values["roc_auc"] for values in results["scores"]["flat"].values()} == {0.5}


def test_a_missing_map_is_said_before_any_work(scenes, tmp_path, capsys):
    maps = tmp_path / "theirs"
    maps.mkdir()
    Image.fromarray(np.zeros((24, 30), np.uint8)).save(maps / "a.png")
    out = tmp_path / "out"
    assert judge(*given(scenes), "--detectors", "none", "--maps", f"x={maps}", "-o", out) == 1
    assert "no map of b, c" in capsys.readouterr().err
    assert not out.exists()


def test_a_scene_that_fails_counts_for_nobody(judged, scenes, tmp_path, capsys):
    root = Path(shutil.copytree(scenes, tmp_path / "set"))
    cube = read_cube(root / "cubes" / "b.npz").data
    np.savez(root / "cubes" / "b.npz", cube=np.full_like(cube, np.nan))
    out = copy_of(judged, tmp_path)
    assert judge(*given(root), "--detectors", "sad,rx", "-o", out) == 1
    assert "b is left out" in capsys.readouterr().err
    results = results_in(out)
    assert list(results["left_out"]) == ["b"]
    assert all(f"{name}: " in results["left_out"]["b"] for name in ("sad", "rx"))
    assert not list(out.glob("maps/sad/b.*"))  # nor is the map of another time left
    for scores in results["scores"].values():
        assert list(scores) == ["a", "c"]


@pytest.mark.parametrize("fault", ["size of a map", "damaged mask", "turned mask", "truth as map"])
def test_what_cannot_be_scored_is_said_before_any_work(fault, scenes, tmp_path, capsys):
    root, maps = Path(shutil.copytree(scenes, tmp_path / "set")), tmp_path / "theirs"
    maps.mkdir()
    for name in NAMES:
        Image.fromarray(np.zeros((24, 30), np.uint8)).save(maps / f"{name}.png")
    mask = root / "masks" / "c.png"
    if fault == "size of a map":
        Image.fromarray(np.zeros((24, 31), np.uint8)).save(maps / "c.png")
    elif fault == "damaged mask":
        mask.write_bytes(mask.read_bytes()[:60])
    elif fault == "turned mask":
        Image.open(mask).transpose(Image.Transpose.TRANSPOSE).save(mask)
    else:
        maps = root / "masks"
    out = tmp_path / "out"
    words = ["--detectors", "sad", "--maps", f"theirs={maps}", "-o", out]
    assert judge(*given(root), *words) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert {"size of a map": "24 x 31", "damaged mask": "c.png", "turned mask": "is it turned?",
            "truth as map": "taken for the map and the mask of a"}[fault] in err  # fmt: skip
    assert not out.exists()


def test_a_cube_is_another_when_anything_that_decides_its_numbers_changes(tmp_path):
    from dmssn.commands.benchmark import _read_as
    from dmssn.commands.cube_options import CubeOptions
    from dmssn.judging.scenes import FileScene
    from dmssn.readers import open_cube

    def identity(read_as: str = "") -> str:
        raw = tmp_path / "a.raw"
        return FileScene("a", raw, raw, open_cube, Scoring(), read_as).identity()

    (tmp_path / "a.raw").write_bytes(bytes(200_000))
    (tmp_path / "a.hdr").write_text("interleave = bip")
    seen = [identity()]
    (tmp_path / "a.hdr").write_text("interleave = bil")
    seen.append(identity())
    content = bytearray(200_000)
    content[100_000] = 1  # neither at its beginning nor at its end
    (tmp_path / "a.raw").write_bytes(content)
    seen.append(identity())
    lists = tmp_path / "wavelengths.txt"
    for first in (400, 500):
        lists.write_text(f"{first} 600 700")
        seen.append(identity(_read_as(CubeOptions(wavelengths=str(lists)))))
    seen.append(identity(_read_as(CubeOptions(bands="0:2"))))
    assert len(set(seen)) == len(seen)


def test_a_folder_of_generated_scenes_is_judged_by_attribute(tmp_path, capsys):
    root = write_folder(tmp_path / "set", train=1, val=1, test=3, **SIZE)
    told = [
        {"name": f"test_{number}", "attributes": codes}
        for number, codes in enumerate((["CS"], ["CS", "SO"], []))
    ]
    (root / "scenes.json").write_text(json.dumps({"scenes": told}))
    out = tmp_path / "out"
    assert judge(root, "--detectors", "border", "-o", out, "--json") == 0
    results = json.loads(capsys.readouterr().out)
    assert results == results_in(out)
    assert list(results["scores"]["border"]) == ["test_0", "test_1", "test_2"]
    assert results["attributes"] == {"test_0": ["CS"], "test_1": ["CS", "SO"], "test_2": []}
    page = (out / "benchmark.md").read_text()
    assert "CS (2)" in page
    assert "one scene at a time, on cpu" in page


def test_workers_make_the_same_maps(judged, scenes, network, tmp_path):
    out = tmp_path / "out"
    words = ["--detectors", f"tiny={network}", "-o", out, "--workers", 2, "--threads", 1]
    assert judge(*given(scenes), *words) == 0
    for path in out.glob("maps/*/*.png"):
        other = judged / path.relative_to(out)
        np.testing.assert_allclose(read_saliency(path), read_saliency(other), atol=1e-4)


def test_scores_at_another_size_are_those_of_evaluate_there(judged, scenes, tmp_path):
    out = copy_of(judged, tmp_path)
    options = ["--size", 16, "--stretch", "--published"]
    assert judge(*given(scenes), "--detectors", "sad", "-o", out, *options) == 0
    wanted = dmssn.evaluate(
        out / "maps" / "sad", scenes / "masks", size=16, stretch=True, published=True
    )
    assert results_in(out)["scores"]["sad"] == wanted.scenes
    assert "16 x 16" in (out / "benchmark.md").read_text()


def test_a_benchmark_of_other_scenes_is_left_alone(judged, scenes, tmp_path, capsys):
    out, other = copy_of(judged, tmp_path), Path(shutil.copytree(scenes, tmp_path / "set"))
    for path in (other / "cubes" / "a.npz", other / "masks" / "a.png"):
        path.rename(path.with_stem("d"))
    before = bytes_in(out)
    assert judge(*given(other), "--detectors", "sad", "-o", out) == 1
    assert "holds a benchmark on other scenes" in capsys.readouterr().err
    assert bytes_in(out) == before


def test_a_folder_of_something_else_is_left_alone(scenes, tmp_path, capsys):
    (tmp_path / "table.csv").write_text("mine")
    assert judge(*given(scenes), "--detectors", "sad", "-o", tmp_path) == 1
    assert "choose another folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--detectors", "sadd"], "did you mean 'sad'"),
        (["--detectors", "sad,sad"], "two entries are called 'sad'"),
        (["--detectors", "x=sad,x=rx"], "two entries are called 'x'"),
        (["--detectors", "..=sad"], "cannot be called '..'"),
        (["--detectors", "sad", "--split", "val"], "--split is of a folder of scenes"),
        (["--detectors", "sad", "--maps", "theirs"], "--maps takes NAME=FOLDER"),
        (["--detectors", "sad", "--maps", "theirs=absent"], "there is no folder absent"),
        (["--detectors", "none"], "nothing to compare"),
        (["--detectors", "sad", "--reference", "rx"], "--reference rx: no such entry"),
        (["--detectors", "sad", "--size", "1"], "--size must be at least 2"),
        (["--detectors", "sad", "--workers", "0"], "--workers must be at least 1"),
        (["--detectors", "sad", "--prepared", "set"], "--cubes and --masks as well as --prepared"),
        (["--detectors", "local-rx:inner=4:outer=x"], "outer"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(scenes, tmp_path, capsys, words, said):
    assert judge(*given(scenes), "-o", tmp_path / "out", *words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_names_of_cubes_and_masks_that_do_not_match_are_told(scenes, tmp_path, capsys):
    root = Path(shutil.copytree(scenes, tmp_path / "set"))
    (root / "masks" / "a.png").unlink()
    assert judge(*given(root), "--detectors", "sad", "-o", tmp_path / "out") == 1
    assert "no mask for a" in capsys.readouterr().err


def test_cubes_and_masks_may_lie_in_the_same_files(scenes, tmp_path):
    for name in NAMES:
        cube = read_cube(scenes / "cubes" / f"{name}.npz").data
        mask = np.asarray(Image.open(scenes / "masks" / f"{name}.png")) > 0
        np.savez(tmp_path / f"{name}.npz", cube=cube, truth=mask, crop=np.array([2, 20, 3, 28]))
    keys = ["--mask-key", "truth", "--crop-key", "crop"]
    out = tmp_path / "out"
    words = ["--cubes", tmp_path, "--masks", tmp_path, *keys, "--detectors", "sad", "-o", out]
    assert judge(*words) == 0
    wanted = dmssn.evaluate(out / "maps" / "sad", tmp_path, mask_key="truth", crop_key="crop")
    with Image.open(out / "colour" / "a.png") as picture:
        assert picture.size == (25, 18)
    assert results_in(out)["scores"]["sad"] == wanted.scenes


def test_a_prepared_set_is_judged_as_it_was_homogenized(tmp_path, capsys):
    root, out = write_folder(tmp_path / "set", train=2, val=1, test=2, **SIZE), tmp_path / "out"
    prepare = PREPARE | {"bands": 0}  # the cubes' own, with their wavelengths
    network = write_detector(tmp_path / "tiny.safetensors", prepare=prepare)
    words = [root, "-o", tmp_path / "prepared", "--size", prepare["size"]]
    with pytest.raises(SystemExit) as ended:
        main(["prepare", "folder", *map(str, words)])
    assert not ended.value.code
    words = ["--prepared", tmp_path / "prepared", "--detectors", f"tiny={network},sad", "-o", out]
    assert judge(*words) == 0, capsys.readouterr().err
    assert list(results_in(out)["scores"]["tiny"]) == ["test_0", "test_1"]
    detector = dmssn.load_detector(str(network), device="cpu")
    scene = read_scene(tmp_path / "prepared", "test_1")
    found = read_saliency(out / "maps" / "tiny" / "test_1.saliency.png")
    np.testing.assert_allclose(found, detector.on_regions(scene.cube), atol=1e-4)
    assert "homogenize it is not in theirs" in (out / "benchmark.md").read_text()
    # One that was trained on scenes of another size would see what it never saw.
    side = dmssn.load_detector(device="cpu").header.prepare["size"]
    assert side != 32
    refused(f"prepared otherwise (size {side}, not 32", tmp_path, capsys)
    # Nor would one of other wavelengths, though it has as many bands.
    infrared = tmp_path / "infrared.safetensors"
    assert PreparedSet(tmp_path / "prepared").manifest.wavelengths_nm is not None
    write_detector(
        infrared, prepare=prepare, wavelengths_nm=np.linspace(1000, 2500, BANDS).tolist()
    )
    refused("bands of other wavelengths", tmp_path, capsys, detector=infrared)
    for option in (
        ["--split", "val"],
        ["--mask-key", "truth"],
        ["--ignore", 7],
        ["--bands", "0:3"],
    ):
        refused("", tmp_path, capsys, *option, detector="sad")


def refused(said, folder, capsys, *options, detector="dmssn"):
    capsys.readouterr()
    words = ["--prepared", folder / "prepared", "--detectors", detector, "-o", folder / "out"]
    assert judge(*words, *options) == 2
    assert said in capsys.readouterr().err


def test_pixels_a_set_leaves_open_count_for_nobody(tmp_path):
    with pytest.raises(SystemExit):
        main(["dataset", "fake", "hrssd", str(tmp_path / "copy"), "--scenes", "10"])
    out = tmp_path / "out"
    assert judge(tmp_path / "copy", "--set", "hrssd", "--detectors", "border", "-o", out) == 0
    results = results_in(out)
    assert all(scene["s_measure"] is None for scene in results["scores"]["border"].values())
    assert any("not known" in said for said in results["scoring"])


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["sad,rx"], [Contestant("sad", "sad"), Contestant("rx", "rx")]),
        (["sad", "mine=rx"], [Contestant("sad", "sad"), Contestant("mine", "rx")]),
        (["local-rx:inner=3:outer=9"], [Contestant(*["local-rx:inner=3:outer=9"] * 2)]),
        (["x=local-rx:inner=3:outer=9"], [Contestant("x", "local-rx:inner=3:outer=9")]),
        (["dmssn"], [Contestant("dmssn", "dmssn")]),
    ],
)
def test_detectors_are_told_by_name_settings_or_both(words, wanted):
    assert contestants(words, []) == wanted


def test_names_that_would_share_a_folder_are_refused():
    with pytest.raises(SettingError, match="two entries"):
        contestants(["a=sad", "A=rx"], [])


def test_every_detector_of_the_package_can_be_asked_for():
    found = contestants(detector_names(), [])
    assert [one.name for one in found] == detector_names()
    assert len(found) > 10


def test_the_benchmark_command_takes_what_evaluate_takes():
    from inspect import signature

    from dmssn.commands import benchmark, evaluate

    shared = set(signature(evaluate.main).parameters) & set(Scoring.__dataclass_fields__)
    assert shared <= set(signature(benchmark.main).parameters)
    assert shared == set(Scoring.__dataclass_fields__)
