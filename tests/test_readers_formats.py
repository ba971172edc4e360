"""Every format gives the same cube: no number repeats, so no transpose or flip can pass."""

import sys
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
from PIL import Image
from spectral.io import envi

from dmssn.config import SettingError
from dmssn.readers import open_cube, read_cube
from dmssn.readers.formats import cubes_in

HEIGHT, WIDTH, BANDS = 40, 52, 12
WAVELENGTHS_NM = np.linspace(400.0, 950.0, BANDS)


def scene(dtype: str = "uint16") -> np.ndarray:
    """(H, W, B), every number once."""
    return np.arange(HEIGHT * WIDTH * BANDS).reshape(HEIGHT, WIDTH, BANDS).astype(dtype)


def check(path: Path, dtype: str = "uint16", **options) -> None:
    """The file holds the scene, as a whole and by rows."""
    cube = read_cube(path, **options)
    assert cube.data.dtype == np.float32
    assert cube.data.flags.c_contiguous
    np.testing.assert_array_equal(cube.data, scene(dtype))
    file = open_cube(path, **options)
    assert file.shape == (HEIGHT, WIDTH, BANDS)
    assert file.name == cube.name
    np.testing.assert_array_equal(file.read(slice(7, 19)), scene(dtype)[7:19])


def write_envi(path: Path, interleave: str = "bil", data=None, **metadata) -> Path:
    envi.save_image(
        str(path),
        scene() if data is None else data,
        dtype=metadata.pop("dtype", np.uint16),
        interleave=interleave,
        byteorder=metadata.pop("byteorder", 0),
        ext=metadata.pop("ext", "raw"),
        metadata={key.replace("_", " "): value for key, value in metadata.items()},
    )
    return path


def write_matlab73(path: Path, **variables) -> Path:
    """As MATLAB does: a block of text first, axes reversed, classes in attributes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            file[name] = np.asarray(value).T
            file[name].attrs["MATLAB_class"] = np.bytes_(np.asarray(value).dtype.name)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116))
    return path


def write_pictures(folder: Path, name: str = "toys_ms_{}.png", dtype: str = "uint16") -> Path:
    folder.mkdir()
    for band in range(BANDS):
        Image.fromarray(scene(dtype)[:, :, band]).save(folder / name.format(band + 1))
    return folder


# ENVI


@pytest.mark.parametrize("interleave", ["bil", "bip", "bsq"])
@pytest.mark.parametrize("byteorder", [0, 1])
def test_envi_of_any_interleave_and_byte_order(tmp_path, interleave, byteorder):
    check(write_envi(tmp_path / "scene.hdr", interleave, byteorder=byteorder))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64", "uint64"])
def test_envi_of_any_real_type(tmp_path, dtype):
    check(write_envi(tmp_path / "scene.hdr", data=scene(dtype), dtype=np.dtype(dtype)), dtype)


def test_envi_header_offset_is_skipped(tmp_path):
    header = write_envi(tmp_path / "scene.hdr")
    raw = tmp_path / "scene.raw"
    raw.write_bytes(b"x" * 33 + raw.read_bytes())
    header.write_text(header.read_text().replace("header offset = 0", "header offset = 33"))
    check(header)


@pytest.mark.parametrize("ext", ["raw", "img", "dat", "bil", "RAW", ""])
def test_envi_opens_by_header_and_by_raw_file(tmp_path, ext):
    header = write_envi(tmp_path / "scene.hdr", ext=ext)
    check(header)
    check(tmp_path / (f"scene.{ext}" if ext else "scene"))


def test_envi_header_may_be_named_after_the_whole_raw_file(tmp_path):
    write_envi(tmp_path / "scene.hdr").rename(tmp_path / "scene.raw.hdr")
    check(tmp_path / "scene.raw")
    check(tmp_path / "scene.raw.hdr")


def test_envi_header_may_be_named_after_a_raw_file_of_any_ending(tmp_path):
    write_envi(tmp_path / "scene.hdr").rename(tmp_path / "scene.a.rfl.hdr")
    (tmp_path / "scene.raw").rename(tmp_path / "scene.a.rfl")
    check(tmp_path / "scene.a.rfl")
    check(tmp_path / "scene.a.rfl.hdr")


def test_envi_header_named_after_the_whole_raw_file_goes_before_a_shorter_name(tmp_path):
    header = write_envi(tmp_path / "scene.hdr")
    text = header.read_text()
    header.write_text(text.replace("byte order = 0", "byte order = 1"))
    (tmp_path / "scene.raw.hdr").write_text(text)
    check(tmp_path / "scene.raw")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_envi_header_may_hold_other_letters_in_any_usual_encoding(tmp_path, encoding):
    header = write_envi(
        tmp_path / "scene.hdr",
        wavelength=[f"{nm / 1000:.6f}" for nm in WAVELENGTHS_NM],
        wavelength_units="MICRO",
        description="PLACE",
    )
    text = header.read_text().replace("MICRO", "µm").replace("PLACE", "Zürich")
    header.write_bytes(text.encode(encoding))
    check(header)
    np.testing.assert_allclose(read_cube(header).wavelengths_nm, WAVELENGTHS_NM)


def read_envi_in(unit, factor, folder):
    """A cube whose header says that its wavelengths, in nm but for a factor, are in a unit."""
    header = write_envi(
        folder / "scene.hdr",
        wavelength=[f"{nm / factor:.6f}" for nm in WAVELENGTHS_NM],
        wavelength_units=unit,
    )
    return read_cube(header)


@pytest.mark.parametrize(
    ("unit", "factor", "taken"),
    [("Nanometers", 1000, "micrometres, since all are below 100"), ("um", 1, "nanometres")],
)
def test_envi_wavelengths_that_cannot_be_in_their_unit_are_righted_and_said(
    tmp_path, unit, factor, taken
):
    cube = read_envi_in(unit, factor, tmp_path)
    np.testing.assert_allclose(cube.wavelengths_nm, WAVELENGTHS_NM)
    assert any(f"cannot be '{unit}' as stated: taken as {taken}" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("unit", "factor", "note"),
    [
        ("nm", 1, None),
        ("Nanometers", 1, None),
        ("Micrometers", 1000, None),
        ("um", 1000, None),
        ("Unknown", 1000, "state no unit: taken as micrometres, since all are below 100"),
        ("Unknown", 1, "state no unit: taken as nanometres"),
    ],
)
def test_envi_wavelengths_come_out_in_nanometres(tmp_path, unit, factor, note):
    cube = read_envi_in(unit, factor, tmp_path)
    np.testing.assert_allclose(cube.wavelengths_nm, WAVELENGTHS_NM)
    assert [note for note in cube.notes if "unit" in note] == (
        [f"the wavelengths in the header {note}"] if note else []
    )


def test_envi_wavelengths_in_another_unit_are_unknown_and_said_to_be(tmp_path):
    header = write_envi(
        tmp_path / "scene.hdr", wavelength=list(range(1, 13)), wavelength_units="Index"
    )
    cube = read_cube(header)
    assert cube.wavelengths_nm is None
    assert any("'Index'" in note for note in cube.notes)


def test_envi_bad_bands_are_left_out_with_their_wavelengths(tmp_path):
    good = [1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0]
    header = write_envi(
        tmp_path / "scene.hdr", wavelength=list(WAVELENGTHS_NM), wavelength_units="nm", bbl=good
    )
    cube = read_cube(header)
    kept = np.flatnonzero(good)
    np.testing.assert_array_equal(cube.data, scene()[:, :, kept])
    np.testing.assert_allclose(cube.wavelengths_nm, WAVELENGTHS_NM[kept])
    assert "3 bands left out: the header calls them bad" in cube.notes


def test_envi_numbers_that_mean_no_data_make_their_pixel_invalid(tmp_path):
    data = scene("float32")
    data[3, 5, 2] = data[9, 1, 0] = -9999
    header = write_envi(
        tmp_path / "scene.hdr", data=data, dtype=np.float32, data_ignore_value=-9999
    )
    cube = read_cube(header)
    assert np.argwhere(~cube.valid()).tolist() == [[3, 5], [9, 1]]
    assert np.isnan(cube.data[3, 5, 2])


@pytest.mark.parametrize("written", ["-3.40282e+38", "-3.4028234663852886e+38", "-1.7977e+308"])
def test_envi_no_data_at_the_limit_of_float32_is_known_however_it_is_rounded(tmp_path, written):
    data = scene("float32")
    data[3, 5, 2] = np.finfo(np.float32).min
    header = write_envi(
        tmp_path / "scene.hdr", data=data, dtype=np.float32, data_ignore_value=written
    )
    assert np.argwhere(~read_cube(header).valid()).tolist() == [[3, 5]]


def test_envi_scale_factor_is_applied_once_and_after_the_missing_numbers(tmp_path):
    data = scene()
    data[0, 0] = 30000
    header = write_envi(
        tmp_path / "scene.hdr", data=data, reflectance_scale_factor=10000, data_ignore_value=30000
    )
    oracle = np.asarray(envi.open(str(header)).load())
    cube = read_cube(header)
    assert np.isnan(cube.data[0, 0]).all()
    np.testing.assert_allclose(cube.data[1:], oracle[1:], rtol=1e-6)
    np.testing.assert_allclose(cube.data[1:], data[1:] / 10000, rtol=1e-6)


# MATLAB


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_matlab_5(tmp_path, compressed, order):
    variables = {"cube": np.asarray(scene(), order=order), "map": scene()[:, :, 0], "who": "text"}
    scipy.io.savemat(tmp_path / "scene.mat", variables, do_compression=compressed)
    check(tmp_path / "scene.mat")


@pytest.mark.parametrize("name", ["wavelengths", "Wavelength", "wl", "wavelengths_nm", "lambda"])
def test_matlab_5_wavelengths_are_found_by_name(tmp_path, name):
    scipy.io.savemat(tmp_path / "scene.mat", {"cube": scene(), name: WAVELENGTHS_NM})
    np.testing.assert_array_equal(read_cube(tmp_path / "scene.mat").wavelengths_nm, WAVELENGTHS_NM)


def test_matlab_5_single_number_called_like_wavelengths_is_no_list(tmp_path):
    scipy.io.savemat(tmp_path / "scene.mat", {"cube": scene(), "lambda": 0.5})
    assert read_cube(tmp_path / "scene.mat").wavelengths_nm is None


def test_matlab_5_saved_bands_first_is_righted_by_its_wavelengths(tmp_path):
    scipy.io.savemat(
        tmp_path / "scene.mat", {"cube": np.moveaxis(scene(), 2, 0), "wl": WAVELENGTHS_NM}
    )
    check(tmp_path / "scene.mat")


def test_matlab_73_axes_are_turned_back(tmp_path):
    path = write_matlab73(tmp_path / "scene.mat", hypercube=scene(), wl=WAVELENGTHS_NM[None])
    check(path)
    np.testing.assert_array_equal(read_cube(path).wavelengths_nm, WAVELENGTHS_NM)


def test_matlab_73_under_another_name_is_still_known(tmp_path):
    check(write_matlab73(tmp_path / "scene.h5", hypercube=scene()))


def test_matlab_73_without_matlab_s_text_is_taken_as_matlab_s_by_its_name(tmp_path):
    with h5py.File(tmp_path / "scene.mat", "w") as file:
        file["hypercube"] = scene().T
    check(tmp_path / "scene.mat")


def test_matlab_73_ignores_booleans_and_its_own_references(tmp_path):
    path = write_matlab73(tmp_path / "scene.mat", hypercube=scene(), marked=scene() > 5)
    with h5py.File(path, "r+") as file:
        del file["marked"]
        file["marked"] = np.zeros((BANDS, WIDTH, HEIGHT), dtype=np.uint8)
        file["marked"].attrs["MATLAB_class"] = np.bytes_("logical")
        file["#refs#/a"] = np.zeros((BANDS, WIDTH, HEIGHT))
    assert open_cube(path).key == "hypercube"
    check(path)


# HDF5


@pytest.mark.parametrize("chunks", [None, (5, 7, 3), (40, 52, 12)])
@pytest.mark.parametrize("order", ["HWB", "BHW", "HBW"])
def test_hdf5_in_any_order_and_chunks(tmp_path, order, chunks):
    path = tmp_path / "scene.h5"
    stored = scene().transpose(["HWB".index(letter) for letter in order])
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "dataset",
            data=stored,
            chunks=chunks and tuple(min(pair) for pair in zip(chunks, stored.shape, strict=True)),
            compression="gzip" if chunks else None,
        )
    check(path)


@pytest.mark.parametrize("ending", ["h5", "hdf5", "he5", "nc"])
def test_hdf5_wavelengths_beside_the_cube_with_their_unit(tmp_path, ending):
    path = tmp_path / f"scene.{ending}"
    with h5py.File(path, "w") as file:
        file["swaths/radiance"] = scene()
        file["swaths/wavelength"] = WAVELENGTHS_NM / 1000
        file["swaths/wavelength"].attrs["units"] = "micrometers"
        file["other/wavelength"] = np.arange(BANDS) + 1.0
    cube = read_cube(path, key="radiance")
    np.testing.assert_allclose(cube.wavelengths_nm, WAVELENGTHS_NM)
    assert open_cube(path).key == "swaths/radiance"
    assert not any("unit" in note for note in cube.notes)


@pytest.mark.parametrize("holder", ["swaths/radiance", "swaths", "/"])
def test_hdf5_wavelengths_in_an_attribute(tmp_path, holder):
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        file["swaths/radiance"] = scene()
        file[holder].attrs["wavelengths_nm"] = WAVELENGTHS_NM
    np.testing.assert_allclose(read_cube(path).wavelengths_nm, WAVELENGTHS_NM)


def test_hdf5_fill_value_makes_pixels_invalid(tmp_path):
    data = scene("int16")
    data[2, 3, 4] = -999
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"] = data
        file["cube"].attrs["_FillValue"] = np.int16(-999)
    assert np.argwhere(~read_cube(tmp_path / "scene.h5").valid()).tolist() == [[2, 3]]


@pytest.mark.parametrize("name", ["missing_value", "Data_Ignore_Value"])
def test_hdf5_other_names_of_the_fill_value_and_the_unit(tmp_path, name):
    data = scene("int16")
    data[2, 3, 4] = -9999
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["site/reflectance"] = data
        file["site/reflectance"].attrs[name] = np.array([-9999.0])
        file["site/meta/Wavelength"] = WAVELENGTHS_NM
        file["site/meta/Wavelength"].attrs["Units"] = "nanometers"
    cube = read_cube(tmp_path / "scene.h5")
    assert np.argwhere(~cube.valid()).tolist() == [[2, 3]]
    assert not any("unit" in note for note in cube.notes)


def test_hdf5_reads_only_the_rows_and_bands_asked_for(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"] = scene()
    fetched = []
    real = h5py.Dataset.__getitem__

    def watched(self, index, *args, **kwargs):
        block = real(self, index, *args, **kwargs)
        fetched.append(block.shape)
        return block

    cube = open_cube(tmp_path / "scene.h5", bands=slice(2, 5))
    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    np.testing.assert_array_equal(cube.read(slice(10, 13)), scene()[10:13, :, 2:5])
    assert fetched == [(3, WIDTH, 3)]


@pytest.mark.parametrize("chunks", [(6, 52, 12), (40, 8, 12), (40, 52, 5), (40, 52, 12)])
def test_hdf5_chunks_are_fetched_once_and_whole(tmp_path, monkeypatch, chunks):
    monkeypatch.setattr("dmssn.readers.cube_file.BLOCK_BYTES", 1)
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=scene(), chunks=chunks)
    fetched = []
    real = h5py.Dataset.__getitem__

    def watched(self, index, *args, **kwargs):
        fetched.append(index)
        return real(self, index, *args, **kwargs)

    cube = open_cube(path, bands=slice(2, 12))
    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    np.testing.assert_array_equal(cube.read(slice(3, 40)), scene()[3:40, :, 2:12])
    touched = [
        tuple(
            (part.start // size, -(-part.stop // size))
            for part, size in zip(index, chunks, strict=True)
        )
        for index in fetched
    ]
    assert len(touched) == len(set(touched)) == np.prod(np.ceil(np.divide(scene().shape, chunks)))
    assert all(last - first == 1 for chunk in touched for first, last in chunk)


def test_row_blocks_follow_the_chunks_unless_these_are_very_high(tmp_path, monkeypatch):
    row = WIDTH * BANDS * 4
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 10 * row)
    monkeypatch.setattr("dmssn.readers.cube_file.MOST_BYTES", 25 * row)
    for height, first in ((4, 8), (16, 16), (40, 25)):
        with h5py.File(tmp_path / f"{height}.h5", "w") as file:
            file.create_dataset("cube", data=scene(), chunks=(height, WIDTH, 1))
        cube = open_cube(tmp_path / f"{height}.h5")
        assert cube.row_blocks()[0] == slice(0, first)
        np.testing.assert_array_equal(
            np.concatenate([cube.read(rows) for rows in cube.row_blocks()]), scene()
        )


def test_blocks_are_higher_where_a_bands_rows_lie_together(tmp_path, monkeypatch):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 3 * WIDTH * BANDS * 4)
    for order, rows in (("HWB", 3), ("HBW", 3), ("BHW", 12)):
        stored = scene().transpose(["HWB".index(letter) for letter in order])
        np.save(tmp_path / f"{order}.npy", stored.copy())
        assert open_cube(tmp_path / f"{order}.npy").row_blocks()[0] == slice(0, rows)


def watch_fetches(monkeypatch) -> list[tuple[str, tuple[slice, ...]]]:
    """The blocks of every HDF5 dataset read from now on, and whether straight to their place."""
    fetched = []
    index, direct = h5py.Dataset.__getitem__, h5py.Dataset.read_direct
    monkeypatch.setattr(
        h5py.Dataset,
        "__getitem__",
        lambda self, part, *rest: [fetched.append(("copied", part)), index(self, part, *rest)][1],
    )
    monkeypatch.setattr(
        h5py.Dataset,
        "read_direct",
        lambda self, into, part: [fetched.append(("direct", part)), direct(self, into, part)][1],
    )
    return fetched


@pytest.mark.parametrize(("dtype", "way"), [("<f4", "direct"), (">f4", "copied"), ("u2", "copied")])
def test_float32_numbers_in_our_order_go_straight_to_their_place(tmp_path, monkeypatch, dtype, way):
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"] = scene().astype(dtype)
    for bands, expected in ((None, way), (slice(3, 9), way), ([1, 2, 5], "copied")):
        cube = open_cube(tmp_path / "scene.h5", bands=bands)
        with monkeypatch.context() as watching:
            fetched = watch_fetches(watching)
            found = cube.read(slice(5, 9))
        assert [which for which, _ in fetched] == [expected]
        wanted = scene()[5:9] if bands is None else scene()[5:9, :, bands]
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == np.float32


@pytest.mark.parametrize("with_torch", [True, False])
@pytest.mark.parametrize("dtype", ["uint16", ">u2", "int64", "float64", "longdouble"])
def test_turned_axes_are_turned_back_with_and_without_torch(
    tmp_path, monkeypatch, dtype, with_torch
):
    import torch  # loaded now, whatever ran before

    assert torch is sys.modules["torch"]
    # Bands in blocks of 5, out of order in the file: their places do not follow one another.
    monkeypatch.setattr("dmssn.readers.cube_file.BLOCK_BYTES", 5 * HEIGHT * WIDTH * 4)
    order = np.random.default_rng(0).permutation(BANDS)
    stored = np.moveaxis(scene(), 2, 0)[order].astype(dtype)
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"], file["wavelengths_nm"] = stored, WAVELENGTHS_NM[order]
    np.save(tmp_path / "plain.npy", np.moveaxis(scene(), 2, 0).astype(dtype))
    if not with_torch:
        monkeypatch.delitem(sys.modules, "torch")
    for name in ("scene.h5", "plain.npy"):
        np.testing.assert_array_equal(open_cube(tmp_path / name).read(), scene())


@pytest.mark.parametrize("order", ["HWB", "BHW"])
def test_reading_block_by_block_unpacks_every_chunk_once(tmp_path, monkeypatch, order):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 5 * WIDTH * BANDS * 4)
    monkeypatch.setattr("dmssn.readers.cube_file.BLOCK_BYTES", 1)
    lengths = {"H": 7, "W": 20, "B": 5}
    chunks = tuple(lengths[letter] for letter in order)
    stored = scene().astype(np.float32).transpose(["HWB".index(letter) for letter in order])
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file.create_dataset("cube", data=stored, chunks=chunks, compression="gzip")
    cube = open_cube(tmp_path / "scene.h5")
    fetched = watch_fetches(monkeypatch)
    blocks = [cube.read(rows) for rows in cube.row_blocks()]
    np.testing.assert_array_equal(np.concatenate(blocks), scene())
    assert len(blocks) > 1
    unpacked = []
    for _, part in fetched:
        pairs = zip(part, chunks, strict=True)
        unpacked += product(*(range(p.start // c, -(-p.stop // c)) for p, c in pairs))
    assert len(unpacked) == len(set(unpacked)) == np.prod(np.ceil(np.divide(stored.shape, chunks)))


def test_a_colour_picture_beside_the_cube_is_not_the_cube(tmp_path):
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["cube"], file["rgb"] = scene(), scene("uint8")[:, :, :3]
    assert open_cube(tmp_path / "scene.h5").key == "cube"


# numpy


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["uint16", ">i4", "float16", "float64", "int64"])
def test_npy(tmp_path, dtype, order):
    np.save(tmp_path / "scene.npy", np.asarray(scene(dtype), order=order))
    check(tmp_path / "scene.npy", dtype)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    save(tmp_path / "scene.npz", cube=scene().T, mask=scene()[:, :, 0], wavelength=WAVELENGTHS_NM)
    cube = read_cube(tmp_path / "scene.npz")
    # (B, W, H) without a word from the format: rows come before columns, as stored.
    np.testing.assert_array_equal(cube.data, scene().transpose(1, 0, 2))
    np.testing.assert_array_equal(cube.wavelengths_nm, WAVELENGTHS_NM)


# TIFF


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiff_with_a_page_a_band(tmp_path, compression):
    pages = np.ascontiguousarray(np.moveaxis(scene(), 2, 0))
    tifffile.imwrite(
        tmp_path / "scene.tif", pages, compression=compression, photometric="minisblack"
    )
    check(tmp_path / "scene.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_with_bands_as_samples(tmp_path, planar, compression):
    data = scene() if planar == "contig" else np.ascontiguousarray(np.moveaxis(scene(), 2, 0))
    tifffile.imwrite(
        tmp_path / "scene.tiff",
        data,
        planarconfig=planar,
        photometric="minisblack",
        compression=compression,
    )
    check(tmp_path / "scene.tiff")


def test_tiff_no_data_of_gdal_makes_pixels_invalid(tmp_path):
    data = np.ascontiguousarray(np.moveaxis(scene("int16"), 2, 0))
    data[0, 2, 3] = -1
    tifffile.imwrite(
        tmp_path / "scene.tif",
        data,
        photometric="minisblack",
        extratags=[(42113, "s", 0, "-1", True)],
    )
    assert np.argwhere(~read_cube(tmp_path / "scene.tif").valid()).tolist() == [[2, 3]]


def test_tiff_of_a_thumbnail_and_a_cube_gives_the_cube(tmp_path):
    with tifffile.TiffWriter(tmp_path / "scene.tif") as tiff:
        tiff.write(np.zeros((8, 9), np.uint8))
        tiff.write(np.ascontiguousarray(np.moveaxis(scene(), 2, 0)), photometric="minisblack")
    check(tmp_path / "scene.tif")


def test_tiff_of_pages_written_one_by_one_is_a_cube(tmp_path):
    with tifffile.TiffWriter(tmp_path / "scene.tif") as tiff:
        for page in np.moveaxis(scene(), 2, 0):
            tiff.write(page)  # tifffile makes each a series of its own
    check(tmp_path / "scene.tif")


def test_tiff_no_data_is_that_of_the_cube_not_of_the_thumbnail(tmp_path):
    cube = np.ascontiguousarray(np.moveaxis(scene("int16"), 2, 0))
    cube[0, 2, 3] = -1
    with tifffile.TiffWriter(tmp_path / "scene.tif") as tiff:
        tiff.write(np.zeros((8, 9), np.uint8))
        tiff.write(cube, photometric="minisblack", extratags=[(42113, "s", 0, "-1", True)])
    assert np.argwhere(~read_cube(tmp_path / "scene.tif").valid()).tolist() == [[2, 3]]


def test_tiff_that_is_a_colour_picture_is_said_to_be_one(tmp_path):
    picture = np.ascontiguousarray(scene("uint8")[:, :, :3])
    tifffile.imwrite(tmp_path / "scene.tif", picture, photometric="rgb")
    cube = read_cube(tmp_path / "scene.tif")
    assert "the file is a colour picture: its 3 channels are taken as bands" in cube.notes


# A folder of pictures


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("name", ["toys_ms_{:02}.png", "toys_ms_{}.png", "B{}.tif"])
def test_pictures_in_the_natural_order_of_their_names(tmp_path, name, dtype):
    check(write_pictures(tmp_path / "toys_ms", name, dtype), dtype)
    assert read_cube(tmp_path / "toys_ms").name == "toys_ms"


def test_pictures_other_files_and_the_colour_preview_are_ignored_and_said(tmp_path):
    folder = write_pictures(tmp_path / "toys.ms", dtype="uint8")
    Image.fromarray(scene("uint8")[:, :, :3].copy()).save(folder / "toys_RGB.bmp")
    Image.fromarray(scene("uint8")[:, :, 0].copy()).save(folder / "toys_mask.png")
    (folder / "readme.txt").write_text("toys")
    (folder / ".hidden_3.png").write_bytes(b"not a picture")
    check(folder, "uint8")
    notes = read_cube(folder).notes
    assert "not bands, ignored: readme.txt, toys_mask.png, toys_RGB.bmp" in notes
    assert "the bands are the pictures toys_ms_1.png to toys_ms_12.png, by their numbers" in notes


def test_pictures_with_a_missing_number_are_read_with_a_note(tmp_path):
    folder = write_pictures(tmp_path / "toys")
    (folder / "toys_ms_4.png").unlink()
    cube = read_cube(folder)
    assert cube.bands == BANDS - 1
    assert any("missing after toys_ms_3.png" in note for note in cube.notes)


@pytest.mark.parametrize("dtype", ["int16", "uint32", "float32", "float64"])
def test_tiff_pictures_of_any_type_keep_their_numbers(tmp_path, dtype):
    folder = tmp_path / "scene"
    folder.mkdir()
    data = scene("float64") * (170000 if dtype == "uint32" else 1)  # up to 4.2e9
    for band in range(BANDS):
        page = data[:, :, band].astype(dtype)
        no_data = [(42113, "s", 0, "24959", True)]  # the last number of the scene
        tifffile.imwrite(folder / f"B{band}.tif", page, photometric="minisblack", extratags=no_data)
    cube = read_cube(folder)
    invalid = [] if dtype == "uint32" else [[HEIGHT - 1, WIDTH - 1]]
    assert np.argwhere(~cube.valid()).tolist() == invalid
    np.testing.assert_array_equal(cube.data[:-1], data[:-1].astype("float32"))


def test_tiff_pictures_with_smaller_copies_are_bands_and_no_folder_of_cubes(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for band in range(BANDS):
        with tifffile.TiffWriter(folder / f"B{band}.tif") as tiff:
            page = scene()[:, :, band]
            tiff.write(page, tile=(16, 16), metadata=None)
            tiff.write(page[::2, ::2], tile=(16, 16), subfiletype=1, metadata=None)
    check(folder)
    assert cubes_in(folder) == []


def test_pictures_of_another_size_among_the_bands_are_a_mistake(tmp_path):
    folder = write_pictures(tmp_path / "toys")
    Image.fromarray(scene()[:20, :, 0].copy()).save(folder / "toys_ms_4.png")
    with pytest.raises(ValueError, match=r"toys_ms_4\.png is a picture of mode I;16 and size"):
        open_cube(folder)


def test_pictures_take_no_key(tmp_path):
    with pytest.raises(SettingError, match="--key does not apply"):
        open_cube(write_pictures(tmp_path / "toys"), key="a")
