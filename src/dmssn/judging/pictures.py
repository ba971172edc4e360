"""Small colour pictures of what is scored of the scenes; those that are there are kept.

FOLDER/colour/SCENE.png
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dmssn.cube_lists import failure
from dmssn.files import make_folder, remove_partial, replacing
from dmssn.judging.scenes import JudgedScene
from dmssn.progress import track
from dmssn.rendering import render
from dmssn.workers import over_all

MOST_SIDE = 320
"""Pixels of a picture's longer side, at most."""
MADE_FROM = "made_from"


def picture_file(folder: Path, scene: str) -> Path:
    """Where the picture of a scene is, or is to be."""
    return folder / "colour" / f"{scene}.png"


def make_pictures(scenes: Sequence[JudgedScene], folder: Path, workers: int) -> dict[str, str]:
    """Make the pictures that are not there yet.

    Args:
        scenes: Whose.
        folder: Of the benchmark.
        workers: Processes.

    Returns:
        Why a scene has none, a line that names it.

    Raises:
        OSError: The folder cannot be written to.
    """
    place = picture_file(folder, "").parent
    make_folder(place)
    remove_partial(place)
    job = _Job(folder)
    todo = [scene for scene in scenes if not job.is_done(scene)]
    done = over_all(job, todo, workers=workers)
    wrong = {}
    for scene, said in track(done, "colour pictures", len(todo), "scenes"):
        if said is not None:
            wrong[scene.name] = str(said)
    return wrong


@dataclass(frozen=True)
class _Job:
    """Makes one picture, in any process."""

    folder: Path

    def is_done(self, scene: JudgedScene) -> bool:
        try:
            with Image.open(picture_file(self.folder, scene.name)) as picture:
                return bool(picture.info.get(MADE_FROM) == _made_from(scene))
        except (OSError, ValueError):  # none, or none that can be read
            return False

    def __call__(self, scene: JudgedScene) -> str | None:
        try:
            picture = Image.fromarray(render(scene.open())[scene.window()])
            picture.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.BOX)
            said = PngInfo()
            said.add_text(MADE_FROM, _made_from(scene))
            with replacing(picture_file(self.folder, scene.name)) as partial:
                picture.save(partial, format="PNG", pnginfo=said)
        except (ValueError, OSError, MemoryError) as error:
            return str(failure(Path(scene.name), error)["error"])
        return None


def _made_from(scene: JudgedScene) -> str:
    return f"{scene.identity()} {scene.window()}"
