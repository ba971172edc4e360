"""Recipes: settings in TOML; an unknown key is an error that suggests.

Every command that prepares or trains takes one; ``recipes/`` holds commented examples.
"""

import dataclasses
import tomllib
import types
import typing
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from dmssn.config import SettingError

T = TypeVar("T")


def read_recipe(kind: type[T], path: Path, data: dict[str, Any] | None = None) -> T:
    """Read a TOML recipe into a config dataclass.

    Args:
        kind: The dataclass.
        path: The recipe.
        data: Values that go before those of the recipe's table ``data``.

    Raises:
        SettingError: The file is not TOML, or a key or value is not one of the config's.
        FileNotFoundError: There is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such recipe; recipes/ holds examples")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not a TOML file: {error}") from None
    try:
        if data and isinstance(table.get("data", {}), dict):
            table["data"] = table.get("data", {}) | data
        return from_table(kind, table)
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None


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
