"""Mean and spread gathered in parts are those of the whole, in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmssn.moments import PIXELS_AT_ONCE, of_pixels


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e3),
    st.integers(0, 2**32 - 1),
)
def test_parts_merged_in_any_cut_are_the_whole(cuts, level, spread, seed):
    rng = np.random.default_rng(seed)
    parts = [(level + spread * rng.normal(size=(count, 3))).astype(np.float32) for count in cuts]
    total = of_pixels(parts[0])
    for part in parts[1:]:
        total = total.merge(of_pixels(part))
    whole = np.concatenate(parts).astype(np.float64)
    assert total.pixels == len(whole)
    if len(whole):
        np.testing.assert_allclose(total.mean, whole.mean(axis=0), rtol=1e-12, atol=1e-12 * spread)
        np.testing.assert_allclose(total.std, whole.std(axis=0), rtol=1e-7, atol=1e-12 * spread)


def test_a_spread_far_below_the_level_is_kept():
    # The float32 steps at 60000 are 0.004: counts of 16 bit whose spread is one or two of them.
    # In float32, or as a difference of sums of squares, nothing of it would be left.
    rng = np.random.default_rng(0)
    pixels = (60000 + rng.integers(0, 3, (3 * PIXELS_AT_ONCE + 17, 2)) * 2.0**-8).astype(np.float32)
    found = of_pixels(pixels)
    np.testing.assert_allclose(found.std, pixels.astype(np.float64).std(axis=0), rtol=1e-9)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(pixels.std(axis=0), found.std, rtol=1e-2)


def test_nothing_has_no_spread():
    nothing = of_pixels(np.zeros((0, 2), np.float32))
    assert nothing.pixels == 0
    assert nothing.std.tolist() == [0, 0]
