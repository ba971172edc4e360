"""Saliency maps in files, and in memory.

Letters: H rows, W columns.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.pictures import read_grey


def read_saliency(path: Path) -> NDArray[np.float64]:
    """Read a saliency map of shape (H, W): 8 bit / 255, 16 bit / 65535, or float as it is.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or empty, or its shape or type is none of these.
    """
    if path.suffix.lower() == ".npy":
        return as_saliency(_read_npy(path), path)
    levels = read_grey(path)
    if levels.dtype in (np.uint8, np.uint16):
        return as_saliency(levels / np.float64(np.iinfo(levels.dtype).max), path)
    return as_saliency(levels, path)


def as_saliency(values: NDArray[Any], where: object = "the map") -> NDArray[np.float64]:
    """A saliency map that is in memory, shape (H, W): float as it is, or a mask.

    Raises:
        ValueError: Its shape or type is another.
    """
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{where}: a saliency map has shape (H, W), this one {values.shape}")
    if values.dtype != np.bool_ and not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"{where}: a saliency map is an 8 or 16 bit picture or float in [0, 1], "
            f"this one is {values.dtype}"
        )
    return values.astype(np.float64)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # numpy raises nearly anything on a damaged file
        raise ValueError(f"{path}: not an array that can be read: {error}") from error
