"""The border detector: what it finds, and that where a pixel lies is not what it finds."""

import numpy as np
import pytest
from scipy.stats import rankdata

from dmssn.baselines.border import along_sides, border, left_out
from dmssn.baselines.catalogue import classical
from dmssn.baselines.reed_xiaoli import rx
from dmssn.config import SettingError
from dmssn.cube import Cube
from generated import cube_of

RISING, FALLING = np.linspace(0.2, 1, 8), np.linspace(1, 0.2, 8)
"""Two spectra of one brightness: the same numbers, the other way round."""
MASK = np.zeros((128, 128), dtype=bool)
MASK[20:108, 20:108] = True


def cube(data):
    return Cube(np.asarray(data, dtype=np.float32))


def chance_of_higher(saliency, mask):
    """Area under the ROC curve, by ranks (Mann and Whitney 1947)."""
    ranks = rankdata(saliency)
    inside, outside = mask.sum(), (~mask).sum()
    return (ranks[mask.ravel()].sum() - inside * (inside + 1) / 2) / (inside * outside)


def brute_force(spectra, edge):
    """Distances by statistics computed anew for each pixel of the edge."""
    height, width, bands = spectra.shape
    scene = 1e-3 * np.cov(spectra.reshape(-1, bands).T).reshape(bands, bands)
    result = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        others, pixels = edge.copy(), edge.sum()
        others[row, column] = False
        less = (pixels - 1) / (pixels - 2) if edge[row, column] else 1
        covariance = np.cov(spectra[others].T).reshape(bands, bands) + less * scene
        apart = spectra[row, column] - spectra[others].mean(axis=0)
        result[row, column] = np.sqrt(apart @ np.linalg.inv(covariance) @ apart)
    return result


def test_the_border_of_a_width():
    assert along_sides((5, 4), 1).astype(int).tolist() == [
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [1, 1, 1, 1],
    ]
    assert along_sides((5, 4), 3).all()


@pytest.mark.parametrize(
    ("shape", "components"),
    [
        ((43, 31, 580), 10),
        ((64, 64, 200), 10),
        ((100, 100, 100), 10),
        ((64, 64, 56), 10),
        ((32, 32, 300), 89),  # a fifth of the pixels of the border: no more go without a note
    ],
)
def test_where_a_pixel_lies_says_nothing_in_noise(shape, components):
    # By a covariance of all bands that its pixels are part of, the border is found in each.
    inside = ~along_sides(shape[:2], 4)
    cubes = [cube(np.random.default_rng(seed).normal(0.5, 0.1, shape)) for seed in range(4)]
    chances = [
        chance_of_higher(border(noise, components=components).saliency, inside) for noise in cubes
    ]
    assert 0.47 < np.mean(chances) < 0.53


@pytest.mark.parametrize("shape", [(12, 15, 5), (9, 9, 1), (3, 7, 2)])
def test_each_pixel_of_the_border_is_judged_by_the_others(shape):
    found = cube_of(*shape)
    width = 1 if shape[0] == 3 else 3
    expected = brute_force(found.data.astype(np.float64), along_sides(shape[:2], width))
    expected -= expected.min()
    saliency = border(found, width=width).saliency
    np.testing.assert_allclose(saliency, expected / expected.max(), atol=1e-5)


@pytest.mark.parametrize(("pixels", "bands"), [(3, 1), (8, 3), (40, 10)])
def test_leaving_a_pixel_out_is_leaving_it_out(pixels, bands):
    spectra = np.random.default_rng(pixels).normal(size=(pixels, bands))

    def squared(spectrum, among):
        apart = spectrum - among.mean(axis=0)
        covariance = np.cov(among.T).reshape(bands, bands)
        return apart @ np.linalg.inv(covariance) @ apart

    among_all = np.array([squared(spectrum, spectra) for spectrum in spectra])
    among_others = [
        squared(spectrum, np.delete(spectra, place, axis=0))
        for place, spectrum in enumerate(spectra)
    ]
    np.testing.assert_allclose(left_out(among_all, pixels), among_others, rtol=1e-9)


def test_one_pixel_and_two_left_out_by_hand():
    assert left_out(np.array([0.0]), 1) == [0]
    # -1 and 1: variance 2, and 0.5 added. Each is 2 from the other, whose variance is the 0.5.
    np.testing.assert_allclose(left_out(np.array([1 / 2.5]), 2), [4 / 0.5])


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_a_border_of_hardly_any_pixel_is_judged_too(pixels):
    data = np.random.default_rng(0).normal(size=(60, 60, 12)).astype(np.float32)
    edge = along_sides((60, 60), 4)
    edge.flat[np.flatnonzero(edge)[100 : 100 + pixels]] = False
    data[edge] = np.nan
    found = border(Cube(data))
    assert np.isfinite(found.saliency).all()
    assert found.saliency.any()
    assert found.notes == (
        "the border of 4 has few valid pixels for a covariance of 10 components: "
        f"{pixels}; take fewer components or a larger width",
    )


def test_a_border_of_few_pixels_is_told():
    few = cube_of(10, 12, 12)  # a border of 1 has 40 pixels
    assert border(few, width=1, components=8).notes == ()
    (note,) = border(few, width=1, components=9).notes
    assert note.startswith("the border of 1 has few valid pixels for a covariance of 9 components")


def test_an_object_too_large_to_be_rare_is_found():
    data = np.where(MASK[..., None], FALLING, RISING)
    noisy = cube(data + np.random.default_rng(0).normal(0, 0.03, data.shape))
    assert chance_of_higher(border(noisy).saliency, MASK) > 0.99
    # Nearly half the picture is of either spectrum: each is as rare.
    assert chance_of_higher(rx(noisy).saliency, MASK) < 0.7


def test_an_object_among_many_bands_of_noise_is_found():
    rng = np.random.default_rng(0)
    mask = np.zeros((48, 48), dtype=bool)
    mask[18:28, 20:30] = True
    data = rng.normal(0, 0.05, (48, 48, 300)) + np.linspace(0.2, 1, 300)
    data[mask] += 0.1 * np.sin(np.linspace(0, 6, 300))
    assert chance_of_higher(border(cube(data)).saliency, mask) > 0.99


def test_what_never_varies_along_the_sides_is_found():
    saliency = border(cube(np.where(MASK[..., None], FALLING, RISING))).saliency
    assert saliency[MASK].min() == 1
    assert saliency[~MASK].max() < 1e-12


def test_a_side_of_its_own_ground_is_no_bar():
    rng = np.random.default_rng(0)
    sky = np.arange(64)[:, None, None] < 16
    data = np.where(sky, FALLING, RISING) + rng.normal(0, 0.05, (64, 64, 8))
    saliency = border(cube(data)).saliency
    assert saliency[:4].mean() == pytest.approx(saliency[4:16, 4:-4].mean(), rel=0.05)


def test_constant_bands_change_nothing():
    rng = np.random.default_rng(0)
    data = rng.normal(0.5, 0.1, (30, 40, 6))
    dead = np.concatenate([data, np.zeros((30, 40, 2)), np.full((30, 40, 1), 4095.0)], axis=2)
    np.testing.assert_allclose(border(cube(dead)).saliency, border(cube(data)).saliency, atol=1e-6)


def test_the_units_of_bands_change_nothing():
    rng = np.random.default_rng(0)
    data = rng.normal(0.5, 0.1, (30, 40, 20)) + rng.normal(0, 0.2, (30, 40, 1))
    units = 10 ** rng.uniform(-3, 3, 20)
    found = border(cube(data), components=3).saliency
    np.testing.assert_allclose(border(cube(data * units), components=3).saliency, found, atol=1e-4)


def test_no_border_or_nothing_else_is_told():
    data = np.random.default_rng(0).random((20, 20, 3), dtype=np.float32)
    assert border(Cube(data[:8])).notes == (
        "a border of 4 is the whole picture, so the map is 0; take a smaller width",
    )
    data[along_sides((20, 20), 4)] = np.nan
    assert border(Cube(data)).notes == ("no pixel of the border of 4 is valid, so the map is 0",)


def test_settings():
    method, chosen = classical("border:width=2")
    assert (method.name, chosen) == ("border", {"width": 2, "components": 10})
    with pytest.raises(SettingError, match="border: width must be at least 1, got 0"):
        classical("border:width=0")
    with pytest.raises(SettingError, match="border: components must be at least 1, got 0"):
        border(cube_of(9, 9, 2), components=0)
