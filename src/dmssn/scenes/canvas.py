"""The picture while it is painted: shares of every spectrum at every pixel.

A scene is linear in its spectra until the sensor, so painting, shading and blurring work on one
plane a spectrum and not on one a band; bands appear in a single product at the end.
Letters: K planes, G points of the wavelength grid.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.scenes.materials import Material
from dmssn.scenes.textures import Plane

Box = tuple[slice, slice]


class Canvas:
    """Planes (K, H, W) of shares, with the spectra (K, G) they belong to.

    Attributes:
        shape: (H, W).
        planes: Share of each spectrum times its brightness, K arrays of shape (H, W).
        spectra: Reflectance of each plane, K arrays of shape (G,).
        mask: True where a salient object covers at least half of the pixel.
    """

    def __init__(self, height: int, width: int) -> None:
        """Start with nothing painted."""
        self.shape = (height, width)
        self.planes: list[Plane] = []
        self.spectra: list[NDArray[np.float64]] = []
        self.mask = np.zeros(self.shape, dtype=bool)
        self._first: dict[Material, int] = {}

    def cover(
        self, material: Material, coverage: Plane, weights: Plane, box: Box = np.s_[:, :]
    ) -> None:
        """Lay a material over what is there.

        Args:
            material: What is laid.
            coverage: How much of each pixel of the box it hides, in [0, 1].
            weights: Brightness of each of the material's spectra, (E, h, w) for the box.
            box: Rows and columns painted.
        """
        left = 1 - coverage
        for plane in self.planes:
            plane[box] *= left
        first = self._add(material)
        for offset, weight in enumerate(weights):
            self.planes[first + offset][box] += coverage * weight

    def add(self, material: Material, light: Plane, box: Box = np.s_[:, :]) -> None:
        """Add the material's first spectrum, such as a highlight, without hiding anything."""
        self.planes[self._add(material)][box] += light

    def dim(self, factor: Plane, box: Box = np.s_[:, :]) -> None:
        """Multiply all that is painted so far, as a shadow does."""
        for plane in self.planes:
            plane[box] *= factor

    def _add(self, material: Material) -> int:
        """Index of the material's first plane, made when it is new."""
        if material not in self._first:
            self._first[material] = len(self.planes)
            for spectrum in material.spectra:
                self.planes.append(np.zeros(self.shape, dtype=np.float32))
                self.spectra.append(spectrum)
        return self._first[material]
