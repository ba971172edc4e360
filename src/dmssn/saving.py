"""What prediction writes: maps, overlays and object tables, each with where it came from.

Letters: H rows, W columns.
"""

import csv
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy.ndimage import binary_erosion

from dmssn.cube import Georeference, RowSource
from dmssn.files import replacing
from dmssn.geotiff import available, write_geotiff
from dmssn.objects import SalientObject, find_objects

Provenance = dict[str, Any]

HEAT = np.array([[0, 0, 64], [120, 0, 140], [220, 40, 60], [255, 150, 0], [255, 245, 120]])
"""sRGB at saliency 0, 1/4, ... 1: dark to light, so it also reads in grey."""
STRONGEST = 0.65
"""Opacity of the heat where saliency is 1; the scene stays visible under it."""
CONTOUR = (0, 255, 255)
"""Colour of the threshold's contour: cyan is in neither the heat nor most scenes."""
LEAST_SIDE = 256
"""A smaller scene's overlay is enlarged by a whole factor until its short side has this many
pixels ..."""
MOST_SIDE = 4096
"""... unless its long side would have more than this: a single line of a scanner stays thin."""
ROWS_AT_ONCE = 64
"""Rows of a picture mixed at once."""


def save_saliency(path: Path, saliency: NDArray[np.float32], provenance: Provenance) -> None:
    """Write a saliency map as a 16-bit grey PNG; 65535 is 1."""
    levels = np.empty(saliency.shape, dtype=np.uint16)
    for top in range(0, len(levels), ROWS_AT_ONCE):  # of a large scene a second map would be much
        rows = slice(top, top + ROWS_AT_ONCE)
        levels[rows] = np.rint(saliency[rows] * 65535)
    _save_png(path, Image.fromarray(levels), provenance)


def save_mask(
    path: Path, saliency: NDArray[np.float32], threshold: float, provenance: Provenance
) -> None:
    """Write the pixels at or above a threshold as an 8-bit PNG; 255 is salient."""
    levels = np.where(saliency >= threshold, 255, 0).astype(np.uint8)
    _save_png(path, Image.fromarray(levels), provenance | {"threshold": threshold})


def save_npy(path: Path, saliency: NDArray[np.float32]) -> None:
    """Write the map itself, float32."""
    with replacing(path) as partial:
        np.save(partial, saliency)


def save_tiff(
    path: Path,
    saliency: NDArray[np.float32],
    provenance: Provenance,
    place: Georeference | None = None,
) -> None:
    """Write the map itself as a float32 TIFF, with its place if rasterio is there to tell it."""
    said = json.dumps(provenance)
    with replacing(path) as partial:
        if place is not None and available():
            write_geotiff(partial, saliency, place, said)
        else:
            tifffile.imwrite(partial, saliency, description=said, metadata=None)


def save_objects(
    path: Path, saliency: NDArray[np.float32], cube: RowSource, threshold: float
) -> list[SalientObject]:
    """Write a CSV table with one row for each salient object, largest first.

    Areas are in pixels; boxes are first row and column and the ones after the last; spectra are
    in the cube's own units, a column for each band.
    """
    objects = find_objects(saliency, cube, threshold)
    box = ["row_start", "row_stop", "column_start", "column_stop"]
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        centroid = ["centroid_row", "centroid_column"]
        table.writerow(["object", "area_px", *box, *centroid, "mean_saliency", *_band_names(cube)])
        for number, found in enumerate(objects, start=1):
            numbers = [*found.centroid, found.mean_saliency, *found.spectrum.tolist()]
            rounded = [f"{value:.6g}" for value in numbers]
            table.writerow([number, found.area, *found.rows, *found.columns, *rounded])
    return objects


def _band_names(cube: RowSource) -> list[str]:
    """A name for each band, by as few digits of its wavelength as tell the bands apart."""
    if cube.wavelengths_nm is not None:
        for digits in (6, 9, 17):
            names = [f"{nm:.{digits}g}_nm" for nm in cube.wavelengths_nm]
            if len(set(names)) == len(names):
                return names
    return [f"band_{b}" for b in range(cube.shape[2])]


def save_overlay(
    path: Path,
    saliency: NDArray[np.float32],
    picture: NDArray[np.uint8],
    threshold: float,
    provenance: Provenance,
) -> None:
    """Write the scene in colour with its saliency as heat, and the threshold as a contour."""
    shown = overlay(picture, saliency, threshold)
    _save_png(path, Image.fromarray(shown), provenance | {"threshold": threshold})


def overlay(
    picture: NDArray[np.uint8], saliency: NDArray[np.float32], threshold: float
) -> NDArray[np.uint8]:
    """Lay saliency over a colour picture, enlarged by a whole factor when it is small.

    Args:
        picture: sRGB of shape (H, W, 3).
        saliency: Shape (H, W) in [0, 1].
        threshold: Where the contour runs.

    Returns:
        sRGB of shape (f H, f W, 3).
    """
    wanted, most = -(-LEAST_SIDE // min(saliency.shape)), MOST_SIDE // max(saliency.shape)
    factor = max(1, min(wanted, most))
    if factor > 1:
        picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
        saliency = saliency.repeat(factor, axis=0).repeat(factor, axis=1)
    stops = np.linspace(0, 1, len(HEAT))
    mixed = np.empty_like(picture)
    for top in range(0, len(picture), ROWS_AT_ONCE):  # in float64 a picture is large
        rows = slice(top, top + ROWS_AT_ONCE)
        some = saliency[rows]
        heat = np.stack([np.interp(some, stops, channel) for channel in HEAT.T], axis=2)
        opacity = STRONGEST * some[:, :, None]
        mixed[rows] = np.rint(picture[rows] * (1 - opacity) + heat * opacity)
    salient = saliency >= threshold
    mixed[salient & ~binary_erosion(salient, border_value=1)] = CONTOUR
    return mixed


def _save_png(path: Path, picture: Image.Image, provenance: Provenance) -> None:
    said = PngInfo()
    said.add_text("Software", f"dmssn {provenance['version']}")
    said.add_text("dmssn", json.dumps(provenance))
    with replacing(path) as partial:
        # Runs alone are looked for: on maps and scenes as small as zlib's usual search, or nearly
        # so, in a fifth of the time.
        picture.save(partial, pnginfo=said, compress_type=zlib.Z_RLE)
