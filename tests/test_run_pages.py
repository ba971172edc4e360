"""The page of a run: a picture that is there whatever the run has come to."""

import math
import sys

import matplotlib
import numpy as np
from PIL import Image

from dmssn.runs.pages import WIDTH, ShownScene, write_page
from dmssn.runs.run import Run

RECIPE = {
    "data": {"prepared": "set"},
    "teacher": {"fit": {"epochs": 4}},
    "detector": {"fit": {"epochs": 4}},
}


def run_of(folder, lines, stage="detector"):
    identity = {"stage": stage, "init": None, "scenes": "0af3"}
    run = Run(folder / "run", RECIPE, identity, {"processes": 2}, resume=False)
    for line in lines:
        run.log(**line)
    run.complete()
    return run.final


def epochs(count, **more):
    """Lines of a detector whose score is highest in the last epoch but one."""
    return [
        {
            "epoch": number,
            "segment/bce": 1 / number,
            "reconstruct/angle": 0.01 / number,
            "val/mae": 0.5 / number,
            "val/f_mean": 0.9,
            "score": 0.9 - abs(number - count + 1),
            "learning_rate": 1e-3 / number,
            **more,
        }
        for number in range(1, count + 1)
    ]


def scene_of(name="scene", **metrics):
    strip = np.full((32, 104, 3), (200, 30, 30), dtype=np.uint8)
    return ShownScene(name, {"mae": 0.1, **metrics}, strip)


def panels_of(figure):
    """Axes with curves by title, each with its curves as name to (epochs, values)."""
    found = {}
    for axes in figure.findobj(lambda artist: hasattr(artist, "get_xscale")):
        if axes.get_title(loc="left") and not axes.images:
            curves = {
                line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
                for line in axes.lines
                if not str(line.get_label()).startswith("_")
            }
            found[axes.get_title(loc="left")] = axes, curves
    return found


def words_of(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_the_page_holds_curves_the_best_epoch_and_the_scenes(tmp_path, drawn):
    scenes = [scene_of("first", f_mean=0.75, auc=math.nan), scene_of("second"), scene_of("third")]
    path = write_page(run_of(tmp_path, epochs(4)), scenes)
    assert path == tmp_path / "run" / "report.png"
    (figure,) = drawn
    panels = panels_of(figure)
    assert list(panels) == ["Loss terms, weighted", "Validation", "Learning rate"]
    axes, losses = panels["Loss terms, weighted"]
    assert losses["segment/bce"] == ([1, 2, 3, 4], [1, 1 / 2, 1 / 3, 1 / 4])
    assert axes.get_yscale() == "log"
    axes, metrics = panels["Validation"]
    assert set(metrics) == {"MAE", "F mean", "score"}
    assert axes.get_yscale() == "linear"
    assert axes.get_title(loc="right") == "best: epoch 3, score 0.900"
    words = words_of(figure)
    assert f"{tmp_path.name}/run" in words
    facts = ["detector", "4 of 4 epochs", "0 s", "processes: 2", "scenes: set (0af3)"]
    assert "   |   ".join(facts) in words
    assert "MAE 0.100   F mean 0.750   AUC -" in words
    assert {"first", "second", "third"} <= set(words)
    with Image.open(path) as picture:
        assert picture.width == round(WIDTH * 120)
        red = (np.asarray(picture.convert("RGB")) == (200, 30, 30)).all(axis=2)
    assert red.mean() > 0.15  # the strips, of which three fill a good part of the page


def test_metrics_that_are_missing_leave_gaps(tmp_path, drawn):
    lines = epochs(4)
    del lines[1]["score"], lines[1]["val/mae"]
    lines[2]["segment/bce"] = math.nan
    write_page(run_of(tmp_path, lines))
    panels = panels_of(drawn[0])
    assert panels["Validation"][1]["MAE"][0] == [1, 3, 4]
    assert panels["Loss terms, weighted"][1]["segment/bce"][0] == [1, 2, 4]


def test_a_teacher_has_no_scenes_and_its_score_is_no_curve(tmp_path, drawn):
    lines = [{"epoch": 1, "reconstruct/angle": 0.5, "val/reconstruct/angle": 0.25, "score": -0.25}]
    write_page(run_of(tmp_path, lines, stage="teacher"))
    panels = panels_of(drawn[0])
    assert list(panels) == ["Loss terms, weighted", "Validation"]
    axes, curves = panels["Validation"]
    assert curves == {"reconstruct/angle": ([1], [0.25])}
    assert axes.get_title(loc="right") == "best: epoch 1, score -0.250"
    assert [tick for tick in axes.get_xticks() if tick % 1] == []  # whole epochs, of one too


def test_a_run_that_has_done_nothing_yet_has_a_page(tmp_path, drawn):
    path = write_page(run_of(tmp_path, []), [scene_of()])
    assert path.is_file()
    assert words_of(drawn[0]).count("nothing yet") == 2


def test_names_no_font_or_formula_can_spoil_the_page(tmp_path, drawn):
    scenes = [scene_of("$x_{$"), scene_of("scène 図"), scene_of("long" * 40)]
    write_page(run_of(tmp_path, epochs(1)), scenes)
    assert max(map(len, words_of(drawn[0]))) < 150


def test_the_users_own_settings_of_plots_change_nothing(tmp_path):
    folder = run_of(tmp_path, epochs(3))
    first = write_page(folder, [scene_of()]).read_bytes()
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "savefig.dpi": 20}):
        assert write_page(folder, [scene_of()]).read_bytes() == first
        assert matplotlib.rcParams["lines.linewidth"] == 9


def test_a_page_needs_no_window(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    assert write_page(run_of(tmp_path, epochs(2))).is_file()
