"""A folder of generated scenes: cubes, masks, colour pictures, splits and a manifest."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from dmssn.config import GenerateConfig
from dmssn.files import make_folder, replacing
from dmssn.progress import track
from dmssn.rendering import render
from dmssn.scenes.composing import Scene, generate_scene
from dmssn.scenes.spectra import spectra_of
from dmssn.store import write_json
from dmssn.workers import in_order

MANIFEST = "scenes.json"
FORMAT = 1
"""Counts up when the same settings give other scenes."""
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """What decides every byte of a folder of scenes."""

    count: int
    height: int
    width: int
    bands: int | None
    seed: int


def write_scenes(settings: SceneSettings, folder: Path, workers: int = 1) -> list[dict[str, Any]]:
    """Write a folder of scenes, keeping those an interrupted run with the same settings left.

    Args:
        settings: What to write.
        folder: Where; new, empty or begun with the same settings.
        workers: Processes that work at once; the files do not depend on it.

    Returns:
        Each scene's entry of the manifest.

    Raises:
        ValueError: The folder holds something else, or damaged scenes.
        OSError: The folder cannot be made or written to.
        ModuleNotFoundError: The extra ``scenes`` is not installed.
    """
    spectra_of("train")  # fails here, once, when the extra is not installed
    _claim(settings, folder)
    indices = range(settings.count)
    written = in_order(partial(_write_one, settings, folder), indices, workers)
    shown = track(indices, "generating scenes", each="scenes")
    entries = [entry for entry, _ in zip(written, shown, strict=True)]
    names = [entry["name"] for entry in entries]
    for split, members in split_names(names, settings.seed).items():
        with replacing(folder / "splits" / f"{split}.txt") as path:
            path.write_text("".join(f"{name}\n" for name in members), encoding="utf-8")
    write_json(folder / MANIFEST, _head(settings) | {"complete": True, "scenes": entries})
    return entries


def generate(config: GenerateConfig, folder: Path, workers: int = 1) -> list[dict[str, Any]]:
    """Write the scenes that a recipe has made up, as ``write_scenes`` does."""
    settings = SceneSettings(
        count=config.count,
        height=config.size,
        width=config.size,
        bands=config.bands or None,
        seed=config.seed,
    )
    return write_scenes(settings, folder, workers)


def split_names(names: list[str], seed: int) -> dict[str, list[str]]:
    """Names to ``train`` (80 %), ``val`` and ``test`` (10 % each), by chance, in their own order.

    Of three names or more each split gets one at least; fewer fill ``train``, then ``val``.
    """
    tenth = max(round(len(names) / 10), 1)
    order = np.random.default_rng([seed, 1]).permutation(len(names))
    bounds = [max(len(names) - 2 * tenth, 1), max(len(names) - tenth, 2)]
    parts = np.split(order, bounds)
    return {
        split: [names[i] for i in np.sort(part)] for split, part in zip(SPLITS, parts, strict=True)
    }


def _claim(settings: SceneSettings, folder: Path) -> None:
    """Make the folder ours: it is empty, or an earlier run with the same settings began it."""
    make_folder(folder)
    manifest = folder / MANIFEST
    if manifest.is_file():
        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{manifest} is not JSON; choose another folder") from None
        if not isinstance(found, dict) or {k: found.get(k) for k in _head(settings)} != _head(
            settings
        ):
            raise ValueError(
                f"{folder} holds scenes with other settings; choose another folder, or delete it"
            )
        return
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no {MANIFEST}; choose another folder")
    write_json(manifest, _head(settings) | {"complete": False})


def _head(settings: SceneSettings) -> dict[str, Any]:
    return {"format": FORMAT, "settings": asdict(settings)}


def _write_one(settings: SceneSettings, folder: Path, index: int) -> dict[str, Any]:
    """Write one scene's files unless they are there; returns its entry of the manifest."""
    name = f"scene_{index:05d}"
    cube_path = folder / "cubes" / f"{name}.h5"
    pictures = {kind: folder / kind / f"{name}.png" for kind in ("masks", "color")}
    if all(path.is_file() for path in (cube_path, *pictures.values())):
        return _entry_of(cube_path)
    seed = int(np.random.SeedSequence([settings.seed, index]).generate_state(1)[0])
    # One thread: the last bits of a matrix product depend on how many share it.
    with threadpool_limits(1):
        scene = generate_scene(
            seed, height=settings.height, width=settings.width, bands=settings.bands, name=name
        )
    entry = {"name": name, "seed": seed, "attributes": list(scene.attributes), **scene.facts}
    for kind, values in (
        ("masks", scene.mask.astype(np.uint8) * 255),
        ("color", render(scene.cube)),
    ):
        with replacing(pictures[kind]) as path:
            Image.fromarray(values).save(path)
    with replacing(cube_path) as path:
        _write_cube(scene, entry, path)
    return entry


def _entry_of(cube_path: Path) -> dict[str, Any]:
    """A scene's entry of the manifest, from the file of its cube."""
    try:
        with h5py.File(cube_path) as file:
            entry: dict[str, Any] = json.loads(file.attrs["scene"])
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{cube_path}: damaged ({error}); delete it, and it is written again"
        ) from None
    return entry


def _write_cube(scene: Scene, entry: dict[str, Any], path: Path) -> None:
    data, wavelengths_nm = scene.cube.data, scene.cube.wavelengths_nm
    kind = np.uint16 if scene.facts["numbers"] == "counts" else np.float32
    # In memory first: on a full disk h5py would end the process instead of raising.
    with h5py.File(path, "w", driver="core", backing_store=False) as file:
        rows = max(1, 2**20 // (data.shape[1] * data.shape[2] * np.dtype(kind).itemsize))
        chunks = (min(rows, data.shape[0]), *data.shape[1:])
        file.create_dataset("dataset", data=data.astype(kind), chunks=chunks, compression="lzf")
        file.create_dataset("wavelengths_nm", data=wavelengths_nm)
        file.attrs["scene"] = json.dumps(entry)
        file.flush()
        path.write_bytes(file.id.get_file_image())
