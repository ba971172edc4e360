"""The Reed-Xiaoli anomaly detector against the surroundings of each pixel.

Reed and Yu 1990, as ``reed_xiaoli``, with two windows around each pixel: the inner one keeps a
target out of its own background (Kwon, Der and Nasrabadi, "Adaptive anomaly detection using
subspace separation for hyperspectral imagery", Optical Engineering 42(11), 2003).

Letters: H rows, W columns, w columns of a tile, P pixels, K components, M moments: 1, the K
components and the K (K + 1) / 2 products of two.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.baselines.answer import Answer, stretched
from dmssn.baselines.whitening import spread, whitened, whitening
from dmssn.config import SettingError
from dmssn.cube import Cube

TILE_BYTES = 4 * 2**20
"""Columns are worked on in tiles, each with the columns that its windows reach beyond it, so that
their moments in one row are about so many bytes, or those of two windows' widths if that is more:
3 MB for the default windows and 60 components, 33 MB for 200. About eight such arrays are held."""
RIDGE = 1e-6
"""Added to every window's covariance, as a part of the component's variance over the scene."""


def local_rx(cube: Cube, *, inner: int = 51, outer: int = 101, components: int = 10) -> Answer:
    """Mahalanobis distance of each spectrum to the mean of a frame around its pixel.

    We chose: near the sides of the picture both windows are shifted to lie within it, as Spectral
    Python does (0.25; its documentation says that the inner one is cut); in a picture smaller than
    the outer window both shrink in proportion. A window has too few pixels for a covariance of many
    bands, so all is done among the scene's leading principal components (of the bands brought to
    variance 1). To each window's covariance ``RIDGE`` of the component's variance over the scene is
    added, so none is singular. A pixel with no more valid pixels around it than components gets 0.

    Args:
        cube: Of any bands.
        inner: Side of the window left out, odd, in pixels; larger than what is looked for.
        outer: Side of the window, odd, in pixels, larger than ``inner``.
        components: Principal components at most.

    Raises:
        SettingError: The windows are even or not one within the other, or a number is below 1.
    """
    check_windows(inner=inner, outer=outer, components=components)
    valid = cube.valid()
    inner, outer, shrunk = fitted(inner, outer, min(valid.shape))
    scene = spread(cube, valid)
    white = whitening(scene.mean, scene.covariance, components)
    scores, few = _scores(whitened(cube, valid, white), valid, inner, outer)
    notes = shrunk
    if few and white.directions:
        notes += (
            f"pixels with no more than {white.directions} valid pixels in their window got 0, for "
            f"these are too few for a covariance: {few} of {scene.pixels}",
        )
    return Answer(stretched(scores, valid, scale=float(scores.max())), notes)


def check_windows(*, inner: int, outer: int, components: int) -> None:
    """Refuse settings of ``local_rx`` that cannot be.

    Raises:
        SettingError: As there.
    """
    for name, side in (("inner", inner), ("outer", outer)):
        if side < 1 or side % 2 == 0:
            raise SettingError(f"local-rx: {name} must be odd and at least 1, got {side}")
    if outer <= inner:
        raise SettingError(
            f"local-rx: outer must be larger than inner, got inner={inner} and outer={outer}"
        )
    if components < 1:
        raise SettingError(f"local-rx: components must be at least 1, got {components}")


def fitted(inner: int, outer: int, side: int) -> tuple[int, int, tuple[str, ...]]:
    """Windows that fit into a picture, and a note if they are smaller than those asked for.

    Args:
        inner: Odd, in pixels.
        outer: Odd, in pixels.
        side: The picture's shorter side, in pixels.

    Example:
        >>> fitted(5, 15, 36)[:2], fitted(51, 101, 36)[:2], fitted(51, 101, 2)[:2]
        ((5, 15), (17, 35), (1, 1))
    """
    most = side - 1 + side % 2
    if outer <= most:
        return inner, outer, ()
    less = max(1, int(inner * most / outer + 1) // 2 * 2 - 1)
    note = (
        f"windows of {inner} and {outer} pixels do not fit into a picture of {side}: "
        f"{less} and {most} were taken"
    )
    return less, most, (note,)


class _Windows(NamedTuple):
    """Where the window of each row, or column, begins, and one past where it ends; both (n,)."""

    start: NDArray[np.intp]
    stop: NDArray[np.intp]

    def of(self, some: slice, origin: int) -> "_Windows":
        """Those of some rows, or columns, counted from an origin."""
        return _Windows(self.start[some] - origin, self.stop[some] - origin)


def _shifted(size: int, side: int) -> _Windows:
    """Windows around each of so many rows, or columns, moved to lie within them."""
    start = np.clip(np.arange(size) - side // 2, 0, size - side)
    return _Windows(start, start + side)


def _scores(
    data: NDArray[np.float64], valid: NDArray[np.bool_], inner: int, outer: int
) -> tuple[NDArray[np.float64], int]:
    """Distances (H, W), 0 where there is none, and how many pixels have too few around."""
    _, width, components = data.shape
    scores, few = np.zeros(valid.shape), 0
    if components == 0:
        return scores, few
    down, across = ([_shifted(size, side) for side in (outer, inner)] for size in valid.shape)
    moments = 1 + components + components * (components + 1) // 2
    step = max(outer, TILE_BYTES // (8 * moments) - outer)
    for left in range(0, width, step):
        tile = slice(left, min(left + step, width))
        reach = slice(across[0].start[tile][0], across[0].stop[tile][-1])
        around, within = (
            _box_sums(data[:, reach], valid[:, reach], rows, columns.of(tile, reach.start))
            for rows, columns in zip(down, across, strict=True)
        )
        for row, sums in enumerate(map(np.subtract, around, within)):
            scores[row, tile], lacking = _distances(data[row, tile], sums)
            few += int((lacking & valid[row, tile]).sum())
    scores[~valid] = 0
    return scores, few


def _box_sums(
    data: NDArray[np.float64], valid: NDArray[np.bool_], down: _Windows, across: _Windows
) -> Iterator[NDArray[np.float64]]:
    """Moments summed over the windows around the pixels of each row, shape (w, M), row by row.

    The sums of columns are kept from row to row: a row enters, another leaves.
    """
    columns = np.zeros_like(_moments(data[0], valid[0]))
    start = stop = 0
    for first, last in zip(down.start, down.stop, strict=True):
        for row in range(stop, last):
            columns += _moments(data[row], valid[row])
        for row in range(start, first):
            columns -= _moments(data[row], valid[row])
        start, stop = first, last
        along = np.zeros((len(columns) + 1, columns.shape[1]))
        np.cumsum(columns, axis=0, out=along[1:])
        yield along[across.stop] - along[across.start]


def _moments(data: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1, components and products of some pixels (P, K), 0 where one is invalid; shape (P, M)."""
    one, two = np.triu_indices(data.shape[1])
    return np.concatenate([valid[:, None], data, data[:, one] * data[:, two]], axis=1)


def _distances(
    data: NDArray[np.float64], sums: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mahalanobis distances (P,), and where the sums are of too few pixels for one."""
    components = data.shape[1]
    count = sums[:, :1]
    lacking = count[:, 0] <= components
    count = np.maximum(count, 2)
    mean = sums[:, 1 : components + 1] / count
    one, two = np.triu_indices(components)
    products = sums[:, components + 1 :] - count * mean[:, one] * mean[:, two]
    covariance = np.empty((*data.shape, components))
    covariance[:, one, two] = covariance[:, two, one] = products / (count - 1)
    diagonal = np.arange(components)
    covariance[:, diagonal, diagonal] += RIDGE
    apart = data - mean
    solved = np.linalg.solve(covariance, apart[:, :, None])[:, :, 0]
    squared = np.einsum("pk,pk->p", apart, solved)
    return np.where(lacking, 0, np.sqrt(np.maximum(squared, 0))), lacking
