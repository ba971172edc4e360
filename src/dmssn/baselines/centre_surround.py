"""Centre-surround contrast: differences between levels of a pyramid, and how they are added.

Itti, Koch and Niebur, "A model of saliency-based visual attention for rapid scene analysis", IEEE
TPAMI 20(11), 1998; Liang, Zhou, Bai and Qian, "Salient object detection in hyperspectral
imagery", ICIP 2013, who take the same levels for spectra.

Where they leave something open, or this differs from them, we chose:

- A pyramid that ends early has its last level as the surround of the pairs that reach deeper.
- Feature maps are added at the size of the finest centre level, 3, to which the coarser ones are
  enlarged. Itti et al. shrink all to level 5, which blurs objects to blocks of 16 pixels.
- A local maximum is a pixel, or a plateau, that rises at least ``PROMINENCE`` above the highest
  saddle between it and a higher one, so that ripples of noise are none. Plateaus count once.
- The weight of a map is at least ``LEAST_WEIGHT``: two equal objects and nothing else would
  otherwise cancel each other.

Letters: H rows, W columns, B bands, F features.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction

from dmssn.baselines.answer import Answer, stretched
from dmssn.baselines.pyramid import Level, enlarged

CENTRES = (3, 4, 5)
"""Centre levels, counted from 1 = full size (both papers; 2, 3, 4 where they count from 0)."""
DEEPER = (3, 4)
"""Levels from a centre to its surrounds (both papers)."""
FINEST = min(CENTRES)
LAST = max(CENTRES) + max(DEEPER)
PROMINENCE = 0.01
"""Of a local maximum, as a part of the map's range."""
LEAST_WEIGHT = 1e-3

Contrast = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""From a centre and its surround, both (H, W, B), to F kinds of difference, (H, W, F), >= 0."""


def centre_surround_pairs(last: int) -> list[tuple[int, int]]:
    """Centres and surrounds when a pyramid ends at level ``last``, each pair once.

    Example:
        >>> centre_surround_pairs(9)
        [(3, 6), (3, 7), (4, 7), (4, 8), (5, 8), (5, 9)]
        >>> centre_surround_pairs(6)
        [(3, 6), (4, 6), (5, 6)]
    """
    deepest = [(centre, min(centre + deeper, last)) for centre in CENTRES for deeper in DEEPER]
    return [pair for pair in dict.fromkeys(deepest) if pair[0] < pair[1]]


def absolute_difference(
    centre: NDArray[np.float32], surround: NDArray[np.float32]
) -> NDArray[np.float32]:
    """A contrast: each band by itself, shape (H, W, B)."""
    return np.asarray(np.abs(centre - surround))


def conspicuity(
    levels: dict[int, Level], contrast: Contrast, *, scale: float
) -> NDArray[np.float32]:
    """The sum of all feature maps, each normalized, at the size of the finest centre level.

    Args:
        levels: A pyramid.
        contrast: Of a centre and its surround.
        scale: Of the contrast: where a map varies by rounding beside it, it is 0.

    Returns:
        Shape (H, W) of that level; shape (0,) when the pyramid ends before a surround.
    """
    pairs = centre_surround_pairs(max(levels, default=1))
    if not pairs:
        return np.zeros(0, dtype=np.float32)
    total = np.zeros(levels[FINEST].size, dtype=np.float32)
    for centre, surround in pairs:
        level = levels[centre]
        around = enlarged(levels[surround], level.size, 2 ** (surround - centre))
        features = contrast(level.data, around)
        planes = np.moveaxis(features, 2, 0)
        maps = [promoted(plane, level.valid, scale=scale) for plane in planes]
        total += _grown(np.sum(maps, axis=0), level, total.shape, 2 ** (centre - FINEST))
    return total


def promoted(
    values: NDArray[np.float32], valid: NDArray[np.bool_], *, scale: float
) -> NDArray[np.float32]:
    """Itti's operator N: scale a map to [0, 1], times (1 - mean of its other local maxima)^2.

    A map with one strong peak keeps it; a map of many like ones nearly vanishes. The others are
    all but one of the highest.

    Args:
        values: Shape (H, W).
        valid: Pixels that count, shape (H, W); the others are 0 in the result.
        scale: As ``answer.stretched`` takes it.

    Example:
        >>> peaks = np.array([[0, 8, 0, 4, 0]], dtype=np.float32)
        >>> promoted(peaks, peaks >= 0, scale=1).tolist()
        [[0.0, 0.25, 0.0, 0.125, 0.0]]
    """
    unit = stretched(values, valid, scale=scale)
    others = np.sort(local_maxima_heights(unit))[:-1]
    weight = (1 - others.mean()) ** 2 if others.size else 1.0
    return unit * np.float32(max(weight, LEAST_WEIGHT))


def local_maxima_heights(unit: NDArray[np.float32]) -> NDArray[np.float64]:
    """Heights of the local maxima of a map (H, W) in [0, 1], each once; a pixel has 8 neighbours.

    Example:
        >>> ripples = np.array([[0, 1, 0.995, 1, 0, 0.5, 0.5, 0]], dtype=np.float32)
        >>> local_maxima_heights(ripples).round(6).tolist()
        [1.0, 0.5]
    """
    if not unit.any():
        return np.zeros(0)
    # Tops are worn down by the prominence, and what is lower than that vanishes: h-maxima
    # (Soille, "Morphological Image Analysis", section 6.3.4).
    worn = reconstruction(unit.astype(np.float64) - PROMINENCE, unit, footprint=np.ones((3, 3)))
    tops = label(local_maxima(worn, connectivity=2), connectivity=2)
    heights = np.zeros(int(tops.max()) + 1)
    np.maximum.at(heights, tops.ravel(), worn.ravel() + PROMINENCE)
    return heights[1:]


def saliency(
    parts: Sequence[NDArray[np.float32]], levels: dict[int, Level], valid: NDArray[np.bool_]
) -> Answer:
    """One map from conspicuity maps: the mean of what N makes of each, at the cube's own size.

    Args:
        parts: Conspicuity maps, as ``conspicuity`` gives them.
        levels: The pyramid, whose weights tell what is valid.
        valid: Valid pixels of the cube, shape (H, W).
    """
    notes = _early_end(max(levels, default=1), valid.shape)
    if parts[0].size == 0:
        return Answer(np.zeros(valid.shape, dtype=np.float32), notes)
    finest = levels[FINEST]
    summed = np.sum([promoted(part, finest.valid, scale=1) for part in parts], axis=0)
    full = _grown(summed, finest, valid.shape, 2 ** (FINEST - 1))
    return Answer(stretched(full, valid, scale=1), notes)


def _grown(
    values: NDArray[np.float32], level: Level, size: tuple[int, ...], ratio: int
) -> NDArray[np.float32]:
    """A map at a level's size enlarged to (H, W); the level's invalid pixels lend nothing."""
    weight = level.valid.astype(np.float32)
    return enlarged(Level(values[:, :, None], weight), (size[0], size[1]), ratio)[:, :, 0]


def _early_end(last: int, size: tuple[int, ...]) -> tuple[str, ...]:
    """A note when the pyramid of a picture ends early; else none."""
    if last == LAST:
        return ()
    pairs = len(centre_surround_pairs(last))
    return (
        f"the pyramid of {size[0]} x {size[1]} pixels ends at level {last} of {LAST}: "
        f"{pairs} of {len(CENTRES) * len(DEEPER)} centre-surround pairs"
        + ("" if pairs else ", so the map is 0"),
    )
