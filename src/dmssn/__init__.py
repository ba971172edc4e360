"""dmssn finds what stands out in a hyperspectral image.

Importing the package is cheap: torch and the readers load when a name that needs them is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dmssn.cube import Cube
    from dmssn.detections import Detector
    from dmssn.detector import load_detector
    from dmssn.evaluation import evaluate
    from dmssn.hub import from_pretrained, push_to_hub
    from dmssn.memory import keep_freed_memory
    from dmssn.preparing import prepare
    from dmssn.readers import read_cube
    from dmssn.regions import RegionCube

__version__ = "0.1.0"

__all__ = [
    "Cube",
    "Detector",
    "RegionCube",
    "__version__",
    "evaluate",
    "from_pretrained",
    "keep_freed_memory",
    "load_detector",
    "prepare",
    "push_to_hub",
    "read_cube",
]

_HOMES = {
    "Cube": "cube",
    "Detector": "detections",
    "RegionCube": "regions",
    "evaluate": "evaluation",
    "from_pretrained": "hub",
    "keep_freed_memory": "memory",
    "load_detector": "detector",
    "prepare": "preparing",
    "push_to_hub": "hub",
    "read_cube": "readers",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _HOMES:
        return getattr(import_module(f"dmssn.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'dmssn' has no attribute {name!r}")
