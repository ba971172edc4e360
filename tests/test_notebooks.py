"""The notebooks run from their first cell to their last, and are kept without what they print."""

import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def told(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_notebooks():
    assert {path.name for path in NOTEBOOKS} == {"first-cube.ipynb", "own-scenes.ipynb"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_if_it_had_never_run(path):
    notebook = told(path)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert notebook["metadata"].keys() == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path):
    for cell in told(path)["cells"]:
        for link in re.findall(r"\]\(([^)#]+)", "".join(cell["source"])):
            if cell["cell_type"] == "markdown" and not link.startswith("http"):
                assert (path.parent / link).exists(), link


# Of Jupyter's own libraries.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    pytest.importorskip("xarray", reason="the extra xarray is not installed")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # Jupyter and matplotlib would write into the home folder.
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for folder in ("notebooks", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook, timeout=900, resources={"metadata": {"path": str(tmp_path / "notebooks")}}
    )
    client.execute()
    shown = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    assert all(out.output_type != "error" for out in shown)
    assert any("image/png" in out.get("data", {}) for out in shown)
    stderr = "".join(out.text for out in shown if out.get("name") == "stderr")
    assert "Warning" not in stderr, stderr
