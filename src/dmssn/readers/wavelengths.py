"""Wavelengths among the variables of a file, and given by a user."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.cube.stored_numbers import REAL_KINDS
from dmssn.cube.wavelengths import Wavelengths, is_name, unit_in_name
from dmssn.readers.variables import Variable


class EvenlySpaced(NamedTuple):
    """Wavelengths of a cube given by their two ends, in nanometres."""

    first_nm: float
    last_nm: float


def in_variables(
    variables: Sequence[Variable], load: Callable[[str], NDArray[Any]]
) -> list[Wavelengths]:
    """The variables of a file that are wavelengths by their name, type and shape (a vector).

    Args:
        variables: All variables of the file.
        load: Loads one by its name.
    """
    return [
        Wavelengths(
            load(item.name).ravel().astype(np.float64),
            unit_in_name(item.name),
            f"wavelengths in {item.name!r}",
        )
        for item in variables
        if is_name(item.name) and item.dtype.kind in REAL_KINDS and is_vector(item.shape)
    ]


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether at most one axis is longer than 1, and none is empty."""
    return 0 < int(np.prod(shape)) == max(shape, default=0)


def best_match(found: list[Wavelengths], shape: tuple[int, ...]) -> Wavelengths | None:
    """The first list whose length is one of the cube's; else the first; None when there is none."""
    # One number is a setting, unless it is said to be a wavelength and there is one band.
    lists = [item for item in found if item.values.size > 1 or (item.unit and 1 in shape)]
    fitting = [item for item in lists if item.values.size in shape]
    return next(iter(fitting or lists), None)
