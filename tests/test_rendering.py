"""Pictures of cubes: colours a person would name."""

from pathlib import Path

import numpy as np
import pytest

from dmssn.cube import Cube
from dmssn.rendering import colour_matching, covers_visible, render

VISIBLE_NM = np.arange(400.0, 701.0, 10)


def two_pixels(spectrum, background=0.0, nm=VISIBLE_NM):
    """A cube whose left half has the spectrum and whose right half is flat."""
    data = np.full((4, 4, len(nm)), background, dtype=np.float32)
    data[:, :2] = spectrum
    return Cube(data, nm)


@pytest.mark.parametrize(("low", "high", "channel"), [(600, 700, 0), (510, 560, 1), (420, 480, 2)])
@pytest.mark.parametrize("nm", [VISIBLE_NM, np.linspace(390, 1010, 204)])
def test_a_spectrum_of_one_colour_is_shown_in_that_colour(low, high, channel, nm):
    colour = ((nm >= low) & (nm <= high)).astype(np.float32)
    pixel = render(two_pixels(colour, nm=nm))[0, 0].astype(int)
    others = np.delete(pixel, channel)
    assert pixel[channel] > others.max() + 100


def test_a_flat_spectrum_is_grey_and_white_is_brighter_than_black():
    picture = render(two_pixels(1.0))
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture[0, 3].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("nm", "xyz"),
    [
        (440, (0.3483, 0.0230, 1.7471)),
        (500, (0.0049, 0.3230, 0.2720)),
        (550, (0.4334, 0.9950, 0.0087)),
        (600, (1.0622, 0.6310, 0.0008)),
        (650, (0.2835, 0.1070, 0.0)),
    ],
)
def test_colour_matching_is_near_the_cie_1931_table(nm, xyz):
    np.testing.assert_allclose(colour_matching(np.array([float(nm)]))[0], xyz, atol=0.025)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("nm", [VISIBLE_NM, None])
def test_an_invalid_pixel_is_black_and_leaves_the_rest_alone(bad, nm):
    rng = np.random.default_rng(0)
    data = rng.uniform(0.2, 1, (6, 6, VISIBLE_NM.size)).astype(np.float32)
    data[2, 3, 5] = bad
    picture = render(Cube(data, nm))
    assert picture[2, 3].tolist() == [0, 0, 0]
    assert picture.any(axis=2).sum() > 30


def test_a_cube_without_a_valid_pixel_is_all_black():
    assert not render(Cube(np.full((3, 3, 4), np.nan, dtype=np.float32))).any()


@pytest.mark.parametrize("bands", [1, 2, 3, 7])
def test_without_wavelengths_any_number_of_bands_gives_a_picture(bands):
    data = np.arange(16 * bands, dtype=np.float32).reshape(4, 4, bands)
    picture = render(Cube(data))
    assert picture.shape == (4, 4, 3)
    assert picture[0, 0].max() < picture[3, 3].min()


def test_a_few_wide_bands_are_shown_as_the_nearest_colours():
    nm = np.array([480.0, 560.0, 660.0, 830.0])
    assert not covers_visible(nm)
    data = np.zeros((4, 4, 4), dtype=np.float32)
    data[:, :2, 2] = 1  # red band
    data[:, :, 3] = 9  # infrared does not show
    assert render(Cube(data, nm))[0, 0].tolist() == [255, 0, 0]


def test_infrared_cameras_show_the_longest_waves_as_red():
    nm = np.linspace(900, 1700, 50)
    picture = render(two_pixels((nm > 1500).astype(np.float32), nm=nm))
    assert picture[0, 0].tolist() == [255, 0, 0]


def test_real_lemons_are_yellow(real_data: Path):
    path = real_data / "cave" / "fake_and_real_lemons_256x256x31.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with np.load(path) as file:
        data = np.ascontiguousarray(file["cube"].transpose(1, 2, 0)).astype(np.float32)
        nm, mask = file["wavelengths_nm"].astype(float), file["mask"] > 0
    red, green, blue = render(Cube(data, nm))[mask].mean(axis=0)
    assert red > green > 2 * blue
