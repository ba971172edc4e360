"""Preparing one scene of a data set: what a worker does, and how it is known to be done."""

import errno
import hashlib
import json
import platform
import time
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn import moments
from dmssn.config import Orientation, PrepareConfig
from dmssn.cube import RowSource
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.data_set import SceneFiles
from dmssn.datasets.opening import open_scene, read_truth
from dmssn.files import fingerprint, sha256
from dmssn.labour import Outcome
from dmssn.moments import Moments
from dmssn.preparing import Statistics, clipped, homogenize, match_bands
from dmssn.recipes import to_table
from dmssn.resample import resize
from dmssn.store import FORMAT, Scene, read_about, read_scene, write_json, write_scene
from dmssn.surveying import survey

ARITHMETIC = ("dmssn", "numpy", "scipy", "scikit-image", "torch")
"""Whose versions decide a scene's numbers."""


@dataclass(frozen=True)
class Task:
    """What every scene of a prepared set has in common.

    Attributes:
        kind: Name of the data set.
        root: Folder of the copy; nothing that is written tells it.
        out: The prepared set.
        config: How to prepare.
        orientation: How stored cubes are turned.
        statistics: Of the training scenes; None when each cube has its own.
    """

    kind: str
    root: Path
    out: Path
    config: PrepareConfig
    orientation: Orientation
    statistics: Statistics | None = None


def made_from(task: Task, scene: SceneFiles, *, mask: bool = True) -> str:
    """A checksum of all that decides a scene's numbers: settings, statistics and its files.

    Raises:
        OSError: A file cannot be read.
    """
    told = {
        "format": FORMAT,
        "set": task.kind,
        "orientation": task.orientation,
        "prepare": to_table(task.config),
        "statistics": task.statistics and [values.tolist() for values in task.statistics],
        "versions": versions(),
        "cube": fingerprint(scene.cube),
        "mask": sha256(scene.mask) if mask else None,
    }
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Of the programs whose arithmetic makes the numbers."""
    return {"python": platform.python_version()} | {name: version(name) for name in ARITHMETIC}


def is_current(task: Task, scene: SceneFiles) -> bool:
    """Whether the scene's file was made from just this; its numbers are not read."""
    about = read_about(task.out, scene.name)
    if about is None or (about.get("flat") and scene.split == "train"):
        return False
    return about.get("made_from") == made_from(task, scene)


def verify(task: Task, scene: SceneFiles) -> Outcome:
    """Compare a prepared scene with its checksum."""
    try:
        read_scene(task.out, scene.name)
    except ValueError as error:
        return Outcome(str(error))
    return Outcome()


def prepare_scene(task: Task, scene: SceneFiles) -> Outcome:
    """Prepare and write one scene."""
    clock = [time.monotonic()]
    try:
        origin = made_from(task, scene)
        cube, bands = open_bands(task, scene)
        mask, counted = read_truth(data_set(task.kind), scene, cube.shape[:2])
        size = task.config.size
        found = survey(cube, size, bands)
        clock.append(time.monotonic())
        prepared = homogenize(found, task.config, task.statistics)
        prepared = replace(prepared, name=scene.name)  # a folder's link may be called otherwise
        if prepared.flat and scene.split == "train":
            return Outcome(
                f"{scene.cube}: one spectrum for all pixels, nothing to learn from; take it out of "
                "the training split, or see whether its units are those of the other scenes"
            )
        small, known = _small_truth(mask, counted, size)
        if known is not None and not known.any():
            return Outcome(f"{scene.mask}: no pixel of it counts")
        clock.append(time.monotonic())
    except (ValueError, OSError, MemoryError) as error:
        return Outcome(str(error) or type(error).__name__)
    try:
        about = _about(task, cube, origin, flat=prepared.flat)
        write_scene(task.out, Scene(prepared, small, known), about)
    except OSError as error:
        return _not_written(error)
    clock.append(time.monotonic())
    parts = ("reading", "homogenizing", "writing")
    spent = (after - before for before, after in pairwise(clock))
    return Outcome(seconds=dict(zip(parts, spent, strict=True)))


def _small_truth(
    mask: NDArray[np.bool_], counted: NDArray[np.bool_] | None, size: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Mask and counted at the network's size: by the greater part of the pixels that count."""
    if counted is None:
        return resize(mask.astype(np.float32), size, size) >= 0.5, None
    share = resize(counted.astype(np.float32), size, size)
    salient = resize((mask & counted).astype(np.float32), size, size)
    return salient >= share / 2, share >= 0.5


def _about(task: Task, cube: RowSource, origin: str, *, flat: bool) -> dict[str, Any]:
    """What the header of a scene's file tells of it."""
    own = cube.wavelengths_nm if not task.config.bands else None
    wavelengths = None if own is None else own.tolist()
    return {"made_from": origin, "wavelengths_nm": wavelengths, "flat": flat}


def open_bands(task: Task, scene: SceneFiles) -> tuple[RowSource, csr_array | None]:
    """A scene's cube, and the weights to the bands the settings ask for, if they do.

    Raises:
        ValueError: It cannot be read, or has too few bands.
        OSError: Likewise.
    """
    cube = open_scene(data_set(task.kind), scene.cube, task.orientation)
    bands = task.config.bands
    return cube, match_bands(cube, bands, None)[0] if bands else None


def measure_scene(task: Task, scene: SceneFiles) -> Outcome:
    """Moments of a training scene's pixels, kept in a file of the prepared set.

    They are of what the network sees: the scene at the network's size, its outliers clipped as
    ``preparing`` clips them, so that one hot pixel of one scene does not flatten all scenes.
    """
    try:
        origin = made_from(task, scene, mask=False)
        if read_moments(task, scene, origin) is not None:
            return Outcome()
        cube, bands = open_bands(task, scene)
        small = survey(cube, task.config.size, bands).small
        pixels = small[~np.isnan(small[:, :, 0])]
        if not len(pixels):
            return Outcome(f"{scene.cube}: no pixel has a finite value in every band")
        found = moments.of_pixels(clipped(pixels))
    except (ValueError, OSError, MemoryError) as error:
        return Outcome(str(error) or type(error).__name__)
    table = {
        "made_from": origin,
        "pixels": found.pixels,
        "mean": found.mean.tolist(),
        "squares": found.squares.tolist(),
    }
    try:
        write_json(moments_path(task, scene), table | {"sha256": _sum_of(table)})
    except OSError as error:
        return _not_written(error)
    return Outcome()


def _not_written(error: OSError) -> Outcome:
    """The next scene meets the same, but for a name that is too long."""
    cause = error.__cause__
    too_long = isinstance(cause, OSError) and cause.errno == errno.ENAMETOOLONG
    return Outcome(str(error), fatal=not too_long)


def _sum_of(table: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def moments_path(task: Task, scene: SceneFiles) -> Path:
    """File of a training scene's moments."""
    return task.out / "statistics" / f"{scene.name}.json"


def read_moments(task: Task, scene: SceneFiles, origin: str) -> Moments | None:
    """A training scene's moments; None when they are not there, damaged or of something else."""
    try:
        table = json.loads(moments_path(task, scene).read_text(encoding="utf-8"))
        if table.pop("sha256") != _sum_of(table) or table["made_from"] != origin:
            return None
        return Moments(table["pixels"], np.array(table["mean"]), np.array(table["squares"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def note_wrong(task: Task, scene: SceneFiles, why: str, *, mask: bool) -> None:
    """Keep why a scene could not be prepared or (without its mask) measured: for other parts."""
    told = why.replace(f"{task.root}/", "")
    write_json(
        wrong_path(task, scene), {"made_from": origin_of(task, scene, mask=mask), "why": told}
    )


def noted_wrong(task: Task, scene: SceneFiles, *, mask: bool) -> str | None:
    """Why another run could not prepare or measure a scene as it is now; None if none says."""
    try:
        table = json.loads(wrong_path(task, scene).read_text(encoding="utf-8"))
        same = table["made_from"] == origin_of(task, scene, mask=mask)
        return str(table["why"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def wrong_path(task: Task, scene: SceneFiles) -> Path:
    """File that tells why a scene could not be prepared."""
    return task.out / "wrong" / f"{scene.name}.json"


def origin_of(task: Task, scene: SceneFiles, *, mask: bool) -> str:
    """``made_from``, of files that may not even be there to be read."""
    try:
        return made_from(task, scene, mask=mask)
    except OSError as error:
        return type(error).__name__
