"""MATLAB files of version 5 to 7 (``.mat``); those of version 7.3 are HDF5.

Letters: H rows, W columns, B bands; MATLAB keeps cubes as (H, W, B) by habit.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import io

from dmssn.readers import wavelengths
from dmssn.readers.stored import Convention, Loaded, Stored, parsing
from dmssn.readers.variables import Variable, choose_cube

HABIT = Convention("HWB", "MATLAB's order (rows, columns, bands)", certain=False)
DTYPES = {"double": "float64", "single": "float32", "logical": "bool"} | {
    name: name for bits in (8, 16, 32, 64) for name in (f"int{bits}", f"uint{bits}")
}
"""MATLAB class to numpy type; other classes (structures, cells, text) hold objects."""


def open_matlab(path: Path, key: str | None) -> Stored:
    """Find the cube in a MATLAB file; it is loaded when first read.

    Raises:
        ValueError: The file is damaged or no MATLAB file, or it is not clear what the cube is.
        SettingError: It has no variable called ``key``.
    """
    with parsing(path):
        listed = io.whosmat(str(path))
    variables = [
        Variable(name, shape, np.dtype(DTYPES.get(kind, "O"))) for name, shape, kind in listed
    ]
    cube = choose_cube(path, variables, key)
    found = wavelengths.in_variables(variables, lambda name: _load(path, name))
    return Stored(
        path,
        Loaded(path, cube.shape, cube.dtype, lambda: _load(path, cube.name)),
        key=cube.name,
        convention=HABIT,
        wavelengths=wavelengths.best_match(found, cube.shape),
    )


def _load(path: Path, name: str) -> NDArray[np.generic]:
    with parsing(path):
        array: NDArray[np.generic] = io.loadmat(str(path), variable_names=[name])[name]
    return array
