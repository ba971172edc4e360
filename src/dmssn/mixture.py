"""Gaussian mixture over the spectra of a scene, fitted by EM in torch.

Covariances are full among the leading dimensions and diagonal in the others. On the scene's
principal components, which ``components`` works in, that takes two modes. ``exact``, as published:
full in all of them (turning the axes changes nothing). ``fast``: full in the leading 40 (of small
scenes, more), where all but noise lies, diagonal in the rest, none of which is thrown away; fitted
on a sample; one pass gives every pixel its component.

Letters: P pixels, D dimensions (principal components), Q of them the leading ones, K components.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmssn.config import MixtureConfig
from dmssn.kmeans import draw, kmeans, nearest
from dmssn.kmeans_numpy import PIXELS_AT_ONCE
from dmssn.mixture_numpy import (
    AXES_SAMPLE,
    COLUMNS_AT_ONCE,
    FULL,
    LEAST_VARIANCE,
    NUMBERS_AT_ONCE,
    PIXELS_IN_PRODUCT,
    SAMPLE,
    SURE,
    VARIANCE_FLOOR,
    affordable,
)


class Mixture(NamedTuple):
    """Parameters of a Gaussian mixture.

    Attributes:
        log_weights: Logarithm of each component's share, shape (K,).
        means: Shape (K, D).
        factors: Whitening of the leading dimensions: W of shape (K, Q, Q), upper triangular,
            with W W^T the precision.
        precisions: 1 / variance of the other dimensions, shape (K, D - Q).
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor
    precisions: Tensor


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
    data = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
    return fitted(draw(data, SAMPLE, generator), config, generator, data).components(data)


class Fitted(NamedTuple):
    """A mixture, and the principal components it is fitted in."""

    axes: "_Axes"
    mixture: Mixture

    def components(self, pixels: Tensor) -> NDArray[np.int32]:
        """The most likely component of each spectrum (P, B); shape (P,)."""
        blocks = pixels.split(PIXELS_AT_ONCE)
        labels = [assign(self.axes.project(block), self.mixture) for block in blocks]
        return torch.cat(labels).to(torch.int32).numpy()


def fitted(
    sample: Tensor,
    config: MixtureConfig,
    generator: np.random.Generator,
    data: Tensor | None = None,
) -> Fitted:
    """Fit a mixture, as ``components`` does.

    Args:
        sample: At most ``SAMPLE`` of the scene's spectra, drawn by ``generator``.
        config: As ``components`` takes it.
        generator: Draws on.
        data: All spectra, which ``exact`` is fitted on; the sample when left out.
    """
    exact = config.mode == "exact"
    axes = _principal_axes(draw(sample, AXES_SAMPLE, generator), 0.0 if exact else LEAST_VARIANCE)
    sample = axes.project(sample)
    # For either mode where all but noise lies, so that both start alike.
    centres = kmeans(sample[:, :FULL].contiguous(), config.components, generator)
    full = sample.shape[1] if exact else affordable(*sample.shape)
    training = sample
    if exact and data is not None and len(sample) < len(data):
        training = axes.project(data)
    start = nearest(training[:, :FULL], centres)
    return Fitted(axes, fit(training, start, config.iterations, full=full))


def fit(x: Tensor, start: Tensor, iterations: int, *, full: int) -> Mixture:
    """Fit a mixture by EM.

    Args:
        x: Spectra, float32 of shape (P, D).
        start: Component each starts in, shape (P,), int64.
        iterations: EM steps.
        full: Leading dimensions with full covariances, 0 to D; the others' are diagonal.

    Raises:
        ValueError: The spectra are too large for covariances.
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
            # Along the other axis of the same numbers: a row a component, as they lie.
            step.add(block, log_joint(block, mixture).T.softmax(dim=0).T)
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
    full = mixture.factors.shape[1]
    means, rest = mixture.means[:, full:], mixture.precisions
    # The square of the distance in the diagonal dimensions, expanded: one matrix product. They
    # are the trailing principal components, whose values are small: little cancels.
    expanded = torch.cat([rest, -2 * means * rest], dim=1)
    offset = (means.square() * rest).sum(dim=1)
    constant = (
        mixture.log_weights
        + mixture.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        + (rest.log().sum(dim=1) - offset - x.shape[1] * math.log(2 * math.pi)) / 2
    )
    result = torch.empty(len(mixture.means), len(x))  # a row a component: whole lines are added
    for first in range(0, len(x), PIXELS_IN_PRODUCT):
        part = slice(first, first + PIXELS_IN_PRODUCT)
        distance = result[:, part]
        _whitened_squares(x[part, :full], mixture, distance)
        if full < x.shape[1]:
            others = x[part, full:]
            distance.addmm_(expanded, torch.cat([others.square(), others], dim=1).T)
        torch.sub(constant[:, None], distance, alpha=0.5, out=distance)
    return result.T


def _whitened_squares(x: Tensor, mixture: Mixture, out: Tensor) -> None:
    """Squared length of each whitened row (P, Q) in each component, into (K, P)."""
    count, full, _ = mixture.factors.shape
    shift = torch.bmm(mixture.means[:, None, :full], mixture.factors).squeeze(1)
    out.zero_()
    at_once = max(1, NUMBERS_AT_ONCE // max(1, len(x) * min(full, COLUMNS_AT_ONCE)))
    for first in range(0, full, COLUMNS_AT_ONCE):
        last = min(first + COLUMNS_AT_ONCE, full)
        rows = x[:, :last].T  # below it the columns of an upper triangle are empty
        for k in range(0, count, at_once):
            chosen = slice(k, k + at_once)
            factor = mixture.factors[chosen, :last, first:last].transpose(1, 2).flatten(0, 1)
            white = torch.addmm(-shift[chosen, first:last].flatten()[:, None], factor, rows)
            out[chosen] += white.square_().view(-1, last - first, len(x)).sum(dim=1)


class _Sums:
    """Weighted counts, sums and squares of the M step, collected block by block.

    Squares are taken about a centre near each component's mean, so that the mean's square does
    not swamp a small variance.
    """

    def __init__(
        self, components: int, dimensions: int, full: int, centres: Tensor | None = None
    ) -> None:
        self.full = full
        self.centres = torch.zeros(components, dimensions) if centres is None else centres
        self.count = torch.zeros(components, dtype=torch.float64)
        self.sum = torch.zeros(components, dimensions, dtype=torch.float64)
        self.square = torch.zeros(components, full, full, dtype=torch.float64)
        self.rest = torch.zeros(components, dimensions - full, dtype=torch.float64)

    def add(self, x: Tensor, share: Tensor) -> None:
        """Add rows (P, D) with their share in each component (P, K)."""
        self.count += share.sum(dim=0, dtype=torch.float64)
        self.sum += (share.T @ x).double()
        if self.full < x.shape[1]:
            self.rest += (share.T @ x[:, self.full :].square()).double()
        lead = x[:, : self.full].contiguous()
        for k, centre in enumerate(self.centres[:, : self.full] if self.full else ()):
            rows = (share[:, k] > SURE).nonzero().squeeze(1)
            near, weight = lead[rows] - centre, share[rows, k]
            self.square[k] += ((near * weight[:, None]).T @ near).double()

    def mixture(self) -> Mixture:
        """The parameters these sums give."""
        # As in scikit-learn: a component that lost all its pixels keeps finite parameters.
        count = self.count + 10 * torch.finfo(torch.float64).eps
        means = self.sum / count[:, None]
        log_weights = (count / count.sum()).log().float()
        lead, others = means[:, : self.full], means[:, self.full :]
        variance = (self.rest / count[:, None] - others.square()).clamp(min=0) + VARIANCE_FLOOR
        shift = lead - self.centres[:, : self.full]
        covariance = self.square / count[:, None, None] - shift[:, :, None] * shift[:, None, :]
        covariance.diagonal(dim1=1, dim2=2).add_(VARIANCE_FLOOR)
        factors = _precision_factors(covariance).float()
        return Mixture(log_weights, means.float(), factors, (1 / variance).float())


def _precision_factors(covariance: Tensor) -> Tensor:
    """W with W W^T the inverse of each covariance, upper triangular; float64 of shape (K, Q, Q)."""
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


class _Axes(NamedTuple):
    """Principal components of a scene."""

    centre: Tensor
    """Shape (B,)."""
    axes: Tensor
    """Shape (B, D), the most important first."""

    def project(self, x: Tensor) -> Tensor:
        """Coordinates (P, D) of spectra (P, B)."""
        return torch.addmm(-(self.centre @ self.axes), x, self.axes)


def _principal_axes(sample: Tensor, least: float) -> _Axes:
    """All axes along which a sample (P, B) has at least some variance, and at least one."""
    centre = sample.mean(dim=0, dtype=torch.float64)
    centred = (sample - centre.float()).double()
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(sample))
    kept = max(1, int((variances.clamp(min=0) >= least).sum()))
    return _Axes(centre.float(), axes.flip(1)[:, :kept].float().contiguous())
