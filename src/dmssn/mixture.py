"""Gaussian mixture over the spectra of a scene, fitted by EM in torch.

Two modes. ``exact``: full covariances in all bands, as published. ``fast``: diagonal covariances
on the scene's principal components, fitted on a sample; one pass gives every pixel its component.

Letters: P pixels, D dimensions (bands or principal components), K components.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus
from torch import Tensor

from dmssn.config import MixtureConfig

VARIANCE_FLOOR = 1e-6
"""Added to every variance, in standardized units; scikit-learn's default."""
KEPT_VARIANCE = 0.999
"""Share of the variance the principal components of ``fast`` keep."""
MOST_COMPONENTS = 20
"""Principal components of ``fast`` at most: past these a real scene holds noise."""
SAMPLE = 65536
"""Pixels ``fast`` is fitted on at most, and both modes draw their start from."""
START_SAMPLE = 8192
"""Pixels k-means++ chooses its centres from."""
PIXELS_AT_ONCE = 65536
"""Pixels in one matrix product; bounds memory to this times K, or times D for ``exact``."""
LLOYD_STEPS = 3
"""k-means steps between the k-means++ centres and EM."""


class Mixture(NamedTuple):
    """Parameters of a Gaussian mixture.

    Attributes:
        log_weights: Logarithm of each component's share, shape (K,).
        means: Shape (K, D).
        factors: Whitening factors: for full covariances W of shape (K, D, D) with
            W W^T the precision, for diagonal ones 1 / standard deviation of shape (K, D).
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor


def components(pixels: NDArray[np.float32], config: MixtureConfig) -> NDArray[np.int32]:
    """The most likely component of each pixel.

    The same pixels and seed give the same components. Pixels with fewer distinct spectra than
    ``config.components`` get as many components as there are spectra.

    Args:
        pixels: Standardized spectra, finite, shape (P, B).
        config: Mode, number of components, EM steps and seed.

    Returns:
        Component of each pixel, shape (P,), in 0..K-1; some of them may be unused.
    """
    generator = np.random.default_rng(config.seed)
    data = torch.from_numpy(np.ascontiguousarray(pixels))
    if config.mode == "fast":
        data = _principal_components(data, generator)
        training = _draw(data, SAMPLE, generator)
    else:
        training = data
    start = kmeans(training, config.components, generator)
    mixture = fit(training, start, config.iterations, full=config.mode == "exact")
    return assign(data, mixture).to(torch.int32).numpy()


def kmeans(x: Tensor, components: int, generator: np.random.Generator) -> Tensor:
    """k-means++ centres and a few Lloyd steps on a sample; the component of each row of ``x``.

    Args:
        x: Shape (P, D).
        components: Centres at most; fewer when there are fewer distinct rows.
        generator: Draws the sample and the centres.

    Returns:
        Shape (P,), int64.
    """
    sample = _draw(x, START_SAMPLE, generator)
    distinct = min(components, len(torch.unique(sample, dim=0)))
    seed = int(generator.integers(2**31))
    found, _ = kmeans_plusplus(sample.numpy(), distinct, random_state=seed)
    centres = torch.from_numpy(found)
    rows = _draw(x, SAMPLE, generator)
    for _ in range(LLOYD_STEPS):
        nearest = _nearest(rows, centres)
        counts = torch.bincount(nearest, minlength=distinct).to(x.dtype)
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return _nearest(x, centres)


def fit(x: Tensor, start: Tensor, iterations: int, *, full: bool) -> Mixture:
    """Fit a mixture by EM.

    Args:
        x: Spectra, float32 of shape (P, D).
        start: Component each starts in, shape (P,), int64.
        iterations: EM steps.
        full: Full covariances; otherwise diagonal ones.
    """
    components = int(start.max()) + 1
    step = _Sums(components, x.shape[1], full)
    for block, labels in zip(x.split(PIXELS_AT_ONCE), start.split(PIXELS_AT_ONCE), strict=True):
        hard = torch.nn.functional.one_hot(labels, components)
        step.add(block, hard.to(x.dtype))
    mixture = step.mixture()
    for _ in range(iterations):
        step = _Sums(components, x.shape[1], full, mixture.means)
        for block in x.split(PIXELS_AT_ONCE):
            step.add(block, log_joint(block, mixture).softmax(dim=1))
        mixture = step.mixture()
    return mixture


def assign(x: Tensor, mixture: Mixture) -> Tensor:
    """The most likely component of each row of ``x``; shape (P,), int64."""
    return torch.cat([log_joint(b, mixture).argmax(dim=1) for b in x.split(PIXELS_AT_ONCE)])


def log_likelihood(x: Tensor, mixture: Mixture) -> float:
    """Mean log-likelihood of the rows of ``x``."""
    blocks = [log_joint(b, mixture).logsumexp(dim=1) for b in x.split(PIXELS_AT_ONCE)]
    return float(torch.cat(blocks).double().mean())


def log_joint(x: Tensor, mixture: Mixture) -> Tensor:
    """Log of weight times density, of each row in each component; shape (P, K)."""
    if mixture.factors.ndim == 2:
        distance, log_factor = _diagonal(x, mixture), mixture.factors.log().sum(dim=1)
    else:
        distance = torch.stack(
            [
                torch.addmm(-(mean @ factor), x, factor).square().sum(dim=1)
                for mean, factor in zip(mixture.means, mixture.factors, strict=True)
            ],
            dim=1,
        )
        log_factor = mixture.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    constant = mixture.log_weights + log_factor - x.shape[1] / 2 * math.log(2 * math.pi)
    return constant - distance / 2


def _diagonal(x: Tensor, mixture: Mixture) -> Tensor:
    """Squared Mahalanobis distances, as two matrix products, in float64.

    The expanded square loses what cancels, hence float64 where D is small anyway.
    """
    precision = mixture.factors.double().square()
    means = mixture.means.double()
    wide = x.double()
    offset = (means.square() * precision).sum(dim=1)
    cross = wide @ (means * precision).T
    return (wide.square() @ precision.T - 2 * cross + offset).clamp(min=0).to(x.dtype)


class _Sums:
    """Weighted counts, sums and squares of the M step, collected block by block.

    Squares are taken about a centre near each component's mean, so that the mean's square does
    not swamp a small variance.
    """

    def __init__(
        self, components: int, dimensions: int, full: bool, centres: Tensor | None = None
    ) -> None:
        self.full = full
        self.centres = torch.zeros(components, dimensions) if centres is None else centres
        self.count = torch.zeros(components, dtype=torch.float64)
        self.sum = torch.zeros(components, dimensions, dtype=torch.float64)
        shape = (components, dimensions, dimensions) if full else (components, dimensions)
        self.square = torch.zeros(shape, dtype=torch.float64)

    def add(self, x: Tensor, share: Tensor) -> None:
        """Add rows (P, D) with their share in each component (P, K)."""
        self.count += share.sum(dim=0, dtype=torch.float64)
        self.sum += (share.T @ x).double()
        if not self.full:
            self.square += share.double().T @ x.double().square()
            return
        for k, centre in enumerate(self.centres):
            # A pixel all but surely of another component adds nothing a float32 sum would keep.
            rows = share[:, k] > 1e-8
            near, weight = x[rows] - centre, share[rows, k]
            self.square[k] += ((near * weight[:, None]).T @ near).double()

    def mixture(self) -> Mixture:
        """The parameters these sums give."""
        # As in scikit-learn: a component that lost all its pixels keeps finite parameters.
        count = self.count + 10 * torch.finfo(torch.float64).eps
        means = self.sum / count[:, None]
        log_weights = (count / count.sum()).log().float()
        if not self.full:
            variance = (self.square / count[:, None] - means.square()).clamp(min=0)
            factors = (variance + VARIANCE_FLOOR).rsqrt()
            return Mixture(log_weights, means.float(), factors.float())
        shift = means - self.centres
        covariance = self.square / count[:, None, None] - shift[:, :, None] * shift[:, None, :]
        covariance.diagonal(dim1=1, dim2=2).add_(VARIANCE_FLOOR)
        return Mixture(log_weights, means.float(), _precision_factors(covariance).float())


def _precision_factors(covariance: Tensor) -> Tensor:
    """W with W W^T the inverse of each covariance, upper triangular; float64 of shape (K, D, D)."""
    if not covariance.isfinite().all():  # no jitter would ever mend it
        raise ValueError("the spectra are too large for covariances; standardize them")
    lower, failed = torch.linalg.cholesky_ex(covariance)
    jitter = VARIANCE_FLOOR
    while failed.any():  # rounding made a nearly flat component negative: widen it
        jitter *= 10
        covariance = covariance.clone()
        eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype) * jitter
        covariance[failed > 0] = covariance[failed > 0] + eye
        lower, failed = torch.linalg.cholesky_ex(covariance)
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype).expand_as(covariance)
    inverse: Tensor = torch.linalg.solve_triangular(lower, eye, upper=False)
    return inverse.transpose(1, 2)


def _principal_components(x: Tensor, generator: np.random.Generator) -> Tensor:
    """Project onto the leading principal components of a sample, shape (P, D)."""
    sample = _draw(x, SAMPLE, generator).double()
    centre = sample.mean(dim=0)
    centred = sample - centre
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(sample))
    variances, axes = variances.flip(0).clamp(min=0), axes.flip(1)
    share = variances.cumsum(0) / variances.sum().clamp(min=torch.finfo(torch.float64).tiny)
    kept = min(int((share < KEPT_VARIANCE).sum()) + 1, MOST_COMPONENTS, x.shape[1])
    projected: Tensor = (x - centre.float()) @ axes[:, :kept].float()
    return projected


def _draw(x: Tensor, most: int, generator: np.random.Generator) -> Tensor:
    """At most ``most`` rows, in their order."""
    if len(x) <= most:
        return x
    chosen = generator.choice(len(x), size=most, replace=False)
    chosen.sort()
    return x[torch.from_numpy(chosen)]


def _nearest(x: Tensor, centres: Tensor) -> Tensor:
    """Nearest centre of each row; shape (P,), int64."""
    half = centres.square().sum(dim=1) / 2
    return torch.cat([(half - b @ centres.T).argmin(dim=1) for b in x.split(PIXELS_AT_ONCE)])
