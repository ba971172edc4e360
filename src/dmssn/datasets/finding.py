"""The scenes of a copy, each with its files and split, and every name that does not fit."""

from dataclasses import dataclass
from pathlib import Path

from dmssn.datasets.data_set import SPLITS, DataSet, SceneFiles, Split
from dmssn.datasets.layout import Files, Layout, find_layout
from dmssn.datasets.splits import Choice, choose

TWICE = "in two lists, or twice in one"
TORN = "its cube and its mask lie in folders of different splits"


@dataclass(frozen=True)
class Found:
    """What a copy of a data set holds.

    Attributes:
        kind: The data set.
        scenes: Those of all splits that have a cube and a mask, in the order of the lists.
        wrong: Scene to what is wrong with its files; such scenes are not among ``scenes``.
        unlisted: Scenes of the copy that are in no split.
        said: Whose split it is, a sentence.
        listed: Split of every scene in the lists, there or not.
        choice: How the split was chosen.
    """

    kind: DataSet
    scenes: list[SceneFiles]
    wrong: dict[str, str]
    unlisted: list[str]
    said: str
    listed: dict[str, Split]
    choice: Choice

    def names(self, split: Split) -> list[str]:
        """Complete scenes of a split."""
        return [scene.name for scene in self.scenes if scene.split == split]


def find_scenes(kind: DataSet, root: Path, choice: Choice | None = None) -> Found:
    """Find the scenes of a copy and split them; no cube is opened.

    Args:
        kind: The data set.
        root: Folder of the copy.
        choice: How to split; the set's default when left out.

    Raises:
        FileNotFoundError: The layout, or a list, is not there.
        SettingError: There is no such split.
        ValueError: No scene is left.
    """
    found = sort_out(kind, root, find_layout(kind, root), choice or Choice())
    if not found.scenes:
        few = "; ".join(f"{name}: {said}" for name, said in list(found.wrong.items())[:3])
        raise ValueError(f"{root}: no scene with cube and mask ({few or 'no list names any'})")
    return found


def sort_out(kind: DataSet, root: Path, layout: Layout, choice: Choice) -> Found:
    """Split the scenes of a layout; there may be none.

    Raises:
        FileNotFoundError: A list is missing.
        SettingError: There is no such split.
    """
    chosen = choose(kind, root, layout, choice)
    wrong = {name: TWICE for name in chosen.twice}
    wrong |= {name: TORN for name in layout.torn if name in chosen.splits}
    scenes = []
    for split in SPLITS:
        for name in (name for name, its in chosen.splits.items() if its == split):
            if said := _trouble(layout, name):
                wrong[name] = said
            elif name not in wrong:
                colours = layout.colours.get(name)
                scenes.append(
                    SceneFiles(
                        name,
                        layout.cubes[name][0],
                        layout.masks[name][0],
                        split,
                        colours[0] if colours else None,
                    )
                )
    unlisted = [name for name in layout.names if name not in chosen.splits]
    return Found(kind, scenes, wrong, unlisted, chosen.said, chosen.splits, choice)


def _trouble(layout: Layout, name: str) -> str:
    """What is wrong with the files of a name, or nothing."""
    return _count(layout.cubes, name, "cube") or _count(layout.masks, name, "mask")


def _count(files: Files, name: str, what: str) -> str:
    paths = files.get(name, [])
    if not paths:
        return f"without a {what}"
    if len(paths) > 1:
        return f"with {len(paths)} {what}s: {', '.join(path.name for path in paths)}"
    return ""
