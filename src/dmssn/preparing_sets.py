"""Preparing a whole set of scenes: many processes or machines, resumable, the same bytes always.

Every scene is a file of its own, which tells what it was made from. So whatever ended an earlier
run, the next keeps the files that are whole and current and makes the others; the manifest, which
makes the set complete, comes last.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from dmssn.claims import claim
from dmssn.config import DataConfig, PrepareConfig, SettingError
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.data_set import SPLITS, SceneFiles
from dmssn.datasets.finding import Found, find_scenes
from dmssn.datasets.splits import Choice
from dmssn.files import locked, make_folder, remove_partial, sha256
from dmssn.labour import Labour, each, part_of
from dmssn.moments import Moments
from dmssn.preparing import Statistics
from dmssn.preparing_scenes import (
    Task,
    is_current,
    measure_scene,
    moments_path,
    note_wrong,
    noted_wrong,
    origin_of,
    prepare_scene,
    read_moments,
    verify,
    versions,
    wrong_path,
)
from dmssn.recipes import to_table
from dmssn.store import Manifest, read_about, scene_path, write_manifest


@dataclass
class Report:
    """What a run did.

    Attributes:
        manifest: Of the set; None while it is not complete.
        measured: Training scenes whose statistics are there.
        made: Scenes prepared.
        kept: Scenes that an earlier run had prepared.
        wrong: Scene to why it could not be prepared.
        missing: Scenes that other parts have yet to prepare.
        said: Whose split it is, how cubes are turned and why, a sentence each.
        seconds: Mean time of each part of the work on a scene.
    """

    manifest: Manifest | None = None
    measured: int = 0
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
    files = [path for scene in found.scenes for path in (scene.cube, scene.mask)]
    if out.resolve() in {path.resolve() for path in (data.scenes, *(f.parent for f in files))}:
        raise SettingError(f"--output {out}: is the data set itself; choose another folder")
    make_folder(out)
    with locked(out, shared=not labour.whole):
        if labour.whole:
            _tidy(out)
        with locked(out, wait=True):  # of parts that begin together, one claims the folder
            turned = claim(found, data, config, redo=redo)
        report.said.append(f"orientation {turned.orientation}: {turned.said}")
        report.said += [
            f"{name}: {other} by its colour picture, prepared as {turned.orientation} like the rest"
            for name, other in turned.others.items()
        ]
        task = Task(kind.name, data.scenes, out, config, turned.orientation)
        mine = part_of(found.scenes, labour.shard)
        if config.statistics == "data set":
            train = [scene for scene in found.scenes if scene.split == "train"]
            if redo and (labour.whole or statistics_only):
                _forget(part_of(train, labour.shard), partial(moments_path, task))
            measured, bad = _measure(task, train, labour, report)
            if statistics_only:
                report.wrong = bad
                return report
            if bad and not skip_bad:
                report.said.append("the statistics need all training scenes: none was prepared")
                return report
            task = replace(task, statistics=_merged(measured, report))
        if redo:
            _forget(mine, lambda scene: scene_path(out, scene.name))
        _prepare_all(task, mine, labour, report)
        _complete(task, found, report, turned.said, labour, skip_bad=skip_bad)
        if labour.whole:  # of workers that were killed
            _tidy(out)
    return report


def _forget(scenes: list[SceneFiles], path_of: Callable[[SceneFiles], Path]) -> None:
    for scene in scenes:
        path_of(scene).unlink(missing_ok=True)


def _measure(
    task: Task, train: list[SceneFiles], labour: Labour, report: Report
) -> tuple[dict[Path, Moments], dict[str, str]]:
    """Measure this run's part of the training scenes.

    Returns:
        The moments of all that can be had, in their order, and what is wrong with the others.
    """
    mine = part_of(train, labour.shard)
    measure = partial(measure_scene, task)
    report.measured = len(each("statistics", mine, measure, labour, report.wrong))
    _note(task, mine, report, mask=False)
    found, bad = {}, {}
    for scene in train:
        why = report.wrong.get(scene.name) or noted_wrong(task, scene, mask=False)
        moments = None if why else read_moments(task, scene, origin_of(task, scene, mask=False))
        if why:
            bad[scene.name] = report.wrong[scene.name] = why
        elif moments is None:
            report.missing.append(scene.name)
        else:
            found[scene.cube] = moments
    return found, bad


def _note(task: Task, scenes: list[SceneFiles], report: Report, *, mask: bool) -> None:
    """Leave word for other parts of which scenes went wrong."""
    for scene in scenes:
        if scene.name in report.wrong:
            note_wrong(task, scene, report.wrong[scene.name], mask=mask)
        else:
            wrong_path(task, scene).unlink(missing_ok=True)


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
    _note(task, todo, report, mask=True)
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
    for folder in (out, out / "scenes", out / "statistics", out / "wrong"):
        remove_partial(folder)


def _complete(
    task: Task, found: Found, report: Report, turned: str, labour: Labour, *, skip_bad: bool
) -> None:
    """Write the manifest if every scene is there, made from what is there now."""
    manifest = task.out / "manifest.json"
    usable = [scene for scene in found.scenes if scene.name not in report.wrong]
    absent = [scene for scene in usable if not _current(task, scene)]
    for scene in absent:
        why = noted_wrong(task, scene, mask=True)
        if why is None:
            report.missing.append(scene.name)
        else:
            report.wrong[scene.name] = why
    usable = [scene for scene in usable if scene not in absent]
    if report.missing or (report.wrong and not skip_bad):
        if labour.whole:  # what it tells is no more
            manifest.unlink(missing_ok=True)
        return
    if not usable:
        raise ValueError(f"no scene could be prepared: {_listed(report.wrong)}")
    abouts = {scene.name: read_about(task.out, scene.name) or {} for scene in usable}
    first: dict[int, str] = {}
    for name, about in abouts.items():
        first.setdefault(about["bands"], name)
    if len(first) > 1:
        manifest.unlink(missing_ok=True)
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
            "choice": found.choice._asdict(),
            "orientation": task.orientation,
            "orientation_said": turned,
            "wavelengths": found.kind.wavelengths_source,
        },
        versions=versions(),
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
