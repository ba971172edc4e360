"""Preparing a whole set of scenes: several processes, resumable, statistics of train only."""

import json
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from dmssn.config import PrepareConfig, to_table
from dmssn.cube import Cube
from dmssn.datasets.folder import SPLITS, SceneFiles, scenes
from dmssn.masks import read_mask
from dmssn.preparing import SAMPLE, Statistics, match_bands, prepare, usual_limits
from dmssn.progress import track
from dmssn.readers import read_cube
from dmssn.resample import resize
from dmssn.store import Manifest, Scene, scene_path, write_json, write_manifest, write_scene
from dmssn.workers import cancelling, processes


def prepare_set(root: Path, out: Path, config: PrepareConfig, jobs: int = 1) -> Manifest:
    """Prepare every scene of a folder.

    Args:
        root: Folder with ``cubes/``, ``masks/`` and ``splits/``.
        out: Prepared set; scenes already there under the same settings are kept.
        config: How to prepare.
        jobs: Processes.

    Returns:
        The manifest, which is written last: a set without one is not complete.

    Raises:
        ValueError: A scene cannot be read or its mask does not fit (every such scene is named),
            the cubes differ in bands, or ``out`` holds a set of other settings.
    """
    files = scenes(root)
    settings = {"scenes": str(root), "prepare": to_table(config)}
    of_train = config.statistics == "data set"
    train = [scene for scene in files if scene.split == "train"]
    if of_train:  # other training scenes have other statistics: what is prepared would be stale
        settings["train"] = [scene.name for scene in train]
    _claim(out, settings)
    statistics = training_statistics(train, config) if of_train else None
    todo = [scene for scene in files if not scene_path(out, scene.name).is_file()]
    wrong = _prepare_all(todo, partial(_prepare_one, out, config, statistics), jobs)
    if wrong:
        raise ValueError(f"{len(wrong)} scenes could not be prepared: {'; '.join(wrong)}")
    manifest = _manifest(files, out, config, statistics)
    write_manifest(out, manifest)
    return manifest


def _claim(out: Path, settings: dict[str, Any]) -> None:
    """Mark a folder as made with these settings; refuse one made with others."""
    path = out / "settings.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != settings:
        raise ValueError(
            f"{out}: prepared with other settings or training scenes; "
            "remove it or choose another folder"
        )
    write_json(path, settings)


def _prepare_all(todo: Sequence[SceneFiles], one: Any, jobs: int) -> list[str]:  # noqa: ANN401
    """Prepare scenes; returns what went wrong, one sentence a scene."""
    if jobs == 1:
        return [said for scene in track(todo, "preparing") if (said := one(scene))]
    with cancelling(processes(jobs, begin=_one_thread)) as pool:
        futures = [pool.submit(one, scene) for scene in todo]
        done = (future.result() for future in as_completed(futures))
        return [said for _, said in zip(track(todo, "preparing"), done, strict=True) if said]


def _one_thread() -> None:
    """Keep a worker to one core: the others have the rest."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def _prepare_one(
    out: Path, config: PrepareConfig, statistics: Statistics | None, scene: SceneFiles
) -> str:
    """Prepare and write one scene; returns what went wrong, or nothing."""
    try:
        cube = _read(scene, config)
        mask = read_mask(scene.mask)
        if mask.shape != (cube.height, cube.width):
            found = f"{mask.shape[0]} x {mask.shape[1]}"
            return f"{scene.mask}: {found}, its cube is {cube.height} x {cube.width}"
        small = resize(mask.astype(np.float32), config.size, config.size) >= 0.5
        prepared = prepare(cube, config, statistics)
        if prepared.flat and scene.split == "train":
            return (
                f"{scene.cube}: one spectrum for all pixels, nothing to learn from; take it out of "
                "splits/train.txt, or see whether its units are those of the other scenes"
            )
        write_scene(out, Scene(prepared, small))
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def _read(scene: SceneFiles, config: PrepareConfig) -> Cube:
    cube = replace(read_cube(scene.cube), name=scene.name)
    return match_bands(cube, config.bands, None)[0] if config.bands else cube


def training_statistics(train: Sequence[SceneFiles], config: PrepareConfig) -> Statistics:
    """Mean and standard deviation of each band over all valid pixels of the training scenes.

    Each scene's outliers are clipped first, as ``preparing`` clips them.

    Raises:
        ValueError: There is no training scene, or they differ in bands.
    """
    count, total, square = 0, np.zeros(0), np.zeros(0)
    for scene in track(train, "statistics"):
        cube = _read(scene, config)
        if not count:
            total, square = np.zeros(cube.bands), np.zeros(cube.bands)
        if cube.bands != total.size:
            raise ValueError(
                f"{scene.cube}: {cube.bands} bands, the scenes before it {total.size}; "
                "set prepare.bands to bring all to one number"
            )
        # Clipped as preparing clips, or one hot pixel of one scene would flatten all scenes.
        valid = cube.valid()
        inside = np.nonzero(valid)
        step = max(1, inside[0].size // SAMPLE)
        low, high = usual_limits(cube.data[inside[0][::step], inside[1][::step]])
        for row, good in zip(cube.data, valid, strict=True):  # in float64 a cube is large
            pixels = np.clip(row[good], low, high).astype(np.float64)
            count += len(pixels)
            total += pixels.sum(axis=0)
            square += np.square(pixels).sum(axis=0)
    if not count:
        raise ValueError("statistics of the data set need training scenes, and there are none")
    mean = total / count
    return Statistics(mean, np.sqrt(np.maximum(square / count - mean**2, 0)))


def _manifest(
    files: Sequence[SceneFiles], out: Path, config: PrepareConfig, statistics: Statistics | None
) -> Manifest:
    from safetensors import safe_open

    shapes: dict[int, str] = {}
    for scene in files:
        with safe_open(scene_path(out, scene.name), framework="np") as file:
            shapes.setdefault(file.get_slice("spectra").get_shape()[1], scene.name)
    if len(shapes) > 1:
        said = ", ".join(f"{name} has {bands}" for bands, name in shapes.items())
        raise ValueError(f"the cubes differ in bands ({said}); set prepare.bands to one number")
    wavelengths = None if config.bands else _common_wavelengths(files)
    return Manifest(
        prepare=to_table(config),
        bands=next(iter(shapes)),
        wavelengths_nm=wavelengths,
        mean=None if statistics is None else statistics.mean.tolist(),
        std=None if statistics is None else statistics.std.tolist(),
        splits={split: [s.name for s in files if s.split == split] for split in SPLITS},
    )


def _common_wavelengths(files: Sequence[SceneFiles]) -> list[float] | None:
    """The wavelengths all cubes share, or None."""
    from dmssn.readers import open_cube

    found = [open_cube(scene.cube).wavelengths_nm for scene in files]
    first = found[0]
    if first is None or any(w is None or not np.allclose(w, first, atol=0.01) for w in found):
        return None
    return [float(value) for value in first]
