"""Predicting many cubes: files in, maps and pictures out; one bad cube does not stop the rest."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dmssn import __version__
from dmssn.config import SettingError
from dmssn.cube import Cube
from dmssn.detector import Detection, Detector, load_detector
from dmssn.progress import track
from dmssn.readers.formats import cubes_in
from dmssn.saving import (
    Provenance,
    save_mask,
    save_npy,
    save_objects,
    save_overlay,
    save_saliency,
    save_tiff,
)

ALWAYS = ("saliency", "overlay")
"""Kinds of files that every prediction writes."""


def predict_all(
    paths: Sequence[Path],
    output: Path,
    *,
    read: Callable[[Path], Cube],
    detector: str | None = None,
    extras: Collection[str] = (),
    threshold: float = 0.5,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Predict every cube and write its pictures.

    Args:
        paths: Cubes; a folder of cubes stands for all in it.
        output: Folder to write to.
        read: Reads one cube.
        detector: As ``load_detector`` takes it.
        extras: Of "mask", "objects", "npy" and "tiff".
        threshold: From which saliency up a pixel is salient.
        device: As ``load_detector`` takes it.
        settings: How the cubes were read, to be recorded in the pictures.

    Returns:
        One table a cube: name, what was done and the files written; or ``error``, one line that
        names the cube, and ``exit_code``, 2 for an option that does not fit it and else 1.

    Raises:
        SettingError: Two cubes would write the same files, or there is no such detector.
        OSError: The output folder cannot be written to.
        ValueError: The detector cannot be loaded.
    """
    cubes = [cube for path in paths for cube in _expand(path)]
    _refuse_one_name_for_two(cubes)
    found = load_detector(detector, device=device)
    _make_folder(output)
    results = []
    for path in track(cubes, "predicting"):
        try:
            cube = read(path)
            began = time.monotonic()
            detection = found.detect(cube)
            origin = _provenance(path, cube, found, detection) | {"settings": dict(settings or {})}
            files = _save(output / _stem(path), detection, cube, threshold, extras, origin)
            seconds = round(time.monotonic() - began, 3)
        except (ValueError, OSError, MemoryError) as error:
            results.append(_failure(path, error))
        else:
            told = _result(path, cube, found, detection)
            salient_share = float((detection.saliency >= threshold).mean())
            results.append({**told, "salient_share": salient_share, "seconds": seconds, **files})
    return results
