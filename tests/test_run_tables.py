"""``dmssn runs``: which runs are found, what a row says, and what is wrong is told."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from dmssn.cli import main
from dmssn.commands.evaluate import HEADINGS
from dmssn.commands.tables import print_table
from dmssn.runs.records import METRICS
from dmssn.runs.run import Run
from dmssn.runs.tables import cells, sort_rows, tabulate


def run_of(folder, scores=(), *, stage="detector", complete=True, processes=1):
    folder.parent.mkdir(parents=True, exist_ok=True)
    recipe = {stage: {"fit": {"epochs": 9}}}
    run = Run(folder, recipe, {"stage": stage}, {"processes": processes}, resume=False)
    for epoch, score in enumerate(scores, start=1):
        run.log(epoch=epoch, score=score, **{"val/mae": 1 - score, "val/auc": score / 2})
    if complete:
        run.complete()
    return folder


def table(capsys, *words):
    capsys.readouterr()  # what the runs said while they were made
    with pytest.raises(SystemExit) as ended:
        main(["runs", *map(str, words)])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def test_runs_are_found_at_any_depth_finished_or_not(tmp_path):
    run_of(tmp_path / "b" / "deep" / "detector", [0.25, 0.75, 0.5])
    run_of(tmp_path / "b" / "deep" / "detector" / "teacher", stage="teacher", processes=4)
    run_of(tmp_path / "a", [0.5], complete=False)
    run_of(tmp_path / ".hidden")
    (tmp_path / "prepared").mkdir()
    rows, damaged = tabulate(tmp_path)
    assert not damaged
    assert [(row["name"], row["state"]) for row in rows] == [
        ("running_a", "unfinished"),
        ("b/deep/detector", "finished"),
        ("b/deep/detector/teacher", "finished"),
    ]
    detector, teacher = rows[1:]
    told = ("stage", "epochs", "epochs_wanted", "best_epoch", "score", "mae", "auc", "f_max")
    assert [detector[key] for key in told] == ["detector", 3, 9, 2, 0.75, 0.25, 0.375, None]
    assert [teacher[key] for key in told] == ["teacher", 0, 9, *[None] * 5]
    assert (teacher["processes"], teacher["starts"]) == (4, 1)


def test_the_folder_of_a_run_itself_is_tabulated(tmp_path, monkeypatch):
    monkeypatch.chdir(run_of(tmp_path / "mine", [0.5]))
    for root in (tmp_path / "mine", os.curdir):
        (row,), _ = tabulate(Path(root))
        assert row["name"] == "mine"


def test_numbers_go_from_the_best_down_and_unknown_ones_last(tmp_path):
    for name, scores in (("a", [0.25]), ("b", []), ("c", [0.75]), ("d", [0.5, 0.25])):
        run_of(tmp_path / name, scores, complete=name != "c")
    rows, _ = tabulate(tmp_path)

    def order(key):
        return "".join(row["name"][-1] for row in sort_rows(rows, key))

    assert order("name") == "abcd"
    assert order("score") == "cdab"
    assert order("mae") == "cdab"  # less is better
    assert order("epochs") == "dacb"
    assert order("state") == "abdc"


def test_of_an_unfinished_run_is_told_when_it_last_wrote(tmp_path):
    folder = run_of(tmp_path / "a", [0.5], complete=False).with_name("running_a")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for path in (*folder.iterdir(), folder):
        os.utime(path, (long_ago.timestamp(),) * 2)
    (row,), _ = tabulate(tmp_path)
    assert row["last_written"] == "2020-01-01T00:00:00+00:00"
    told = cells(row, long_ago + timedelta(minutes=5))
    assert told["state"] == "unfinished, wrote 5 min ago"
    assert cells(row | {"state": "finished"}, long_ago)["state"] == "finished"


def test_a_damaged_run_is_one_line_and_stops_no_other(tmp_path, capsys):
    run_of(tmp_path / "good", [0.5])
    log = run_of(tmp_path / "bad", [0.5]) / "log.jsonl"
    log.write_text("half\n" + log.read_text())
    code, out, err = table(capsys, tmp_path)
    assert code == 1
    assert err == f"dmssn runs: {log}: line 1 is damaged; remove it\n"
    assert "good" in out
    assert "bad" not in out


def test_a_table_for_a_program_has_one_line_a_run_and_no_empty_column(tmp_path, capsys):
    run_of(tmp_path / "a-name-longer-than-a-line" / ("x" * 150), [0.5])
    run_of(tmp_path / "teacher", stage="teacher", processes=2)
    code, out, err = table(capsys, tmp_path)
    heading, *lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", 2)
    assert heading.split() == [
        *("run", "stage", "state", "epochs", "best", "score", "MAE", "AUC", "trained", "processes")
    ]
    assert lines[0].split()[2:] == [
        "finished",
        "1",
        "of",
        "9",
        "1",
        "0.500",
        "0.500",
        "0.250",
        "0",
        "s",
        "1",
    ]


def test_json_has_all_rows_in_the_order_asked_for(tmp_path, capsys):
    run_of(tmp_path / "a", [0.25])
    run_of(tmp_path / "b", [1 / 3])
    code, out, _ = table(capsys, tmp_path, "--json", "--sort", "score")
    assert code == 0
    assert [(row["name"], row["score"]) for row in json.loads(out)] == [("b", 1 / 3), ("a", 0.25)]


def test_where_there_is_no_run_one_line_says_so(tmp_path, capsys):
    code, out, err = table(capsys, tmp_path)
    assert (code, out) == (1, "")
    expected = "no training run in it or below; a run's folder holds run.json"
    assert err == f"dmssn runs: {tmp_path}: {expected}\n"
    code, _, err = table(capsys, tmp_path / "nowhere")
    assert (code, err.count("\n")) == (1, 1)
    assert "no such folder" in err


def test_sorting_by_what_is_no_column_is_an_error_of_usage(tmp_path, capsys):
    run_of(tmp_path / "a")
    code, _, err = table(capsys, tmp_path, "--sort", "beauty")
    assert code == 2
    assert "score" in err


def test_metrics_are_called_as_evaluate_calls_them():
    assert set(METRICS.values()) <= set(HEADINGS.values())


def test_a_narrow_terminal_gets_several_tables_with_the_first_column_in_each(capsys, monkeypatch):
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setenv("COLUMNS", "20")
    print_table([["run", "MAE", "state", "AUC"], ["a [b]", "0.1", "ok", "0.75"]], words=["state"])
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert [line.split() for line in shown.splitlines()] == [
        ["run", "MAE", "state"],
        ["a", "[b]", "0.1", "ok"],
        [],
        ["run", "AUC"],
        ["a", "[b]", "0.75"],
    ]


@pytest.mark.parametrize("key", ["name", "stage", "state", "epochs", "best_epoch", "score", "mae"])
def test_every_key_sorts(tmp_path, key):
    run_of(tmp_path / "a", [0.25])
    run_of(tmp_path / "b")
    assert len(sort_rows(tabulate(tmp_path)[0], key)) == 2
