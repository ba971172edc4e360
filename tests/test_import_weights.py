# ruff: noqa: F811
"""``dmssn import-weights``: published weights in, a checkpoint that gives their numbers out."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import dmssn
from dmssn import checkpoint
from dmssn.cli import main
from dmssn.models.autoencoder import Teacher
from generated import cube_of
from making import write_teacher
from test_parity import TOLERANCE, cubes, difference, published, published_state  # noqa: F401

STATES = {kind: published_state(kind) for kind in ("network", "teacher")}


def run(capsys, *tokens) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["import-weights", *map(str, tokens)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def write(path: Path, form: str, kind: str, **changes) -> Path:
    """The published state dict as people pass such files on."""
    state = STATES[kind] | changes
    if "module" in form:
        state = {f"module.{name}": tensor for name, tensor in state.items()}
    if "safetensors" in form:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    elif "legacy" in form:
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif "nested" in form:
        torch.save({"epoch": 99, "state_dict": state, "best": 0.9}, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize(
    "form", ["pth", "pth module", "safetensors", "safetensors module", "legacy", "nested module"]
)
def test_an_imported_detector_gives_the_published_saliency(
    form, tmp_path, cubes, published, capsys
):
    file = write(tmp_path / f"published.{form.split()[0]}", form, "network")
    code, out, err = run(capsys, file, "-o", tmp_path / "ours.safetensors")
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'ours.safetensors'}: the published network, 200 bands\n"
    detector = dmssn.load_detector(tmp_path / "ours.safetensors", device="cpu")
    with torch.no_grad():
        saliency = detector.network.saliency_dense(cubes)
    assert difference(saliency[0, 0], published["saliency"]) < TOLERANCE


@pytest.mark.parametrize("form", ["pth", "safetensors module"])
def test_an_imported_teacher_gives_the_published_features(form, tmp_path, cubes, published, capsys):
    file = write(tmp_path / "published", form, "teacher")
    assert run(capsys, file, "-o", tmp_path / "ours.safetensors")[0] == 0
    header, tensors = checkpoint.load(tmp_path / "ours.safetensors", "teacher")
    teacher = Teacher(header.bands, **header.model).eval()
    checkpoint.load_weights(teacher, tensors, tmp_path)
    with torch.no_grad():
        output = teacher(cubes)
    for feature, values in output._asdict().items():
        found = values[0, :, ::8, ::8]
        assert difference(found, published[f"teacher_{feature}"]) < TOLERANCE


def test_an_imported_detector_takes_a_cube_of_any_camera(tmp_path, capsys):
    file = write(tmp_path / "published.pth", "pth", "network")
    ours = tmp_path / "ours.safetensors"
    run(capsys, file, "-o", ours, "--size", "64", "--wavelengths", "400:1000")
    detection = dmssn.load_detector(ours).detect(cube_of(bands=31))
    assert detection.saliency.shape == (40, 40)
    assert detection.regions.region_map.shape == (64, 64)
    assert detection.bands_said == "31 bands resampled by wavelength to 200 (100% covered)"


def test_the_checkpoint_says_where_it_comes_from(tmp_path, capsys):
    file = write(tmp_path / "published.pth", "pth", "teacher")
    ours = tmp_path / "ours.safetensors"
    run(capsys, file, "-o", ours, "--wavelengths", "400:997")
    header, _ = checkpoint.load(ours, "teacher")
    assert header.provenance == {"version": dmssn.__version__, "imported": "published.pth"}
    assert header.wavelengths_nm == pytest.approx(np.arange(400, 1000, 3))
    assert (header.prepare["size"], header.prepare["statistics"]) == (512, "self")
    run(capsys, file, "-o", ours)
    assert checkpoint.load(ours, "teacher")[0].wavelengths_nm is None


class Evil:
    """Pickled, it runs a program when it is loaded in the usual way."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self):
        return os.mkdir, (str(self.sign),)


def garbage(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def half_of_a_pth(path):
    write(path, "pth", "teacher")
    path.write_bytes(path.read_bytes()[:200_000])


def half_of_a_legacy_pth(path):
    write(path, "legacy", "teacher")
    path.write_bytes(path.read_bytes()[:200_000])


def half_of_safetensors(path):
    write(path, "safetensors", "teacher")
    path.write_bytes(path.read_bytes()[:200_000])


def other_zip(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes.txt", "not weights")


def without_a_tensor(path):
    state = dict(STATES["network"])
    del state["decoder.norm1.weight"]
    torch.save(state, path)


BAD = {
    "garbage": (garbage, "neither safetensors nor tensors alone"),
    "empty": (lambda path: path.write_bytes(b""), "neither safetensors"),
    "text": (lambda path: path.write_text("weights, honestly\n" * 99), "neither safetensors"),
    "half of .pth": (half_of_a_pth, "damaged"),
    "half of legacy .pth": (half_of_a_legacy_pth, "damaged"),
    "half of safetensors": (half_of_safetensors, "damaged"),
    "other zip": (other_zip, "neither safetensors"),
    "JSON": (lambda path: path.write_text(json.dumps({"a": 1})), "neither safetensors"),
    "whole network": (lambda path: torch.save(torch.nn.Linear(2, 3), path), "code in it"),
    "a list": (lambda path: torch.save([torch.zeros(3)], path), "state_dict()"),
    "numbered": (lambda path: torch.save({1: torch.zeros(3)}, path), "state_dict()"),
    "more than tensors": (lambda path: torch.save({"a": 3}, path), "state_dict()"),
    "no tensors": (lambda path: torch.save({}, path), "not the weights of a published network"),
    "another network": (
        lambda path: torch.save(torch.nn.Linear(2, 3).state_dict(), path),
        "not the weights of a published network",
    ),
    "our own checkpoint": (write_teacher, "not the weights of a published network"),
    "missing tensor": (without_a_tensor, "lack 'decoder.norm1.weight'"),
    "unknown tensor": (
        lambda path: write(path, "pth", "teacher", **{"encoder.conv9.weight": torch.zeros(2)}),
        "hold 'encoder.conv9.weight'",
    ),
    "wrong shape": (
        lambda path: write(path, "pth", "network", **{"decoder.norm1.weight": torch.zeros(31)}),
        "'decoder.norm1.weight' has shape (31,), expected (32,)",
    ),
}


def fail(capsys, tmp_path, file, *options) -> tuple[int, str]:
    """Exit code and the one line said; the old output stays, and nothing is beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "ours.safetensors").write_bytes(b"older weights")
    code, out, err = run(capsys, file, "-o", folder / "ours.safetensors", *options)
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("dmssn import-weights: ")
    assert [path.name for path in folder.iterdir()] == ["ours.safetensors"]
    assert (folder / "ours.safetensors").read_bytes() == b"older weights"
    return code, err


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_line_that_names_it(kind, tmp_path, capsys):
    make, wanted = BAD[kind]
    make(tmp_path / "published.pth")
    code, said = fail(capsys, tmp_path, tmp_path / "published.pth")
    assert code == 1
    assert said.startswith(f"dmssn import-weights: {tmp_path / 'published.pth'}: ")
    assert wanted in said


@pytest.mark.parametrize("by", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(by, tmp_path, capsys):
    file, sign = tmp_path / "published.pth", tmp_path / "the code ran"
    content = STATES["teacher"] | {"evil": Evil(sign)}
    if by == "torch":
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content))
    code, said = fail(capsys, tmp_path, file)
    assert (code, sign.exists()) == (1, False)
    assert "code in it, which is not run" in said
    pickle.loads(pickle.dumps(Evil(sign)))
    assert sign.exists()  # it would have, loaded in the usual way


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--wavelengths", "400"], "--wavelengths takes START:STOP in nm"),
        (["--wavelengths", "1000:400"], "--wavelengths takes START:STOP in nm"),
        (["--wavelengths", "0.4:1.0"], "got '0.4:1.0'"),
        (["--wavelengths", "400:nan"], "--wavelengths takes START:STOP in nm"),
        (["--size", "16"], "size must be at least 32, got 16"),
        (["--band", "200"], "--band"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(options, wanted, tmp_path, capsys):
    file = write(tmp_path / "published.pth", "pth", "teacher")
    code, said = fail(capsys, tmp_path, file, *options)
    assert code == 2
    assert wanted in said


def test_a_missing_file_is_an_error(tmp_path, capsys):
    code, said = fail(capsys, tmp_path, tmp_path / "published.pth")
    assert code == 1
    assert f"{tmp_path / 'published.pth'}: no such file" in said


def test_the_published_file_is_not_replaced_by_its_import(tmp_path, capsys):
    file = write(tmp_path / "published.pth", "pth", "teacher")
    before = file.read_bytes()
    code, out, err = run(capsys, file, "-o", tmp_path / "." / "published.pth")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert file.read_bytes() == before


def test_an_output_that_cannot_be_written_is_an_error(tmp_path, capsys):
    file = write(tmp_path / "published.pth", "pth", "teacher")
    for output in (file / "ours.safetensors", tmp_path):
        code, out, err = run(capsys, file, "-o", output)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert f"{output}: cannot be written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["published.pth"]
