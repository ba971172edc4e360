"""Detectors at work on scenes: a map of each, the time it took and the memory; done ones are kept.

FOLDER/maps/ENTRY/SCENE.saliency.png  the map, 16 bit, as ``dmssn predict`` writes it
FOLDER/maps/ENTRY/SCENE.json          what it was made from, seconds, memory; written last
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dmssn import __version__
from dmssn.cube import Cube, RowSource
from dmssn.cube_lists import failure
from dmssn.detections import Detection, Detector
from dmssn.detector import NetworkDetector, identity, load_detector
from dmssn.files import make_folder, remove_partial
from dmssn.judging.contestants import Contestant
from dmssn.judging.scenes import JudgedScene
from dmssn.memory import peak_memory
from dmssn.progress import track
from dmssn.saving import save_saliency
from dmssn.store import write_json
from dmssn.workers import WorkerDied, cores, over_all

FORMAT = 1
"""Of a record."""
MOST_BYTES = 2**30
"""A larger cube is not read into memory first; its detector reads it, within its time."""
MEASURED = (
    "Time is the median over scenes, from the cube in memory (one above 1 GiB: in its file) to "
    "the map at the cube's own size; memory is the peak of the process, program and cube included"
)
"""What is measured, a sentence without its end."""


@dataclass(frozen=True)
class Machine:
    """What the work may use; maps hang on it in their last digits alone.

    Attributes:
        workers: Processes of a detector, side by side.
        threads: CPU threads of each; None for its share of the cores.
        device: As ``load_detector`` takes it.
    """

    workers: int = 1
    threads: int | None = None
    device: str = "auto"

    @property
    def threads_each(self) -> int:
        """CPU threads of each process."""
        return self.threads or max(1, cores() // self.workers)

    @property
    def said(self) -> str:
        """A sentence on what time and memory are of."""
        side = "one scene at a time" if self.workers == 1 else f"{self.workers} scenes side by side"
        return f"{MEASURED}; {side}, CPU threads: {self.threads_each}, device: {self.device}."


def map_file(folder: Path, contestant: Contestant, scene: str) -> Path:
    """Where the map of a scene is, or is to be."""
    return folder / "maps" / contestant.folder / f"{scene}.saliency.png"


def detect_all(
    contestant: Contestant, scenes: Sequence[JudgedScene], folder: Path, machine: Machine
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Have a detector make the maps that are not there yet.

    Args:
        contestant: A detector.
        scenes: What it is to look at.
        folder: Of the benchmark.
        machine: What the work may use.

    Returns:
        The record of each scene that has a map; and of the others why, a line that names them.

    Raises:
        SettingError: There is no such detector or device.
        OSError: The folder cannot be written to.
    """
    assert contestant.detector is not None  # maps of other programs are there
    place = map_file(folder, contestant, "").parent
    make_folder(place)
    remove_partial(place)
    made_by = f"{FORMAT} {__version__} {identity(contestant.detector)}"
    job = _Job(contestant, folder, made_by, machine.device)
    records = {scene.name: job.kept(scene) for scene in scenes}
    todo = [scene for scene in scenes if records[scene.name] is None]
    wrong: dict[str, str] = {}
    done = over_all(job, todo, workers=machine.workers, threads=machine.threads_each, apart=True)
    for scene, outcome in track(done, contestant.name, len(todo), "scenes"):
        if isinstance(outcome, WorkerDied):
            wrong[scene.name] = f"{scene.name}: {outcome}"
        elif isinstance(outcome, str):
            wrong[scene.name] = outcome
        else:
            records[scene.name] = outcome
    return {name: record for name, record in records.items() if record is not None}, wrong


@dataclass(frozen=True)
class _Job:
    """Makes the map of one scene, in any process."""

    contestant: Contestant
    folder: Path
    made_by: str
    device: str

    def __call__(self, scene: JudgedScene) -> dict[str, Any] | str:
        """The record of its map, or what went wrong."""
        try:
            return self._make(scene)
        except (ValueError, OSError, MemoryError) as error:
            return str(failure(Path(scene.name), error)["error"])

    def kept(self, scene: JudgedScene) -> dict[str, Any] | None:
        """The record of an earlier run whose map still holds, if there is one."""
        path = map_file(self.folder, self.contestant, scene.name)
        try:
            record = json.loads(self._record(scene).read_text(encoding="utf-8"))
            held = record["made_from"] == self._made_from(scene) and path.is_file()
            return dict(record) if held else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _make(self, scene: JudgedScene) -> dict[str, Any]:
        detector = _loaded(str(self.contestant.detector), self.device, self.made_by)
        made_from = self._made_from(scene)
        self._record(scene).unlink(missing_ok=True)
        if isinstance(detector, NetworkDetector) and (regions := scene.regions()) is not None:
            began = time.perf_counter()
            found = Detection(detector.on_regions(regions), "as prepared", regions)
        else:
            cube = in_memory(scene.open())
            began = time.perf_counter()
            found = detector.detect(cube)
        record = {
            "made_from": made_from,
            "seconds": time.perf_counter() - began,
            "memory": peak_memory(),
            "gpu_memory": _gpu_memory(detector),
            "kind": detector.kind,
            "parameters": detector.parameters,
            "settings": dict(detector.settings),
            "bands": found.bands_said,
            "notes": list(found.notes),
        }
        self._save(scene, found.saliency, detector)
        write_json(self._record(scene), record)
        return record

    def _save(self, scene: JudgedScene, saliency: NDArray[np.float32], detector: Detector) -> None:
        told = {
            "version": __version__,
            "detector": detector.name,
            "detector_version": detector.version,
            "cube": scene.name,
        }
        save_saliency(map_file(self.folder, self.contestant, scene.name), saliency, told)

    def _record(self, scene: JudgedScene) -> Path:
        path = map_file(self.folder, self.contestant, scene.name)
        return path.with_name(f"{scene.name}.json")

    def _made_from(self, scene: JudgedScene) -> str:
        told = json.dumps([self.made_by, self.device, scene.identity()])
        return hashlib.sha256(told.encode()).hexdigest()


@lru_cache(maxsize=1)
def _loaded(detector: str, device: str, made_by: str) -> Detector:
    return load_detector(detector, device=device)


def in_memory(cube: RowSource) -> RowSource:
    """A cube whose numbers are read, unless they are very many."""
    height, width, bands = cube.shape
    if isinstance(cube, Cube) or height * width * bands * 4 > MOST_BYTES:
        return cube
    values = np.empty(cube.shape, dtype=np.float32)
    for rows in cube.row_blocks():
        values[rows] = cube.read(rows)
    return Cube(values, cube.wavelengths_nm, cube.name, cube.notes)


def _gpu_memory(detector: Detector) -> int | None:
    """Most bytes of a GPU that were in use at a time."""
    if isinstance(detector, NetworkDetector) and detector.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(detector.device))
    return None
