"""Curves of a benchmark: the means, and that a reader can tell them apart."""

import csv

import matplotlib
import numpy as np
import pytest
from PIL import Image

from dmssn.judging.curves import mean_curves, write_curves
from dmssn.metrics import Curves, curves, roc_auc
from judged import curves_of, results_of, spread_results


def many(count, **names):
    scores = {f"entry {number}": {"a": {"roc_auc": 0.5}} for number in range(count)}
    return results_of(scores, **names)


def legend_of(figure):
    (legend,) = figure.legends
    lines = legend.get_lines()
    return {
        text.get_text().strip(): (line.get_color(), line._dash_pattern)
        for text, line in zip(legend.get_texts(), lines, strict=True)
    }


def test_a_mean_is_of_each_point_on_its_own():
    low, high = curves_of(0.2), curves_of(0.6)
    mean = mean_curves([low, high])
    np.testing.assert_allclose(mean.precision, 0.4)
    np.testing.assert_allclose(mean.recall, np.linspace(1, 0, 256), atol=1e-12)
    np.testing.assert_allclose(
        mean.true_positive_rate, (low.true_positive_rate + high.true_positive_rate) / 2
    )


def test_a_mean_leaves_out_scenes_where_a_point_is_not_defined():
    here, there = (Curves(*(points.copy() for points in curves_of(v))) for v in (0.2, 0.6))
    here.precision[255] = np.nan
    here.true_positive_rate[:] = np.nan
    there.recall[7] = here.recall[7] = np.nan
    mean = mean_curves([here, there])
    assert mean.precision[255] == 0.6
    assert mean.precision[254] == pytest.approx(0.4)
    np.testing.assert_array_equal(mean.true_positive_rate, there.true_positive_rate)
    assert np.isnan(mean.recall[7])


def test_the_area_under_the_mean_roc_curve_is_the_mean_area():
    draw = np.random.Generator(np.random.PCG64(0))
    masks = draw.random((6, 20, 30)) < 0.2
    maps = np.clip(0.3 * masks + draw.random(masks.shape) * 0.7, 0, 1)
    mean = mean_curves([curves(saliency, mask) for saliency, mask in zip(maps, masks, strict=True)])
    areas = [roc_auc(saliency, mask) for saliency, mask in zip(maps, masks, strict=True)]
    assert np.trapezoid(mean.true_positive_rate, dx=1 / 256) == pytest.approx(
        np.mean(areas), abs=0.003
    )


def test_the_panels_hold_the_means(tmp_path, drawn):
    results = spread_results()
    results.curves["good"]["scene_0"] = curves_of(0.9)
    write_curves(results, tmp_path / "curves")
    mean = mean_curves(list(results.curves["good"].values()))
    recall, rates, f_measure = (axes.lines[-1] for axes in drawn[0].axes)
    np.testing.assert_array_equal(recall.get_xydata(), np.stack([mean.recall, mean.precision], 1))
    np.testing.assert_array_equal(rates.get_ydata(), mean.true_positive_rate)
    np.testing.assert_allclose(rates.get_xdata(), np.arange(257) / 256)
    np.testing.assert_array_equal(f_measure.get_ydata(), mean.f_measure)
    np.testing.assert_allclose(f_measure.get_xdata(), np.arange(256) / 255)


def test_the_legend_has_the_scores_of_the_table_and_is_outside(tmp_path, drawn):
    write_curves(spread_results(), tmp_path / "curves")
    figure = drawn[0]
    assert list(legend_of(figure)) == [
        "plain  (AUC .475, F max .475)",
        "good  (AUC .575, F max .575)",
    ]
    below = figure.legends[0].get_window_extent()
    assert all(below.y1 < axes.get_tightbbox().y0 for axes in figure.axes)


def test_sixteen_entries_are_told_apart_and_all_is_on_the_figure(tmp_path, drawn):
    write_curves(many(16), tmp_path / "curves")
    figure = drawn[0]
    assert len(set(map(str, legend_of(figure).values()))) == 16
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert page.x0 <= box.x0
    assert box.x1 <= page.x1
    assert page.y0 <= box.y0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 11])
def test_the_legend_reads_row_by_row(count, tmp_path, drawn):
    write_curves(many(count), tmp_path / "curves")
    texts = drawn[0].legends[0].get_texts()
    places = {text.get_text(): text.get_window_extent() for text in texts}
    in_order = sorted(places, key=lambda text: (-round(places[text].y0), places[text].x0))
    assert [text.strip() for text in in_order] == [
        f"entry {number}  (AUC .500)" for number in range(count)
    ]


def test_names_stand_as_they_are(tmp_path, drawn):
    names = ["_hidden", r"$\no{formula$", "光谱", "a\nb", "long " * 30]
    scores = {name: {"s": {"roc_auc": 0.5}} for name in names}
    write_curves(results_of(scores), tmp_path / "curves")
    told = sorted(legend_of(drawn[0]))
    assert [text.partition("  (")[0] for text in told if not text.startswith("long")] == [
        r"$\no{formula$", "_hidden", "a b", "光谱",
    ]  # fmt: skip
    (cut,) = (text for text in told if text.startswith("long"))
    assert len(cut.partition("  (")[0]) == 34
    assert "…" in cut


def test_the_same_results_give_the_same_bytes_whatever_the_users_settings(tmp_path):
    first = write_curves(spread_results(), tmp_path / "first")
    with matplotlib.rc_context({"svg.hashsalt": "x", "lines.linewidth": 9, "font.size": 30}):
        again = write_curves(spread_results(), tmp_path / "again")
    assert [path.suffix for path in first] == [".png", ".svg", ".csv"]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"<dc:date>" not in (tmp_path / "first.svg").read_bytes()


def test_a_stem_with_a_dot_keeps_it(tmp_path):
    paths = write_curves(spread_results(), tmp_path / "v1.2")
    assert [path.name for path in paths] == ["v1.2.png", "v1.2.svg", "v1.2.csv"]


def test_the_picture_is_one(tmp_path):
    png, _, _ = write_curves(spread_results(), tmp_path / "curves")
    with Image.open(png) as picture:
        assert picture.width == 1560
        assert len(set(picture.convert("RGB").resize((200, 80)).get_flattened_data())) > 20


def test_the_numbers_are_those_of_the_curves(tmp_path):
    results = spread_results()
    write_curves(results, tmp_path / "curves")
    with (tmp_path / "curves.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["entry"] == "good"]
    mean = mean_curves(list(results.curves["good"].values()))
    assert len(rows) == 257
    assert [float(row["true_positive_rate"]) for row in rows] == mean.true_positive_rate.tolist()
    assert [float(row["false_positive_rate"]) for row in rows] == (np.arange(257) / 256).tolist()
    for name in ("precision", "recall", "f_measure"):
        told = [float(row[name]) for row in rows[:256]]
        assert told == getattr(mean, name).tolist()
        assert rows[256][name] == ""
    assert float(rows[51]["threshold"]) == pytest.approx(51 / 255)
