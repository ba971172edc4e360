"""Zarr: a folder of chunks, versions 2 and 3; a group of arrays, or one array.

It has no order of axes of its own, but its axes may have names.
"""

import base64
import struct
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dmssn.config import SettingError
from dmssn.cube.stored_numbers import REAL_KINDS, ignore_value, scaling
from dmssn.readers import attributes, wavelengths
from dmssn.readers.stored import Stored, parsing
from dmssn.readers.variables import Variable, choose_cube

SUFFIX = ".zarr"
MARKS = ("zarr.json", ".zgroup", ".zarray")
"""One of these files is in the folder of every store."""
DIMENSIONS = "_ARRAY_DIMENSIONS"
"""Attribute in which version 2 names the axes; xarray's rule."""


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder that holds Zarr."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def library(path: Path) -> ModuleType:
    """The module ``zarr``, for a store at ``path``.

    Raises:
        ValueError: It is not installed.
    """
    try:
        import zarr
    except ImportError:
        raise ValueError(f"{path}: Zarr needs an extra; pip install 'dmssn[zarr]'") from None
    return zarr


def open_zarr(path: Path, key: str | None) -> Stored:
    """Find the cube in a Zarr folder; its chunks stay there until they are read.

    Raises:
        ValueError: The folder holds no Zarr or is damaged, it is not clear what the cube is, or
            the extra ``zarr`` is not installed.
        SettingError: It has no array called ``key``.
    """
    if not is_zarr(path):
        raise ValueError(
            f"{path}: is no Zarr, whatever its name: none of {', '.join(MARKS)} is in it"
        )
    zarr = library(path)
    with parsing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files that are no Zarr may lie among the chunks
        root = zarr.open(str(path), mode="r", use_consolidated=False)
        if isinstance(root, zarr.Array):
            arrays, groups = {"": root}, {}
        else:
            nodes = dict(sorted(root.members(max_depth=None))) | {"": root}
            arrays = {name: item for name, item in nodes.items() if isinstance(item, zarr.Array)}
            groups = {name: item for name, item in nodes.items() if isinstance(item, zarr.Group)}
        variables = [Variable(name, item.shape, item.dtype) for name, item in arrays.items()]
    if key is not None and not groups:
        raise SettingError(f"{path}: --key does not apply, it holds one array; leave it out")
    cube = choose_cube(path, variables, key)
    array = arrays[cube.name]
    with parsing(path):
        told = array.attrs.asdict()
        parents = [(_said(name), groups[name].attrs.asdict()) for name in _parents(cube.name)]
        found = list(attributes.nearest_wavelengths(cube.name, arrays, parents if groups else []))
    names = getattr(array.metadata, "dimension_names", None) or told.get(DIMENSIONS) or ()
    scaled = scaling(path, told)
    georeference, unplaced = attributes.georeference(cube.name, arrays)
    return Stored(
        path,
        array,
        key=cube.name or None,
        convention=attributes.named_axes(names, "the store"),
        wavelengths=wavelengths.best_match(found, cube.shape),
        notes=unplaced,
        ignore_value=_ignore_value(path, array, told),
        factor=scaled.factor,
        offset=scaled.offset,
        georeference=georeference,
    )


def _parents(name: str) -> list[str]:
    """The groups an array is in, the nearest first, the root last."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)] if name else []


def _said(name: str) -> str:
    return f"attribute of {name!r}" if name else "attribute of the store"


def _ignore_value(path: Path, array: Any, told: dict[str, Any]) -> float | None:  # noqa: ANN401
    """The number that means "no data", by the attributes, else by the fill value of version 2.

    xarray keeps it there. A fill value of 0 is the library's own and says nothing.
    """
    fill = told.get("_FillValue")
    if isinstance(fill, str):  # how xarray writes floats in version 3
        with parsing(path):
            told = told | {"_FillValue": struct.unpack("<d", base64.b64decode(fill))[0]}
    ignore = ignore_value(told)
    if ignore is None and array.metadata.zarr_format == 2 and array.dtype.kind in REAL_KINDS:
        fill = float(array.fill_value or 0)
        return fill if np.isfinite(fill) and fill != 0 else None
    return ignore
