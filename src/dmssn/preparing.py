"""From a cube to what the networks see: one scene, the same way for training and prediction.

resize -> standardize bands -> mixture -> regions -> region spectra -> scale to [0, 1].

Which pixels make a region is ``PrepareConfig.homogenize``.

Letters: H rows, W columns, B bands, P valid pixels, R regions.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn import moments
from dmssn.config import MixtureConfig, PrepareConfig
from dmssn.cube import RowSource
from dmssn.readers.given import CubeLike, as_source
from dmssn.regions import OUTSIDE, RegionCube, connected_regions, region_means
from dmssn.resample import OVERLAP, axis_weights, covered, wavelength_weights
from dmssn.surveying import Survey, survey

TAIL = 0.001
"""Share of values at either end taken for outliers (hot and dead pixels) in robust statistics."""
SAMPLE = 16384
"""Pixels the robust limits of a cube are read off; a band has 16 of them past ``TAIL``."""
LARGEST = np.finfo(np.float32).max / 8
"""Values beyond are taken for it: their differences and ranges would not be float32 numbers."""
FARTHEST = 1e9
"""Standard deviations from the training scenes' mean past which squares lose all else."""


Components = Callable[[NDArray[np.float32], MixtureConfig], NDArray[np.int32]]
"""Fits a mixture to spectra (P, B) and gives each its component, as ``mixture.components`` does."""


class Statistics(NamedTuple):
    """Mean and standard deviation of each band, float64 of shape (B,)."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def prepare(
    cube: CubeLike,
    config: PrepareConfig | None = None,
    statistics: Statistics | None = None,
) -> RegionCube:
    """Homogenize a cube.

    The same cube and settings give the same regions. Invalid pixels lend nothing to their
    neighbours and come out as ``OUTSIDE``; constant bands come out constant.

    Args:
        cube: A ``Cube``, a path, an array of shape (H, W, B) or an xarray DataArray; any number of
            bands.
        config: Size, statistics, mixture, and which pixels share one spectrum.
        statistics: The training scenes' statistics, needed when ``config.statistics`` is
            "data set"; without them the cube's own are used.

    Returns:
        Region spectra scaled to [0, 1] over the whole cube, and their map at the network's size.

    Raises:
        ValueError: No pixel is valid, or the statistics are missing, of other bands or of other
            units.
    """
    config = config or PrepareConfig()
    return homogenize(survey(as_source(cube), config.size), config, statistics)


def homogenize(
    found: Survey,
    config: PrepareConfig,
    statistics: Statistics | None = None,
    *,
    components: Components | None = None,
) -> RegionCube:
    """As ``prepare``, from a pass over the cube at ``config.size`` and the wanted bands.

    ``components`` fits the mixture: torch's form when left out, which is loaded only then.
    """
    bands = found.small.shape[2]
    valid = ~np.isnan(found.small[:, :, 0])
    if not valid.any():
        raise ValueError(f"{found.name}: no pixel has a finite value in every band")
    pixels = found.small.reshape(-1, bands) if valid.all() else found.small[valid]
    pixels = clipped(pixels)
    if config.statistics == "self":
        own = moments.of_pixels(pixels)
        statistics = Statistics(own.mean, own.std)
    elif statistics is None:
        raise ValueError(f"{found.name}: statistics of the data set are needed and were not given")
    elif statistics.mean.shape != (bands,):
        raise ValueError(f"{found.name}: {bands} bands, but statistics of {statistics.mean.size}")
    standardize(pixels, statistics)
    if config.statistics != "self" and not np.abs(pixels).max() <= FARTHEST:
        raise ValueError(too_far(found.name))
    region_map = _regions(pixels, valid, config, components)
    if not valid.all():
        whole = np.zeros((*valid.shape, bands), dtype=np.float32)
        whole[valid] = pixels
        pixels = whole
    spectra = region_means(pixels, region_map)
    scaled = _scale(spectra, region_map[valid])
    height, width = found.valid.shape
    return RegionCube(region_map, scaled, found.name, (height, width))


def too_far(name: str) -> str:
    """What is wrong with values past ``FARTHEST``."""
    return (
        f"{name}: values {FARTHEST:g} standard deviations and more from the training scenes'; "
        "bring it to their units"
    )


def _regions(
    pixels: NDArray[np.float32],
    valid: NDArray[np.bool_],
    config: PrepareConfig,
    components: Components | None,
) -> NDArray[np.int32]:
    """Region ids of shape (H, W), from standardized spectra (P, B) of the valid pixels."""
    region_map = np.full(valid.shape, OUTSIDE, dtype=np.int32)
    if config.homogenize == "none":
        region_map[valid] = np.arange(len(pixels))
        return region_map
    if components is None:
        from dmssn import mixture

        components = mixture.components
    labels = components(pixels, config.mixture)
    if config.homogenize == "component":  # without the components that no pixel is of
        region_map[valid] = np.unique(labels, return_inverse=True)[1]
        return region_map
    region_map[valid] = labels
    return connected_regions(region_map)


def clipped(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spectra, finite, shape (P, B), with each band's outliers brought to its usual limits."""
    return np.clip(pixels, *usual_limits(pixels))


def usual_limits(
    pixels: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Limits far outside each band's usual range, to clip bad pixels to; shape (B,) each.

    One hot pixel of 100 standard deviations would otherwise set the scale of the whole cube. The
    limits lie a full usual range away from it, so that small bright targets keep their contrast.

    Args:
        pixels: Spectra, finite, shape (P, B).
    """
    sample = np.clip(pixels[:: max(1, len(pixels) // SAMPLE)], -LARGEST, LARGEST)
    low, high = np.quantile(sample, [TAIL, 1 - TAIL], axis=0).astype(np.float32)
    reach = high - low
    # A band that is flat but for a few pixels has no usual range to clip to.
    flat = reach <= 0
    low, high = low - reach, high + reach
    low[flat], high[flat] = -LARGEST, LARGEST
    return low, high


def standardize(pixels: NDArray[np.float32], statistics: Statistics) -> None:
    """Spectra (P, B) less the mean, by the spread, in place: two of them would be too large."""
    # Rounding leaves a constant band a spread near 1e-7 of its level: not a signal.
    floor = np.maximum(1e-6 * np.abs(statistics.mean), np.finfo(np.float32).tiny)
    std = np.where(statistics.std > floor, statistics.std, np.inf)
    pixels -= statistics.mean.astype(np.float32)
    pixels *= (1 / std).astype(np.float32)


def _scale(spectra: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Scale a table (R, B) to [0, 1], given the region of each valid pixel (P,)."""
    return scaled(spectra, *usual_range(spectra, ids))


def usual_range(spectra: NDArray[np.float32], ids: NDArray[np.int32]) -> tuple[float, float]:
    """The usual range of the pixels' values, which is scaled to [0, 1].

    It leaves out the ``TAIL`` of values at either end, so that one bad pixel does not squeeze the
    rest together (the published min-max does).

    Args:
        spectra: Shape (R, B).
        ids: Region of each valid pixel, shape (P,).
    """
    sample = spectra[ids[:: max(1, len(ids) // SAMPLE)]]
    low, high = (float(limit) for limit in np.quantile(sample, [TAIL, 1 - TAIL]))
    return (low, high) if high > low else (float(spectra.min()), float(spectra.max()))


def scaled(spectra: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Spectra scaled so that a range is [0, 1], and what is beyond cut off; without range 0."""
    if high <= low:
        return np.zeros_like(spectra)
    found: NDArray[np.float32] = (spectra - np.float32(low)) * np.float32(1 / (high - low))
    return np.clip(found, 0, 1, out=found)


def match_bands(
    cube: RowSource, bands: int, wavelengths_nm: NDArray[np.float64] | None
) -> tuple[csr_array | None, str]:
    """How a cube is brought to the bands a detector was trained on; none of it is read.

    By wavelength where both sides know theirs and the cube covers at least ``OVERLAP`` of the
    wanted range; else along the band order: averaged when there are too many bands,
    interpolated when there are too few.

    Args:
        cube: Any number of bands.
        bands: Bands wanted.
        wavelengths_nm: Wavelengths wanted, shape (bands,); None when the detector knows none.

    Returns:
        Weights of shape (bands, B), None where the cube's bands are taken as they are, and a
        sentence that says so.

    Raises:
        ValueError: The cube has fewer than 3 bands.
    """
    count, have, short = cube.shape[2], cube.wavelengths_nm, ""
    if count < 3 <= bands:
        raise ValueError(f"{cube.name}: {count} bands; a spectrum needs at least 3")
    if have is not None and wavelengths_nm is not None:
        if have.shape == wavelengths_nm.shape and np.allclose(have, wavelengths_nm, atol=0.5):
            return None, f"{bands} bands as the detector's"
        share = covered(have, wavelengths_nm)
        if share >= OVERLAP:
            said = f"{count} bands resampled by wavelength to {bands} ({share:.0%} covered)"
            return wavelength_weights(have, wavelengths_nm), said
        short = f", though its wavelengths cover {share:.0%} of the detector's range"
    if count == bands:
        return None, f"{bands} bands as the detector's, in their order{short}"
    said = f"{count} bands resampled along their order to {bands}{short}"
    return axis_weights(count, bands), said
