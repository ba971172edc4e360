"""``dmssn info`` and the options it shares with other commands that read cubes."""

import json

import numpy as np
import pytest

from dmssn.cli import main

HEIGHT, WIDTH, BANDS = 20, 26, 8


@pytest.fixture
def scene(tmp_path):
    data = np.arange(HEIGHT * WIDTH * BANDS, dtype="float32").reshape(HEIGHT, WIDTH, BANDS)
    data[3, 4, 5] = np.nan
    data[6, 7, 0] = np.inf
    np.savez(tmp_path / "scene.npz", cube=data, wavelengths_nm=np.linspace(400, 750, BANDS))
    return tmp_path / "scene.npz"


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(["info", *map(str, arguments)])
    shown = capsys.readouterr()
    return exit_.value.code, shown.out, shown.err


def report_of(capsys, *arguments) -> dict:
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)[0]


def test_everything_is_shown(scene, capsys):
    code, out, err = run(capsys, scene)
    assert (code, err) == (0, "")
    lines = {line[2:14].strip(): line[14:] for line in out.splitlines()[1:]}
    assert out.splitlines()[0] == str(scene)
    assert lines == {
        "size": "20 rows x 26 columns x 8 bands",
        "stored": "20 x 26 x 8 float32",
        "variable": "cube",
        "bands": "axis 2 of (20, 26, 8) holds the bands: the only one as long as the list of "
        "wavelengths",
        "wavelengths": "400 to 750 nm, step 50 nm",
        "range": "0 to 4159",
        "invalid": "2 of 520 pixels",
    }


def test_the_range_is_that_of_valid_pixels_whatever_the_blocks(scene, capsys, monkeypatch):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 1)
    report = report_of(capsys, scene)
    assert (report["min"], report["max"], report["invalid_pixels"]) == (0, 4159, 2)


def test_json_holds_the_same(scene, capsys):
    report = report_of(capsys, scene)
    assert report["shape"] == report["stored_shape"] == [HEIGHT, WIDTH, BANDS]
    assert report["wavelengths_nm"] == np.linspace(400, 750, BANDS).tolist()
    assert (report["name"], report["key"], report["dtype"]) == ("scene", "cube", "float32")


def test_unknown_wavelengths_and_their_notes_are_said(tmp_path, capsys):
    np.save(tmp_path / "scene.npy", np.ones((30, 30, 7)))
    _, out, _ = run(capsys, tmp_path / "scene.npy")
    assert "  wavelengths unknown\n" in out
    assert "  range       1 to 1\n" in out
    assert "  note        float64 numbers are rounded to float32\n" in out
    assert "variable" not in out


def test_options_reach_the_reader(scene, tmp_path, capsys):
    (tmp_path / "wl.csv").write_text("nm\n" + "\n".join(map(str, range(500, 580, 10))))
    options = ["--wavelengths", tmp_path / "wl.csv", "--drop-nm", "500-510", "--drop-nm=570-580"]
    report = report_of(capsys, scene, *options, "--bands", "1:", "--key", "cube")
    assert report["wavelengths_nm"] == [520, 530, 540, 550, 560]
    report = report_of(capsys, scene, "--wavelengths", "400:1100", "--bands", "0,5,7")
    assert report["wavelengths_nm"] == [400, 900, 1100]
    report = report_of(capsys, scene, "--wavelengths", "400:1100", "--bands", "0:2,5,6:8")
    assert report["wavelengths_nm"] == [400, 500, 900, 1000, 1100]
    report = report_of(capsys, scene, "--wavelengths", "400:1250", "--band-axis", "1")
    assert report["shape"] == [HEIGHT, BANDS, WIDTH]


def test_references_reach_the_reader(tmp_path, capsys):
    np.save(tmp_path / "raw.npy", np.full((30, 30, 7), 600.0))
    np.save(tmp_path / "white.npy", np.full(7, 1100.0))
    np.save(tmp_path / "dark.npy", np.full(7, 100.0))
    options = ["--white", tmp_path / "white.npy", "--dark", tmp_path / "dark.npy"]
    report = report_of(capsys, tmp_path / "raw.npy", *options)
    assert report["min"] == report["max"] == 0.5


def test_a_cube_that_fails_does_not_hide_the_others(scene, tmp_path, capsys):
    code, out, err = run(capsys, tmp_path / "none.npy", scene)
    assert code == 1
    assert err == f"dmssn info: {tmp_path / 'none.npy'}: no such file or folder\n"
    assert "20 rows x 26 columns" in out
    code, out, err = run(capsys, scene, tmp_path / "none.npy", "--json")
    assert code == 1
    assert [("error" in report) for report in json.loads(out)] == [False, True]


def test_a_cube_without_a_valid_pixel_fails(tmp_path, capsys):
    np.save(tmp_path / "scene.npy", np.full((30, 30, 7), np.nan))
    code, out, err = run(capsys, tmp_path / "scene.npy")
    assert (code, out) == (1, "")
    assert "no pixel has finite values" in err


def test_an_empty_band_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", 1)
    data = np.ones((30, 30, 7))
    data[:, :, 3] = np.nan
    np.save(tmp_path / "scene.npy", data)
    code, out, err = run(capsys, tmp_path / "scene.npy")
    assert (code, out) == (1, "")
    assert "1 of 7 bands are empty (number 3, from 0); leave them out with --bands" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bands", "a:b"], "--bands takes 0:100 or 0,5,7, got 'a:b'"),
        (["--bands", "2:2,5"], "--bands takes 0:100 or 0,5,7, got '2:2,5'"),
        (["--bands", "0:99"], "--bands asks for band 8"),
        (["--drop-nm", "1400"], "--drop-nm takes a range such as 1350-1450, got '1400'"),
        (["--drop-nm", "1450-1350"], "from low to high"),
        (["--wavelengths", "none.csv"], "'none.csv' is neither"),
        (["--wavelengths", "400:500:600"], "is neither"),
        (["--band-axis", "3"], "band-axis"),
        (["--key", "nope"], "no variable 'nope'"),
        (["--dark", "dark.npy"], "--dark needs --white"),
    ],
)
def test_wrong_options_exit_with_2_and_one_line(scene, capsys, options, said):
    code, out, err = run(capsys, scene, *options)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("dmssn info: ")


def test_no_cube_is_a_usage_error(capsys):
    assert run(capsys)[0] == 2


def test_many_cubes_and_a_flag(scene, capsys):
    code, out, _ = run(capsys, scene, scene, "--json")
    assert code == 0
    assert len(json.loads(out)) == 2
