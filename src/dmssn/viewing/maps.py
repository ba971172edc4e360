"""A saliency map that is looked at. Letters: H rows, W columns, R regions, B bands."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dmssn.regions import RegionCube
from dmssn.viewing.tiles import Layer

LEVELS = 65535
"""Saliency 1 in a map, which is kept as 16-bit numbers, as it is written."""
STEPS = 200
"""Of the page's threshold, from 0 to 1."""


@dataclass(frozen=True, eq=False)
class SaliencyMap:
    """A saliency map and what belongs to it.

    Attributes:
        name: Of its detector, or its file.
        saliency: 16-bit levels, 65535 is 1.
        said: What should be known of it, one sentence each.
        regions: The homogenized cube a network saw, or None.
        region_spectra: Mean spectrum of each region in the cube's own units, shape (R, B); NaN
            where a region has no valid pixel.
        layers: Pictures of regions and code, by name.
        seconds: That it took.
    """

    name: str
    saliency: Layer
    said: tuple[str, ...] = ()
    regions: RegionCube | None = None
    region_spectra: NDArray[np.float32] | None = None
    layers: dict[str, Layer] = field(default_factory=dict)
    seconds: float = 0.0

    def above(self, where: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """How many pixels are at or above each threshold t / ``STEPS``, shape (STEPS + 1,).

        Args:
            where: Which pixels are counted, shape (H, W); all when left out.
        """
        levels = self.saliency.whole if where is None else self.saliency.whole[where]
        counts = np.bincount(levels.ravel(), minlength=LEVELS + 1)
        least = -(-np.arange(STEPS + 1) * LEVELS // STEPS)  # in whole numbers: exact
        return np.asarray(counts[::-1].cumsum()[::-1][least], dtype=np.int64)

    def values(self) -> NDArray[np.float32]:
        """Saliency in [0, 1], shape (H, W)."""
        return (self.saliency.whole / np.float32(LEVELS)).astype(np.float32)


def saliency_layer(saliency: NDArray[np.floating]) -> Layer:
    """A map in [0, 1] as it is kept."""
    return Layer(np.rint(saliency * LEVELS).astype(np.uint16))
