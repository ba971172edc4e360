"""Options that overrule keys of a recipe: ``--detector.fit.epochs 3``, ``--train.epochs 3``.

A command that takes a recipe takes all of them as one argument, ``RecipeOptions``.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from dmssn.config import FitConfig, Recipe, SettingError
from dmssn.recipes import find_recipe, hints_by_key, read_recipe

Stage = Literal["teacher", "detector"]

HINTS = hints_by_key(Recipe)
"""Every key of a recipe, and its type."""
SHORT = "train."
"""Begins what is short for a key of the table ``fit`` of every stage that a command trains."""
NAMES = [f"--{key}" for key in HINTS] + [f"--{SHORT}{item.name}" for item in fields(FitConfig)]


def _pairs(_: Any, tokens: Sequence[Token]) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
    """What was given, option and value."""
    return tuple((str(token.keyword), token.value) for token in tokens)


@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """Values that go before those of the recipe."""

    given: Annotated[
        tuple[tuple[str, str], ...],
        Parameter(
            name=NAMES,
            converter=_pairs,
            n_tokens=1,
            allow_leading_hyphen=True,  # negative numbers
            negative="",
            show=False,
        ),
    ] = ()
    shown: Annotated[
        str | None,
        Parameter(
            name="--TABLE.KEY",
            metavar="VALUE",
            help="Overrule any key of the recipe, such as --detector.fit.epochs 3; --train.KEY is "
            "short for KEY of [*.fit] of each stage that is trained.",
        ),
    ] = None
    """Stands in the help for all of them."""

    def read(self, recipe: str, stages: Sequence[Stage]) -> Recipe:
        """Read a recipe, overruled by what was given.

        Args:
            recipe: A file, or the name of one that comes with the package.
            stages: Those that the command trains, which ``--train.KEY`` means.

        Raises:
            SettingError: There is no such recipe; or a key, in it or given, has a wrong value.
        """
        return read_recipe(Recipe, find_recipe(recipe), self.changes(stages))

    def changes(self, stages: Sequence[Stage]) -> dict[str, Any]:
        """What was given as tables of a recipe; a whole key goes before a short one.

        Raises:
            SettingError: A value is of the wrong type, or one key is given twice.
        """
        if self.shown is not None:
            raise SettingError(
                "--TABLE.KEY stands for a key of the recipe, such as --detector.fit.epochs"
            )
        told: dict[str, str] = {}
        for option, text in self.given:
            key = option.removeprefix("--").replace("-", "_")  # options may have either
            if told.setdefault(key, text) != text:
                raise SettingError(f"{option} is given twice: {told[key]} and {text}")
        short = {
            f"{stage}.fit.{key.removeprefix(SHORT)}": key
            for key in told
            if key.startswith(SHORT)
            for stage in stages
        }
        whole = {key: key for key in told if not key.startswith(SHORT)}
        tables: dict[str, Any] = {}
        for key, option in (short | whole).items():
            *path, last = key.split(".")
            table = tables
            for name in path:
                table = table.setdefault(name, {})
            table[last] = _value(HINTS[key], told[option], f"--{option}")
        return tables


def _value(hint: Any, text: str, option: str) -> Any:  # noqa: ANN401
    """The text as the key's type wants it; what words are allowed is for the recipe to say."""
    if hint is bool:
        if text not in ("true", "false"):
            raise SettingError(f"{option} takes true or false, got {text!r}")
        return text == "true"
    if hint is int:
        if not re.fullmatch(r"[+-]?\d+", text):
            raise SettingError(f"{option} takes a whole number, got {text!r}")
        return int(text)
    if hint is float:
        return _float(text, option)
    return text


def _float(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingError(f"{option} takes a number, got {text!r}")
    return number
