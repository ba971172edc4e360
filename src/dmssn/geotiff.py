"""The georeference of TIFF files, by rasterio, which the extra ``geo`` brings."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Georeference

if TYPE_CHECKING:
    from rasterio.crs import CRS

TAGS = (33550, 33922, 34264)
"""Of TIFF: sizes of a pixel, points that are tied to the map, and the whole transform."""
INSTALL = "pip install 'dmssn[geo]'"


def available() -> bool:
    """Whether rasterio is installed."""
    return find_spec("rasterio") is not None


def read_georeference(path: Path) -> Georeference | None:
    """What a GeoTIFF says; None when it has no coordinates, or only points of control.

    Raises:
        ValueError: rasterio makes no sense of it.
    """
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file without coordinates, which is an answer
        try:
            with rasterio.open(path) as file:
                transform, crs = file.transform, file.crs
        except rasterio.errors.RasterioError as error:
            raise ValueError(str(error)) from None
    if transform.is_identity and not crs:
        return None
    return Georeference(tuple(transform)[:6], crs.to_wkt() if crs else None)


def write_geotiff(
    path: Path, picture: NDArray[np.float32], found: Georeference, description: str
) -> None:
    """Write a map (H, W) as a float32 GeoTIFF; without a system of which rasterio makes no sense.

    Raises:
        OSError: It cannot be written.
    """
    import rasterio

    height, width = picture.shape
    crs = None if found.crs is None else _understood(found.crs)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=1,
        dtype="float32",
        crs=crs,
        transform=rasterio.Affine(*found.transform),
        bigtiff="if_safer",
    ) as file:
        file.write(picture, 1)
        file.set_band_description(1, "saliency")
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION=description)


def understands(crs: str) -> bool:
    """Whether rasterio, which has to be installed, makes sense of a system."""
    return _understood(crs) is not None


def esri_wkt(crs: str) -> str:
    """A system as ENVI wants it, where rasterio is there to tell and knows it; else as it is."""
    known = _understood(crs) if available() else None
    return crs if known is None else known.to_wkt(version="WKT1_ESRI")


def _understood(crs: str) -> "CRS | None":
    import rasterio

    try:
        with rasterio.Env():  # without it GDAL writes to stderr what is raised anyway
            return rasterio.crs.CRS.from_user_input(crs)
    except rasterio.errors.CRSError:
        return None
