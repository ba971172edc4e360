"""A folder of generated scenes: cubes, masks, colour pictures, splits and a manifest.

FOLDER/scenes.json            settings, and of each scene what was drawn and measured
FOLDER/cubes/NAME.h5, .scene  the cube, or what it is drawn from when it is read
FOLDER/masks/NAME.png         255 where salient, else 0
FOLDER/color/NAME.png         the cube as a person would see it
FOLDER/splits/SPLIT.txt       names, one a line
"""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmssn.config import GenerateConfig
from dmssn.files import LOCK, locked, make_folder, remove_partial, replacing
from dmssn.progress import track
from dmssn.rendering import render
from dmssn.scene_manifest import MANIFEST
from dmssn.scenes import Scene
from dmssn.scenes.attributes import ATTRIBUTES
from dmssn.scenes.backgrounds import AERIAL
from dmssn.scenes.benchmark import SCENES, SIDE, benchmark_request, benchmark_scene
from dmssn.scenes.kept import FORMAT, KeptScene, SceneRequest, stored_type
from dmssn.scenes.spectra import Stream, spectra_of
from dmssn.store import read_begun, write_json
from dmssn.workers import in_order

SPLITS = ("train", "val", "test")
GLARE_RANGE = 0.05
"""Least glare of a scene that has any, over the largest: as many scenes of each octave."""


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """What decides every byte of a folder of scenes.

    Attributes:
        count: Number of scenes.
        height: Rows of each.
        width: Columns of each.
        bands: Bands of every scene; None gives each its own number.
        seed: Another one gives other scenes.
        attributes: Codes asked of every scene.
        stream: Scenes to train on, or a benchmark, whose other settings are fixed.
        cubes: Whether cubes are written, or what they are drawn from.
        least_side: Height and width of each scene are its own, from this to ``height`` and
            ``width``, as many of each octave; None makes all scenes of one size.
        aerial: Share of the scenes that are seen from the air, beside those that chance makes so.
        glare: Largest share of the light that strays in the camera; half of the scenes have some.
    """

    count: int
    height: int
    width: int
    bands: int | None = None
    seed: int = 0
    attributes: tuple[str, ...] = ()
    stream: Stream = "train"
    cubes: Literal["files", "seeds"] = "files"
    least_side: int | None = None
    aerial: float = 0.0
    glare: float = 0.0

    def request(self, index: int) -> SceneRequest:
        """What a scene of the folder is drawn from."""
        if self.stream != "train":
            return benchmark_request(self.stream, index)
        # The 1 tells it from the scene's own seed; a 0 would not.
        words = np.random.SeedSequence([self.seed, index, 1]).generate_state(5, np.uint64) / 2**64
        height, width = self._sides(words[:2])
        aerial = float(words[2]) < self.aerial
        strays = self.glare * GLARE_RANGE ** (2 * float(words[4])) if words[4] < 0.5 else 0.0
        return SceneRequest(
            seed=scene_seed(self.seed, index),
            height=height,
            width=width,
            bands=self.bands,
            attributes=self.attributes,
            background=AERIAL[int(words[3] * len(AERIAL))] if aerial else None,
            glare=round(strays, 5),
        )

    def _sides(self, drawn: NDArray[np.float64]) -> tuple[int, int]:
        """Height and width of a scene, from two numbers of [0, 1)."""
        if (least := self.least_side) is None:
            return self.height, self.width
        height, width = (
            round(least * (most / least) ** float(share))
            for most, share in zip((self.height, self.width), drawn, strict=True)
        )
        return height, width

    def draw(self, index: int, name: str) -> Scene:
        """Make a scene of the folder; one of a benchmark is compared with the one it should be.

        Raises:
            ValueError: It cannot be drawn, or is not the benchmark's.
        """
        if self.stream != "train":
            return benchmark_scene(self.stream, index)
        return self.request(index).draw(name)


def scene_seed(seed: int, index: int) -> int:
    """Seed of one of a folder's scenes, 0 to 2**64 - 1: of 2**32 some would soon coincide.

    Args:
        seed: The folder's, below 2**32: of ``SeedSequence`` each number is one word, or else
            another seed and index could be the same words.
        index: The scene's, likewise.
    """
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])


def benchmark_settings(version: Stream, cubes: Literal["files", "seeds"]) -> SceneSettings:
    """The settings of a benchmark's folder."""
    return SceneSettings(count=SCENES, height=SIDE, width=SIDE, stream=version, cubes=cubes)


def write_scenes(settings: SceneSettings, folder: Path, workers: int = 1) -> list[dict[str, Any]]:
    """Write a folder of scenes, keeping those an interrupted run with the same settings left.

    Args:
        settings: What to write.
        folder: Where; new, empty or begun with the same settings.
        workers: Processes that work at once; the files do not depend on it.

    Returns:
        Each scene's entry of the manifest.

    Raises:
        ValueError: The folder holds something else, or damaged scenes; or a scene cannot be drawn,
            or is not the benchmark's.
        OSError: The folder cannot be made or written to, or another run is at work in it.
        ModuleNotFoundError: The extra ``scenes`` is not installed.
    """
    spectra_of(settings.stream)  # fails here, once, when the extra is not installed
    _claim(settings, folder)
    with locked(folder):
        for part in (folder, *(folder / name for name in ("cubes", "masks", "color", "splits"))):
            remove_partial(part)
        indices = range(settings.count)
        written = in_order(partial(_write_one, settings, folder), indices, workers)
        shown = track(indices, "generating scenes", each="scenes")
        entries = [entry for entry, _ in zip(written, shown, strict=True)]
        names = [entry["name"] for entry in entries]
        train = settings.stream == "train"
        splits = split_names(names, settings.seed) if train else {"test": names}
        for split, members in splits.items():
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
        cubes=config.cubes,
        least_side=config.least_size or None,
        aerial=config.aerial,
        glare=config.glare,
    )
    return write_scenes(settings, folder, workers)


def split_names(names: list[str], seed: int) -> dict[str, list[str]]:
    """Names to ``train`` (80 %), ``val`` and ``test`` (10 % each), by chance, in their own order.

    Of three names or more each split gets one at least; fewer fill ``train``, then ``val``.
    """
    tenth = max(round(len(names) / 10), 1)
    # Raw bits stay the same from one NumPy to the next.
    order = np.argsort(np.random.SFC64([seed, 1]).random_raw(len(names)), kind="stable")
    bounds = [max(len(names) - 2 * tenth, 1), max(len(names) - tenth, 2)]
    parts = np.split(order, bounds)
    return {
        split: [names[i] for i in np.sort(part)] for split, part in zip(SPLITS, parts, strict=True)
    }


def _claim(settings: SceneSettings, folder: Path) -> None:
    """Make the folder ours: it is empty, or an earlier run with the same settings began it."""
    make_folder(folder)
    manifest = folder / MANIFEST
    told = read_begun(manifest)
    if told is not None:
        if {key: told.get(key) for key in _head(settings)} == _head(settings):
            return
        files = {path for path in folder.rglob("*") if path.is_file()}
        if told.get("complete") is not False or files - {folder / LOCK} != {manifest}:
            raise ValueError(
                f"{folder} holds scenes with other settings; choose another folder, or delete it"
            )
        # Nothing was written, perhaps for a setting that cannot be met: others may take it over.
    elif any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no {MANIFEST}; choose another folder")
    write_json(manifest, _head(settings) | {"complete": False})


def _head(settings: SceneSettings) -> dict[str, Any]:
    told = asdict(settings) | {"attributes": list(settings.attributes)}  # as JSON has it
    for name, usual in (("least_side", None), ("aerial", 0.0), ("glare", 0.0)):
        if told[name] == usual:  # as folders have told it that knew no such setting
            del told[name]
    return {"format": FORMAT, "settings": told}


def _write_one(settings: SceneSettings, folder: Path, index: int) -> dict[str, Any]:
    """Write one scene's files unless they are there; returns its entry of the manifest."""
    name = f"scene_{index:05d}"
    as_file = settings.cubes == "files"
    cube_path = folder / "cubes" / f"{name}{'.h5' if as_file else '.scene'}"
    pictures = {kind: folder / kind / f"{name}.png" for kind in ("masks", "color")}
    request = settings.request(index)
    if all(path.is_file() for path in (cube_path, *pictures.values())):
        return _entry_of(cube_path, request.seed)
    scene = settings.draw(index, name)
    entry = {
        "name": name,
        "seed": request.seed,
        "attributes": list(scene.attributes),
        **scene.facts,
    }
    for kind, values in (
        ("masks", scene.mask.astype(np.uint8) * 255),
        ("color", render(scene.cube)),
    ):
        with replacing(pictures[kind]) as path:
            Image.fromarray(values).save(path, compress_level=1)  # + 10 %, in a fourth of the time
    with replacing(cube_path) as path:
        if as_file:
            _write_cube(scene, entry, path)
        else:
            path.write_text(KeptScene.of(scene, request, entry).to_json(), encoding="utf-8")
    return entry


def _entry_of(cube_path: Path, seed: int) -> dict[str, Any]:
    """A scene's entry of the manifest, from the file of its cube."""
    try:
        if cube_path.suffix == ".scene":
            entry = KeptScene.from_json(cube_path.read_bytes()).about
        else:
            with h5py.File(cube_path) as file:
                entry = json.loads(file.attrs["scene"])
        if (entry["name"], entry["seed"]) != (cube_path.stem, seed):
            raise ValueError("of another scene")
        codes = set(entry["attributes"])
        if not 0 < entry["salient_fraction"] <= 1 or not codes <= set(ATTRIBUTES):
            raise ValueError("not what is told of a scene")
    except (OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{cube_path}: damaged ({error}); delete it, and it is written again"
        ) from None
    return dict(entry)


def _write_cube(scene: Scene, entry: dict[str, Any], path: Path) -> None:
    data = scene.cube.data.astype(stored_type(scene))
    # In memory first: on a full disk h5py would end the process instead of raising.
    with h5py.File(path, "w", driver="core", backing_store=False) as file:
        # Not compressed: noise hardly is, and takes seven times as long to write, thrice to read.
        file.create_dataset("dataset", data=data)
        file.create_dataset("wavelengths_nm", data=scene.cube.wavelengths_nm)
        file.attrs["scene"] = json.dumps(entry)
        file.flush()
        path.write_bytes(file.id.get_file_image())
