"""Detectors at work on scenes: a map of each, the time it took and the memory; done ones are kept.

FOLDER/maps/ENTRY/SCENE.saliency.png  the map, 16 bit, as ``dmssn predict`` writes it
FOLDER/maps/ENTRY/SCENE.json          what it was made from, seconds, memory; written last
"""

import hashlib
import json
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dmssn import __version__
from dmssn.cube import Cube, RowSource
from dmssn.cube_lists import failure
from dmssn.detections import Detection, Detector
from dmssn.detector import identity, is_classical, load_detector
from dmssn.devices import choose_device
from dmssn.files import make_folder, remove_partial
from dmssn.judging.contestants import Contestant
from dmssn.judging.scenes import JudgedScene
from dmssn.memory import peak_memory
from dmssn.progress import track
from dmssn.regions import RegionCube
from dmssn.saving import save_saliency
from dmssn.store import write_json
from dmssn.trained.detector import TrainedDetector
from dmssn.wording import counted
from dmssn.workers import WorkerDied, over_all

FORMAT = 1
"""Of a record."""
_warm: list[bool] = []
"""Not empty in a process whose detector has run; each detector has processes of its own."""
MOST_BYTES = 2**30
"""A larger cube is not read into memory first; its detector reads it, within its time."""
MEASURED = (
    "Time is the median over scenes, from the cube in memory (one above 1 GiB: in its file) to "
    "the map at the cube's own size, after one run that is not counted; memory is the peak of the "
    "process, program and cube included."
)
FROM_REGIONS = (
    "Networks start from a prepared scene's regions: the time to homogenize it is not in theirs."
)


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
        return self.threads or max(1, torch.get_num_threads() // self.workers)

    def said(self, device: str) -> str:
        """What times were taken on, in words."""
        side = "one scene at a time" if self.workers == 1 else f"{self.workers} scenes side by side"
        return f"{processor()}, {counted(self.threads_each, 'thread')}, {side}, on {device}"


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
    classical = is_classical(contestant.detector)
    device = "cpu" if classical else str(choose_device(machine.device))
    job = _Job(contestant, folder, made_by, device, machine.said(device))
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
    measured_on: str

    def __call__(self, scene: JudgedScene) -> dict[str, Any] | str:
        """The record of its map, or what went wrong."""
        try:
            self._record(scene).unlink(missing_ok=True)
            return self._make(scene)
        except (ValueError, OSError, MemoryError) as error:
            # The map of another time, which is not of this cube.
            map_file(self.folder, self.contestant, scene.name).unlink(missing_ok=True)
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
        notes: tuple[str, ...] = ()
        if isinstance(detector, TrainedDetector) and (regions := scene.regions()) is not None:
            run = partial(_on_regions, detector, regions)
        else:
            cube = in_memory(scene.open())
            run, notes = partial(detector.detect, cube), cube.notes
        if not _warm:  # what a process does once, such as loading libraries, is no scene's time
            run()
            _warm.append(True)
        began = time.perf_counter()
        found = run()
        seconds = time.perf_counter() - began
        record = {
            "made_from": made_from,
            "seconds": seconds,
            "memory": peak_memory(),
            "gpu_memory": _gpu_memory(detector),
            "kind": detector.kind,
            "parameters": detector.parameters,
            "settings": dict(detector.settings),
            "measured_on": self.measured_on,
            "bands": found.bands_said,
            "notes": list(found.notes),
            "cube_notes": list(notes),
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


def _on_regions(detector: TrainedDetector, regions: RegionCube) -> Detection:
    return Detection(detector.on_regions(regions), "as prepared", regions)


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
    return Cube(values, cube.wavelengths_nm, cube.name, cube.notes, cube.georeference)


@lru_cache(maxsize=1)
def processor() -> str:
    """What this machine's processor calls itself."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        told = ""
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _gpu_memory(detector: Detector) -> int | None:
    """Most bytes of a GPU that were in use at a time."""
    if isinstance(detector, TrainedDetector) and detector.runs_on.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(detector.runs_on))
    return None
