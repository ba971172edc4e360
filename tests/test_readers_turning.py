"""Turning cubes: all flips and transposes, in blocks of rows, against numpy and Pillow."""

import h5py
import numpy as np
import pytest
from PIL import Image

from dmssn.readers import open_cube
from dmssn.readers.turning import TURNS, turned

UPRIGHT = {
    "none": lambda data: data,
    "flip-left-right": np.fliplr,
    "flip-top-bottom": np.flipud,
    "rotate-180": lambda data: np.rot90(data, 2),
    "transpose": lambda data: data.swapaxes(0, 1),
    "rotate-90": np.rot90,
    "rotate-270": lambda data: np.rot90(data, 3),
    "transverse": lambda data: np.rot90(data, 2).swapaxes(0, 1),
}
STORED = np.random.default_rng(0).integers(0, 1000, (23, 37, 9)).astype(np.uint16)
"""(H, W, B)"""


@pytest.fixture(params=["HWB chunked", "BWH chunked", "BWH", "npy"])
def path(request, tmp_path):
    order, *chunked = request.param.split()
    if order == "npy":
        np.save(tmp_path / "cube.npy", STORED)
        return tmp_path / "cube.npy"
    data = STORED if order == "HWB" else STORED.transpose(2, 1, 0)
    name = "cube.h5" if order == "HWB" else "cube.mat"
    chunks = (5, 7, 4) if chunked else None
    with h5py.File(tmp_path / name, "w") as file:
        file.create_dataset("cube", data=data, chunks=chunks)
    return tmp_path / name


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("rows_bytes", [1, 3000, 2**24])
def test_all_turns_agree_with_numpy_in_any_blocks(path, orientation, rows_bytes, monkeypatch):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", rows_bytes)
    monkeypatch.setattr("dmssn.readers.cube_file.BLOCK_BYTES", 2000)
    wanted = UPRIGHT[orientation](STORED)
    cube = turned(open_cube(path), orientation)
    assert cube.shape == wanted.shape
    np.testing.assert_array_equal(cube.read(), wanted)
    blocks = cube.row_blocks()
    assert np.concatenate([np.arange(b.start, b.stop) for b in blocks]).tolist() == [
        *range(wanted.shape[0])
    ]
    np.testing.assert_array_equal(np.concatenate([cube.read(b) for b in blocks]), wanted)
    np.testing.assert_array_equal(cube.read(slice(3, 8)), wanted[3:8])
    assert cube.read(slice(5, 5)).shape == (0, *wanted.shape[1:])


@pytest.mark.parametrize("orientation", [name for name in TURNS if name != "none"])
def test_names_are_those_of_pillow(orientation, tmp_path):
    np.save(tmp_path / "cube.npy", np.repeat(STORED[:, :, :1] % 251, 7, axis=2))
    method = Image.Transpose[orientation.upper().replace("-", "_")]
    picture = Image.fromarray((STORED[:, :, 0] % 251).astype(np.uint8)).transpose(method)
    cube = turned(open_cube(tmp_path / "cube.npy"), orientation)
    np.testing.assert_array_equal(cube.read()[:, :, 3], np.asarray(picture))
    assert f"turned: {orientation}" in cube.notes


def test_a_calibrated_cube_is_not_turned(tmp_path):
    np.save(tmp_path / "raw.npy", STORED)
    np.save(tmp_path / "white.npy", np.full((37, 9), 1000.0))
    cube = open_cube(tmp_path / "raw.npy", band_axis=2, white=tmp_path / "white.npy")
    assert turned(cube, "none") is cube
    with pytest.raises(ValueError, match="cannot be turned while white and dark references apply"):
        turned(cube, "transpose")
