"""Settings: frozen dataclasses, read from TOML recipes; an unknown key is an error that suggests.

Every command that prepares or trains takes a recipe; ``recipes/`` holds commented examples.
"""

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class SettingError(ValueError):
    """A setting that cannot be: the command line or a recipe has to change (exit code 2)."""


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """The Gaussian mixture that models the materials of a scene."""

    components: int = 50
    """Materials; the published number."""
    iterations: int = 5
    """EM steps; the published number."""
    mode: Literal["fast", "exact"] = "fast"
    """``exact``: full covariances in all bands. ``fast``: diagonal ones on principal components."""
    seed: int = 21
    """Of the start; the published one."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _at_least("mixture.components", self.components, 1)
        _at_least("mixture.iterations", self.iterations, 1)


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """How a cube becomes a region map and region spectra."""

    size: int = 256
    """Side of the square the scene is squeezed to, in pixels (published: 512)."""
    statistics: Literal["self", "data set"] = "self"
    """Whose mean and standard deviation standardize the bands: the cube's own, or those of the
    training scenes (one camera and light, as published)."""
    mixture: MixtureConfig = field(default_factory=MixtureConfig)

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _at_least("prepare.size", self.size, 32)


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise SettingError(f"{name} must be at least {least}, got {value}")


def _from(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(f"{name} must be from {low} to {high}, got {value}")


def read_recipe(kind: type[T], path: Path) -> T:
    """Read a TOML recipe into a config dataclass.

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
    return kind(**values)


def _value(hint: Any, value: Any, name: str) -> Any:  # noqa: ANN401
    """A TOML value as the field's type wants it, or an error that names the key."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise SettingError(f"{name!r} is a table, got {value!r}")
        return from_table(typing.cast(type[Any], hint), value, f"{name}.")
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in choices:
            raise SettingError(f"{name!r} must be one of {', '.join(map(repr, choices))}")
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
    """A config dataclass as plain values, for JSON and TOML; unset (None) fields are left out."""
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in dataclasses.asdict(
            config,
            dict_factory=lambda items: {k: v for k, v in items if v is not None},
        ).items()
    }
