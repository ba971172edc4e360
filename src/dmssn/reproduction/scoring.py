"""A detector on the locked test split of its own set: maps at the cubes' own size, and scores."""

from functools import partial
from pathlib import Path
from typing import Any

from dmssn import checkpoint
from dmssn.config import DataConfig, Orientation, Recipe
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.data_set import SceneFiles
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.opening import open_scene
from dmssn.datasets.splits import Choice, published
from dmssn.detector import BEST
from dmssn.evaluation import evaluate
from dmssn.labour import Labour
from dmssn.origins import made_up
from dmssn.predicting import predict_all
from dmssn.readers.cube_file import CubeFile
from dmssn.readers.stored import cube_name
from dmssn.reproduction.comparing import Scored
from dmssn.store import PreparedSet
from dmssn.wording import counted

DETECTOR, MAPS = "detector", "maps"
LISTED = 5
"""A message holds the errors of at most this many scenes."""


def predict_test_scenes(recipe: Recipe, folder: Path, *, device: str, workers: int) -> int:
    """Predict the test scenes that have no map yet.

    Args:
        recipe: Its set is prepared.
        folder: Holds the run ``detector``, and gets ``maps``.
        device: As ``load_detector`` takes it.
        workers: Processes.

    Returns:
        How many maps were made.

    Raises:
        ValueError: A scene is gone, or cannot be predicted.
        OSError: The maps cannot be written.
    """
    data, maps = recipe.data, folder / MAPS
    todo = [scene for scene in _test_scenes(data) if not _is_predicted(maps, scene)]
    if not todo:
        return 0
    orientation = PreparedSet(data.prepared).manifest.source["orientation"]
    results = predict_all(
        [scene.cube for scene in todo],
        maps,
        open_cube=partial(_open, data.set, orientation),
        detector=str(folder / DETECTOR),
        device=device,
        settings={"set": data.set, "orientation": orientation},
        labour=Labour(workers=workers),
    )
    wrong = [str(result["error"]) for result in results if "error" in result]
    if wrong:
        raise ValueError(
            f"{len(wrong)} of {counted(len(todo), 'test scene')} could not be predicted; mend what "
            f"is wrong and run it again: {'; '.join(wrong[:LISTED])}"
        )
    return len(todo)


def score_test_scenes(recipe: Recipe, folder: Path) -> Scored:
    """Score the maps of the test scenes.

    Args:
        recipe: Its set is prepared.
        folder: Holds the run ``detector``, and ``maps`` of all test scenes.

    Raises:
        ValueError: A map or mask cannot be read, or they differ in size.
    """
    data, manifest = recipe.data, PreparedSet(recipe.data.prepared).manifest
    scenes, generated = _test_scenes(data), bool(recipe.generate.count)
    header, tensors = checkpoint.load(folder / DETECTOR / BEST, "detector")
    maps = [_map(folder / MAPS, scene) for scene in scenes]
    masks = [scene.mask for scene in scenes]
    return Scored(
        evaluation=evaluate(maps, masks, ignore="set" if data_set(data.set).ignores else None),
        set="generated" if generated else data.set,
        title="generated scenes" if generated else data_set(data.set).title,
        split=manifest.source["split"],
        published=_published_scenes(manifest.source),
        left_out=manifest.left_out,
        made_up=made_up(data.scenes),
        parameters=sum(tensor.numel() for tensor in tensors.values()),
        epoch=header.metrics.get("epoch"),
    )


def _published_scenes(source: dict[str, Any]) -> int | None:
    """Test scenes of the split a set was prepared by; None where it is not a published one."""
    kind, choice = data_set(source["set"]), source["choice"]
    name = choice["split"] or next(iter(kind.splits), "")
    if choice["fold"] or name not in kind.splits:
        return None
    return len(published(kind, name, "test"))


def _test_scenes(data: DataConfig) -> list[SceneFiles]:
    """The scenes of the test split that could be prepared; nothing was trained on them."""
    names = set(PreparedSet(data.prepared).manifest.splits["test"])
    choice = Choice(data.split, data.fold, data.val, data.seed)
    found = find_scenes(data_set(data.set), data.scenes, choice)
    scenes = [scene for scene in found.scenes if scene.split == "test" and scene.name in names]
    if gone := sorted(names - {scene.name for scene in scenes}):
        raise ValueError(
            f"{data.scenes}: of the test scenes {len(gone)} are not there any more, such as "
            f"{gone[0]}; restore them"
        )
    if not scenes:
        raise ValueError(f"{data.prepared}: no scene of the test split could be prepared")
    return scenes


def _map(maps: Path, scene: SceneFiles, kind: str = "saliency") -> Path:
    return maps / f"{cube_name(scene.cube)}.{kind}.png"


def _is_predicted(maps: Path, scene: SceneFiles) -> bool:
    return all(_map(maps, scene, kind).is_file() for kind in ("saliency", "overlay"))


def _open(name: str, orientation: Orientation, path: Path) -> CubeFile:
    return open_scene(data_set(name), path, orientation)
