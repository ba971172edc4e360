"""Generated scenes twice: as cubes, and as what a colour camera sees of them.

OUT/scenes/SET          as ``dmssn scenes`` writes them, with cubes as seeds
OUT/colour/SET/cubes    the same scenes in three bands, blue, green and red; masks beside them
OUT/lists/SET           which scenes are for what, of both

A set is ``train``, ``metamers`` (objects of the colour of what surrounds them) or ``any``.
"""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmssn.config import GenerateConfig
from dmssn.files import remove_partial, replacing
from dmssn.progress import track
from dmssn.readers import open_cube
from dmssn.rendering import COLOUR_NM, palette
from dmssn.scene_folders import SceneSettings, generate, split_names, write_scenes
from dmssn.scene_manifest import attributes_by_scene
from dmssn.workers import WorkerDied, over_all
from recipes.scene_metamers import rendering

TRAIN = "train"
TESTS = {"metamers": ("CS",), "any": ()}
"""Sets of test scenes, and what is asked of their scenes."""
SAME_COLOUR = "CS"
MORE = 1.6
"""Times as many scenes as wanted are drawn where nothing is asked: of them a third show no true
colour, and a few are metamers."""
ARMS = ("cube", "colour")


@dataclass(frozen=True)
class Places:
    """Where everything of an experiment is.

    Attributes:
        out: Its folder.
    """

    out: Path

    def scenes(self, kind: str) -> Path:
        """Cubes of a set, as they are generated."""
        return self.out / "scenes" / kind

    def of_arm(self, arm: str, kind: str) -> Path:
        """What one arm sees of a set."""
        return self.scenes(kind) if arm == "cube" else self.out / "colour" / kind

    def lists(self, kind: str) -> Path:
        """Which scenes of a set are for what."""
        return self.out / "lists" / kind

    def prepared(self, arm: str, kind: str) -> Path:
        """A set as the networks of an arm see it."""
        return self.out / "prepared" / f"{arm}-{kind}"


def draw_all(places: Places, config: GenerateConfig, tests: int, workers: int) -> None:
    """Generate all sets, list their scenes, and render them; what is there is kept.

    Args:
        places: Where to.
        config: Of the scenes to train on; test scenes have other seeds, the two that follow.
        tests: Scenes of each set of test scenes, at most.
        workers: Processes.

    Raises:
        ValueError: A folder holds other scenes, or one cannot be rendered.
    """
    for number, (kind, codes) in enumerate({TRAIN: (), **TESTS}.items()):
        if kind == TRAIN:
            generate(config, places.scenes(kind), workers)
        else:
            settings = SceneSettings(
                count=tests if codes else math.ceil(tests * MORE),
                height=config.size,
                width=config.size,
                bands=config.bands or None,
                seed=config.seed + number,
                attributes=codes,
                cubes="seeds",
                least_side=config.least_size or None,
                aerial=config.aerial,
            )
            write_scenes(settings, places.scenes(kind), workers)
        names = fitting(places.scenes(kind), without=SAME_COLOUR if kind == "any" else "")
        splits = split_names(names, config.seed) if kind == TRAIN else {"test": names[:tests]}
        write_lists(places.lists(kind), splits)
        listed = [name for some in splits.values() for name in some]
        render_all(places.scenes(kind), listed, places.of_arm("colour", kind), workers)


def fitting(folder: Path, without: str = "") -> list[str]:
    """Scenes whose camera sees true colour; others have no colour picture to compare with.

    Args:
        folder: Of generated scenes.
        without: Code of an attribute that they must not have; empty for none.

    Raises:
        ValueError: No scene is left.
    """
    found = []
    for name, codes in attributes_by_scene(folder).items():
        cube = open_cube(_cube(folder, name))  # nothing is drawn
        if without not in codes and palette(cube.shape[2], cube.wavelengths_nm).true:
            found.append(name)
    if not found:
        raise ValueError(f"{folder}: no scene in true colour; generate more with generate.count")
    return found


def write_lists(folder: Path, splits: dict[str, list[str]]) -> None:
    """Write ``SPLIT.txt`` of each split, a name a line."""
    for split, names in splits.items():
        with replacing(folder / f"{split}.txt") as path:
            path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def render_all(scenes: Path, names: Sequence[str], to: Path, workers: int) -> None:
    """Write scenes in three bands, and their masks; those that are there are kept.

    Bands are linear and not rounded: more than a picture file holds, so that colour is given all
    that it can have.

    Raises:
        ValueError: A scene cannot be rendered.
    """
    for part in ("cubes", "masks"):
        (to / part).mkdir(parents=True, exist_ok=True)
        remove_partial(to / part)
    todo = [name for name in names if not (to / "cubes" / f"{name}.npz").is_file()]
    done = over_all(_Render(scenes, to), todo, workers=workers)
    for name, said in track(done, f"colours of {scenes.name}", len(todo), "scenes"):
        if isinstance(said, WorkerDied):
            raise ValueError(f"{scenes / name}: {said}")


@dataclass(frozen=True)
class _Render:
    """Writes one scene, in any process."""

    scenes: Path
    to: Path

    def __call__(self, name: str) -> None:
        colours = rendering(open_cube(_cube(self.scenes, name)).to_cube())
        with replacing(self.to / "masks" / f"{name}.png") as path:
            shutil.copyfile(self.scenes / "masks" / f"{name}.png", path)
        with replacing(self.to / "cubes" / f"{name}.npz") as path:  # last: then both are there
            np.savez(path, cube=colours.data, wavelengths_nm=np.array(COLOUR_NM[::-1]))


def _cube(folder: Path, name: str) -> Path:
    """The file of a cube, or of what it is drawn from."""
    return next((folder / "cubes").glob(f"{name}.*"))
