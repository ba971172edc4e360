"""Cubes from xarray's DataArrays, and as such.

Letters: H rows, W columns, B bands.
"""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmssn.cube.axes import axis_letters
from dmssn.cube.georeference import MAPPING, Georeference
from dmssn.cube.stored_numbers import REAL_KINDS, ignore_value, no_data, numbers, scaling
from dmssn.cube.wavelengths import Wavelengths, by_wavelength, is_name, to_nm, unit_in_name

if TYPE_CHECKING:
    from xarray import DataArray

Read = tuple[
    NDArray[np.float32], NDArray[np.float64] | None, str, tuple[str, ...], Georeference | None
]
"""What a cube is made of: numbers, wavelengths, name, notes, place."""

PLACE = "spatial_ref"
"""Coordinate that says of what system the others are; rioxarray's name, where no other is told."""
ON_A_MAP = ("lat", "latitude", "lon", "longitude", "northing", "easting")
"""Dimensions whose coordinates are of a map, whatever else is told."""
PIXELS = "pixel"
"""Unit of coordinates that count pixels, where rows and columns are not along the map's axes."""
EVEN = 1e-3
"""Coordinates of pixels are evenly spaced to so much of a step: float32 ones are no better."""


def read_data_array(array: "DataArray") -> Read:
    """What a cube is made of, as ``Cube.from_xarray`` has it."""
    if not all(hasattr(array, name) for name in ("dims", "coords", "attrs", "transpose")):
        raise ValueError(
            f"expected an xarray.DataArray, got {type(array).__name__}; arrays of other kinds go "
            "to Cube.from_array"
        )
    if not hasattr(array, "dtype"):
        held = ", ".join(map(str, getattr(array, "data_vars", ())))
        raise ValueError(f"expected one DataArray, got a Dataset; choose one of it: {held}")
    name = "cube" if array.name is None else str(array.name)
    letters = axis_letters([str(dim) for dim in array.dims])
    if letters is None:
        raise ValueError(
            f"{name}: cannot tell rows, columns and bands among the dimensions "
            f"{', '.join(map(str, array.dims)) or '(none)'}; rename them to y, x and band, and "
            "choose one of any other, as in array.isel(time=0)"
        )
    height, width, bands = (array.dims[letters.index(letter)] for letter in "HWB")
    data = _values(name, array.transpose(height, width, bands))
    place, unplaced = _georeference(array, height, width)
    found = _wavelengths(array, bands)
    if found is None:
        return data, None, name, unplaced, place
    told, notes = to_nm(name, found)
    if told is None:
        return data, None, name, (*notes, *unplaced), place
    have = np.isfinite(told)
    if not have.all():
        notes = (*notes, f"bands left out, since they have no wavelength: {(~have).sum()}")
        data, told = np.ascontiguousarray(data[:, :, have]), told[have]
    data, told, changes = by_wavelength(data, told)
    return data, told, name, (*notes, *changes, *unplaced), place


def _values(name: str, array: "DataArray") -> NDArray[np.float32]:
    """Float32 of shape (H, W, B), NaN where there is no data, in the unit of the values."""
    data = numbers(array.values, f"{name}: a cube")
    ignore, scaled = ignore_value(array.attrs), scaling(name, array.attrs)
    plain = (scaled.factor, scaled.offset) == (1, 0)
    if plain and (ignore is None or np.isnan(ignore)):
        return data
    gone = None if ignore is None else no_data(data, np.float32(ignore))
    # A copy, for the user's own array is not ours to change.
    data = (data.astype(np.float64) * scaled.factor + scaled.offset).astype(np.float32)
    if gone is not None:
        data[gone] = np.nan
    return data


def _wavelengths(array: "DataArray", bands: Hashable) -> Wavelengths | None:
    """The first coordinate of the bands that is called like wavelengths, the bands' own first."""
    for name in sorted(array.coords, key=lambda name: (name != bands, str(name))):
        coordinate = array.coords[name]
        said = str(name)
        if coordinate.dims == (bands,) and is_name(said) and coordinate.dtype.kind in REAL_KINDS:
            unit = unit_in_name(said) or _text(coordinate.attrs, "units", "unit")
            values = np.asarray(coordinate.values, dtype=np.float64)
            return Wavelengths(values, unit, f"wavelengths in {said!r}")
    return None


def _text(attributes: Mapping[Any, Any], *names: str) -> str | None:
    return next((str(attributes[name]) for name in names if name in attributes), None)


def _georeference(
    array: "DataArray", height: Hashable, width: Hashable
) -> tuple[Georeference | None, tuple[str, ...]]:
    """Where pixels lie: by their coordinates, which follow when a part is taken; or a note why not.

    Where rows and columns are not along the map's axes, or have no coordinates, by ``spatial_ref``.
    """
    named = array.attrs.get(MAPPING) or array.encoding.get(MAPPING) or PLACE
    mapping = array.coords[named].attrs if named in array.coords else {}
    on_a_map = str(height).lower() in ON_A_MAP and str(width).lower() in ON_A_MAP
    if not mapping and not on_a_map:
        return None, ()
    try:
        told = Georeference.from_grid_mapping(mapping)
        crs = Georeference.crs_of(mapping)
    except ValueError as error:
        return None, (f"its georeference is left out: {error}",)
    own = [array.coords[dim] if dim in array.coords else None for dim in (width, height)]
    if told is not None and all(one is None for one in own):
        return told, ()
    x, y = (None if one is None else _even(one.values) for one in own)
    if x is None or y is None:
        why = "the coordinates of its pixels are missing, or not evenly spaced"
        return None, (f"its georeference is left out: {why}",)
    in_pixels = all(one is not None and one.attrs.get("units") == PIXELS for one in own)
    if in_pixels and told is not None:
        return _part(told, x, y), ()
    if told is not None and (told.transform[1], told.transform[3]) != (0, 0):
        why = f"{named} is turned, and the coordinates of its pixels are not"
        return None, (f"its georeference is left out: {why}",)
    a, _, c, _, e, f = (None,) * 6 if told is None else told.transform
    across, down = _along(*x, a, c), _along(*y, e, f)
    if across is None or down is None:
        why = "one row or column does not tell the size of a pixel"
        return None, (f"its georeference is left out: {why}",)
    return Georeference((across[0], 0.0, across[1], 0.0, down[0], down[1]), crs), ()


def _along(
    first: float, step: float | None, told: float | None, origin: float | None
) -> tuple[float, float] | None:
    """Size of a pixel along an axis and its first edge, as exactly as they are told.

    Args:
        first: Coordinate of the first pixel's middle.
        step: To the next; None where there is none.
        told: Size of a pixel of the whole picture; None if it is not told.
        origin: The first edge of the whole picture; None likewise.
    """
    if told is None or origin is None or (step is not None and not _alike(step, told)):
        return None if step is None else (step, first - step / 2)
    before = (first - origin) / told - 0.5
    if abs(before - round(before)) <= EVEN:
        return told, origin + round(before) * told
    return told, first - told / 2


def _alike(step: float, told: float) -> bool:
    return abs(step - told) <= EVEN * abs(told)


def _even(values: NDArray[Any]) -> tuple[float, float | None] | None:
    """The first coordinate and the step, None for one alone; None if they are not evenly spaced."""
    if values.ndim != 1 or values.dtype.kind not in REAL_KINDS or not np.isfinite(values).all():
        return None
    steps = np.diff(values.astype(np.float64))
    if not steps.size:
        return float(values[0]), None
    step = float(values[-1] - values[0]) / steps.size
    if step == 0 or not np.allclose(steps, step, rtol=0, atol=EVEN * abs(step)):
        return None
    return float(values[0]), step


def _part(
    whole: Georeference, x: tuple[float, float | None], y: tuple[float, float | None]
) -> Georeference:
    """The georeference of some columns and rows of a picture, by the middles of these pixels."""
    across, down = x[1] or 1.0, y[1] or 1.0
    a, b, _, d, e, _ = whole.transform
    corner = whole.point(x[0] - across / 2, y[0] - down / 2)
    transform = (a * across, b * down, corner[0], d * across, e * down, corner[1])
    return Georeference(transform, whole.crs, whole.projection)


def write_data_array(
    data: NDArray[np.float32],
    wavelengths_nm: NDArray[np.float64] | None,
    name: str,
    place: Georeference | None,
) -> "DataArray":
    """A DataArray as ``Cube.to_xarray`` has it."""
    try:
        from xarray import DataArray
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a cube as a DataArray needs an extra: pip install 'dmssn[xarray]'"
        ) from None
    coordinates: dict[str, Any] = {}
    bands = "band"
    if wavelengths_nm is not None:
        bands = "wavelength"
        about = {"units": "nm", "standard_name": "radiation_wavelength"}
        coordinates[bands] = (bands, wavelengths_nm, about)
    attributes = {}
    if place is not None:
        a, b, c, d, e, f = place.transform
        columns, rows = np.arange(data.shape[1]) + 0.5, np.arange(data.shape[0]) + 0.5
        about = {"units": PIXELS}
        if (b, d) == (0, 0):
            columns, rows, about = a * columns + c, e * rows + f, {}
        coordinates |= {"y": ("y", rows, about), "x": ("x", columns, about)}
        coordinates[PLACE] = ((), 0, place.grid_mapping())
        attributes[MAPPING] = PLACE
    return DataArray(data, coordinates, ("y", "x", bands), name, attributes)
