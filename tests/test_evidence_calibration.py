"""Calibration on the leaderboard: bins, their error, and what the threshold decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dmssn.metrics import f_measure_curve
from dmssn.scoring import Pair
from judged import curves_of, metrics_of, results_of
from recipes import evidence_calibration as calibration
from recipes import evidence_calibration_page as page


def pair_of(seed, side=24, slope=1.0):
    """A map of chance, and a mask whose share follows it; at slope 1 it is calibrated."""
    rng = np.random.default_rng(seed)
    saliency = rng.random((side, side))
    return Pair(saliency, rng.random((side, side)) < saliency**slope)


@given(arrays(float, (5, 7), elements=st.floats(0, 1)), arrays(bool, (5, 7)))
def test_bins_hold_what_a_loop_over_pixels_puts_there(saliency, mask):
    expected = np.zeros((3, calibration.BINS))
    for value, salient in zip(saliency.ravel(), mask.ravel(), strict=True):
        place = min(int(value * calibration.BINS), calibration.BINS - 1)
        expected[:, place] += [1, value, salient]
    np.testing.assert_allclose(calibration.tally(Pair(saliency, mask)), expected)


def test_pixels_whose_truth_is_not_known_are_in_no_bin():
    saliency, mask = np.full((2, 2), 0.35), np.ones((2, 2), dtype=bool)
    counted = np.array([[True, False], [False, False]])
    assert calibration.tally(Pair(saliency, mask, counted))[:, 3].tolist() == [1, 0.35, 1]


def test_the_error_is_the_mean_gap_over_pixels():
    """Three quarters of the pixels say 0.2 and are salient by 0.1, a quarter 0.9 and always."""
    saliency = np.r_[np.full(30, 0.2), np.full(10, 0.9)].reshape(4, 10)
    mask = np.r_[np.arange(30) < 3, np.ones(10, dtype=bool)].reshape(4, 10)
    found = calibration.reliability([calibration.tally(Pair(saliency, mask))])
    assert found.error == pytest.approx(0.75 * 0.1 + 0.25 * 0.1)
    assert found.overall == pytest.approx((0.75 * 0.2 + 0.25 * 0.9, 0.75 * 0.1 + 0.25))
    assert np.isnan(found.salient[5])
    assert np.isnan(found.low).all()  # of one scene


def test_a_calibrated_map_has_little_error_and_the_truth_in_its_intervals():
    found = calibration.reliability([calibration.tally(pair_of(seed)) for seed in range(20)])
    assert found.error < 0.02
    middle = (np.arange(calibration.BINS) + 0.5) / calibration.BINS
    assert ((found.low < middle) & (middle < found.high)).sum() >= 8
    over = calibration.reliability([calibration.tally(pair_of(s, slope=3)) for s in range(20)])
    assert over.error > 0.15
    assert (over.high < middle)[3:7].all()


def test_the_same_scenes_give_the_same_intervals():
    tallies = [calibration.tally(pair_of(seed)) for seed in range(8)]
    one, other = calibration.reliability(tallies), calibration.reliability(tallies)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def test_thresholds_are_those_a_search_over_all_finds():
    curves = np.stack([f_measure_curve(*pair_of(seed)[:2]) for seed in range(9)])
    found = calibration.thresholds(curves)
    best = max(range(256), key=lambda level: curves[:, level].mean())
    assert found.best_at == best / 255
    assert found.best == pytest.approx(curves[:, best].mean())
    assert found.half == pytest.approx(curves[:, 128].mean())
    assert found.own == pytest.approx(np.mean([curve.max() for curve in curves]))
    assert found.half <= found.best <= found.own


def test_a_gain_is_of_scenes_that_did_not_choose():
    """Even scenes want a low threshold and odd ones a high one: each half harms the other."""
    levels = np.arange(256)
    curves = np.stack([np.where((levels < 100) == (s % 2 == 0), 0.9, 0.1) for s in range(8)])
    curves[:, 128] = 0.5
    found = calibration.thresholds(curves)
    assert found.gain.mean.item() == pytest.approx(0.1 - 0.5)
    assert "No single threshold is clearly better" in calibration.verdict(found)


def test_where_another_threshold_is_better_the_verdict_says_so():
    curves = np.stack([np.where(np.arange(256) < 60, 0.8, 0.3) + 0.001 * s for s in range(12)])
    said = calibration.verdict(calibration.thresholds(curves))
    assert said.startswith("0.5 is not the best threshold: 0.00 is, over all scenes")
    assert "+.500 [+.500, +.500]" in said


def results_with_pairs(scenes=7):
    pairs = {f"scene_{n}": pair_of(n) for n in range(scenes)}
    curve = {
        name: curves_of()._replace(f_measure=f_measure_curve(pair.saliency, pair.mask))
        for name, pair in pairs.items()
    }
    scores = {"net": {name: metrics_of(0.5) for name in pairs}}
    return results_of(scores, curves={"net": curve}), [lambda p=p: p for p in pairs.values()]


def test_the_section_has_a_row_for_each_bin_and_a_picture(tmp_path, drawn):
    results, reads = results_with_pairs()
    picture = tmp_path / "calibration.png"
    text = "\n".join(page.section(results, {"net": reads}, picture, "x/calibration.png"))
    assert text.startswith("## Calibration\n")
    assert sum(line.startswith("| 0.") for line in text.splitlines()) == calibration.BINS
    assert "](x/calibration.png)" in text
    assert "| net |" in text
    first = picture.read_bytes()
    left, right = drawn[0].axes
    assert left.get_xlabel() == "mean saliency"
    np.testing.assert_allclose(
        right.lines[-1].get_ydata(), calibration.f_curves(results, "net").mean(axis=0)
    )
    list(page.section(results, {"net": reads}, picture, "x"))
    assert picture.read_bytes() == first


def test_single_cubes_are_told_with_their_own_best_threshold():
    results, _ = results_with_pairs(2)
    (name, half, most, at), _ = page.real_table(results, "net", ["scene_1", "scene_0"]).rows
    curve = results.curves["net"]["scene_1"].f_measure
    assert name.text == "scene_1"
    assert half.text == f"{curve[128]:.3f}".removeprefix("0")
    assert most.text == f"{curve.max():.3f}".removeprefix("0")
    assert float(at.text) == pytest.approx(curve.argmax() / 255, abs=5e-4)
