"""What all classical detectors promise, how they are asked for, and the pyramids some share."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn.baselines.catalogue import CLASSICAL, classical
from dmssn.baselines.centre_surround import centre_surround_pairs, promoted
from dmssn.baselines.pyramid import Level, enlarged, pyramid, smoothed
from dmssn.config import SettingError
from dmssn.cube import Cube
from generated import cube_of, with_object

RNG = np.random.default_rng(0)
NAMES = list(CLASSICAL)
PYRAMIDS = ["itti", "sed", "sad", "sg", "sed-sad", "sed-sg"]


def answer(name, data, **chosen):
    return CLASSICAL[name].function(Cube(np.asarray(data, dtype=np.float32)), **chosen)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    bands=st.integers(1, 7),
    scale=st.sampled_from([1e-3, 1.0, 1e6]),
    kind=st.sampled_from(["noise", "levels", "shades", "zeros in places"]),
    invalid=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    seed=st.integers(0, 99),
)
def test_a_map_is_finite_in_range_and_0_at_invalid_pixels(
    name, height, width, bands, scale, kind, invalid, seed
):
    rng = np.random.default_rng(seed)
    data = rng.normal(0.5, 0.3, (height, width, bands))
    if kind == "levels":
        data = np.round(data * 2)
    elif kind == "shades":
        data = data[:, :, :1] * np.ones(bands)
    elif kind == "zeros in places":
        data[rng.random((height, width)) < 0.5] = 0
    cube = (data * scale).astype(np.float32)
    lost = rng.random((height, width)) < invalid
    cube[lost, rng.integers(bands)] = rng.choice([np.nan, np.inf, -np.inf])
    before = cube.copy()
    found = answer(name, cube)
    assert found.saliency.shape == (height, width)
    assert found.saliency.dtype == np.float32
    assert np.isfinite(found.saliency).all()
    assert found.saliency.min() >= 0
    assert found.saliency.max() <= 1
    assert not found.saliency[lost].any()
    np.testing.assert_array_equal(cube, before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 30, 3), (30, 1, 3), (2, 2, 3), (40, 50, 1)])
@pytest.mark.parametrize("level", [0.0, 0.3, 4095.0])
def test_a_constant_cube_has_nothing_salient(name, shape, level):
    data = np.full(shape, level) * np.linspace(0.7, 1, shape[2])
    assert not answer(name, data).saliency.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", [1 / 3, 7e5, 1e20, 1e-25])
def test_the_unit_of_a_cube_changes_nothing(name, factor):
    cube, _ = with_object(cube_of(70, 90), seed=3)
    cube.data[10:20, 30:33] = np.nan
    scaled = (cube.data.astype(np.float64) * factor).astype(np.float32)
    again = CLASSICAL[name].function(Cube(scaled, cube.wavelengths_nm)).saliency
    # 8 bits of a picture may round the other way.
    tolerance = 0.02 if name in ("itti", "frequency-tuned") else 1e-3
    np.testing.assert_allclose(again, CLASSICAL[name].function(cube).saliency, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_what_an_invalid_pixel_holds_in_other_bands_is_not_seen(name):
    cube, _ = with_object(cube_of(64, 64), seed=1)
    lost = np.zeros((64, 64), dtype=bool)
    lost[5:9, 40:60] = True
    cube.data[lost, 0] = np.nan
    others = cube.data.copy()
    others[lost, 1:] = RNG.choice([-1e6, np.inf, 0, 1e7], (lost.sum(), cube.bands - 1))
    changed = CLASSICAL[name].function(Cube(others, cube.wavelengths_nm)).saliency
    np.testing.assert_array_equal(changed, CLASSICAL[name].function(cube).saliency)


@pytest.mark.parametrize("name", NAMES)
def test_an_object_is_found_beside_a_hole(name):
    cube = cube_of(128, 128)
    mask, hole = np.zeros((2, 128, 128), dtype=bool)
    mask[60:72, 60:72] = True
    hole[50:80, 72:90] = True
    cube.data[mask] = np.linspace(1.2, 0.3, cube.bands)
    cube.data[hole] = np.nan
    saliency = CLASSICAL[name].function(cube).saliency
    assert saliency[mask].mean() > 2 * saliency[~mask & ~hole].mean()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", ["read-only", "flipped", "bands first"])
def test_a_cube_may_lie_in_memory_in_any_way(name, layout):
    cube, _ = with_object(cube_of(40, 36, 5), seed=1)
    data = cube.data.copy()
    if layout == "flipped":
        data = np.ascontiguousarray(data[::-1, :, ::-1])[::-1, :, ::-1]
    elif layout == "bands first":
        data = np.ascontiguousarray(data.transpose(2, 0, 1)).transpose(1, 2, 0)
    data.flags.writeable = False
    other = CLASSICAL[name].function(Cube(data, cube.wavelengths_nm)).saliency
    np.testing.assert_allclose(other, CLASSICAL[name].function(cube).saliency, atol=1e-4)


def test_a_name_alone_means_the_default_settings():
    for name, method in CLASSICAL.items():
        assert classical(name) == (method, method.settings)
    assert CLASSICAL["local-rx"].settings == {"inner": 51, "outer": 101, "components": 10}
    assert CLASSICAL["sad"].settings == {}


def test_settings_are_given_after_the_name():
    method, chosen = classical("border:width=2")
    assert (method.name, chosen) == ("border", {"width": 2, "components": 10})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sadd", "no detector 'sadd'; did you mean sad"),
        ("", "no detector ''; there are itti, sed"),
        ("local-rx:inr=5", "no setting 'inr'; did you mean inner"),
        ("local-rx:q=5", "no setting 'q'; there are inner, outer, components"),
        ("local-rx:inner=five", "inner must be a whole number, got 'five'"),
        ("local-rx:inner=5.5", "inner must be a whole number, got '5.5'"),
        ("local-rx:inner", "inner must be a whole number, got none"),
        ("local-rx:inner=5:inner=7", "inner is given twice"),
        ("local-rx:inner=4", "inner must be odd and at least 1, got 4"),
        ("local-rx:outer=-3", "outer must be odd and at least 1, got -3"),
        ("local-rx:inner=15:outer=15", "outer must be larger than inner"),
        ("local-rx:components=0", "components must be at least 1, got 0"),
        ("border:width=0", "width must be at least 1, got 0"),
        ("rx:width=3", "rx has no settings, got 'width=3'"),
    ],
)
def test_what_cannot_be_asked_for_is_told_in_one_line(text, message):
    with pytest.raises(SettingError, match=message) as caught:
        classical(text)
    assert "\n" not in str(caught.value)


def test_the_same_is_refused_where_functions_are_called():
    with pytest.raises(SettingError, match="outer must be larger"):
        answer("local-rx", np.zeros((9, 9, 2)), inner=9, outer=5)
    with pytest.raises(SettingError, match="width must be"):
        answer("border", np.zeros((9, 9, 2)), width=0)


def test_the_page_of_detectors_tells_all_of_them_and_their_settings():
    page = Path(__file__).parents[1] / "docs" / "detectors.md"
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (.*?)\|$", page.read_text("utf-8"), re.MULTILINE)
    told = {name: dict(re.findall(r"`(\w+)` (\d+)", given)) for name, given in rows}
    assert told == {
        name: {key: str(value) for key, value in method.settings.items()}
        for name, method in CLASSICAL.items()
    }


@pytest.mark.parametrize(
    ("last", "pairs"),
    [
        (9, [(3, 6), (3, 7), (4, 7), (4, 8), (5, 8), (5, 9)]),
        (8, [(3, 6), (3, 7), (4, 7), (4, 8), (5, 8)]),
        (7, [(3, 6), (3, 7), (4, 7), (5, 7)]),
        (5, [(3, 5), (4, 5)]),
        (4, [(3, 4)]),
        (3, []),
        (1, []),
    ],
)
def test_pairs_of_a_pyramid_that_ends_early(last, pairs):
    assert centre_surround_pairs(last) == pairs


@pytest.mark.parametrize("name", PYRAMIDS)
def test_a_note_tells_where_a_pyramid_ended(name):
    ended = answer(name, RNG.random((31, 43, 5))).notes
    assert ended == (
        "the pyramid of 31 x 43 pixels ends at level 7 of 9: 4 of 6 centre-surround pairs",
    )
    (none,) = answer(name, RNG.random((1, 4, 5))).notes
    assert none.endswith("level 3 of 9: 0 of 6 centre-surround pairs, so the map is 0")
    assert answer(name, RNG.random((140, 140, 5))).notes == ()


def test_a_level_by_hand():
    # A unit impulse at row 2 of 5: rows 0, 2, 4 see it with 1, 6 and 1 sixteenths; rows 0 and 4
    # have 11 of 16 of their kernel inside.
    data = np.zeros((5, 1, 1), dtype=np.float32)
    data[2] = 1
    level = smoothed(data, None, step=2)
    np.testing.assert_allclose(level.data.ravel(), [1 / 11, 6 / 16, 1 / 11], rtol=1e-6)
    assert level.weight.tolist() == [[1], [1], [1]]
    every = smoothed(data, None, step=1)
    np.testing.assert_allclose(
        every.data.ravel(), [1 / 11, 4 / 15, 6 / 16, 4 / 15, 1 / 11], rtol=1e-6
    )


def test_an_invalid_pixel_lends_nothing_and_the_level_knows():
    # Row 2 of 5 is lost: row 0 has rows 0 and 1 (6 and 4), row 2 has 0, 1, 3, 4 (1, 4, 4, 1).
    data = np.array([1, 2, np.nan, 4, 5], dtype=np.float32).reshape(5, 1, 1)
    weight = np.array([1, 1, 0, 1, 1], dtype=np.float32).reshape(5, 1)
    level = smoothed(data, weight, step=2)
    np.testing.assert_allclose(level.data.ravel(), [14 / 10, 30 / 10, 46 / 10], rtol=1e-6)
    np.testing.assert_allclose(level.weight.ravel(), [10 / 11, 10 / 16, 10 / 11], rtol=1e-6)
    # A pixel that is half valid counts half: (6 * 2 + 4 * 8 / 2) / (6 + 4 / 2) over two rows.
    pair = np.array([2, 8], dtype=np.float32).reshape(2, 1, 1)
    half = smoothed(pair, np.array([[1], [0.5]], dtype=np.float32), step=2)
    assert half.data.item() == pytest.approx(28 / 8)


@settings(max_examples=40)
@given(height=st.integers(1, 33), width=st.integers(1, 33), seed=st.integers(0, 99))
def test_levels_are_the_plain_convolution_kept_at_every_second_pixel(height, width, seed):
    data = np.random.default_rng(seed).random((height, width, 2), dtype=np.float32)
    kernel = np.array([1, 4, 6, 4, 1]) / 16

    def along(values, axis):
        return np.apply_along_axis(lambda line: np.convolve(line, kernel)[2:-2], axis, values)

    inside = along(along(np.ones_like(data), 0), 1)
    expected = (along(along(data, 0), 1) / inside)[::2, ::2]
    np.testing.assert_allclose(smoothed(data, None, step=2).data, expected, rtol=1e-5)


def test_a_ramp_stays_one_through_levels_and_back():
    rows, columns = np.mgrid[:64, :96].astype(np.float32)
    data = np.stack([rows, columns], axis=2)
    levels = pyramid(data, np.ones((64, 96), dtype=bool), 3)
    assert [level.size for level in levels.values()] == [(32, 48), (16, 24)]
    back = enlarged(levels[3], (64, 96), 4)
    np.testing.assert_allclose(back[8:52, 8:84], data[8:52, 8:84], atol=1e-4)


def test_enlarging_leaves_pixels_without_weight_out():
    data = np.array([[[4.0], [0.0], [8.0]]], dtype=np.float32)
    level = Level(data, np.array([[1, 0, 1]], dtype=np.float32))
    # Beyond the last pixel it goes on.
    expected = [4, 4, 0, 8, 8, 8]
    assert enlarged(level, (1, 6), 2)[0, :, 0].tolist() == expected


def test_normalization_by_hand():
    # Peaks of 10, 5 and 2 over 0: others have mean 0.35.
    values = np.array([[0, 10, 0, 5, 0, 2, 0]], dtype=np.float32)
    valid = np.ones(values.shape, dtype=bool)
    expected = values / 10 * (1 - 0.35) ** 2
    np.testing.assert_allclose(promoted(values, valid, scale=1), expected, rtol=1e-6)
    # Minimum to 0, so 3 more everywhere is nothing; an invalid pixel makes no peak.
    values[0, 5] = 1e9
    valid[0, 5] = False
    np.testing.assert_allclose(
        promoted(values + 3, valid, scale=1), [[0, 0.25, 0, 0.125, 0, 0, 0]], rtol=1e-6
    )


def test_normalization_counts_a_plateau_once_and_keeps_two_equal_peaks_apart_from_nothing():
    plateau = np.array([[0, 4, 4, 4, 0, 2, 2, 0]], dtype=np.float32)
    valid = np.ones(plateau.shape, dtype=bool)
    assert promoted(plateau, valid, scale=1).max() == pytest.approx(0.25)
    equal = np.array([[0, 4, 0, 4, 0]], dtype=np.float32)
    assert promoted(equal, equal >= 0, scale=1).max() == pytest.approx(1e-3)
    corner = np.array([[4, 0], [0, 4]], dtype=np.float32)  # neighbours by their corners: one peak
    assert promoted(corner, corner >= 0, scale=1).max() == 1


def test_a_map_with_one_peak_beats_one_with_many():
    one, many = np.zeros((32, 32), dtype=np.float32), np.zeros((32, 32), dtype=np.float32)
    one[16, 16] = 1
    many[4::8, 4::8] = RNG.uniform(0.9, 1, (4, 4))
    valid = np.ones((32, 32), dtype=bool)
    assert promoted(one, valid, scale=1).max() == 1
    assert promoted(many, valid, scale=1).max() < 0.02
