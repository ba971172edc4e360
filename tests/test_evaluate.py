"""``dmssn evaluate`` and ``dmssn.evaluate``: files in, scores out."""

import csv
import json
import math

import numpy as np
import pytest
import tifffile
from PIL import Image

import dmssn
from dmssn.cli import main
from dmssn.metric_names import HEADINGS, PUBLISHED_HEADINGS
from dmssn.metrics import published_score, score
from dmssn.saliency_maps import read_saliency
from dmssn.scoring import Scoring

RNG = np.random.default_rng(0)
MASKS = {name: RNG.random((12, 17)) < 0.3 for name in ("a", "b.2", "c")}
LEVELS = {name: RNG.integers(0, 65536, (12, 17)).astype(np.uint16) for name in MASKS}


@pytest.fixture
def folders(tmp_path):
    """Maps as ``dmssn predict`` writes them, and masks."""
    maps, masks = tmp_path / "maps", tmp_path / "masks"
    maps.mkdir()
    masks.mkdir()
    for name, mask in MASKS.items():
        Image.fromarray(LEVELS[name]).save(maps / f"{name}.saliency.png")
        Image.fromarray(np.zeros((12, 17, 3), np.uint8)).save(maps / f"{name}.overlay.png")
        Image.fromarray(mask * np.uint8(255)).save(masks / f"{name}.png")
    (maps / "notes.txt").write_text("not a map")
    (maps / ".c.saliency.png").write_bytes(b"half of a map that is being written")
    return maps, masks


def run(capsys, *tokens):
    """Exit code, stdout and stderr of the command."""
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, tokens)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_scores_are_those_of_the_maps_divided_by_their_full_scale(folders):
    evaluation = dmssn.evaluate(*folders)
    assert list(evaluation.scenes) == ["a", "b.2", "c"]
    for name, values in evaluation.scenes.items():
        assert values == score(LEVELS[name] / 65535, MASKS[name])


def test_mean_and_std_are_over_the_scenes(folders):
    evaluation = dmssn.evaluate(*folders)
    errors = [values["mean_absolute_error"] for values in evaluation.scenes.values()]
    assert evaluation.mean["mean_absolute_error"] == pytest.approx(np.mean(errors))
    assert evaluation.std["mean_absolute_error"] == pytest.approx(np.std(errors))
    assert set(evaluation.counted.values()) == {3}


def test_a_mean_skips_scenes_where_the_metric_is_undefined_and_says_so(folders):
    maps, masks = folders
    Image.fromarray(np.zeros((12, 17), np.uint8)).save(masks / "a.png")
    evaluation = dmssn.evaluate(maps, masks)
    assert math.isnan(evaluation.scenes["a"]["roc_auc"])
    others = [evaluation.scenes[name]["roc_auc"] for name in ("b.2", "c")]
    assert evaluation.mean["roc_auc"] == pytest.approx(np.mean(others))
    assert evaluation.counted["roc_auc"] == 2
    assert evaluation.counted["mean_absolute_error"] == 3


def test_a_metric_that_no_scene_defines_has_no_mean(folders):
    maps, masks = folders
    for name in MASKS:
        Image.fromarray(np.zeros((12, 17), np.uint8)).save(masks / f"{name}.png")
    evaluation = dmssn.evaluate(maps, masks)
    assert math.isnan(evaluation.mean["roc_auc"])
    assert math.isnan(evaluation.std["nss"])
    assert json.loads(evaluation.to_json())["mean"]["roc_auc"] is None


def test_single_files_can_be_given(folders):
    maps, masks = folders
    evaluation = dmssn.evaluate(
        [maps / "a.saliency.png", maps / "c.saliency.png"], [str(masks / "c.png"), masks / "a.png"]
    )
    assert list(evaluation.scenes) == ["a", "c"]


@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        (lambda path, map_: np.save(path, map_), ".npy"),
        (lambda path, map_: np.save(path, map_.astype(np.float32)), ".npy"),
        (lambda path, map_: tifffile.imwrite(path, map_), ".tif"),
        (lambda path, map_: tifffile.imwrite(path, map_.astype(np.float32)), ".TIFF"),
        (lambda path, map_: Image.fromarray((map_ * 255).astype(np.uint8)).save(path), ".png"),
        (lambda path, map_: Image.fromarray((map_ * 255).astype(np.uint8)).save(path), ".bmp"),
        (lambda path, map_: Image.fromarray((map_ * 65535).astype(np.uint16)).save(path), ".tif"),
    ],
)
def test_a_map_comes_back_in_zero_to_one(tmp_path, write, suffix):
    wanted = np.linspace(0, 1, 256).reshape(8, 32)
    path = tmp_path / f"map{suffix}"
    write(path, wanted)
    assert read_saliency(path) == pytest.approx(wanted, abs=1 / 255)
    assert read_saliency(path).dtype == np.float64


def test_an_eight_bit_level_is_itself_over_255(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    Image.fromarray(levels).save(tmp_path / "map.png")
    np.testing.assert_array_equal(read_saliency(tmp_path / "map.png") * 255, levels)


def test_a_grey_map_may_be_stored_in_three_channels(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    Image.fromarray(levels).convert("RGB").save(tmp_path / "map.png")
    np.testing.assert_array_equal(read_saliency(tmp_path / "map.png") * 255, levels)


@pytest.mark.parametrize(
    ("write", "suffix", "message"),
    [
        (lambda path: np.save(path, np.full((12, 17), 128, np.uint8)), ".npy", "uint8"),
        (lambda path: np.save(path, np.full((12, 17), 1.5)), ".npy", r"from 1\.5 to 1\.5"),
        (lambda path: np.save(path, np.full((12, 17), np.nan)), ".npy", "nan"),
        (lambda path: np.save(path, np.array([{}])), ".npy", "cannot be read|not an array"),
        (lambda path: path.write_bytes(b""), ".npy", "not an array"),
        (lambda path: path.write_bytes(b""), ".png", "not a picture"),
        (lambda path: tifffile.imwrite(path, np.zeros((12, 17), np.int32)), ".tif", "int32"),
        (lambda path: Image.fromarray(RNG.integers(0, 256, (12, 17, 3)).astype(np.uint8)).save(
            path), ".png", "in colour"),
        (lambda path: np.save(path, np.zeros((17, 12))), ".npy", "17 x 12.*12 x 17"),
        (lambda path: np.save(path, np.zeros((1, 12, 17))), ".npy", r"\(H, W\).*\(1, 12, 17\)"),
        (lambda path: np.save(path, np.float64(0.5)), ".npy", r"\(H, W\).*\(\)"),
        (lambda path: np.save(path, np.zeros((0, 17))), ".npy", r"\(0, 17\)"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_scored_is_an_error_naming_it(tmp_path, write, suffix, message):
    write(tmp_path / f"scene{suffix}")
    (tmp_path / "masks").mkdir()
    Image.fromarray(MASKS["a"]).save(tmp_path / "masks" / "scene.png")
    with pytest.raises(ValueError, match=rf"scene\{suffix}.*({message})"):
        dmssn.evaluate(tmp_path, tmp_path / "masks")


def test_names_without_partner_are_all_named(folders):
    maps, masks = folders
    (maps / "a.saliency.png").rename(maps / "a_otsu.saliency.png")
    (masks / "c.png").rename(masks / "C.png")
    with pytest.raises(ValueError, match=r"no saliency map for C, a; no mask for a_otsu, c$"):
        dmssn.evaluate(maps, masks)


def test_maps_of_other_programs_need_no_mark(folders):
    maps, masks = folders
    for path in maps.glob("*.overlay.png"):
        path.unlink()
    for name in MASKS:
        (maps / f"{name}.saliency.png").rename(maps / f"{name}.png")
    assert list(dmssn.evaluate(maps, masks).scenes) == ["a", "b.2", "c"]


def test_two_masks_of_one_name_are_an_error(folders):
    (folders[1] / "a.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"two files for the mask of a: .*a\.npz and .*a\.png"):
        dmssn.evaluate(*folders)


def test_two_maps_of_one_name_in_two_places_are_an_error(folders, tmp_path):
    (tmp_path / "more").mkdir()
    np.save(tmp_path / "more" / "a.saliency.npy", LEVELS["a"] / 65535)
    with pytest.raises(ValueError, match=r"two files for the saliency map of a: .*png and .*npy"):
        dmssn.evaluate([folders[0], tmp_path / "more"], folders[1])


def test_two_maps_of_another_program_of_one_name_are_an_error(folders):
    for path in folders[0].glob("*.png"):
        path.unlink()
    for name in MASKS:
        Image.fromarray(LEVELS[name]).save(folders[0] / f"{name}.png")
    np.save(folders[0] / "a.npy", LEVELS["a"] / 65535)
    with pytest.raises(ValueError, match=r"two files for the saliency map of a: .*npy and .*png"):
        dmssn.evaluate(*folders)


def test_of_the_files_of_one_of_our_maps_the_most_exact_counts(folders):
    exact = {kind: RNG.random((12, 17)).astype(np.float32) for kind in ("npy", "tif")}
    for name, kinds in {"a": ("tif", "npy"), "b.2": ("tif",)}.items():
        for kind in kinds:
            path = folders[0] / f"{name}.saliency.{kind}"
            np.save(path, exact[kind]) if kind == "npy" else tifffile.imwrite(path, exact[kind])
    wanted = {"a": exact["npy"], "b.2": exact["tif"], "c": LEVELS["c"] / 65535}
    scenes = dmssn.evaluate(*folders).scenes
    assert list(scenes) == list(wanted)
    for name, saliency in wanted.items():
        assert scenes[name] == score(saliency.astype(np.float64), MASKS[name])


def test_a_mask_is_not_scored_against_itself(folders):
    with pytest.raises(ValueError, match="taken for the map and for the mask of a"):
        dmssn.evaluate(folders[1], folders[1])


@pytest.mark.parametrize("which", [0, 1])
def test_a_folder_without_files_or_that_is_not_there_is_an_error(folders, tmp_path, which):
    given = list(folders)
    (tmp_path / "empty").mkdir()
    given[which] = tmp_path / "empty"
    with pytest.raises(ValueError, match=r"no (saliency map|mask) in .*empty; looked for"):
        dmssn.evaluate(*given)
    given[which] = tmp_path / "absent"
    with pytest.raises(FileNotFoundError, match="absent"):
        dmssn.evaluate(*given)
    given[which] = folders[0] / "notes.txt"
    with pytest.raises(ValueError, match=r"notes\.txt: expected a file ending in"):
        dmssn.evaluate(*given)


def test_a_crop_leaves_the_rest_out(folders):
    maps, masks = folders
    for name, mask in MASKS.items():
        crop = np.array([2, 9, 3, 17])
        np.savez(masks / f"{name}.npz", cube=np.zeros((12, 17, 3)), truth=mask, crop=crop)
    evaluation = dmssn.evaluate(maps, masks, mask_key="truth", crop_key="crop")
    wanted = score(LEVELS["a"][2:9, 3:17] / 65535, MASKS["a"][2:9, 3:17])
    assert evaluation.scenes["a"] == wanted


def test_a_map_of_zeros_and_ones_in_eight_bits_is_noted(folders):
    maps, masks = folders
    Image.fromarray(MASKS["a"].astype(np.uint8)).save(maps / "a.saliency.png")
    (note,) = dmssn.evaluate(maps, masks).notes
    assert "a.saliency.png" in note


def test_a_mask_whose_salient_level_is_ignored_is_noted_by_the_command(folders, capsys):
    maps, masks = folders
    words = ["--maps", maps, "--masks", masks, "--json"]
    assert run(capsys, *words)[2] == ""
    code, out, err = run(capsys, *words, "--ignore", 255)
    assert code == 0
    assert [line.split(": ")[0] for line in err.splitlines()] == [
        str(masks / f"{name}.png") for name in sorted(MASKS)
    ]
    assert all("no pixel is salient once those at 255" in line for line in err.splitlines())
    assert json.loads(out)["notes"] == err.splitlines()


def with_attributes(folders, **codes):
    """The masks become those of a folder of generated scenes."""
    scenes = [{"name": name, "attributes": codes.get(name[0], [])} for name in MASKS]
    (folders[1].parent / "scenes.json").write_text(json.dumps({"scenes": scenes}))


def test_scenes_that_share_an_attribute_have_a_mean_of_their_own(folders, capsys):
    with_attributes(folders, a=["CS", "SO"], c=["SO"])
    evaluation = dmssn.evaluate(*folders)
    parts = evaluation.by_attribute
    assert {code: list(part.scenes) for code, part in parts.items()} == {
        "CS": ["a"],
        "SO": ["a", "c"],
        "none": ["b.2"],
    }
    for part in parts.values():
        assert all(part.scenes[name] == evaluation.scenes[name] for name in part.scenes)
    told = json.loads(evaluation.to_json())["by_attribute"]
    assert told["SO"] == {"scenes": 2, "mean": parts["SO"].mean}
    _, out, _ = run(capsys, "--maps", folders[0], "--masks", folders[1])
    (line,) = (line for line in out.splitlines() if line.startswith("SO (2)"))
    assert line.split()[2] == f"{parts['SO'].mean['mean_absolute_error']:.3f}"


@pytest.mark.parametrize("content", [None, "{", "[]", '{"scenes": [{"name": "a"}]}'])
def test_scenes_of_which_nothing_is_told_have_no_attributes(folders, content):
    if content is not None:
        (folders[1].parent / "scenes.json").write_text(content)
    evaluation = dmssn.evaluate(*folders)
    assert evaluation.by_attribute == {}
    assert json.loads(evaluation.to_json())["by_attribute"] == {}


def test_the_csv_has_every_scene_and_all_digits(folders, tmp_path):
    evaluation = dmssn.evaluate(*folders)
    evaluation.write_csv(tmp_path / "deep" / "scores.csv")
    with (tmp_path / "deep" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row.pop("scene") for row in rows] == list(evaluation.scenes)
    for row, values in zip(rows, evaluation.scenes.values(), strict=True):
        assert {name: float(text) for name, text in row.items()} == values


def test_the_command_prints_every_scene_and_the_mean_without_folding(folders, capsys):
    code, out, _ = run(capsys, "--maps", folders[0], "--masks", folders[1])
    assert code == 0
    *table, size, stretching = out.splitlines()
    assert (size, stretching) == tuple(Scoring().said)
    lines = [line.split() for line in table if line.strip()]
    assert [line[0] for line in lines] == ["scene", "a", "b.2", "c", "mean", "std", "scenes"]
    error = dmssn.evaluate(*folders).scenes["b.2"]["mean_absolute_error"]
    assert lines[2][1] == f"{error:.3f}"
    assert all(len(line) == 1 + len(HEADINGS) for line in lines[1:])


def test_a_scene_name_in_brackets_is_printed_as_it_is(folders, capsys):
    for folder, suffix in zip(folders, (".saliency.png", ".png"), strict=True):
        (folder / f"a{suffix}").rename(folder / f"[red]{suffix}")
    assert "[red]" in run(capsys, "--maps", folders[0], "--masks", folders[1])[1]


def test_the_command_prints_json(folders, capsys):
    code, out, _ = run(capsys, "--maps", folders[0], "--masks", folders[1], "--json")
    assert code == 0
    assert json.loads(out)["scenes"] == dmssn.evaluate(*folders).scenes


def test_the_command_writes_a_csv(folders, tmp_path, capsys):
    output = tmp_path / "scores.csv"
    code, _, _ = run(capsys, "--maps", folders[0], "--masks", folders[1], "-o", output)
    assert code == 0
    assert len(output.read_text().splitlines()) == 4


def test_a_failure_is_one_line_and_exit_code_1(folders, capsys):
    (folders[1] / "a.png").unlink()
    code, out, err = run(capsys, "--maps", folders[0], "--masks", folders[1])
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("dmssn evaluate: ")
    assert "no mask for a" in err


def test_an_output_that_is_no_csv_is_a_usage_error(folders, capsys):
    code, _, err = run(capsys, "--maps", folders[0], "--masks", folders[1], "-o", "scores.xlsx")
    assert code == 2
    assert "scores.xlsx" in err


def test_an_output_that_cannot_be_written_is_said_before_the_scoring(
    folders, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("dmssn.evaluation.evaluate", lambda *_, **__: pytest.fail("scored"))
    call = ["--maps", folders[0], "--masks", folders[1], "-o"]
    code, out, err = run(capsys, *call, folders[0] / "notes.txt" / "scores.csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{folders[0] / 'notes.txt'}: cannot be made a folder to write to" in err
    (tmp_path / "scores.csv").mkdir()
    code, out, err = run(capsys, *call, tmp_path / "scores.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"--output {tmp_path / 'scores.csv'} is a folder" in err


def test_the_table_has_a_heading_for_every_metric():
    pair = np.zeros((2, 2)), np.eye(2, dtype=bool)
    assert list(HEADINGS) == list(score(*pair))
    assert list(PUBLISHED_HEADINGS) == list(published_score(*pair))


def test_the_command_scores_as_it_is_told_and_says_so(folders, capsys):
    words = ["--maps", folders[0], "--masks", folders[1], "--size", 8, "--stretch", "--published"]
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "pub AUC" in out.splitlines()[0]
    assert "Scored at 8 x 8 pixels" in out
    assert "stretched to [0, 1]" in out
    code, out, _ = run(capsys, *words, "--json")
    told = json.loads(out)
    wanted = dmssn.evaluate(*folders, size=8, stretch=True, published=True)
    assert told["scenes"] == wanted.scenes
    assert told["scoring"] == list(wanted.scoring)


def test_a_mask_level_that_does_not_count_is_left_out_by_the_command(folders, capsys):
    maps, masks = folders
    levels = np.asarray(Image.open(masks / "a.png")).copy() // 255
    levels[:5] = 255
    Image.fromarray(levels).save(masks / "a.png")
    code, out, _ = run(capsys, "--maps", maps, "--masks", masks, "--ignore", 255, "--json")
    assert code == 0
    values = json.loads(out)["scenes"]["a"]
    wanted = score((LEVELS["a"] / 65535)[5:], MASKS["a"][5:])
    assert values["roc_auc"] == pytest.approx(wanted["roc_auc"], abs=1e-12)
    assert values["s_measure"] is None


def test_real_masks_score_perfectly_against_themselves(real_data, tmp_path):
    for path in (real_data / "cave").glob("*.npz"):
        with np.load(path) as stored:
            Image.fromarray((stored["mask"] > 0) * np.uint8(255)).save(
                tmp_path / f"{path.stem}.png"
            )
    evaluation = dmssn.evaluate(tmp_path, real_data / "cave", mask_key="mask", crop_key="crop_yyxx")
    assert len(evaluation.scenes) == 4
    assert evaluation.mean["mean_absolute_error"] == 0
    assert evaluation.mean["roc_auc"] == 1
