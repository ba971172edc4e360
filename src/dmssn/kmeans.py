"""k-means: centres that lie apart, moved to the means of what is nearest to them.

Letters: P pixels, D dimensions, K centres.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmssn.kmeans_numpy import LLOYD_STEPS, PIXELS_AT_ONCE, START_SAMPLE


def kmeans(x: Tensor, components: int, generator: np.random.Generator) -> Tensor:
    """k-means++ centres chosen from a sample, and a few Lloyd steps on all rows.

    Args:
        x: Shape (P, D).
        components: Centres at most; fewer when there are fewer distinct rows.
        generator: Draws the sample and the centres.

    Returns:
        Centres, shape (K, D).
    """
    sample = draw(x, START_SAMPLE, generator)
    distinct = min(components, len(torch.unique(sample, dim=0)))
    centres = sample[spread_out(sample, distinct, generator)]
    for _ in range(LLOYD_STEPS):
        labels = nearest(x, centres)
        counts = torch.bincount(labels, minlength=distinct).to(x.dtype)
        sums = torch.zeros_like(centres).index_add_(0, labels, x)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return centres


def spread_out(x: Tensor, count: int, generator: np.random.Generator) -> list[int]:
    """Rows of ``x`` (P, D) that lie far apart, by greedy k-means++.

    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007: each next
    row is drawn by its squared distance to the nearest so far; of a few draws the one that lowers
    the sum of these most is taken (their section 5, and scikit-learn's number of draws).
    """

    def squared_distances(rows: list[int]) -> Tensor:
        exact = "donot_use_mm_for_euclid_dist"  # copies of a row are at distance 0
        return torch.cdist(x[rows], x, compute_mode=exact).square()

    chosen = [int(generator.integers(len(x)))]
    gap = squared_distances(chosen)[0]
    for _ in range(1, count):
        sums = gap.double().cumsum(0)
        draws = torch.from_numpy(generator.random(2 + int(math.log(count)))) * sums[-1]
        rows = torch.searchsorted(sums, draws, right=True).clamp(max=len(x) - 1).tolist()
        gaps = torch.minimum(gap, squared_distances(rows))
        best = int(gaps.sum(dim=1).argmin())
        chosen.append(rows[best])
        gap = gaps[best]
    return chosen


def nearest(x: Tensor, centres: Tensor) -> Tensor:
    """Number of the nearest centre (K, D) to each row of ``x`` (P, D); shape (P,), int64."""
    half = centres.square().sum(dim=1) / 2
    return torch.cat([(half - b @ centres.T).argmin(dim=1) for b in x.split(PIXELS_AT_ONCE)])


def draw(x: Tensor, most: int, generator: np.random.Generator) -> Tensor:
    """At most ``most`` rows, in their order."""
    if len(x) <= most:
        return x
    return x[torch.from_numpy(drawn(len(x), most, generator))]


def drawn(count: int, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of the rows that ``draw`` takes of so many, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(generator.choice(count, size=most, replace=False))
