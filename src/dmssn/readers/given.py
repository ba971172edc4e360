"""Cubes as users have them: in memory or a file, as an array, or as xarray has them."""

import os
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union, cast

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube, RowSource

if TYPE_CHECKING:
    from xarray import DataArray

CubeLike: TypeAlias = Union[RowSource, NDArray[Any], "DataArray", str, os.PathLike[str]]
"""A cube, one in a file that is opened already, the path of one that is not; an array of shape
(H, W, B), whose wavelengths are unknown; or a DataArray as ``Cube.from_xarray`` takes it."""


def is_cube(given: object) -> TypeGuard[CubeLike]:
    """Whether something is taken for one cube, and not for several."""
    return (
        isinstance(given, (str, os.PathLike, np.ndarray))
        or _is_source(given)
        or hasattr(given, "__array__")  # tensors, and DataArrays
    )


def as_source(given: CubeLike) -> RowSource:
    """The rows of a cube, however it is given; of a file nothing is read yet.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no cube, or the file is damaged or leaves a choice to be made.
    """
    if isinstance(given, (str, os.PathLike)):
        from dmssn.readers import open_cube

        return open_cube(os.fspath(given))
    if _is_source(given):
        return given
    if hasattr(given, "dims") and hasattr(given, "coords"):
        return Cube.from_xarray(cast("DataArray", given))
    return Cube.from_array(cast("NDArray[Any]", given))


def _is_source(given: object) -> TypeGuard[RowSource]:
    return hasattr(given, "row_blocks")
