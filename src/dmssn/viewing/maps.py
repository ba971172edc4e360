"""A saliency map that is looked at. Letters: H rows, W columns, R regions, B bands."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dmssn.regions import RegionCube
from dmssn.viewing.tiles import Layer

LEVELS = 65535
"""Saliency 1 in a map, which is kept as 16-bit numbers, as it is written."""


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

    def values(self) -> NDArray[np.float32]:
        """Saliency in [0, 1], shape (H, W)."""
        return (self.saliency.whole / np.float32(LEVELS)).astype(np.float32)


def saliency_layer(saliency: NDArray[np.floating]) -> Layer:
    """A map in [0, 1] as it is kept."""
    return Layer(np.rint(saliency * LEVELS).astype(np.uint16))
