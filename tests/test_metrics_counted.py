"""Pixels whose truth is not known count in no metric."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dmssn import metrics
from metric_pairs import pairs

NEED_WHOLE_PICTURES = {"s_measure", "weighted_f_measure"}
MASK = np.array([[True, False, False], [True, False, False]])
SALIENCY = np.array([[0.9, 0.2, 0.7], [0.4, 0.1, 0.6]])


@st.composite
def partly_known(draw):
    """A pair, and which of its pixels count: not all, but some."""
    saliency, mask = draw(pairs().filter(lambda pair: pair[1].size > 1))
    counted = draw(arrays.arrays(np.bool_, mask.shape, fill=st.booleans()))
    first, second = draw(st.permutations(range(mask.size)))[:2]
    counted.flat[first], counted.flat[second] = True, False
    return saliency, mask, counted


@settings(max_examples=200)
@given(partly_known())
def test_pixels_that_count_score_as_a_picture_of_one_row(case):
    saliency, mask, counted = case
    row = saliency[counted][None], mask[counted][None]
    values, wanted = metrics.score(saliency, mask, counted), metrics.score(*row)
    wanted |= dict.fromkeys(NEED_WHOLE_PICTURES, math.nan)
    np.testing.assert_equal(values, wanted)
    for one, other in zip(
        metrics.curves(saliency, mask, counted), metrics.curves(*row), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_equal(
        metrics.published_score(saliency, mask, counted), metrics.published_score(*row)
    )


@settings(max_examples=100)
@given(partly_known())
def test_what_a_pixel_that_does_not_count_holds_changes_nothing(case):
    saliency, mask, counted = case
    values = metrics.score(saliency, mask, counted)
    other = np.where(counted, saliency, np.nan), mask ^ ~counted
    np.testing.assert_equal(metrics.score(*other, counted), values)


def test_a_metric_alone_leaves_pixels_out_too():
    counted = np.array([[True, True, False], [True, True, False]])
    assert metrics.mean_absolute_error(SALIENCY, MASK, counted) == pytest.approx(1.0 / 4)
    assert metrics.roc_auc(SALIENCY, MASK, counted) == 1
    assert metrics.roc_auc(SALIENCY, MASK) == 6 / 8
    assert math.isnan(metrics.s_measure(SALIENCY, MASK, counted))
    assert math.isnan(metrics.weighted_f_measure(SALIENCY, MASK, counted))


def test_pictures_known_everywhere_are_whole():
    np.testing.assert_equal(
        metrics.score(SALIENCY, MASK, np.ones_like(MASK)), metrics.score(SALIENCY, MASK)
    )


@pytest.mark.parametrize(
    ("counted", "message"),
    [
        (np.zeros((2, 3), dtype=bool), "no pixel counts"),
        (np.ones((3, 2), dtype=bool), r"\(2, 3\).*\(3, 2\)"),
        (np.ones((2, 3)), "bool, got float64"),
    ],
)
def test_what_cannot_say_which_pixels_count_is_refused(counted, message):
    with pytest.raises(ValueError, match=message):
        metrics.score(SALIENCY, MASK, counted)
