"""Metamers: the same colour to an eye and to a renderer, another spectrum to a camera."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from skimage.color import deltaE_ciede2000, xyz2lab, xyz_tristimulus_values

from dmssn.cube import Cube
from dmssn.rendering import colour_matching, render
from dmssn.scenes.metamers import (
    APART_RAD,
    REFLECTANCE,
    colour_functionals,
    metamers,
    spectral_angle,
)
from dmssn.scenes.spectra import GRID_NM

D65 = np.array(xyz_tristimulus_values(illuminant="D65", observer="2"))


class Trial:
    """A camera, two lights and spectra, drawn by code that shares nothing with the scenes'."""

    def __init__(self, seed, last_nm=1000.0):
        rng = np.random.default_rng(seed)
        bands = rng.integers(24 if last_nm <= 1000 else 60, 100)
        self.wavelengths_nm = np.linspace(rng.uniform(400, 440), last_nm, bands)
        sigma = max(np.diff(self.wavelengths_nm)[0] * rng.uniform(0.4, 0.9), 4.0)
        bumps = np.exp(-0.5 * ((GRID_NM[:, None] - self.wavelengths_nm) / sigma) ** 2)
        self.response = bumps / bumps.sum(axis=0)
        self.response *= 0.6 + 0.4 * np.sin(self.wavelengths_nm / rng.uniform(80, 200))
        self.lights = [np.exp(0.5 * smooth(rng, 100)) for _ in range(2)]
        self.of = 0.3 * np.exp(0.5 * np.stack([smooth(rng, 80) for _ in range(4)]))
        self.of = np.clip(self.of, 0.01, 0.9)
        self.toward = 0.05 + 0.9 / (1 + np.exp(-smooth(rng, 60)))
        self.seen = self.response * self.lights[0][:, None]

    def functionals(self, gain=None):
        return colour_functionals(self.lights, self.response, self.wavelengths_nm, gain)

    def metamers(self, gain=None):
        return metamers(self.of, self.toward, self.functionals(gain), self.seen)


def smooth(rng, length_nm):
    noise = gaussian_filter1d(rng.standard_normal(GRID_NM.size + 400), length_nm / 5)[200:-200]
    return noise / noise.std()


def lab(reflectance, light):
    """As an eye sees it that takes the light for white."""
    weights = light[:, None] * colour_matching(GRID_NM)
    return xyz2lab(reflectance @ weights / weights.sum(axis=0) * D65)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), last_nm=st.sampled_from([680.0, 1000.0, 1700.0]))
def test_metamers_agree_in_colour_and_differ_to_the_camera(seed, last_nm):
    trial = Trial(seed, last_nm)
    tops = np.array([[0.997], [0.5], [0.05], [0.02]])  # some have little room left
    trial.of *= tops / trial.of.max(axis=1, keepdims=True)
    found = trial.metamers()
    assume(found is not None)
    functionals = trial.functionals()
    np.testing.assert_allclose(found @ functionals, trial.of @ functionals, rtol=0, atol=1e-6)
    assert found.min() >= min(REFLECTANCE[0], trial.of.min()) - 1e-12
    assert found.max() <= REFLECTANCE[1] + 1e-12
    assert spectral_angle(trial.of @ trial.seen, found @ trial.seen).min() >= APART_RAD * 0.9999


@pytest.mark.parametrize("last_nm", [690.0, 1000.0])
def test_an_eye_sees_no_difference_in_either_light_or_in_a_mix_of_them(last_nm):
    seen = 0
    for seed in range(20):
        trial = Trial(seed, last_nm)
        found = trial.metamers()
        if found is None:
            continue
        seen += 1
        for light in (*trial.lights, trial.lights[0] + 0.3 * trial.lights[1]):
            assert deltaE_ciede2000(lab(trial.of, light), lab(found, light)).max() < 0.3
    assert seen >= 10


@pytest.mark.parametrize("last_nm", [690.0, 1000.0])
@pytest.mark.parametrize("calibrated", [False, True])
def test_a_metamer_is_rendered_as_its_original_is(last_nm, calibrated):
    seen = 0
    for seed in range(10):
        trial = Trial(seed, last_nm)
        gain = 1 / (trial.lights[0] @ trial.response) if calibrated else np.ones(1)
        found = trial.metamers(gain if calibrated else None)
        if found is None:
            continue
        seen += 1
        both = np.stack([trial.of, found])
        signal = np.concatenate([both * light @ trial.response for light in trial.lights])
        data = (signal * gain).astype(np.float32)
        picture = render(Cube(data, trial.wavelengths_nm, "metamers")).astype(int)
        originals, others = picture[::2], picture[1::2]
        assert np.ptp(originals) > 100
        assert np.abs(originals - others).max() <= 2
    assert seen >= 5


def test_without_calibration_in_view_a_calibrated_picture_would_tell_them_apart():
    trial = Trial(3, 690.0)
    gain = np.exp(np.sin(trial.wavelengths_nm / 20))
    one, two = trial.functionals(), trial.functionals(gain)
    inside = one @ (one.T @ two)
    assert np.linalg.norm(two - inside, axis=0).max() > 0.1


def test_functionals_are_orthonormal_and_lights_that_are_alike_add_none():
    trial = Trial(0)
    functionals = trial.functionals()
    identity = np.eye(functionals.shape[1])
    np.testing.assert_allclose(functionals.T @ functionals, identity, atol=1e-12)
    same = colour_functionals([trial.lights[0]] * 2, trial.response, trial.wavelengths_nm)
    once = colour_functionals([trial.lights[0]], trial.response, trial.wavelengths_nm)
    assert same.shape == once.shape
    assert 3 <= once.shape[1] <= 6


def test_in_the_infrared_a_metamer_follows_the_shape_wanted():
    followed = 0
    for seed in range(10):
        trial = Trial(seed)
        trial.toward = np.where(GRID_NM < 720, trial.toward, np.where(GRID_NM < 860, 0.1, 0.6))
        found = trial.metamers()
        assert found is not None
        far = GRID_NM > 900
        followed += bool((spectral_angle(found[:, far], trial.toward[far]) < 0.05).all())
    assert followed >= 8


def test_dark_and_bright_originals_stay_within_the_bounds():
    trial = Trial(1)
    trial.of = np.stack([np.full(GRID_NM.size, level) for level in (0.002, 0.006, 0.95, 1.0)])
    for row in trial.of:
        found = metamers(row[None], trial.toward, trial.functionals(), trial.seen)
        if found is not None:
            assert REFLECTANCE[0] - 1e-12 <= found.min()
            assert found.max() <= REFLECTANCE[1] + 1e-12


def test_there_is_none_toward_a_spectrum_that_is_like_the_original():
    trial = Trial(2)
    trial.of = trial.of[:1]
    functionals = trial.functionals()
    assert metamers(trial.of, trial.of[0], functionals, trial.seen) is None
    assert metamers(trial.of, 0.5 * trial.of[0], functionals, trial.seen) is None


@pytest.mark.parametrize(("first", "last"), [(900.0, 1700.0), (400.0, 600.0)])
def test_a_camera_without_true_colour_has_no_metamers(first, last):
    nm = np.linspace(first, last, 40)
    response = np.exp(-0.5 * ((GRID_NM[:, None] - nm) / 10) ** 2)
    with pytest.raises(ValueError, match=f"got 40 bands in {first:.0f}-{last:.0f} nm"):
        colour_functionals([np.ones(GRID_NM.size)], response, nm)


def test_spectral_angles_by_hand():
    right = spectral_angle(np.array([1.0, 0.0]), np.array([[0.0, 2.0], [3.0, 3.0], [5.0, 0.0]]))
    np.testing.assert_allclose(right, [np.pi / 2, np.pi / 4, 0], atol=1e-15)
    assert spectral_angle(np.zeros(3), np.ones(3)) == 0
    # arccos of the cosine would give 0 here
    tiny = spectral_angle(np.array([1.0, 1e-9]), np.array([1.0, 0.0]))
    assert tiny == pytest.approx(1e-9, rel=1e-6)


@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1e-3, 1e3), bands=st.integers(2, 50))
def test_spectral_angles_are_those_of_the_cosine_and_blind_to_brightness(seed, factor, bands):
    one, other = np.random.default_rng(seed).uniform(0.1, 1, (2, bands))
    cosine = one @ other / np.sqrt(one @ one * (other @ other))
    angle = spectral_angle(one, other * factor)
    assert angle == pytest.approx(np.arccos(min(cosine, 1)), abs=1e-7)
