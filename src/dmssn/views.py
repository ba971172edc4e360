"""Views of a training scene: a part of the picture, turned, and a part of the spectrum.

A view of a region map is another, smaller map, and a view of the bands a product with a small
matrix on the table: neither touches a cube.

Letters: H rows, W columns, B bands, R regions, S side of a view.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dmssn.config import AugmentConfig
from dmssn.regions import RegionCube, drop_vanished
from dmssn.resample import axis_weights

Number = TypeVar("Number", np.int32, np.bool_)

TRIES = 8
"""Places a view is looked for, before the whole picture is taken."""
SEEN = 0.5
"""Share of the salient pixels that a view shows at least."""
FILLED = 0.7
"""Share of a view that is salient at most, unless more of the whole picture is."""
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
    """A random part of a scene at the size of a view.

    The part has room for half of what is salient and is not filled by it, so that what stands out
    in the scene still does in its view.

    Args:
        cube: The scene.
        mask: Bool of shape (H, W), or several of them, (H, W, planes), the mask first.
        config: ``crop``, ``turns``, ``side``, ``window`` and ``tone``.
        generator: Draws the view; the same state gives the same view.

    Returns:
        The view, without the regions that it does not show, and its mask.
    """
    # As many numbers are drawn whatever the settings, so that one does not move the others.
    places, turn, bands = generator.random((TRIES, 4)), generator.integers(8), generator.random(3)
    tone = 2 * generator.random() - 1
    if config.crop < 1 or config.side:
        cube, mask = _part(cube, mask, config, places)
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


def _part(
    cube: RegionCube,
    mask: NDArray[np.bool_],
    config: AugmentConfig,
    places: NDArray[np.float64],
) -> tuple[RegionCube, NDArray[np.bool_]]:
    """The first of the places that shows enough; the whole picture if none does."""
    height, width = mask.shape[:2]
    shape = (config.side or height, config.side or width)
    salient = mask if mask.ndim == 2 else mask[:, :, 0]
    whole = salient.mean()
    for place in (*places, None):
        rows, columns = _lines((height, width), shape, config.crop, place)
        here = salient[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        enough = here.sum() >= SEEN * salient.sum() and here.mean() <= max(FILLED, whole)
        if place is None or enough:
            grid = np.ix_(rows, columns)
            view = drop_vanished(cube, cube.region_map[grid])
            if place is None or not view.flat:
                return view, mask[grid]
    raise AssertionError("the whole picture is always taken")


def _lines(
    whole: tuple[int, int],
    shape: tuple[int, int],
    crop: float,
    place: NDArray[np.float64] | None,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the picture that a view shows, of which it has as many as ``shape``."""
    lines = []
    # Height and width of the part are near to each other, a fifth apart at most.
    share = 1.0 if place is None else crop ** place[0]
    for axis in (0, 1):
        part, first = 1.0, 0.0
        if place is not None:
            part = share * 1.2 ** ((place[1] - 0.5) * (1 if axis else -1))
            part = min(1.0, max(crop, part))
            first = (1 - part) * place[2 + axis]
        steps = (np.arange(shape[axis]) + 0.5) / shape[axis] * part + first
        lines.append(np.minimum((steps * whole[axis]).astype(np.intp), whole[axis] - 1))
    return lines[0], lines[1]


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
