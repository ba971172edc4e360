"""Cubes and masks of a data set, as the set's own description says they are to be read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.config import Orientation, SettingError
from dmssn.datasets.data_set import DataSet, SceneFiles
from dmssn.masks import read_label, read_mask
from dmssn.readers import open_cube
from dmssn.readers.cube_file import CubeFile
from dmssn.readers.stored import ChoiceError
from dmssn.readers.turning import turned


def open_scene(kind: DataSet, path: Path, orientation: Orientation = "none") -> CubeFile:
    """Open a cube of a data set, upright; its numbers are not read.

    Where the file holds no wavelengths the set's are taken, with a note that tells their source.

    Args:
        kind: The data set.
        path: The cube.
        orientation: How stored cubes are turned.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or not what the set promises.
    """
    try:
        file = _open(kind, path)
    except SettingError as error:  # nothing the user set: the file is unlike the others
        raise ValueError(str(error)) from None
    except ChoiceError as error:  # and there is no option to choose by
        hint = (
            f"{kind.title} has {kind.bands} bands"
            if kind.bands
            else "save it as ENVI, whose header tells"
        )
        raise ValueError(f"{str(error).partition('; pass --')[0]}; {hint}") from None
    bands = file.shape[2]
    if kind.bands and bands != kind.bands:
        raise ValueError(f"{path}: {bands} bands, {kind.title} has {kind.bands}")
    if kind.divisor != 1:
        stored = replace(file.stored, scale=file.stored.scale * kind.divisor)
        note = f"divided by {kind.divisor:g}, as {kind.title} stores it"
        file = replace(file, stored=stored, notes=(*file.notes, note))
    return turned(file, orientation)


def _open(kind: DataSet, path: Path) -> CubeFile:
    if kind.wavelengths_nm is None:
        return _open_by_key(kind, path, None)
    try:
        file = _open_by_key(kind, path, kind.centres_nm)
    except SettingError:  # another number of bands: told with the shape that it has
        return _open_by_key(kind, path, None)
    if file.stored.wavelengths is not None:
        return _open_by_key(kind, path, None)  # the file knows better
    first, last, _ = kind.wavelengths_nm
    note = f"wavelengths {first:g} to {last:g} nm: {kind.wavelengths_source}"
    return replace(file, notes=(*file.notes, note))


def _open_by_key(kind: DataSet, path: Path, centres_nm: list[float] | None) -> CubeFile:
    for key in kind.keys:
        try:
            return open_cube(path, key=key, wavelengths_nm=centres_nm)
        except SettingError:
            continue  # perhaps under another name
    return open_cube(path, wavelengths_nm=centres_nm)


def read_truth(
    kind: DataSet, scene: SceneFiles, shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """A scene's mask, and which pixels of it count.

    Args:
        kind: The data set.
        scene: The scene.
        shape: (H, W) of its cube, upright.

    Returns:
        Mask, bool of shape (H, W), True is salient; and counted, the same, or None when all do.

    Raises:
        ValueError: It cannot be read, or has another shape.
    """
    if kind.ignores:
        mask, counted = read_label(scene.mask)
    else:
        mask, counted = read_mask(scene.mask), None
    if mask.shape != shape:
        hint = "; is --orientation right?" if mask.shape[::-1] == shape else ""
        raise ValueError(
            f"{scene.mask}: {mask.shape[0]} x {mask.shape[1]}, its cube is "
            f"{shape[0]} x {shape[1]}{hint}"
        )
    return mask, counted
