"""Whether a copy of a data set is whole, and as its authors promise: everything at once."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dmssn.config import Orientation, OrientationChoice
from dmssn.datasets.data_set import SPLITS, DataSet, SceneFiles
from dmssn.datasets.evidence import Evidence
from dmssn.datasets.finding import Found, sort_out
from dmssn.datasets.inspecting import Inspection, Problem, inspect
from dmssn.datasets.inspecting_sets import (
    Shape,
    complete_names,
    file_problems,
    settle_by,
    shape_problems,
    upright,
)
from dmssn.datasets.layout import find_layout
from dmssn.datasets.orienting import Settled, spread
from dmssn.datasets.splits import Choice
from dmssn.files import room
from dmssn.progress import track
from dmssn.workers import WorkerDied, over_all

FORMAT = 1
"""Of the JSON."""
PIXELS_A_REGION = 6
"""Of a prepared scene, to estimate its size: most scenes have larger regions."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to check.

    Attributes:
        root: Folder of the copy.
        output: Folder where a prepared set would go; it need not be there.
        choice: How the copy is split.
        orientation: How its cubes are turned, or ``auto`` to compare them with their pictures.
        read: Cubes whose numbers are read, spread evenly; None for all.
        size: Side of a prepared scene.
        workers: Processes.
    """

    root: Path
    output: Path
    choice: Choice = field(default_factory=Choice)
    orientation: OrientationChoice = "auto"
    read: int | None = None
    size: int = 512
    workers: int = 1


class Disk(NamedTuple):
    """Room for the prepared set.

    Attributes:
        folder: The nearest folder that is there.
        needed_bytes: Estimate; None when the number of bands is not known.
        free_bytes: On the disk of that folder.
    """

    folder: Path
    needed_bytes: int | None
    free_bytes: int


@dataclass(frozen=True, eq=False)
class Report:
    """What was found.

    Attributes:
        kind: The data set.
        request: What was asked.
        found: Its scenes and their splits.
        complete: Scenes with one cube and one mask, in a list or not.
        inspections: One a scene of the splits.
        settled: The orientation; None when it is open.
        disk: Room for the prepared set.
        problems: All there are, of the scenes and of the set.
    """

    kind: DataSet
    request: Request
    found: Found
    complete: int
    inspections: list[Inspection]
    settled: Settled | None
    disk: Disk
    problems: list[Problem]

    def of(self, severity: Literal["wrong", "note"]) -> list[Problem]:
        """Problems that would stop or spoil what is made of the set (``wrong``), or the others."""
        return [problem for problem in self.problems if problem.severity == severity]

    @property
    def read(self) -> list[Inspection]:
        """Those whose numbers were read to the end."""
        return [item for item in self.inspections if item.values]

    @property
    def range(self) -> tuple[float | None, float | None]:
        """Least and greatest stored number; None when there is none."""
        values = [item.values for item in self.inspections if item.values]
        least = min((item.least for item in values), default=math.inf)
        greatest = max((item.greatest for item in values), default=-math.inf)
        return _finite(least), _finite(greatest)

    @property
    def salient(self) -> tuple[float, float] | None:
        """Least and greatest share of a mask that is salient; None when none was read."""
        shares = [item.salient for item in self.inspections if item.salient is not None]
        return (min(shares), max(shares)) if shares else None

    @property
    def shapes(self) -> Counter[Shape]:
        """Scenes by (H, W, B) of their cubes, upright if the orientation is settled."""
        shapes = (upright(item.shape, self.settled) for item in self.inspections)
        return Counter(shape for shape in shapes if shape)

    @property
    def dtypes(self) -> Counter[str]:
        """Scenes by the type of their numbers."""
        return Counter(item.dtype for item in self.inspections if item.dtype)

    @property
    def votes(self) -> Counter[Orientation]:
        """Decisive cubes by the orientation they are for."""
        found = [item.evidence for item in self.inspections if item.evidence]
        return Counter(evidence.winner for evidence in found if evidence.decisive)

    def to_table(self) -> dict[str, Any]:
        """Everything, as plain values for JSON."""
        splits = {split: len(self.found.names(split)) for split in SPLITS}
        return {
            "format": FORMAT,
            "set": self.kind.name,
            "title": self.kind.title,
            "root": str(self.request.root),
            "wrong": len(self.of("wrong")),
            "notes": len(self.of("note")),
            "split": self.found.said,
            "counts": {
                "complete": self.complete,
                "published": self.kind.scenes,
                "read": len(self.read),
                **splits,
            },
            "orientation": {
                "settled": self.settled.orientation if self.settled else None,
                "said": self.settled.said if self.settled else None,
                "votes": dict(self.votes),
            },
            "range": list(self.range),
            "dtypes": dict(self.dtypes),
            "disk": self.disk._asdict()
            | {"folder": str(self.disk.folder), "size": self.request.size},
            "problems": [problem._asdict() for problem in self.problems],
            "scenes": [_scene(item, self.settled) for item in self.inspections],
        }


def _scene(item: Inspection, settled: Settled | None) -> dict[str, Any]:
    scene, values, shape = item.scene, item.values, upright(item.shape, settled)
    return {
        "name": scene.name,
        "split": scene.split,
        "cube": str(scene.cube),
        "mask": str(scene.mask),
        "colour": str(scene.colour) if scene.colour else None,
        "stored": list(item.shape) if item.shape else None,
        "shape": list(shape) if shape else None,
        "dtype": item.dtype,
        "values": values._asdict()
        | {"least": _finite(values.least), "greatest": _finite(values.greatest)}
        if values
        else None,
        "mask_shape": list(item.mask_shape) if item.mask_shape else None,
        "salient": item.salient,
        "evidence": _evidence(item.evidence) if item.evidence else None,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "winner": evidence.winner,
        "decisive": evidence.decisive,
        "z": round(evidence.z, 2),
        "scores": {name: round(score, 4) for name, score in evidence.scores.items()},
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def check(kind: DataSet, request: Request) -> Report:
    """Look at every scene of a copy, and at the copy as a whole; what is wrong does not raise.

    Raises:
        FileNotFoundError: There is no such folder, none of cubes or masks in it, or no such list.
        SettingError: There is no such split.
    """
    layout = find_layout(kind, request.root)
    found = sort_out(kind, request.root, layout, request.choice)
    inspections = list(_inspections(kind, found.scenes, request))
    settled, turned = settle_by(kind, inspections, request.orientation)
    disk = _disk(kind, inspections, request)
    by_default = not (request.choice.split or request.choice.fold)
    problems = [
        *file_problems(found, layout, request.root, all_wanted=by_default),
        *(problem for item in inspections for problem in item.problems),
        *shape_problems(kind, inspections, settled),
        *turned,
        *_disk_problems(disk),
    ]
    complete = len(complete_names(layout))
    return Report(kind, request, found, complete, inspections, settled, disk, problems)


def _inspections(
    kind: DataSet, scenes: Sequence[SceneFiles], request: Request
) -> Iterator[Inspection]:
    """Each scene, in their order, inspected by as many processes as are wanted."""
    count = len(scenes) if request.read is None else request.read
    read = {scene.name for scene in spread(scenes, count)}
    todo = [(scene, scene.name in read) for scene in scenes]
    threads = 1 if request.workers > 1 else None
    results = over_all(partial(_inspect_one, kind), todo, workers=request.workers, threads=threads)
    done: dict[str, Inspection] = {}
    for _, ((scene, _), result) in zip(
        track(todo, "checking", each="scenes"), results, strict=True
    ):
        if isinstance(result, WorkerDied):
            said = f"{result}; use fewer --workers"
            result = Inspection(scene, [Problem("wrong", "cubes", scene.name, said)])
        done[scene.name] = result
    return (done[scene.name] for scene in scenes)


def _inspect_one(kind: DataSet, item: tuple[SceneFiles, bool]) -> Inspection:
    scene, read = item
    return inspect(kind, scene, read=read)


def _disk(kind: DataSet, inspections: Sequence[Inspection], request: Request) -> Disk:
    """Room where the prepared set would go: map, mask and table of each scene."""
    folder, free = room(request.output.absolute())
    bands = kind.bands or max((item.shape[2] for item in inspections if item.shape), default=None)
    needed = None
    if bands is not None:
        pixels = request.size**2
        scene = pixels * 4 + pixels + pixels // PIXELS_A_REGION * bands * 4
        needed = len(inspections) * scene
    return Disk(folder, needed, free)


def _disk_problems(disk: Disk) -> Iterator[Problem]:
    if disk.needed_bytes is not None and disk.needed_bytes > disk.free_bytes:
        said = f"the prepared set needs {size_of(disk.needed_bytes)}"
        yield Problem("wrong", "disk", None, f"{said}, free are {size_of(disk.free_bytes)}")


def size_of(count: int) -> str:
    """A number of bytes, for people.

    Example:
        >>> size_of(350_000), size_of(12_300_000_000)
        ('1 MB', '12.3 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{math.ceil(count / 1e6)} MB"
