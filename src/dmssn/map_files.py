"""Which saliency map goes with which mask: files by their names, and arrays."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.masks import MASK_SUFFIXES, VARIABLE_SUFFIXES
from dmssn.pictures import PICTURE_SUFFIXES

MAP_SUFFIXES = (*PICTURE_SUFFIXES, ".npy")
OWN_MARK = ".saliency"
"""Between the name and the suffix of the maps that ``dmssn predict`` writes."""
EVER_MORE_EXACT = (".png", ".tif", ".npy")
"""Where a folder holds several files of one such map, the last of these counts."""
LONE = ""
"""Stands for the name of an array that is given without one."""
UNNAMED = "map"
"""What a map and a mask are called that both have no name."""

FileOrFolder = str | os.PathLike[str]
Several = FileOrFolder | Sequence[FileOrFolder]
FileOrArray = Path | NDArray[Any]
Given = (
    FileOrFolder
    | Sequence[FileOrFolder]
    | NDArray[Any]
    | Mapping[str, FileOrFolder]
    | Mapping[str, NDArray[Any]]
)
"""Maps or masks as ``evaluate`` takes them."""


def given(
    what: Given, find: Callable[[Sequence[Path]], Mapping[str, Path]]
) -> Mapping[str, FileOrArray]:
    """Maps or masks by the name of their scene, however they are given.

    Args:
        what: Files and folders, names and what they stand for, or one array, which is ``LONE``.
        find: Finds those in files and folders.
    """
    if isinstance(what, Mapping):
        if not what:
            raise ValueError("no map, or no mask, is given")
        return {
            str(name): Path(one) if isinstance(one, (str, os.PathLike)) else np.asarray(one)
            for name, one in what.items()
        }
    if isinstance(what, np.ndarray) or hasattr(what, "__array__"):
        return {LONE: np.asarray(what)}
    return find(listed(what))


def listed(paths: Several) -> list[Path]:
    """One path, or several, as a list."""
    if isinstance(paths, (str, os.PathLike)):
        return [Path(paths)]
    if not all(isinstance(path, (str, os.PathLike)) for path in paths):
        raise ValueError("several arrays go by their names, as in {'a': ..., 'b': ...}")
    return [Path(path) for path in paths]


def pair_lone(
    first: Mapping[str, FileOrArray], masks: Mapping[str, FileOrArray]
) -> tuple[Mapping[str, FileOrArray], Mapping[str, FileOrArray]]:
    """Give an array without a name that of the one it goes with."""
    if len(first) != 1 or len(masks) != 1 or (LONE not in first and LONE not in masks):
        return first, masks
    names = {*first, *masks} - {LONE}
    name = next(iter(names), UNNAMED)
    return {name: next(iter(first.values()))}, {name: next(iter(masks.values()))}


def find_maps(paths: Sequence[Path]) -> dict[str, Path]:
    """Saliency maps by the name of their scene.

    Args:
        paths: As ``evaluate`` takes them.

    Raises:
        FileNotFoundError: A path is not there.
        ValueError: There is no map, or a scene has two.
    """
    named: list[tuple[str, Path]] = []
    for path in paths:
        files = _files(path, MAP_SUFFIXES)
        marked = [file for file in files if file.stem.endswith(OWN_MARK)]
        one_each = {file.stem: file for file in sorted(marked, key=_exactness)}
        named += [(file.stem.removesuffix(OWN_MARK), file) for file in one_each.values() or files]
    return _once("saliency map", named, paths, MAP_SUFFIXES)


def _exactness(file: Path) -> int:
    suffix = file.suffix.lower()
    return EVER_MORE_EXACT.index(suffix) if suffix in EVER_MORE_EXACT else -1


def find_masks(paths: Sequence[Path], *, variables: bool = False) -> dict[str, Path]:
    """Masks by the name of their scene; errors as of ``find_maps``.

    Args:
        paths: As ``evaluate`` takes them.
        variables: Whether only files of named variables count.
    """
    suffixes = VARIABLE_SUFFIXES if variables else MASK_SUFFIXES
    named = [(file.stem, file) for path in paths for file in _files(path, suffixes)]
    return _once("mask", named, paths, suffixes)


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The file itself, or those of the folder that have such a suffix."""
    if path.is_dir():
        return [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in suffixes and not file.name.startswith(".")
        ]
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{path}: expected a file ending in {', '.join(suffixes)}")
    return [path]


def _once(
    what: str, named: list[tuple[str, Path]], paths: Sequence[Path], suffixes: tuple[str, ...]
) -> dict[str, Path]:
    """Files by name, or an error if there are none or a name has two."""
    found: dict[str, Path] = {}
    for name, file in named:
        if found.setdefault(name, file) != file:
            raise ValueError(f"two files for the {what} of {name}: {found[name]} and {file}")
    if not found:
        where = ", ".join(map(str, paths))
        raise ValueError(f"no {what} in {where}; looked for files ending in {', '.join(suffixes)}")
    return found


def match_names(
    first: Mapping[str, FileOrArray],
    masks: Mapping[str, FileOrArray],
    what: str = "saliency map",
    *,
    same_file: bool = False,
) -> None:
    """Refuse names that are only on one side, all of them at once, and masks taken for maps.

    Args:
        first: What is to have masks, by the name of its scene.
        masks: Masks likewise.
        what: What the first are.
        same_file: Whether one file may hold both.

    Raises:
        ValueError: There are such names.
    """
    short = what.split()[-1]
    parts = [
        f"no {kind} for {', '.join(sorted(names))}"
        for kind, names in (
            (what, masks.keys() - first.keys()),
            ("mask", first.keys() - masks.keys()),
        )
        if names
    ]
    if parts:
        raise ValueError(
            f"each {short} needs a mask of its name, and each mask a {short}: {'; '.join(parts)}"
        )
    for name, path in first.items():
        mask = masks[name]
        if same_file or not (isinstance(path, Path) and isinstance(mask, Path)):
            continue
        if path.samefile(mask):
            raise ValueError(f"{path} is taken for the {short} and for the mask of {name}")
