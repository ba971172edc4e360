"""`dmssn reproduce`: from scenes to scores, every step once, whatever interrupts it."""

import json
import re
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from dmssn.cli import app, main
from dmssn.commands.recipe_options import RecipeOptions
from dmssn.commands.reproduce import _settings
from dmssn.config import SettingError
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.faking import write_fake
from dmssn.datasets.faking_plan import FakeSettings
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.splits import Choice
from dmssn.evaluation import Evaluation
from dmssn.origins import made_up
from dmssn.reproduction import steps as reproducing
from dmssn.reproduction.comparing import Scored, markdown, results_of
from dmssn.reproduction.launching import _cause, launch
from dmssn.reproduction.published_results import COLUMNS, METHODS
from dmssn.reproduction.scoring import _published_scenes
from dmssn.runs.run import Run

pytestmark = pytest.mark.usefixtures("unrendered")


def settings(epochs: int) -> tuple[str, ...]:
    return (
        "--prepare.size", "32", "--prepare.mixture.components", "3", "--train.batch", "16",
        "--train.epochs", str(epochs), "--train.workers", "0", "--train.validate_every", "1",
        "--workers", "1", "--device", "cpu",
    )  # fmt: skip


SMALL, SHORT = settings(2), settings(1)
GENERATED = (
    "smoke", "--generate.count", "4", "--generate.size", "32", "--generate.bands", "6",
    "--prepare.bands", "6",
)  # fmt: skip


def run(*tokens) -> tuple[int, str, str]:
    with (
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
        pytest.raises(SystemExit) as ended,
    ):
        main(["reproduce", *map(str, tokens)])
    return ended.value.code, out.getvalue(), err.getvalue()


def write_hs_sod(root: Path, *, quirks: bool) -> Path:
    """The 60 published names in the official layout."""
    write_fake(data_set("hs-sod"), root, FakeSettings(size=(36, 44), quirks=quirks))
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("reproduce")


@pytest.fixture(scope="module")
def root(folder) -> Path:
    return write_hs_sod(folder / "HS-SOD", quirks=False)


def steps(err: str) -> dict[str, str]:
    """What was said of each step in the end."""
    return dict(re.findall(r"^dmssn reproduce: (\w+): (.*)$", err, re.MULTILINE))


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def finished(folder, root) -> dict[str, tuple[int, str, str]]:
    """The calls that led to a finished run in ``folder``, all but the last interrupted."""
    words = ("hs-sod", root, "--run", folder / "run", *SMALL)
    log, calls = Run.log, {}

    def log_one(self, **values):
        log(self, **values)
        if "epoch" in values:
            raise KeyboardInterrupt

    for name, place, broken in (
        ("before the detector", "dmssn.reproduction.steps.train_detector", interrupt),
        ("after an epoch of it", "dmssn.runs.run.Run.log", log_one),
        ("before the scores", "dmssn.reproduction.scoring.evaluate", interrupt),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, broken)
            calls[name] = run(*words)
        if name == "before the detector":
            teacher = (folder / "run" / "teacher" / "best.safetensors").stat().st_mtime_ns
        if name == "after an epoch of it":
            assert (folder / "run" / "running_detector").is_dir()
    calls["not at all"] = run(*words)
    assert (folder / "run" / "teacher" / "best.safetensors").stat().st_mtime_ns == teacher
    return calls


def test_a_published_set_is_reproduced_whatever_interrupts_it(finished, folder):
    assert [code for code, _, _ in finished.values()] == [130, 130, 130, 0]
    said = [steps(err) for _, _, err in finished.values()]
    assert said[1]["teacher"] == said[2]["teacher"] == "done before"
    assert said[2]["predict"].startswith("12 maps")
    done = ("check", "prepare", "teacher", "detector", "predict")
    assert {said[3][step] for step in done} == {"done before"}
    assert finished["not at all"][1] == (folder / "run" / "results.md").read_text()


def test_the_table_has_our_scores_beside_all_that_are_published(finished, folder):
    results = json.loads((folder / "run" / "results.json").read_text())
    page = (folder / "run" / "results.md").read_text()
    assert "Scored at the mask's own size." in page
    assert results["test_scenes"] == 12
    assert results["ours"] == {column: results["mean"][name] for column, name in COLUMNS.items()}
    rows = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)
    assert rows == ["method", *(method.name for method in METHODS), "**dmssn, this run**"]
    assert "| Hyper-HRNet (2025) | 29.6 M | 0.056 | 0.770 | 0.953 | 0.810 |" in page
    assert "| Hyper-HRNet-Lite (2025) | 7.24 M | - | - | - | - |" in page
    assert "NOT COMPARABLE" in page  # a made-up copy
    assert "made-up copy" in results["reason"]
    assert "12 test scenes; split 'dmssn'" in page


def test_of_the_real_set_nothing_is_said_against_comparing(finished, folder):
    results = json.loads((folder / "run" / "results.json").read_text())
    assert "NOT COMPARABLE" not in markdown(results | {"compares": True, "reason": ""})


def test_a_finished_one_does_nothing_again(finished, monkeypatch, folder, root):
    for name in ("prepare_set", "train_teacher", "train_detector", "results_of", "check"):
        monkeypatch.setattr(reproducing, name, interrupt)
    monkeypatch.setattr("dmssn.reproduction.scoring.predict_all", interrupt)
    words = ("hs-sod", root, "--run", folder / "run", *SMALL)
    code, out, err = run(*words, "--json")
    assert code == 0
    assert json.loads(out) == json.loads((folder / "run" / "results.json").read_text())
    assert set(steps(err).values()) == {"done before"}


def test_maps_that_are_missing_are_made_and_no_others(finished, folder, root):
    maps = sorted((folder / "run" / "maps").glob("*.saliency.png"))
    before = json.loads((folder / "run" / "results.json").read_text())
    times = {path: path.stat().st_mtime_ns for path in maps[2:]}
    for path in (*maps[:2], folder / "run" / "results.json"):
        path.unlink()
    code, _, err = run("hs-sod", root, "--run", folder / "run", *SMALL)
    assert (code, steps(err)["predict"].split()[0]) == (0, "2")
    assert {path: path.stat().st_mtime_ns for path in maps[2:]} == times
    assert json.loads((folder / "run" / "results.json").read_text()) == before


def test_other_settings_in_the_same_folder_are_refused(finished, folder, root):
    words = ["hs-sod", root, "--run", folder / "run", *SMALL]
    words += ["--detector.dropout", "0", "--prepare.mixture.seed", "1"]
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert err == (
        f"dmssn reproduce: {folder / 'run'}: begun with other settings (prepare.mixture.seed, "
        "detector.dropout); give the same ones, or choose another --run\n"
    )


def test_a_folder_that_holds_something_else_is_refused(tmp_path, root):
    (tmp_path / "notes.txt").touch()
    code, _, err = run("hs-sod", root, "--run", tmp_path, *SMALL)
    assert (code, err.count("\n")) == (1, 1)
    assert "holds notes.txt and no recipe.toml" in err
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["notes.txt"]


def test_a_bad_copy_stops_at_the_check_and_can_be_gone_on_with(tmp_path):
    root = write_hs_sod(tmp_path / "HS-SOD", quirks=True)
    spoilt = {q["scene"] for q in json.loads((root / "fake.json").read_text())["quirks"].values()}
    assert len(spoilt) == 2
    words = ("hs-sod", root, "--run", tmp_path / "run", *SHORT)
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    for scene in spoilt:
        assert scene in err
    assert "a cube without a mask" in err
    assert "pass --skip-bad" in err.splitlines()[-1]
    assert not (tmp_path / "run" / "prepared").exists()
    code, out, err = run(*words, "--skip-bad", "--json")
    assert code == 0
    results = json.loads(out)
    assert set(results["left_out"]) == spoilt
    assert "Of all splits 2 scenes could not be prepared, and were left out" in markdown(results)


def test_generated_scenes_end_in_the_same_scores_interrupted_or_not(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*GENERATED, "--run", "whole", *SMALL)
    assert code == 0
    assert steps(err)["generate"] == "4 scenes in whole/scenes"
    assert "NOT COMPARABLE" in out
    assert "SAD" not in out
    with monkeypatch.context() as broken:
        broken.setattr(reproducing, "prepare_set", interrupt)
        assert run(*GENERATED, "--run", "cut", *SMALL)[0] == 130
    (tmp_path / "cut" / "running_teacher").mkdir()  # as a kill can leave it
    code, _, err = run(*GENERATED, "--run", "cut", *SMALL)
    assert (code, steps(err)["generate"]) == (0, "done before")
    whole, cut = (
        json.loads((tmp_path / name / "results.json").read_text()) for name in ("whole", "cut")
    )
    assert whole == cut


def test_without_distillation_there_is_no_teacher(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*GENERATED, "--run", "run", *SHORT, "--detector.distill", "0")
    assert code == 0
    assert "step 6 of 6, evaluate" in err
    assert not (tmp_path / "run" / "teacher").exists()


def settings_of(*words: str):
    _, bound, _ = app.parse_args(["reproduce", *words], exit_on_error=False, print_error=False)
    given = bound.arguments
    names = ("name", "root", "run", "recipe")
    return _settings(*(given.get(key) for key in names), given.get("options", RecipeOptions()))


def test_the_second_release_takes_the_recipe_of_the_first():
    found = settings_of("hsod-bit-v2", "in", "--run", "out")
    assert (found.data.set, found.data.scenes) == ("hsod-bit-v2", Path("in"))
    assert found.data.prepared == Path("out/prepared")
    assert found.detector.teacher == Path("out/teacher")
    assert found.prepare == settings_of("hsod-bit", "in", "--run", "out").prepare


def test_settings_of_another_recipe_leave_the_set_as_it_is():
    found = settings_of(
        "hs-sod", "in", "--run", "out", "--recipe", "published", "--train.batch", "2"
    )
    assert found.data.set == "hs-sod"
    assert (found.detector.fit.learning_rate, found.detector.fit.batch) == (0.06, 2)
    assert settings_of("hs-sod", "in", "--run", "out", "--recipe", "smoke").generate.count == 0
    made = settings_of("smoke", "--run", "out", "--recipe", "published")
    assert (made.generate.count, made.data.set) == (200, "folder")
    assert made.data.scenes == Path("out/scenes")


def test_a_file_of_ones_own_says_where_its_scenes_are(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[data]\nscenes = "here"\nprepared = "b"\n')
    assert settings_of(str(path), "--run", "out").data.scenes == Path("here")
    assert settings_of(str(path), "there", "--run", "out").data.scenes == Path("there")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hs-sod"], "give the folder of the data set: dmssn reproduce hs-sod ROOT --run RUN"),
        (["smoke", "--device", "tpu", "--workers", "2"], "--device 'tpu': use auto, cpu"),
        (["hs-sood", "in"], "did you mean 'hs-sod'?"),
        (["smoke", "in"], "makes up its own scenes"),
        (["hs-sod", "in", "--data.prepared", "x"], "--data.prepared is for `dmssn reproduce`"),
        (["smoke", "--detector.teacher", "x"], "--detector.teacher is for `dmssn reproduce`"),
        (["smoke", "--processes", "0"], "--processes must be at least 1, got 0"),
        (["smoke", "--detector.fit.epoch", "3"], "Did you mean --detector.fit.epochs?"),
        (["hs-sod", "in", "--data.set", "hrssd"], "--data.set is for `dmssn reproduce`"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(tmp_path, words, said):
    code, out, err = run(*words, "--run", tmp_path / "run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "run").exists()


def test_several_processes_train_by_torchrun_on_the_same_recipe(monkeypatch, tmp_path):
    calls = []

    def note(processes, words):
        calls.append((processes, words))
        raise ChildProcessError(f"{words[0]}: no luck")

    monkeypatch.setattr(reproducing, "launch", note)
    monkeypatch.chdir(tmp_path)
    words = (*GENERATED, "--run", "run", *SMALL, "--processes", "2", "--threads", "1")
    code, _, err = run(*words)
    assert (code, err.splitlines()[-1]) == (1, "dmssn reproduce: train-teacher: no luck")
    plain = ["train-teacher", "run/recipe.toml", "-o", "run/teacher", "--device", "cpu"]
    assert calls == [(2, [*plain, "--threads", "1"])]
    (tmp_path / "run" / "running_teacher").mkdir()
    (tmp_path / "run" / "running_teacher" / "run.json").touch()
    run(*words)
    assert calls[-1] == (2, [*plain, "--threads", "1", "--resume"])


def test_what_a_job_of_several_processes_complains_of_is_one_line(capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(SettingError, match=r"^train: no recipe 'smok': .* did you mean 'smoke'"):
        launch(2, ["train", "smok", "-o", str(tmp_path / "run")])
    assert "Traceback" not in capfd.readouterr().err


def test_a_job_of_torchrun_itself_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = run("smoke", "--run", tmp_path / "run")
    assert code == 2
    assert "leave torchrun out, and pass --processes" in err


def test_the_cause_is_of_the_process_that_failed_by_itself():
    lost = "process 1: another process of the job ended or does not answer"
    assert _cause([lost, "disk full", lost]) == "disk full"
    assert _cause([lost]) == lost
    assert _cause([]) == ""


PUBLISHED = """
SAD (2013, no training)     | hsod-bit    | .209 .364 .822 .395
SED-SAD (2013, no training) | hsod-bit    | .208 .381 .828 .407
SUDF (2019)                 | hsod-bit    | .203 .528 .910 .582
U2Net on colour             | hsod-bit    | .062 .739 .951 .746
SMN (2023)                  | hsod-bit    | .034 .751 .963 .846
DMSSN (2024) as published   | hsod-bit    | .086 .637 .852 .625
Hyper-HRNet-Lite (2025)     | hsod-bit    | .026 .770 .987 .907
Hyper-HRNet (2025)          | hsod-bit    | .020 .795 .996 .916
SAD (2013, no training)     | hsod-bit-v2 | .177 .253 .863 .331
SED-SAD (2013, no training) | hsod-bit-v2 | .180 .265 .865 .333
SUDF (2019)                 | hsod-bit-v2 | .166 .362 .873 .412
U2Net on colour             | hsod-bit-v2 | .046 .513 .948 .621
SMN (2023)                  | hsod-bit-v2 | .039 .575 .915 .639
DMSSN (2024) as published   | hsod-bit-v2 | .072 .548 .830 .553
Hyper-HRNet-Lite (2025)     | hsod-bit-v2 | .046 .550 .940 .641
Hyper-HRNet (2025)          | hsod-bit-v2 | .028 .589 .988 .737
SAD (2013, no training)     | hs-sod      | .236 .235 .834 .295
SED-SAD (2013, no training) | hs-sod      | .209 .250 .830 .286
SUDF (2019)                 | hs-sod      | .242 .256 .723 .250
SMN (2023)                  | hs-sod      | .069 .658 .916 .718
DMSSN (2024) as published   | hs-sod      | .068 .564 .937 .703
Hyper-HRNet (2025)          | hs-sod      | .056 .770 .953 .810
"""
"""MAE, mean F1, AUC and CC, copied from the table of docs/paper.md."""


def test_the_published_scores_are_those_that_were_published():
    rows = [[cell.strip() for cell in row.split("|")] for row in PUBLISHED.strip().splitlines()]
    told = {(method, name): tuple(map(float, scores.split())) for method, name, scores in rows}
    assert len(told) == 22
    held = {(method.name, name): row for method in METHODS for name, row in method.scores.items()}
    assert held == told
    assert [method.millions for method in METHODS] == [None, None, 0.1, 44, 10.2, 1.76, 7.24, 29.6]


def test_folders_that_are_made_up_are_known(tmp_path):
    assert made_up(tmp_path) == ""
    (tmp_path / "fake.json").touch()
    assert made_up(tmp_path) == "a made-up copy (`dmssn dataset fake`)"
    (tmp_path / "scenes.json").touch()
    assert made_up(tmp_path) == "generated scenes (`dmssn scenes`)"


SOURCE = {"set": "hs-sod", "choice": {"split": "", "fold": ""}}


@pytest.mark.parametrize(
    ("name", "choice", "scenes"),
    [
        ("hs-sod", {}, 12),
        ("hs-sod", {"split": "smn"}, 12),
        ("hsod-bit", {"split": "dmssn"}, 64),
        ("hs-sod", {"split": "seeded"}, None),
        ("hs-sod", {"fold": "1/5"}, None),
        ("hsod-bit-v2", {}, None),
        ("folder", {}, None),
    ],
)
def test_a_split_is_a_published_one_of_its_set_or_none(name, choice, scenes):
    source = {"set": name, "choice": SOURCE["choice"] | choice}
    assert _published_scenes(source) == scenes


def scored(count=12, **changes) -> Scored:
    values = dict.fromkeys((*COLUMNS.values(), "mean_f_measure"), 0.5)
    facts = {"set": "hs-sod", "published": 12, "left_out": {}, "made_up": ""} | changes
    return Scored(
        evaluation=Evaluation({str(number): values for number in range(count)}),
        title="HS-SOD",
        split="split 'dmssn'",
        parameters=1000,
        epoch=1,
        **facts,
    )


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (scored(), ""),
        (scored(left_out={"0001": "of the training scenes"}), ""),
        (scored(11), "Of the 12 test scenes of the published split 1 could not be prepared."),
        (scored(published=None), "Another split than the published one."),
        (scored(made_up="made up so"), "The scenes are made up so; no published score is of them."),
        (scored(set="folder"), "No scores of this set are published."),
    ],
)
def test_scores_compare_only_on_the_whole_published_split_of_the_real_set(found, reason):
    results = results_of(found)
    assert (results["compares"], results["reason"]) == (not reason, reason)
    assert ("NOT COMPARABLE" in markdown(results)) == bool(reason)
    assert reason in markdown(results)


def test_one_is_no_plural():
    page = markdown(results_of(scored(1, left_out={"0001": "torn"})))
    assert "\n1 test scene; split" in page
    assert "Of all splits 1 scene could not be prepared, and was left out: 0001." in page


@pytest.mark.parametrize(
    "wrong",
    [("nowhere",), ("ROOT", "--data.split", "none"), ("ROOT", "--prepare.size", "64")],
)
def test_settings_can_be_mended_until_the_set_is_prepared(tmp_path, root, monkeypatch, wrong):
    monkeypatch.setattr(reproducing, "check", refuse_small(reproducing.check))
    words = [str(root) if word == "ROOT" else word for word in wrong]
    code, _, err = run("hs-sod", *words, "--run", tmp_path / "run", *SMALL[4:])
    assert code in (1, 2)
    assert "other settings" not in err
    monkeypatch.setattr(reproducing, "prepare_set", interrupt)
    code, _, err = run("hs-sod", root, "--run", tmp_path / "run", *SMALL)
    assert code == 130
    assert steps(err)["check"].startswith("0 wrong")
    assert tomllib.loads((tmp_path / "run" / "recipe.toml").read_text())["prepare"]["size"] == 32


def refuse_small(check):
    """A check that says no to all sizes but 32."""

    def checked(kind, request):
        if request.size != 32:
            raise ValueError("no")
        return check(kind, request)

    return checked


def test_scenes_that_were_generated_keep_their_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(reproducing, "check", interrupt)
    words = (*GENERATED, "--run", tmp_path / "run", *SMALL)
    assert run(*words)[0] == 130
    assert run(*words, "--data.seed", "1")[0] == 130
    code, _, err = run(*words, "--data.seed", "1", "--generate.seed", "1")
    assert code == 1
    assert "begun with other settings (generate.seed" in err


def test_the_same_folders_may_be_spelled_otherwise(finished, folder, root, monkeypatch):
    monkeypatch.chdir(folder)
    code, out, err = run("hs-sod", root.name, "--run", "run", *SMALL)
    assert (code, set(steps(err).values())) == (0, {"done before"})
    assert out == (folder / "run" / "results.md").read_text()
    held = tomllib.loads((folder / "run" / "recipe.toml").read_text())
    assert held["data"]["prepared"] == "run/prepared"  # processes of training read it from here


def test_which_scenes_are_for_what_is_of_the_set_whatever_the_recipe():
    words = ("hs-sod", "in", "--run", "out")
    own, other = settings_of(*words), settings_of(*words, "--recipe", "published")
    assert other.data == own.data
    assert own.data.val == 0.15
    found = settings_of(*words, "--recipe", "published", "--data.val", "0.3")
    assert found.data.val == 0.3


def test_a_fold_of_hs_sod_is_a_split(root):
    data = settings_of("hs-sod", str(root), "--run", "out", "--data.fold", "1/5").data
    choice = Choice(data.split, data.fold, data.val, data.seed)
    assert len(find_scenes(data_set("hs-sod"), root, choice).names("test")) == 12
