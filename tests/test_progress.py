"""Progress on stderr, and nothing on stdout."""

import pytest

from dmssn import progress
from dmssn.progress import track


class Clock:
    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_every_item_comes_in_order_and_short_work_is_silent(capsys):
    assert list(track(["a", "b"], "working")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_long_work_says_now_and_then_what_is_left(capsys, monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", Clock(10.0))
    assert list(track(range(6), "working")) == list(range(6))
    shown = capsys.readouterr()
    assert shown.out == ""
    # Items end every 10 s; a line comes once 15 s have passed since the last.
    assert shown.err.splitlines() == [
        "working: 1 of 6, 3 steps a minute, 100 s left",
        "working: 3 of 6, 4.5 steps a minute, 40 s left",
        "working: 5 of 6, 5 steps a minute, 12 s left",
    ]


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert list(track(range(3), "working")) == [0, 1, 2]
    assert capsys.readouterr().out == ""


def test_work_within_work_has_a_bar_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    found = []
    for outer in track(range(2), "working"):
        shown = progress._open[0]
        found += [(outer, inner) for inner in track(range(2), "within")]
        assert [task.description for task in shown.tasks] == ["working"]
        abandoned = track(range(9), "begun")
        next(abandoned)
        assert len(shown.tasks) == 2
        abandoned.close()
    assert found == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not progress._open


def test_an_error_passes_through(monkeypatch):
    def items():
        for item in track(range(3), "working"):
            if item == 1:
                raise ValueError("stop")
            yield item

    with pytest.raises(ValueError, match="stop"):
        list(items())
