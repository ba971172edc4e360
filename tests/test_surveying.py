"""One pass over a cube's rows: the same whatever the blocks, the order of steps and the file."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn.cube import Cube
from dmssn.readers import open_cube
from dmssn.readers.turning import TURNS, turned
from dmssn.rendering import palette, render
from dmssn.resample import axis_weights, resample_bands, resize
from dmssn.surveying import survey
from generated import cube_of
from making import Watched


def holed() -> Cube:
    """A cube with invalid pixels in every way, 37 x 29 x 12; row 12 and 13 share a hole."""
    data = cube_of(37, 29, 12).data.copy()
    data[10:16, 4:9, 3] = np.nan
    data[20, :, :] = np.inf
    data[0, 0, :2] = np.inf, -np.inf
    data[30:, 20:] = np.nan
    return Cube(data, np.linspace(400, 1000, 12), "holed")


def same(found, wanted) -> None:
    np.testing.assert_array_equal(found.valid, wanted.valid)
    np.testing.assert_array_equal(np.isnan(found.small), np.isnan(wanted.small))
    np.testing.assert_allclose(found.small, wanted.small, atol=1e-6)
    np.testing.assert_array_equal(found.colours[found.valid], wanted.colours[wanted.valid])


@settings(max_examples=40)
@given(rows=st.integers(1, 37), size=st.sampled_from([5, 16, 29, 33, 48]), fewer=st.booleans())
def test_blocks_of_any_size_find_the_same(rows, size, fewer):
    cube, bands = holed(), axis_weights(12, 5) if fewer else None
    colours = palette(12, cube.wavelengths_nm).weights
    in_blocks = Watched(cube.data, cube.wavelengths_nm, cube.name).in_blocks(rows)
    same(survey(in_blocks, size, bands, colours), survey(cube, size, bands, colours))


def test_every_row_is_asked_for_once_and_never_more_than_a_block():
    cube = Watched(holed().data).in_blocks(5)
    survey(cube, 16, axis_weights(12, 5), palette(12, None).weights)
    assert cube.asked == [(top, min(top + 5, 37)) for top in range(0, 37, 5)]


def test_it_finds_the_pixels_the_bands_and_the_colours():
    cube = holed()
    found = survey(cube, 16, axis_weights(12, 5), palette(12, cube.wavelengths_nm).weights)
    assert found.name == "holed"
    np.testing.assert_array_equal(found.valid, cube.valid())
    small = resample_bands(resize(cube.data, 16, 16), axis_weights(12, 5))
    np.testing.assert_allclose(found.small, small, atol=1e-6)
    assert np.isnan(small).any()
    assert found.colours.shape == (37, 29, 3)
    assert not np.isfinite(found.colours[~found.valid]).all(axis=1).any()
    assert np.isfinite(found.colours[found.valid]).all()
    assert survey(cube, 16).colours is None


@pytest.mark.parametrize("size", [16, 64])  # bands after pixels, and before
def test_bands_and_pixels_may_be_resampled_in_either_order(size):
    cube, bands = holed(), axis_weights(12, 5)
    found = survey(cube, size, bands).small
    before = resize(resample_bands(cube.data, bands), size, size)
    after = resample_bands(resize(cube.data, size, size), bands)
    for wanted in (before, after):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("chunks", [None, (7, 11, 5)])
@pytest.mark.parametrize("order", ["HWB", "BHW", "HBW"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_cube_in_a_file_is_surveyed_as_in_memory(tmp_path, monkeypatch, order, chunks, dtype):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 3 * 29 * 12 * 4)
    monkeypatch.setattr("dmssn.cube.BLOCK_BYTES", 2 * 29 * 12 * 4)  # blocks are cut up, too
    cube, axes = holed(), ["HWB".index(letter) for letter in order]
    with h5py.File(tmp_path / "holed.h5", "w") as file:
        file.create_dataset(
            "cube",
            data=cube.data.transpose(axes).astype(dtype),
            chunks=chunks and tuple(chunks[axis] for axis in axes),
        )
        file["wavelengths_nm"] = cube.wavelengths_nm
    stored = open_cube(tmp_path / "holed.h5", band_axis=order.index("B"))
    assert len(stored.row_blocks()) > 1
    colours = palette(12, cube.wavelengths_nm).weights
    same(survey(stored, 16, None, colours), survey(cube, 16, None, colours))
    np.testing.assert_array_equal(render(stored), render(cube))


def test_a_cube_that_is_invalid_for_many_blocks_is_not_refused():
    data = np.full((9, 4, 3), np.nan, dtype=np.float32)
    data[8, 3] = 1
    assert survey(Watched(data).in_blocks(2), 32).valid.sum() == 1


def test_a_cube_without_a_valid_pixel_is_refused_and_its_empty_bands_are_named(tmp_path):
    data = holed().data.copy()
    data[:, :, [2, 7]] = np.nan
    with pytest.raises(ValueError, match=r"^dark: no pixel has a finite value in every band$"):
        survey(Watched(data, name="dark").in_blocks(5), 16)
    np.save(tmp_path / "dark.npy", data)
    stored = open_cube(tmp_path / "dark.npy", band_axis=2)
    with pytest.raises(ValueError, match="no pixel") as by_block:
        survey(stored, 16)
    with pytest.raises(ValueError, match=r"2 of 12 bands are empty \(number 2, 7, f") as whole:
        stored.to_cube()
    assert str(by_block.value) == str(whole.value)


@pytest.mark.parametrize("orientation", ["none", "flip-left-right", "rotate-90", "transverse"])
@pytest.mark.parametrize("chunks", [None, (3, 5, 20)])
def test_a_file_that_holds_columns_together_is_read_by_them(tmp_path, orientation, chunks):
    cube = cube_of(20, 27, 8, seed=4)
    cube.data[3, 5, 2] = np.nan
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("hypercube", data=cube.data.T, chunks=chunks)  # (B, W, H)
    found = turned(open_cube(tmp_path / "a.mat"), orientation)
    transposed = TURNS[orientation].transpose
    assert (found.sideways() is None) == transposed  # then its rows are the file's columns
    if not transposed:
        np.testing.assert_array_equal(found.sideways().read(), found.read().swapaxes(0, 1))
    colours = palette(8, None).weights
    mine = survey(found, 16, colours=colours)
    same(mine, survey(Cube(found.read()), 16, colours=colours))
    assert not mine.valid.all()
    assert mine.small.flags.c_contiguous


def test_rows_that_lie_together_are_read_as_rows(tmp_path):
    data = cube_of(20, 27, 8).data
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("rows", data=data)
        file.create_dataset("bands", data=data.transpose(2, 0, 1))
        # Columns come first, but a chunk holds all of a row: no column is read without it.
        file.create_dataset("chunks", data=data.T, chunks=(2, 27, 4))
    for key, axis in (("rows", 2), ("bands", 0)):
        assert open_cube(tmp_path / "a.h5", key=key, band_axis=axis).sideways() is None
    (tmp_path / "a.h5").rename(tmp_path / "a.mat")
    assert open_cube(tmp_path / "a.mat", key="chunks").sideways() is None
    assert Cube(data).sideways() is None
