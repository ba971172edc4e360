"""Settings: frozen dataclasses, each field with its meaning and unit; ``recipes`` reads them."""

from dataclasses import dataclass, field

from dmssn.config.checks import SettingError
from dmssn.config.scenes import (
    MOST_SCENE_SEED,
    SCENE_BANDS,
    SCENE_SIDES,
    DataConfig,
    GenerateConfig,
    MixtureConfig,
    Orientation,
    OrientationChoice,
    PrepareConfig,
)
from dmssn.config.stages import AugmentConfig, DetectorConfig, FitConfig, TeacherConfig

__all__ = [
    "MOST_SCENE_SEED",
    "SCENE_BANDS",
    "SCENE_SIDES",
    "AugmentConfig",
    "DataConfig",
    "DetectorConfig",
    "FitConfig",
    "GenerateConfig",
    "MixtureConfig",
    "Orientation",
    "OrientationChoice",
    "PrepareConfig",
    "Recipe",
    "SettingError",
    "TeacherConfig",
]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All the settings from scenes to a trained detector."""

    data: DataConfig
    generate: GenerateConfig = field(default_factory=GenerateConfig)
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
