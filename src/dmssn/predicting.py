"""Predicting many cubes: files in, maps and pictures out; one bad cube does not stop the rest."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dmssn import __version__
from dmssn.config import SettingError
from dmssn.cube import Cube
from dmssn.detector import Detector, load_detector
from dmssn.progress import track
from dmssn.readers.formats import cubes_in
from dmssn.saving import (
    save_mask,
    save_npy,
    save_objects,
    save_overlay,
    save_saliency,
    save_tiff,
)


def predict_all(
    paths: Sequence[Path],
    output: Path,
    *,
    read: Callable[[Path], Cube],
    detector: str | None = None,
    extras: Sequence[str] = (),
    threshold: float = 0.5,
    device: str = "auto",
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

    Returns:
        One table a cube: name, what was done and the files written, or ``error``.

    Raises:
        SettingError: Two cubes would write the same files, or there is none.
        OSError: The output folder cannot be written to.
        ValueError: The detector cannot be loaded.
    """
    cubes = [cube for path in paths for cube in _expand(path)]
    stems = Counter(_stem(cube) for cube in cubes)
    if twice := [stem for stem, count in stems.items() if count > 1]:
        raise SettingError(
            f"several cubes are called {', '.join(twice)} and would overwrite each other's maps; "
            "predict them into different folders"
        )
    found = load_detector(detector, device=device)
    output.mkdir(parents=True, exist_ok=True)
    results = []
    for path in track(cubes, "predicting"):
        try:
            results.append(_predict(path, output, read, found, extras, threshold))
        except SettingError:
            raise  # a flag that fits no cube, rather than one bad cube among others
        except (ValueError, OSError) as error:
            results.append({"cube": str(path), "name": _stem(path), "error": str(error)})
    return results


def _expand(path: Path) -> list[Path]:
    """The cubes of a folder of cubes, or the path itself."""
    if not path.is_dir():
        return [path]
    return cubes_in(path) or [path]


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _predict(
    path: Path,
    output: Path,
    read: Callable[[Path], Cube],
    detector: Detector,
    extras: Sequence[str],
    threshold: float,
) -> dict[str, Any]:
    began = time.monotonic()
    cube = read(path)
    detection = detector.detect(cube)
    saliency, name = detection.saliency, _stem(path)
    provenance = {
        "version": __version__,
        "detector": detector.name,
        "detector_version": detector.version,
        "cube": path.name,
        "bands": detection.bands_said,
        "prepare": detector.header.prepare,
    }
    written = {
        "saliency": output / f"{name}.saliency.png",
        "overlay": output / f"{name}.overlay.png",
    }
    save_saliency(written["saliency"], saliency, provenance)
    save_overlay(written["overlay"], saliency, cube, threshold, provenance)
    if "mask" in extras:
        written["mask"] = output / f"{name}.mask.png"
        save_mask(written["mask"], saliency, threshold, provenance)
    if "objects" in extras:
        written["objects"] = output / f"{name}.objects.csv"
        save_objects(written["objects"], saliency, cube, threshold)
    if "npy" in extras:
        written["npy"] = output / f"{name}.saliency.npy"
        save_npy(written["npy"], saliency)
    if "tiff" in extras:
        written["tiff"] = output / f"{name}.saliency.tif"
        save_tiff(written["tiff"], saliency, provenance)
    return {
        "cube": str(path),
        "name": name,
        "shape": [cube.height, cube.width, cube.bands],
        "detector": detector.name,
        "bands": detection.bands_said,
        "regions": len(detection.regions.spectra),
        "salient_share": float((saliency >= threshold).mean()),
        "notes": list(cube.notes),
        "seconds": round(time.monotonic() - began, 3),
        **{kind: str(file) for kind, file in written.items()},
    }
