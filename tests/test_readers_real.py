"""The real cubes open without a word from the user, and come out the right way round."""

import numpy as np
import pytest
import scipy.io
from spectral.io import envi

from dmssn.readers import open_cube, read_cube


@pytest.mark.parametrize(
    "name",
    [
        "fake_and_real_lemons",
        "fake_and_real_strawberries",
        "stuffed_toys",
        "superballs",
    ],
)
def test_cave(real_data, name):
    path = real_data / "cave" / f"{name}_256x256x31.npz"
    cube = read_cube(path)
    with np.load(path) as archive:
        stored, mask = archive["cube"], archive["mask"]
    np.testing.assert_array_equal(cube.data, np.moveaxis(stored, 0, 2))
    np.testing.assert_allclose(cube.wavelengths_nm, np.arange(400, 701, 10))
    assert mask.shape == (cube.height, cube.width)


@pytest.mark.parametrize(("name", "bands"), [("abu-airport-2", 205), ("abu-beach-2", 193)])
def test_abu(real_data, name, bands):
    path = real_data / "abu" / f"{name}.mat"
    cube = read_cube(path)
    assert open_cube(path).key == "data"
    assert cube.data.shape == (100, 100, bands)
    assert cube.wavelengths_nm is None
    np.testing.assert_array_equal(cube.data, scipy.io.loadmat(str(path))["data"])


def test_muufl(real_data):
    path = real_data / "muufl" / "muufl_gulfport_targets.mat"
    cube = read_cube(path)
    stored = scipy.io.loadmat(str(path))
    assert open_cube(path).key == "hsi_sub"
    np.testing.assert_array_equal(cube.data, stored["hsi_sub"])
    np.testing.assert_allclose(cube.wavelengths_nm, stored["wavelengths"].ravel())


@pytest.mark.parametrize("ending", ["hdr", "raw"])
def test_corn(real_data, ending):
    path = real_data / "corn" / f"corn-kernel-hyperspectral.{ending}"
    cube = read_cube(path)
    # Its header states no byte order, which the library we compare with insists on.
    stored = np.fromfile(path.with_suffix(".raw"), "<u2").reshape(31, 580, 43)
    np.testing.assert_array_equal(cube.data, stored.transpose(0, 2, 1))
    centres = envi.read_envi_header(str(path.with_suffix(".hdr")))["wavelength"]
    np.testing.assert_allclose(cube.wavelengths_nm, [float(nm) for nm in centres])
    assert "the header states no byte order: taken as little-endian (0)" in cube.notes
