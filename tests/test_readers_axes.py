"""Which axis holds the bands."""

from itertools import permutations
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from dmssn.config import SettingError
from dmssn.readers import open_cube, read_cube
from dmssn.readers.axes import FEWEST_BANDS, MOST_BANDS, axis_from_lengths, find_axes
from dmssn.readers.stored import Convention

HABIT = Convention("HWB", "the usual order", certain=False)
HEADER = Convention("HBW", "the header", certain=True)
PATH = Path("scene.h5")


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((36, 36, 72), 2),
        ((31, 256, 256), 0),
        ((100, 100, 205), 2),
        ((150, 150, 193), 2),
        ((768, 1024, 81), 2),
        ((200, 1240, 1680), 0),
        ((610, 340, 103), 2),
        ((512, 614, 176), 2),
        ((1000, 66, 1000), 1),
    ],
)
def test_lengths_of_real_cubes_tell_the_band_axis(shape, axis):
    assert axis_from_lengths(shape) == axis


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((512, 217, 204), "as many columns as bands, nearly"),
        ((80, 100, 175), "more bands than rows and columns"),
        ((64, 64, 64), "all alike"),
        ((1, 640, 640), "a line of as many columns as bands"),
        ((480, 640, 3), "a colour picture"),
        ((480, 640, 4), "a colour picture with transparency"),
        ((100, 100, 2000), "a strip of 100 bands, or 2000 bands"),
        ((349, 1905, 144), "a long strip"),
    ],
)
def test_lengths_that_could_be_read_two_ways_are_not_guessed(shape, why):
    assert axis_from_lengths(shape) is None, why


SHAPES = st.tuples(*[st.integers(1, 3000)] * 3) | st.builds(
    lambda side, other: (side, side, other), st.integers(1, 3000), st.integers(1, 3000)
)


@given(SHAPES, st.permutations(range(3)))
def test_the_guess_follows_the_axis_wherever_it_is_stored(shape, order):
    guess = axis_from_lengths(shape)
    moved = axis_from_lengths(tuple(shape[axis] for axis in order))
    assert moved == (None if guess is None else order.index(guess))


@given(SHAPES)
def test_a_guessed_axis_stands_alone_and_can_be_spectral(shape):
    guess = axis_from_lengths(shape)
    if guess is None:
        return
    one, other = sorted(shape[:guess] + shape[guess + 1 :])
    assert FEWEST_BANDS <= shape[guess] <= MOST_BANDS
    assert shape[guess] not in (one, other)
    assert one == other or (2 * shape[guess] <= one and other <= 2 * one)


@given(st.integers(FEWEST_BANDS, 400), st.integers(1, 3000))
def test_square_scenes_are_always_decided(bands, side):
    for shape in permutations((bands, side, side)):
        assert (axis_from_lengths(shape) is None) == (bands == side)


@given(SHAPES, st.integers(0, 2), st.sampled_from([None, HABIT]))
def test_what_the_user_says_is_always_done(shape, axis, convention):
    axes, sentence = find_axes(PATH, shape, convention, None, axis)
    assert sorted(axes) == ["B", "H", "W"]
    assert axes[axis] == "B"
    assert axes.replace("B", "") == "HW"
    assert "--band-axis" in sentence


@given(SHAPES, st.none() | st.integers(1, 3000))
def test_a_rule_either_decides_with_a_reason_or_lists_the_choices(shape, count):
    for convention in (None, HABIT, HEADER):
        doubt = None
        try:
            axes, sentence = find_axes(PATH, shape, convention, count, None)
        except ValueError as error:
            doubt = str(error)
        if doubt is not None:
            assert "pass --band-axis (0: " in doubt
            assert convention is not HEADER
            continue
        bands = shape[axes.index("B")]
        assert convention is HEADER or count not in shape or bands == count
        assert sentence.startswith(f"axis {axes.index('B')} of {shape} holds the bands: ")


@pytest.mark.parametrize(
    ("shape", "convention", "count", "axes"),
    [
        ((31, 43, 580), HABIT, None, "HWB"),  # lengths undecided
        ((100, 100, 205), HABIT, None, "HWB"),  # lengths agree
        ((31, 512, 512), HABIT, 31, "BHW"),  # wavelengths beat a habit
        ((31, 512, 31), HABIT, 31, "HWB"),  # a habit chooses between two that fit
        ((60, 31, 31), None, 60, "BHW"),
        ((31, 31, 60), None, 31, None),  # two fit, nothing to choose by
        ((81, 1024, 768), Convention("BWH", "reversed", False), None, "BWH"),
        ((31, 580, 43), HEADER, None, "HBW"),
    ],
)
def test_the_order_of_the_rule(shape, convention, count, axes):
    if axes is None:
        with pytest.raises(ValueError, match="cannot tell"):
            find_axes(PATH, shape, convention, count, None)
    else:
        assert find_axes(PATH, shape, convention, count, None)[0] == axes


def test_a_habit_that_the_lengths_contradict_is_not_followed_silently(tmp_path):
    scipy.io.savemat(tmp_path / "scene.mat", {"cube": np.zeros((7, 40, 40))})
    with pytest.raises(
        ValueError, match=r"axis 2 by the format .*, axis 0 by the lengths; pass --band-"
    ):
        open_cube(tmp_path / "scene.mat")
    assert open_cube(tmp_path / "scene.mat", band_axis=0).shape == (40, 40, 7)
    assert open_cube(tmp_path / "scene.mat", band_axis=2).shape == (7, 40, 40)


def test_undecided_lengths_list_what_each_choice_would_mean(tmp_path):
    np.save(tmp_path / "scene.npy", np.zeros((51, 22, 20)))
    with pytest.raises(ValueError, match=r"pass --band-axis") as caught:
        open_cube(tmp_path / "scene.npy")
    assert str(caught.value).endswith(
        "(0: 51 bands of 22 x 20 pixels; 1: 22 bands of 51 x 20 pixels; "
        "2: 20 bands of 51 x 22 pixels)"
    )


@pytest.mark.parametrize("axis", [-1, 3])
def test_a_band_axis_that_does_not_exist_is_a_setting_error(tmp_path, axis):
    np.save(tmp_path / "scene.npy", np.zeros((40, 40, 9)))
    with pytest.raises(SettingError, match=f"0, 1 or 2, got {axis}"):
        open_cube(tmp_path / "scene.npy", band_axis=axis)


def test_a_header_is_not_overruled(tmp_path):
    with pytest.raises(SettingError, match="contradicts the header, which says 1"):
        find_axes(PATH, (40, 9, 40), HEADER, None, 0)
    assert find_axes(PATH, (40, 9, 40), HEADER, None, 1)[0] == "HBW"


def test_wavelengths_the_user_gives_decide_the_axis(tmp_path):
    data = np.arange(11 * 20 * 13.0).reshape(11, 20, 13)
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"] = data
    cube = read_cube(tmp_path / "scene.h5", wavelengths_nm=np.linspace(400, 700, 20))
    np.testing.assert_array_equal(cube.data, data.transpose(0, 2, 1))
