"""Saliency maps over the scenes they are of, as pictures.

Letters: H rows, W columns.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn import __version__, saving
from dmssn.config import SettingError
from dmssn.readers.given import CubeLike, as_source
from dmssn.rendering import render
from dmssn.saliency_maps import as_saliency, read_saliency

SUFFIX = ".png"


def save_overlay(
    path: str | os.PathLike[str],
    saliency: NDArray[Any] | str | os.PathLike[str],
    cube: CubeLike,
    *,
    threshold: float = 0.5,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a picture of the scene in colour, with its saliency as heat and a contour.

    It is the picture that ``dmssn predict`` writes. A small scene is enlarged by a whole factor.

    Args:
        path: A ``.png`` file.
        saliency: Float of shape (H, W) in [0, 1], or the file of such a map.
        cube: The scene, of the same rows and columns: a ``Cube``, a path, an array of shape
            (H, W, B) or an xarray DataArray.
        threshold: Saliency at which the contour runs.
        about: Plain values to be kept as JSON in the picture, such as the detector's name.

    Returns:
        The path.

    Raises:
        SettingError: The path has another ending, or the threshold is beyond [0, 1].
        ValueError: The map is none, or has another size than the cube.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise SettingError(f"{path}: an overlay is written as PNG; end the name in {SUFFIX}")
    if not 0 <= threshold <= 1:
        raise SettingError(f"threshold must be from 0 to 1, got {threshold}")
    source = as_source(cube)
    if isinstance(saliency, (str, os.PathLike)):
        where = os.fspath(saliency)
        shown = read_saliency(Path(where))
    else:
        where = "the map"
        shown = as_saliency(np.asarray(saliency), where)
    if shown.shape != source.shape[:2]:
        sizes = [f"{rows} x {columns}" for rows, columns in (shown.shape, source.shape[:2])]
        raise ValueError(f"{where} is {sizes[0]}, its cube {source.name} is {sizes[1]}")
    if not 0 <= shown.min() <= shown.max() <= 1:  # NaN, too, fails this
        raise ValueError(
            f"{where}: saliency is from 0 to 1, got values from {shown.min():g} to {shown.max():g}"
        )
    told = {"version": __version__, **(about or {})}
    told = told | {
        key: value
        for key, value in (("cube", source.name), ("notes", list(source.notes)))
        if key not in told
    }
    saving.save_overlay(path, shown.astype(np.float32), render(source), threshold, told)
    return path
