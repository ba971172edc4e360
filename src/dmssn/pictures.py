"""Grey pictures: one number a pixel, as the file stores it. Letters: H rows, W columns."""

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

TIFF_SUFFIXES = (".tif", ".tiff")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *TIFF_SUFFIXES)

COLOUR_SPREAD = 16
"""Levels of 255 between the channels of a pixel that are still grey: JPEG rounds each channel."""


def read_grey(path: Path) -> NDArray[np.generic]:
    """Read a picture of one channel, or of equal ones.

    Returns:
        Levels of shape (H, W): bool, uint8, uint16 or, from a TIFF, any type it stores.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, in colour, or partly transparent.
    """
    try:
        levels = _tiff(path) if path.suffix.lower() in TIFF_SUFFIXES else _picture(path)
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        RuntimeError,  # of the decoders of compressed TIFF pages
        SyntaxError,  # of Pillow, for a damaged PNG
        Image.DecompressionBombError,
    ) as error:
        raise ValueError(f"{path}: not a picture that can be read: {error}") from None
    return levels if levels.ndim == 2 else _one_channel(path, levels)


def _picture(path: Path) -> NDArray[np.generic]:
    """Levels of shape (H, W) or (H, W, channels)."""
    with Image.open(path) as picture:
        if picture.mode == "P":
            return np.asarray(picture.convert("RGBA"))
        levels: NDArray[np.generic] = np.asarray(picture)
        # Pillow before 11 opens a 16-bit grey PNG as 32-bit numbers.
        return levels.astype(np.uint16) if picture.mode == "I" else levels


def _tiff(path: Path) -> NDArray[np.generic]:
    """Levels of the first page, shape (H, W) or (H, W, channels)."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        levels: NDArray[np.generic] = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise ValueError("it has a palette; save it as grey")
        # A page that counts down from white is stored as its negative.
        inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        return np.invert(levels) if inverted else levels


def _one_channel(path: Path, levels: NDArray[np.generic]) -> NDArray[np.generic]:
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
