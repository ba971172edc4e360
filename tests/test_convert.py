"""``dmssn convert``: every form reads back as the cube it was, or nothing is written."""

import json
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import zarr

from dmssn.cli import main
from dmssn.readers import CubeFile, open_cube, read_cube
from dmssn.writers import formats

HEIGHT, WIDTH, BANDS = 37, 29, 11
CENTRES = np.linspace(400.1, 950.3, BANDS)
ENDINGS = {"h5": "h5", "mat": "mat", "envi": "hdr", "zarr": "zarr"}
DTYPES = {"h5": 3, "mat": 2, "envi": 2, "zarr": 3}
FORMS = [
    *product(["h5", "zarr"], ["float32", "float16", "uint16"], ["cube", "spectrum"]),
    *product(["mat"], ["float32", "uint16"], ["cube", "spectrum"]),
    *product(["envi"], ["float32", "uint16"], ["bsq", "bil", "bip"]),
]


def reflectance() -> np.ndarray:
    """(H, W, B) float32 in [0.1, 0.9], with a number and a whole pixel missing."""
    data = np.random.default_rng(0).uniform(0.1, 0.9, (HEIGHT, WIDTH, BANDS)).astype("float32")
    data[3, 4, 5] = np.nan
    data[30, 28] = np.nan
    return data


@pytest.fixture
def scene(tmp_path) -> Path:
    np.savez(tmp_path / "scene.npz", cube=reflectance(), wavelengths_nm=CENTRES)
    return tmp_path / "scene.npz"


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of one row, and chunks of a few rows or pixels."""
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 1)
    monkeypatch.setattr("dmssn.writers.plan.WHOLE_CHUNK", 8 * WIDTH * BANDS * 4)
    monkeypatch.setattr("dmssn.writers.plan.TILE_CHUNK", 25 * BANDS * 4)


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(["convert", *map(str, arguments)])
    shown = capsys.readouterr()
    return exit_.value.code, shown.out, shown.err


def converted(capsys, *arguments) -> dict:
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0, out
    return json.loads(out)[0]


def beside(folder: Path, *names: str) -> None:
    """Nothing but this is in a folder, hidden files counted."""
    assert {path.name for path in folder.iterdir()} == set(names)


# Round trips


@pytest.mark.parametrize(("key", "dtype", "layout"), FORMS)
def test_every_form_reads_back_as_the_cube(
    scene, tmp_path, capsys, small_blocks, key, dtype, layout
):
    output = tmp_path / "out" / f"scene.{ENDINGS[key]}"
    option = "--interleave" if key == "envi" else "--layout"
    report = converted(capsys, scene, "-o", output, "--dtype", dtype, option, layout)
    cube, data = read_cube(output), reflectance()
    assert cube.name == "scene"
    np.testing.assert_array_equal(cube.wavelengths_nm, CENTRES)
    if dtype == "uint16":
        step = report["scale_factor"]
        assert step < 0.9 / 65000
        np.testing.assert_allclose(cube.data, data, rtol=1e-6, atol=step / 2)
    else:
        np.testing.assert_array_equal(cube.data, data.astype(dtype).astype("float32"))
    np.testing.assert_array_equal(np.isnan(cube.data), np.isnan(data))
    assert report["invalid_pixels"] == 2
    file = open_cube(output)
    np.testing.assert_array_equal(file.read(slice(9, 20)), cube.data[9:20])
    assert file.dtype == dtype


@pytest.mark.parametrize(("first", "second"), product(ENDINGS, ENDINGS))
def test_any_format_becomes_any_other_without_loss(scene, tmp_path, capsys, first, second):
    one, two = tmp_path / f"one.{ENDINGS[first]}", tmp_path / f"two.{ENDINGS[second]}"
    converted(capsys, scene, "-o", one)
    converted(capsys, one, "-o", two)
    np.testing.assert_array_equal(read_cube(two).data, reflectance())
    np.testing.assert_array_equal(read_cube(two).wavelengths_nm, CENTRES)


@pytest.mark.parametrize("key", ENDINGS)
@pytest.mark.parametrize("fill", [None, 0])
def test_counts_of_16_bits_stay_what_they_are(tmp_path, capsys, key, fill):
    counts = np.random.default_rng(1).integers(0, 65536, (40, 30, 7)).astype(np.uint16)
    counts[0, 0, :3] = 1, 65534, 65535
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["cube"] = counts
        if fill is not None:
            file["cube"].attrs["_FillValue"] = np.uint16(fill)
    output = tmp_path / f"out.{ENDINGS[key]}"
    report = converted(capsys, tmp_path / "raw.h5", "-o", output, "--dtype", "uint16")
    assert (report["scale_factor"], report["add_offset"]) == (1, 0)
    np.testing.assert_array_equal(
        np.asarray(open_cube(output).read()), read_cube(tmp_path / "raw.h5").data
    )
    if key == "h5":
        with h5py.File(output) as file:
            np.testing.assert_array_equal(file["cube"][()], counts)


@pytest.mark.parametrize("key", ENDINGS)
def test_a_shape_that_does_not_tell_its_bands_needs_no_option_any_more(tmp_path, capsys, key):
    data = np.arange(12 * 9 * 10, dtype="float32").reshape(12, 9, 10)
    np.save(tmp_path / "a.npy", data)
    output = tmp_path / f"b.{ENDINGS[key]}"
    converted(capsys, tmp_path / "a.npy", "--band-axis", "1", "-o", output)
    np.testing.assert_array_equal(read_cube(output).data, data.transpose(0, 2, 1))
    assert read_cube(output).wavelengths_nm is None


@pytest.mark.parametrize("key", ENDINGS)
def test_one_band_one_row_and_one_column_are_cubes_too(scene, tmp_path, capsys, key):
    one = tmp_path / f"band.{ENDINGS[key]}"
    converted(capsys, scene, "--bands", "2", "-o", one)
    np.testing.assert_array_equal(read_cube(one).data, reflectance()[:, :, 2:3])
    assert read_cube(one).wavelengths_nm.tolist() == [CENTRES[2]]
    np.save(tmp_path / "line.npy", reflectance()[:1, 6:7])
    line = tmp_path / f"line.{ENDINGS[key]}"
    converted(capsys, tmp_path / "line.npy", "--band-axis", "2", "-o", line)
    np.testing.assert_array_equal(read_cube(line).data, reflectance()[:1, 6:7])


@pytest.mark.parametrize("key", ["h5", "mat", "zarr"])
def test_negative_numbers_are_stored_with_an_offset(tmp_path, capsys, key):
    data = reflectance() - 0.5
    np.save(tmp_path / "a.npy", data)
    output = tmp_path / f"b.{ENDINGS[key]}"
    report = converted(
        capsys, tmp_path / "a.npy", "--band-axis", "2", "-o", output, "--dtype", "uint16"
    )
    assert report["add_offset"] == np.nanmin(data)
    np.testing.assert_allclose(read_cube(output).data, data, atol=report["scale_factor"] * 0.501)


def test_the_options_of_cubes_apply(scene, tmp_path, capsys):
    np.save(tmp_path / "white.npy", np.full(BANDS, 2.0))
    output = tmp_path / "out.h5"
    options = ["--bands", "1:9", "--drop-nm", "600-700", "--white", tmp_path / "white.npy"]
    report = converted(capsys, scene, "-o", output, *options)
    expected = read_cube(
        scene, bands=slice(1, 9), drop_nm=[(600, 700)], white=tmp_path / "white.npy"
    )
    np.testing.assert_array_equal(read_cube(output).data, expected.data)
    np.testing.assert_array_equal(read_cube(output).wavelengths_nm, expected.wavelengths_nm)
    assert report["shape"] == list(expected.shape)
    assert any("left out" in note for note in report["notes"])


# In blocks


@pytest.mark.parametrize("key", ENDINGS)
def test_a_cube_is_never_read_as_a_whole(tmp_path, capsys, monkeypatch, small_blocks, key):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("cube", data=reflectance(), chunks=(5, WIDTH, BANDS))
        file["wavelengths_nm"] = CENTRES
    asked = []
    real = CubeFile.read

    def read(self, rows=None):
        asked.append((self.path.name, rows.start, rows.stop))
        return real(self, rows)

    monkeypatch.setattr(CubeFile, "read", read)
    converted(capsys, tmp_path / "a.h5", "-o", tmp_path / f"b.{ENDINGS[key]}", "--dtype", "uint16")
    blocks = [(top, min(top + 5, HEIGHT)) for top in range(0, HEIGHT, 5)]
    source = [(start, stop) for name, start, stop in asked if name == "a.h5"]
    written = [(start, stop) for name, start, stop in asked if name != "a.h5"]
    assert source == blocks * 3  # measured, written, checked
    assert written == blocks


@pytest.mark.parametrize("layout", ["cube", "spectrum"])
def test_chunks_are_packed_once_and_whole(tmp_path, capsys, monkeypatch, small_blocks, layout):
    np.save(tmp_path / "a.npy", np.nan_to_num(reflectance()))
    put = []
    real = h5py.Dataset.__setitem__

    def watched(self, where, value):
        put.append((where.start, where.stop))
        real(self, where, value)

    monkeypatch.setattr(h5py.Dataset, "__setitem__", watched)
    output = tmp_path / "b.h5"
    converted(capsys, tmp_path / "a.npy", "--band-axis", "2", "-o", output, "--layout", layout)
    with h5py.File(output) as file:
        rows = file["cube"].chunks[0]
        assert file["cube"].chunks[2] == BANDS
    assert 1 < rows < HEIGHT
    assert all(start % rows == 0 and (stop % rows == 0 or stop == HEIGHT) for start, stop in put)
    assert sum(stop - start for start, stop in put) == HEIGHT


# What goes wrong


def damage(monkeypatch, key: str) -> None:
    """Change what was written, after it was written and before it is read back."""

    def worse(paths, blocks, plan):
        kind.write(paths, blocks, plan)
        if key == "zarr":
            cube = zarr.open(str(paths[0]))["cube"]
            cube[20, 7, 3] = cube[20, 7, 3] + 1
        elif key == "envi":
            numbers = np.memmap(paths[0], "<f4", "r+", shape=plan.shape)
            numbers[20, 7, 3] += 1
            numbers.flush()
        else:
            with h5py.File(paths[0], "r+") as file:
                place = (20, 7, 3) if key == "h5" else (3, 7, 20)
                file["cube"][place] += 1

    kind = formats.FORMATS[key]
    monkeypatch.setitem(formats.FORMATS, key, kind._replace(write=worse))


@pytest.mark.parametrize("key", ENDINGS)
def test_damage_is_found_and_the_old_output_stays(scene, tmp_path, capsys, monkeypatch, key):
    folder = tmp_path / "out"
    output = folder / f"scene.{ENDINGS[key]}"
    converted(capsys, scene, "-o", output, "--bands", "0:5")
    names = {path.name for path in folder.iterdir()}
    damage(monkeypatch, key)
    code, out, err = run(capsys, scene, "-o", output)
    assert (code, out) == (1, "")
    assert err == (
        f"dmssn convert: {scene}: {output}: row 20 differs from the cube's by more than float32 "
        "rounds; nothing was kept, convert it again\n"
    )
    beside(folder, *names)
    np.testing.assert_array_equal(read_cube(output).data, reflectance()[:, :, :5])


@pytest.mark.parametrize("key", ENDINGS)
def test_a_better_output_takes_the_place_of_the_old_one(scene, tmp_path, capsys, key):
    output = tmp_path / "out" / f"scene.{ENDINGS[key]}"
    converted(capsys, scene, "-o", output, "--bands", "0:5")
    before = {path.name for path in output.parent.iterdir()}
    converted(capsys, scene, "-o", output)
    beside(output.parent, *before)
    np.testing.assert_array_equal(read_cube(output).data, reflectance())


FULL_DISK = """
import resource, sys
from dmssn.cli import main
for output in sys.argv[2:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
    try:
        main(["convert", sys.argv[1], "-o", output, "--compression", "none"])
    except SystemExit as ended:
        print(ended.code)
"""


def test_a_full_disk_is_one_line_and_leaves_nothing(scene, tmp_path):
    # In a process of its own: HDF5 would end it, at the latest when it exits.
    pytest.importorskip("resource")
    (tmp_path / "out").mkdir()
    outputs = [tmp_path / "out" / f"scene.{ending}" for ending in ENDINGS.values()]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, scene, *outputs],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert done.stdout.split() == ["1"] * 4
    assert done.stderr.splitlines() == [
        f"dmssn convert: {scene}: {output}: cannot be written (File too large); "
        "choose another place"
        for output in outputs
    ]
    beside(tmp_path / "out")


def test_too_little_space_is_known_before_anything_is_written(scene, tmp_path, capsys, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=1000))
    code, _, err = run(capsys, scene, "-o", tmp_path / "out" / "a.hdr")
    assert code == 1
    assert "are needed, 1e-06 GB are free); choose another place" in err
    beside(tmp_path, "scene.npz")


def test_a_cube_without_a_valid_pixel_is_not_written(tmp_path, capsys):
    data = reflectance()
    data[:, :, 4] = np.nan
    np.savez(tmp_path / "a.npz", cube=data, wavelengths_nm=CENTRES)
    for dtype in ("float32", "uint16", "float16"):
        code, _, err = run(capsys, tmp_path / "a.npz", "-o", tmp_path / "b.h5", "--dtype", dtype)
        assert code == 1
        assert "1 of 11 bands are empty (number 4, from 0); leave them out with --bands" in err
    np.savez(tmp_path / "a.npz", cube=np.full_like(data, np.nan), wavelengths_nm=CENTRES)
    code, _, err = run(capsys, tmp_path / "a.npz", "-o", tmp_path / "b.h5", "--dtype", "uint16")
    assert (code, err.count("\n")) == (1, 1)
    beside(tmp_path, "a.npz")


@pytest.mark.parametrize(
    ("factor", "offset", "options", "said"),
    [
        (
            1,
            -0.5,
            ["-o", "b.hdr", "--dtype", "uint16"],
            "uint16 in ENVI has no offset; use --dtype",
        ),
        (1e-36, 0, ["-o", "b.hdr", "--dtype", "uint16"], "too small for a scale factor in ENVI"),
        (1e5, 0, ["-o", "b.h5", "--dtype", "float16"], "float16 ends at 65504"),
        (1e-6, 0, ["-o", "b.h5", "--dtype", "float16"], "float16 is exact only from"),
    ],
)
def test_numbers_a_type_cannot_hold_are_refused(
    tmp_path, capsys, monkeypatch, factor, offset, options, said
):
    monkeypatch.chdir(tmp_path)
    values = (reflectance() * np.float32(factor) + np.float32(offset)).astype("float32")
    np.savez(tmp_path / "a.npz", cube=values, wavelengths_nm=CENTRES)
    code, _, err = run(capsys, "a.npz", *options)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    beside(tmp_path, "a.npz")


def test_numbers_whose_type_they_fit_are_tiny_and_still_kept(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", cube=reflectance() * np.float32(1e-38), wavelengths_nm=CENTRES)
    converted(capsys, tmp_path / "a.npz", "-o", tmp_path / "b.h5", "--dtype", "uint16")
    np.testing.assert_allclose(read_cube(tmp_path / "b.h5").data, reflectance() * 1e-38, rtol=1e-4)


# Files and names


def test_one_bad_cube_does_not_stop_the_others(scene, tmp_path, capsys):
    bad = tmp_path / "bad.npz"
    bad.write_bytes(scene.read_bytes()[:500])
    folder = tmp_path / "out"
    code, out, err = run(capsys, bad, scene, tmp_path / "none.h5", "-o", folder, "--format", "mat")
    assert code == 1
    assert out.startswith(f"{scene}: {folder / 'scene.mat'}, 37 x 29 x 11 float32, 0.0")
    assert out.endswith(" MB\n")
    assert [line.partition(" cannot")[0] for line in err.splitlines()] == [
        f"dmssn convert: {bad}:",
        f"dmssn convert: {tmp_path / 'none.h5'}: no such file or folder",
        "dmssn convert: 2 of 3 cubes failed",
    ]
    beside(folder, "scene.mat")


def test_a_folder_of_cubes_is_converted_cube_by_cube(scene, tmp_path, capsys):
    cubes = tmp_path / "cubes"
    for ending in ENDINGS.values():
        converted(capsys, scene, "-o", cubes / f"{ending}.{ending}")
    code, out, _ = run(capsys, cubes, "-o", tmp_path / "out", "--format", "zarr", "--json")
    assert code == 0
    assert [report["name"] for report in json.loads(out)] == ["h5", "hdr", "mat", "zarr"]
    sizes = [sum(f.stat().st_size for f in [cubes / "hdr.hdr", cubes / "hdr.img"])]
    assert json.loads(out)[1]["bytes_before"] == sizes[0]
    beside(tmp_path / "out", "h5.zarr", "hdr.zarr", "mat.zarr", "zarr.zarr")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scene.npz", "-o", "out"], "has none of the endings .h5, .hdf5, .mat, .hdr, .zarr"),
        (["scene.npz", "-o", "a.img"], "pass --format"),
        (["scene.npz", "scene.npz", "-o", "a.h5"], "is one file for 2 cubes"),
        (["scene.npz", "-o", "a.h5", "--format", "mat"], "that of --format h5, not of mat"),
        (["scene.npz", "two/scene.npz", "-o", "out", "--format", "h5"], "would both write"),
        (["scene.npz", "-o", "a.hdr", "--dtype", "float16"], "ENVI holds no float16"),
        (["scene.npz", "-o", "a.hdr", "--compression", "small"], "ENVI is not compressed"),
        (["scene.npz", "-o", "a.hdr", "--layout", "spectrum"], "ENVI has no chunks"),
        (["scene.npz", "-o", "a.h5", "--interleave", "bsq"], "for ENVI alone"),
        (["scene.npz", "-o", "a.h5", "--dtype", "int8"], "dtype"),
        (["scene.npz", "-o", "a.h5", "--key", "nope"], "no variable 'nope'"),
        (["scene.npz", "-o", "a.h5", "--dark", "d.npy"], "--dark needs --white"),
        (["-o", "a.h5"], "cubes"),
        (["scene.npz"], "--output"),
        (["scene.npz", "-o", "folder.zarr"], "is there and no Zarr"),
        (["scene.npz", "-o", "lone.hdr"], "lone.img: is there without lone.hdr"),
        (["scene.npz", "-o", "pair.hdr"], "pair.dat: would be taken for the numbers of pair.hdr"),
    ],
)
def test_wrong_use_is_code_2_and_one_line(scene, tmp_path, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two").mkdir()
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "folder.zarr" / "mine.txt").touch()
    for name in ("two/scene.npz", "lone.img", "pair.dat", "pair.hdr"):
        (tmp_path / name).write_bytes(scene.read_bytes())
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said.lower() in err.lower()
    assert err.startswith("dmssn convert: ")
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("key", ENDINGS)
def test_a_cube_is_not_written_over_itself(scene, tmp_path, capsys, monkeypatch, key):
    own = tmp_path / "cubes" / f"own.{ENDINGS[key]}"
    converted(capsys, scene, "-o", own)
    monkeypatch.chdir(own.parent)
    sources = [own, own.with_suffix(".img")] if key == "envi" else [own]
    for source in sources:
        for output in ([own.name], [".", "--format", key]):
            code, _, err = run(capsys, source, "-o", *output)
            assert (code, err.count("\n")) == (2, 1)
            assert "is read, and would be written over; choose another output" in err
    np.testing.assert_array_equal(read_cube(own).data, reflectance())


def test_a_reference_is_not_written_over(scene, tmp_path, capsys):
    white = tmp_path / "white.h5"
    with h5py.File(white, "w") as file:
        file["cube"] = np.ones((2, WIDTH, BANDS))
    code, _, err = run(capsys, scene, "-o", white, "--white", white)
    assert code == 2
    assert "white.h5: is read, and would be written over" in err


def test_matlab_5_becomes_matlab_7_3_beside_it(tmp_path, capsys):
    scipy.io.savemat(tmp_path / "a.mat", {"hsi": reflectance(), "wl": CENTRES})
    converted(capsys, tmp_path / "a.mat", "-o", tmp_path / "b.mat")
    assert h5py.is_hdf5(tmp_path / "b.mat")
    np.testing.assert_array_equal(read_cube(tmp_path / "b.mat").data, reflectance())


def test_zarr_without_its_library_says_what_to_install(scene, tmp_path, capsys, monkeypatch):
    converted(capsys, scene, "-o", tmp_path / "a.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    for arguments in ([scene, "-o", tmp_path / "b.zarr"], [tmp_path / "a.zarr", "-o", "c.h5"]):
        code, _, err = run(capsys, *arguments)
        assert (code, err.count("\n")) == (1, 1)
        assert "Zarr needs an extra; pip install 'dmssn[zarr]'" in err
    beside(tmp_path, "a.zarr", "scene.npz")
