"""numpy's own files: ``.npy``, one array, and ``.npz``, several named ones.

They have no axis order of their own.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from dmssn.readers import wavelengths
from dmssn.readers.stored import Loaded, Stored, parsing, require_real
from dmssn.readers.variables import Variable, choose_cube


def map_npy(path: Path) -> NDArray[np.generic]:
    """Map the array of a ``.npy`` file, of any shape.

    Raises:
        ValueError: The file is damaged, or does not hold integers or floats.
    """
    with path.open("rb") as file:
        if file.read(len(npy_format.MAGIC_PREFIX)) != npy_format.MAGIC_PREFIX:
            raise ValueError(f"{path}: is not a numpy file, whatever its name")
    with parsing(path):
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    require_real(path, "the array", array.dtype)
    return array


def open_npy(path: Path) -> Stored:
    """Map the cube of a ``.npy`` file.

    Raises:
        ValueError: The file is damaged, or its array is no cube.
    """
    array = map_npy(path)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"{path}: expected an array with three axes, found shape {array.shape}")
    return Stored(path, array)


def open_npz(path: Path, key: str | None) -> Stored:
    """Find the cube in a ``.npz`` file; it is loaded when first read.

    Raises:
        ValueError: The file is damaged, or it is not clear what the cube is.
        SettingError: It has no array called ``key``.
    """
    with parsing(path):
        variables = list(_variables(path))
    cube = choose_cube(path, variables, key)
    found = wavelengths.in_variables(variables, lambda name: _load(path, name))
    return Stored(
        path,
        Loaded(path, cube.shape, cube.dtype, lambda: _load(path, cube.name)),
        key=cube.name,
        wavelengths=wavelengths.best_match(found, cube.shape),
    )


def _variables(path: Path) -> Iterator[Variable]:
    """The arrays of the archive, by their headers alone."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".npy"):
                continue
            with archive.open(name) as member:
                version = npy_format.read_magic(member)
                read = (
                    npy_format.read_array_header_1_0
                    if version == (1, 0)
                    else npy_format.read_array_header_2_0
                )
                shape, _, dtype = read(member)
            yield Variable(name.removesuffix(".npy"), shape, dtype)


def _load(path: Path, name: str) -> NDArray[np.generic]:
    with parsing(path), np.load(path, allow_pickle=False) as archive:
        array: NDArray[np.generic] = archive[name]
    return array
