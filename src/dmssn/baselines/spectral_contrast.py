"""Centre-surround contrast of spectra, by distance, by angle and by groups of bands.

Liang, Zhou, Bai and Qian, "Salient object detection in hyperspectral imagery", ICIP 2013. What the
detectors here share, and what we chose there, is in ``centre_surround``. Where two maps are
combined, each is normalized once more by Itti's operator N, and they are added (Itti et al. 1998).

Letters: H rows, W columns, B bands.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.baselines.answer import Answer
from dmssn.baselines.centre_surround import (
    FINEST,
    LAST,
    absolute_difference,
    conspicuity,
    saliency,
)
from dmssn.baselines.chromaticity import chromaticity
from dmssn.baselines.pyramid import Level, pyramid
from dmssn.cube import Cube
from dmssn.resample import axis_weights, resample_bands

GROUPS = 4


def sed(cube: Cube) -> Answer:
    """Spectral Euclidean distance of centre and surround, over all bands.

    Finds what differs in brightness or in the shape of its spectrum.
    """
    valid = cube.valid()
    levels = _spectral_levels(cube, valid)
    return saliency([_by_distance(levels)], levels, valid)


def sad(cube: Cube) -> Answer:
    """Spectral angle distance of centre and surround.

    Finds what differs in the shape of its spectrum, however bright. A spectrum of zeros has no
    direction: we chose angle 0 to any other.
    """
    valid = cube.valid()
    levels = _spectral_levels(cube, valid)
    return saliency([_by_angle(levels)], levels, valid)


def sg(cube: Cube) -> Answer:
    """Opponency of spectral groups: the bands in four groups, as Itti's red, yellow, green, blue.

    We chose: four groups of equal width, a band on a border belonging to both by its parts, and
    fewer than four bands interpolated; each group's mean freed of brightness as Itti et al. free
    colours (``chromaticity``); the differences of groups 1 and 3 and
    of groups 2 and 4, as their red-green and blue-yellow, compared between centre and surround.
    """
    valid = cube.valid()
    levels = _opponent_levels(cube, valid)
    return _with_group_note(saliency([_by_groups(levels)], levels, valid), cube)


def sed_sad(cube: Cube) -> Answer:
    """The maps of ``sed`` and ``sad``, combined."""
    valid = cube.valid()
    levels = _spectral_levels(cube, valid)
    return saliency([_by_distance(levels), _by_angle(levels)], levels, valid)


def sed_sg(cube: Cube) -> Answer:
    """The maps of ``sed`` and ``sg``, combined."""
    valid = cube.valid()
    levels = _spectral_levels(cube, valid)
    parts = [_by_distance(levels), _by_groups(_opponent_levels(cube, valid))]
    return _with_group_note(saliency(parts, levels, valid), cube)


def _spectral_levels(cube: Cube, valid: NDArray[np.bool_]) -> dict[int, Level]:
    """A cube's pyramid, in units in which its largest number is from 0.5 to 1.

    Squares of float32 numbers above 1e19 overflow, and those below 1e-23 vanish. The units are a
    power of two, which rounds nothing; the levels are divided where they lie.
    """
    levels = pyramid(cube.data, valid, LAST)
    ends = [end for level in levels.values() for end in (level.data.max(), -level.data.min())]
    _, exponent = np.frexp(max(ends, default=np.float32(0)))
    for level in levels.values():
        np.ldexp(level.data, -exponent, out=level.data)
    return levels


def _by_distance(levels: dict[int, Level]) -> NDArray[np.float32]:
    """Conspicuity of Euclidean distances, in units of the longest spectrum."""
    longest = float(_lengths(levels[FINEST].data).max()) if FINEST in levels else 0.0
    return conspicuity(levels, _distance, scale=longest)


def _by_angle(levels: dict[int, Level]) -> NDArray[np.float32]:
    """Conspicuity of spectral angles, in radians."""
    return conspicuity(levels, _angle, scale=1)


def _by_groups(levels: dict[int, Level]) -> NDArray[np.float32]:
    """Conspicuity of the two opponencies, which lie in [-1, 1] for spectra without negatives."""
    return conspicuity(levels, absolute_difference, scale=1)


def _distance(centre: NDArray[np.float32], surround: NDArray[np.float32]) -> NDArray[np.float32]:
    return _lengths(centre - surround)


def _angle(centre: NDArray[np.float32], surround: NDArray[np.float32]) -> NDArray[np.float32]:
    """Angle in [0, pi], from the sides of half of it: exact near 0, where arccos is not."""
    lengths = _lengths(centre), _lengths(surround)
    u, v = (
        np.divide(data, length, out=np.zeros_like(data), where=length > 0)
        for data, length in zip((centre, surround), lengths, strict=True)
    )
    angle = 2 * np.arctan2(_lengths(u - v), _lengths(u + v))
    return np.where((lengths[0] > 0) & (lengths[1] > 0), angle, np.float32(0))


def _lengths(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean norms over bands, shape (H, W, 1)."""
    return np.asarray(np.sqrt(np.einsum("hwb,hwb->hw", data, data))[:, :, None])


def _opponent_levels(cube: Cube, valid: NDArray[np.bool_]) -> dict[int, Level]:
    return pyramid(group_opponency(cube, valid), valid, LAST)


def group_opponency(cube: Cube, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What groups 1 and 3, and 2 and 4, of a cube's bands differ by, as parts of all four.

    Args:
        cube: Of B bands.
        valid: Its valid pixels, shape (H, W).

    Returns:
        Shape (H, W, 2); 0 where a pixel is dark or invalid.
    """
    groups = chromaticity(resample_bands(cube.data, axis_weights(cube.bands, GROUPS)), valid)
    return groups[:, :, :2] - groups[:, :, 2:]


def _with_group_note(answer: Answer, cube: Cube) -> Answer:
    if cube.bands > 1:
        return answer
    note = "a single band cannot be divided into groups that differ, so the map of groups is 0"
    return answer._replace(notes=(*answer.notes, note))
