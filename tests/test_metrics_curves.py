"""Curves of one image, worked by hand, and where they are not defined."""

import numpy as np
import pytest
from hypothesis import given, settings

from dmssn import metrics
from metric_pairs import pairs

# Two salient pixels and four others; the ROC curve has one vertical, one slanted and two level
# pieces: (0, 0), (0, 1/2), (1/2, 1) slanted by the tie at 0.6, (3/4, 1), (1, 1).
SALIENCY = np.array([[0.9, 0.6, 0.6], [0.6, 0.2, 0.0]])
MASK = np.array([[True, True, False], [False, False, False]])


def test_true_positive_rate_worked_by_hand():
    rate = metrics.true_positive_rate(SALIENCY, MASK)
    assert rate.shape == (257,)
    assert rate[[0, 64, 128, 192, 256]].tolist() == [0.5, 0.75, 1, 1, 1]
    assert rate[32] == pytest.approx(0.5 + 0.125)  # a quarter of the tie's slanted piece


def test_areas_under_roc_curves_worked_by_hand():
    # Of the 8 (salient, other) pairs 6 are won and 2 tied.
    assert metrics.roc_auc(SALIENCY, MASK) == pytest.approx(7 / 8)
    # 0.6 and 0.6001 lie between the same two of 256 thresholds: a win is a tie there.
    nearly = np.where(MASK & (SALIENCY == 0.6), 0.6001, SALIENCY)
    assert metrics.roc_auc(nearly, MASK) == 1
    assert metrics.threshold_roc_auc(nearly, MASK) == pytest.approx(7 / 8)


def test_threshold_roc_auc_begins_at_no_pixel():
    # (0, 0), then (1/2, 1) where the two pixels at 1 are called, then (1, 1).
    mask = np.array([[True, False, False]])
    assert metrics.threshold_roc_auc(np.array([[1.0, 1.0, 0.0]]), mask) == 0.75


def test_precision_and_recall_curves_worked_by_hand():
    found = metrics.curves(SALIENCY, MASK)
    assert found.precision.shape == found.recall.shape == found.f_measure.shape == (256,)
    # At 0 all six pixels are called, at 51/255 = 0.2 five, at 52/255 four, to 0.6 two thirds of
    # which are others and at 154/255 only the first.
    at = [0, 51, 52, 153, 154, 229, 230, 255]
    assert found.precision[at] == pytest.approx([1 / 3, 0.4, 0.5, 0.5, 1, 1, 1, 1])
    assert found.recall[at] == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0, 0])
    assert found.f_measure[at[3:5]] == pytest.approx([1.3 * 0.5 / 1.15, 1.3 * 0.5 / 0.8])


def test_mean_f1_worked_by_hand():
    # A mask of half the pixels and a map that is the mask at 0.5: F1 is 2/3 at threshold 0, 1 at
    # the 127 up to 127/255, and 0 at the 128 above.
    mask = np.array([[True, False]])
    assert metrics.score(mask * 0.5, mask)["mean_f1"] == pytest.approx((2 / 3 + 127) / 256)


def test_nothing_called_has_precision_1_and_recall_0():
    found = metrics.curves(np.zeros((2, 3)), MASK)
    assert found.precision[1:].tolist() == [1] * 255
    assert found.recall[1:].tolist() == [0] * 255
    assert (found.precision[0], found.recall[0]) == (pytest.approx(1 / 3), 1)


def test_an_empty_mask_has_no_curves_but_an_f_measure_of_0():
    found = metrics.curves(SALIENCY, np.zeros_like(MASK))
    assert found.f_measure.tolist() == [0] * 256
    for curve in (found.precision, found.recall, found.true_positive_rate):
        assert np.isnan(curve).all()


def test_a_full_mask_has_no_roc_curve():
    found = metrics.curves(SALIENCY, np.ones_like(MASK))
    assert np.isnan(found.true_positive_rate).all()
    assert found.precision.tolist() == [1] * 256
    assert found.recall[[0, 230]].tolist() == [1, 0]
    values = metrics.score(SALIENCY, np.ones_like(MASK))
    assert np.isnan([values["roc_auc"], values["threshold_roc_auc"]]).all()


def test_a_perfect_map_reaches_every_salient_pixel_at_no_cost():
    assert metrics.true_positive_rate(MASK.astype(float), MASK).tolist() == [1] * 257


def test_a_flat_map_has_the_diagonal():
    rate = metrics.true_positive_rate(np.full(MASK.shape, 0.4), MASK)
    assert rate == pytest.approx(np.arange(257) / 256)


@settings(max_examples=100)
@given(pairs())
def test_curves_and_score_together_are_those_alone(pair):
    values, found = metrics.score_and_curves(*pair)
    np.testing.assert_equal(values, metrics.score(*pair))
    for one, other in zip(found, metrics.curves(*pair), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=100)
@given(pairs())
def test_each_metric_alone_is_as_in_the_score(pair):
    values = metrics.score(*pair)
    f_curve, e_curve = metrics.f_measure_curve(*pair), metrics.e_measure_curve(*pair)
    alone = {
        "mean_absolute_error": metrics.mean_absolute_error(*pair),
        "max_f_measure": f_curve.max(),
        "mean_f_measure": f_curve.mean(),
        "adaptive_f_measure": metrics.adaptive_f_measure(*pair),
        "weighted_f_measure": metrics.weighted_f_measure(*pair),
        "s_measure": metrics.s_measure(*pair),
        "max_e_measure": e_curve.max(),
        "mean_e_measure": e_curve.mean(),
        "adaptive_e_measure": metrics.adaptive_e_measure(*pair),
        **dict(zip(("precision", "recall", "f1"), metrics.precision_recall_f1(*pair), strict=True)),
        "mean_f1": metrics.f1_curve(*pair).mean(),
        "roc_auc": metrics.roc_auc(*pair),
        "threshold_roc_auc": metrics.threshold_roc_auc(*pair),
        "correlation": metrics.correlation(*pair),
        "nss": metrics.nss(*pair),
    }
    assert list(values) == list(alone)
    np.testing.assert_equal(values, alone)
