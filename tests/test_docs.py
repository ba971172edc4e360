"""The documentation says what is there: keys, names, commands, links and the version."""

import re
import shlex
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import dmssn
from dmssn.cli import app
from dmssn.config import Recipe
from dmssn.recipes import from_table

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def page_id(page: Path) -> str:
    return page.name


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def documented_keys() -> dict[str, str]:
    """Key to default as the tables under headings that name a part of the recipe say it."""
    found: dict[str, str] = {}
    parts: list[str] = []
    for line in TRAINING.splitlines():
        if line.startswith("#"):
            parts = re.findall(r"`\[([\w.]+)\]`", line)
        elif row := re.match(r"\| `(\w+)` \| (.+?) \| .*\w.* \|$", line):
            found |= {f"{part}.{row[1]}": row[2] for part in parts}
    return found


def recipe_keys(kind: type, where: str = "") -> dict[str, Any]:
    """Key to default of a config dataclass and those within it."""
    found: dict[str, Any] = {}
    for field in fields(kind):
        hint = get_type_hints(kind)[field.name]
        if is_dataclass(hint):
            found |= recipe_keys(hint, f"{where}{field.name}.")
        else:
            found[where + field.name] = field.default
    return found


def test_every_recipe_key_is_documented_and_no_other() -> None:
    assert set(documented_keys()) == set(recipe_keys(Recipe))


@pytest.mark.parametrize(("key", "default"), recipe_keys(Recipe).items())
def test_a_documented_default_is_the_default(key: str, default: Any) -> None:
    said = documented_keys()[key]
    if default is MISSING:
        assert said == "required"
    elif default is None:
        assert said == "none"
    else:
        assert tomllib.loads(f"value = {said.strip('`')}")["value"] == default


def test_the_recipe_that_is_shown_is_one() -> None:
    (text,) = fenced(TRAINING, "toml")
    assert from_table(Recipe, tomllib.loads(text)).detector.fit.epochs == 100


def named_objects() -> list[str]:
    found = {name for page in PAGES for name in re.findall(r"`(dmssn\.[\w.]+)`", page.read_text())}
    return sorted(name for name in found if not name.endswith(".safetensors"))


@pytest.mark.parametrize("name", named_objects())
def test_a_name_of_the_package_exists(name: str) -> None:
    found: Any = dmssn
    for depth, part in enumerate(name.split(".")[1:], start=2):
        if not hasattr(found, part):
            import_module(".".join(name.split(".")[:depth]))
        found = getattr(found, part)


def shown_commands() -> list[str]:
    """Command lines in indented or fenced blocks, as a user would copy them."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = fenced(text, "") + fenced(text, "sh")
        lines = [line for block in blocks for line in block.splitlines()]
        lines += [line for line in text.splitlines() if line.startswith("    ")]
        found += [
            match[1] for line in lines if (match := re.match(r" *(?:\$ )?(dmssn [\w-]+ .*)", line))
        ]
    return sorted(set(found))


@pytest.mark.parametrize("line", shown_commands())
def test_a_command_that_is_shown_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    app.parse_args(words, exit_on_error=False, print_error=False)


def headings(page: Path) -> set[str]:
    """What a link's part after # may say."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            target, _, heading = link.partition("#")
            path = page.parent / target if target else page
            assert path.exists(), link
            assert not heading or heading in headings(path), link


def test_citation_and_changelog_are_of_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'version: "{dmssn.__version__}"' in citation.splitlines()
    assert dmssn.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
