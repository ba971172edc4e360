"""The Gaussian mixture against scikit-learn's, and what it does with degenerate scenes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import block_diag
from scipy.stats import multivariate_normal
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from dmssn import mixture
from dmssn.config import MixtureConfig
from dmssn.kmeans import kmeans, nearest, spread_out
from dmssn.mixture_numpy import affordable


def spectra(pixels: int = 3000, bands: int = 12, groups: int = 6, seed: int = 0):
    """Standardized spectra of a few overlapping groups; their covariances are not diagonal."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, bands)) * 2
    mixing = rng.normal(size=(groups, bands, bands)) / np.sqrt(bands)
    group = rng.integers(groups, size=pixels)
    noise = np.einsum("pij,pj->pi", mixing[group], rng.normal(size=(pixels, bands)))
    data = centres[group] + noise
    return ((data - data.mean(axis=0)) / data.std(axis=0)).astype(np.float32)


def start_of(data: np.ndarray, components: int) -> torch.Tensor:
    """An uneven split along one band: a poor start, so that EM has to move."""
    cuts = np.quantile(data[:, 0], np.linspace(0, 1, components + 1)[1:-1] ** 1.5)
    return torch.from_numpy(np.searchsorted(cuts, data[:, 0]))


def oracle(data, start: torch.Tensor, iterations: int, kind: str) -> GaussianMixture:
    """scikit-learn's EM from the same start: as many M steps, in float64."""
    model = GaussianMixture(int(start.max()) + 1, covariance_type=kind)
    wide = data.astype(np.float64)
    hard = np.eye(model.n_components)[start.numpy()]
    model._initialize(wide, hard)
    for _ in range(iterations):
        _, log_share = model._e_step(wide)
        model._m_step(wide, log_share)
    return model


@pytest.mark.parametrize(("full", "kind"), [(12, "full"), (0, "diag")])
@pytest.mark.parametrize("iterations", [1, 5])
def test_em_is_scikit_learns_from_the_same_start(full, kind, iterations):
    data = spectra()
    start = start_of(data, 5)
    ours = mixture.fit(torch.from_numpy(data), start, iterations, full=full)
    theirs = oracle(data, start, iterations, kind)
    # In float32, whose sums one processor rounds otherwise than another.
    np.testing.assert_allclose(ours.means, theirs.means_, rtol=0, atol=3e-4)
    np.testing.assert_allclose(ours.log_weights.exp(), theirs.weights_, rtol=2e-4)
    likelihood = mixture.log_likelihood(torch.from_numpy(data), ours)
    assert likelihood == pytest.approx(theirs.score(data.astype(np.float64)), rel=1e-3)
    labels = mixture.assign(torch.from_numpy(data), ours).numpy()
    assert np.mean(labels == theirs.predict(data.astype(np.float64))) > 0.9995


def test_em_is_scikit_learns_on_bands_that_are_nearly_copies_of_each_other():
    rng = np.random.default_rng(3)
    few = spectra(bands=4)
    data = few @ rng.normal(size=(4, 40)).astype(np.float32)
    data += rng.normal(scale=0.01, size=data.shape).astype(np.float32)
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    start = start_of(data, 4)
    ours = mixture.fit(torch.from_numpy(data), start, 5, full=40)
    theirs = oracle(data, start, 5, "full")
    likelihood = mixture.log_likelihood(torch.from_numpy(data), ours)
    assert likelihood == pytest.approx(theirs.score(data.astype(np.float64)), rel=1e-3)
    labels = mixture.assign(torch.from_numpy(data), ours).numpy()
    assert np.mean(labels == theirs.predict(data.astype(np.float64))) > 0.99


def whitened_log_joint(data, fitted: mixture.Mixture) -> np.ndarray:
    """Log of weight times density from the covariance itself, pixel by pixel in float64."""
    wide, found = data.astype(np.float64), []
    for k in range(len(fitted.means)):
        factor = fitted.factors[k].double().numpy()
        covariance = block_diag(
            np.linalg.inv(factor @ factor.T), np.diag(1 / fitted.precisions[k].double().numpy())
        )
        density = multivariate_normal(fitted.means[k].double().numpy(), covariance)
        found.append(float(fitted.log_weights[k]) + density.logpdf(wide))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("full", [0, 5, 11, 12])
def test_some_dimensions_full_and_the_rest_diagonal(full):
    data = spectra()
    start = start_of(data, 5)
    fitted = mixture.fit(torch.from_numpy(data), start, 3, full=full)
    assert fitted.factors.shape == (5, full, full)
    assert fitted.precisions.shape == (5, 12 - full)
    joint = mixture.log_joint(torch.from_numpy(data), fitted).numpy()
    np.testing.assert_allclose(joint, whitened_log_joint(data, fitted), rtol=1e-4, atol=1e-3)
    # The next M step from these shares, by hand.
    share = np.exp(joint - joint.max(axis=1, keepdims=True)).astype(np.float64)
    share /= share.sum(axis=1, keepdims=True)
    following = mixture.fit(torch.from_numpy(data), start, 4, full=full)
    count = share.sum(axis=0)
    means = share.T @ data / count[:, None]
    np.testing.assert_allclose(following.means, means, atol=1e-4)
    for k in range(5):
        off = data - means[k]
        covariance = (off * share[:, k, None]).T @ off / count[k] + 1e-6 * np.eye(12)
        precision = np.linalg.inv(covariance[:full, :full])
        factor = following.factors[k].double().numpy()
        np.testing.assert_allclose(factor @ factor.T, precision, rtol=1e-2, atol=1e-2)
        variance = covariance.diagonal()[full:]
        np.testing.assert_allclose(1 / following.precisions[k], variance, rtol=1e-3)


@pytest.mark.parametrize("full", [12, 5, 0])
def test_blocks_do_not_change_the_fit(full, monkeypatch):
    data = torch.from_numpy(spectra(1000))
    start = start_of(data.numpy(), 4)
    whole = mixture.fit(data, start, 3, full=full)
    monkeypatch.setattr(mixture, "PIXELS_AT_ONCE", 64)
    monkeypatch.setattr(mixture, "PIXELS_IN_PRODUCT", 50)
    monkeypatch.setattr(mixture, "COLUMNS_AT_ONCE", 5)
    monkeypatch.setattr(mixture, "NUMBERS_AT_ONCE", 600)
    blocks = mixture.fit(data, start, 3, full=full)
    for one, other in zip(whole, blocks, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_em_never_lowers_the_likelihood():
    data = torch.from_numpy(spectra())
    start = start_of(data.numpy(), 6)
    found = [
        mixture.log_likelihood(data, mixture.fit(data, start, steps, full=12)) for steps in range(5)
    ]
    assert np.all(np.diff(found) > 0)


def test_density_by_hand():
    # One dimension, components N(0, 1) and N(3, 4) with shares 1/4 and 3/4, at x = 1.
    shares, means, stds = np.array([0.25, 0.75]), np.array([0.0, 3.0]), np.array([1.0, 2.0])
    expected = np.log(shares) - np.log(stds * np.sqrt(2 * np.pi)) - ((1 - means) / stds) ** 2 / 2
    weights = torch.tensor(np.log(shares), dtype=torch.float32)
    column = torch.tensor(means, dtype=torch.float32)[:, None]
    factors = torch.tensor(1 / stds, dtype=torch.float32)[:, None]
    full = mixture.Mixture(weights, column, factors[:, :, None], torch.empty(2, 0))
    diagonal = mixture.Mixture(weights, column, torch.empty(2, 0, 0), factors.square())
    for form in (full, diagonal):
        found = mixture.log_joint(torch.ones(1, 1), form)
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_same_pixels_and_seed_same_components(mode):
    data = spectra()
    config = MixtureConfig(mode=mode, components=8)
    first = mixture.components(data, config)
    np.testing.assert_array_equal(first, mixture.components(data.copy(), config))
    other = mixture.components(data, MixtureConfig(mode=mode, components=8, seed=22))
    assert (first != other).any()


def test_the_seed_alone_decides_whatever_the_global_generators(monkeypatch):
    data = spectra(500)
    config = MixtureConfig(components=8)
    torch.manual_seed(1)
    first = mixture.components(data, config)
    torch.manual_seed(2)
    np.random.seed(5)  # noqa: NPY002
    np.testing.assert_array_equal(first, mixture.components(data, config))


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_well_separated_materials_are_told_apart(mode):
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=2000)
    data = np.eye(4, 20)[truth] * 10 + rng.normal(scale=0.1, size=(2000, 20))
    found = mixture.components(
        data.astype(np.float32), MixtureConfig(mode=mode, components=4, iterations=5)
    )
    for component in range(4):
        assert len(set(truth[found == component])) == 1


def regions_of_a_scene(seed: int = 0) -> np.ndarray:
    """Spectra of 60 bands of a scene of 12 textured materials with noise, standardized."""
    rng = np.random.default_rng(seed)
    material = rng.integers(12, size=20000)
    base, axes = (np.cumsum(rng.normal(size=(n, 60)), axis=1) for n in (12, 4))
    data = base[material] + rng.normal(size=(20000, 4)) * 0.3 @ axes
    data += rng.normal(scale=0.5, size=data.shape)
    return ((data - data.mean(axis=0)) / data.std(axis=0)).astype(np.float32)


def test_fast_finds_the_components_that_exact_does():
    ratios = []
    for scene in (1, 3):
        data = regions_of_a_scene(scene)
        labels = [
            mixture.components(data, MixtureConfig(mode=mode, components=20, seed=seed))
            for mode, seed in (("exact", 21), ("exact", 5), ("fast", 21))
        ]
        exact, other, fast = labels
        assert adjusted_rand_score(exact, fast) >= adjusted_rand_score(exact, other) - 0.05
        within = [variance_within(data, found) for found in (exact, fast)]
        assert within[1] < 0.3  # of a variance of 1
        ratios.append(within[1] / within[0])
    assert np.mean(ratios) <= 1.1


def variance_within(data: np.ndarray, labels: np.ndarray) -> float:
    parts = [data[labels == k] for k in np.unique(labels)]
    return float(sum(np.square(part - part.mean(axis=0)).sum() for part in parts) / data.size)


def test_fewer_pixels_afford_larger_covariances():
    assert affordable(65536, 200) == mixture.FULL
    assert affordable(16384, 200) == 2 * mixture.FULL
    assert affordable(16384, 60) == 60


def test_turning_the_axes_changes_nothing_for_exact():
    data = spectra()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0].astype(np.float32)
    config = MixtureConfig(mode="exact", components=8)
    one, other = mixture.components(data, config), mixture.components(data @ turn, config)
    assert adjusted_rand_score(one, other) > 0.99


def test_fast_fitted_on_a_sample_gives_every_pixel_a_component(monkeypatch):
    monkeypatch.setattr(mixture, "SAMPLE", 500)
    monkeypatch.setattr("dmssn.kmeans.START_SAMPLE", 200)
    data = spectra(3000)
    found = mixture.components(data, MixtureConfig(components=6))
    assert found.shape == (3000,)
    assert found.dtype == np.int32
    assert set(np.unique(found)) <= set(range(6))
    assert len(np.unique(found)) > 3


DEGENERATE = {
    "one pixel": np.ones((1, 5)),
    "two pixels": np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]]),
    "all the same": np.full((400, 5), 2.5),
    "all zero": np.zeros((400, 5)),
    "one band": np.random.default_rng(0).normal(size=(500, 1)),
    "constant bands": np.pad(np.random.default_rng(0).normal(size=(500, 2)), ((0, 0), (1, 3))),
    "three spectra": np.eye(3, 6)[np.arange(300) % 3],
    "more bands than pixels": np.random.default_rng(0).normal(size=(20, 60)),
    "copies of one band": np.repeat(np.random.default_rng(0).normal(size=(300, 1)), 8, axis=1),
    "an outlier": np.pad([[1e4] * 5], ((0, 299), (0, 0))),
}


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("data", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_scenes_have_components(mode, data):
    pixels = data.astype(np.float32)
    found = mixture.components(pixels, MixtureConfig(mode=mode, components=50))
    assert found.shape == (len(pixels),)
    assert 0 <= found.min() <= found.max() < 50
    # Equal spectra are of one component.
    for spectrum in np.unique(pixels, axis=0):
        assert len(set(found[(pixels == spectrum).all(axis=1)])) == 1


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_fewer_spectra_than_components_get_one_each(mode):
    pixels = DEGENERATE["three spectra"].astype(np.float32)
    found = mixture.components(pixels, MixtureConfig(mode=mode, components=50))
    assert len(np.unique(found)) == 3


@pytest.mark.parametrize("mode", ["fast", "exact"])
@settings(max_examples=20, deadline=None)
@given(
    data=arrays(
        np.float32,
        st.tuples(st.integers(1, 30), st.integers(1, 5)),
        elements=st.floats(-50, 50, width=32).map(lambda x: np.float32(round(x, 1))),
    )
)
def test_any_finite_pixels_have_components(mode, data):
    found = mixture.components(data, MixtureConfig(mode=mode, components=4, iterations=3))
    assert found.shape == (len(data),)
    assert 0 <= found.min() <= found.max() < 4


def test_the_first_centres_lie_apart_and_differ_by_seed():
    groups = torch.eye(9).repeat_interleave(50, dim=0) + 0.01 * torch.randn(450, 9)
    seen = set()
    for seed in range(5):
        rows = spread_out(groups, 9, np.random.default_rng(seed))
        assert sorted(row // 50 for row in rows) == list(range(9))  # one of each group
        seen.add(tuple(rows))
    assert len(seen) == 5


def test_the_first_centres_are_as_far_apart_as_scikit_learns():
    data = torch.from_numpy(spectra(4000, groups=12))
    costs = []
    for seed in range(8):
        ours = data[spread_out(data, 12, np.random.default_rng(seed))]
        theirs = torch.from_numpy(kmeans_plusplus(data.numpy(), 12, random_state=seed)[0])
        costs.append([float(torch.cdist(data, c).amin(1).square().sum()) for c in (ours, theirs)])
    ratio = np.mean(costs, axis=0)
    assert ratio[0] < 1.05 * ratio[1]


def test_kmeans_centres_are_near_the_means_of_their_rows():
    data = torch.from_numpy(spectra())
    centres = kmeans(data, 6, np.random.default_rng(0))
    assert centres.shape == (6, 12)
    labels = nearest(data, centres)
    torch.testing.assert_close(labels, torch.cdist(data, centres).argmin(dim=1))
    assert labels.unique().tolist() == list(range(6))
    # Nearer to the mean of its own group than to that of another, up to a last Lloyd step.
    means = torch.stack([data[labels == k].mean(dim=0) for k in range(6)])
    assert (torch.cdist(data, means).argmin(dim=1) == labels).float().mean() > 0.9


def test_spectra_too_large_for_covariances_are_refused():
    data = spectra(200, 4)
    data[3] = 3e38
    with pytest.raises(ValueError, match="too large for covariances"):
        mixture.fit(torch.from_numpy(data), start_of(data, 3), 1, full=4)
