"""Wavelengths and the choice of bands."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmssn.config import SettingError
from dmssn.cube.wavelengths import NUDGE_NM, Wavelengths, is_name, strictly_increasing, to_nm
from dmssn.readers import EvenlySpaced, open_cube, read_cube
from dmssn.readers.numbers import read_numbers

HEIGHT, WIDTH, BANDS = 20, 26, 8
WAVELENGTHS_NM = np.array([900.0, 400.0, 500.0, 600.0, 650.0, 700.0, 800.0, 450.0])
SORTED = np.argsort(WAVELENGTHS_NM)


def scene() -> np.ndarray:
    return np.arange(HEIGHT * WIDTH * BANDS, dtype="float32").reshape(HEIGHT, WIDTH, BANDS)


@pytest.fixture(params=["HWB", "BHW", "WHB-fortran"])
def path(request, tmp_path) -> Path:
    """The scene with its wavelengths, stored in several orders."""
    data = scene()
    if request.param == "BHW":
        data = np.ascontiguousarray(np.moveaxis(data, 2, 0))
    if request.param == "WHB-fortran":
        data = np.asfortranarray(data)
    np.savez(tmp_path / "scene.npz", cube=data, wl=WAVELENGTHS_NM)
    return tmp_path / "scene.npz"


def test_bands_are_sorted_by_wavelength(path):
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.wavelengths_nm, WAVELENGTHS_NM[SORTED])
    np.testing.assert_array_equal(cube.data, scene()[:, :, SORTED])
    assert "the bands are not in the order of their wavelengths: sorted" in cube.notes


@pytest.mark.parametrize(
    ("bands", "kept"),
    [
        (slice(2, 6), [2, 3, 4, 5]),
        (slice(None, None, 3), [3, 6, 0]),
        (slice(6, None), [7, 6]),
        ([7, 0, 4], [7, 4, 0]),
        (np.array([3]), [3]),
    ],
)
def test_chosen_bands_keep_their_wavelengths(path, bands, kept):
    cube = read_cube(path, bands=bands)
    np.testing.assert_array_equal(cube.data, scene()[:, :, kept])
    np.testing.assert_array_equal(cube.wavelengths_nm, WAVELENGTHS_NM[kept])
    assert any(note.endswith("left out: not among --bands") for note in cube.notes)


def test_dropped_ranges_include_their_ends_and_are_said(path):
    cube = read_cube(path, drop_nm=[(450, 500), (850, 1000)])
    kept = [1, 3, 4, 5, 6]
    np.testing.assert_array_equal(cube.data, scene()[:, :, kept])
    assert {"2 bands left out: 450-500 nm", "1 band left out: 850-1000 nm"} <= set(cube.notes)


@pytest.mark.parametrize("rows", [slice(3, 4), slice(None, 5), slice(-4, None), slice(18, 99)])
def test_rows_of_sorted_chosen_bands(path, rows):
    file = open_cube(path, bands=[7, 0, 4])
    np.testing.assert_array_equal(file.read(rows), scene()[rows][:, :, [7, 4, 0]])


def test_row_blocks_cover_every_row_once_in_order(path, monkeypatch):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 3 * WIDTH * BANDS * 4)
    monkeypatch.setattr("dmssn.readers.cube_file.SCATTERED", 1)
    monkeypatch.setattr("dmssn.readers.cube_file.BLOCK_BYTES", 100)
    file = open_cube(path)
    blocks = file.row_blocks()
    assert len(blocks) == 7
    np.testing.assert_array_equal(
        np.concatenate([file.read(rows) for rows in blocks]), scene()[:, :, SORTED]
    )


def test_rows_with_a_step_are_refused(path):
    with pytest.raises(ValueError, match="without a step"):
        open_cube(path).read(slice(0, 9, 2))


def test_given_wavelengths_replace_those_of_the_file(path):
    cube = read_cube(path, wavelengths_nm=EvenlySpaced(400, 1100))
    np.testing.assert_allclose(cube.wavelengths_nm, np.arange(400, 1101, 100))
    np.testing.assert_array_equal(cube.data, scene())
    assert "the wavelengths given replace those of the file" in cube.notes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bands": slice(0, 9)}, "asks for band 8; the file has 8, 0 to 7"),
        ({"bands": [-1]}, "asks for band -1"),
        ({"bands": slice(4, 4)}, "chooses no band"),
        ({"bands": []}, "chooses no band"),
        ({"drop_nm": [(300, 1000)]}, "--drop-nm leaves no band"),
        ({"drop_nm": [(500, 400)]}, "from low to high"),
        ({"wavelengths_nm": [400, 500]}, "8 bands in the file but 2 wavelengths given"),
        ({"wavelengths_nm": EvenlySpaced(0.4, 1.0)}, "give them in nanometres"),
        ({"wavelengths_nm": EvenlySpaced(-400, 1000)}, "finite and above 0"),
        ({"wavelengths_nm": EvenlySpaced(400, 400)}, "are all 400"),
        ({"key": "other"}, "no variable 'other'; --key takes one of: cube"),
        ({"dark": "dark.npy"}, "--dark needs --white"),
    ],
)
def test_arguments_that_do_not_fit_are_setting_errors(path, options, said):
    with pytest.raises(SettingError, match=said):
        open_cube(path, **options)


def test_a_dropped_range_without_a_band_is_said(path):
    cube = read_cube(path, drop_nm=[(5000, 6000)])
    assert cube.bands == BANDS
    assert "no band lies in 5000-6000 nm: nothing left out" in cube.notes


@pytest.mark.parametrize("first", [0, 1])
def test_wavelengths_that_only_count_the_bands_are_unknown(tmp_path, first):
    np.savez(tmp_path / "scene.npz", cube=scene(), wavelengths_nm=np.arange(BANDS) + first)
    cube = read_cube(tmp_path / "scene.npz")
    assert cube.wavelengths_nm is None
    assert cube.bands == BANDS
    assert any("only count the bands: wavelengths unknown" in note for note in cube.notes)


def test_dropping_wavelengths_needs_wavelengths(tmp_path):
    np.save(tmp_path / "scene.npy", scene())
    with pytest.raises(SettingError, match="--drop-nm needs wavelengths"):
        open_cube(tmp_path / "scene.npy", drop_nm=[(400, 500)])


def test_wavelengths_of_the_wrong_length_are_an_error(tmp_path):
    np.savez(tmp_path / "scene.npz", cube=scene(), wl=WAVELENGTHS_NM[:5])
    with pytest.raises(ValueError, match="8 bands but 5 wavelengths in 'wl'; pass --wavelengths"):
        open_cube(tmp_path / "scene.npz")
    assert open_cube(tmp_path / "scene.npz", wavelengths_nm=EvenlySpaced(400, 700)).shape[2] == 8


def test_bands_without_a_wavelength_are_left_out(tmp_path):
    centres = np.array([0, 0, 400, 410, np.nan, 430, 440, 450])
    np.savez(tmp_path / "scene.npz", cube=scene(), wavelengths_nm=centres)
    cube = read_cube(tmp_path / "scene.npz")
    assert cube.wavelengths_nm.tolist() == [400, 410, 430, 440, 450]
    assert "3 bands left out: they have no wavelength" in cube.notes
    np.testing.assert_array_equal(cube.data, scene()[:, :, [2, 3, 5, 6, 7]])


def test_wavelengths_that_are_all_empty_are_unknown(tmp_path):
    np.savez(tmp_path / "scene.npz", cube=scene(), wl=np.zeros(BANDS))
    cube = read_cube(tmp_path / "scene.npz")
    assert cube.wavelengths_nm is None
    assert any("wavelengths unknown" in note for note in cube.notes)


def test_wavelengths_that_are_all_equal_are_an_error():
    with pytest.raises(ValueError, match=r"are all 1; pass --wavelengths"):
        to_nm(Path("a.mat"), Wavelengths(np.ones(4), "nm", "wavelengths in 'wl'"))


def test_repeated_wavelengths_keep_every_band_in_the_order_of_the_file(tmp_path):
    centres = np.array([400.0, 402, 402, 401, 402, 403, 404, 404])
    np.savez(tmp_path / "scene.npz", cube=scene(), wavelengths_nm=centres)
    cube = read_cube(tmp_path / "scene.npz")
    np.testing.assert_array_equal(cube.data, scene()[:, :, [0, 3, 1, 2, 4, 5, 6, 7]])
    np.testing.assert_allclose(cube.wavelengths_nm, np.sort(centres), atol=2.5 * NUDGE_NM)
    assert any(note.startswith("3 bands repeat the wavelength") for note in cube.notes)


@given(st.lists(st.floats(100, 3000) | st.integers(400, 410).map(float), min_size=1, max_size=60))
def test_any_wavelengths_become_strictly_increasing_and_hardly_move(values):
    given_nm = np.array(values)
    order, increasing, _ = strictly_increasing(given_nm)
    assert sorted(order) == list(range(len(values)))
    assert np.all(np.diff(increasing) > 0) or len(values) == 1
    assert np.all(np.abs(increasing - given_nm[order]) <= NUDGE_NM * len(values))
    equal = np.diff(given_nm[order]) == 0
    assert np.all(np.diff(order)[equal] > 0)


def test_equal_wavelengths_do_not_overtake_the_next():
    _, increasing, notes = strictly_increasing(np.array([400, 400, 400, 400.0004, 401]))
    np.testing.assert_allclose(increasing, [400, 400.0001, 400.0002, 400.0004, 401], rtol=1e-12)
    assert len(notes) == 1


@pytest.mark.parametrize(
    "name", ["wavelength", "WAVELENGTHS_NM", "wl", "lambda", "center_wavelength"]
)
def test_names_of_wavelengths(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["bandwidth", "fwhm", "wavelet", "bands", "slow", "wlk"])
def test_names_of_other_things(name):
    assert not is_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "400\n500.5\n6e2\n",
        "400,500.5,600",
        "400; 500.5; 600",
        "# bands\nwavelength\n400\n500.5\n\n600\n",
        "\ufeff400 500.5\t600",
        "400,\n500.5,\n600,\n",
    ],
)
def test_number_lists_in_text(tmp_path, text):
    (tmp_path / "wl.txt").write_text(text, encoding="utf-8")
    assert read_numbers(tmp_path / "wl.txt").tolist() == [400, 500.5, 600]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "found none"),
        (b"nothing here", "found none"),
        (b"400\nx\n", "found 'x'"),
        (b"1,400\n2,500\n", "keep the column that is meant"),
        (b"\xff\xfe\x00\x01", "this is binary"),
    ],
)
def test_other_text_is_no_number_list(tmp_path, content, said):
    (tmp_path / "wl.txt").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_numbers(tmp_path / "wl.txt")
