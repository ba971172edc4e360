"""Resampling against torch's, by hand, and with invalid pixels."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn.resample import (
    Resizer,
    axis_weights,
    covered,
    resample_bands,
    resize,
    wavelength_weights,
)

RNG = np.random.default_rng(0)


def torch_resized(data, height, width, mode):
    maps = torch.from_numpy(data).permute(2, 0, 1)[None]
    corners = {"align_corners": False} if mode == "bilinear" else {}
    return F.interpolate(maps, (height, width), mode=mode, **corners)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 2), (1, 4)])
def test_shrinking_by_whole_factors_is_the_mean_of_blocks(rows, columns):
    data = RNG.random((6 * rows, 5 * columns, 3), dtype=np.float32)
    blocks = data.reshape(6, rows, 5, columns, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(data, 6, 5), blocks, rtol=1e-6)
    oracle = torch_resized(data, 6, 5, "area")
    np.testing.assert_allclose(resize(data, 6, 5), oracle, rtol=1e-6)


def test_enlarging_is_torchs_bilinear():
    data = RNG.random((7, 5, 3), dtype=np.float32)
    for height, width in [(14, 15), (9, 13), (8, 5), (7, 6)]:
        oracle = torch_resized(data, height, width, "bilinear")
        np.testing.assert_allclose(resize(data, height, width), oracle, atol=1e-6)


def test_shrinking_by_a_fraction_by_hand():
    # 3 to 2: cells of one and a half samples.
    expected = np.array([[1, 0.5, 0], [0, 0.5, 1]]) / 1.5
    np.testing.assert_allclose(axis_weights(3, 2).toarray(), expected, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(size_in=st.integers(1, 70), size_out=st.integers(1, 70))
def test_weights_sum_to_one_and_shrinking_keeps_the_mean(size_in, size_out):
    weights = axis_weights(size_in, size_out).toarray()
    assert weights.shape == (size_out, size_in)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    if size_out <= size_in:  # every sample counts the same
        np.testing.assert_allclose(weights.sum(axis=0), size_out / size_in, rtol=1e-5)


def test_shrinking_keeps_the_mean_of_a_picture():
    data = RNG.random((97, 83, 2), dtype=np.float32)
    small = resize(data, 32, 41)
    mean, expected = (picture.mean(axis=(0, 1), dtype=np.float64) for picture in (small, data))
    np.testing.assert_allclose(mean, expected, rtol=1e-7)


def test_the_size_it_has_changes_nothing():
    data = RNG.random((5, 6, 2), dtype=np.float32)
    np.testing.assert_array_equal(resize(data, 5, 6), data)


def test_a_mask_without_bands_keeps_its_shape():
    assert resize(RNG.random((10, 12), dtype=np.float32), 5, 4).shape == (5, 4)


def test_one_axis_may_shrink_while_the_other_grows():
    data = RNG.random((8, 3, 2), dtype=np.float32)
    rows = data.reshape(4, 2, 3, 2).mean(axis=1)
    np.testing.assert_allclose(resize(data, 4, 6), torch_resized(rows, 4, 6, "bilinear"), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_invalid_pixel_lends_nothing_to_its_neighbours(bad):
    data = np.full((4, 4, 2), 3.0, dtype=np.float32)
    data[0, 0] = [5.0, bad]  # invalid in one band is invalid in all
    data[2, 2:] = bad
    data[3, 2] = bad
    small = resize(data, 2, 2)
    np.testing.assert_allclose(small[0], 3.0)  # three of four pixels are valid
    np.testing.assert_allclose(small[1, 0], 3.0)
    assert np.isnan(small[1, 1]).all()  # one of four is


def test_a_pixel_with_both_infinities_is_invalid():
    data = np.full((4, 4, 2), 3.0, dtype=np.float32)
    data[0, 0] = [np.inf, -np.inf]
    np.testing.assert_allclose(resize(data, 2, 2), 3.0)


def test_half_the_weight_is_enough():
    data = np.array([[[1.0], [np.nan]]], dtype=np.float32)
    assert resize(data, 1, 1).tolist() == [[[1.0]]]


def test_enlarging_beside_an_invalid_pixel_repeats_the_valid_one():
    data = np.array([[[1.0], [np.nan]]], dtype=np.float32)
    found = resize(data, 1, 4)[0, :, 0]
    np.testing.assert_array_equal(found, [1, 1, np.nan, np.nan])


def dense_weights(size_in, size_out):
    """Area or linear weights in float64, cell by cell."""
    scale = size_in / size_out
    if size_out < size_in:
        low, high = (
            np.arange(size_out)[:, None] * scale,
            np.arange(1, size_out + 1)[:, None] * scale,
        )
        left = np.arange(size_in)[None]
        return np.clip(np.minimum(high, left + 1) - np.maximum(low, left), 0, None) / scale
    centres = (np.arange(size_out) + 0.5) * scale - 0.5
    return np.stack(
        [np.interp(centres, np.arange(size_in), one) for one in np.eye(size_in)], axis=1
    )


SIDES = st.integers(1, 23)
CUTS = st.sets(st.integers(1, 22)).map(sorted)


@settings(max_examples=60)
@given(
    shape=st.tuples(SIDES, SIDES), wanted=st.tuples(SIDES, SIDES), cuts=CUTS, holes=st.booleans()
)
def test_rows_in_blocks_of_any_size_are_resized_as_the_exact_sums_say(shape, wanted, cuts, holes):
    rng = np.random.default_rng([*shape, *wanted, holes])
    data = rng.random((*shape, 3), dtype=np.float32)
    valid = rng.random(shape) < (0.7 if holes else 1)
    data[~valid, rng.integers(3)] = rng.choice([np.nan, np.inf, -np.inf])
    resizer = Resizer(data.shape, *wanted)
    for block in np.split(data, [cut for cut in cuts if cut < shape[0]]):
        resizer.add(block)
    found = resizer.result()
    np.testing.assert_array_equal(resizer.valid, valid)
    rows, columns = (dense_weights(*pair) for pair in zip(shape, wanted, strict=True))
    weight = np.einsum("yh,xw,hw->yx", rows, columns, valid.astype(float))
    kept = np.where(valid[:, :, None], data, 0).astype(float)
    with np.errstate(invalid="ignore"):
        exact = np.einsum("yh,xw,hwb->yxb", rows, columns, kept) / weight[:, :, None]
    sure = np.abs(weight - 0.5) > 1e-4  # at half the weight, rounding decides
    np.testing.assert_array_equal(np.isnan(found).any(axis=2)[sure], (weight < 0.5)[sure])
    inside = sure & (weight >= 0.5)
    np.testing.assert_allclose(found[inside], exact[inside], atol=1e-6)


def test_large_finite_numbers_are_not_taken_for_invalid_ones():
    data = np.full((2, 3, 4), 3e38, dtype=np.float32)  # their sum over bands is no float32
    data[0, 0] *= [1, -1, 1, -1]
    data[1, 2, 1] = np.inf
    resizer = Resizer(data.shape, 2, 3)
    resizer.add(data)
    assert np.argwhere(~resizer.valid).tolist() == [[1, 2]]


def test_resizing_leaves_the_rows_it_is_given_alone():
    data = RNG.random((6, 5, 3), dtype=np.float32)
    data[2, 3, 1] = np.nan
    before = data.copy()
    Resizer(data.shape, 3, 4).add(data)
    np.testing.assert_array_equal(data, before)


def test_wavelengths_are_averaged_where_bands_are_many_and_interpolated_where_few():
    have = np.array([400.0, 410, 420, 430, 500, 600])
    want = np.array([405.0, 425, 550])
    # Cells by the middles 415 and 487.5; the first and last reach as far out again.
    expected = np.array(
        [[1 / 2, 1 / 2, 0, 0, 0, 0], [0, 0, 1 / 2, 1 / 2, 0, 0], [0, 0, 0, 0, 1 / 2, 1 / 2]]
    )
    np.testing.assert_allclose(wavelength_weights(have, want).toarray(), expected)


def test_a_wanted_wavelength_between_two_bands_is_interpolated():
    weights = wavelength_weights(np.array([400.0, 500, 600]), np.array([500.0, 525, 550, 575]))
    np.testing.assert_allclose(
        weights.toarray(),
        [[0, 1, 0], [0, 0.75, 0.25], [0, 0.5, 0.5], [0, 0.25, 0.75]],
        atol=1e-7,
    )


def test_beyond_the_ends_the_last_band_is_repeated():
    weights = wavelength_weights(np.array([500.0, 510]), np.array([496.0, 498, 500, 510, 512]))
    np.testing.assert_array_equal(weights.toarray(), [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])


def test_one_wanted_wavelength_takes_the_nearest_band():
    weights = wavelength_weights(np.array([400.0, 500, 600]), np.array([540.0]))
    np.testing.assert_array_equal(weights.toarray(), [[0, 1, 0]])


def test_the_bands_themselves_are_the_identity():
    nm = np.linspace(400, 1000, 31)
    np.testing.assert_allclose(wavelength_weights(nm, nm).toarray(), np.eye(31), atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    have=st.lists(st.integers(300, 2500), min_size=2, max_size=30, unique=True),
    want=st.lists(st.integers(300, 2500), min_size=2, max_size=30, unique=True),
)
def test_wavelength_weights_sum_to_one_and_no_spectrum_leaves_its_range(have, want):
    have_nm, want_nm = np.array(sorted(have), float), np.array(sorted(want), float)
    weights = wavelength_weights(have_nm, want_nm).toarray()
    assert weights.shape == (want_nm.size, have_nm.size)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_how_much_of_the_wanted_range_is_covered():
    want = np.array([400.0, 700, 1000])
    assert covered(np.array([300.0, 1100]), want) == 1
    assert covered(np.array([400.0, 550]), want) == pytest.approx(0.25)
    assert covered(np.array([850.0, 2500]), want) == pytest.approx(0.25)
    assert covered(np.array([1100.0, 2500]), want) == 0
    assert covered(np.array([400.0, 500]), np.array([450.0])) == 1
    assert covered(np.array([400.0, 500]), np.array([550.0])) == 0


def test_bands_are_resampled_pixel_by_pixel():
    data = RNG.random((3, 4, 6), dtype=np.float32)
    found = resample_bands(data, axis_weights(6, 3))
    np.testing.assert_allclose(found, data.reshape(3, 4, 3, 2).mean(axis=3), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pixel_that_is_invalid_stays_so_in_every_resampled_band(bad):
    data = np.ones((2, 2, 6), dtype=np.float32)
    data[1, 0, 5] = bad
    found = resample_bands(data, axis_weights(6, 3))
    assert not np.isfinite(found[1, 0].sum())
    assert np.isfinite(np.delete(found.reshape(4, 3), 2, axis=0)).all()


def test_bands_of_a_flipped_or_read_only_view_are_those_of_its_copy(recwarn):
    data = RNG.random((5, 7, 6), dtype=np.float32)
    data.flags.writeable = False
    weights = axis_weights(6, 4)
    for view in (data, data[::-1], data[:, ::-1], data[:, :, ::-1], data.transpose(1, 0, 2)):
        np.testing.assert_array_equal(
            resample_bands(view, weights), resample_bands(view.copy(order="C"), weights)
        )
    assert not recwarn.list
