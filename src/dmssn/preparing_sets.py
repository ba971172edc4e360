"""Preparing a whole set of scenes: many processes or machines, resumable, the same bytes always.

Every scene is a file of its own, which tells what it was made from. So whatever ended an earlier
run, the next keeps the files that are whole and current and makes the others; the manifest, which
makes the set complete, comes last.
"""

import json
import platform
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dmssn.config import DataConfig, Orientation, PrepareConfig
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.data_set import SPLITS, SceneFiles
from dmssn.datasets.finding import Found, find_scenes
from dmssn.datasets.orienting import settle
from dmssn.datasets.splits import Choice
from dmssn.files import locked, make_folder, remove_partial, sha256
from dmssn.labour import Labour, each, part_of
from dmssn.moments import Moments
from dmssn.preparing import Statistics
from dmssn.preparing_scenes import (
    Task,
    is_current,
    made_from,
    measure_scene,
    prepare_scene,
    read_moments,
    verify,
)
from dmssn.recipes import to_table
from dmssn.store import FORMAT, Manifest, read_about, scene_path, write_json, write_manifest

ARITHMETIC = ("dmssn", "numpy", "scipy", "scikit-image", "torch")
"""Whose versions decide a set's numbers."""


@dataclass
class Report:
    """What a run did.

    Attributes:
        manifest: Of the set; None while it is not complete.
        made: Scenes prepared.
        kept: Scenes that an earlier run had prepared.
        wrong: Scene to why it could not be prepared.
        missing: Scenes that other parts have yet to prepare.
        said: Whose split it is, how cubes are turned and why, a sentence each.
        seconds: Mean time of each part of the work on a scene.
    """

    manifest: Manifest | None = None
    made: int = 0
    kept: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def prepare_set(
    data: DataConfig,
    config: PrepareConfig,
    labour: Labour | None = None,
    *,
    redo: bool = False,
    skip_bad: bool = False,
    statistics_only: bool = False,
) -> Report:
    """Prepare the scenes of a data set.

    Args:
        data: The data set, its split, and the folder to write.
        config: How to prepare.
        labour: Who does the work.
        redo: Whether to prepare anew what was prepared with other settings.
        skip_bad: Whether to complete the set without the scenes that cannot be prepared.
        statistics_only: Whether to stop after the statistics of this part's training scenes.

    Returns:
        What was done. Scenes that cannot be prepared do not stop the others; the set then stays
        without a manifest unless they are to be skipped.

    Raises:
        SettingError: There is no such data set or split.
        ValueError: The folder holds a set of other settings; the orientation is not to be known;
            the training scenes' statistics cannot be had; or the cubes differ in bands.
        OSError: The folder cannot be written to, or another run is at work in it.
    """
    labour = labour or Labour()
    if labour.scheduler:  # whose workers work in folders of their own
        data = replace(data, scenes=data.scenes.absolute(), prepared=data.prepared.absolute())
    kind, out = data_set(data.set), data.prepared
    choice = Choice(data.split, data.fold, data.val, data.seed)
    found = find_scenes(kind, data.scenes, choice)
    report = Report(wrong=dict(found.wrong), said=[found.said])
    make_folder(out)
    with locked(out, shared=not labour.whole):
        if labour.whole:
            _tidy(out)
        settings = _claim(found, data, config, redo=redo)
        turned = settings["orientation_said"]
        report.said.append(turned)
        task = Task(kind.name, data.scenes, out, config, settings["orientation"])
        if config.statistics == "data set":
            train = [scene for scene in found.scenes if scene.split == "train"]
            measured = _measure(task, train, labour, report, skip_bad=skip_bad)
            if statistics_only:
                return report
            task = replace(task, statistics=_merged(measured, report))
        _prepare_all(task, part_of(found.scenes, labour.shard), labour, report)
        _complete(task, found, report, turned, skip_bad=skip_bad)
        if labour.whole:  # of workers that were killed
            _tidy(out)
    return report


def _claim(found: Found, data: DataConfig, config: PrepareConfig, *, redo: bool) -> dict[str, Any]:
    """Mark a folder as made with these settings; refuse one made with others.

    The orientation is settled once: a run that goes on takes what the first one found.
    """
    path = data.prepared / "settings.json"
    wanted: dict[str, Any] = {"format": FORMAT, "set": found.kind.name, "prepare": to_table(config)}
    if config.statistics == "data set":  # other training scenes have other statistics
        wanted["train"] = found.names("train")
    before: dict[str, Any] = {}
    if path.is_file():
        try:
            before = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise ValueError(
                f"{path}: damaged; delete it, and the set is gone through anew"
            ) from None
    changed = [key for key in wanted if before and wanted[key] != before.get(key)]
    if data.orientation != "auto" and before and before.get("orientation") != data.orientation:
        changed.append("orientation")
    if changed and not redo:
        raise ValueError(
            f"{data.prepared}: prepared with other settings or training scenes "
            f"({', '.join(_differences(before, wanted, changed))}); pass --redo to prepare it "
            "anew, or choose another folder"
        )
    if before and not changed:
        return before
    settled = settle(found, data.scenes, data.orientation)
    orientation: Orientation = settled.orientation
    settings = wanted | {"orientation": orientation, "orientation_said": settled.said}
    write_json(path, settings)
    return settings


def _differences(before: dict[str, Any], wanted: dict[str, Any], changed: list[str]) -> list[str]:
    """The settings that differ, by name."""
    had = before.get("prepare")
    if "prepare" not in changed or not isinstance(had, dict):
        return changed
    now = wanted["prepare"]
    inner = [f"prepare.{key}" for key in now if now[key] != had.get(key)]
    return [*inner, *(key for key in changed if key != "prepare")]


def _measure(
    task: Task, train: list[SceneFiles], labour: Labour, report: Report, *, skip_bad: bool
) -> dict[Path, Moments]:
    """Moments of the training scenes that can be had, in their order; measures this run's part."""
    each(
        "statistics",
        part_of(train, labour.shard),
        partial(measure_scene, task),
        labour,
        report.wrong,
    )
    bad = {scene.name: report.wrong[scene.name] for scene in train if scene.name in report.wrong}
    if bad and not skip_bad:
        raise ValueError(
            f"{len(bad)} training scenes cannot be read, and the statistics need all: "
            f"{_listed(bad)}; mend them, or pass --skip-bad to leave them out"
        )
    found = {}
    for scene in train:
        if scene.name not in bad:
            moments = read_moments(task, scene, made_from(task, scene, mask=False))
            if moments is None:
                report.missing.append(scene.name)
            else:
                found[scene.cube] = moments
    return found


def _merged(measured: dict[Path, Moments], report: Report) -> Statistics:
    """Statistics of all training scenes."""
    if report.missing:
        raise ValueError(
            f"the statistics of {len(report.missing)} training scenes are missing; run every part "
            "with --statistics-only first"
        )
    if not measured:
        raise ValueError("statistics of the data set need training scenes, and there are none")
    total = Moments(0, np.zeros(0), np.zeros(0))
    for cube, moments in measured.items():
        if total.pixels and moments.mean.shape != total.mean.shape:
            raise ValueError(
                f"{cube}: {moments.mean.size} bands, the scenes before it {total.mean.size}; "
                "set prepare.bands to bring all to one number"
            )
        total = total.merge(moments)
    return Statistics(total.mean, total.std)


def _prepare_all(task: Task, scenes: list[SceneFiles], labour: Labour, report: Report) -> None:
    """Prepare what is not there, outdated or damaged."""
    scenes = [scene for scene in scenes if scene.name not in report.wrong]
    there = [scene for scene in scenes if _current(task, scene)]
    damaged: dict[str, str] = {}
    each("comparing checksums", there, partial(verify, task), labour, damaged)
    kept = {scene.name for scene in there} - damaged.keys()
    todo = [scene for scene in scenes if scene.name not in kept]
    report.said += [f"{said}: prepared again" for said in damaged.values()]
    if todo:  # until all is well again there is no whole set
        (task.out / "manifest.json").unlink(missing_ok=True)
    good = each("preparing", todo, partial(prepare_scene, task), labour, report.wrong)
    report.kept, report.made = len(kept), len(good)
    if good:
        parts = good[0].seconds
        report.seconds = {
            part: sum(outcome.seconds[part] for outcome in good) / len(good) for part in parts
        }


def _current(task: Task, scene: SceneFiles) -> bool:
    try:
        return is_current(task, scene)
    except OSError:
        return False  # its files cannot be read: told when it is prepared


def _tidy(out: Path) -> None:
    for folder in (out, out / "scenes", out / "statistics"):
        remove_partial(folder)


def _complete(task: Task, found: Found, report: Report, turned: str, *, skip_bad: bool) -> None:
    """Write the manifest if every scene is there, made from what is there now."""
    usable = [scene for scene in found.scenes if scene.name not in report.wrong]
    report.missing = [scene.name for scene in usable if not _current(task, scene)]
    if report.missing or (report.wrong and not skip_bad):
        return
    if not usable:
        raise ValueError(f"no scene could be prepared: {_listed(report.wrong)}")
    abouts = {scene.name: read_about(task.out, scene.name) or {} for scene in usable}
    first: dict[int, str] = {}
    for name, about in abouts.items():
        first.setdefault(about["bands"], name)
    if len(first) > 1:
        said = ", ".join(f"{name} has {bands}" for bands, name in first.items())
        raise ValueError(f"the cubes differ in bands ({said}); set prepare.bands to one number")
    statistics = task.statistics
    report.manifest = Manifest(
        prepare=to_table(task.config),
        bands=next(iter(first)),
        wavelengths_nm=_shared([about["wavelengths_nm"] for about in abouts.values()]),
        mean=None if statistics is None else statistics.mean.tolist(),
        std=None if statistics is None else statistics.std.tolist(),
        splits={split: [s.name for s in usable if s.split == split] for split in SPLITS},
        source={
            "set": found.kind.name,
            "split": found.said,
            "orientation": task.orientation,
            "orientation_said": turned,
            "wavelengths": found.kind.wavelengths_source,
        },
        versions={"python": platform.python_version()}
        | {name: version(name) for name in ARITHMETIC},
        left_out={name: why.replace(f"{task.root}/", "") for name, why in report.wrong.items()},
        checksums={name: sha256(scene_path(task.out, name)) for name in abouts},
    )
    write_manifest(task.out, report.manifest)


def _shared(wavelengths: list[list[float] | None]) -> list[float] | None:
    """The wavelengths all cubes have, or None."""
    first = wavelengths[0]
    if first is None:
        return None
    alike = (w is not None and np.allclose(w, first, atol=0.01) for w in wavelengths)
    return first if all(alike) else None


def _listed(wrong: dict[str, str], most: int = 20) -> str:
    said = "; ".join(f"{name}: {why}" for name, why in list(wrong.items())[:most])
    return f"{said}; and {len(wrong) - most} more" if len(wrong) > most else said
