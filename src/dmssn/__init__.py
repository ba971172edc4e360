"""dmssn finds what stands out in a hyperspectral image.

Importing the package is cheap: torch and the readers load when a name that needs them is used. What
is in ``__all__`` is described in docs/python.md and kept; modules may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dmssn.config import MixtureConfig, PrepareConfig, SettingError
    from dmssn.cube import Cube, Georeference
    from dmssn.detections import Detection, Detector
    from dmssn.detector import detector_names, load_detector
    from dmssn.evaluation import Evaluation, evaluate
    from dmssn.hub import from_pretrained, push_to_hub
    from dmssn.judging.benchmark import benchmark
    from dmssn.memory import keep_freed_memory
    from dmssn.overlays import save_overlay
    from dmssn.preparing import prepare
    from dmssn.readers import read_cube
    from dmssn.regions import RegionCube

__version__ = "0.1.0"

__all__ = [
    "Cube",
    "Detection",
    "Detector",
    "Evaluation",
    "Georeference",
    "MixtureConfig",
    "PrepareConfig",
    "RegionCube",
    "SettingError",
    "__version__",
    "benchmark",
    "detector_names",
    "evaluate",
    "from_pretrained",
    "keep_freed_memory",
    "load_detector",
    "prepare",
    "push_to_hub",
    "read_cube",
    "save_overlay",
]

_HOMES = {
    "Cube": "cube",
    "Detection": "detections",
    "Detector": "detections",
    "Evaluation": "evaluation",
    "Georeference": "cube",
    "MixtureConfig": "config",
    "PrepareConfig": "config",
    "RegionCube": "regions",
    "SettingError": "config",
    "benchmark": "judging.benchmark",
    "detector_names": "detector",
    "evaluate": "evaluation",
    "from_pretrained": "hub",
    "keep_freed_memory": "memory",
    "load_detector": "detector",
    "prepare": "preparing",
    "push_to_hub": "hub",
    "read_cube": "readers",
    "save_overlay": "overlays",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _HOMES:
        return getattr(import_module(f"dmssn.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'dmssn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
