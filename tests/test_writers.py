"""Writers: other programs find in their files what was to be written; 16 bits keep half a step."""

import os
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from spectral.io import envi

from dmssn.config import SettingError
from dmssn.cube import Cube
from dmssn.readers import read_cube
from dmssn.writers import zarr_stores
from dmssn.writers.enduring import EnduringFile
from dmssn.writers.formats import FORMATS, Choices
from dmssn.writers.placing import placing
from dmssn.writers.plan import Encoding, Plan, whole_chunks
from dmssn.writers.sixteen_bits import UINT16, Range, check_float16, uint16_encoding
from dmssn.writers.verifying import verify

HEIGHT, WIDTH, BANDS = 19, 23, 7
CENTRES = np.linspace(400.1, 950.3, BANDS)
FLOAT32 = Encoding(np.dtype("float32"))
PACKED = Encoding(UINT16, 0.5, -3.0, 65535)


def scene() -> np.ndarray:
    """(H, W, B) float32, every number once, and three that are not finite."""
    data = np.arange(HEIGHT * WIDTH * BANDS, dtype=np.float32).reshape(HEIGHT, WIDTH, BANDS)
    data[2, 3, 4], data[5, 6, :] = np.nan, np.nan
    return data


def write(key: str, output: Path, data=None, *, rows: int = 5, **changes) -> Path:
    """Write a cube in blocks of a few rows."""
    data = scene() if data is None else data
    plan = Plan(data.shape, changes.pop("centres", CENTRES), changes.pop("encoding", FLOAT32))
    blocks = (data[top : top + rows] for top in range(0, len(data), rows))
    kind = FORMATS[key]
    kind.write(kind.files(output), blocks, plan._replace(**changes))
    return output


# What others find


def test_h5py_finds_the_cube_its_wavelengths_and_its_axes(tmp_path):
    with h5py.File(write("h5", tmp_path / "a.h5", compression="fast")) as file:
        cube = file["cube"]
        np.testing.assert_array_equal(cube[()], scene())
        assert (cube.compression, cube.shuffle, cube.dtype) == ("lzf", True, np.float32)
        assert [axis.label for axis in cube.dims] == ["row", "column", "band"]
        np.testing.assert_array_equal(file["wavelengths_nm"][()], CENTRES)
        assert file["wavelengths_nm"].attrs["units"] == "nm"
        assert set(file) == {"cube", "wavelengths_nm"}


def test_matlab_finds_rows_columns_and_bands_under_its_own_text(tmp_path):
    path = write("mat", tmp_path / "a.mat", compression="fast")
    start = path.read_bytes()[:512]
    assert start.startswith(b"MATLAB 7.3 MAT-file, ")
    assert start[124:128] == b"\x00\x02IM"  # version 2, little-endian
    assert start[116:124] == bytes(8)
    with h5py.File(path) as file:
        assert file.userblock_size == 512
        # HDF5 keeps MATLAB's axes reversed.
        np.testing.assert_array_equal(file["cube"][()].transpose(2, 1, 0), scene())
        assert file["cube"].compression == "gzip"  # MATLAB has no LZF
        assert file["cube"].attrs["MATLAB_class"] == b"single"
        assert file["wavelengths_nm"].shape == (BANDS, 1)
        assert file["wavelengths_nm"].attrs["MATLAB_class"] == b"double"
    with pytest.raises(NotImplementedError, match=r"v7\.3"):  # scipy knows it for MATLAB 7.3
        __import__("scipy.io").io.loadmat(path)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_spectral_finds_the_envi_cube_in_every_interleave(tmp_path, interleave):
    image = envi.open(str(write("envi", tmp_path / "a.hdr", interleave=interleave)))
    np.testing.assert_array_equal(image.open_memmap(), scene())  # load() warns of NaN
    assert image.interleave == ["bsq", "bil", "bip"].index(interleave)
    assert image.bands.centers == CENTRES.tolist()
    assert image.bands.band_unit == "Nanometers"
    assert (tmp_path / "a.img").stat().st_size == scene().nbytes


def test_spectral_scales_what_is_stored_in_16_bits(tmp_path):
    path = write("envi", tmp_path / "a.hdr", encoding=Encoding(UINT16, 1 / 8.0, 0.0, 65535))
    image = envi.open(str(path))
    assert image.metadata["data ignore value"] == "65535"
    finite = np.isfinite(scene())
    np.testing.assert_allclose(np.asarray(image.load())[finite], scene()[finite])


def test_zarr_finds_the_cube_and_what_xarray_asks_for(tmp_path):
    path = write("zarr", tmp_path / "a.zarr", encoding=PACKED, compression="small")
    root = zarr.open_consolidated(str(path))
    cube = root["cube"]
    stored = cube[:]
    values = np.where(stored == cube.fill_value, np.nan, stored * 0.5 - 3.0)
    np.testing.assert_array_equal(values, scene())
    assert dict(cube.attrs) == {
        "_ARRAY_DIMENSIONS": ["row", "column", "band"],
        "scale_factor": 0.5,
        "add_offset": -3.0,
        "_FillValue": 65535,
        "wavelengths_nm": CENTRES.tolist(),
        "coordinates": "wavelengths_nm",
    }
    assert root["wavelengths_nm"].attrs["_ARRAY_DIMENSIONS"] == ["band"]
    np.testing.assert_array_equal(root["wavelengths_nm"][:], CENTRES)


def test_a_lost_chunk_of_zarr_is_invalid_and_not_zero(tmp_path, monkeypatch):
    monkeypatch.setattr("dmssn.writers.plan.WHOLE_CHUNK", 4 * WIDTH * BANDS * 4)
    data = np.full((HEIGHT, WIDTH, BANDS), 7, np.float32)
    path = write("zarr", tmp_path / "a.zarr", data)
    (path / "cube" / "1.0.0").unlink()
    lost = np.isnan(read_cube(path).data).all(axis=(1, 2))
    assert np.flatnonzero(lost).tolist() == [4, 5, 6, 7]


# Chunks


@pytest.mark.parametrize("layout", ["cube", "spectrum"])
@pytest.mark.parametrize("shape", [(1240, 1680, 200), (36, 36, 72), (5, 90000, 400), (3, 4, 90000)])
def test_chunks_have_the_size_they_are_made_for(layout, shape):
    chunk = Plan(shape, None, FLOAT32, layout).chunks()
    assert chunk[2] == shape[2]  # a spectrum lies in one chunk
    assert all(1 <= part <= whole for part, whole in zip(chunk, shape, strict=True))
    size, pixel = np.prod(chunk) * 4, shape[2] * 4
    if layout == "cube":
        assert chunk == shape or 2**20 <= size <= 4 * 2**20
    else:
        assert size <= max(pixel, 2**17)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 7))
def test_blocks_are_cut_between_chunks_whatever_they_were(heights, rows):
    data = np.arange(sum(heights) * 2, dtype=np.float32).reshape(-1, 2, 1)
    edges = np.cumsum([0, *heights])
    parts = list(whole_chunks((data[a:b] for a, b in pairwise(edges)), rows))
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), data)
    assert [top for top, _ in parts] == [0, *np.cumsum([len(b) for _, b in parts])[:-1]]
    assert all(top % rows == 0 for top, _ in parts)


# 16 bits


def measured(data: np.ndarray) -> Range:
    found = Range()
    for row in data:
        found.add(row[None])
    return found


def decoded(stored: np.ndarray, encoding: Encoding) -> np.ndarray:
    """By CF's rule, in float64."""
    values = stored * np.float64(encoding.scale_factor) + encoding.add_offset
    return (
        np.where(stored == encoding.fill, np.nan, values) if encoding.fill is not None else values
    )


FINITE = st.floats(-(2.0**100), 2.0**100, width=32)
NUMBERS = st.one_of(FINITE, st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e-40, -1.0]))
CUBES = arrays.arrays(np.float32, (2, 3, 2), elements=NUMBERS)


@given(CUBES, st.booleans())
@example(np.full((2, 3, 2), 0.3, np.float32), True)
@example(np.full((2, 3, 2), -0.3, np.float32), True)
@example(np.full((2, 3, 2), 1e-40, np.float32), True)
def test_uint16_is_within_half_a_step_and_nan_stays_nan(data, offset):
    finite = np.isfinite(data)
    if not finite.any():
        return
    found = measured(data)
    try:
        encoding = uint16_encoding("a", found, offset=offset)
    except SettingError:
        assert not offset  # negative, or too small to divide
        return
    back = decoded(encoding.encode(data), encoding)
    np.testing.assert_array_equal(np.isnan(back), ~finite)
    error = np.abs(back - data.astype(np.float64))[finite]
    assert (error <= encoding.scale_factor / 2 * (1 + 1e-6)).all()
    if not found.whole:
        # No finer scale has room for the range: 65,535 numbers, one of them kept.
        reach = found.greatest - (found.least if offset else 0)
        assert encoding.scale_factor <= reach / 65534 * (1 + 1e-6) or reach == 0


@given(arrays.arrays(np.uint16, (2, 3, 2)), st.booleans())
@example(np.array([0, 65535] * 6, np.uint16).reshape(2, 3, 2), False)
def test_numbers_that_are_uint16_already_stay_as_they_are(data, offset):
    encoding = uint16_encoding("a", measured(data.astype(np.float32)), offset=offset)
    assert not encoding.scaled
    np.testing.assert_array_equal(encoding.encode(data.astype(np.float32)), data)


@pytest.mark.parametrize(
    ("numbers", "offset", "fill"),
    [
        ([0, 65534, np.nan], 0, 65535),
        ([1, 65535, np.nan], 0, 0),  # the one number that is free
        ([0, 65535], 0, None),
        ([-5, 60000, np.nan], -5, 65535),
        ([70000, 70001], 70000, 65535),
    ],
)
def test_whole_numbers_that_fit_are_exact(numbers, offset, fill):
    data = np.array(numbers, np.float32)[None, None]
    encoding = uint16_encoding("a", measured(data), offset=True)
    assert (encoding.scale_factor, encoding.add_offset, encoding.fill) == (1, offset, fill)
    np.testing.assert_array_equal(decoded(encoding.encode(data), encoding), data)


def test_whole_numbers_without_a_number_to_spare_are_scaled():
    data = np.array([0, 65535, np.nan], np.float32)[None, None]
    encoding = uint16_encoding("a", measured(data), offset=True)
    assert encoding.scale_factor == pytest.approx(65535 / 65534)
    assert np.nanmax(np.abs(decoded(encoding.encode(data), encoding) - data)) < 0.51


def test_float16_takes_what_it_holds_and_refuses_the_rest():
    for good in ([65504.0, -65504.0], [65519.0], [0.0], [1e-8, 1.0], [np.inf, 1.0], [np.nan]):
        check_float16("a", measured(np.array(good, np.float32)[None, None]))
    for bad, said in (([65520.0], "65504"), ([-1e9, 1.0], "65504"), ([1e-9, -5e-6], "larger")):
        with pytest.raises(SettingError, match=said):
            check_float16("a", measured(np.array(bad, np.float32)[None, None]))


# What a format does not have


@pytest.mark.parametrize(
    ("key", "choices", "said"),
    [
        ("envi", {"dtype": "float16"}, "ENVI holds no float16"),
        ("mat", {"dtype": "float16"}, "MATLAB holds no float16"),
        ("envi", {"compression": "fast"}, "not compressed"),
        ("envi", {"layout": "cube"}, "no chunks"),
        ("zarr", {"interleave": "bip"}, "for ENVI alone"),
    ],
)
def test_a_choice_a_format_does_not_have_is_refused(key, choices, said):
    with pytest.raises(SettingError, match=said):
        FORMATS[key].settle(Choices(**choices))


def test_defaults_are_chunks_for_whole_cubes_packed_fast_and_bip():
    assert FORMATS["h5"].settle(Choices()) == ("float32", "cube", "fast", "bip")
    assert FORMATS["envi"].settle(Choices(compression="none")).compression == "none"


# Verification


@pytest.mark.parametrize("encoding", [FLOAT32, PACKED, Encoding(np.dtype("float16"))])
def test_verification_finds_one_number_that_is_off(tmp_path, encoding):
    data = scene()
    source = Cube(data, CENTRES)
    verify(source, source.row_blocks(), write("h5", tmp_path / "a.h5", encoding=encoding), encoding)
    wrong = data.copy()
    wrong[11, 12, 3] += 4
    write("h5", tmp_path / "b.h5", wrong, encoding=encoding)
    with pytest.raises(ValueError, match="row 11 differs"):
        verify(source, source.row_blocks(), tmp_path / "b.h5", encoding)


def test_verification_finds_one_step(tmp_path):
    source, wrong = Cube(scene(), CENTRES), scene()
    wrong[11, 12, 3] += PACKED.scale_factor
    write("h5", tmp_path / "b.h5", wrong, encoding=PACKED)
    with pytest.raises(ValueError, match="row 11 differs"):
        verify(source, source.row_blocks(), tmp_path / "b.h5", PACKED)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_verification_finds_a_pixel_that_became_valid_or_invalid(tmp_path, value):
    source = Cube(scene(), CENTRES)
    wrong = scene()
    wrong[(5, 6) if value == 0 else (9, 9)] = value
    write("h5", tmp_path / "b.h5", wrong, encoding=PACKED)
    with pytest.raises(ValueError, match="differs"):
        verify(source, source.row_blocks(), tmp_path / "b.h5", PACKED)


def test_verification_compares_shape_and_wavelengths(tmp_path):
    source = Cube(scene(), CENTRES)
    for name, data, centres, said in (
        ("a.h5", scene()[:-1], CENTRES, "reads as"),
        ("b.h5", scene(), CENTRES + 0.01, "wavelengths"),
        ("c.h5", scene(), None, "wavelengths"),
    ):
        write("h5", tmp_path / name, data, centres=centres)
        with pytest.raises(ValueError, match=said):
            verify(source, source.row_blocks(), tmp_path / name, FLOAT32)


# A full disk


def test_an_enduring_file_keeps_what_a_full_disk_refuses(tmp_path, small_files):
    with (tmp_path / "a").open("w+b", buffering=0) as disk:
        file = EnduringFile(disk)
        file.write(b"a" * 900)
        file.check()
        file.write(b"b" * 200)  # 100 of these fit
        file.seek(2000)
        file.write(b"c" * 10)
        file.truncate(5000)
        assert file.seek(0, os.SEEK_END) == 2010
        file.seek(800)
        assert file.read(300) == b"a" * 100 + b"b" * 200
        file.seek(1995)
        assert file.read(10)[5:] == b"c" * 5
        with pytest.raises(OSError, match="too large"):
            file.check()


@pytest.mark.parametrize("key", ["h5", "mat", "envi", "zarr"])
def test_a_full_disk_is_an_error(tmp_path, small_files, key):
    output = tmp_path / f"a{FORMATS[key].endings[0]}"
    with pytest.raises(OSError, match="too large"):
        write(key, output)


def test_zarr_writes_nothing_more_once_it_is_stopped(tmp_path):
    store = zarr_stores._stoppable(tmp_path / "a.zarr")
    group = zarr.create_group(store, zarr_format=2)
    store.stop()
    group.create_array("late", shape=(4,), dtype="float32")
    assert {path.name for path in store.root.rglob("*")} == {".zgroup", ".zattrs"}


def test_a_failure_among_the_blocks_stops_zarr(tmp_path, monkeypatch):
    stopped = []
    real = zarr_stores._stoppable

    def watched(folder):
        store = real(folder)
        stop = store.stop
        monkeypatch.setattr(store, "stop", lambda: (stopped.append(folder), stop()))
        return store

    def failing():
        yield scene()[:5]
        raise KeyboardInterrupt

    monkeypatch.setattr(zarr_stores, "_stoppable", watched)
    with pytest.raises(KeyboardInterrupt):
        zarr_stores.write_zarr(tmp_path / "a.zarr", failing(), Plan(scene().shape, None, FLOAT32))
    assert stopped == [tmp_path / "a.zarr"]


# Placing


def fill(paths: tuple[Path, ...], text: str) -> None:
    for path in paths:
        path.write_text(text)


def test_files_that_belong_together_are_exchanged_together(tmp_path):
    files = (tmp_path / "a.img", tmp_path / "a.hdr")
    for text in ("old", "new"):
        with placing(files, folder=False) as partials:
            assert [path.suffix for path in partials] == [".img", ".hdr"]
            assert partials[0].stem == partials[1].stem
            fill(partials, text)
    assert [path.read_text() for path in files] == ["new", "new"]
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_an_old_header_never_stands_before_new_numbers(tmp_path, monkeypatch):
    files = (tmp_path / "a.img", tmp_path / "a.hdr")
    fill(files, "old")
    steps = []
    real = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda self, target: (steps.append(target.name), real(self, target))[1]
    )
    with placing(files, folder=False) as partials:
        fill(partials, "new")
    assert [step.partition(".")[0] == "a" for step in steps] == [False, False, True, True]
    assert [Path(step).suffix for step in steps] == [".hdr", ".img", ".img", ".hdr"]


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_failure_between_the_steps_puts_the_old_ones_back(tmp_path, monkeypatch, failing):
    files = (tmp_path / "a.img", tmp_path / "a.hdr")
    fill(files, "old")
    steps = []
    real = Path.rename

    def rename(self, target):
        steps.append(target)
        if len(steps) == failing:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)

    def exchange():
        with placing(files, folder=False) as partials:
            fill(partials, "new")

    with pytest.raises(PermissionError, match=r"a\.hdr: cannot be written \(Permission denied\)"):
        exchange()
    assert [path.read_text() for path in files] == ["old", "old"]
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    target = tmp_path / "made" / "a.zarr"
    for name in ("old", "new"):
        with placing((target,), folder=True) as (partial,):
            partial.mkdir()
            (partial / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(target.parent.iterdir()) == [target]


def test_a_header_does_not_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "a.hdr").mkdir()

    def exchange():
        with placing((tmp_path / "a.img", tmp_path / "a.hdr"), folder=False) as partials:
            fill(partials, "new")

    with pytest.raises(IsADirectoryError, match=r"a\.hdr is a folder"):
        exchange()
    assert [path.name for path in tmp_path.iterdir()] == ["a.hdr"]
