"""HDF5, plain (``.h5``, ``.hdf5``, ``.he5``, ...) and as MATLAB 7.3 writes it (``.mat``).

Letters: H rows, W columns, B bands. HDF5 shows the axes of MATLAB's (H, W, B) reversed, as
(B, W, H). Plain HDF5 has no order of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dmssn.cube.stored_numbers import ignore_value, scaling
from dmssn.readers import attributes, wavelengths
from dmssn.readers.stored import Convention, Stored, parsing
from dmssn.readers.variables import Variable, choose_cube

MATLAB = Convention("BWH", "MATLAB 7.3's order (rows, columns, bands), reversed in HDF5", False)


def is_hdf5(path: Path) -> bool:
    """Whether the file begins as HDF5 does."""
    return bool(h5py.is_hdf5(path))


def open_hdf5(path: Path, key: str | None) -> Stored:
    """Find the cube in an HDF5 file; its numbers stay in the file until they are read.

    Raises:
        ValueError: The file is damaged, or it is not clear what the cube is.
        SettingError: It has no dataset called ``key``.
    """
    with parsing(path):
        file = h5py.File(path)  # closed when the last reference to one of its datasets goes
        datasets = dict(_datasets(file))
        variables = [Variable(name, item.shape, _dtype(item)) for name, item in datasets.items()]
    cube = choose_cube(path, variables, key)
    dataset = datasets[cube.name]
    with parsing(path):
        groups = [(f"attribute of {dataset.parent.name!r}", dataset.parent.attrs)]
        if dataset.parent.name != "/":
            groups.append(("attribute of the file", file.attrs))
        found = list(attributes.nearest_wavelengths(cube.name, datasets, groups))
        told = dict(dataset.attrs)
        labels = [axis.label for axis in dataset.dims]
        georeference, unplaced = attributes.georeference(cube.name, datasets)
    named = attributes.named_axes(labels, "the file")
    scaled = scaling(path, told)
    return Stored(
        path,
        dataset,
        key=cube.name,
        convention=named or (MATLAB if _is_matlab(path) else None),
        wavelengths=wavelengths.best_match(found, cube.shape),
        notes=unplaced,
        ignore_value=ignore_value(told),
        factor=scaled.factor,
        offset=scaled.offset,
        georeference=georeference,
    )


def _is_matlab(path: Path) -> bool:
    """Whether MATLAB wrote the file, by its name or by the text MATLAB puts before the HDF5."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".mat" or file.read(10) == b"MATLAB 7.3"


def _datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset by its path in the file, but for those MATLAB keeps for itself."""
    names: list[str] = []
    file.visit(names.append)
    for name in names:
        if name.startswith("#"):
            continue
        item = file[name]
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            yield name, item


def _dtype(dataset: h5py.Dataset) -> np.dtype[Any]:
    """The type; MATLAB stores booleans and text as integers and says so in an attribute."""
    kind = dataset.attrs.get("MATLAB_class")
    if kind == b"logical":
        return np.dtype(bool)
    return np.dtype("U1") if kind == b"char" else np.dtype(dataset.dtype)
