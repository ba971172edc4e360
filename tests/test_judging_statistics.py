"""Bootstrap intervals: against scipy, by hand, and by how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap

from dmssn.judging import statistics
from dmssn.judging.statistics import (
    LEAST_SCENES,
    Intervals,
    expanded_tail,
    intervals,
    paired_differences,
    verdicts,
)

RESAMPLES = 10_000
CHANCE = 0.15
"""Standard errors that two ends of 10,000 resamples each differ by, at most: four times the root
of 2 x 0.025 x 0.975 / 10,000 over the normal density at the end, 0.058."""


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def one(values):
    """The interval of one entry and one metric, as three numbers."""
    found = intervals(np.asarray(values, dtype=np.float64)[None, None])
    return found.mean.item(), found.low.item(), found.high.item()


def test_of_six_scenes_by_hand():
    # Of a draw's six scenes each is the last one by a chance of 1/6. Five or six are in 0.07 % of
    # draws, four or more in 0.9 %: the end with 0.24 % above it is four. None are in 33 %.
    assert expanded_tail(6) == pytest.approx(0.00243, abs=1e-5)
    assert one([0.0, 0.0, 0.0, 0.0, 0.0, 1.0]) == pytest.approx((1 / 6, 0.0, 4 / 6))


@pytest.mark.parametrize("scenes", [1, 2, 5])
def test_few_scenes_have_a_mean_and_no_interval(scenes):
    mean, low, high = one([0.7, 0.1, 0.4, 0.3, 0.5][:scenes])
    assert mean == pytest.approx(np.mean([0.7, 0.1, 0.4, 0.3, 0.5][:scenes]))
    assert np.isnan([low, high]).all()


def test_a_metric_that_is_defined_nowhere_has_nothing():
    found = intervals(np.full((1, 1, 5), np.nan))
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert found.scenes.item() == 0


def test_a_metric_that_is_defined_on_one_scene_has_no_interval():
    mean, low, high = one([np.nan, 0.7, *[np.nan] * 9])
    assert mean == 0.7
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize(
    "values",
    [
        generator(1).normal(0.5, 0.1, 40),
        generator(2).exponential(0.2, 60),
        generator(3).beta(0.5, 0.5, 25),
        (generator(4).random(50) < 0.3).astype(float),
    ],
    ids=["normal", "exponential", "two heaps", "0 or 1"],
)
def test_intervals_are_those_of_scipy_within_chance(values):
    mean, low, high = one(values)
    theirs = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        confidence_level=1 - 2 * expanded_tail(values.size),
        rng=generator(99),
    ).confidence_interval
    tolerance = CHANCE * values.std() / np.sqrt(values.size)
    if set(values) == {0.0, 1.0}:
        tolerance += 1 / values.size  # means are whole fiftieths: an end may be the next one
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(theirs.low, abs=tolerance)
    assert high == pytest.approx(theirs.high, abs=tolerance)


def test_paired_differences_are_scipys_of_the_differences_within_chance():
    draw = generator(5)
    reference = draw.random(50)
    entry = 0.8 * reference + 0.1 * draw.random(50)
    found = paired_differences(entry[None, None], reference[None])
    differences = entry - reference
    theirs = bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        confidence_level=1 - 2 * expanded_tail(50),
        rng=generator(98),
    ).confidence_interval
    tolerance = CHANCE * differences.std() / np.sqrt(50)
    assert found.mean.item() == pytest.approx(differences.mean())
    assert found.low.item() == pytest.approx(theirs.low, abs=tolerance)
    assert found.high.item() == pytest.approx(theirs.high, abs=tolerance)


def test_what_is_hard_for_both_does_not_widen_a_difference():
    hard = generator(6).random(50)
    entry = hard + 0.01
    found = paired_differences(entry[None, None], hard[None])
    assert (found.low.item(), found.high.item()) == pytest.approx((0.01, 0.01))


def test_a_difference_leaves_out_scenes_that_either_lacks():
    entry = np.array([0.5, np.nan, 0.7, 0.9, 0.5, 0.6, 0.7, 0.8])
    reference = np.array([0.4, 0.1, np.nan, 0.6, 0.3, 0.4, 0.5, 0.6])
    found = paired_differences(entry[None, None], reference[None])
    assert found.scenes.item() == 6
    assert found.mean.item() == pytest.approx(0.2)
    assert 0.1 <= found.low.item() < 0.2 < found.high.item() <= 0.3


def test_undefined_scenes_are_drawn_and_not_counted():
    """A plain loop over resamples, by other draws, as oracle."""
    draw = generator(7)
    values = draw.exponential(1, 40)
    values[::4] = np.nan
    means = [np.nanmean(values[draw.integers(40, size=40)]) for _ in range(RESAMPLES)]
    mean, low, high = one(values)
    tail = expanded_tail(30)
    tolerance = CHANCE * np.nanstd(values) / np.sqrt(30)
    assert mean == pytest.approx(np.nanmean(values))
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [tail, 1 - tail])), abs=tolerance)


@pytest.mark.parametrize("scenes", [6, 12, 60])
def test_intervals_hold_the_truth_about_as_often_as_they_say(scenes):
    """1,000 sets of skewed scores with a mean of 2/7: 95 %, less what skew costs."""
    scores = generator(8).beta(2, 5, (1000, 1, scenes))
    found = intervals(scores, resamples=2000)
    held = np.mean((found.low <= 2 / 7) & (found.high >= 2 / 7))
    assert 0.92 <= held <= 0.97  # chance moves it by 0.007


@pytest.mark.parametrize("scenes", [6, 12, 60])
def test_equal_entries_are_called_different_about_one_time_in_twenty(scenes):
    draw = generator(9)
    hard = draw.random((1000, 1, scenes))
    entry, reference = (hard + draw.normal(0, 0.05, hard.shape) for _ in range(2))
    # 1,000 comparisons, each with a reference of its own, as paired_differences has it.
    found = intervals(entry - reference, resamples=2000)
    called = np.mean(verdicts(found, np.array([False])) != 0)
    assert 0.03 <= called <= 0.09  # chance moves it by 0.007


def test_an_interval_does_not_depend_on_what_else_is_judged_or_in_which_order():
    values = generator(10).random((7, 5, 33))
    values[2, 3, ::5] = np.nan
    together = intervals(values)
    order = [4, 0, 6, 2, 5, 1, 3]
    turned = intervals(np.ascontiguousarray(values[order]))
    for ours, theirs in zip(together, turned, strict=True):
        np.testing.assert_array_equal(ours[order], theirs)
    for entry in range(7):
        alone = intervals(values[entry : entry + 1])
        np.testing.assert_array_equal(alone.low[0], together.low[entry])
        np.testing.assert_array_equal(alone.high[0], together.high[entry])


def test_memory_does_not_change_the_draws(monkeypatch):
    values = generator(11).random((2, 3, 37))
    at_once = intervals(values)
    monkeypatch.setattr(statistics, "DRAWN_AT_ONCE", 37 * 101)
    for ours, theirs in zip(at_once, intervals(values), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_another_seed_draws_other_scenes():
    values = generator(12).random((1, 1, 30))
    assert intervals(values).low.item() == intervals(values).low.item()
    assert intervals(values).low.item() != intervals(values, seed=1).low.item()


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 12)),
        elements=st.floats(-1, 1) | st.just(np.nan),
    )
)
def test_an_interval_lies_within_the_scores(values):
    found = intervals(values, resamples=300)
    for place in np.ndindex(found.mean.shape):
        known = values[place][~np.isnan(values[place])]
        assert found.scenes[place] == known.size
        assert (
            np.isnan(found.low[place]) == np.isnan(found.high[place]) == (known.size < LEAST_SCENES)
        )
        if known.size >= LEAST_SCENES:
            least, most = known.min() - 1e-12, known.max() + 1e-12
            assert least <= found.low[place] <= found.high[place] <= most


def bounds(low, high, scenes=50):
    """Differences of one entry in metrics with these ends."""
    ends = np.array([low]), np.array([high])
    return Intervals(np.mean(ends, axis=0), *ends, np.full((1, len(low)), scenes))


def test_a_difference_is_clear_where_the_interval_leaves_out_0():
    found = bounds([0.1, -0.3, -0.1, 0.0, -0.2, np.nan], [0.3, -0.1, 0.1, 0.2, 0.0, np.nan])
    high_is_better = np.zeros(6, dtype=bool)
    assert verdicts(found, high_is_better).tolist() == [[1, -1, 0, 0, 0, 0]]


def test_an_error_is_better_where_it_is_lower():
    found = bounds([0.1, -0.3], [0.3, -0.1])
    assert verdicts(found, np.array([True, True])).tolist() == [[-1, 1]]


def test_rounding_is_no_difference():
    # One map, as a picture of 8 bits and as float32: its errors differ in the ninth decimal.
    found = bounds([1e-15, 6e-9, -6e-9, 2e-7, -3e-7], [1e-15, 7e-9, -5e-9, 3e-7, -2e-7])
    assert verdicts(found, np.zeros(5, dtype=bool)).tolist() == [[0, 0, 0, 1, -1]]


def test_one_map_in_8_bits_and_in_float32_is_equally_good():
    draw = generator(13)
    masks = draw.random((30, 16, 16)) < 0.3
    levels = draw.integers(0, 256, masks.shape)
    eight, single = levels / 255, (levels / np.float32(255)).astype(np.float32).astype(float)
    errors = [np.abs(maps - masks).mean(axis=(1, 2)) for maps in (eight, single)]
    assert (errors[0] != errors[1]).any()
    found = paired_differences(errors[0][None, None], errors[1][None])
    assert verdicts(found, np.array([True])).item() == 0


def test_a_handful_of_scenes_decides_nothing():
    clear = [0.1], [0.3]
    assert verdicts(bounds(*clear, LEAST_SCENES), np.array([False])).item() == 1
    assert verdicts(bounds(*clear, LEAST_SCENES - 1), np.array([False])).item() == 0
