"""Views: map, mask and table stay together; turns; windows and tones of the spectrum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn import views
from dmssn.config import AugmentConfig
from dmssn.regions import OUTSIDE, RegionCube, connected_regions
from dmssn.views import FEWEST_BANDS, random_view

PLAIN = AugmentConfig()
SEEDS = st.integers(0, 2**32 - 1)


def scene(height: int = 40, width: int = 55, seed: int = 0, outside: bool = True, bands: int = 4):
    """A scene of many small regions; regions 3 to 6 are salient."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 9, (13, 13)), np.ones((5, 5), dtype=int))[:height, :width]
    if outside:
        blocks[2:14, 25:37] = -1
    region_map = connected_regions(blocks)
    spectra = rng.random((region_map.max() + 1, bands), dtype=np.float32)
    cube = RegionCube(region_map, spectra, "scene", (50, 60))
    return cube, np.isin(region_map, (3, 4, 5, 6))


def seen(config: AugmentConfig, seed: int, *of):
    return random_view(*(of or scene()), config, np.random.default_rng(seed))


def sources(cube: RegionCube, view: RegionCube) -> np.ndarray:
    """Which region each of the view's was; OUTSIDE at the end, for pixels outside."""
    rows = [int(np.flatnonzero((cube.spectra == row).all(axis=1))[0]) for row in view.spectra]
    return np.array([*rows, OUTSIDE])


@pytest.mark.parametrize("seed", range(5))
def test_neutral_settings_change_nothing(seed):
    cube, mask = scene()
    found, moved = random_view(cube, mask, PLAIN, np.random.default_rng(seed))
    assert found is cube
    assert moved is mask


@settings(max_examples=60)
@given(seed=SEEDS)
def test_map_mask_areas_and_table_stay_together(seed):
    cube, mask = scene()
    found, moved = seen(AugmentConfig(turns=True), seed)
    ids = np.unique(found.region_map)
    assert found.region_map.dtype == np.int32
    assert moved.dtype == np.bool_
    assert found.region_map.shape == moved.shape == mask.shape
    np.testing.assert_array_equal(ids[ids >= 0], np.arange(len(found.spectra)))
    assert found.areas.min() > 0
    assert found.areas.sum() == (found.region_map != OUTSIDE).sum()
    np.testing.assert_array_equal(
        moved, np.isin(sources(cube, found)[found.region_map], (3, 4, 5, 6))
    )
    assert (found.name, found.source_shape) == ("scene", (50, 60))


@pytest.mark.parametrize("shape", [(40, 40), (24, 31)])
def test_eight_turns_of_a_square_are_seen_and_four_of_another_picture(shape):
    cube, mask = scene(*shape)
    square = shape[0] == shape[1]
    turned = {
        (quarter, mirrored): np.rot90(cube.dense(), quarter)[:, :: -1 if mirrored else 1]
        for quarter in range(0, 4, 1 if square else 2)
        for mirrored in (False, True)
    }
    found = {}
    for seed in range(100):
        view, moved = seen(AugmentConfig(turns=True), seed, cube, mask)
        assert view.region_map.shape == moved.shape == shape
        assert view.region_map.flags.c_contiguous
        matching = [turn for turn, dense in turned.items() if np.array_equal(dense, view.dense())]
        assert len(matching) == 1
        found[matching[0]] = found.get(matching[0], 0) + 1
        quarter, mirrored = matching[0]
        np.testing.assert_array_equal(
            moved, np.rot90(mask, quarter)[:, :: -1 if mirrored else 1], str(matching)
        )
    assert found.keys() == turned.keys()
    assert min(found.values()) > 100 / len(turned) / 4


def smooth(seed: int = 0, regions: int = 30, bands: int = 40) -> RegionCube:
    rng = np.random.default_rng(seed)
    spectra = 0.5 + 0.05 * np.cumsum(rng.normal(size=(regions, bands)), axis=1)
    low, high = spectra.min(), spectra.max()
    spectra = ((spectra - low) / (high - low)).astype(np.float32)
    region_map = np.arange(32 * 32, dtype=np.int32).reshape(32, 32) % regions
    return RegionCube(region_map, spectra, "smooth", (32, 32))


@settings(max_examples=60)
@given(seed=SEEDS, window=st.floats(0.05, 1), bands=st.sampled_from([3, 4, 40, 64]))
def test_a_window_keeps_shape_range_and_order_of_the_spectrum(seed, window, bands):
    cube = smooth(seed % 5, bands=bands)
    rising = np.sort(cube.spectra, axis=1)
    for table in (cube.spectra, rising):
        one = RegionCube(cube.region_map, table, "one", (32, 32))
        mask = np.zeros((32, 32), dtype=bool)
        found, _ = seen(AugmentConfig(window=window), seed, one, mask)
        assert found.spectra.shape == table.shape
        assert found.spectra.dtype == np.float32
        assert found.spectra.min() >= 0
        assert found.spectra.max() <= 1
        assert found.region_map is one.region_map
    # What rises with the wavelength still does; and what is brighter everywhere still is.
    assert np.diff(found.spectra, axis=1).min() > -1e-5
    order = np.sort(cube.spectra, axis=0)
    one = RegionCube(cube.region_map, order, "one", (32, 32))
    found, _ = seen(AugmentConfig(window=window), seed, one, mask)
    assert np.diff(found.spectra, axis=0).min() > -1e-5


def test_a_window_is_what_a_camera_of_this_range_and_these_bands_gives():
    cube = smooth(bands=40)
    for drawn, first, kept, number in (
        ([0.25, 0.5, 0.9], 7, 26, 26),  # 0.3 + 0.7 / 2 of the bands, in the middle
        ([0.0, 0.999, 0.9], 28, 12, 12),
        ([0.9, 0.7, 0.0], 0, 40, 3),
        ([0.0, 0.0, 0.25], 0, 12, 6),  # half the octaves from 3 to 12
    ):
        found = views._windowed(cube.spectra, cube.areas, 0.3, np.array([*drawn, 0.5]))
        part = cube.spectra[:, first : first + kept].astype(np.float64)
        fine = part.repeat(number, axis=1).reshape(len(part), number, kept).mean(axis=2)
        at = (np.arange(40) + 0.5) * number / 40 - 0.5
        wide = np.array([np.interp(at, np.arange(number), row) for row in fine])
        pixels = wide[cube.region_map].reshape(-1)
        low, high = np.quantile(pixels, [0.001, 0.999])
        wanted = np.clip((wide - low) / (high - low), 0, 1)
        np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_no_window_changes_nothing_whatever_is_drawn():
    cube = smooth()
    mask = np.zeros((32, 32), dtype=bool)
    for seed in range(20):
        found, _ = seen(AugmentConfig(window=1.0), seed, cube, mask)
        assert found is cube
    kept = sum(
        np.array_equal(seen(AugmentConfig(window=0.3), seed, cube, mask)[0].spectra, cube.spectra)
        for seed in range(200)
    )
    assert 30 < kept < 70  # half of a half


def test_three_bands_stay_as_they_are():
    cube, mask = scene(bands=FEWEST_BANDS)
    for seed in range(20):
        found, _ = seen(AugmentConfig(window=0.05), seed, cube, mask)
        np.testing.assert_array_equal(found.spectra, cube.spectra)


@pytest.mark.parametrize("noise", [0, 1e-6])
def test_a_window_in_which_all_is_one_material_is_not_taken(noise):
    spectra = np.full((2, 40), 0.5, dtype=np.float32)
    spectra[:, :30] += noise * np.random.default_rng(0).random((2, 30), dtype=np.float32)
    spectra[1, 36:] = 0.9  # the two differ here alone
    region_map = np.arange(32 * 32, dtype=np.int32).reshape(32, 32) % 2
    cube = RegionCube(region_map, spectra, "alike", (32, 32))
    mask = region_map == 1
    found = [seen(AugmentConfig(window=0.2), seed, cube, mask)[0] for seed in range(60)]
    assert not any(one.flat for one in found)
    assert sum(np.array_equal(one.spectra, spectra) for one in found) > 20
    for one in found:
        assert np.ptp(one.spectra[0] - one.spectra[1]) > 0.3


def test_one_setting_does_not_move_the_draws_of_another():
    cube, mask = scene(40, 40)
    for seed in range(20):
        turned, windowed = (
            seen(AugmentConfig(turns=turns, window=0.3), seed, cube, mask)[0]
            for turns in (True, False)
        )
        alone = seen(AugmentConfig(turns=True), seed, cube, mask)[0]
        np.testing.assert_array_equal(turned.region_map, alone.region_map)
        np.testing.assert_array_equal(turned.spectra, windowed.spectra)
        toned = seen(AugmentConfig(turns=True, window=0.3, tone=2), seed, cube, mask)[0]
        np.testing.assert_array_equal(toned.region_map, alone.region_map)
        between = (turned.spectra > 0.05) & (turned.spectra < 0.95)
        exponents = np.log(toned.spectra[between]) / np.log(turned.spectra[between])
        np.testing.assert_allclose(exponents, exponents[0], rtol=1e-3)


def test_as_many_numbers_are_drawn_whatever_the_settings():
    every = AugmentConfig(turns=True, window=0.2, tone=2)
    after = []
    for config in (PLAIN, every):
        generator = np.random.default_rng(5)
        random_view(*scene(), config, generator)
        after.append(generator.random())
    assert after[0] == after[1]


def test_the_same_state_gives_the_same_view_and_another_another():
    config = AugmentConfig(turns=True, window=0.2, tone=2)
    one, again, other = (seen(config, seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.region_map, again.region_map)
    np.testing.assert_array_equal(one.spectra, again.spectra)
    assert not np.array_equal(one.dense(), other.dense())


def test_several_masks_move_alike():
    cube, mask = scene(40, 40)
    planes = np.stack([mask, ~mask], axis=2)
    config = AugmentConfig(turns=True)
    for seed in range(20):
        (_, alone), (_, moved) = (seen(config, seed, cube, each) for each in (mask, planes))
        assert moved.shape == (40, 40, 2)
        np.testing.assert_array_equal(moved[:, :, 0], alone)
        np.testing.assert_array_equal(moved[:, :, 1], ~alone)


def test_the_scene_itself_is_left_as_it_was():
    cube, mask = scene()
    before = cube.region_map.copy(), cube.spectra.copy(), mask.copy()
    config = AugmentConfig(turns=True, window=0.2, tone=2)
    for seed in range(10):
        random_view(cube, mask, config, np.random.default_rng(seed))
    for one, other in zip(before, (cube.region_map, cube.spectra, mask), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tone_is_one_exponent_for_all_spectra_of_a_view():
    cube, mask = scene()
    exponents = []
    for seed in range(60):
        found, same = seen(AugmentConfig(tone=3.0), seed, cube, mask)
        assert found.spectra.dtype == np.float32
        np.testing.assert_array_equal(same, mask)
        between = (cube.spectra > 0.05) & (cube.spectra < 0.95)
        ratio = np.log(found.spectra[between]) / np.log(cube.spectra[between])
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
        exponents.append(float(ratio[0]))
    assert 1 / 3 <= min(exponents) < 0.4
    assert 2.5 < max(exponents) <= 3
    assert 0.7 < np.median(exponents) < 1.4
    plain, _ = seen(AugmentConfig(tone=1.0), 0, cube, mask)
    np.testing.assert_array_equal(plain.spectra, cube.spectra)
