"""Settings: frozen dataclasses, read from TOML recipes; an unknown key is an error that suggests.

Every command that prepares or trains takes a recipe; ``recipes/`` holds commented examples.
"""

import dataclasses
import math
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
    """``exact``: full covariances in all bands. ``fast``: full ones among the leading principal
    components, diagonal in the others, fitted on a sample."""
    seed: int = 21
    """Of the start; the published one."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _at_least("components", self.components, 1)
        _at_least("iterations", self.iterations, 1)
        _at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """How a cube becomes a region map and region spectra."""

    size: int = 256
    """Side of the square the scene is squeezed to, in pixels (published: 512)."""
    bands: int = 0
    """Bands every cube is resampled to along its band order, for weights that take any camera;
    0 keeps the cubes' own, which must then agree."""
    statistics: Literal["self", "data set"] = "self"
    """Whose mean and standard deviation standardize the bands: the cube's own, or those of the
    training scenes (one camera and light, as published)."""
    mixture: MixtureConfig = field(default_factory=MixtureConfig)

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _at_least("size", self.size, 32)
        if self.bands != 0:
            _at_least("bands", self.bands, 3)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the scenes are; relative paths start at the working folder."""

    scenes: Path
    """Folder with ``cubes/``, ``masks/`` and ``splits/``."""
    prepared: Path
    """Folder ``dmssn prepare`` writes and training reads."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of training scenes; the defaults are the published ones."""

    flips: bool = True
    """Left-right and up-down, each with probability 0.5."""
    rotation: float = 180.0
    """Largest turn, in degrees, either way."""
    shrink: float = 0.5
    """Smallest scale of an axis; applied with probability 0.5, 1 is never."""
    enlarge: float = 1.5
    """Largest scale of an axis; applied with probability 0.5, 1 is never."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _from("rotation", self.rotation, 0, 180)
        _from("shrink", self.shrink, 0.1, 1)
        _from("enlarge", self.enlarge, 1, 10)


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a stage is trained."""

    epochs: int = 100
    """Passes over the training scenes."""
    batch: int = 6
    """Scenes in one step."""
    learning_rate: float = 1e-3
    """Of AdamW, at its height."""
    weight_decay: float = 1e-2
    """Of AdamW, on weights but not on biases and norms."""
    schedule: Literal["cosine", "step"] = "cosine"
    """``cosine``: warm-up, then down to zero. ``step``: times ``step_factor`` every
    ``step_epochs``."""
    warmup: float = 0.05
    """Share of all steps in which the cosine schedule rises."""
    step_epochs: int = 10
    step_factor: float = 0.6
    clip: float = 1.0
    """Largest norm of the gradient; 0 does not clip."""
    ema: float = 0.0
    """Decay a step of the averaged weights that are validated and saved; 0 averages nothing."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the networks' arithmetic; losses and weights stay float32. The loss is scaled for
    ``float16``, whose gradients would vanish."""
    validate_every: int = 1
    """Epochs between validations."""
    workers: int = 0
    """Processes that load scenes; 0 loads in the training process."""
    seed: int = 0
    """Of weights, order, augmentation and dropout."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for name in ("epochs", "batch", "step_epochs", "validate_every"):
            _at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "weight_decay", "clip", "workers", "seed"):
            _at_least(name, getattr(self, name), 0)
        _from("warmup", self.warmup, 0, 1)
        _from("step_factor", self.step_factor, 0, 1)
        _from("ema", self.ema, 0, 0.99999)


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Stage 1: the teacher autoencoder."""

    spatial: bool = False
    """Connect the depthwise 3x3 that the published code leaves dead; needs dense cubes, so it
    trains many times slower."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    fit: FitConfig = field(default_factory=FitConfig)


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Stage 2: the student and the transformer, trained together. Weights are of loss terms."""

    teacher: Path | None = None
    """Run folder or checkpoint of the teacher; needed unless ``distill`` is 0."""
    segment: float = 1.0
    """Of binary cross-entropy, 1 - SSIM and 1 - IoU."""
    reconstruct: float = 1.0
    """Of SmoothL1 and the spectral angle of the student's reconstruction."""
    distill: float = 1.0
    """Of the three levels at which the student imitates the teacher."""
    l1: float = 0.0
    """Of the sum of |weight|. Published: 1e-4 without a gradient; with one it is about 9.5 at the
    start and drowns the rest."""
    dropout: float = 0.3
    attention_dropout: float = 0.3
    drop_path: float = 0.3
    compile: bool = False
    """Compile the transformer (``torch.compile``; a CPU needs a C++ compiler for it). The tables
    before it have another size in each step and are not compiled."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for name in ("segment", "reconstruct", "distill", "l1"):
            _at_least(name, getattr(self, name), 0)
        if not (self.segment or self.reconstruct or self.distill or self.l1):
            raise SettingError("segment must be above 0, or another weight of a loss; all are 0")
        for name in ("dropout", "attention_dropout", "drop_path"):
            _from(name, getattr(self, name), 0, 0.99)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All the settings from scenes to a trained detector."""

    data: DataConfig
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)


def _at_least(name: str, value: float, least: float) -> None:
    if not least <= value < math.inf:
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
