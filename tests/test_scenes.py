"""Generated scenes: the same from the same seed, true to their masks, within the camera's range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from dmssn.scenes import generate_scene, shapes, textures
from dmssn.scenes.arranging import AIRBORNE, NEAR
from dmssn.scenes.backgrounds import BACKGROUNDS
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.composing import SALIENT_FRACTION
from dmssn.scenes.materials import Material
from dmssn.scenes.objects import Thing, distances, paint, unit_area
from dmssn.scenes.sensor import draw_camera, enlarge, record
from dmssn.scenes.spectra import GRID_NM, spectra_of

SUN = np.array([0.0, 0.0, 1.0])


def chance(seed):
    return Chance([seed], spectra_of("train"))


def test_the_same_seed_gives_the_same_scene_and_another_seed_another():
    one, two = generate_scene(3, height=40, width=56), generate_scene(3, height=40, width=56)
    np.testing.assert_array_equal(one.cube.data, two.cube.data)
    np.testing.assert_array_equal(one.mask, two.mask)
    assert one.facts == two.facts
    other = generate_scene(4, height=40, width=56, bands=one.cube.bands)
    assert not np.array_equal(one.cube.data, other.cube.data)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    bands=st.none() | st.integers(3, 300),
)
def test_any_scene_is_finite_in_range_and_has_something_salient(seed, height, width, bands):
    scene = generate_scene(seed, height=height, width=width, bands=bands)
    data, numbers = scene.cube.data, scene.facts["numbers"]
    assert data.shape[:2] == scene.mask.shape == (height, width)
    assert data.dtype == np.float32
    assert bands in (None, scene.cube.bands)
    assert scene.cube.wavelengths_nm is not None
    assert 400 <= scene.cube.wavelengths_nm.min() < scene.cube.wavelengths_nm.max() <= 2450
    assert np.isfinite(data).all()
    assert data.std() > 0
    assert scene.mask.any()
    assert scene.mask.mean() <= SALIENT_FRACTION[1] + 0.05  # enlarging moves edges
    if numbers == "counts":
        assert data.min() >= 0
        assert data.max() <= 65535
        np.testing.assert_array_equal(data, np.rint(data))
    elif numbers == "reflectance":
        assert data.min() >= -0.2
        assert data.max() <= 2


def test_scenes_hold_small_targets_and_close_ups():
    shares = [generate_scene(seed, height=64, width=64, bands=3).mask.mean() for seed in range(60)]
    assert min(shares) < 0.02
    assert max(shares) > 0.3


def test_most_objects_differ_from_what_is_around_them():
    seen = 0
    for seed in range(20):
        scene = generate_scene(seed, height=96, width=96, bands=24)
        ring = binary_dilation(scene.mask, iterations=8) & ~binary_dilation(
            scene.mask, iterations=2
        )
        inside, around = scene.cube.data[scene.mask], scene.cube.data[ring]
        apart = np.abs(np.median(inside, axis=0) - np.median(around, axis=0))
        seen += bool((apart > 0.5 * around.std(axis=0)).mean() > 0.2)
    assert seen >= 17


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"height": 15}, "at least 16 x 16"),
        ({"bands": 0}, "at least 1 band"),
        ({"wavelength_range_nm": (300.0, 700.0)}, "within 400-2450 nm"),
        ({"wavelength_range_nm": (700.0, 400.0)}, "within 400-2450 nm"),
    ],
)
def test_impossible_scenes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_scene(0, **arguments)


@pytest.mark.parametrize("family", [shapes.ball, shapes.lump, shapes.facet])
@pytest.mark.parametrize("seed", range(4))
def test_the_mask_is_where_the_object_covers_half_of_the_pixel_or_more(family, seed):
    rng = chance(seed)
    canvas = Canvas(50, 60)
    behind, front = Material(np.ones((1, GRID_NM.size))), Material(np.ones((2, GRID_NM.size)))
    full = np.ones((50, 60), dtype=np.float32)
    canvas.cover(behind, full, full[None])
    y, x, scale = rng.uniform(10, 45), rng.uniform(10, 45), rng.uniform(4, 20)
    paint(rng, canvas, Thing(family(rng), [front], y, x, scale, rng.uniform(0, 6)), SUN)
    left_of_background = canvas.planes[0]
    assert canvas.mask.any()
    np.testing.assert_array_equal(canvas.mask, left_of_background <= 0.5)


def test_a_ball_has_the_area_of_a_circle():
    parts = [shapes.Part(shapes.ellipse(0, 0, 1, 1))]
    assert unit_area(parts) == pytest.approx(np.pi, rel=0.03)
    field = distances(Thing(parts, [], 32, 32, 20, 0.3), np.s_[0:64, 0:64])[0]
    assert (field < 0).sum() == pytest.approx(np.pi * 400, rel=0.02)


@pytest.mark.parametrize("family", dict.fromkeys(NEAR + AIRBORNE))
def test_every_family_of_shapes_is_near_its_own_size(family):
    for seed in range(5):
        parts = family(chance(seed))
        assert 0.05 < unit_area(parts) < 6
        y, x = np.mgrid[-2:2:81j, -2:2:81j].astype(np.float32)
        inside = np.min([part.distance(x, y) for part in parts], axis=0) < 0
        assert np.hypot(x, y)[inside].max() < 1.8


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_a_background_fills_the_picture_and_is_not_salient(kind):
    for seed in range(4):
        canvas = Canvas(40, 48)
        palette = BACKGROUNDS[kind](chance(seed), canvas)
        assert palette
        assert not canvas.mask.any()
        assert np.min(canvas.planes) >= 0
        assert np.sum(canvas.planes, axis=0).min() > 0.01


def test_textures_are_centred_and_of_unit_spread():
    rng = chance(0)
    for grain in (2, 10, 60):
        field = textures.fractal(rng, (64, 48), grain)
        assert field.dtype == np.float32
        assert abs(field.mean()) < 1e-3
        assert field.std() == pytest.approx(1, abs=1e-3)


def test_a_camera_of_flat_light_sees_a_smooth_curve():
    camera = draw_camera(chance(0), 30, (400.0, 1000.0))
    assert camera.wavelengths_nm[[0, -1]].tolist() == [400.0, 1000.0]
    seen = np.ones(GRID_NM.size) @ camera.response
    assert 0.1 <= seen.min() <= seen.max() <= 1.0001


def test_a_camera_writes_dark_and_bright_in_order():
    rng = chance(0)
    radiance = np.zeros((32, 32, 5), dtype=np.float32)
    radiance[:, 16:] = 1
    counts = record(rng, radiance, np.ones(5, dtype=np.float32), "counts")
    assert counts[:, 16:].mean() > 10 * counts[:, :16].mean()


def test_enlarging_keeps_flat_fields_slopes_and_whole_numbers():
    flat = np.full((5, 6, 2), 3.0, dtype=np.float32)
    np.testing.assert_allclose(enlarge(flat, (10, 18), whole=False), 3.0, rtol=1e-6)
    slope = np.arange(8, dtype=np.float32).reshape(1, 8, 1).repeat(4, axis=0)
    wide = enlarge(slope, (4, 16), whole=False)[0, :, 0]
    np.testing.assert_allclose(wide[1:-1], np.arange(1, 15) / 2 - 0.25, atol=1e-5)
    assert set(np.unique(enlarge(slope, (4, 16), whole=True))) == set(range(8))
