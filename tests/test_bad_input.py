"""Bad input to ``dmssn predict``: one clear line, an exit code, and old outputs left alone."""

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from spectral.io import envi

from dmssn.cli import main
from making import BANDS, write_detector, write_teacher

DATA = np.random.default_rng(0).random((20, 36, BANDS)).astype(np.float32)
ENDINGS = (
    "saliency.png",
    "overlay.png",
    "mask.png",
    "objects.csv",
    "saliency.npy",
    "saliency.tif",
)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture
def out(tmp_path):
    """A folder with the outputs of an earlier prediction of ``scene``."""
    folder = tmp_path / "out"
    folder.mkdir()
    for ending in ENDINGS:
        (folder / f"scene.{ending}").write_text(f"an earlier {ending}")
    return folder


@pytest.fixture
def cube(tmp_path):
    np.savez(tmp_path / "scene.npz", cube=DATA)
    return tmp_path / "scene.npz"


def fail(capsys, out, *tokens) -> tuple[int, str]:
    """Exit code and the one line said; nothing may have been written."""
    before = {path: path.read_bytes() for path in out.iterdir()} if out.is_dir() else {}
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, tokens), "-o", str(out), "--save", "mask,objects,npy,tiff"])
    told, said = capsys.readouterr()
    assert told == ""
    assert said.startswith("dmssn predict: ")
    assert said.endswith("\n")
    assert said.count("\n") == 1, said
    assert "Traceback" not in said
    after = {path: path.read_bytes() for path in out.iterdir()} if out.is_dir() else {}
    assert after == before
    return ended.value.code, said


def envi_cube(folder, **changes):
    path = folder / "scene.hdr"
    envi.save_image(str(path), DATA, interleave="bil", ext="raw")
    text = path.read_text()
    for field, value in changes.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{field} =")]
        text = "\n".join([*lines, f"{field} = {value}", ""])
    path.write_text(text)
    return path


def missing(folder):
    return folder / "scene.hdr"


def empty(folder):
    (folder / "scene.mat").touch()
    return folder / "scene.mat"


def truncated_raw(folder):
    path = envi_cube(folder)
    raw = path.with_suffix(".raw")
    raw.write_bytes(raw.read_bytes()[:-1000])
    return path


def header_of_more_lines(folder):
    return envi_cube(folder, lines=21)


def header_without_raw(folder):
    path = envi_cube(folder)
    path.with_suffix(".raw").unlink()
    return path


def text_renamed_mat(folder):
    (folder / "scene.mat").write_text("wavelength,reflectance\n400,0.1\n" * 30)
    return folder / "scene.mat"


def text_renamed_h5(folder):
    (folder / "scene.h5").write_text("wavelength,reflectance\n400,0.1\n" * 30)
    return folder / "scene.h5"


def truncated_mat(folder):
    path = folder / "scene.mat"
    scipy.io.savemat(path, {"data": DATA}, do_compression=True)
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def hdf5_of_a_table(folder):
    with h5py.File(folder / "scene.h5", "w") as file:
        file["table"] = DATA[:, :, 0]
    return folder / "scene.h5"


def array_of(values):
    def write(folder):
        np.save(folder / "scene.npy", values)
        return folder / "scene.npy"

    return write


def wavelengths_of_another_camera(folder):
    np.savez(folder / "scene.npz", cube=DATA, wavelengths_nm=np.linspace(400, 700, 31))
    return folder / "scene.npz"


def empty_folder(folder):
    (folder / "scene").mkdir()
    return folder / "scene"


def one_picture(folder):
    Image.fromarray(np.zeros((20, 36), np.uint8)).save(folder / "scene.png")
    return folder / "scene.png"


def pickled(folder):
    np.save(folder / "scene.npy", np.array([{}], dtype=object), allow_pickle=True)
    return folder / "scene.npy"


BAD_CUBES = {
    "missing": (missing, "no such file or folder"),
    "empty": (empty, "the file is empty"),
    "truncated raw": (truncated_raw, "22040 bytes, but scene.hdr asks for 23040"),
    "header of more lines": (header_of_more_lines, "23040 bytes, but scene.hdr asks for 24192"),
    "header without raw": (header_without_raw, "no raw file beside it"),
    "text renamed .mat": (text_renamed_mat, "damaged or of another format"),
    "text renamed .h5": (text_renamed_h5, "is not an HDF5 file"),
    "truncated .mat": (truncated_mat, "scene.mat: "),
    "HDF5 of a table": (hdf5_of_a_table, "three axes, found table (20, 36) float32"),
    "complex": (array_of(DATA * 1j), "holds complex numbers"),
    "text": (array_of(DATA.astype("U4")), "holds text"),
    "objects": (pickled, "scene.npy: "),
    "2-D": (array_of(DATA[:, :, 0]), "found shape (20, 36)"),
    "4-D": (array_of(DATA[None]), "found shape (1, 20, 36, 8)"),
    "no pixels": (array_of(DATA[:0]), "scene.npy: "),
    "all NaN": (array_of(np.full_like(DATA, np.nan)), "no pixel has finite values in all bands"),
    "a NaN band": (
        array_of(np.where(np.arange(BANDS) == 3, np.float32(np.nan), DATA)),
        "no pixel has finite values in all bands",
    ),
    "undecided axes": (array_of(DATA[:, :10]), "pass --band-axis"),
    "wavelengths of another camera": (wavelengths_of_another_camera, "8 bands but 31 wavelengths"),
    "empty folder": (empty_folder, "found no pictures"),
    "one picture": (one_picture, "folder that holds them all"),
}


@pytest.mark.parametrize("kind", BAD_CUBES)
def test_a_bad_cube_is_one_line_that_names_it(kind, tmp_path, out, detector, capsys):
    make, wanted = BAD_CUBES[kind]
    path = make(tmp_path)
    code, said = fail(capsys, out, path, "--detector", detector)
    assert code == 1
    assert str(path.with_suffix("")) in said
    assert wanted in said


@pytest.mark.parametrize("bands", [1, 2])
def test_one_and_two_bands_are_no_spectrum(bands, tmp_path, out, detector, capsys):
    np.save(tmp_path / "scene.npy", DATA[:, :, :bands])
    code, said = fail(
        capsys, out, tmp_path / "scene.npy", "--band-axis", "2", "--detector", detector
    )
    assert code == 1
    assert f"{tmp_path / 'scene.npy'}: {bands} band" in said
    assert "at least 3" in said


BAD_OPTIONS = {
    "threshold above 1": (["--threshold", "2"], "--threshold must be from 0 to 1, got 2.0"),
    "threshold NaN": (["--threshold", "nan"], "--threshold must be from 0 to 1, got nan"),
    "threshold no number": (["--threshold", "half"], "half"),
    "unknown flag": (["--treshold", "0.5"], "--treshold"),
    "no threads": (["--threads", "0"], "--threads must be at least 1, got 0"),
    "unknown device": (["--device", "tpu"], "--device 'tpu'"),
    "unknown extra": (
        ["--save", "mask,png"],
        "--save takes mask, objects, npy, tiff, envi, got 'png'",
    ),
    "unknown detector": (["--detector", "dmsn"], "no detector 'dmsn'"),
    "missing detector": (["--detector", "runs/a.safetensors"], "'runs/a.safetensors'"),
    "axis out of range": (["--band-axis", "3"], "--band-axis"),
    "no wavelengths": (["--wavelengths", "blue"], "--wavelengths"),
    "no range": (["--drop-nm", "1350"], "--drop-nm"),
    "bands that are not there": (["--bands", "0:99"], "--bands asks for band 8"),
    "unknown key": (["--key", "kube"], "no variable 'kube'"),
    "dark alone": (["--dark", "dark.npy"], "--dark needs --white"),
}


@pytest.mark.parametrize("kind", BAD_OPTIONS)
def test_a_bad_option_is_one_line_and_exit_code_2(kind, cube, out, detector, capsys):
    options, wanted = BAD_OPTIONS[kind]
    if "--detector" not in options:
        options = ["--detector", detector, *options]
    code, said = fail(capsys, out, cube, *options)
    assert code == 2
    assert wanted in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error(cube, out, detector, capsys):
    code, said = fail(capsys, out, cube, "--detector", detector, "--device", "cuda")
    assert code == 2
    assert "--device cuda: this machine shows 0 CUDA devices; use cpu" in said


@pytest.mark.parametrize("tokens", [[], ["--output", "out"]])
def test_without_a_cube_or_an_output_the_usage_is_wrong(tokens, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["predict", *tokens])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_weights_cut_in_half_are_an_error(cube, out, detector, tmp_path, capsys):
    half = tmp_path / "half.safetensors"
    half.write_bytes(detector.read_bytes()[: detector.stat().st_size // 2])
    code, said = fail(capsys, out, cube, "--detector", half)
    assert code == 1
    assert f"{half}: not a whole safetensors file" in said


def test_weights_of_another_stage_are_an_error(cube, out, tmp_path, capsys):
    teacher = write_teacher(tmp_path / "teacher.safetensors")
    code, said = fail(capsys, out, cube, "--detector", teacher)
    assert code == 1
    assert f"{teacher}: a teacher checkpoint, a detector one is needed" in said


def test_weights_of_another_program_are_an_error(cube, out, tmp_path, capsys):
    other = tmp_path / "model.pth"
    torch.save({"conv.weight": torch.zeros(3)}, other)
    code, said = fail(capsys, out, cube, "--detector", other)
    assert code == 1
    assert str(other) in said


def test_an_output_folder_that_cannot_be_made_is_an_error(cube, tmp_path, detector, capsys):
    file = tmp_path / "results.txt"
    file.write_text("mine")
    for output in (file, file / "deeper", file / "deeper" / "still"):
        code, said = fail(capsys, output, cube, "--detector", detector)
        assert code == 1
        assert f"{output}: cannot be made a folder to write to" in said
        assert "choose another --output" in said
    assert file.read_text() == "mine"


def test_an_output_that_stands_in_the_way_as_a_folder_is_an_error(cube, out, detector, capsys):
    (out / "scene.saliency.png").unlink()
    (out / "scene.saliency.png").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(cube), "-o", str(out), "--detector", str(detector)])
    told, said = capsys.readouterr()
    assert (ended.value.code, told, said.count("\n")) == (1, "", 1)
    assert str(cube) in said
    assert "scene.saliency.png" in said
    assert (out / "scene.overlay.png").read_text() == "an earlier overlay.png"
    assert sorted(path.name for path in out.iterdir()) == sorted(f"scene.{end}" for end in ENDINGS)
