"""Every recipe that comes with the package is one."""

import re
from pathlib import Path

import pytest

from dmssn.cli import COMMANDS
from dmssn.config import Recipe
from dmssn.recipes import read_recipe

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_parses_and_keeps_to_its_own_folder(path):
    recipe = read_recipe(Recipe, path)
    for folder in (recipe.data.scenes, recipe.data.prepared):
        assert folder.parts[:2] == ("runs", path.stem)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_begins_with_the_commands_that_use_it(path):
    text = path.read_text(encoding="utf-8")
    recipe = read_recipe(Recipe, path)
    lines = re.findall(r"^#   dmssn (\S+) (.*)$", text, re.MULTILINE)
    commands = [command for command, _ in lines]
    assert commands == ["scenes", "prepare", "train-teacher", "train"]
    assert set(commands) <= set(COMMANDS)
    assert f"-o {recipe.data.scenes} " in lines[0][1]
    for _, options in lines[1:]:
        assert options.startswith(f"recipes/{path.name}")
