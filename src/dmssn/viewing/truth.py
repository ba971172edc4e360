"""The mask of a scene and the saliency maps of it that lie in files, found by their names.

Letters: H rows, W columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.datasets.data_set import MASK_FOLDERS
from dmssn.masks import MASK_SUFFIXES, VARIABLE_SUFFIXES, read_label
from dmssn.pictures import PICTURE_SUFFIXES
from dmssn.readers.stored import cube_name
from dmssn.viewing.places import check_hdf5, stays

NOT_KNOWN, SALIENT = 128, 255
"""In a mask as it is shown, beside 0."""
MAP_ENDINGS = (".saliency.npy", ".saliency.tif", ".saliency.png")
"""Behind a cube's name, of a map that ``dmssn predict`` wrote beside it; the first counts."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is salient in a scene.

    Attributes:
        mask: Bool of shape (H, W).
        counted: Likewise, False where the truth is not known; None when it is everywhere.
        origin: Where it is from, for people.
    """

    mask: NDArray[np.bool_]
    counted: NDArray[np.bool_] | None
    origin: str

    def levels(self) -> NDArray[np.uint8]:
        """As it is shown: 255 where salient, 128 where not known, else 0; shape (H, W)."""
        levels = np.where(self.mask, SALIENT, 0).astype(np.uint8)
        if self.counted is not None:
            levels[~self.counted] = NOT_KNOWN
        return levels


@dataclass(frozen=True)
class Named:
    """Masks and maps that were named at the start, beside those that are found.

    Attributes:
        masks: Files by the name of their cube.
        mask_key: Variable of files of several that is the mask.
        maps: Saliency maps by the name of their cube.
    """

    masks: Mapping[str, Path] = field(default_factory=dict)
    mask_key: str | None = None
    maps: Mapping[str, Path] = field(default_factory=dict)


def find_truth(
    cube: Path, shape: tuple[int, int], root: Path, named: Named
) -> tuple[Truth | None, str]:
    """The mask of a cube: the one that was named, or lies where masks usually do.

    Args:
        cube: The cube's file or folder.
        shape: Its (H, W).
        root: Nothing outside this folder is opened, unless it was named.
        named: What was named.

    Returns:
        The mask, None where there is none, or none that fits; and what is wrong with it, or
        nothing.
    """
    name = cube_name(cube)
    if name in named.masks:
        return _read(named.masks[name], shape, named.mask_key)
    for path in _usual(cube, name):
        if path.is_file() and stays(path, root):
            return _read(path, shape, named.mask_key, root)
    if cube.is_file() and cube.suffix.lower() in VARIABLE_SUFFIXES:
        truth, wrong = _read(cube, shape, named.mask_key, root)
        # Any variable of rows and columns is taken: it is a mask if it parts the scene in two.
        if truth is not None and not truth.mask.all() and truth.mask.any():
            return truth, ""
        return None, wrong if named.mask_key else ""
    return None, ""


def find_maps(cube: Path, root: Path, named: Named) -> dict[str, Path]:
    """Saliency maps of a cube in files, by what they are called."""
    name = cube_name(cube)
    found = {}
    if name in named.maps:
        found[named.maps[name].name] = named.maps[name]
    beside = (cube.parent / f"{name}{ending}" for ending in MAP_ENDINGS)
    own = next((path for path in beside if path.is_file() and stays(path, root)), None)
    if own is not None:
        found.setdefault(own.name, own)
    return found


def _usual(cube: Path, name: str) -> list[Path]:
    """Where the mask of a cube may lie."""
    beside = [cube.parent / f"{name}{mark}{end}" for mark in (".mask", "_mask") for end in _ENDS]
    parents = (cube.parent, cube.parent.parent)
    folders = [parent / folder for parent in parents for folder in MASK_FOLDERS]
    apart = [folder / f"{name}{end}" for folder in folders for end in (*_ENDS, *VARIABLE_SUFFIXES)]
    return [*beside, *apart]


_ENDS = tuple(end for end in MASK_SUFFIXES if end in PICTURE_SUFFIXES)


def _read(
    path: Path, shape: tuple[int, int], key: str | None, root: Path | None = None
) -> tuple[Truth | None, str]:
    try:
        if root is not None:
            check_hdf5(path, root)
        picture = path.suffix.lower() not in VARIABLE_SUFFIXES
        mask, counted = read_label(path, None if picture else key)
    except (ValueError, OSError) as error:
        return None, " ".join(str(error).split())
    if mask.shape != shape:
        sizes = [" x ".join(map(str, size)) for size in (mask.shape, shape)]
        return None, f"{path}: the mask is {sizes[0]}, its cube {sizes[1]}"
    return Truth(mask, counted, path.name), ""
