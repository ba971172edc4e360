"""Attributes of scenes: each threshold by hand, colours against scikit-image."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from skimage.color import deltaE_ciede2000, rgb2lab

from dmssn.rendering import palette
from dmssn.scenes.attributes import ATTRIBUTES, Evidence, measure, saturated_share

NM = np.arange(420.0, 721.0, 20)
WEIGHTS = palette(NM.size, NM).weights.toarray().astype(float)
INFRARED = np.linspace(900.0, 1600, NM.size)
BACK = np.linspace(0.2, 0.4, NM.size)


def scene(front=BACK, back=BACK, *, side=64, object_side=12, number=1, **known):
    """Square objects along the diagonal of a flat scene; its upper border is white."""
    labels = np.zeros((side, side), dtype=np.int16)
    for index in range(number):
        first = 8 + index * (object_side + 8)
        labels[first : first + object_side, first : first + object_side] = index + 1
    data = np.where(labels[:, :, None] > 0, front, back).astype(np.float32)
    data[:2] = 0.9
    evidence = Evidence(
        data=data,
        wavelengths_nm=NM,
        saturated=0.0,
        labels=labels,
        shade=np.ones(labels.shape, dtype=np.float32),
        clean=np.where(labels > 0, np.mean(front), np.mean(back)).astype(np.float32),
        materials=1,
    )
    return replace(evidence, **known)


def codes(evidence):
    return measure(evidence)[0]


def turned(angle_rad, rows=WEIGHTS):
    """BACK turned by an angle toward where functionals do not see it: of the same colour."""
    rng = np.random.default_rng(0)
    blind = rng.standard_normal(BACK.size)
    basis = np.linalg.qr(np.vstack([rows, BACK]).T)[0]
    blind -= basis @ (basis.T @ blind)
    blind *= np.linalg.norm(BACK) / np.linalg.norm(blind)
    return BACK + np.tan(angle_rad) * blind


def test_codes_come_in_their_order_and_the_quantities_go_into_a_file():
    front = turned(0.2)
    dark = np.full((64, 64), 0.1, dtype=np.float32)
    found, facts = measure(scene(front, number=2, object_side=4, shade=dark, materials=9))
    assert found == ("CB", "CS", "HDR", "SO", "MO")
    assert list(ATTRIBUTES) == ["CB", "CS", "HDR", "SO", "MS", "MO"]
    assert json.loads(json.dumps(facts)) == facts
    assert facts["objects"] == 2
    assert facts["salient_fraction"] == pytest.approx(32 / 4096, abs=1e-5)


@pytest.mark.parametrize(("pixels", "small"), [(40, True), (41, False)])
def test_small_objects_are_below_a_hundredth_of_the_scene(pixels, small):
    evidence = scene()
    evidence.labels[:] = 0
    evidence.labels.ravel()[2000 : 2000 + pixels] = 1  # 40.96 pixels are a hundredth
    assert ("SO" in codes(evidence)) == small


def test_of_an_enlarged_scene_the_share_that_is_told_counts():
    large, small = scene(salient=0.0099), scene(object_side=3, salient=0.01)
    assert "SO" in codes(large)
    assert "SO" not in codes(small)
    assert measure(large)[1]["salient_fraction"] == 0.0099


@pytest.mark.parametrize(("second", "multiple"), [(2, False), (3, True)])
def test_multiple_objects_are_two_of_three_pixels_or_more(second, multiple):
    evidence = scene()
    evidence.labels[:] = 0
    evidence.labels[10, 10:13] = 1
    evidence.labels[40, 40 : 40 + second] = 7
    assert ("MO" in codes(evidence)) == multiple


@pytest.mark.parametrize(("pixels", "bright"), [(40, False), (41, True)])
def test_a_hundredth_of_the_pixels_at_full_well_is_high_dynamic_range(pixels, bright):
    signal = np.full((64, 64, 5), 0.99, dtype=np.float32)
    signal.reshape(-1, 5)[1000 : 1000 + pixels, 1:4] = 1.0
    share = saturated_share(signal)
    assert share == pixels / 4096
    assert ("HDR" in codes(scene(saturated=share))) == bright


@pytest.mark.parametrize(
    ("pixels", "shade", "deep"), [(204, 0.12, False), (205, 0.12, True), (400, 0.125, False)]
)
def test_a_twentieth_of_the_pixels_in_deep_shade_is_high_dynamic_range(pixels, shade, deep):
    evidence = scene()
    evidence.shade.ravel()[:pixels] = shade
    assert ("HDR" in codes(evidence)) == deep


@pytest.mark.parametrize(("angle", "apart"), [(0.0995, False), (0.1005, True)])
def test_colour_similarity_needs_another_spectrum(angle, apart):
    found, facts = measure(scene(turned(angle)))
    assert ("CS" in found) == apart
    assert facts["delta_e"] < 0.01
    assert facts["least_angle"] == facts["greatest_angle"] == pytest.approx(angle, abs=1e-4)


def test_one_object_of_another_colour_is_enough_against_colour_similarity():
    evidence = scene(turned(0.2), number=2)
    assert "CS" in codes(evidence)
    evidence.data[evidence.labels == 2] *= 1.1
    found, facts = measure(evidence)
    assert "CS" not in found
    assert facts["delta_e"] > 1


def test_an_object_is_compared_with_what_is_around_it_alone():
    evidence = scene(turned(0.2))
    evidence.labels[40:52, 40:52] = 2
    evidence.data[40:52, 40:52] = turned(0.2)
    evidence.data[:, 30:] *= 0.5  # the second object is on another background, of its own colour
    found, facts = measure(evidence)
    assert "CS" in found
    assert facts["greatest_angle"] == pytest.approx(0.2, abs=1e-3)


def test_what_the_lens_spreads_of_an_object_is_not_its_surround():
    evidence = scene(turned(0.2))
    evidence.data[distance_transform_edt(evidence.labels == 0) <= 2] = turned(0.2)
    assert measure(evidence)[1]["least_angle"] == pytest.approx(0.2, abs=1e-3)


def test_colours_agree_with_scikit_image():
    """The picture holds black and white, so that its stretch leaves colours as they are."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        waves = np.sin(NM / rng.uniform(60, 200, (2, 1)))
        front, back = rng.uniform(0.3, 0.7, (2, 1)) + 0.1 * waves
        evidence = scene(front, back)
        evidence.data[:2], evidence.data[-2:] = 1, 0
        linear = np.stack([front, back]) @ WEIGHTS.T
        assert 0 < linear.min() < linear.max() < 1
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        expected = deltaE_ciede2000(*rgb2lab(encoded))
        assert measure(evidence)[1]["delta_e"] == pytest.approx(expected, rel=0.01, abs=0.05)


@pytest.mark.parametrize(("scale", "dark"), [(0.05, 0.0), (4095.0, 60.0)])
def test_colours_are_those_of_the_picture_whatever_the_numbers(scale, dark):
    one = scene(BACK * 1.1)
    other = replace(one, data=one.data * np.float32(scale) + np.float32(dark))
    expected = measure(one)[1]["delta_e"]
    assert measure(other)[1]["delta_e"] == pytest.approx(expected, abs=0.02)
    assert expected > 2


def test_a_picture_of_one_colour_has_no_difference_of_colour():
    evidence = scene()
    evidence.data[:] = BACK.mean()
    assert measure(evidence)[1]["delta_e"] == 0


@pytest.mark.parametrize(("factor", "other"), [(1.05, False), (1.4, True)])
def test_the_same_material_in_another_brightness_is_material_similarity(factor, other):
    found, facts = measure(scene(BACK * factor))
    assert ("MS" in found) == other
    assert (facts["delta_e"] >= 5) == other
    assert facts["greatest_angle"] < 1e-3


@pytest.mark.parametrize(("log_ratio", "other"), [(0.19, False), (-0.21, True)])
def test_without_true_colour_brightness_decides(log_ratio, other):
    found, facts = measure(scene(BACK * np.exp(log_ratio), wavelengths_nm=INFRARED))
    assert ("MS" in found) == other
    assert facts["delta_e"] is None


@pytest.mark.parametrize(
    ("object_side", "contrast", "other"),
    [(12, 1.9, False), (12, 2.1, True), (12, 1 / 2.1, True), (7, 2.1, False)],
)
def test_the_same_material_in_another_texture_is_material_similarity(object_side, contrast, other):
    evidence = scene(object_side=object_side)
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 2 - 1
    strength = np.where(evidence.labels > 0, 0.05 * contrast, 0.05)
    evidence.clean[:] *= 1 + strength * checks
    assert ("MS" in codes(evidence)) == other


def test_of_several_textures_the_one_farthest_from_its_surround_is_told():
    evidence = scene(number=2)
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 2 - 1
    strength = np.array([0.06, 0.12, 0.02])[evidence.labels]
    evidence.clean[:] *= 1 + strength * checks
    assert measure(evidence)[1]["texture"] == pytest.approx(1 / 3, rel=0.01)


@pytest.mark.parametrize(("angle", "alike"), [(0.0995, True), (0.1005, False)])
def test_material_similarity_ends_where_spectra_differ(angle, alike):
    assert ("MS" in codes(scene(1.5 * turned(angle)))) == alike


@pytest.mark.parametrize(
    ("angle", "factor", "faint"),
    # On a surround as good as even: 0.01 rad and 0.01 of log brightness are what counts as that.
    [(0.0, 1.02, 2), (0.024, 1.0, 2), (0.026, 1.0, 0), (0.0, np.exp(0.026), 0), (0.02, 1.02, 0)],
)
def test_an_object_stands_out_by_more_than_its_surround_varies(angle, factor, faint):
    assert measure(scene(turned(angle) * factor, number=2))[1]["faint"] == faint


def test_what_shows_before_an_even_surround_drowns_in_a_textured_one():
    evidence = scene(1.3 * turned(0.0))
    assert measure(evidence)[1]["faint"] == 0
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 2 - 1
    evidence.clean[:] *= 1 + 0.2 * checks
    assert measure(evidence)[1]["faint"] == 1


@pytest.mark.parametrize(("materials", "edges", "busy"), [(4, 0.0, False), (5, 0.0, True)])
def test_five_materials_are_a_complex_background(materials, edges, busy):
    found, facts = measure(scene(materials=materials))
    assert ("CB" in found) == busy
    assert facts["edges"] == edges


@pytest.mark.parametrize(("period", "busy"), [(64, False), (8, True)])
def test_a_background_full_of_edges_is_complex(period, busy):
    evidence = scene()
    evidence.clean[:] *= np.where(np.arange(64) % period < period / 2, 1.0, 2.0)
    found, facts = measure(evidence)
    assert ("CB" in found) == busy
    assert facts["edges"] > 0


def test_the_outline_of_an_object_is_no_edge_of_the_background():
    evidence = scene(number=3)
    evidence.clean[evidence.labels > 0] *= 5
    assert measure(evidence)[1]["edges"] == 0


def test_a_scene_without_objects_or_without_background_has_nothing_to_compare():
    for label in (0, 1):
        evidence = scene()
        evidence.labels[:] = label
        found, facts = measure(evidence)
        assert found == (("SO",) if label == 0 else ())
        assert facts["delta_e"] is facts["least_angle"] is None


def test_noise_makes_no_other_spectrum_of_a_small_object():
    rng = np.random.default_rng(0)
    angles, raw = [], []
    for _ in range(30):
        evidence = scene(object_side=2)
        evidence.data[:] += 0.06 * rng.standard_normal(evidence.data.shape)
        angles.append(measure(evidence)[1]["least_angle"])
        inside = evidence.data[evidence.labels > 0].mean(axis=0)
        cosine = inside @ BACK / (np.linalg.norm(inside) * np.linalg.norm(BACK))
        raw.append(np.arccos(cosine))
    assert np.mean(raw) > 0.09
    assert np.sqrt(np.mean(np.square(angles))) < 0.5 * np.mean(raw)


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(0.02, 0.6), gain=st.floats(0.05, 1.0), number=st.integers(1, 3))
def test_neither_exposure_nor_the_numbers_of_objects_matter(angle, gain, number):
    one = scene(turned(angle), number=number)
    two = replace(one, data=one.data * np.float32(gain), labels=(one.labels * 5) % 16)
    (first, facts), (second, others) = measure(one), measure(two)
    assert first == second
    assert others["least_angle"] == pytest.approx(facts["least_angle"], abs=2e-4)
    assert facts["objects"] == others["objects"] == number
