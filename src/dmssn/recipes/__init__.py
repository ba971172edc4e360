"""Recipes: settings in TOML; an unknown key is an error that suggests.

Every command that prepares or trains takes one: a file, or the name of one that comes with the
package, whose commented files lie beside this module.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from dmssn.config import Recipe, SettingError

T = TypeVar("T")

FOLDER = Path(__file__).parent
"""Where the recipes that come with the package lie."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.toml"))


def find_recipe(text: str) -> Path:
    """The file of a recipe: of a path, or of the name of one that comes with the package.

    A file wins over a name.

    Raises:
        SettingError: There is neither.
    """
    path, name = Path(text), text.lower().replace("_", "-")
    if path.is_file():
        return path
    names = recipe_names()
    if name in names:
        return FOLDER / f"{name.replace('-', '_')}.toml"
    near = get_close_matches(name.removesuffix(".toml"), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SettingError(
        f"no recipe {text!r}: neither a file nor one that comes with the program "
        f"({', '.join(names)}){hint}"
    )


def read_recipe(kind: type[T], path: Path, changes: Mapping[str, Any] | None = None) -> T:
    """Read a TOML recipe into a config dataclass.

    Args:
        kind: The dataclass.
        path: The recipe.
        changes: Tables of values that go before the recipe's own.

    Raises:
        SettingError: The file is not TOML, or a key or value is not one of the config's.
        FileNotFoundError: There is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such recipe; with the program come {', '.join(recipe_names())}"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not a TOML file: {error}") from None
    try:
        return from_table(kind, _merged(table, changes or {}))
    except SettingError as error:
        overruled = " as overruled" if any((changes or {}).values()) else ""
        raise SettingError(f"{path}{overruled}: {error}") from None


def _merged(table: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A table with the values of another before its own, however deep."""
    merged = dict(table)
    for key, value in changes.items():
        below = merged.get(key, {})
        if isinstance(value, Mapping) and isinstance(below, dict):
            value = _merged(below, value)
        merged[key] = value
    return merged


def hints_by_key(kind: type, where: str = "") -> dict[str, Any]:
    """The type of every setting of a config dataclass by its full key, ``detector.fit.epochs``."""
    found: dict[str, Any] = {}
    for key, hint in get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            found |= hints_by_key(typing.cast(type, hint), f"{where}{key}.")
        else:
            found[where + key] = hint
    return found


def changed_keys(before: Recipe, now: Recipe, apart: Collection[str] = ()) -> list[str]:
    """Full keys of the settings that differ between two recipes.

    Args:
        before: One recipe.
        now: The other one.
        apart: Keys that may differ.

    Returns:
        Keys such as ``detector.fit.epochs``. Two ways to write one path are no difference.
    """
    keys = [key for key in hints_by_key(Recipe) if key not in apart]
    found = [(key, attrgetter(key)(before), attrgetter(key)(now)) for key in keys]
    return [key for key, was, its in found if _resolved(was) != _resolved(its)]


def _resolved(value: Any) -> Any:  # noqa: ANN401
    return value.resolve() if isinstance(value, Path) else value


def from_table(kind: type[T], table: dict[str, Any], where: str = "") -> T:
    """Build a config dataclass from a table; every key must be one of its fields.

    Raises:
        SettingError: A key is unknown, missing, or has a value of the wrong type.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            near = get_close_matches(key, hints, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(hints)}"
            raise SettingError(f"unknown key {where + key!r}; {hint}")
        values[key] = _value(hints[key], value, where + key)
    missing = [
        item.name
        for item in dataclasses.fields(kind)  # type: ignore[arg-type]
        if item.name not in values
        and item.default is dataclasses.MISSING
        and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SettingError(f"missing key {where + missing[0]!r}")
    try:
        return kind(**values)
    except SettingError as error:
        raise SettingError(f"{where}{error}") from None


def _value(hint: Any, value: Any, name: str) -> Any:  # noqa: ANN401
    """A TOML value as the field's type wants it, or an error that names the key."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise SettingError(f"{name!r} is a table, got {value!r}")
        return from_table(typing.cast(type[Any], hint), value, f"{name}.")
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in choices:
            known = ", ".join(map(repr, choices))
            raise SettingError(f"{name!r} must be one of {known}, got {value!r}")
        return value
    if origin in (typing.Union, types.UnionType):
        return _value(next(c for c in choices if c is not type(None)), value, name)
    if origin is tuple:
        if not isinstance(value, list):
            raise SettingError(f"{name!r} is a list, got {value!r}")
        return tuple(_value(choices[0], item, name) for item in value)
    if hint is float and type(value) is int:
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if type(value) is not hint:
        raise SettingError(f"{name!r} is a {hint.__name__}, got {value!r}")
    return value


def to_table(config: Any) -> dict[str, Any]:  # noqa: ANN401
    """A config dataclass as plain values, for JSON; unset (None) fields are left out."""

    def plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return {
            key: str(value) if isinstance(value, Path) else value
            for key, value in items
            if value is not None
        }

    return dataclasses.asdict(config, dict_factory=plain)
