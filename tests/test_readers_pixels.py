"""Single spectra straight from a file are those of the cube that is read as a whole."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn.readers import open_cube
from dmssn.readers.cube_file import Reflectance
from dmssn.readers.pixels import spectrum, unpacked
from dmssn.readers.turning import TURNS, turned

SHAPE = (11, 17, 30)
VALUES = np.random.default_rng(0).integers(0, 60000, SHAPE).astype(np.uint16)


def assert_same(file, pixels=((0, 0), (10, 16), (3, 11), (10, 0))):
    whole = file.read()
    for row, column in pixels:
        if row < whole.shape[0] and column < whole.shape[1]:
            np.testing.assert_array_equal(spectrum(file, row, column), whole[row, column])


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """The same numbers in every kind of file that holds a cube."""
    folder = tmp_path_factory.mktemp("pixels")
    with h5py.File(folder / "plain.h5", "w") as file:
        file["cube"] = VALUES
    with h5py.File(folder / "bands.h5", "w") as file:
        file.create_dataset("cube", data=VALUES, chunks=(11, 17, 1), compression="gzip")
    with h5py.File(folder / "matlab.mat", "w") as file:
        file["cube"] = VALUES.transpose(2, 1, 0)
    with h5py.File(folder / "scaled.h5", "w") as file:
        file["cube"] = VALUES
        file["cube"].attrs.update({"scale_factor": 0.01, "add_offset": 5.0, "_FillValue": 7})
    np.save(folder / "cube.npy", VALUES)
    np.savez(folder / "cube.npz", cube=VALUES)
    scipy.io.savemat(folder / "five.mat", {"cube": VALUES})
    VALUES.transpose(0, 2, 1).tofile(folder / "envi.raw")
    lines = ["ENVI", "lines = 11", "samples = 17", "bands = 30", "data type = 12"]
    lines += ["interleave = bil", "byte order = 0", "data ignore value = 7"]
    (folder / "envi.hdr").write_text("\n".join(lines))
    return {path.name: path for path in folder.iterdir() if path.suffix != ".raw"}


NAMES = ["plain.h5", "bands.h5", "matlab.mat", "scaled.h5", "cube.npy", "cube.npz", "five.mat"]


@pytest.mark.parametrize("name", [*NAMES, "envi.hdr"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_spectrum_is_that_of_the_whole_cube(paths, name, orientation):
    assert_same(turned(open_cube(paths[name], band_axis=_axis(name)), orientation))


def _axis(name):
    return {"matlab.mat": 0, "envi.hdr": None}.get(name, 2)


@settings(max_examples=30)
@given(st.data())
def test_of_any_bands_in_any_order(paths, data):
    file = open_cube(paths["bands.h5"], band_axis=2)
    order = data.draw(st.lists(st.integers(0, 29), min_size=1, max_size=30, unique=True))
    row, column = data.draw(st.integers(0, 10)), data.draw(st.integers(0, 16))
    some = replace(file, band_order=np.array(order), wavelengths_nm=None)
    np.testing.assert_array_equal(spectrum(some, row, column), VALUES[row, column, order])


def test_numbers_that_mean_no_data_are_not_finite(paths):
    file = open_cube(paths["envi.hdr"])
    row, column, band = (int(place[0]) for place in np.nonzero(VALUES == VALUES[2, 3, 4]))
    marked = replace(file, stored=replace(file.stored, ignore_value=float(VALUES[2, 3, 4])))
    assert np.isnan(spectrum(marked, row, column)[band])


@pytest.mark.parametrize("rows", [1, 17])
def test_references_apply_by_column(paths, rows):
    rng = np.random.default_rng(1)
    dark, span = (rng.uniform(1, 9, (rows, 30)).astype(np.float32) for _ in range(2))
    file = replace(open_cube(paths["plain.h5"], band_axis=2), reflectance=Reflectance(dark, span))
    assert_same(file)


def test_numbers_beyond_float32_are_infinite(tmp_path):
    np.save(tmp_path / "cube.npy", np.full((4, 5, 6), 1e300))
    file = open_cube(tmp_path / "cube.npy", band_axis=2)
    assert np.isinf(spectrum(file, 1, 1)).all()


@pytest.mark.parametrize("pixel", [(-1, 0), (11, 0), (0, 17), (0, -1)])
def test_a_pixel_outside_is_refused(paths, pixel):
    with pytest.raises(IndexError, match="no pixel"):
        spectrum(open_cube(paths["plain.h5"], band_axis=2), *pixel)


@pytest.mark.parametrize(
    ("how", "bytes_"),
    [
        ({}, 30 * 2),
        ({"chunks": (11, 17, 1), "compression": "gzip"}, 11 * 17 * 30 * 2),
        ({"chunks": (2, 3, 30), "compression": "gzip"}, 2 * 3 * 30 * 2),
        ({"chunks": (2, 3, 7), "compression": "gzip"}, 2 * 3 * 7 * 5 * 2),
        ({"chunks": (11, 17, 30)}, 11 * 17 * 30 * 2),
    ],
)
def test_what_a_spectrum_costs_is_told_by_the_chunks(tmp_path, how, bytes_):
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file.create_dataset("cube", data=VALUES, **how)
    assert unpacked(open_cube(tmp_path / "cube.h5", band_axis=2)) == bytes_


def test_of_large_chunks_that_are_not_packed_only_the_spectrum_is_read(tmp_path):
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file.create_dataset("cube", (300, 200, 30), "u2", chunks=(300, 200, 30))
    assert unpacked(open_cube(tmp_path / "cube.h5", band_axis=2)) == 30 * 2
