"""Metrics against stored numbers and cases worked by hand; what they refuse.

`test_metrics_oracles.py` compares them with other programs.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from dmssn import metrics
from metric_pairs import pairs

PAIRS = Path(__file__).parent / "data" / "metrics_pairs"


def stored_pairs():
    wanted = json.loads(PAIRS.with_suffix(".json").read_text())
    with np.load(PAIRS.with_suffix(".npz")) as stored:
        maps, masks, names = stored["saliency"], stored["mask"], stored["names"]
    return [
        pytest.param(saliency, mask, wanted[str(name)], id=str(name))
        for saliency, mask, name in zip(maps, masks, names, strict=True)
    ]


@pytest.mark.parametrize(("saliency", "mask", "wanted"), stored_pairs())
def test_stored_pairs_have_their_stored_values(saliency, mask, wanted):
    ours = metrics.score(saliency, mask)
    for name, value in wanted.items():
        expected = math.nan if value is None else value
        assert ours[name] == pytest.approx(expected, abs=1e-6, nan_ok=True), name


def test_a_map_is_not_stretched():
    mask = np.array([[True, False]])
    assert metrics.mean_absolute_error(np.array([[0.2, 0.1]]), mask) == pytest.approx(0.45)
    assert metrics.precision_recall_f1(np.array([[0.4, 0.1]]), mask) == (0, 0, 0)


def test_mean_absolute_error_of_a_float32_map_is_summed_in_float64():
    saliency = np.full((2000, 1000), 0.1, dtype=np.float32)
    error = metrics.mean_absolute_error(saliency, np.zeros(saliency.shape, dtype=bool))
    assert error == pytest.approx(float(np.float32(0.1)), abs=1e-14)


def test_f_measure_worked_by_hand():
    # At threshold 0.5 two of the three called pixels are among the four salient ones:
    # P = 2/3, R = 1/2, F = 1.3 P R / (0.3 P + R) = 0.4333 / 0.7.
    saliency = np.array([[0.6, 0.7, 0.8], [0.1, 0.1, 0.0]])
    mask = np.array([[True, True, False], [True, True, False]])
    assert metrics.f_measure_curve(saliency, mask)[128] == pytest.approx(1.3 / 3 / 0.7)


def test_a_threshold_calls_the_pixels_on_it():
    curve = metrics.f_measure_curve(np.array([[100 / 255, 0.0]]), np.array([[True, False]]))
    assert curve[100] == pytest.approx(1)
    assert curve[101] == 0


def test_a_pixel_at_one_half_is_not_called():
    assert metrics.precision_recall_f1(np.array([[0.5]]), np.array([[True]])) == (0, 0, 0)
    above = np.array([[np.nextafter(0.5, 1)]])
    assert metrics.precision_recall_f1(above, np.array([[True]])) == (1, 1, 1)


def test_precision_and_recall_are_not_swapped():
    saliency = np.ones((1, 4))
    mask = np.array([[True, False, False, False]])
    assert metrics.precision_recall_f1(saliency, mask) == (0.25, 1.0, 0.4)


def test_roc_auc_counts_a_tie_as_half_a_win():
    # Of the two (salient, other) pairs one is a tie and one is won.
    assert metrics.roc_auc(np.array([[0.5, 0.5, 0.2]]), np.array([[True, False, False]])) == 0.75


def test_roc_auc_is_the_same_share_where_most_is_salient():
    # Of three (salient, other) pairs two are won.
    mask = np.array([[True, True, True, False]])
    assert metrics.roc_auc(np.array([[0.9, 0.8, 0.1, 0.5]]), mask) == pytest.approx(2 / 3)


def test_e_measure_worked_by_hand():
    # 2 x 2, one salient pixel, two called, one of them rightly: deviations of the map +-1/2, of the
    # mask 3/4 and -1/4. Alignments 2ab / (a2 + b2): 12/13 (hit), -4/5 (false), and for the two
    # pixels not called 4/5; E = sum((1 + alignment)^2 / 4) / 3.
    saliency, mask = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[True, False], [False, False]])
    wanted = ((1 + 12 / 13) ** 2 + (1 - 4 / 5) ** 2 + 2 * (1 + 4 / 5) ** 2) / 4 / 3
    assert metrics.e_measure_curve(saliency, mask)[200] == pytest.approx(wanted)


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (4, 5)])
def test_s_measure_is_defined_with_the_object_in_the_last_row_and_column(shape):
    mask = np.zeros(shape, dtype=bool)
    mask[-1, -1] = True
    assert metrics.s_measure(mask.astype(float), mask) == pytest.approx(1)
    assert metrics.s_measure(1.0 - mask, mask) == 0


def test_weighted_f_measure_punishes_far_errors_more_than_near_ones():
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:6, 2:6] = True
    near, far = mask.astype(float), mask.astype(float)
    near[3, 6] = far[19, 19] = 1
    assert metrics.weighted_f_measure(far, mask) < metrics.weighted_f_measure(near, mask) < 1


NAN = math.nan
MASK = np.zeros((6, 6), dtype=bool)
MASK[1:4, 2:5] = True
SOFT = np.linspace(0.2, 0.6, 36).reshape(6, 6)
EMPTY, FULL = np.zeros_like(MASK), np.ones_like(MASK)
ONE = np.ones((1, 1), dtype=bool)
BEST_E, FLAT_F = 36 / 35, 13 / 43
# fmt: off
# map, mask, MAE, F max, F adaptive, F weighted, S, E max, precision, recall, AUC, CC, NSS
EDGES = {
    "empty mask, soft map": (SOFT, EMPTY, 0.4, 0, 0, 0, 0.6, BEST_E, 0, 0, NAN, 0, NAN),
    "empty mask, zero map": (SOFT * 0, EMPTY, 0, 0, 0, 0, 1, BEST_E, 0, 0, NAN, 0, NAN),
    "full mask, soft map": (SOFT, FULL, 0.6, 1, 0, None, 0.4, BEST_E, 1, 9 / 36, NAN, 0, 0),
    "full mask, one map": (SOFT * 0 + 1, FULL, 0, 1, 1, 1, 1, BEST_E, 1, 1, NAN, 0, NAN),
    "flat map of 0": (SOFT * 0, MASK, 0.25, FLAT_F, FLAT_F, None, None, 9 / 35, 0, 0, 0.5, 0, NAN),
    "flat map of 1": (SOFT * 0 + 1, MASK, 0.75, FLAT_F, FLAT_F, None, None, 9 / 35, 0.25, 1,
                      0.5, 0, NAN),
    "perfect map": (MASK.astype(float), MASK, 0, 1, 1, 1, 1, BEST_E, 1, 1, 1, 1, math.sqrt(3)),
    "1 x 1, salient": (ONE * 0.75, ONE, 0.25, 1, 0, None, 0.75, 1, 1, 1, NAN, 0, NAN),
    "1 x 1, not salient": (ONE * 0.75, ~ONE, 0.75, 0, 0, 0, 0.25, 1, 0, 0, NAN, 0, NAN),
}
# fmt: on


@pytest.mark.parametrize("case", EDGES)
def test_edge_cases_are_as_documented(case):
    saliency, mask, *wanted = EDGES[case]
    ours = metrics.score(saliency, mask)
    names = [
        "mean_absolute_error", "max_f_measure", "adaptive_f_measure", "weighted_f_measure",
        "s_measure", "max_e_measure", "precision", "recall", "roc_auc", "correlation", "nss",
    ]  # fmt: skip
    for name, value in zip(names, wanted, strict=True):
        if value is not None:
            assert ours[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name


def test_tiny_differences_are_no_flat_map():
    saliency = np.array([[0.0, 1e-300], [0.0, 0.0]])
    assert metrics.correlation(saliency, saliency > 0) == pytest.approx(1)


@pytest.mark.parametrize(
    ("saliency", "mask", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2), dtype=bool), r"\(2, 3\).*\(3, 2\)"),
        (np.zeros((2, 2, 1)), np.zeros((2, 2, 1), dtype=bool), r"\(H, W\)"),
        (np.zeros((0, 2)), np.zeros((0, 2), dtype=bool), r"\(H, W\)"),
        (np.zeros((2, 2), dtype=np.uint8), np.zeros((2, 2), dtype=bool), "uint8"),
        (np.zeros((2, 2)), np.zeros((2, 2)), "mask is bool, got float64"),
        (np.array([[0, math.nan]]), np.zeros((1, 2), dtype=bool), "nan"),
        (np.array([[0, 1.001]]), np.zeros((1, 2), dtype=bool), r"from 0 to 1\.001"),
        (np.array([[-0.1, 1]]), np.zeros((1, 2), dtype=bool), r"from -0\.1 to 1"),
        (np.array([[0, math.inf]]), np.zeros((1, 2), dtype=bool), "to inf"),
    ],
)
def test_what_cannot_be_scored_is_refused(saliency, mask, message):
    with pytest.raises(ValueError, match=message):
        metrics.score(saliency, mask)


@settings(max_examples=300)
@given(pairs())
def test_every_metric_stays_in_its_range(pair):
    saliency, mask = pair
    most_e = mask.size / max(mask.size - 1, 1)
    for name, value in metrics.score(saliency, mask).items():
        if name == "nss" or ("roc_auc" in name and math.isnan(value)):
            continue
        low = -1 if name == "correlation" else 0
        high = most_e if "_e_" in name else 1
        assert low - 1e-12 <= value <= high + 1e-12, name


@given(pairs())
def test_the_input_is_left_alone(pair):
    saliency, mask = pair
    copies = saliency.copy(), mask.copy()
    metrics.score(saliency, mask)
    np.testing.assert_array_equal(saliency, copies[0])
    np.testing.assert_array_equal(mask, copies[1])
