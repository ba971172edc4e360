"""Grey pictures: one number a pixel, as the file stores it. Letters: H rows, W columns."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

TIFF_SUFFIXES = (".tif", ".tiff")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *TIFF_SUFFIXES)

COLOUR_SPREAD = 16
"""Levels of 255 between the channels of a pixel that are still grey: JPEG rounds each channel."""


def read_grey(path: Path) -> NDArray[Any]:
    """Read a picture of one channel, or of equal ones.

    Returns:
        Levels of shape (H, W): bool, uint8, uint16 or, from a TIFF, any type it stores.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, in colour, or partly transparent.
    """
    try:
        levels = _tiff(path) if path.suffix.lower() in TIFF_SUFFIXES else _picture(path)
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # the decoders raise nearly anything on a damaged file
        raise ValueError(f"{path}: not a picture that can be read: {error}") from error
    return levels if levels.ndim == 2 else _one_channel(path, levels)


def _picture(path: Path) -> NDArray[Any]:
    """Levels of shape (H, W) or (H, W, channels)."""
    with Image.open(path) as picture:
        if picture.mode == "P":
            return np.asarray(picture.convert("RGBA"))
        levels: NDArray[Any] = np.asarray(picture)
        # Pillow before 11 opens a 16-bit grey PNG as 32-bit numbers.
        return levels.astype(np.uint16) if picture.mode == "I" else levels


def _tiff(path: Path) -> NDArray[Any]:
    """Levels of the first image, shape (H, W) or (H, W, channels)."""
    with tifffile.TiffFile(path) as tiff:
        levels: NDArray[Any] = tiff.series[0].asarray()  # a stack shows by its shape
        kind = tiff.pages.first.photometric
    if kind == tifffile.PHOTOMETRIC.PALETTE:
        raise ValueError("it has a palette; save it as grey")
    # A page that counts down from white is stored as its negative.
    return np.invert(levels) if kind == tifffile.PHOTOMETRIC.MINISWHITE else levels


def _one_channel(path: Path, levels: NDArray[Any]) -> NDArray[Any]:
    """The one channel of a picture whose channels say the same."""
    if (
        levels.ndim != 3
        or levels.shape[2] > 4
        or not np.issubdtype(levels.dtype, np.unsignedinteger)
    ):
        raise ValueError(f"{path}: a grey picture has shape (H, W), this one {levels.shape}")
    full = np.iinfo(levels.dtype).max
    if levels.shape[2] in (2, 4):
        if levels[:, :, -1].min() < full:
            raise ValueError(f"{path}: partly transparent; save it without transparency")
        levels = levels[:, :, :-1]
    if np.ptp(levels.astype(np.int64), axis=2).max() > COLOUR_SPREAD / 255 * full:
        raise ValueError(f"{path}: in colour; a mask or a saliency map is grey")
    return levels[:, :, 0]
