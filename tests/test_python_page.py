"""docs/python.md: its examples run, and it has every name that the package offers."""

import doctest
import re
import shutil
from pathlib import Path

import pytest

import dmssn
from dmssn.hub import write_folder

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_examples_give_what_they_say(tmp_path, monkeypatch):
    pytest.importorskip("xarray", reason="the extra xarray is not installed")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    write_folder("dmssn", tmp_path / "exported")
    monkeypatch.chdir(tmp_path)
    text = "\n".join(block for block in BLOCKS if block.startswith(">>>"))
    examples = doctest.DocTestParser().get_doctest(text, {}, "docs/python.md", None, 0)
    said: list[str] = []
    failed = doctest.DocTestRunner(verbose=False).run(examples, out=said.append).failed
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", sorted(set(dmssn.__all__) - {"__version__"}))
def test_a_name_has_its_example(name):
    assert f"`{name}`" in PAGE
    assert any(re.search(rf"\b{name}\b", block) for block in BLOCKS)


def test_the_page_shows_no_other_name():
    shown = {name for block in BLOCKS for name in re.findall(r"\bdmssn\.(\w+)", block)}
    assert shown <= set(dmssn.__all__)
