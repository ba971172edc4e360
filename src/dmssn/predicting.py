"""Predicting many cubes: files in, maps and pictures out; one bad cube does not stop the rest."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn import __version__
from dmssn.config import SettingError
from dmssn.cube import Georeference, RowSource
from dmssn.cube_lists import expand, failure, refuse_one_output_for_two
from dmssn.datasets.catalogue import DATA_SETS
from dmssn.detections import Detection, Detector
from dmssn.detector import (
    DEFAULT,
    absolute,
    find_checkpoint,
    header_of,
    identity,
    is_classical,
    is_onnx,
    load_detector,
    load_network,
)
from dmssn.files import make_folder
from dmssn.geotiff import INSTALL, available, understands
from dmssn.labour import Labour, part_of
from dmssn.map_info import map_info_lines
from dmssn.progress import track
from dmssn.readers.stored import cube_name
from dmssn.saving import (
    Provenance,
    save_mask,
    save_npy,
    save_objects,
    save_overlay,
    save_saliency,
    save_tiff,
)
from dmssn.workers import WorkerDied, cores, over_all
from dmssn.writers.envi import RAW_SUFFIX, write_envi
from dmssn.writers.placing import placing
from dmssn.writers.plan import Encoding, Plan
from dmssn.writers.sixteen_bits import FLOAT32


def predict_all(
    paths: Sequence[Path],
    output: Path,
    *,
    open_cube: Callable[[Path], RowSource],
    detector: str | None = None,
    extras: Collection[str] = (),
    threshold: float = 0.5,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    labour: Labour | None = None,
    threads: int | None = None,
    tile: tuple[int, int] | None = None,
) -> list[dict[str, Any]]:
    """Predict every cube and write its pictures.

    Args:
        paths: Cubes; a folder of cubes stands for all in it.
        output: Folder to write to.
        open_cube: Opens one cube; a cube in a file is read a block of rows at a time. Several
            workers have to be able to unpickle it.
        detector: As ``load_detector`` takes it.
        extras: Of "mask", "objects", "npy", "tiff" and "envi".
        threshold: From which saliency up a pixel is salient.
        device: As ``load_detector`` takes it.
        settings: How the cubes were read, to be recorded in the pictures.
        labour: Who does the work; this process when left out.
        threads: Of each worker, where there are several; their share of the cores when left out.
        tile: Side and overlap of tiles, for a trained detector; None for scenes as a whole.

    Returns:
        One table a cube: name, what was done and the files written; or ``error``, one line that
        names the cube, and ``exit_code``, 2 for an option that does not fit it and else 1.

    Raises:
        SettingError: Two cubes would write the same files, or there is no such detector.
        OSError: The output folder cannot be written to.
        ValueError: The detector cannot be loaded.
    """
    labour = labour or Labour()
    cubes = expand(paths)
    maps = [output / f"{cube_name(path)}.saliency.png" for path in cubes]
    refuse_one_output_for_two(cubes, maps, "predict")
    named = DEFAULT if detector is None else detector
    known = identity(named)
    if tile is not None and (is_classical(named) or is_onnx(find_checkpoint(named)[1])):
        raise SettingError(f"{named}: --tile is for trained detectors that run in torch")
    if not is_classical(named):
        require_units(named, (settings or {}).get("set"))
    if labour.scheduler:  # whose workers work in folders of their own
        cubes, output = [path.absolute() for path in cubes], output.absolute()
        named = absolute(named)
    job = _Job(output, open_cube, named, known, device, extras, threshold, settings or {}, tile)
    make_folder(output)
    mine = part_of(cubes, labour.shard)
    if labour.scheduler or labour.workers > 1:
        # On a cluster the workers' cores are not ours to count.
        threads = threads or (1 if labour.scheduler else max(1, cores() // labour.workers))
    else:
        job.load()  # an error of the detector is none of a cube
        threads = None  # as they are set
    done = over_all(job, mine, workers=labour.workers, scheduler=labour.scheduler, threads=threads)
    results: dict[Path, dict[str, Any]] = {}
    for path, result in track(done, "predicting", len(mine), "cubes"):
        results[path] = failure(path, result) if isinstance(result, WorkerDied) else result
    return [results[path] for path in mine]


def require_units(detector: str, data_set: str | None) -> None:
    """Refuse cubes in other units than those a trained detector's statistics are in.

    Raises:
        SettingError: There is none, or it was trained on a set whose numbers are divided, and the
            cubes' are not.
        ValueError: Its file is damaged.
    """
    name, header = find_checkpoint(detector)[0], header_of(detector)
    trained = str(header.provenance.get("set", "folder"))
    kind = DATA_SETS.get(trained)
    if header.mean is None or kind is None or kind.divisor == 1 or data_set == trained:
        return
    raise SettingError(
        f"{name}: trained on {trained} with its statistics, in its units; pass --set "
        f"{trained}, or use a detector whose statistics are the cube's own"
    )


@dataclass(frozen=True)
class _Job:
    """Predicts one cube, in any process."""

    output: Path
    open_cube: Callable[[Path], RowSource]
    detector: str
    identity: str
    """Of the detector: a process that stays keeps no outdated one."""
    device: str
    extras: Collection[str]
    threshold: float
    settings: Mapping[str, Any]
    tile: tuple[int, int] | None

    def load(self) -> Detector:
        """The detector, kept for the cubes that follow."""
        return _loaded(self.detector, self.device, self.identity, self.tile, self.output)

    def __call__(self, path: Path) -> dict[str, Any]:
        try:
            return _predict(
                path,
                self.output,
                self.open_cube,
                self.load(),
                self.extras,
                self.threshold,
                self.settings,
            )
        except (ValueError, OSError, MemoryError) as error:
            return failure(path, error)


@lru_cache(maxsize=1)
def _loaded(
    detector: str, device: str, identity: str, tile: tuple[int, int] | None, scratch: Path
) -> Detector:
    if tile is None:
        return load_detector(detector, device=device)
    network = load_network(detector, device=device)  # where torch is not installed it says so
    from dmssn.tiles.detecting import TiledDetector

    return TiledDetector(network, *tile, scratch)


def _predict(
    path: Path,
    output: Path,
    open_cube: Callable[[Path], RowSource],
    detector: Detector,
    extras: Collection[str],
    threshold: float,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    began = time.monotonic()
    cube = open_cube(path)
    detection = detector.detect(cube, picture=True)
    notes = [*cube.notes, *detection.notes, *_unplaced(cube.georeference, extras)]
    origin = {
        "version": __version__,
        "detector": detector.name,
        "detector_version": detector.version,
        "cube": path.name,
        "settings": dict(settings),
        "notes": notes,
        "bands": detection.bands_said,
        "prepare": dict(detector.settings),
    }
    written = _save(output / cube_name(path), detection, cube, threshold, extras, origin)
    return {
        "cube": str(path),
        "name": cube_name(path),
        "shape": list(cube.shape),
        "detector": detector.name,
        "bands": detection.bands_said,
        "regions": None if detection.regions is None else len(detection.regions.spectra),
        "salient_share": float((detection.saliency >= threshold).mean()),
        "notes": notes,
        "seconds": round(time.monotonic() - began, 3),
        **{kind: str(file) for kind, file in written.items()},
    }


def _unplaced(place: Georeference | None, extras: Collection[str]) -> list[str]:
    """Notes on files that could hold where the pixels lie, and do not."""
    notes = []
    if place is not None and "tiff" in extras and not available():
        notes.append(f"the TIFF holds no georeference, which needs an extra; {INSTALL}")
    elif place is not None and "tiff" in extras and place.crs and not understands(place.crs):
        notes.append("the TIFF names no coordinate system: rasterio makes no sense of the cube's")
    if place is not None and "envi" in extras and not map_info_lines(place):
        notes.append("ENVI cannot tell the georeference, mirrored or slanted: left out")
    return notes


def _save_envi(header: Path, saliency: NDArray[np.float32], place: Georeference | None) -> None:
    """Write the map itself as an ENVI header with its raw numbers beside it."""
    plan = Plan((*saliency.shape, 1), None, Encoding(FLOAT32), georeference=place)
    with placing((header.with_suffix(RAW_SUFFIX), header), folder=False) as (raw, partial):
        write_envi(raw, partial, [saliency[:, :, None]], plan)


def _save(
    start: Path,
    detection: Detection,
    cube: RowSource,
    threshold: float,
    extras: Collection[str],
    origin: Provenance,
) -> dict[str, Path]:
    """Write the files of a cube, all of whose names begin with ``start``; returns them by kind."""
    saliency, picture, place = detection.saliency, detection.picture, cube.georeference
    assert picture is not None  # it was asked for
    writers: dict[str, tuple[str, Callable[[Path], object]]] = {
        "saliency": (".saliency.png", lambda file: save_saliency(file, saliency, origin)),
        "overlay": (
            ".overlay.png",
            lambda file: save_overlay(file, saliency, picture, threshold, origin),
        ),
        "mask": (".mask.png", lambda file: save_mask(file, saliency, threshold, origin)),
        "objects": (".objects.csv", lambda file: save_objects(file, saliency, cube, threshold)),
        "npy": (".saliency.npy", lambda file: save_npy(file, saliency)),
        "tiff": (".saliency.tif", lambda file: save_tiff(file, saliency, origin, place)),
        "envi": (".saliency.hdr", lambda file: _save_envi(file, saliency, place)),
    }
    written = {}
    for kind in ("saliency", "overlay", *extras):
        ending, write = writers[kind]
        written[kind] = start.with_name(start.name + ending)
        write(written[kind])
    return written
