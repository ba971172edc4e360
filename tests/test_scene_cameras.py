"""Cameras of generated scenes: their bands, their noise, and the numbers they write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmssn.scenes.chance import Chance
from dmssn.scenes.sensor import (
    Camera,
    detect,
    draw_camera,
    enlarge,
    focus,
    is_water_band,
    stray,
    write,
)
from dmssn.scenes.spectra import GRID_NM, Spectra


def chance(*key):
    return Chance(key or [0], Spectra({}, {}))


def test_a_camera_has_the_bands_it_was_asked_for_and_sees_no_more_than_there_is():
    camera = draw_camera(chance(), 30, (400.0, 1000.0))
    assert camera.wavelengths_nm[[0, -1]].tolist() == [400.0, 1000.0]
    assert camera.response.shape == (GRID_NM.size, 30)
    seen = np.ones(GRID_NM.size) @ camera.response
    assert 0 < seen.min() <= seen.max() <= 1.5


@given(seed=st.integers(0, 2**32), colour=st.booleans(), most=st.none() | st.integers(20, 600))
def test_drawn_cameras_keep_to_their_limits(seed, colour, most):
    camera = draw_camera(chance(seed), None, None, most=most, colour=colour)
    nm = camera.wavelengths_nm
    assert nm[0] >= 400
    assert nm[-1] <= 2450
    assert 20 <= nm.size <= max(most or 600, 20 if not colour else 70)
    assert not colour or camera.sees_colour


def test_most_cameras_are_of_the_visible_and_near_infrared():
    ends = [draw_camera(chance(seed), None, None).wavelengths_nm[[0, -1]] for seed in range(300)]
    usual = [low < 445 and 935 < high < 1005 for low, high in ends]
    assert 0.35 < np.mean(usual) < 0.55
    assert min(low for low, _ in ends) < 410
    assert max(high for _, high in ends) > 2300


def signal_of(level, seed, over=0.0, shape=(48, 48, 6)):
    radiance = np.full(shape, level, dtype=np.float32)
    radiance[:4] = 1  # something bright to expose for
    gain = detect(chance(seed), radiance, over)
    return radiance, gain


def test_noise_has_no_bias_and_grows_with_the_light():
    quiet, loud = [], []
    for seed in range(40):
        dark, gain = signal_of(0.01, seed)
        bright, _ = signal_of(0.9, seed)
        quiet.append(np.median(dark[8:, :, 0].std(axis=0)))
        loud.append(np.median(bright[8:, :, 0].std(axis=0)))
        assert np.median(bright[8:]) == pytest.approx(0.9 * gain, rel=0.05)
    assert np.median(loud) > 1.5 * np.median(quiet)


def test_a_full_well_holds_no_more_and_the_share_asked_for_is_over():
    rng = np.random.default_rng(0)
    for seed in range(6):
        radiance = rng.uniform(0, 1, (60, 60, 1)).astype(np.float32).repeat(8, axis=2)
        detect(chance(seed), radiance, over=0.1)
        assert radiance.max() <= 1
        full = np.median(radiance, axis=2) >= 0.99
        assert full.mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_counts_are_whole_and_fit_the_converter(bits):
    signal = np.linspace(-0.01, 1, 600, dtype=np.float32).reshape(10, 12, 5)
    counts = write(chance(), signal.copy(), np.ones(5), "counts", bits)
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert counts.min() >= 0
    assert counts.max() == 2**bits - 1
    assert (np.diff(counts.ravel()) >= 0).all()


def test_reflectance_is_signal_over_white_and_of_no_finer_steps_than_the_converter():
    white = np.array([0.2, 0.8])
    signal = np.array([[[0.1, 0.4], [0.2, 0.8]]], dtype=np.float32)
    ratio = write(chance(), signal.copy(), white, "reflectance", 12)
    np.testing.assert_allclose(ratio, [[[0.5, 0.5], [1, 1]]], atol=2e-3)
    coarse = write(chance(), np.linspace(0, 1, 5000, dtype=np.float32)[None, :, None], white[:1],
                   "reflectance", 8)  # fmt: skip
    assert np.unique(coarse).size <= 256


def test_radiance_keeps_ratios():
    signal = np.array([[[0.1, 0.4]]], dtype=np.float32)
    found = write(chance(), signal, np.ones(2), "radiance", 16)
    assert found[0, 0, 1] / found[0, 0, 0] == pytest.approx(4, rel=1e-3)


def test_a_band_without_white_light_does_not_explode():
    assert Camera.levels(np.array([0.0, 1.0])).tolist() == [0.02, 1.0]


def test_a_lens_spreads_a_point_and_loses_none_of_its_light():
    point = np.zeros((31, 31), dtype=np.float32)
    point[15, 15] = 1
    for sharp in (True, False):
        spread = focus(chance(), [point], sharp=sharp)[0]
        assert spread.sum() == pytest.approx(1, rel=1e-5)
        assert spread[15, 15] < 1
        assert np.unravel_index(spread.argmax(), spread.shape) == (15, 15)


def test_water_bands_are_where_air_takes_the_light():
    assert is_water_band(np.array([1000.0, 1400.0, 1600.0, 1900.0])).tolist() == [
        False, True, False, True,
    ]  # fmt: skip


def test_enlarging_keeps_flat_fields_slopes_and_whole_numbers():
    flat = np.full((5, 6, 2), 3.0, dtype=np.float32)
    np.testing.assert_allclose(enlarge(flat, (10, 18), whole=False), 3.0, rtol=1e-6)
    slope = np.arange(8, dtype=np.float32).reshape(1, 8, 1).repeat(4, axis=0)
    wide = enlarge(slope, (4, 16), whole=False)[0, :, 0]
    np.testing.assert_allclose(wide[1:-1], np.arange(1, 15) / 2 - 0.25, atol=1e-5)
    assert set(np.unique(enlarge(slope, (4, 16), whole=True))) == set(range(8))


def test_light_strays_all_over_and_most_of_it_nearby():
    lit = np.zeros((90, 120, 3), dtype=np.float32)
    lit[20:30, 40:50] = (1.0, 2.0, 0.0)
    glared = lit.copy()
    stray(glared, 0.1)
    assert glared[25, 45, :2] == pytest.approx(0.9 * lit[25, 45, :2], rel=0.1)
    dark = lit.max(axis=2) == 0
    assert (glared[dark][:, :2] > 0).all()  # everywhere
    assert not glared[:, :, 2].any()  # of the colour of what it came from
    np.testing.assert_allclose(glared[..., 1], 2 * glared[..., 0], rtol=1e-5)
    assert glared[25, 55, 0] > 3 * glared[80, 110, 0]
    assert glared.sum() == pytest.approx(lit.sum(), rel=0.01)  # no light is lost


def test_light_of_an_even_scene_strays_without_a_trace():
    even = np.full((17, 40, 4), 0.3, dtype=np.float32)
    stray(even, 0.5)
    np.testing.assert_allclose(even, 0.3, rtol=1e-5)
