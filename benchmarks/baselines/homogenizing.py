"""Homogenization on every pixel: scikit-learn's mixture, and averages in plain Python or numpy."""

import warnings

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

Cubes = NDArray[np.float32]


def mixture_labels(pixels: Cubes, components: int, iterations: int, seed: int) -> NDArray[np.intp]:
    """Component of each pixel (P, B), by a mixture with full covariances of all bands."""
    model = GaussianMixture(
        components, covariance_type="full", max_iter=iterations, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # five steps are the method's
        model.fit(pixels)
    found: NDArray[np.intp] = model.predict(pixels)
    return found


def connected(component_map: NDArray[np.integer]) -> NDArray[np.integer]:
    """Connected pieces of each component, 8 neighbours, numbered from 0."""
    pieces: NDArray[np.integer] = label(component_map, background=-1, connectivity=2)
    return pieces - 1


def averages_by_loop(
    cube: Cubes, region_map: NDArray[np.integer], regions: NDArray[np.intp], out: Cubes
) -> Cubes:
    """Fill the pixels of some regions with their mean, one region and its mask at a time.

    Args:
        cube: Shape (H, W, B).
        region_map: Region of each pixel, shape (H, W).
        regions: Those to fill.
        out: Where to, shape (H, W, B).

    Returns:
        The means, shape (len(regions), B).
    """
    means = np.empty((len(regions), cube.shape[2]), dtype=np.float32)
    for index, region in enumerate(regions):
        inside = region_map == region
        means[index] = cube[inside].mean(axis=0, dtype=np.float64)
        out[inside] = means[index]
    return means


def averages_by_sorting(cube: Cubes, region_map: NDArray[np.integer]) -> Cubes:
    """Mean of each region (R, B): pixels sorted by region, then summed piece by piece."""
    ids = region_map.ravel()
    order = np.argsort(ids, kind="stable")
    counts = np.bincount(ids)
    starts = np.concatenate([[0], counts.cumsum()[:-1]])
    pixels = cube.reshape(ids.size, -1)[order]
    sums = np.add.reduceat(pixels, starts, axis=0, dtype=np.float64)
    return (sums / counts[:, None]).astype(np.float32)
