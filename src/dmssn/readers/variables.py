"""Which of the variables inside one file is the cube."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmssn.config import SettingError
from dmssn.cube.stored_numbers import REAL_KINDS
from dmssn.readers.stored import ChoiceError, require_real

LISTED = 8
"""Messages name at most this many variables."""
COLOURS = 4
"""An array with an axis this short or shorter is a picture if another array can be the cube."""


class Variable(NamedTuple):
    """A named array of a file, not loaded."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        """Name, shape and type, for messages."""
        return f"{self.name} {self.shape} {self.dtype}"


def choose_cube(path: Path, variables: Sequence[Variable], key: str | None) -> Variable:
    """Find the variable that holds the cube: the one the user names, or the only one that can.

    Raises:
        SettingError: The named one is not in the file.
        ValueError: None can hold a cube, several can, or the named one cannot.
    """
    if key is not None:
        return _named(path, variables, key)
    three = [item for item in variables if len(item.shape) == 3 and 0 not in item.shape]
    real = [item for item in three if item.dtype.kind in REAL_KINDS]
    cubes = [item for item in real if min(item.shape) > COLOURS] or real
    if len(cubes) > 1:
        raise ChoiceError(
            f"{path}: several variables can be the cube; pass --key with one of: {_listed(cubes)}"
        )
    if not cubes and three:
        require_real(path, f"variable {three[0].name!r}", three[0].dtype)
    if not cubes:
        hint = ""
        if any(item.dtype.kind == "O" for item in variables):
            hint = "; structures and cells are not looked into, save the cube on its own"
        found = _listed(variables) or "no arrays"
        raise ValueError(f"{path}: expected a variable with three axes, found {found}{hint}")
    return cubes[0]


def _named(path: Path, variables: Sequence[Variable], key: str) -> Variable:
    exact = [item for item in variables if item.name == key.strip("/")]
    ends = [item for item in variables if item.name.rpartition("/")[2] == key]
    if len(exact or ends) != 1:
        found = "several variables called" if ends else "no variable"
        raise SettingError(
            f"{path}: {found} {key!r}; --key takes one of: {_listed(variables) or 'no arrays'}"
        )
    chosen = (exact or ends)[0]
    require_real(path, f"variable {chosen.name!r}", chosen.dtype)
    if len(chosen.shape) != 3 or 0 in chosen.shape:
        raise ValueError(f"{path}: expected a variable with three axes, {chosen} has not")
    return chosen


def _listed(variables: Sequence[Variable]) -> str:
    more = f" and {len(variables) - LISTED} more" if len(variables) > LISTED else ""
    return ", ".join(map(str, variables[:LISTED])) + more
