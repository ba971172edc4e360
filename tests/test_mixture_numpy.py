"""The mixture in numpy is torch's: the same start, the same steps, the same components."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn import kmeans, kmeans_numpy, mixture, mixture_numpy
from dmssn.config import MixtureConfig
from dmssn.preparing import clipped
from dmssn.readers import read_cube

DEMO = Path(__file__).parents[1] / "examples" / "demo.h5"
FEW_MOVED = 1e-3
"""Share of pixels between two components that rounding may decide otherwise."""


def spectra(pixels: int = 4000, bands: int = 12, seed: int = 0) -> np.ndarray:
    """Standardized spectra of some materials that overlap."""
    generator = np.random.default_rng(seed)
    middles = generator.normal(size=(6, bands))
    spreads = generator.uniform(0.05, 0.5, (6, 1)) * np.geomspace(1, 0.05, bands)
    which = generator.integers(6, size=pixels)
    data = middles[which] + spreads[which] * generator.normal(size=(pixels, bands))
    return ((data - data.mean(axis=0)) / data.std(axis=0)).astype(np.float32)


def moved(data: np.ndarray, config: MixtureConfig) -> float:
    one, other = mixture.components(data, config), mixture_numpy.components(data, config)
    assert one.dtype == other.dtype == np.int32
    assert one.shape == other.shape
    return float((one != other).mean())


def demo(step: int = 2) -> np.ndarray:
    cube = read_cube(DEMO).data[::step, ::step]
    pixels = clipped(cube.reshape(-1, cube.shape[2]))
    return ((pixels - pixels.mean(axis=0)) / pixels.std(axis=0)).astype(np.float32)


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_components_of_a_scene_are_torchs(mode):
    assert moved(demo(), MixtureConfig(components=20, mode=mode)) <= FEW_MOVED


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_components_are_torchs_where_a_sample_is_fitted(monkeypatch, mode):
    for module in (mixture, mixture_numpy):
        monkeypatch.setattr(module, "SAMPLE", 700)
        monkeypatch.setattr(module, "AXES_SAMPLE", 300)
    for module in (kmeans, kmeans_numpy):
        monkeypatch.setattr(module, "START_SAMPLE", 200)
    assert moved(spectra(), MixtureConfig(components=6, mode=mode)) <= FEW_MOVED


def test_blocks_change_nothing(monkeypatch):
    data = spectra(1000)
    whole = mixture_numpy.components(data, MixtureConfig(components=6))
    monkeypatch.setattr(kmeans_numpy, "PIXELS_AT_ONCE", 64)
    monkeypatch.setattr(mixture_numpy, "PIXELS_IN_PRODUCT", 50)
    monkeypatch.setattr(mixture_numpy, "COLUMNS_AT_ONCE", 5)
    monkeypatch.setattr(mixture_numpy, "NUMBERS_AT_ONCE", 600)
    assert (mixture_numpy.components(data, MixtureConfig(components=6)) == whole).mean() > 0.999


@pytest.mark.parametrize("full", [0, 5, 12])
def test_a_fit_from_the_same_start_has_the_same_parameters(full):
    data = spectra()
    centres = kmeans_numpy.kmeans(data, 6, np.random.default_rng(1))
    start = kmeans_numpy.nearest(data, centres)
    mine = mixture_numpy.fit(data, start, 3, full=full)
    theirs = mixture.fit(torch.from_numpy(data), torch.from_numpy(start), 3, full=full)
    for one, other in zip(mine, theirs, strict=True):
        largest = other.abs().max().item() if other.numel() else 0.0
        # Variances are small differences of float32 sums, and precisions the inverse of those.
        np.testing.assert_allclose(one, other.numpy(), rtol=0, atol=1e-2 * largest)
    one = mixture_numpy.log_joint(data, mine)
    other = mixture.log_joint(torch.from_numpy(data), theirs).numpy()
    assert (one.argmax(axis=1) != other.argmax(axis=1)).mean() <= FEW_MOVED
    assert np.abs(one.max(axis=1) - other.max(axis=1)).mean() < 0.01


def test_the_start_is_torchs():
    data = spectra()
    mine = kmeans_numpy.kmeans(data, 6, np.random.default_rng(3))
    theirs = kmeans.kmeans(torch.from_numpy(data), 6, np.random.default_rng(3))
    np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-4)


DEGENERATE = {
    "one pixel": np.ones((1, 5)),
    "two pixels": np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]]),
    "all alike": np.full((60, 4), 0.5),
    "all zero": np.zeros((60, 4)),
    "two spectra": np.repeat([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]], 40, axis=0),
    "on a line": np.linspace(-1, 1, 200)[:, None] * [1.0, 2.0, -1.0],
}


@pytest.mark.parametrize("kind", DEGENERATE)
@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_degenerate_spectra_have_components_too(kind, mode):
    data = DEGENERATE[kind].astype(np.float32)
    found = mixture_numpy.components(data, MixtureConfig(components=5, mode=mode))
    assert found.shape == (len(data),)
    assert 0 <= found.min() <= found.max() < 5
    for spectrum in np.unique(data, axis=0)[:5]:  # equal spectra are of one component
        assert len(np.unique(found[(data == spectrum).all(axis=1)])) == 1


@settings(max_examples=15)
@given(st.integers(1, 300), st.integers(3, 9), st.integers(1, 8), st.integers(0, 100))
def test_any_number_of_pixels_bands_and_components(pixels, bands, components, seed):
    data = np.random.default_rng(seed).normal(size=(pixels, bands)).astype(np.float32)
    found = mixture_numpy.components(data, MixtureConfig(components=components))
    assert found.shape == (pixels,)
    assert 0 <= found.min() <= found.max() < components


def test_spectra_too_large_for_covariances_are_refused():
    with pytest.raises(ValueError, match="too large for covariances; standardize"):
        mixture_numpy.fit(np.float32([[1e30, 0], [-1e30, 1e30]]), np.array([0, 0]), 1, full=2)
