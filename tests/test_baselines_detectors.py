"""Each classical detector on scenes whose answer is known, and RX beside Spectral Python's."""

import tracemalloc

import numpy as np
import pytest
import spectral
from scipy.stats import rankdata

from dmssn.baselines.frequency_tuned import frequency_tuned
from dmssn.baselines.itti import itti, opponencies, orientation, oriented
from dmssn.baselines.local_rx import local_rx
from dmssn.baselines.pyramid import pyramid
from dmssn.baselines.reed_xiaoli import rx
from dmssn.baselines.spectral_contrast import group_opponency, sad, sed, sed_sad, sed_sg, sg
from dmssn.cube import Cube
from generated import cube_of

RNG = np.random.default_rng(0)
RISING, FALLING = np.linspace(0.2, 1, 8), np.linspace(1, 0.2, 8)
"""Two spectra of one brightness: the same numbers, the other way round."""


def scene(background, spectrum, side=128, noise=0.0, rows=(52, 76), seed=0):
    """A square object on a ground of one spectrum, and its mask."""
    data = np.tile(np.asarray(background, dtype=np.float64), (side, side, 1))
    mask = np.zeros((side, side), dtype=bool)
    mask[slice(*rows), slice(*rows)] = True
    data[mask] = spectrum
    data += np.random.default_rng(seed).normal(0, noise, data.shape) if noise else 0
    return Cube(data.astype(np.float32), np.linspace(400, 700, data.shape[2])), mask


def chance_of_higher(saliency, mask):
    """Area under the ROC curve, by ranks (Mann and Whitney 1947)."""
    ranks = rankdata(saliency[mask | ~mask])
    inside, outside = mask.sum(), (~mask).sum()
    return (ranks[mask.ravel()].sum() - inside * (inside + 1) / 2) / (inside * outside)


@pytest.mark.parametrize("detector", [sad, sg, sed, sed_sad, sed_sg])
def test_another_spectrum_of_equal_brightness_is_found(detector):
    cube, mask = scene(RISING, FALLING, noise=0.01)
    assert chance_of_higher(detector(cube).saliency, mask) > 0.97
    brightness = Cube(np.ascontiguousarray(cube.data.mean(axis=2, keepdims=True)))
    assert chance_of_higher(sed(brightness).saliency, mask) < 0.8  # not by its brightness


def test_the_same_spectrum_brighter_is_found_by_distance_alone():
    cube, mask = scene(RISING, 1.5 * RISING)
    assert chance_of_higher(sed(cube).saliency, mask) > 0.97
    assert not sad(cube).saliency.any()
    assert not sg(cube).saliency.any()
    assert chance_of_higher(sed_sad(cube).saliency, mask) > 0.97
    assert chance_of_higher(sed_sg(cube).saliency, mask) > 0.97


def test_angle_prefers_the_other_material_to_the_brighter_one():
    cube, _ = scene(RISING, RISING, side=256)
    bright, other = np.s_[60:84, 60:84], np.s_[170:194, 170:194]
    cube.data[bright] *= 3
    cube.data[other] = FALLING
    by_angle, by_distance = sad(cube).saliency, sed(cube).saliency
    assert by_angle[other].mean() > 5 * by_angle[bright].mean()
    assert by_distance[bright].mean() > 2 * by_distance[other].mean()


def test_a_dead_pixel_has_no_angle():
    cube, _ = scene(RISING, np.zeros(8), rows=(0, 128))
    assert not sad(cube).saliency.any()


def test_groups_of_bands_by_hand():
    # Eight bands in pairs: means 1, 2, 3, 4 of sum 10.
    spectra = np.array([[[0, 2, 2, 2, 2, 4, 4, 4], np.arange(8) / 100]], dtype=np.float32)
    valid = np.ones((1, 2), dtype=bool)
    found = group_opponency(Cube(spectra), valid)
    np.testing.assert_allclose(found, [[[-0.2, -0.2], [0, 0]]], atol=1e-6)  # the second is dark
    note = sg(Cube(RNG.random((150, 150, 1), dtype=np.float32))).notes
    assert note == (
        "a single band cannot be divided into groups that differ, so the map of groups is 0",
    )


@pytest.mark.parametrize("detector", [sed, sad, sed_sad, sed_sg])
@pytest.mark.parametrize("power", [-100, 70])
def test_a_power_of_two_changes_no_digit(detector, power):
    cube, mask = scene(RISING, 1.1 * FALLING, noise=0.05)
    cube.data[100:110, 20:30] = np.nan
    cube.data[3, 3] *= -5
    plain = detector(cube).saliency
    assert chance_of_higher(plain, mask) > 0.9
    other = Cube(np.ldexp(cube.data, power), cube.wavelengths_nm)
    np.testing.assert_array_equal(detector(other).saliency, plain)


@pytest.mark.parametrize("detector", [itti, frequency_tuned])
def test_a_red_square_on_grey_is_found_in_the_picture(detector):
    red = np.where(np.linspace(400, 700, 31) > 600, 0.9, 0.2)
    cube, mask = scene(np.full(31, 0.5), red, noise=0.01)
    assert chance_of_higher(detector(cube).saliency, mask) > 0.97


def test_opponencies_by_hand():
    colours = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.5, 0.5, 0.5], [0, 0, 0]]])
    found = opponencies(colours.astype(np.float32), np.ones((1, 6), dtype=bool))
    expected = [[1, 0], [-1, 0], [0, 1], [0.25 - 0.25, -0.5], [0, 0], [0, 0]]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_orientation_answers_to_its_own_angle():
    rows, columns = np.mgrid[:40, :40]
    along = {0: rows, 45: rows + columns, 90: columns, 135: rows - columns}
    for angle, distance in along.items():
        step = 1 if angle in (0, 90) else np.sqrt(2)
        bars = np.cos(2 * np.pi * distance / step / 7).astype(np.float32)
        response = {other: oriented(bars, other)[15:25, 15:25].mean() for other in along}
        assert max(response, key=response.get) == angle
        assert response[angle] > 5 * response[(angle + 90) % 180]
    assert oriented(np.full((9, 9), 0.5, dtype=np.float32), 0).max() < 1e-6


def test_ittis_orientation_finds_what_lies_across():
    rows, columns = np.mgrid[:256, :256]
    odd = (rows - 130) ** 2 + (columns - 90) ** 2 < 30**2
    grating = np.sin(2 * np.pi * np.where(odd, rows, columns) / 28)
    intensity = (0.5 + 0.3 * grating).astype(np.float32)[:, :, None]
    levels = pyramid(intensity, np.ones((256, 256), dtype=bool), 9)
    small = odd[::4, ::4]  # the finest centre level
    assert chance_of_higher(orientation(levels), small) > 0.95


def test_frequency_tuned_by_hand():
    # Half black, half white: both are as far from the mean; one more of black, and white is far.
    data = np.zeros((20, 20, 3), dtype=np.float32)
    data[:, 14:] = 1
    saliency = frequency_tuned(Cube(data)).saliency
    assert saliency[:, 17:].min() == pytest.approx(1, abs=1e-3)
    assert saliency[:, :12].max() == pytest.approx(saliency[0, 0], abs=1e-3)
    # Lightness 0 and 100 with mean 30; on the way from one to the other is the mean itself, from
    # which the nearest pixel (the binomial kernel's 5 / 16) is 1.25 away.
    assert saliency[0, 0] == pytest.approx((30 - 1.25) / (70 - 1.25), abs=1e-3)


def squared(cube, **window):
    """SPy's statistic."""
    return spectral.rx(cube.data.astype(np.float64), **window)


def unit(values):
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("seed", range(4))
def test_rx_is_the_root_of_spys_statistic(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(30, 40, 6)) @ rng.normal(size=(6, 6)) + 5
    for cube in (Cube(noise.astype(np.float32)), cube_of(40, 50, 12, seed=seed)):
        oracle = np.sqrt(squared(cube))
        np.testing.assert_allclose(rx(cube).saliency, unit(oracle), atol=1e-5)
        # The square of distances, brought back from [0, 1], is the statistic itself.
        back = rx(cube).saliency * (oracle.max() - oracle.min()) + oracle.min()
        np.testing.assert_allclose(back**2, squared(cube), rtol=1e-4)


def test_rx_leaves_invalid_pixels_out():
    cube = cube_of(30, 30, 5)
    cube.data[:10, :, 2] = np.nan
    rest = Cube(np.ascontiguousarray(cube.data[10:]))
    np.testing.assert_allclose(rx(cube).saliency[10:], rx(rest).saliency, atol=1e-6)


def test_rx_does_not_mind_dead_double_or_rescaled_bands():
    cube = cube_of(40, 40, 6)
    data = cube.data
    more = np.concatenate(
        [data * [1, 1e-3, 1, 1e5, 1, 1], np.full_like(data[:, :, :2], 77.7), data[:, :, :3]], axis=2
    )
    found = rx(Cube(more.astype(np.float32)))
    np.testing.assert_allclose(found.saliency, rx(cube).saliency, atol=1e-3)


def test_rx_of_fewer_pixels_than_bands_says_that_they_cannot_differ():
    found = rx(Cube(RNG.random((4, 5, 40), dtype=np.float32)))
    assert not found.saliency.any()
    assert found.notes == (
        "the cube has 20 pixels, too few for its bands: all are equally far from their mean, so "
        "the map is 0",
    )


def test_rx_finds_an_anomalous_pixel_and_a_large_object_hides():
    cube = cube_of(64, 64, 10, seed=4)
    mask = np.zeros((64, 64), dtype=bool)
    mask[30, 20] = mask[31, 45] = True
    cube.data[mask] = np.linspace(1.2, 0.2, 10)
    assert chance_of_higher(rx(cube).saliency, mask) > 0.999
    mask[16:48, 16:48] = True
    cube.data[mask] = np.linspace(1.2, 0.2, 10)
    assert chance_of_higher(rx(cube).saliency, mask) < 0.9


@pytest.mark.parametrize(("inner", "outer"), [(1, 7), (3, 9), (5, 13)])
def test_local_rx_is_spys_up_to_the_picture_sides(inner, outer):
    rng = np.random.default_rng(inner)
    noise = rng.normal(size=(24, 31, 4)) @ rng.normal(size=(4, 4)) + 2
    for cube in (Cube(noise.astype(np.float32)), cube_of(20, 26, 3, seed=outer)):
        oracle = np.sqrt(squared(cube, window=(inner, outer)))
        found = local_rx(cube, inner=inner, outer=outer).saliency
        np.testing.assert_allclose(found, unit(oracle), atol=2e-3)


def test_local_rx_leaves_invalid_pixels_out_of_windows():
    cube = cube_of(17, 17, 2, seed=1)
    cube.data[3:9, 10:13] = np.nan
    found = local_rx(cube, inner=3, outer=9).saliency
    valid = cube.valid()

    def distance(row, column):
        down, across = np.clip([row - 4, column - 4], 0, 8)
        frame = np.zeros_like(valid)
        frame[down : down + 9, across : across + 9] = True
        down, across = np.clip([row - 1, column - 1], 0, 14)
        frame[down : down + 3, across : across + 3] = False
        spectra = cube.data[frame & valid].astype(np.float64)
        apart = cube.data[row, column] - spectra.mean(axis=0)
        return np.sqrt(apart @ np.linalg.solve(np.cov(spectra.T), apart))

    expected = np.array([distance(*place) for place in np.argwhere(valid)])
    np.testing.assert_allclose(found[valid], unit(expected), atol=2e-3)


def test_local_rx_does_not_depend_on_how_columns_are_tiled(monkeypatch):
    cube = cube_of(30, 50, 6, seed=2)
    cube.data[4:9, 20:24] = np.nan
    whole = local_rx(cube, inner=5, outer=11).saliency
    monkeypatch.setattr("dmssn.baselines.local_rx.TILE_BYTES", 1)
    np.testing.assert_allclose(local_rx(cube, inner=5, outer=11).saliency, whole, atol=1e-6)


def test_local_rx_of_many_components_holds_no_window_of_them():
    cube = Cube(RNG.random((60, 60, 40), dtype=np.float32))
    tracemalloc.start()
    local_rx(cube, inner=3, outer=51, components=40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A window's rows hold 51 x 60 pixels of 861 moments, 21 MB.
    assert peak < 15e6


def test_local_rx_finds_what_is_odd_only_where_it_lies():
    # Left is one material, right another, and a patch of the right one lies on the left.
    rng = np.random.default_rng(3)
    data = np.where(np.arange(96)[:, None] < 48, RISING, FALLING) * np.ones((96, 1, 1))
    mask = np.zeros((96, 96), dtype=bool)
    mask[40:45, 15:20] = True
    data[mask] = FALLING
    cube = Cube((data + rng.normal(0, 0.02, data.shape)).astype(np.float32))
    away = np.abs(np.arange(96) - 47.5) > 9  # the seam between the two is odd as well
    local = local_rx(cube, inner=7, outer=17).saliency
    assert chance_of_higher(local[:, away], mask[:, away]) > 0.99
    assert chance_of_higher(rx(cube).saliency[:, away], mask[:, away]) < 0.7


def test_local_rx_takes_windows_that_fit_and_says_so():
    found = local_rx(cube_of(36, 50, 3))
    assert found.notes == (
        "windows of 51 and 101 pixels do not fit into a picture of 36: 17 and 35 were taken",
    )
    assert found.saliency.any()
    np.testing.assert_array_equal(
        found.saliency, local_rx(cube_of(36, 50, 3), inner=17, outer=35).saliency
    )
    *_, few = local_rx(cube_of(4, 4, 12)).notes
    assert few.startswith("pixels with no more than 10 valid pixels in their window got 0")
    assert few.endswith(": 16 of 16")


def test_local_rx_works_among_the_leading_components():
    # Two hundred bands of four signals: nothing is lost by four components.
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(40, 40, 4))
    mixed = Cube((signals @ rng.normal(size=(4, 200))).astype(np.float32))
    few = local_rx(mixed, inner=3, outer=15, components=4).saliency
    plain = local_rx(Cube(signals.astype(np.float32)), inner=3, outer=15).saliency
    np.testing.assert_allclose(few, plain, atol=2e-3)
