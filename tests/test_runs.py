"""The folder of a run: what is in it, resuming, and what a kill leaves behind."""

import json
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmssn.config import DataConfig, DetectorConfig, FitConfig, Recipe
from dmssn.recipes import read_recipe, to_table
from dmssn.runs.records import loss_terms, read_run
from dmssn.runs.run import Run

RECIPE = Recipe(
    data=DataConfig(scenes=Path("in"), prepared=Path("set")),
    detector=DetectorConfig(fit=FitConfig(epochs=3)),
)
IDENTITY = {"stage": "detector", "init": None, "scenes": "0af3"}
FACTS = {"versions": {"dmssn": "1"}, "processes": 2, "device": "cpu"}


def start(folder, recipe=RECIPE, *, resume=False, facts=FACTS, **identity):
    return Run(folder, to_table(recipe), IDENTITY | identity, facts, resume=resume)


def lines_of(run):
    return [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]


def without_seconds(lines):
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1), st.floats(0, 9))
def test_the_recipe_of_a_run_is_one_to_give_back(tmp_path_factory, name, weight):
    recipe = replace(
        RECIPE,
        data=DataConfig(scenes=Path(name), prepared=Path("set"), split=name),
        detector=DetectorConfig(teacher=Path("runs") / name, segment=1, reconstruct=weight),
    )
    run = start(tmp_path_factory.mktemp("runs") / "run", recipe)
    assert read_recipe(Recipe, run.folder / "recipe.toml") == recipe


def test_a_run_tells_what_it_is_and_each_of_its_starts(tmp_path):
    start(tmp_path / "run")
    run = start(tmp_path / "run", resume=True, facts=FACTS | {"processes": 1})
    run.complete()
    record = read_run(tmp_path / "run")
    assert (record.identity, record.recipe) == (IDENTITY, to_table(RECIPE))
    assert [facts["processes"] for facts in record.facts] == [2, 1]
    for facts in record.facts:
        assert datetime.fromisoformat(facts["time"]).utcoffset().total_seconds() == 0
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["recipe.toml", "run.json"]


def test_a_run_has_its_name_when_it_is_complete(tmp_path):
    run = start(tmp_path / "run")
    assert run.folder == tmp_path / "running_run"
    assert not read_run(run.folder).finished
    run.complete()
    assert read_run(tmp_path / "run").finished
    assert not run.folder.exists()


def test_neither_a_finished_nor_an_interrupted_run_is_overwritten(tmp_path):
    run = start(tmp_path / "run")
    with pytest.raises(FileExistsError, match="an interrupted run; go on with --resume"):
        start(tmp_path / "run")
    run.complete()
    for resume in (False, True):
        with pytest.raises(FileExistsError, match="exists; choose another --run"):
            start(tmp_path / "run", resume=resume)


def test_what_is_not_there_is_not_resumed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no interrupted run to resume$"):
        start(tmp_path / "run", resume=True)
    (tmp_path / "running_run").mkdir()  # killed before it had written what it is
    with pytest.raises(FileNotFoundError, match=r"no run\.json; remove it and start anew"):
        start(tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("recipe", "identity", "names"),
    [
        (replace(RECIPE, detector=DetectorConfig()), {}, "detector.fit.epochs"),
        (replace(RECIPE, detector=replace(RECIPE.detector, l1=1, distill=2)), {}, "distill, .*l1"),
        (RECIPE, {"init": "other"}, "init"),
        (RECIPE, {"scenes": "1b"}, "scenes"),
        (RECIPE, {"more": 1}, "more"),
    ],
)
def test_a_run_that_changed_is_not_resumed(tmp_path, recipe, identity, names):
    start(tmp_path / "run")
    with pytest.raises(ValueError, match=rf"begun with other settings \(.*{names}\); resume"):
        start(tmp_path / "run", recipe, resume=True, **identity)


def test_a_setting_that_is_gone_is_a_change_too(tmp_path):
    start(tmp_path / "run", teacher="5e1f")
    with pytest.raises(ValueError, match=r"\(teacher\)"):
        start(tmp_path / "run", resume=True)
    start(tmp_path / "run", resume=True, teacher="5e1f")


def test_where_things_are_and_who_loads_them_is_no_setting(tmp_path):
    start(tmp_path / "run")
    elsewhere = replace(
        RECIPE,
        data=DataConfig(scenes=tmp_path / "in", prepared=tmp_path / "set"),
        detector=DetectorConfig(fit=FitConfig(epochs=3, workers=4), teacher=Path("teacher")),
    )
    start(tmp_path / "run", elsewhere, resume=True)


@pytest.mark.parametrize("name", ["run.json", "recipe.toml"])
def test_a_damaged_file_is_named(tmp_path, name):
    run = start(tmp_path / "run")
    (run.folder / name).write_text('{"identity"')
    with pytest.raises(ValueError, match=f"{name}: damaged, or not of a training run"):
        start(tmp_path / "run", resume=True)


def test_resuming_removes_what_a_kill_left_half_written_and_nothing_else(tmp_path):
    run = start(tmp_path / "run")
    half = run.folder / f".{'0' * 16}.partial.safetensors"
    for path in (half, run.folder / ".partial.notes", run.folder / "notes"):
        path.touch()
    start(tmp_path / "run", resume=True)
    left = {path.name for path in run.folder.iterdir()}
    assert left == {".partial.notes", "notes", "recipe.toml", "run.json"}


def log_epochs(run, first, last, steps=2):
    for epoch in range(first, last + 1):
        for step in range(1, steps + 1):
            run.log(step=step, of=9, loss=0.5)
        run.log(epoch=epoch, score=epoch / 10)


@given(st.integers(0, 4), st.integers(0, 2), st.data())
def test_the_log_of_a_resumed_run_is_that_of_an_uninterrupted_one(
    tmp_path_factory, epoch, behind, data
):
    folder = tmp_path_factory.mktemp("runs")
    whole, cut = start(folder / "whole"), start(folder / "cut")
    log_epochs(whole, 1, 5)
    log_epochs(cut, 1, min(epoch + behind, 5))
    cut.log(step=1, of=9, loss=0.5)
    path = cut.folder / "log.jsonl"
    log = path.read_bytes()
    safe = sum(map(len, log.splitlines(keepends=True)[: 3 * epoch]))
    path.write_bytes(log[: data.draw(st.integers(safe, len(log)))])  # killed within a line
    cut = start(folder / "cut", resume=True)
    cut.rewind(epoch)
    log_epochs(cut, epoch + 1, 5)
    assert without_seconds(lines_of(cut)) == without_seconds(lines_of(whole))


def test_steps_up_to_the_one_resumed_from_stay_in_the_log(tmp_path):
    run = start(tmp_path / "run")
    run.log(step=2, of=9, loss=0.5)
    run.log(epoch=1)
    for step in (3, 4):
        run.log(step=step, of=9, loss=0.5)
    before = lines_of(run)
    run.log(step=5, of=9, loss=0.5)
    run.log(epoch=2)
    run.rewind(1, 4)
    assert lines_of(run) == before
    run.rewind(1)
    assert lines_of(run) == before[:2]


def test_a_run_without_a_log_is_rewound_to_nothing(tmp_path):
    run = start(tmp_path / "run")
    run.rewind(0)
    assert lines_of(run) == []


def test_the_seconds_of_a_run_go_on_after_an_interruption(tmp_path):
    run = start(tmp_path / "run")
    (run.folder / "log.jsonl").write_text('{"seconds": 5000.0, "epoch": 1}\n{"seconds": 9e9}\n')
    run = start(tmp_path / "run", resume=True)
    run.rewind(1)
    run.log(epoch=2)
    assert 5000 <= lines_of(run)[1]["seconds"] < 9e9
    assert read_run(run.folder).seconds == lines_of(run)[1]["seconds"]


def test_numbers_that_are_not_finite_are_null_in_the_log(tmp_path):
    run = start(tmp_path / "run")
    run.log(epoch=1, score=math.nan, loss=math.inf, rate=0.5)
    text = (run.folder / "log.jsonl").read_text()
    line = json.loads(text, parse_constant=lambda name: pytest.fail(f"not JSON: {name}"))
    assert (line["score"], line["loss"], line["rate"]) == (None, None, 0.5)


def test_a_line_is_shown_in_short(tmp_path, capsys):
    run = start(tmp_path / "run")
    run.log(
        epoch=2,
        **{"segment/bce": 0.5, "l1": 0.25, "val/mae": 0.125, "val/reconstruct/angle": 0.3},
        score=0.62512345,
        seconds_left=125,
    )
    run.log(step=7, of=20, loss=0.5, epoch_seconds_left=12)
    run.log(agreement=0.001)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 2  loss 0.75  mae 0.125  score 0.6251  2 min left",
        "step 7  of 20  loss 0.5  12 s left in the epoch",
        "agreement 0.001",
    ]


@pytest.mark.usefixtures("small_files")
def test_a_log_that_cannot_be_written_is_named(tmp_path):
    folder = tmp_path / "run"
    run = Run(folder, {"a": 1}, {"stage": "teacher"}, {}, resume=False)
    with pytest.raises(OSError, match=r"log\.jsonl: cannot be written .*go on with --resume"):
        run.log(text="x" * 2000)


def test_a_record_knows_its_best_epoch_and_its_terms(tmp_path):
    run = start(tmp_path / "run")
    run.log(agreement=0.0)
    for epoch, score in ((1, 0.2), (2, 0.4), (3, None), (4, 0.4)):
        run.log(epoch=epoch, **{"segment/bce": 1.0, "val/mae": 0.1}, score=score)
    run.log(step=9, of=9)
    record = read_run(run.folder)
    assert (record.best["epoch"], record.epochs_wanted) == (2, 3)  # the first of equals is kept
    assert [line["epoch"] for line in record.epochs] == [1, 2, 3, 4]
    assert loss_terms(record.best) == {"segment/bce": 1.0}


def test_a_line_that_is_being_written_is_left_out_and_a_damaged_one_is_named(tmp_path):
    run = start(tmp_path / "run")
    run.log(epoch=1)
    log = run.folder / "log.jsonl"
    log.write_text(log.read_text() + '{"epoch": 2, "sco')
    assert len(read_run(run.folder).lines) == 1
    log.write_text(log.read_text() + '\n{"epoch": 3}\n')
    with pytest.raises(ValueError, match=r"log\.jsonl: line 2 is damaged"):
        read_run(run.folder)


def test_a_folder_of_something_else_is_no_run(tmp_path):
    with pytest.raises(ValueError, match=r"run\.json: cannot be read \(No such file"):
        read_run(tmp_path)
    Run(tmp_path / "run", {}, {"stage": "teacher"}, {}, resume=False).complete()
    with pytest.raises(ValueError, match=r"run: not the files of a training run \(KeyError"):
        read_run(tmp_path / "run")
