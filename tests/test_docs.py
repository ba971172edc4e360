"""The documentation says what is there: keys, names, commands, messages, links and the version."""

import ast
import re
import shlex
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import dmssn
from dmssn.cli import COMMANDS, app
from dmssn.config import Recipe
from dmssn.recipes import from_table

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.MULTILINE | re.DOTALL
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def page_id(page: Path) -> str:
    return page.name


def fenced(text: str, language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=BLOCK)
    return [block for kind, block in blocks if kind == language]


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
    """Command lines in blocks and in running text, as a user would copy them."""
    found: set[str] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = [block for kind in ("", "sh", "bash") for block in fenced(text, kind)]
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        lines += [line for line in text.splitlines() if line.startswith("    ")]
        prose = re.sub(r"^```.*?^```", "", text, flags=BLOCK)
        lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose) if whole(span)]
        found |= {match[1] for line in lines if (match := re.match(COMMAND, line))}
    return sorted(found)


COMMAND = r"\s*(?:\$ )?(?:\S*/|torchrun .* -m (?:-- )?)?(dmssn (?![\w ]+:)[\w-]+ .*)"


def whole(span: str) -> bool:
    """Whether code in a sentence is a line to type, and not a command named with an option."""
    words = span.split()
    name = next((n for n in (3, 2) if " ".join(words[1:n]) in COMMANDS), 2)
    options = any(word.startswith("-") for word in words[name + 1 :])
    return words[:1] == ["dmssn"] and options and "..." not in words and words[name][0] != "-"


@pytest.mark.parametrize("line", shown_commands())
def test_a_command_that_is_shown_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((n for n, word in enumerate(words) if word in (">", ">>", "|")), None)]
    app.parse_args(words, exit_on_error=False, print_error=False)


def test_every_command_has_its_line_in_the_table_of_commands() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `dmssn ([a-z -]+)` \| (.+?) \|", text, flags=re.MULTILINE))
    assert told == {name: summary.removesuffix(".") for name, summary in COMMANDS.items()}


def quoted_messages() -> list[str]:
    """Messages on the page about errors: bold code, and code that begins a row of a table."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    bold = re.findall(r"^\*\*`(.+?)`\*\*", text, flags=BLOCK)
    rows = re.findall(r"^\| `(.+?)` \|", text, flags=re.MULTILINE)
    return [" ".join(message.split()) for message in bold + rows]


def written_texts() -> list[str]:
    """All texts in the program, with … for what is put into them."""
    found = [(ROOT / "Makefile").read_text(encoding="utf-8")]
    for module in (ROOT / "src" / "dmssn").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


WRITTEN = written_texts()


def fixed_parts(message: str) -> list[str]:
    """What is the same each time; apart at ; and :, where the program puts messages together."""
    parts = (part.strip(" ,()[]") for part in re.split("…|[:;] ", message))
    return [part for part in parts if len(part) > 3]


@pytest.mark.parametrize("message", quoted_messages())
def test_a_message_that_is_quoted_is_one_of_the_programs(message: str) -> None:
    parts = fixed_parts(message)
    assert max(map(len, parts)) > 8, "too little is left to know it by"
    for part in parts:
        assert any(part in text for text in WRITTEN), part


def test_messages_are_quoted_at_all() -> None:
    assert len(quoted_messages()) > 80


def headings(page: Path) -> set[str]:
    """What a link's part after # may say."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


CARD = ROOT / "src" / "dmssn" / "weights" / "README.md"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("page", [*PAGES, CARD, *NOTEBOOKS], ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            target, _, heading = link.partition("#")
            path = page.parent / target if target else page
            assert path.exists(), link
            assert not heading or heading in headings(path), link


DOCS = {page.name for page in (ROOT / "docs").glob("*.md")}


def test_every_page_is_in_the_index() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", text)) == DOCS - {"index.md"}


def test_every_page_is_in_the_navigation_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^ +- [^:#]+: ([\w-]+\.md)$", text, flags=re.MULTILINE)) == sorted(
        DOCS
    )


def test_the_first_screen_of_the_readme_has_picture_and_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    first = "\n".join(lines[:25])
    assert "(docs/demo.png)" in first
    assert all(words in first for words in ("make demo", "dmssn view", "dmssn predict"))
    assert max(map(len, (line for line in lines if not line.startswith("|")))) <= 100


def test_citation_and_changelog_are_of_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'version: "{dmssn.__version__}"' in citation.splitlines()
    assert dmssn.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
