"""``dmssn doctor``: what is installed, and whether it works."""

import importlib.metadata
import json

import numpy as np
import pytest

from dmssn import diagnosis
from dmssn.cli import main


def run(capsys, *tokens: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *tokens])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


class Blind:
    """A detector that finds nothing."""

    def __call__(self, cube):
        return np.zeros(cube.shape[:2], dtype=np.float32)


@pytest.fixture
def seeing(monkeypatch):
    """In place of the network, which another test runs."""

    class Seeing(Blind):
        def __call__(self, cube):
            usual = np.median(cube.data, axis=(0, 1))
            return (np.abs(cube.data - usual).max(axis=2) > 0.15).astype(np.float32)

    monkeypatch.setattr(diagnosis, "load_detector", lambda *_, **__: Seeing())


def test_the_shipped_detector_finds_the_object_of_the_test():
    found = diagnosis.self_test("cpu")
    assert found["said"] == ""
    assert found["ahead"] > 0.5


def test_the_report_tells_versions_machine_extras_and_disk(capsys, seeing, tmp_path):
    code, out, err = run(capsys, str(tmp_path), "--json")
    found = json.loads(out)
    assert (code, err, found["problems"]) == (0, "", [])
    assert found["packages"]["numpy"] == np.__version__
    assert "zarr" in found["extras"]
    assert "dev" not in found["extras"]
    assert found["cores"] >= 1
    assert str(tmp_path) in found["disk"]
    _, text, _ = run(capsys, str(tmp_path))
    for word in (np.__version__, "[zarr]", "cores", "free in", "passed"):
        assert word in text


def test_an_absent_extra_is_no_problem_and_says_what_to_install(capsys, seeing, monkeypatch):
    lines = ["numpy>=2.0", "no-such-package>=1 ; extra == 'far'", "pytest ; extra == 'dev'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
    code, out, _ = run(capsys)
    assert code == 0
    assert "no-such-package absent; pip install 'dmssn[far]'" in out
    assert "pytest" not in out


def test_a_missing_package_is_a_problem(capsys, seeing, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["no-such-package>=1"])
    code, _, err = run(capsys)
    assert (code, err) == (
        1, "dmssn doctor: no-such-package is not installed; pip install dmssn\n",
    )  # fmt: skip


def broken(*_, **__):
    raise ValueError("cut\n short")


@pytest.mark.parametrize(
    ("load", "said"),
    [(lambda *_, **__: Blind(), "came out 0.00 ahead"), (broken, "ValueError: cut short")],
)
def test_a_detector_that_does_not_work_is_code_1_and_one_line(capsys, monkeypatch, load, said):
    monkeypatch.setattr(diagnosis, "load_detector", load)
    code, out, err = run(capsys)
    assert code == 1
    assert "failed" in out
    assert err.startswith("dmssn doctor: self-test on cpu: ")
    assert said in err
    assert err.count("\n") == 1
