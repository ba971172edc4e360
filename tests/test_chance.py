"""What scenes are drawn from: the same numbers everywhere, and as they are meant to be spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import Spectra

NONE = Spectra({}, {})


def chance(*key):
    return Chance(key or [0], NONE)


def test_the_numbers_of_a_key_are_these_and_no_others():
    # Written down once: every scene of a benchmark hangs on them.
    drawn = chance(1, 2)
    assert drawn.random() == 0.16936840229829186
    assert drawn.integer(0, 1000) == 656
    assert drawn.choice("abcdefgh") == "h"
    noise = [-0.13471, 1.56246, -1.02835, 0.37858]
    np.testing.assert_allclose(drawn.noise((2, 2)).ravel(), noise, atol=1e-5)
    shares = [0.59737359, 0.29424635, 0.10838006]
    np.testing.assert_allclose(drawn.shares([4.0, 1.0, 0.5]), shares, atol=1e-7)


def test_another_key_draws_other_numbers_and_the_same_one_the_same():
    assert chance(1, 2).random() == chance(1, 2).random()
    keys = [(1, 2), (2, 1), (0, 1), (2**32, 0), (1, 2**32), (3, 2**63)]
    assert len({chance(*key).random() for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda rng: rng.random(20_000), stats.uniform()),
        (lambda rng: rng.uniform(-2, 3, 20_000), stats.uniform(-2, 5)),
        (lambda rng: rng.normal(1, 2, 20_000), stats.norm(1, 2)),
        (lambda rng: rng.noise((100, 200)).ravel(), stats.norm()),
        (lambda rng: [rng.spread(0.1, 10) for _ in range(5000)], stats.loguniform(0.1, 10)),
        (lambda rng: [rng.shares([4.0, 1.0, 0.5])[0] for _ in range(5000)], stats.beta(4, 1.5)),
    ],
)
def test_numbers_are_spread_as_they_are_meant_to_be(draw, expected):
    assert stats.kstest(draw(chance(7)), expected.cdf).pvalue > 0.001


def test_whole_numbers_and_choices_are_as_likely_as_each_other():
    rng = chance(3)
    assert stats.chisquare(np.bincount(rng.integers(6, 12_000))).pvalue > 0.001
    drawn = [rng.choice("ab", p=[0.25, 0.75]) for _ in range(4000)]
    assert drawn.count("a") == pytest.approx(1000, abs=120)
    assert sum(rng.one_in(0.1) for _ in range(4000)) == pytest.approx(400, abs=80)


@given(
    seed=st.integers(0, 2**40),
    low=st.integers(-5, 5),
    span=st.integers(1, 9),
    count=st.integers(0, 30),
)
def test_numbers_stay_within_their_bounds(seed, low, span, count):
    rng = chance(seed)
    assert low <= rng.integer(low, low + span) < low + span
    assert low <= rng.uniform(low, low + span) < low + span
    shares = rng.shares(np.full(count + 1, 0.7))
    assert shares.sum() == pytest.approx(1)
    assert shares.min() >= 0
    assert rng.noise((count, 3)).shape == (count, 3)
