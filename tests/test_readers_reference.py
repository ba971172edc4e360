"""White and dark references: raw counts become reflectance."""

import numpy as np
import pytest
from spectral.io import envi

from dmssn.readers import open_cube, read_cube

HEIGHT, WIDTH, BANDS = 20, 26, 8
rng = np.random.default_rng(7)
REFLECTANCE = rng.uniform(0, 1, (HEIGHT, WIDTH, BANDS))
DARK = rng.uniform(50, 150, (WIDTH, BANDS))
WHITE = DARK + rng.uniform(1000, 3000, (WIDTH, BANDS))
RAW = DARK + REFLECTANCE * (WHITE - DARK)


@pytest.fixture
def raw(tmp_path):
    np.savez(tmp_path / "raw.npz", cube=RAW, wl=np.linspace(700, 400, BANDS))
    return tmp_path / "raw.npz"


def test_references_of_the_cube_s_width_work_column_by_column(raw, tmp_path):
    noise = rng.normal(0, 1, (2, WIDTH, BANDS))  # rows that average to the line itself
    np.save(tmp_path / "white.npy", np.stack([WHITE + noise[0], WHITE - noise[0]]))
    envi.save_image(
        str(tmp_path / "dark.hdr"), DARK[None], dtype=np.float64, interleave="bil", ext="raw"
    )
    cube = read_cube(raw, white=tmp_path / "white.npy", dark=tmp_path / "dark.hdr")
    # The wavelengths fall in the file, so bands come out reversed.
    np.testing.assert_allclose(cube.data, REFLECTANCE[:, :, ::-1], atol=1e-5)
    assert "white.npy: averaged over rows, one reference for each column" in cube.notes


def test_reflectance_of_a_block_of_rows_and_bands(raw, tmp_path):
    np.save(tmp_path / "white.npy", WHITE)
    np.save(tmp_path / "dark.npy", DARK)
    file = open_cube(
        raw,
        white=tmp_path / "white.npy",
        dark=tmp_path / "dark.npy",
        bands=[1, 6],
        drop_nm=[(0, 1)],
    )
    np.testing.assert_allclose(file.read(slice(4, 9)), REFLECTANCE[4:9][:, :, [6, 1]], atol=1e-5)


@pytest.mark.parametrize("kind", ["csv", "npy", "npz", "npy of another width"])
def test_one_spectrum_serves_all_columns_and_dark_may_be_left_out(raw, tmp_path, kind):
    spectrum = WHITE[0]
    path = tmp_path / f"white.{kind[:3]}"
    if kind == "csv":
        path.write_text("counts\n" + "\n".join(map(str, spectrum)))
    elif kind == "npz":
        np.savez(path, cube=np.broadcast_to(spectrum, (3, 4, BANDS)))
    else:
        np.save(path, spectrum if kind == "npy" else np.broadcast_to(spectrum, (5, BANDS)))
    cube = read_cube(raw, white=path)
    np.testing.assert_allclose(cube.data, (RAW / spectrum)[:, :, ::-1], rtol=1e-5)
    assert f"{path.name}: averaged, one reference for all columns" in cube.notes


def test_a_band_without_light_is_left_out_and_a_dead_element_is_invalid(raw, tmp_path):
    white = WHITE.copy()
    white[:, 2] = DARK[:, 2]  # no light in this band
    white[5, 4] = 0  # one detector element is dead
    np.save(tmp_path / "white.npy", white)
    np.save(tmp_path / "dark.npy", DARK)
    cube = read_cube(raw, white=tmp_path / "white.npy", dark=tmp_path / "dark.npy")
    kept = [7, 6, 5, 4, 3, 1, 0]
    assert cube.bands == BANDS - 1
    assert np.flatnonzero(~cube.valid().all(axis=0)).tolist() == [5]
    others = np.arange(WIDTH) != 5
    np.testing.assert_allclose(cube.data[:, others], REFLECTANCE[:, others][:, :, kept], atol=1e-5)
    assert "1 band left out: white is not above dark in any column" in cube.notes
    assert any(f"not above dark in {WIDTH + 1} of {WIDTH * BANDS}" in note for note in cube.notes)


def test_swapped_references_are_an_error(raw, tmp_path):
    np.save(tmp_path / "white.npy", WHITE)
    np.save(tmp_path / "dark.npy", DARK)
    with pytest.raises(ValueError, match="are the two swapped"):
        open_cube(raw, white=tmp_path / "dark.npy", dark=tmp_path / "white.npy")


def test_a_reference_of_other_bands_is_an_error(raw, tmp_path):
    np.save(tmp_path / "white.npy", WHITE[:, :5])
    with pytest.raises(ValueError, match="the reference has 5 bands, the cube 8"):
        open_cube(raw, white=tmp_path / "white.npy")


def test_a_reference_of_another_camera_is_an_error(raw, tmp_path):
    np.savez(tmp_path / "white.npz", cube=WHITE[None], wl=np.linspace(690, 400, BANDS))
    with pytest.raises(ValueError, match="differ from the cube's by up to 10 nm"):
        open_cube(raw, white=tmp_path / "white.npz")


def test_a_reference_is_the_variable_called_as_the_cube(raw, tmp_path):
    np.savez(tmp_path / "white.npz", other=RAW, cube=WHITE[None])
    cube = read_cube(raw, white=tmp_path / "white.npz")
    np.testing.assert_allclose(cube.data, (RAW / WHITE)[:, :, ::-1], rtol=1e-5)


@pytest.mark.parametrize("name", ["several.npz", "cubic.npy"])
def test_a_reference_that_leaves_a_choice_asks_for_no_option_of_the_cube(raw, tmp_path, name):
    np.savez(tmp_path / "several.npz", one=RAW, two=RAW)
    np.save(tmp_path / "cubic.npy", np.ones((BANDS, BANDS, BANDS)))
    with pytest.raises(ValueError, match=r"save the reference by itself") as caught:
        open_cube(raw, white=tmp_path / name)
    assert "--" not in str(caught.value)


def test_an_infinite_reference_gives_no_reflectance(raw, tmp_path):
    white = WHITE.copy()
    white[5, 4] = np.inf
    np.save(tmp_path / "white.npy", white)
    cube = read_cube(raw, white=tmp_path / "white.npy")
    assert np.flatnonzero(~cube.valid().all(axis=0)).tolist() == [5]


def test_a_missing_reference_is_an_error_that_names_it(raw, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"white\.npy"):
        open_cube(raw, white=tmp_path / "white.npy")


def test_numbers_missing_from_a_reference_are_not_averaged(raw, tmp_path):
    white = np.stack([WHITE, WHITE, WHITE])
    white[0, 3, 2] = np.nan
    np.save(tmp_path / "white.npy", white)
    cube = read_cube(raw, white=tmp_path / "white.npy")
    np.testing.assert_allclose(cube.data, (RAW / WHITE)[:, :, ::-1], rtol=1e-5)
