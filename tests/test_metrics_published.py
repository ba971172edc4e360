"""The metrics as the code published with DMSSN computes them."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import assume, example, given, settings

from dmssn import metrics
from metric_pairs import pairs


def test_published_metrics_worked_by_hand():
    # Stretched: 1, 0.75, 0.25, 0; called are the first two. Three pixels are salient, one of them
    # is called: recall 1/3, precision 1/2, F1 2/5. Of the two not called both are salient, so the
    # negative predictive value is 0 and the "AUC" is 1/4.
    saliency = np.array([[0.5, 0.4], [0.2, 0.1]])
    mask = np.array([[True, False], [True, True]])
    found = metrics.published_score(saliency, mask)
    deviation = math.sqrt((0.5**2 + 0.25**2) / 2)
    nss = (1.25 / 3 - 0.5) / deviation
    assert found == pytest.approx(
        {
            "published_mean_absolute_error": (0 + 0.75 + 0.75 + 1) / 4,
            "published_precision": 1 / 3,
            "published_recall": 1 / 2,
            "published_f1": 2 / 5,
            "published_auc": 1 / 4,
            "published_correlation": nss * math.sqrt(3),
            "published_nss": nss,
        }
    )


def test_a_map_that_ranks_every_pixel_rightly_can_have_a_published_auc_below_1():
    saliency, mask = np.array([[1.0, 0.4, 0.2, 0.0]]), np.array([[True, True, False, False]])
    assert metrics.roc_auc(saliency, mask) == 1
    assert metrics.published_score(saliency, mask)["published_auc"] == pytest.approx(5 / 6)


def test_what_is_at_one_half_after_stretching_is_not_called():
    saliency, mask = np.array([[0.0, 0.25, 0.5]]), np.array([[False, True, True]])
    assert metrics.published_score(saliency, mask)["published_precision"] == 0.5


@pytest.mark.parametrize(("level", "recall"), [(0.0, 0), (0.6, 0.5)])
def test_flat_maps_are_scored_as_they_are(level, recall):
    mask = np.array([[True, False]])
    found = metrics.published_score(np.full((1, 2), level), mask)
    assert found["published_mean_absolute_error"] == pytest.approx(0.5)
    assert found["published_recall"] == recall
    assert found["published_correlation"] == 0
    assert math.isnan(found["published_nss"])
    assert math.isnan(found["published_auc"])


def test_an_empty_mask_has_zeros_and_no_nss():
    found = metrics.published_score(np.array([[0.1, 0.8]]), np.zeros((1, 2), dtype=bool))
    names = ("published_precision", "published_recall", "published_f1", "published_correlation")
    assert [found[name] for name in names] == [0] * 4
    assert found["published_auc"] == 0.5  # none of the called is salient, all others are not
    assert math.isnan(found["published_nss"])


def test_stretched_maps_reach_from_0_to_1():
    saliency = np.array([[0.2, 0.3], [0.4, 0.6]])
    assert metrics.stretched(saliency) == pytest.approx(np.array([[0, 0.25], [0.5, 1]]))
    assert metrics.stretched(saliency.astype(np.float32)).dtype == np.float32


def test_a_flat_map_is_not_stretched():
    flat = np.full((2, 2), 0.3)
    assert metrics.stretched(flat).tolist() == flat.tolist()


def test_stretching_hides_no_value_that_is_refused():
    with pytest.raises(ValueError, match="from 0 to 2"):
        metrics.published_score(np.array([[0.0, 2.0]]), np.array([[False, True]]))


@settings(max_examples=200)
@given(pairs())
@example((np.array([[0.2, 0.3, 0.4]]), np.array([[False, True, True]])))  # the middle at 0.5
def test_published_metrics_are_the_usual_ones_of_the_stretched_map_called_the_wrong_way(pair):
    saliency, mask = pair[0].astype(np.float64), pair[1].ravel()
    low, high = saliency.min(), saliency.max()
    assume(high - low == 0 or high - low > 1e-6)  # between, rounding decides in numpy
    wanted = (saliency - low) / (high - low) if high > low else saliency
    flat, called = wanted.ravel(), wanted.ravel() > 0.5
    ours = metrics.published_score(*pair)
    assert ours["published_mean_absolute_error"] == pytest.approx(np.abs(flat - mask).mean())
    # (truth, called) is scikit-learn's order.
    assert ours["published_precision"] == pytest.approx(
        sklearn.metrics.precision_score(called, mask, zero_division=0)
    )
    assert ours["published_recall"] == pytest.approx(
        sklearn.metrics.recall_score(called, mask, zero_division=0)
    )
    assert ours["published_f1"] == pytest.approx(
        sklearn.metrics.f1_score(called, mask, zero_division=0)
    )
    if 0 < called.sum() < called.size:
        wanted_auc = sklearn.metrics.roc_auc_score(called, mask.astype(float))
        assert ours["published_auc"] == pytest.approx(wanted_auc)
    else:
        assert math.isnan(ours["published_auc"])
    if high > low and 0 < mask.sum() < mask.size:
        assert ours["published_correlation"] == pytest.approx(
            np.corrcoef(flat, mask)[0, 1], abs=1e-6
        )
        scores = (flat - flat.mean()) / flat.std()
        assert ours["published_nss"] == pytest.approx(scores[mask].mean(), abs=1e-6)
