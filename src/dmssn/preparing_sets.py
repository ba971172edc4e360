"""Preparing a whole set of scenes: several processes, resumable, statistics of train only."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from dmssn.config import PrepareConfig, to_table
from dmssn.cube import Cube, RowSource
from dmssn.datasets.folder import SPLITS, SceneFiles, scenes
from dmssn.masks import read_mask
from dmssn.preparing import SAMPLE, Statistics, homogenize, match_bands, usual_limits
from dmssn.progress import track
from dmssn.readers import open_cube
from dmssn.resample import resample_bands, resize
from dmssn.store import Manifest, Scene, scene_path, write_json, write_manifest, write_scene
from dmssn.surveying import survey
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
        cube, bands = _open(scene, config)
        mask, (height, width, _) = read_mask(scene.mask), cube.shape
        if mask.shape != (height, width):
            found = f"{mask.shape[0]} x {mask.shape[1]}"
            return f"{scene.mask}: {found}, its cube is {height} x {width}"
        small = resize(mask.astype(np.float32), config.size, config.size) >= 0.5
        prepared = homogenize(survey(cube, config.size, bands), config, statistics)
        prepared = replace(prepared, name=scene.name)  # a folder's link may be called otherwise
        if prepared.flat and scene.split == "train":
            return (
                f"{scene.cube}: one spectrum for all pixels, nothing to learn from; take it out of "
                "splits/train.txt, or see whether its units are those of the other scenes"
            )
        write_scene(out, Scene(prepared, small))
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def _open(scene: SceneFiles, config: PrepareConfig) -> tuple[RowSource, csr_array | None]:
    """A scene's cube, and the weights to the bands the settings ask for, if they do."""
    cube = open_cube(scene.cube)
    return cube, match_bands(cube, config.bands, None)[0] if config.bands else None


def training_statistics(train: Sequence[SceneFiles], config: PrepareConfig) -> Statistics:
    """Mean and standard deviation of each band over all valid pixels of the training scenes.

    Each scene's outliers are clipped first, as ``preparing`` clips them.

    Raises:
        ValueError: There is no training scene, or they differ in bands, or one has no valid pixel.
    """
    count, total, square = 0, np.zeros(0), np.zeros(0)
    for scene in track(train, "statistics"):
        cube, weights = _open(scene, config)
        bands = cube.shape[2] if weights is None else weights.shape[0]
        if not count:
            total, square = np.zeros(bands), np.zeros(bands)
        if bands != total.size:
            raise ValueError(
                f"{scene.cube}: {bands} bands, the scenes before it {total.size}; "
                "set prepare.bands to bring all to one number"
            )
        # Clipped as preparing clips, or one hot pixel of one scene would flatten all scenes. The
        # limits are known only after a first pass over the rows.
        low, high = usual_limits(_sample(cube, weights))
        for pixels in _valid_rows(cube, weights):
            clipped = np.clip(pixels, low, high).astype(np.float64)
            count += len(clipped)
            total += clipped.sum(axis=0)
            square += np.square(clipped, out=clipped).sum(axis=0)
    if not count:
        raise ValueError("statistics of the data set need training scenes, and there are none")
    mean = total / count
    return Statistics(mean, np.sqrt(np.maximum(square / count - mean**2, 0)))


def _sample(cube: RowSource, weights: csr_array | None) -> NDArray[np.float32]:
    """Valid pixels spread evenly over a cube: all, or between one and two times ``SAMPLE``."""
    seen, kept, step = 0, 0, 1
    parts: list[NDArray[np.float32]] = []
    for pixels in _valid_rows(cube, weights):
        parts.append(pixels[-seen % step :: step].copy())
        seen, kept = seen + len(pixels), kept + len(parts[-1])
        if kept > 2 * SAMPLE:  # how many there will be is not known yet: every other one goes
            parts, step = [np.concatenate(parts)[::2].copy()], 2 * step
            kept = len(parts[0])
    return np.concatenate(parts)


def _valid_rows(cube: RowSource, weights: csr_array | None) -> Iterator[NDArray[np.float32]]:
    """The valid pixels of each row at the wanted bands, shape (P, m)."""
    seen, filled = False, np.zeros(cube.shape[2], dtype=np.bool_)
    for rows in cube.row_blocks():
        block = cube.read(rows)
        valid = Cube(block).valid()
        seen = seen or bool(valid.any())
        if not seen:
            filled |= np.isfinite(block).any(axis=(0, 1))
        matched = block if weights is None else resample_bands(block, weights)
        yield from (row[good] for row, good in zip(matched, valid, strict=True))
        del block, matched  # before the next is read
    if not seen:
        raise cube.without_valid_pixel(filled)


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
    found = [open_cube(scene.cube).wavelengths_nm for scene in files]
    first = found[0]
    if first is None or any(w is None or not np.allclose(w, first, atol=0.01) for w in found):
        return None
    return [float(value) for value in first]
