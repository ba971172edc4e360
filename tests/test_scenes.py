"""Generated scenes: the same from the same seed, true to their masks, and what was asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, label
from skimage.color import deltaE_ciede2000, xyz2lab

from dmssn.rendering import XYZ_TO_SRGB, render
from dmssn.scenes import composing, generate_scene
from dmssn.scenes.attributes import ATTRIBUTES
from dmssn.scenes.composing import SALIENT_FRACTION
from dmssn.scenes.metamers import spectral_angle


def test_the_same_seed_gives_the_same_scene_and_another_seed_another():
    one, two = generate_scene(3, height=40, width=56), generate_scene(3, height=40, width=56)
    np.testing.assert_array_equal(one.cube.data, two.cube.data)
    np.testing.assert_array_equal(one.mask, two.mask)
    assert (one.attributes, one.facts) == (two.attributes, two.facts)
    other = generate_scene(4, height=40, width=56, bands=one.cube.bands)
    assert not np.array_equal(one.cube.data, other.cube.data)


def test_a_benchmark_shares_no_scene_with_the_training_stream():
    train = generate_scene(3, height=40, width=56, bands=20, bits=16)
    bench = generate_scene(3, height=40, width=56, bands=20, bits=16, stream="v1")
    assert not np.array_equal(train.cube.data, bench.cube.data)
    assert not np.array_equal(train.mask, bench.mask)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    bands=st.none() | st.integers(3, 600),
)
def test_any_scene_is_finite_in_range_and_has_something_salient(seed, height, width, bands):
    scene = generate_scene(seed, height=height, width=width, bands=bands)
    data, numbers = scene.cube.data, scene.facts["numbers"]
    assert data.shape[:2] == scene.mask.shape == (height, width)
    assert data.dtype == np.float32
    assert scene.cube.bands == (bands or scene.facts["bands"])
    assert bands is not None or 20 <= scene.cube.bands <= 600
    assert scene.cube.wavelengths_nm is not None
    assert 400 <= scene.cube.wavelengths_nm.min() < scene.cube.wavelengths_nm.max() <= 2450
    assert np.isfinite(data).all()
    assert data.std() > 0
    assert SALIENT_FRACTION[0] <= scene.mask.mean() <= SALIENT_FRACTION[1]
    assert set(scene.attributes) <= set(ATTRIBUTES)
    if numbers == "counts":
        assert data.min() >= 0
        assert data.max() <= 2 ** scene.facts["bits"] - 1
        np.testing.assert_array_equal(data, np.rint(data))
    elif numbers == "reflectance":
        assert data.min() >= -0.2
        assert data.max() <= 2


@pytest.mark.parametrize("code", ATTRIBUTES)
def test_a_scene_has_the_attribute_it_was_asked_for(code):
    for seed in range(2):
        scene = generate_scene(seed, height=72, width=80, attributes=[code], most_bands=40)
        assert code in scene.attributes
        if code == "SO":
            assert scene.mask.mean() < 0.01
        if code == "HDR":
            assert scene.facts["saturated"] >= 0.01 or scene.facts["shaded"] >= 0.05


def test_several_attributes_can_be_asked_for_at_once():
    wanted = {"MS", "SO", "MO"}
    scene = generate_scene(1, height=96, width=96, attributes=wanted, most_bands=40)
    assert wanted <= set(scene.attributes)


@pytest.mark.parametrize("seed", range(8))
def test_metamers_look_like_their_surround_and_are_not(seed):
    """Verified on the picture that anyone sees and the cube that was written, object by object."""
    scene = generate_scene(seed, height=96, width=112, attributes=["CS"], most_bands=60, bits=16)
    picture = render(scene.cube) / 255
    linear = np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
    objects, number = label(scene.mask, np.ones((3, 3)))
    told = scene.facts["delta_e"]
    assert told < 1
    assert scene.facts["least_angle"] >= 0.1
    for index in range(1, number + 1):
        inside = objects == index
        if inside.sum() < 30:  # of few pixels, the mean is mostly noise
            continue
        around = binary_dilation(inside, iterations=8) & ~binary_dilation(scene.mask, iterations=2)
        means = np.stack([linear[part].mean(axis=0) for part in (inside, around)])
        lab = xyz2lab(means @ np.linalg.inv(XYZ_TO_SRGB).T)
        assert deltaE_ciede2000(*lab) < 2  # with a ring other than the generator's
        front, back = (scene.cube.data[part].mean(axis=0) for part in (inside, around))
        assert spectral_angle(front, back) > 0.07


def test_scenes_hold_small_targets_and_close_ups():
    shares = [generate_scene(seed, height=64, width=64, bands=3).mask.mean() for seed in range(60)]
    assert min(shares) < 0.01
    assert max(shares) > 0.3


def test_most_objects_differ_from_what_is_around_them():
    seen = 0
    for seed in range(30):
        scene = generate_scene(seed, height=96, width=96, bands=24)
        ring = binary_dilation(scene.mask, iterations=8) & ~binary_dilation(
            scene.mask, iterations=2
        )
        inside, around = scene.cube.data[scene.mask], scene.cube.data[ring]
        apart = np.abs(np.median(inside, axis=0) - np.median(around, axis=0))
        seen += bool((apart > 0.5 * around.std(axis=0)).mean() > 0.2)
    assert seen >= 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 15}, "16 x 16 to 4096 x 4096"),
        ({"bands": 2}, "3 to 600 bands"),
        ({"bands": 601}, "3 to 600 bands"),
        ({"width": 4097}, "16 x 16 to 4096 x 4096"),
        ({"most_bands": 19}, "at least 20 bands"),
        ({"bits": 7}, "8 to 16 bits"),
        ({"bits": 17}, "8 to 16 bits"),
        ({"wavelength_range_nm": (300.0, 700.0)}, "within 400-2450 nm"),
        ({"wavelength_range_nm": (700.0, 400.0)}, "within 400-2450 nm"),
        ({"attributes": ["XX"]}, "'XX' is no attribute; known: CB, CS"),
        ({"attributes": ["CS", "MS"]}, "exclude each other"),
        ({"attributes": ["CS"], "bands": 4}, "colours need bands"),
        ({"attributes": ["CS"], "wavelength_range_nm": (900.0, 1700.0)}, "colours need bands"),
    ],
)
def test_impossible_scenes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_scene(0, **arguments)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_have_bounds(seed):
    with pytest.raises(ValueError, match="a seed is from 0"):
        generate_scene(seed)


def test_seeds_beyond_32_bits_are_seeds_of_their_own():
    masks = [generate_scene(seed, height=40, width=40, bands=20).mask for seed in (3, 3 + 2**32)]
    assert not np.array_equal(*masks)


def test_what_cannot_be_found_is_said_after_many_tries(monkeypatch):
    monkeypatch.setattr(composing, "ATTEMPTS", 30)
    with pytest.raises(
        ValueError,
        match=r"^30 scenes of 16 x 16 .* none has CS, SO; ask for less, or for a larger scene",
    ):
        # 16 x 16 has 256 pixels: an object of 1 % is smaller than any that is counted.
        generate_scene(0, height=16, width=16, bands=20, attributes=["SO", "CS"])
