"""Zarr of both versions, read as HDF5 is; and numbers that attributes scale, in either."""

import base64
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from dmssn.readers import open_cube, read_cube
from dmssn.readers.formats import cubes_in

HEIGHT, WIDTH, BANDS = 40, 52, 12
WAVELENGTHS_NM = np.linspace(400.0, 950.0, BANDS)


def scene(dtype: str = "uint16") -> np.ndarray:
    """(H, W, B), every number once."""
    return np.arange(HEIGHT * WIDTH * BANDS).reshape(HEIGHT, WIDTH, BANDS).astype(dtype)


def add(group, name: str, data: np.ndarray, **options):
    array = group.create_array(
        name,
        shape=data.shape,
        dtype=data.dtype,
        chunks=options.pop("chunks", data.shape),
        **options,
    )
    array[...] = data
    return array


def store(path: Path, data=None, version: int = 2, attributes=None, **options) -> Path:
    """A group with the cube and a mask."""
    group = zarr.create_group(str(path), zarr_format=version)
    data = scene() if data is None else data
    add(group, "cube", data, attributes=attributes or {}, **options)
    add(group, "mask", data[:, :, 0])
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("order", ["HWB", "BHW", "HBW"])
@pytest.mark.parametrize("chunks", [(40, 52, 12), (7, 20, 5)])
def test_zarr_in_any_version_order_and_chunks(tmp_path, version, order, chunks):
    places = ["HWB".index(letter) for letter in order]
    stored, parts = scene().transpose(places), tuple(chunks[place] for place in places)
    path = store(tmp_path / "scene.zarr", stored, version, chunks=parts)
    file = open_cube(path)
    assert (file.name, file.key, file.shape) == ("scene", "cube", (HEIGHT, WIDTH, BANDS))
    np.testing.assert_array_equal(read_cube(path).data, scene())
    np.testing.assert_array_equal(file.read(slice(7, 19)), scene()[7:19])


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_may_be_one_array_under_any_name(tmp_path, version):
    array = zarr.create_array(
        str(tmp_path / "scene"), shape=scene().shape, dtype="uint16", zarr_format=version
    )
    array[...] = scene()
    assert open_cube(tmp_path / "scene").key is None
    np.testing.assert_array_equal(read_cube(tmp_path / "scene").data, scene())
    with pytest.raises(ValueError, match="--key does not apply, it holds one array"):
        open_cube(tmp_path / "scene", key="cube")


def test_several_cubes_ask_for_the_key(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=3)
    add(group, "one", scene())
    add(group.create_group("deep"), "two", scene() + 1)
    with pytest.raises(ValueError, match=r"--key with one of: deep/two .*, one "):
        open_cube(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read_cube(tmp_path / "a.zarr", key="two").data, scene() + 1)
    with pytest.raises(ValueError, match="no variable 'three'"):
        open_cube(tmp_path / "a.zarr", key="three")


@pytest.mark.parametrize("holder", ["array", "group", "root", "sibling"])
def test_wavelengths_are_found_as_in_hdf5(tmp_path, holder):
    root = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=3)
    group = root.create_group("swaths")
    array = add(group, "radiance", scene())
    if holder == "sibling":
        micrometres = add(group, "wavelength", WAVELENGTHS_NM / 1000)
        micrometres.attrs["units"] = "micrometers"
    else:
        place = {"array": array, "group": group, "root": root}[holder]
        place.attrs["wavelengths_nm"] = WAVELENGTHS_NM.tolist()
    cube = read_cube(tmp_path / "a.zarr")
    np.testing.assert_allclose(cube.wavelengths_nm, WAVELENGTHS_NM)
    assert cube.notes == ()


@pytest.mark.parametrize(
    ("version", "names", "axes"),
    [
        (3, ("band", "y", "x"), "BHW"),
        (2, ("x", "y", "wavelength"), "WHB"),
        (3, ("Lines", "Samples", "Bands"), "HWB"),
        (3, ("time", "y", "x"), None),
        (3, ("y", "y", "band"), None),
    ],
)
def test_axes_with_names_need_no_guess(tmp_path, version, names, axes):
    data = np.arange(12 * 9 * 10.0).reshape(12, 9, 10)
    path = store(tmp_path / "a.zarr", data, version, **(
        {"dimension_names": names} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": names}}
    ))  # fmt: skip
    if axes is None:
        with pytest.raises(ValueError, match="cannot tell which axis"):
            open_cube(path)
        return
    wanted = data.transpose([axes.index(letter) for letter in "HWB"])
    np.testing.assert_array_equal(read_cube(path).data, wanted)
    assert f"the store calls its axes {', '.join(names)}" in open_cube(path).axis_decision
    with pytest.raises(ValueError, match="contradicts"):
        open_cube(path, band_axis=(axes.index("B") + 1) % 3)


@pytest.mark.parametrize("name", ["a.h5", "a.mat"])
def test_labels_of_hdf5_are_names_of_axes_too(tmp_path, name):
    data = np.arange(12 * 9 * 10.0).reshape(12, 9, 10)
    with h5py.File(tmp_path / name, "w") as file:
        file["cube"] = data
        for axis, label in zip(file["cube"].dims, ("y", "band", "x"), strict=True):
            axis.label = label
    np.testing.assert_array_equal(read_cube(tmp_path / name).data, data.transpose(0, 2, 1))


def test_only_the_chunks_of_the_rows_asked_for_are_opened(tmp_path):
    path = store(tmp_path / "a.zarr", chunks=(10, WIDTH, BANDS))
    (path / "cube" / "3.0.0").write_bytes(b"damaged")
    file = open_cube(path)
    assert file.row_blocks() == [slice(0, HEIGHT)]
    np.testing.assert_array_equal(file.read(slice(0, 30)), scene()[:30])
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read"):
        file.read()


def test_row_blocks_follow_the_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 1)
    path = store(tmp_path / "a.zarr", chunks=(9, 9, BANDS))
    assert open_cube(path).row_blocks()[:2] == [slice(0, 9), slice(9, 18)]


def test_a_folder_of_cubes_may_hold_zarr_and_zarr_is_no_folder_of_cubes(tmp_path):
    path = store(tmp_path / "b.zarr")
    add(zarr.open(str(path)), "like.h5", scene())
    np.save(tmp_path / "a.npy", scene())
    assert cubes_in(tmp_path) == [tmp_path / "a.npy", path]
    assert cubes_in(path) == []


def test_what_is_no_zarr_or_damaged_is_said_to_be(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ValueError, match=r"a\.zarr: is no Zarr, whatever its name"):
        open_cube(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read"):
        open_cube(tmp_path / "a.zarr")
    group = zarr.create_group(str(tmp_path / "b.zarr"))
    add(group, "mask", scene()[:, :, 0])
    with pytest.raises(ValueError, match="three axes, found mask"):
        open_cube(tmp_path / "b.zarr")


def invalid(path: Path) -> list[list[int]]:
    return np.argwhere(~read_cube(path).valid()).tolist()


def test_no_data_of_zarr_is_an_attribute_or_the_fill_value_of_version_2(tmp_path):
    data = scene("int32")
    data[2, 3, 4], data[0, 0, 0] = -999, 0
    coded = base64.b64encode(struct.pack("<d", -999.0)).decode()  # as xarray does in version 3
    for name, version, options in (
        ("a", 3, {"attributes": {"_FillValue": -999}}),
        ("b", 3, {"attributes": {"_FillValue": coded}}),
        ("c", 2, {"fill_value": -999}),
        ("d", 2, {"attributes": {"missing_value": -999}, "fill_value": 5}),
    ):
        path = store(tmp_path / f"{name}.zarr", data, version, **options)
        assert invalid(path) == [[2, 3]], name
    # 0 is what the library fills with when it is told nothing.
    assert invalid(store(tmp_path / "e.zarr", data, 2, fill_value=0)) == []


# Scale and offset


def write(path: Path, data: np.ndarray, attributes: dict) -> Path:
    if path.suffix == ".zarr":
        plain = {name: np.asarray(value).tolist() for name, value in attributes.items()}
        return store(path, data, attributes=plain)
    with h5py.File(path, "w") as file:
        file["cube"] = data.T if path.suffix == ".mat" else data
        file["cube"].attrs.update(attributes)
    return path


@pytest.mark.parametrize("name", ["a.h5", "a.mat", "a.zarr"])
def test_stored_numbers_are_scaled_after_the_missing_ones_are_known(tmp_path, name):
    data = scene("int32")
    data[2, 3, 4], data[5, 6, 7] = -32768, 2
    # 2 * 0.5 - 32769 is the number for "no data", but only as a value: it is valid.
    attributes = {"scale_factor": 0.5, "add_offset": -32769.0, "_FillValue": np.int32(-32768)}
    path = write(tmp_path / name, data, attributes)
    expected = data * 0.5 - 32769
    expected[2, 3, 4] = np.nan
    np.testing.assert_array_equal(read_cube(path).data, expected.astype("float32"))
    assert invalid(path) == [[2, 3]]
    assert "multiplied by the file's scale_factor, 0.5, and its add_offset, -32769, added" in (
        read_cube(path).notes
    )


@pytest.mark.parametrize("attributes", [{"scale_factor": [0.001]}, {"add_offset": 3.0}])
def test_either_may_stand_alone(tmp_path, attributes):
    path = write(tmp_path / "a.h5", scene(), attributes)
    scale = 0.001 if "scale_factor" in attributes else 1
    expected = scene() * scale + attributes.get("add_offset", 0.0)
    np.testing.assert_array_equal(read_cube(path).data, expected.astype("float32"))


def test_an_offset_far_above_the_steps_costs_no_digits(tmp_path):
    path = write(tmp_path / "a.h5", scene(), {"scale_factor": 1e-3, "add_offset": 1000.0})
    expected = (scene() * 1e-3 + 1000.0).astype("float32")
    np.testing.assert_array_equal(read_cube(path).data, expected)


def test_references_are_scaled_before_they_calibrate(tmp_path):
    write(tmp_path / "a.h5", scene(), {"scale_factor": 0.5})
    write(tmp_path / "white.h5", np.full_like(scene(), 40000), {"scale_factor": 0.25})
    cube = read_cube(tmp_path / "a.h5", white=tmp_path / "white.h5")
    np.testing.assert_allclose(cube.data, scene() * 0.5 / 10000, rtol=1e-6)


def test_the_factor_of_neon_which_divides_is_left_alone(tmp_path):
    path = write(tmp_path / "a.h5", scene(), {"Scale_Factor": 10000.0})
    np.testing.assert_array_equal(read_cube(path).data, scene())


@pytest.mark.parametrize(
    "attributes",
    [
        {"scale_factor": 0.0},
        {"scale_factor": np.nan},
        {"scale_factor": [1.0, 2.0]},
        {"add_offset": np.inf},
        {"add_offset": "3"},
    ],
)
def test_a_scale_or_offset_that_is_no_number_is_an_error(tmp_path, attributes):
    path = write(tmp_path / "a.h5", scene(), attributes)
    with pytest.raises(ValueError, match="must be one finite number") as caught:
        open_cube(path)
    assert str(caught.value).startswith(f"{path}: the attribute {next(iter(attributes))}")
