"""`dmssn reproduce`: from scenes to scores, every step once, whatever interrupts it."""

import json
import re
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
from dmssn.reproduction import steps as reproducing
from dmssn.reproduction.comparing import markdown
from dmssn.reproduction.launching import _cause, launch
from dmssn.reproduction.published_results import COLUMNS, METHODS
from dmssn.runs.run import Run

SMALL = (
    "--prepare.size", "32", "--prepare.mixture.components", "3", "--train.epochs", "2",
    "--train.batch", "16", "--train.workers", "0", "--train.validate_every", "1",
    "--workers", "1", "--device", "cpu",
)  # fmt: skip
GENERATED = (
    "smoke", "--generate.count", "8", "--generate.size", "32", "--generate.bands", "6",
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
    assert results["test_scenes"] == 12
    assert results["ours"] == {column: results["mean"][name] for column, name in COLUMNS.items()}
    rows = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)
    assert rows == ["method", *(method.name for method in METHODS), "**dmssn, this run**"]
    assert "| Hyper-HRNet (2025) | 29.6 M | 0.056 | 0.770 | 0.953 | 0.810 |" in page
    assert "| Hyper-HRNet-Lite (2025) | 7.24 M | - | - | - | - |" in page
    assert "NOT COMPARABLE" in page  # a made-up copy
    assert "made-up copy" in results["made_up"]
    assert "12 test scenes; split 'dmssn'" in page


def test_of_the_real_set_nothing_is_said_against_comparing(finished, folder):
    results = json.loads((folder / "run" / "results.json").read_text()) | {"made_up": ""}
    assert "NOT COMPARABLE" not in markdown(results)


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
    words = ("hs-sod", root, "--run", tmp_path / "run", *SMALL)
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
    assert "2 scenes of the set" in markdown(results)


def test_generated_scenes_end_in_the_same_scores_interrupted_or_not(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*GENERATED, "--run", "whole", *SMALL)
    assert code == 0
    assert steps(err)["generate"] == "8 scenes in whole/scenes"
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
    assert {**whole, "made_up": ""} == {**cut, "made_up": ""}


def test_without_distillation_there_is_no_teacher(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*GENERATED, "--run", "run", *SMALL, "--detector.distill", "0")
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
    assert (made.generate.count, made.data.set) == (60, "folder")
    assert made.data.scenes == Path("out/scenes")


def test_a_file_of_ones_own_says_where_its_scenes_are(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[data]\nscenes = "here"\nprepared = "b"\n')
    assert settings_of(str(path), "--run", "out").data.scenes == Path("here")
    assert settings_of(str(path), "there", "--run", "out").data.scenes == Path("there")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hs-sod"], "give the folder of the data set"),
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


def test_the_published_scores_are_whole():
    for method in METHODS:
        assert {"hsod-bit", "hsod-bit-v2"} <= set(method.scores)
        assert all(0 < value < 1 for scores in method.scores.values() for value in scores)
    assert len(METHODS) == 8
    own = {method.name: method for method in METHODS}["DMSSN (2024) as published"]
    assert own.scores["hsod-bit"] == (0.086, 0.637, 0.852, 0.625)
