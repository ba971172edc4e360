"""Cubes from and to xarray: names, order, units, a place on a map."""

import sys
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmssn.cube import Cube, Georeference
from generated import cube_of

xarray = pytest.importorskip("xarray", reason="the extra xarray is not installed")

HEIGHT, WIDTH, BANDS = 4, 5, 6
NM = np.array([450.0, 500.0, 550.0, 600.0, 650.0, 700.0])
VALUES = np.random.default_rng(0).random((HEIGHT, WIDTH, BANDS), dtype=np.float32)
UTM = Georeference((2.0, 0.0, 500000.1, 0.0, -3.0, 4100000.3), "EPSG:32611")
TURNED = Georeference((2.0, 1.0, 500000.1, 1.0, -3.0, 4100000.3), "EPSG:32611")
NAMES = [
    ("y", "x", "band"),
    ("row", "col", "wavelength"),
    ("lines", "samples", "bands"),
    ("lat", "lon", "wl"),
    ("Y", "X", "Wavelengths"),
    ("height", "width", "channel"),
    ("northing", "easting", "wavelength_nm"),
    ("downtrack", "crosstrack", "bands"),
]


def array_of(bands: str = "wavelength", **coordinates) -> "xarray.DataArray":
    return xarray.DataArray(VALUES, dims=("y", "x", bands), coords=coordinates)


@pytest.mark.parametrize("place", [None, UTM, TURNED, Georeference(UTM.transform)])
def test_there_and_back_a_cube_is_the_same(place):
    cube = Cube(VALUES, NM, "field", georeference=place)
    array = cube.to_xarray()
    assert array.dims == ("y", "x", "wavelength")
    assert array.wavelength.attrs["units"] == "nm"
    assert array.name == "field"
    back = Cube.from_xarray(array)
    np.testing.assert_array_equal(back.data, VALUES)
    assert back.wavelengths_nm is not None
    np.testing.assert_array_equal(back.wavelengths_nm, NM)
    assert (back.name, back.notes, back.georeference) == ("field", (), place)


def test_numbers_are_shared():
    cube = cube_of(4, 5, 6)
    assert np.shares_memory(cube.to_xarray().values, cube.data)
    assert np.shares_memory(Cube.from_xarray(cube.to_xarray()).data, cube.data)


def test_without_wavelengths_bands_are_counted():
    array = Cube(VALUES).to_xarray()
    assert array.dims == ("y", "x", "band")
    assert Cube.from_xarray(array).wavelengths_nm is None


@given(names=st.sampled_from(NAMES), order=st.sampled_from(list(permutations(range(3)))))
def test_dimensions_are_found_by_their_names_in_any_order(names, order):
    array = xarray.DataArray(VALUES, dims=names).transpose(*(names[axis] for axis in order))
    np.testing.assert_array_equal(Cube.from_xarray(array).data, VALUES)


@pytest.mark.parametrize(
    "dims", [("a", "b", "c"), ("y", "x", "time"), ("y", "row", "band"), ("x", "z", "band")]
)
def test_dimensions_that_say_nothing_are_refused(dims):
    with pytest.raises(ValueError, match="rename them to y, x and band"):
        Cube.from_xarray(xarray.DataArray(VALUES, dims=dims, name="scene"))


def test_what_is_no_array_of_numbers_is_refused():
    with pytest.raises(ValueError, match=r"isel\(time=0\)"):
        Cube.from_xarray(array_of().expand_dims("time"))
    with pytest.raises(ValueError, match="choose one of it: radiance"):
        Cube.from_xarray(xarray.Dataset({"radiance": array_of()}))
    with pytest.raises(ValueError, match=r"Cube\.from_array"):
        Cube.from_xarray(VALUES)
    with pytest.raises(ValueError, match="integers or floats, got complex64"):
        Cube.from_xarray(array_of().astype(complex).astype("complex64"))


@pytest.mark.parametrize(
    ("values", "units", "wanted"),
    [
        (NM / 1000, {"units": "um"}, NM),
        (NM / 1000, {"units": "micrometers"}, NM),
        (NM / 1000, {}, NM),
        (NM, {"units": "nm"}, NM),
        (NM, {"unit": "nanometer"}, NM),
        (NM, {}, NM),
        (np.arange(BANDS), {}, None),
        (NM, {"units": "cm-1"}, None),
    ],
)
def test_wavelengths_are_in_nanometres_or_unknown(values, units, wanted):
    cube = Cube.from_xarray(array_of(wavelength=("wavelength", values, units)))
    if wanted is None:
        assert cube.wavelengths_nm is None
        assert "wavelengths unknown" in cube.notes[0]
    else:
        assert cube.wavelengths_nm is not None
        np.testing.assert_allclose(cube.wavelengths_nm, wanted)


def test_wavelengths_beside_numbered_bands_are_found_and_sorted():
    array = array_of("band", band=np.arange(1, BANDS + 1), wavelength=("band", NM[::-1]))
    cube = Cube.from_xarray(array)
    assert cube.wavelengths_nm is not None
    np.testing.assert_array_equal(cube.wavelengths_nm, NM)
    np.testing.assert_array_equal(cube.data, VALUES[:, :, ::-1])


def test_bands_without_a_wavelength_are_left_out():
    told = NM.copy()
    told[2] = np.nan
    cube = Cube.from_xarray(array_of("band", wavelength=("band", told)))
    np.testing.assert_array_equal(cube.data, np.delete(VALUES, 2, axis=2))
    assert cube.notes[-1] == "bands left out, since they have no wavelength: 1"


def test_no_data_scale_and_offset_are_followed_and_the_array_is_left_alone():
    counts = np.full((2, 2, 3), 10, np.int16)
    counts[0, 1, 2] = -999
    array = xarray.DataArray(
        counts,
        dims=("y", "x", "band"),
        attrs={"_FillValue": -999, "scale_factor": 0.5, "add_offset": 1.0},
    )
    cube = Cube.from_xarray(array)
    assert np.isnan(cube.data[0, 1, 2])
    assert np.delete(cube.data.ravel(), 5).tolist() == [6.0] * 11
    assert cube.valid().sum() == 3
    assert array.values[0, 1, 2] == -999
    floats = array_of()
    floats.attrs["_FillValue"] = float(VALUES[0, 0, 0])
    assert np.isnan(Cube.from_xarray(floats).data[0, 0, 0])
    assert floats.values[0, 0, 0] == VALUES[0, 0, 0]


# A place on a map


@pytest.mark.parametrize("place", [UTM, TURNED])
def test_a_part_lies_where_it_lies(place):
    array = Cube(VALUES, NM, georeference=place).to_xarray()
    part = array.isel(y=slice(1, 3), x=slice(2, 5))
    assert Cube.from_xarray(part).georeference == place.window(1, 2)
    flipped = Cube.from_xarray(array.isel(y=slice(None, None, -1))).georeference
    for row, column in ((0.5, 0.5), (2.5, 1.0)):
        assert flipped is not None
        wanted = place.point(column, HEIGHT - row)
        np.testing.assert_allclose(flipped.point(column, row), wanted)
    thinned = Cube.from_xarray(array.isel(x=slice(0, None, 2))).georeference
    assert thinned is not None
    np.testing.assert_allclose(thinned.point(1.5, 0.5), place.point(2.5, 0.5))


def test_one_row_lies_where_it_lies():
    array = Cube(VALUES, NM, georeference=UTM).to_xarray().isel(y=[2])
    assert Cube.from_xarray(array).georeference == UTM.window(2, 0)


def test_dimensions_are_turned_with_it():
    array = Cube(VALUES, NM, georeference=UTM).to_xarray().transpose("x", "wavelength", "y")
    assert Cube.from_xarray(array).georeference == UTM


def test_latitude_and_longitude_need_no_system():
    array = xarray.DataArray(
        VALUES,
        dims=("lat", "lon", "band"),
        coords={"lat": 40 - 0.5 * np.arange(HEIGHT), "lon": 10 + 0.25 * np.arange(WIDTH)},
    )
    found = Cube.from_xarray(array).georeference
    assert found == Georeference((0.25, 0.0, 9.875, 0.0, -0.5, 40.25))


def test_coordinates_that_only_count_are_no_place():
    array = array_of(y=np.arange(HEIGHT), x=np.arange(WIDTH))
    assert Cube.from_xarray(array).georeference is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda a: a.assign_coords(x=[0.0, 1, 2, 3, 9]), "not evenly spaced"),
        (lambda a: a.isel(x=[0, 3, 4]), "not evenly spaced"),
        (lambda a: a.drop_vars("x"), "missing"),
    ],
)
def test_a_place_that_cannot_be_told_is_left_out_with_a_note(change, why):
    cube = Cube.from_xarray(change(Cube(VALUES, NM, georeference=UTM).to_xarray()))
    assert cube.georeference is None
    assert why in " ".join(cube.notes)


def test_a_transform_that_is_none_is_left_out_with_a_note():
    array = array_of().assign_coords(spatial_ref=((), 0, {"GeoTransform": "1 2 3"}))
    cube = Cube.from_xarray(array)
    assert cube.georeference is None
    assert "must be six numbers" in cube.notes[0]


def test_without_xarray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'dmssn\[xarray\]'$"):
        Cube(VALUES).to_xarray()
