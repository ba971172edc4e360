"""The Gaussian mixture of ``mixture`` in numpy, for where there is no torch; and their constants.

The same steps and the same draws from the seed: what differs is rounding, by which a pixel between
two components may fall to the other one.

Letters: P pixels, D dimensions (principal components), Q of them the leading ones, K components.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from dmssn.config import MixtureConfig
from dmssn.kmeans_numpy import Float32, blocks, draw, kmeans, nearest

VARIANCE_FLOOR = 1e-6
"""Added to every variance, in standardized units; scikit-learn's default."""
LEAST_VARIANCE = 1e-10
"""Principal components of less ``fast`` leaves out: beside the floor nothing shows of them."""
FULL = 40
"""Leading principal components with full covariances in ``fast``, for ``SAMPLE`` pixels; the cost
grows with their square, and fewer pixels afford as many more."""
SAMPLE = 65536
"""Pixels the start and ``fast`` are fitted on at most."""
AXES_SAMPLE = 16384
"""Pixels the principal components are those of."""
NUMBERS_AT_ONCE = 2**21
"""Whitened numbers in one matrix product: about what the processor's own memory holds."""
PIXELS_IN_PRODUCT = 2048
COLUMNS_AT_ONCE = 16
"""Columns of a whitening in one product; whole ones would multiply its empty triangle."""
SURE = 1e-8
"""A pixel of a smaller share in a component adds nothing to it that a float32 sum would keep."""
Float64 = NDArray[np.float64]


class Mixture(NamedTuple):
    """As ``mixture.Mixture``."""

    log_weights: Float32
    means: Float32
    factors: Float32
    precisions: Float32


def components(pixels: Float32, config: MixtureConfig) -> NDArray[np.int32]:
    """The most likely component of each pixel: as ``mixture.components``."""
    generator = np.random.default_rng(config.seed)
    data = np.ascontiguousarray(pixels)
    sample = draw(data, SAMPLE, generator)
    exact = config.mode == "exact"
    axes = _principal_axes(draw(sample, AXES_SAMPLE, generator), 0.0 if exact else LEAST_VARIANCE)
    sample = axes.project(sample)
    centres = kmeans(np.ascontiguousarray(sample[:, :FULL]), config.components, generator)
    full = sample.shape[1] if exact else affordable(*sample.shape)
    training = axes.project(data) if exact and len(sample) < len(data) else sample
    mixture = fit(training, nearest(training[:, :FULL], centres), config.iterations, full=full)
    labels = [log_joint(axes.project(block), mixture).argmax(axis=1) for block in blocks(data)]
    return np.concatenate(labels).astype(np.int32)


def affordable(pixels: int, dimensions: int) -> int:
    """Leading dimensions with full covariances in ``fast``: more where there are fewer pixels."""
    return min(dimensions, int(FULL * math.sqrt(SAMPLE / pixels)))


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused in the end
def fit(x: Float32, start: NDArray[np.intp], iterations: int, *, full: int) -> Mixture:
    """Fit a mixture by EM: as ``mixture.fit``."""
    number = int(start.max()) + 1
    step = _Sums(np.zeros((number, x.shape[1]), dtype=np.float32), full)
    each = np.eye(number, dtype=np.float32)
    for block, labels in zip(blocks(x), blocks(start), strict=True):
        step.add(block, each[labels])
    mixture = step.mixture()
    for _ in range(iterations):
        step = _Sums(mixture.means, full)
        for block in blocks(x):
            step.add(block, _shares(log_joint(block, mixture)))
        mixture = step.mixture()
    return mixture


def _shares(logs: Float32) -> Float32:
    """Of each component in each row, by its logarithm of weight times density; shape (P, K)."""
    shares: Float32 = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def log_joint(x: Float32, mixture: Mixture) -> Float32:
    """Log of weight times density, of each row in each component; shape (P, K)."""
    full = mixture.factors.shape[1]
    means, rest = mixture.means[:, full:], mixture.precisions
    # The square of the distance in the diagonal dimensions, expanded: one matrix product.
    expanded = np.concatenate([rest, -2 * means * rest], axis=1)
    offset = (np.square(means) * rest).sum(axis=1)
    constant = (
        mixture.log_weights
        + np.log(mixture.factors.diagonal(axis1=1, axis2=2)).sum(axis=1)
        + (np.log(rest).sum(axis=1) - offset - x.shape[1] * math.log(2 * math.pi)) / 2
    ).astype(np.float32)
    result = np.empty((len(mixture.means), len(x)), dtype=np.float32)
    for first in range(0, len(x), PIXELS_IN_PRODUCT):
        part = slice(first, first + PIXELS_IN_PRODUCT)
        distance = _whitened_squares(x[part, :full], mixture)
        if full < x.shape[1]:
            others = x[part, full:]
            distance += expanded @ np.concatenate([np.square(others), others], axis=1).T
        np.subtract(constant[:, None], distance * np.float32(0.5), out=result[:, part])
    return result.T


def _whitened_squares(x: Float32, mixture: Mixture) -> Float32:
    """Squared length of each whitened row (P, Q) in each component, shape (K, P)."""
    count, full, _ = mixture.factors.shape
    shift = (mixture.means[:, None, :full] @ mixture.factors)[:, 0]
    out = np.zeros((count, len(x)), dtype=np.float32)
    at_once = max(1, NUMBERS_AT_ONCE // max(1, len(x) * min(full, COLUMNS_AT_ONCE)))
    for first in range(0, full, COLUMNS_AT_ONCE):
        last = min(first + COLUMNS_AT_ONCE, full)
        rows = x[:, :last].T  # below it the columns of an upper triangle are empty
        for k in range(0, count, at_once):
            chosen = slice(k, k + at_once)
            factor = mixture.factors[chosen, :last, first:last].transpose(0, 2, 1)
            white = factor.reshape(-1, last) @ rows
            white -= shift[chosen, first:last].reshape(-1, 1)
            np.square(white, out=white)
            out[chosen] += white.reshape(-1, last - first, len(x)).sum(axis=1)
    return out


class _Sums:
    """Weighted counts, sums and squares of the M step, collected block by block.

    Squares are taken about a centre (K, D) near each component's mean, so that the mean's square
    does not swamp a small variance.
    """

    def __init__(self, centres: Float32, full: int) -> None:
        number, dimensions = centres.shape
        self.full, self.centres = full, centres
        self.count = np.zeros(number)
        self.sum = np.zeros((number, dimensions))
        self.square = np.zeros((number, full, full))
        self.rest = np.zeros((number, dimensions - full))

    def add(self, x: Float32, share: Float32) -> None:
        """Add rows (P, D) with their share in each component (P, K)."""
        self.count += share.sum(axis=0, dtype=np.float64)
        self.sum += share.T @ x
        if self.full < x.shape[1]:
            self.rest += share.T @ np.square(x[:, self.full :])
        lead = np.ascontiguousarray(x[:, : self.full])
        for k, centre in enumerate(self.centres[:, : self.full] if self.full else ()):
            rows = np.flatnonzero(share[:, k] > SURE)
            near, weight = lead[rows] - centre, share[rows, k]
            self.square[k] += (near * weight[:, None]).T @ near

    def mixture(self) -> Mixture:
        """The parameters these sums give."""
        # As in scikit-learn: a component that lost all its pixels keeps finite parameters.
        count = self.count + 10 * np.finfo(np.float64).eps
        means = self.sum / count[:, None]
        log_weights = np.log(count / count.sum())
        lead, others = means[:, : self.full], means[:, self.full :]
        variance = np.maximum(self.rest / count[:, None] - np.square(others), 0) + VARIANCE_FLOOR
        shift = lead - self.centres[:, : self.full]
        covariance = self.square / count[:, None, None] - shift[:, :, None] * shift[:, None, :]
        covariance += VARIANCE_FLOOR * np.eye(self.full)
        if not np.isfinite(covariance).all():  # no jitter would ever mend it
            raise ValueError("the spectra are too large for covariances; standardize them")
        factors = np.empty(covariance.shape, dtype=np.float32)
        for k, one in enumerate(covariance):
            factors[k] = _precision_factor(one)
        return Mixture(
            log_weights.astype(np.float32),
            means.astype(np.float32),
            factors,
            (1 / variance).astype(np.float32),
        )


def _precision_factor(covariance: Float64) -> Float64:
    """W with W W^T the inverse of a covariance, upper triangular; shape (Q, Q)."""
    own, jitter = np.eye(len(covariance)), VARIANCE_FLOOR
    while True:
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:  # rounding made a nearly flat component negative: widen it
            jitter *= 10
            covariance = covariance + jitter * own
        else:
            inverse: Float64 = solve_triangular(lower, own, lower=True)
            return inverse.T


class _Axes(NamedTuple):
    """Principal components of a scene."""

    centre: Float32
    """Shape (B,)."""
    axes: Float32
    """Shape (B, D), the most important first."""

    def project(self, x: Float32) -> Float32:
        """Coordinates (P, D) of spectra (P, B)."""
        projected: Float32 = x @ self.axes
        projected -= self.centre @ self.axes
        return projected


def _principal_axes(sample: Float32, least: float) -> _Axes:
    """All axes along which a sample (P, B) has at least some variance, and at least one."""
    centre = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = (sample - centre).astype(np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(sample))
    kept = max(1, int((np.maximum(variances, 0) >= least).sum()))
    return _Axes(centre, np.ascontiguousarray(axes[:, ::-1][:, :kept], dtype=np.float32))
