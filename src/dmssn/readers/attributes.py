"""What the attributes of HDF5 and Zarr say: wavelengths, axes, a place on a map.

Letters: H rows, W columns, B bands.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from dmssn.cube import Georeference
from dmssn.cube.axes import axis_letters
from dmssn.cube.georeference import MAPPING, as_text
from dmssn.cube.stored_numbers import REAL_KINDS, Attributes, attribute
from dmssn.cube.wavelengths import Wavelengths, is_name, unit_in_name
from dmssn.readers.stored import Convention
from dmssn.readers.wavelengths import is_vector


class Holder(Protocol):
    """An array in a file, with its attributes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        ...

    @property
    def attrs(self) -> Attributes:
        """What is said of it."""
        ...

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401
        """A part of the numbers."""
        ...


def georeference(
    name: str, arrays: Mapping[str, Holder]
) -> tuple[Georeference | None, tuple[str, ...]]:
    """Where pixels lie, by CF's ``grid_mapping`` with the attributes that GDAL puts there.

    Args:
        name: The cube's path in the file.
        arrays: Every array of the file by its path.

    Returns:
        None where the file does not tell; with a note where it tells it wrongly.
    """
    mapping = as_text(arrays[name].attrs.get(MAPPING))
    folder = name.rpartition("/")[0]
    beside = (f"{folder}/{mapping}".lstrip("/"), mapping or "")
    told = next((arrays[place].attrs for place in beside if place in arrays), {})
    try:
        return Georeference.from_grid_mapping(told), ()
    except ValueError as error:
        return None, (f"its georeference is left out: {error}",)


def named_axes(names: Sequence[str | None], where: str) -> Convention | None:
    """The order of axes that have names; None unless one each is of rows, columns and bands."""
    letters = axis_letters(names)
    if letters is None:
        return None
    return Convention(letters, f"{where} calls its axes {', '.join(map(str, names))}", True)


def nearest_wavelengths(
    name: str, arrays: Mapping[str, Holder], groups: Sequence[tuple[str, Attributes]]
) -> Iterator[Wavelengths]:
    """Every list of wavelengths, the nearest to the cube first: its attributes, its siblings.

    Args:
        name: The cube's path in the file.
        arrays: Every array of the file by its path.
        groups: The groups the cube is in with their attributes, the nearest first.
    """
    yield from _in_attributes(arrays[name].attrs, f"attribute of {name!r}")
    folder = name.rpartition("/")[0]
    for other in sorted(arrays, key=lambda item: item.rpartition("/")[0] != folder):
        item = arrays[other]
        last = other.rpartition("/")[2]
        if is_name(last) and item.dtype.kind in REAL_KINDS and is_vector(item.shape):
            unit = unit_in_name(last) or _unit(item.attrs, ("units", "unit"))
            values = np.asarray(item[...], np.float64).ravel()
            yield Wavelengths(values, unit, f"wavelengths in {other!r}")
    for where, attributes in groups:
        yield from _in_attributes(attributes, where)


def _in_attributes(attributes: Attributes, where: str) -> Iterator[Wavelengths]:
    for name, value in attributes.items():
        if not is_name(name):
            continue
        values = np.asarray(value)
        if values.dtype.kind in REAL_KINDS and values.ndim:
            unit = unit_in_name(name)
            unit = unit or _unit(attributes, (f"{name}_units", f"{name}_unit", "wavelength_units"))
            yield Wavelengths(
                values.astype(np.float64).ravel(), unit, f"wavelengths in {name!r}, {where}"
            )


def _unit(attributes: Attributes, names: tuple[str, ...]) -> str | None:
    value = attribute(attributes, names)
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
