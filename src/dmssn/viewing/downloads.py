"""Files that the page offers of a saliency map, the same that ``dmssn predict`` writes."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dmssn import __version__
from dmssn.saving import save_mask, save_objects, save_overlay, save_saliency
from dmssn.viewing.jobs import MissingError
from dmssn.viewing.maps import SaliencyMap
from dmssn.viewing.scenes import Scene

TYPES = {".png": "image/png", ".csv": "text/csv; charset=utf-8"}
KINDS = ("saliency.png", "mask.png", "overlay.png", "objects.csv")


def download(scene: Scene, found: SaliencyMap, kind: str, threshold: float) -> bytes:
    """The content of a file.

    Args:
        scene: The scene.
        found: Its map.
        kind: Of ``KINDS``.
        threshold: From which saliency up a pixel is salient.

    Raises:
        MissingError: There is no such kind, or no colour picture yet to lay the map over.
        ValueError: The cube's file is damaged.
    """
    saliency = found.values()
    origin: dict[str, Any] = {
        "version": __version__,
        "detector": found.name,
        "cube": scene.entry.file.name,
        "notes": [*scene.source.notes, *found.said],
    }
    if kind not in KINDS:
        raise MissingError(f"no file {kind}; there are {', '.join(KINDS)}")
    writers: dict[str, Callable[[Path], object]] = {
        "saliency.png": lambda file: save_saliency(file, saliency, origin),
        "mask.png": lambda file: save_mask(file, saliency, threshold, origin),
        "objects.csv": lambda file: save_objects(file, saliency, scene.source, threshold),
        "overlay.png": lambda file: save_overlay(
            file, saliency, scene.layer("colour").whole, threshold, origin
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind
        writers[kind](path)
        return path.read_bytes()
