"""Where the files of a copy lie: flat or parted by train and test, under any of the usual names."""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dmssn.datasets.data_set import DataSet, Split
from dmssn.masks import MASK_SUFFIXES
from dmssn.pictures import PICTURE_SUFFIXES

Files = dict[str, list[Path]]
"""Files by the name of their scene; more than one is one too many."""


@dataclass(frozen=True)
class Layout:
    """The files of a copy by kind and scene, and the split of scenes that lie parted.

    Attributes:
        cubes: Cube files, or folders of one-band pictures.
        masks: Masks.
        colours: Colour pictures.
        parted: Split of each scene whose cube or mask lies in a folder of that split.
        torn: Scenes whose cube and mask lie in folders of different splits.
    """

    cubes: Files
    masks: Files
    colours: Files
    parted: dict[str, Split]
    torn: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """Scenes that have a cube or a mask, in the order people count them."""
        return sorted({*self.cubes, *self.masks}, key=natural)

    @cached_property
    def spelling(self) -> dict[str, str]:
        """Scenes by their ``key``: the name as the copy spells it."""
        return {key(name): name for name in self.names}


def key(name: str) -> str:
    """What names of one scene share: lists and copies pad numbers with zeros as they like.

    Example:
        >>> key("0007"), key("7"), key("field_07")
        ('7', '7', 'field_07')
    """
    return str(int(name)) if name.isdecimal() else name


def natural(name: str) -> list[tuple[float, str]]:
    """A key that sorts 2 before 10, and numbers before words.

    Example:
        >>> sorted(["b10", "b2", "7", "0012"], key=natural)
        ['7', '0012', 'b2', 'b10']
    """
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (math.inf, part) for part in parts]


def find_layout(kind: DataSet, root: Path) -> Layout:
    """Find the files of a copy; none is opened.

    Raises:
        FileNotFoundError: There is no such folder, or none of cubes or none of masks in it.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; give the one that holds {kind.title}")
    parted: dict[str, Split] = {}
    torn: set[str] = set()
    spelled: dict[str, str] = {}
    found: dict[str, Files] = {}
    for what, names, suffixes in (
        ("cubes", kind.cube_folders, kind.cube_suffixes),
        ("masks", kind.mask_folders, MASK_SUFFIXES),
        ("colours", kind.colour_folders, PICTURE_SUFFIXES),
    ):
        folders = list(_folders(kind, root, names))
        if what != "colours" and not folders:
            under = "".join(f", {name}/{names[0]}/" for name in list(kind.subfolders)[:1])
            raise FileNotFoundError(
                f"{root}: no folder {names[0]}/ of {what}; {kind.title} has "
                f"{' or '.join(f'{name}/' for name in names)}{under}{_meant(kind, root)}"
            )
        files: Files = {}
        for folder, split in folders:
            for name, path in _named(folder, suffixes, kind.pictures and what == "cubes"):
                name = spelled.setdefault(key(name), name)
                files.setdefault(name, []).append(path)
                if split and what != "colours" and parted.setdefault(name, split) != split:
                    torn.add(name)
        found[what] = files
    return Layout(**found, parted=parted, torn=frozenset(torn))


def _meant(kind: DataSet, root: Path) -> str:
    """A hint where the folder is a level too high, or one too low."""
    for folder in (*subfolders(root).values(), root.absolute().parent):
        with suppress(PermissionError):
            if all(
                next(_folders(kind, folder, names), None)
                for names in (kind.cube_folders, kind.mask_folders)
            ):
                return f"; {folder} looks like it"
    return ""


def _folders(
    kind: DataSet, root: Path, names: tuple[str, ...]
) -> Iterator[tuple[Path, Split | None]]:
    """Folders of one kind of file, with the split they are for: NAME, NAME/train, train/NAME."""
    for name, folder in subfolders(root).items():
        if name in names:
            yield folder, None
            for sub, deeper in subfolders(folder).items():
                if sub in kind.subfolders:
                    yield deeper, kind.subfolders[sub]
        if name in kind.subfolders:
            for sub, deeper in subfolders(folder).items():
                if sub in names:
                    yield deeper, kind.subfolders[name]


def subfolders(folder: Path) -> dict[str, Path]:
    """Folders in a folder by their names in lower case.

    Raises:
        PermissionError: It may not be read.
    """
    try:
        return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    except PermissionError:
        raise PermissionError(f"{folder}: may not be read; change its permissions") from None


def _named(folder: Path, suffixes: tuple[str, ...], pictures: bool) -> Iterator[tuple[str, Path]]:
    """Files of the given kinds with their names; folders of one-band pictures where these count."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in suffixes:
            yield path.stem, path
        elif path.is_dir() and pictures:
            yield path.name, path
