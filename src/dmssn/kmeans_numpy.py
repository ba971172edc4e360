"""``kmeans`` in numpy, for where there is no torch; and the constants of both.

Letters: P pixels, D dimensions, K centres.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

START_SAMPLE = 8192
"""Pixels k-means++ chooses its centres from."""
LLOYD_STEPS = 3
"""k-means steps after the k-means++ centres."""
PIXELS_AT_ONCE = 16384
"""Pixels in one step; bounds memory to this times D."""

Float32 = NDArray[np.float32]


def kmeans(x: Float32, most: int, generator: np.random.Generator) -> Float32:
    """k-means++ centres, at most so many, and a few Lloyd steps: as ``kmeans.kmeans``."""
    sample = draw(x, START_SAMPLE, generator)
    distinct = min(most, len(np.unique(sample, axis=0)))
    centres = sample[spread_out(sample, distinct, generator)]
    for _ in range(LLOYD_STEPS):
        labels = nearest(x, centres)
        counts = np.bincount(labels, minlength=distinct)
        members = csr_array(
            (np.ones(len(x), dtype=np.float32), (labels, np.arange(len(x)))), (distinct, len(x))
        )
        means = (members @ x / np.maximum(counts, 1)[:, None]).astype(np.float32)
        centres = np.where(counts[:, None] > 0, means, centres)
    return centres


def spread_out(x: Float32, count: int, generator: np.random.Generator) -> list[int]:
    """Rows of ``x`` (P, D) that lie far apart: as ``kmeans.spread_out``, which tells how."""

    def squared_distances(rows: list[int]) -> Float32:
        return np.stack([np.square(x - x[row]).sum(axis=1) for row in rows])

    chosen = [int(generator.integers(len(x)))]
    gap = squared_distances(chosen)[0]
    for _ in range(1, count):
        sums = np.cumsum(gap, dtype=np.float64)
        draws = generator.random(2 + int(math.log(count))) * sums[-1]
        rows = np.minimum(np.searchsorted(sums, draws, side="right"), len(x) - 1).tolist()
        gaps = np.minimum(gap, squared_distances(rows))
        best = int(gaps.sum(axis=1).argmin())
        chosen.append(rows[best])
        gap = gaps[best]
    return chosen


def nearest(x: Float32, centres: Float32) -> NDArray[np.intp]:
    """Number of the nearest centre (K, D) to each row of ``x`` (P, D); shape (P,)."""
    half = np.square(centres).sum(axis=1) / 2
    return np.concatenate([(half - block @ centres.T).argmin(axis=1) for block in blocks(x)])


def draw(x: Float32, most: int, generator: np.random.Generator) -> Float32:
    """At most ``most`` rows, in their order."""
    if len(x) <= most:
        return x
    chosen = generator.choice(len(x), size=most, replace=False)
    chosen.sort()
    return x[chosen]


def blocks(x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Rows of one step each."""
    return (x[first : first + PIXELS_AT_ONCE] for first in range(0, len(x), PIXELS_AT_ONCE))
