"""The projection that stands in for a trained student: principal components of the spectra.

Letters: B bands, R regions of a scene.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmssn.regions import RegionCube
from dmssn.store import PreparedSet


def principal_components(prepared: PreparedSet, count: int) -> Tensor:
    """The leading principal axes of the training scenes' spectra, for a ``Projection``.

    Regions weigh as much as they have pixels. Each scene is taken less its own mean spectrum, for
    that is how the network sees it: the instance norm after the projection takes the mean of
    every scene out, so axes spent on how scenes differ in brightness would come out empty.

    Args:
        prepared: The set; only its training scenes are read.
        count: Axes wanted.

    Returns:
        Float32 of shape (count, B): orthonormal rows, the one of most variance first, the largest
        entry of each positive. Rows past the number of bands are zeros.

    Raises:
        ValueError: The set has no training scene, or a scene's file is missing or damaged.
    """
    bands = prepared.manifest.bands
    total = np.zeros((bands, bands))
    for name in prepared.names("train"):
        total += _scatter(prepared.read(name).cube)
    axes = np.linalg.eigh(total).eigenvectors.T[::-1][:count]
    largest = np.abs(axes).argmax(axis=1, keepdims=True)
    axes *= np.sign(np.take_along_axis(axes, largest, axis=1))  # either sign is an eigenvector
    rows = np.zeros((count, bands), dtype=np.float32)
    rows[: len(axes)] = axes
    return torch.from_numpy(rows)


def _scatter(cube: RegionCube) -> NDArray[np.float64]:
    """Sum over pixels of the products of bands, about the scene's mean, shape (B, B)."""
    spectra = cube.spectra.astype(np.float64)
    spectra -= np.average(spectra, axis=0, weights=cube.areas)
    spectra *= np.sqrt(cube.areas)[:, None]
    return spectra.T @ spectra
