"""What the page shows of a scene: colours, single bands, principal components, regions, codes.

Letters: H rows, W columns, B bands, R regions, C channels, S side of the network's square.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn.batches import pack_cube
from dmssn.cube import RowSource
from dmssn.models.network import DMSSN
from dmssn.preparing import clipped
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import paint
from dmssn.resample import resample_bands
from dmssn.viewing.tiles import Layer


def shown(values: NDArray[np.float32], *, true: bool = False) -> Layer:
    """Three values a pixel as red, green and blue, or one as grey, from black to white.

    Args:
        values: Shape (H, W, 3) or (H, W, 1); not finite where a pixel is invalid.
        true: Whether one range serves all three, as of true colours.
    """
    picture = paint(values, true=true)
    return Layer(picture) if values.shape[2] == 3 else Layer(picture[:, :, 0], grey=True)


def weighted(source: RowSource, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted sums over bands of every pixel, in one pass.

    Args:
        source: The cube.
        weights: Shape (C, B).

    Returns:
        Shape (H, W, C); NaN where a pixel is invalid.
    """
    sideways = source.sideways()
    if sideways is not None:
        return np.ascontiguousarray(weighted(sideways, weights).swapaxes(0, 1))
    table = csr_array(weights)
    return np.concatenate([resample_bands(source.read(r), table) for r in source.row_blocks()])


def principal_directions(small: NDArray[np.float32], count: int = 3) -> NDArray[np.float32]:
    """Directions in which spectra differ most, shape (count, B), the first the most.

    Args:
        small: Spectra to go by, shape (h, w, B); not finite where a pixel is invalid. Each band's
            outliers count as its usual limits.
        count: Directions wanted.
    """
    spectra = clipped(small[np.isfinite(small).all(axis=2)]).astype(np.float64)
    return _directions(spectra, np.ones(len(spectra)), count).astype(np.float32)


def _directions(
    table: NDArray[np.float64], weights: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Principal directions of weighted rows, shape (count, columns); zeros beyond their number."""
    mean = np.average(table, axis=0, weights=weights)
    centred = (table - mean) * np.sqrt(weights / weights.sum())[:, None]
    _, vectors = np.linalg.eigh(centred.T @ centred)
    found = np.zeros((count, table.shape[1]))
    some = vectors.T[::-1][:count]
    # A direction and its opposite are one: the side of its greatest part is taken as up.
    signs = np.sign(some[np.arange(len(some)), np.abs(some).argmax(axis=1)])
    found[: len(some)] = some * np.where(signs == 0, 1, signs)[:, None]
    return found


def region_colours(regions: RegionCube) -> Layer:
    """Each region in a colour of its own, none like the next one's number; outside is black."""
    count = len(regions.spectra)
    # Hues a golden angle apart, in three strengths: near numbers, which are near in the picture,
    # get colours far from one another.
    numbers = np.arange(count)
    hue = (numbers * 0.61803398875) % 1
    value = 0.95 - 0.22 * (numbers % 3)
    ramp = np.abs((hue[:, None] * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    colours = value[:, None] * (1 - 0.6 * (1 - np.clip(ramp, 0, 1)))
    table = np.zeros((count + 1, 3), dtype=np.uint8)  # the last row is for OUTSIDE, -1
    table[:-1] = np.rint(colours * 255)
    return Layer(table[regions.region_map], shrink="first")


def code_colours(network: DMSSN, regions: RegionCube, device: torch.device) -> Layer:
    """The first three principal components of a network's code as red, green and blue.

    Of regions, each by its area: what the network knows of a pixel's spectrum before it looks at
    the neighbourhood.
    """
    batch = pack_cube(regions).to(device)
    with torch.inference_mode():
        code = network.student.encode(batch.spectra, batch.packing).float().cpu().numpy()
    table = code.astype(np.float64)
    directions = _directions(table, regions.areas.astype(np.float64), 3)
    values = np.full((*regions.region_map.shape, 3), np.nan, dtype=np.float32)
    inside = regions.region_map != OUTSIDE
    values[inside] = (table @ directions.T).astype(np.float32)[regions.region_map[inside]]
    return Layer(paint(values, true=False), shrink="first")
