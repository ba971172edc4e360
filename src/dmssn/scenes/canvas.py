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
        labels: Number of the salient object that covers at least half of the pixel, 0 where none
            does, int16 of shape (H, W).
    """

    def __init__(self, height: int, width: int) -> None:
        """Start with nothing painted."""
        self.shape = (height, width)
        self.planes: list[Plane] = []
        self.spectra: list[NDArray[np.float64]] = []
        self.labels = np.zeros(self.shape, dtype=np.int16)
        self._first: dict[Material, int] = {}

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where a salient object covers at least half of the pixel, (H, W)."""
        return self.labels > 0

    @property
    def firsts(self) -> list[int]:
        """Plane of the first spectrum of each material."""
        return list(self._first.values())

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

    def occlude(self, coverage: Plane, box: Box = np.s_[:, :]) -> None:
        """Take from the objects what is hidden by half or more."""
        self.labels[box][coverage >= 0.5] = 0

    def disguise(self, twins: Material, coverage: Plane, box: Box = np.s_[:, :]) -> None:
        """Put another spectrum in the place of each, leaving brightness and texture as they are.

        Args:
            twins: A spectrum for each plane there is, in their order.
            coverage: How much of each pixel of the box is changed, in [0, 1].
            box: Rows and columns painted.
        """
        first = self._add(twins)
        for index in range(len(twins.spectra)):
            moved = coverage * self.planes[index][box]
            self.planes[index][box] -= moved
            self.planes[first + index][box] += moved

    def add(self, material: Material, light: Plane, box: Box = np.s_[:, :]) -> None:
        """Add the material's first spectrum, such as a highlight, without hiding anything."""
        self.planes[self._add(material)][box] += light

    def dim(self, factor: Plane, box: Box = np.s_[:, :]) -> None:
        """Multiply all that is painted so far, as a stain or a shadow does."""
        for plane in self.planes:
            plane[box] *= factor

    def reflectance(self, box: Box = np.s_[:, :]) -> NDArray[np.float64]:
        """Mean reflectance of what is painted in a box, shape (G,)."""
        shares = np.array([plane[box].mean() for plane in self.planes], dtype=float)
        return np.asarray(shares @ np.stack(self.spectra))

    def coverage(self, material: Material) -> Plane:
        """How much of each pixel a material makes up, times its brightness, (H, W)."""
        first = self._first[material]
        return np.asarray(sum(self.planes[first : first + len(material.spectra)]))

    def _add(self, material: Material) -> int:
        """Index of the material's first plane, made when it is new."""
        if material not in self._first:
            self._first[material] = len(self.planes)
            for spectrum in material.spectra:
                self.planes.append(np.zeros(self.shape, dtype=np.float32))
                self.spectra.append(spectrum)
        return self._first[material]
