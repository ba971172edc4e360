"""Resampling along an axis, as weights: pictures to another size, spectra to other bands.

Letters: H rows, W columns, B bands; n samples in, m samples out.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

OVERLAP = 0.8
"""Share of the wanted wavelength range a cube must cover to be resampled by wavelength."""
ROWS_AT_ONCE = 64
"""Rows of a cube in one matrix product."""


def axis_weights(size_in: int, size_out: int) -> csr_array:
    """Weights that bring an axis of n samples to m, float32 of shape (m, n); rows sum to 1.

    Shrinking averages by area: every sample counts by how much of the output cell it covers.
    Enlarging interpolates linearly between sample centres and repeats the ends.
    """
    if size_in == size_out:
        return csr_array(np.eye(size_in, dtype=np.float32))
    return _area_weights(size_in, size_out) if size_out < size_in else _linear(size_in, size_out)


def _area_weights(size_in: int, size_out: int) -> csr_array:
    edges_in, edges_out = np.arange(size_in + 1), np.linspace(0, size_in, size_out + 1)
    # Covered length of [0, x] seen from every cut, so each sample's share is a difference.
    cuts = np.unique(np.concatenate([edges_in, edges_out]))
    middle = (cuts[1:] + cuts[:-1]) / 2
    rows = np.searchsorted(edges_out, middle) - 1
    columns = np.searchsorted(edges_in, middle) - 1
    weights = np.diff(cuts) * size_out / size_in
    return csr_array((weights.astype(np.float32), (rows, columns)), shape=(size_out, size_in))


def _linear(size_in: int, size_out: int) -> csr_array:
    centres = (np.arange(size_out) + 0.5) * size_in / size_out - 0.5
    return _between(np.clip(centres, 0, size_in - 1), size_in)


def _between(positions: NDArray[np.float64], size_in: int) -> csr_array:
    """Linear interpolation at fractional sample positions in [0, n - 1]."""
    left = np.minimum(positions.astype(np.intp), max(size_in - 2, 0))
    share = positions - left
    right = np.minimum(left + 1, size_in - 1)
    rows = np.arange(positions.size)
    return csr_array(
        (
            np.concatenate([1 - share, share]).astype(np.float32),
            (np.concatenate([rows, rows]), np.concatenate([left, right])),
        ),
        shape=(positions.size, size_in),
    )


def wavelength_weights(have_nm: NDArray[np.float64], want_nm: NDArray[np.float64]) -> csr_array:
    """Weights from the bands a cube has to the bands that are wanted, shape (m, n).

    A wanted band is the mean of the cube's bands nearer to it than to its neighbours; where
    there is none, the linear interpolation of the two around it; beyond the ends, the last.

    Args:
        have_nm: Wavelengths of the cube, increasing, shape (n,).
        want_nm: Wavelengths wanted, increasing, shape (m,).
    """
    if want_nm.size == 1:
        nearest = np.zeros((1, have_nm.size), dtype=np.float32)
        nearest[0, np.abs(have_nm - want_nm[0]).argmin()] = 1
        return csr_array(nearest)
    middles = (want_nm[1:] + want_nm[:-1]) / 2
    first, last = 2 * want_nm[0] - middles[0], 2 * want_nm[-1] - middles[-1]
    inside = np.flatnonzero((have_nm >= first) & (have_nm <= last))
    cell = np.searchsorted(middles, have_nm[inside])
    counts = np.bincount(cell, minlength=want_nm.size)
    positions = np.interp(want_nm, have_nm, np.arange(have_nm.size, dtype=np.float64))
    weights = _between(positions, have_nm.size).toarray()
    weights[counts > 0] = 0
    weights[cell, inside] = 1 / counts[cell]
    return csr_array(weights)


def covered(have_nm: NDArray[np.float64], want_nm: NDArray[np.float64]) -> float:
    """Share of the wanted wavelength range that the cube's range covers, in [0, 1]."""
    low, high = max(have_nm[0], want_nm[0]), min(have_nm[-1], want_nm[-1])
    span = float(want_nm[-1] - want_nm[0])
    if span == 0:
        return float(have_nm[0] <= want_nm[0] <= have_nm[-1])
    return max(0.0, float(high - low)) / span


def resample_bands(data: NDArray[np.float32], weights: csr_array) -> NDArray[np.float32]:
    """Apply band weights of shape (m, B) to a cube of shape (H, W, B); returns (H, W, m).

    An invalid pixel stays invalid.
    """
    height, width, _ = data.shape
    result = np.empty((height, width, weights.shape[0]), dtype=np.float32)
    dense = torch.from_numpy(weights.toarray().T.astype(np.float32))
    # In blocks, so that a memory-mapped cube is never held as a whole beside the result; by
    # torch, so that one setting rules the number of threads.
    for first in range(0, height, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        # A copy of flipped views, which torch refuses, and of read-only ones, of which it warns.
        block = torch.from_numpy(np.require(data[rows], requirements=["C", "W"]))
        torch.matmul(block, dense, out=torch.from_numpy(result[rows]))
    return result


def resize(data: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize a picture or cube of shape (H, W, ...) to (height, width, ...).

    Area-true where an axis shrinks, linear where it grows, so it is antialiased both ways. An
    invalid pixel (NaN or infinite in any band) lends no weight; an output pixel less than half
    of whose weight is valid is NaN.
    """
    if data.shape[:2] == (height, width):
        return data
    flat = data.reshape(*data.shape[:2], -1)
    with np.errstate(invalid="ignore"):  # infinities of both signs in one pixel
        total = flat.sum(axis=2, dtype=np.float64)
    valid = np.isfinite(total).astype(np.float32)[:, :, None]
    if valid.all():
        return _apply(flat, height, width).reshape(height, width, *data.shape[2:])
    weight = _apply(valid, height, width)
    result = _apply(np.where(valid > 0, flat, np.float32(0)), height, width)
    result /= np.where(weight >= 0.5, weight, np.float32(np.nan))
    return result.reshape(height, width, *data.shape[2:])


def _apply(data: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    rows, columns = axis_weights(data.shape[0], height), axis_weights(data.shape[1], width)
    bands = data.shape[2]
    result = np.empty((height, width, bands), dtype=np.float32)
    for row in range(height):
        start, stop = rows.indptr[row : row + 2]
        weights = rows.data[start:stop]
        line = np.tensordot(weights, data[rows.indices[start:stop]], axes=1)
        result[row] = columns @ line.reshape(data.shape[1], bands)
    return result
