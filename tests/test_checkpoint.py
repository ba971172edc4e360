"""Checkpoints: what is written comes back, and nothing else is taken for one."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from dmssn import checkpoint
from dmssn.checkpoint import Header, load, load_weights, save
from dmssn.models.autoencoder import Student, Teacher

HEADER = Header(
    stage="detector",
    bands=7,
    wavelengths_nm=[400.0, 500.5, 600, 700, 800, 900, 1000],
    model={"msst": {"dropout": 0.1}},
    prepare={"size": 64, "mixture": {"mode": "fast"}},
    mean=[0.5] * 7,
    std=[0.25] * 7,
    provenance={"version": "0", "recipe": {"a": {"b": 1}}, "commit": None},
    metrics={"epoch": 3, "val/mae": 0.125},
)
TENSORS = {
    "weight": torch.linspace(-3, 3, 12).reshape(3, 4),
    "count": torch.tensor([2**40, -1]),
    "scalar": torch.tensor(1.5),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.safetensors"


def test_what_is_saved_comes_back(path):
    save(path, HEADER, TENSORS)
    header, tensors = load(path, "detector")
    assert header == HEADER
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0)


def test_the_header_is_readable_json(path):
    save(path, HEADER, TENSORS)
    with safe_open(path, framework="pt") as file:
        table = json.loads(file.metadata()["dmssn"])
    assert table["format"] == checkpoint.FORMAT
    assert table["prepare"] == {"size": 64, "mixture": {"mode": "fast"}}


def test_half_precision_is_half_the_size_and_comes_back_as_float32(tmp_path):
    weights = {"weight": torch.randn(100, 100), "count": torch.tensor([2**40])}
    for name, half in (("full", False), ("half", True)):
        save(tmp_path / name, HEADER, weights, half=half)
    sizes = [(tmp_path / name).stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]
    _, found = load(tmp_path / "half", "detector")
    assert found["weight"].dtype == torch.float32
    torch.testing.assert_close(found["weight"], weights["weight"], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found["count"], weights["count"])


def test_a_resume_file_keeps_its_types(path):
    half = {"moment": torch.ones(3, dtype=torch.float16)}
    save(path, Header(stage="resume", bands=0), half)
    assert load(path, "resume")[1]["moment"].dtype == torch.float16


def test_views_and_shared_tensors_are_stored_whole(path):
    whole = torch.arange(12.0).reshape(3, 4)
    save(path, HEADER, {"turned": whole.T, "row": whole[1], "same": whole})
    _, found = load(path, "detector")
    torch.testing.assert_close(found["turned"], whole.T)
    torch.testing.assert_close(found["row"], whole[1])
    torch.testing.assert_close(found["same"], whole)


def test_a_network_comes_back(path):
    torch.manual_seed(0)
    one, other = Student(7), Student(7)
    save(path, HEADER, one.state_dict())
    load_weights(other, load(path, "detector")[1], path)
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def refused(path, *words, stage="detector"):
    with pytest.raises(ValueError, match=str(path.name)) as raised:
        load(path, stage)
    said = str(raised.value)
    assert "\n" not in said
    for word in words:
        assert word in said


def test_a_missing_file_is_told(path):
    with pytest.raises(FileNotFoundError, match=r"a.safetensors: no such teacher checkpoint"):
        load(path, "teacher")
    with pytest.raises(FileNotFoundError):
        load(path.parent, "teacher")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_file_cut_short_is_refused(path, share):
    save(path, HEADER, {"weight": torch.randn(100, 100)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path, "not a whole safetensors file", "copy or train it again")


def test_another_stage_is_refused(path):
    save(path, replace(HEADER, stage="teacher"), TENSORS)
    refused(path, "a teacher checkpoint, a detector one is needed")


def test_a_file_without_a_header_is_refused(path):
    save_file(TENSORS, path)
    refused(path, "without a dmssn header", "import-weights")


def test_a_newer_format_is_refused_even_with_unknown_entries(path):
    table = {"format": checkpoint.FORMAT + 1, "stage": "detector", "novelty": 1}
    save_file(TENSORS, path, metadata={"dmssn": json.dumps(table)})
    refused(path, "newer dmssn")


@pytest.mark.parametrize(
    "text",
    [
        "no json", "[]", "[" * 100_000, '{"format": 1}', '{"stage": "detector"}',
        *(
            json.dumps({"format": 1, "stage": "detector", "bands": 4} | change)
            for change in (
                {"bands": "4"}, {"provenance": None}, {"prepare": []}, {"mean": [0.5] * 3},
                {"wavelengths_nm": [400, 500, 600, "700"]}, {"std": 1}, {"more": 1},
            )
        ),
    ],
)  # fmt: skip
def test_a_damaged_header_is_refused(path, text):
    save_file(TENSORS, path, metadata={"dmssn": text})
    refused(path, "its dmssn header is damaged")


class Bomb:
    def __reduce__(self):
        return exec, ("open('ran', 'w').close()",)


def test_a_pickle_is_refused_and_not_run(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_bytes(pickle.dumps(Bomb()))
    refused(path, "not a whole safetensors file")
    torch.save({"weight": Bomb()}, path)
    refused(path, "not a whole safetensors file")
    assert not (path.parent / "ran").exists()


def test_weights_of_another_network_are_refused(path):
    for network, word in ((Student(8), "size mismatch"), (Teacher(7), "Missing key")):
        with pytest.raises(ValueError, match="not weights of this network") as raised:
            load_weights(network, Student(7).state_dict(), path)
        assert word in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_the_old_one(path):
    save(path, HEADER, {})
    with pytest.raises(OSError, match=r"a\.safetensors: cannot be written \(File too large\)"):
        save(path, replace(HEADER, bands=9), {"weight": torch.zeros(1000)})
    assert load(path, "detector")[0].bands == 7
    assert list(path.parent.iterdir()) == [path]


def test_a_process_killed_while_writing_leaves_the_old_file(path):
    save(path, HEADER, TENSORS)
    program = f"""
import os
from pathlib import Path
from dmssn import checkpoint
def killed(partial, content):
    with partial.open("wb") as file:
        file.write(content[: len(content) // 2])
    os._exit(9)
Path.write_bytes = killed
checkpoint.save(Path({str(path)!r}), checkpoint.Header(stage="detector", bands=9), {{}})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert load(path, "detector")[0].bands == 7
