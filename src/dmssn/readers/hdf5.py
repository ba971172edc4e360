"""HDF5, plain (``.h5``, ``.hdf5``, ``.he5``, ...) and as MATLAB 7.3 writes it (``.mat``).

Letters: H rows, W columns, B bands. HDF5 shows the axes of MATLAB's (H, W, B) reversed, as
(B, W, H). Plain HDF5 has no order of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dmssn.readers import wavelengths
from dmssn.readers.stored import REAL_KINDS, Convention, Stored, Wavelengths, parsing
from dmssn.readers.variables import Variable, choose_cube

NO_DATA = ("_fillvalue", "missing_value", "data_ignore_value")
"""Attributes, in lower case, that hold the number for "no data": of CF, and of NEON's files."""
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
        found = list(_wavelengths(cube.name, datasets, dataset))
        ignore = _ignore_value(dataset)
    return Stored(
        path,
        dataset,
        key=cube.name,
        convention=MATLAB if _is_matlab(path) else None,
        wavelengths=wavelengths.best_match(found, cube.shape),
        ignore_value=ignore,
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


def _wavelengths(
    name: str, datasets: dict[str, h5py.Dataset], cube: h5py.Dataset
) -> Iterator[Wavelengths]:
    """Every list of wavelengths, the nearest to the cube first: its attributes, its siblings."""
    yield from _in_attributes(cube, f"attribute of {name!r}")
    folder = name.rpartition("/")[0]
    for other in sorted(datasets, key=lambda item: item.rpartition("/")[0] != folder):
        item = datasets[other]
        last = other.rpartition("/")[2]
        if (
            wavelengths.is_name(last)
            and item.dtype.kind in REAL_KINDS
            and wavelengths.is_vector(item.shape)
        ):
            unit = wavelengths.unit_in_name(last) or _unit(item, ("units", "unit"))
            values = np.asarray(item[()], np.float64).ravel()
            yield Wavelengths(values, unit, f"wavelengths in {other!r}")
    group = cube.parent
    yield from _in_attributes(group, f"attribute of {group.name!r}")
    if group.name != "/":
        yield from _in_attributes(cube.file, "attribute of the file")


def _in_attributes(holder: h5py.HLObject, where: str) -> Iterator[Wavelengths]:
    for name, value in holder.attrs.items():
        values = np.asarray(value)
        if wavelengths.is_name(name) and values.dtype.kind in REAL_KINDS and values.ndim:
            unit = wavelengths.unit_in_name(name)
            unit = unit or _unit(holder, (f"{name}_units", f"{name}_unit", "wavelength_units"))
            yield Wavelengths(
                values.astype(np.float64).ravel(), unit, f"wavelengths in {name!r}, {where}"
            )


def _unit(holder: h5py.HLObject, names: tuple[str, ...]) -> str | None:
    value = _attribute(holder, names)
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _attribute(holder: h5py.HLObject, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """The attribute of the first of these names, whatever its case; None when there is none."""
    found = {name.lower(): name for name in holder.attrs}
    wanted = next((name.lower() for name in names if name.lower() in found), None)
    return None if wanted is None else holder.attrs[found[wanted]]


def _ignore_value(dataset: h5py.Dataset) -> float | None:
    """The number that means "no data" by an attribute of the dataset, if there is one."""
    value = np.asarray(_attribute(dataset, NO_DATA))
    return float(value.ravel()[0]) if value.size and value.dtype.kind in REAL_KINDS else None
