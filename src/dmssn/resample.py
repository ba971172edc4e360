"""Resampling along an axis, as weights: pictures to another size, spectra to other bands.

Letters: H rows, W columns, h rows of a block, B bands; n samples in, m samples out.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

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
        return eye_array(size_in, dtype=np.float32, format="csr")
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
    height, width, bands = data.shape
    result = np.empty((height, width, weights.shape[0]), dtype=np.float32)
    dense = weights.toarray().astype(np.float32).T
    # In blocks, so that a memory-mapped cube is never held as a whole beside the result.
    with np.errstate(invalid="ignore", over="ignore"):  # numbers that are not finite stay so
        for first in range(0, height, ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            out = result[rows].reshape(-1, weights.shape[0])
            np.matmul(data[rows].reshape(-1, bands), dense, out=out)
    return result


def resize(data: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize a picture or cube of shape (H, W, ...) to (height, width, ...), as ``Resizer`` does.

    At the size it has it is returned as it is.
    """
    if data.shape[:2] == (height, width):
        return data
    flat = data.reshape(*data.shape[:2], -1)
    resizer = Resizer((flat.shape[0], flat.shape[1], flat.shape[2]), height, width)
    resizer.add(flat)
    return resizer.result().reshape(height, width, *data.shape[2:])


class Resizer:
    """Resizes a picture or cube whose rows come block by block, none of which it keeps.

    Area-true where an axis shrinks, linear where it grows, so it is antialiased both ways. An
    invalid pixel (NaN or infinite in any band) lends no weight; an output pixel less than half
    of whose weight is valid is NaN.

    Args:
        shape: (H, W, B) of all that will come.
        height: Rows wanted.
        width: Columns wanted.

    Attributes:
        valid: Which of the pixels that came are valid, shape (H, W).
    """

    def __init__(self, shape: tuple[int, int, int], height: int, width: int) -> None:
        """Nothing has come yet."""
        self.valid = np.zeros(shape[:2], dtype=np.bool_)
        self._as_it_is = shape[:2] == (height, width)
        self._rows = axis_weights(shape[0], height)
        self._columns = axis_weights(shape[1], width)
        self._starts = self._rows.indices[self._rows.indptr[:-1]]
        self._stops = self._rows.indices[self._rows.indptr[1:] - 1] + 1
        self._result = np.zeros((height, width, shape[2]), dtype=np.float32)
        self._came = 0

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next rows, shape (h, W, B)."""
        top, bottom = self._came, self._came + len(block)
        self._came = bottom
        valid = _valid_pixels(block)
        self.valid[top:bottom] = valid
        if self._as_it_is:  # nothing to weigh
            self._result[top:bottom] = block
            return
        if not valid.all():
            block = np.where(valid[:, :, None], block, np.float32(0))
        flat = block.reshape(len(block), -1)
        line = np.empty(flat.shape[1], dtype=np.float32)
        # Rows first: a weighted sum of whole rows runs through memory once, in its order.
        for row in range(
            int(np.searchsorted(self._stops, top, side="right")),
            int(np.searchsorted(self._starts, bottom, side="left")),
        ):
            first, last = max(int(self._starts[row]), top), min(int(self._stops[row]), bottom)
            begin = self._rows.indptr[row] - self._starts[row]
            weights = self._rows.data[begin + first : begin + last]
            np.dot(weights, flat[first - top : last - top], out=line)
            # Columns are linear too: what a row of the result gets from this block is added to
            # what it got from the block before.
            self._result[row] += self._columns @ line.reshape(-1, block.shape[2])

    def result(self) -> NDArray[np.float32]:
        """All that came, resized: shape (height, width, B)."""
        if self._as_it_is:
            self._result[~self.valid] = np.nan
        elif not self.valid.all():
            weight = self._columns @ (self._rows @ self.valid.astype(np.float32)).T
            self._result /= np.where(weight.T >= 0.5, weight.T, np.float32(np.nan))[:, :, None]
        return self._result


def _valid_pixels(block: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where spectra of shape (h, W, B) are finite in every band, shape (h, W)."""
    # A sum is finite only if every term is, and as a product it takes one fast pass; large finite
    # numbers may overflow it, so what it condemns is looked at again.
    with np.errstate(invalid="ignore", over="ignore"):
        total = block.reshape(-1, block.shape[2]) @ np.ones(block.shape[2], dtype=np.float32)
    valid: NDArray[np.bool_] = np.isfinite(total).reshape(block.shape[:2])
    if not valid.all():
        valid[~valid] = np.isfinite(block[~valid]).all(axis=1)
    return valid
