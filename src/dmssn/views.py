"""Views of a training scene: the picture turned, and a part of the spectrum.

Turning moves the map and the mask, and a part of the spectrum is a product with a small matrix on
the table: no cube is touched. The picture is always whole: its sides tell what is background, those
of a part would not.

Letters: H rows, W columns, B bands, R regions.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dmssn.config import AugmentConfig
from dmssn.regions import RegionCube
from dmssn.resample import axis_weights

Number = TypeVar("Number", np.int32, np.bool_)

FEWEST_BANDS = 3
"""Of a spectrum that a camera may have."""
TAIL = 0.001
"""Share of values left out at either end when a part of the spectrum is scaled to [0, 1]."""
LEAST_RANGE = 1e-4
"""Of the values in a part of the spectrum; of less, rounding would be made a scene."""


def random_view(
    cube: RegionCube,
    mask: NDArray[np.bool_],
    config: AugmentConfig,
    generator: np.random.Generator,
) -> tuple[RegionCube, NDArray[np.bool_]]:
    """A scene turned at random, as another camera sees it.

    Args:
        cube: The scene.
        mask: Bool of shape (H, W), or several of them, (H, W, planes).
        config: ``turns``, ``window`` and ``tone``.
        generator: Draws the view; the same state gives the same view.

    Returns:
        The view and its mask.
    """
    # As many numbers are drawn whatever the settings, so that one does not move the others.
    turn, bands = generator.integers(8), generator.random(3)
    tone = 2 * generator.random() - 1
    if config.turns:
        region_map = _turned(cube.region_map, int(turn))
        cube = RegionCube(region_map, cube.spectra, cube.name, cube.source_shape)
        mask = _turned(mask, int(turn))
    if config.window < 1:
        spectra = _windowed(cube.spectra, cube.areas, config.window, bands)
        view = RegionCube(cube.region_map, spectra, cube.name, cube.source_shape)
        if not view.flat:  # what is left of the spectrum tells regions apart
            cube = view
    if config.tone > 1:
        spectra = cube.spectra ** np.float32(config.tone**tone)
        cube = RegionCube(cube.region_map, spectra, cube.name, cube.source_shape)
    return cube, mask


def _turned(plane: NDArray[Number], turn: int) -> NDArray[Number]:
    """One of the eight turns and flips; those of a picture that is not square keep its sides."""
    if plane.shape[0] != plane.shape[1]:
        turn &= ~1
    turned = np.rot90(plane, turn & 3)
    return np.ascontiguousarray(turned[:, ::-1] if turn & 4 else turned)


def _windowed(
    spectra: NDArray[np.float32],
    areas: NDArray[np.int64],
    least: float,
    drawn: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Spectra (R, B) as a camera of a narrower range and fewer bands sees them, brought to B.

    Half of all keep their range, and half of all their number of bands.
    """
    bands = spectra.shape[1]
    kept = bands
    if drawn[0] < 0.5:
        kept = max(FEWEST_BANDS, round(bands * (least + (1 - least) * 2 * drawn[0])))
    first = int(drawn[1] * (bands - kept + 1))
    seen = kept
    if drawn[2] < 0.5:  # as many of each octave
        seen = round(FEWEST_BANDS * (kept / FEWEST_BANDS) ** (2 * drawn[2]))
    if kept == bands == seen:
        return spectra
    weights = (axis_weights(seen, bands) @ axis_weights(kept, seen)).toarray()
    found = spectra[:, first : first + kept] @ weights.T
    # As the whole table was: to [0, 1] by the usual range of the pixels' values.
    order = np.repeat(np.arange(len(areas)), np.minimum(areas, 64))[:: max(1, len(areas) // 2048)]
    low, high = np.quantile(found[order], [TAIL, 1 - TAIL])
    if high - low < LEAST_RANGE:
        return spectra
    scaled: NDArray[np.float32] = (found - np.float32(low)) / np.float32(high - low)
    return scaled.clip(0, 1)
