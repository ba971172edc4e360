"""What the attributes of HDF5 and Zarr say: no data, scale and offset, wavelengths, axes.

Letters: H rows, W columns, B bands.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from dmssn.cube import Georeference
from dmssn.readers import wavelengths
from dmssn.readers.stored import REAL_KINDS, Convention, Wavelengths

Attributes = Mapping[str, Any]

NO_DATA = ("_fillvalue", "missing_value", "data_ignore_value")
"""Attributes, in lower case, that hold the number for "no data": of CF, and of NEON's files."""
SCALE, OFFSET = "scale_factor", "add_offset"
"""CF's names, exactly so: the ``Scale_Factor`` of NEON's files divides where CF's multiplies."""
MAPPING, TRANSFORM, CRS = "grid_mapping", "GeoTransform", ("crs_wkt", "spatial_ref")
"""CF's attribute that names an array, and what GDAL keeps there of coordinates and their system."""
AXES = {
    "H": ("row", "rows", "y", "line", "lines", "height", "lat", "latitude", "northing"),
    "W": ("column", "columns", "x", "sample", "samples", "width", "lon", "longitude", "easting"),
    "B": ("band", "bands"),
}
"""What axes are called that have a name; an axis called like wavelengths holds bands, too."""


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


class Scaling(NamedTuple):
    """CF's rule: value = stored * factor + offset."""

    factor: float = 1.0
    offset: float = 0.0


def ignore_value(attributes: Attributes) -> float | None:
    """The number that means "no data", if an attribute names one."""
    value = np.asarray(_attribute(attributes, NO_DATA))
    return float(value.ravel()[0]) if value.size and value.dtype.kind in REAL_KINDS else None


def scaling(path: Path, attributes: Attributes) -> Scaling:
    """How stored numbers become values by ``scale_factor`` and ``add_offset``.

    Raises:
        ValueError: One of them is no single finite number, or the factor is 0.
    """
    found = []
    for name, neutral in ((SCALE, 1.0), (OFFSET, 0.0)):
        value = np.asarray(attributes.get(name, neutral))
        one = value.size == 1 and value.dtype.kind in REAL_KINDS and np.isfinite(value).all()
        if not one or (name == SCALE and not value.any()):
            raise ValueError(
                f"{path}: the attribute {name} must be one finite number"
                f"{' other than 0' if name == SCALE else ''}, got {attributes[name]!r}"
            )
        found.append(float(value.ravel()[0]))
    return Scaling(*found)


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
    mapping = _text(arrays[name].attrs.get(MAPPING))
    folder = name.rpartition("/")[0]
    beside = (f"{folder}/{mapping}".lstrip("/"), mapping or "")
    told = next((arrays[place].attrs for place in beside if place in arrays), {})
    numbers = _text(told.get(TRANSFORM))
    if numbers is None:
        return None, ()
    crs = next((text for key in CRS if (text := _text(told.get(key)))), None)
    try:
        c, a, b, f, d, e = map(float, numbers.split())
        return Georeference((a, b, c, d, e, f), crs), ()
    except ValueError as error:
        return None, (f"its georeference is left out: {TRANSFORM} must be six numbers ({error})",)


def _text(value: Any) -> str | None:  # noqa: ANN401
    """A text, as it may come out of a file; None of anything else."""
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return value if isinstance(value, str) else None


def named_axes(names: Sequence[str | None], where: str) -> Convention | None:
    """The order of axes that have names; None unless one each is of rows, columns and bands.

    Example:
        >>> named_axes(["y", "x", "wavelength"], "here").axes
        'HWB'
        >>> named_axes(["y", "x", "time"], "here") is None
        True
    """
    letters = "".join(_letter(name or "") for name in names)
    if sorted(letters) != sorted("HWB"):
        return None
    return Convention(letters, f"{where} calls its axes {', '.join(map(str, names))}", True)


def _letter(name: str) -> str:
    found = next((letter for letter, known in AXES.items() if name.lower() in known), "")
    return found or ("B" if wavelengths.is_name(name) else "")


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
        if (
            wavelengths.is_name(last)
            and item.dtype.kind in REAL_KINDS
            and wavelengths.is_vector(item.shape)
        ):
            unit = wavelengths.unit_in_name(last) or _unit(item.attrs, ("units", "unit"))
            values = np.asarray(item[...], np.float64).ravel()
            yield Wavelengths(values, unit, f"wavelengths in {other!r}")
    for where, attributes in groups:
        yield from _in_attributes(attributes, where)


def _in_attributes(attributes: Attributes, where: str) -> Iterator[Wavelengths]:
    for name, value in attributes.items():
        if not wavelengths.is_name(name):
            continue
        values = np.asarray(value)
        if values.dtype.kind in REAL_KINDS and values.ndim:
            unit = wavelengths.unit_in_name(name)
            unit = unit or _unit(attributes, (f"{name}_units", f"{name}_unit", "wavelength_units"))
            yield Wavelengths(
                values.astype(np.float64).ravel(), unit, f"wavelengths in {name!r}, {where}"
            )


def _unit(attributes: Attributes, names: tuple[str, ...]) -> str | None:
    value = _attribute(attributes, names)
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _attribute(attributes: Attributes, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """The attribute of the first of these names, whatever its case; None when there is none."""
    found = {name.lower(): name for name in attributes}
    wanted = next((name.lower() for name in names if name.lower() in found), None)
    return None if wanted is None else attributes[found[wanted]]
