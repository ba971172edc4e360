"""The recipes that look at generated scenes: what they count, and what they show."""

from itertools import islice

import numpy as np
import pytest

from dmssn.cube import Cube
from dmssn.scenes import Scene, generate_scene
from recipes import scene_measures, scene_metamers, scene_sheets, scene_statistics


def disc(side: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    return np.hypot(rows, columns) < radius


def two_materials(mask: np.ndarray, front: list[float], behind: list[float]) -> np.ndarray:
    return np.where(mask[:, :, None], front, behind).astype(np.float32)


def test_contrast_across_an_edge_is_that_of_the_two_spectra():
    data = two_materials(disc(40, 12), [2, 0, 0], [1, 1, 0])
    angle, bright = scene_measures.border_contrast(data, disc(40, 12))
    assert angle == pytest.approx(np.pi / 4, abs=1e-6)
    assert bright == pytest.approx(0, abs=1e-6)


def test_pixels_that_the_lens_mixes_do_not_count_as_surround():
    mask = disc(40, 12)
    data = two_materials(mask, [1, 1, 2], [1, 1, 1])
    data[disc(40, 13.5) & ~mask] = [9, 0, 0]
    angle, _ = scene_measures.border_contrast(data, mask)
    assert angle == pytest.approx(np.arccos(4 / np.sqrt(18)), abs=1e-6)


@pytest.mark.parametrize("share", [0, 1])
def test_without_an_edge_there_is_no_contrast(share):
    data = np.ones((20, 20, 4), dtype=np.float32)
    mask = np.full((20, 20), bool(share))
    assert np.isnan(scene_measures.border_contrast(data, mask)).all()


@pytest.mark.parametrize("deviation", [0.05, 0.2])
def test_what_stands_out_is_told_by_the_texture_around_it(deviation):
    mask = disc(50, 5)
    texture = np.exp(np.random.default_rng(0).normal(0, deviation, (50, 50, 1)))
    data = np.where(mask[:, :, None], 2.0, texture) * np.ones(4)
    data[..., 0] *= np.random.default_rng(1).choice([0.9, 1.1], (50, 50))
    alone = scene_measures.standing_out(data.astype(np.float32), mask)
    assert alone == pytest.approx(np.log(2) / deviation, rel=0.15)


def test_parts_of_a_mask_are_looked_at_one_by_one():
    mask = np.zeros((40, 60), dtype=bool)
    mask[8:14, 8:14] = mask[25:31, 40:46] = mask[8:14, 45:51] = True
    data = 1 + 0.1 * np.random.default_rng(0).normal(size=(40, 60, 5))
    data[8:14, 8:14] *= 9
    data[25:31, 40:46] *= 9
    assert scene_measures.standing_out(data.astype(np.float32), mask) > 10
    assert np.isnan(scene_measures.standing_out(data.astype(np.float32), mask & False))


def test_noise_is_told_from_texture():
    rng = np.random.default_rng(0)
    texture = np.exp(rng.normal(0, 0.3, (60, 60, 1)))
    clean = texture * np.linspace(1, 3, 20)
    assert scene_measures.noise(clean.astype(np.float32)) < 1e-3
    noisy = clean + rng.normal(0, 0.05, clean.shape) * clean.mean(axis=(0, 1))
    assert scene_measures.noise(noisy.astype(np.float32)) == pytest.approx(0.05, rel=0.05)


def test_effective_rank_counts_what_bands_have_of_their_own():
    rng = np.random.default_rng(0)
    three = rng.normal(size=(50, 50, 3))
    alike = np.repeat(three, 4, axis=2).astype(np.float32)
    rank, most, all_but_nothing = scene_measures.component_counts(alike)
    assert rank == pytest.approx(3, rel=0.01)
    assert (most, all_but_nothing) == (3, 3)


def test_a_dead_band_has_no_part_in_the_rank():
    data = np.random.default_rng(0).normal(size=(30, 30, 4)).astype(np.float32)
    data[:, :, 1] = 7
    assert scene_measures.component_counts(data)[0] == pytest.approx(3, rel=0.02)


def test_a_straight_spectrum_is_smooth_and_a_saw_is_not():
    ramp = np.broadcast_to(np.linspace(1, 2, 12), (24, 24, 12)).astype(np.float32)
    saw = np.broadcast_to(1 + 0.1 * (-1.0) ** np.arange(12), (24, 24, 12)).astype(np.float32)
    assert scene_measures.roughness(ramp) < 1e-6
    assert scene_measures.roughness(saw) == pytest.approx(0.4, rel=1e-3)


@pytest.mark.parametrize("power", [0, 2, 3])
def test_the_slope_is_that_of_the_noise_put_in(power):
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None])
    frequency[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(128, 128))) * frequency ** (-power / 2)
    picture = np.fft.ifft2(waves).real
    assert scene_measures.power_slope(picture) == pytest.approx(power, abs=0.25)


def test_edges_are_where_brightness_steps():
    step = np.repeat([0.0, 1.0], 20)[None].repeat(40, axis=0)
    assert scene_measures.edge_density(step) == pytest.approx(2 / 40)
    assert scene_measures.edge_density(np.ones((8, 8))) == 0


def test_a_real_number_outside_the_generated_range_is_marked():
    even = 1 + 0.01 * np.random.default_rng(0).random((40, 40, 8))
    cube = Cube(even.astype(np.float32), np.linspace(420, 680, 8), "even")
    pool = scene_statistics.Pool([("even", cube, disc(40, 10))], scene_statistics.PLAIN)
    lines = scene_statistics.table([pool, pool], 2, regions=False)
    assert {line.count("|") for line in lines} == {6}
    marked = {line.split(" | ")[0] for line in lines if "\\*" in line}
    assert "| log10 of brightness, 95 % to 5 %" in marked
    assert "| salient, %" not in marked


def test_scenes_are_drawn_like_the_real_cube():
    nm = np.linspace(410.0, 900.0, 12)
    cube = Cube(np.ones((30, 44, 12), dtype=np.float32), nm, "real")
    pool = scene_statistics.Pool([("real", cube, disc(40, 10))], ("coast",))
    for found, mask in scene_statistics.like(pool, 2):
        assert found.shape == cube.shape
        assert mask.shape == (30, 44)
        assert found.wavelengths_nm == pytest.approx(nm)


def test_the_band_shown_is_infrared_or_the_longest():
    assert scene_sheets.infrared_band(np.array([500.0, 840.0, 900.0])) == 1
    assert scene_sheets.infrared_band(np.array([500.0, 600.0, 700.0])) == 2


def test_spectra_shown_are_those_of_objects_and_of_what_is_around_them():
    mask = disc(60, 8)
    data = two_materials(mask, [1, 2, 3], [3, 2, 1])
    data[~disc(60, 20)] = 100  # far away
    scene = Scene("scene", Cube(data, np.array([450.0, 550.0, 650.0])), mask, (), {})
    front, behind = scene_sheets.mean_spectra(scene)
    assert front.tolist() == [1, 2, 3]
    assert behind.tolist() == [3, 2, 1]


def test_a_sheet_has_a_row_of_four_for_each_scene():
    scenes = [generate_scene(seed, height=32, width=32, bands=20) for seed in range(2)]
    figure = scene_sheets.sheet(scenes)
    assert len(figure.axes) == 8
    assert figure.axes[4].get_title().startswith(" ".join(scenes[1].attributes))


def test_ranks_of_scores_are_what_is_scored():
    mask = disc(20, 5)
    assert scene_metamers.auc(1e6 * mask - 5.0, mask) == 1
    assert scene_metamers.auc(np.zeros((20, 20)), mask) == 0.5


def test_a_rendering_has_three_bands_from_blue_to_red():
    nm = np.linspace(400, 700, 31)
    red = np.broadcast_to(nm > 600, (4, 4, 31)).astype(np.float32)
    seen = scene_metamers.rendering(Cube(red, nm))
    assert seen.wavelengths_nm.tolist() == [460, 550, 640]
    assert seen.data[0, 0].argmax() == 2
    with pytest.raises(ValueError, match="no true colour"):
        scene_metamers.rendering(Cube(red, nm + 600))


def test_only_a_spectrum_finds_metamers():
    found = islice(scene_metamers.scenes(("CS",), "train", 96), 8)
    scores = scene_metamers.compare(found, scene_metamers.SIMPLE)
    means = np.array([scores[name].mean(axis=0) for name in scores])
    assert means[:, 0].max() > 0.85
    assert (means[:, 1] < 0.65).all()
