"""What is known about a data set: where its files lie, what they promise, how it is split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dmssn.config import Orientation
from dmssn.readers.formats import CUBES

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

CUBE_SUFFIXES = (*CUBES, ".tif", ".tiff")
"""ENVI headers stand for the raw files beside them."""
MASK_FOLDERS = ("ground_truth", "ground-truth", "gt", "masks", "mask")
COLOUR_FOLDERS = ("color", "colour", "pseudo-color", "pseudo_color", "rgb")


@dataclass(frozen=True)
class SceneFiles:
    """The files of one scene."""

    name: str
    cube: Path
    mask: Path
    split: Split
    colour: Path | None = None
    """A colour picture of the same view."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A published set, or a folder of one's own.

    Attributes:
        name: What the command line calls it.
        title: What its authors call it.
        cube_folders: Names a folder of cubes may have, in lower case.
        mask_folders: Likewise of masks.
        colour_folders: Likewise of colour pictures.
        subfolders: Copies may part files into ``train`` and ``test``, above or below those folders;
            a name to each split.
        cube_suffixes: Endings of cube files.
        pictures: Whether a folder of one-band pictures can be a cube.
        scenes: Published number of scenes; None when there is none.
        bands: Bands of every cube; None when they are not all of one number.
        shape: Most rows and columns of a cube.
        keys: Names of the variable that holds the cube, tried in this order.
        divisor: Stored numbers are divided by this.
        most: Greatest stored number that the set promises; the least is 0.
        wavelengths_nm: First, last and number, evenly spaced; None when not known.
        wavelengths_source: Whose statement that is.
        orientation: How stored cubes are turned to be upright, where this is documented.
        ignores: Whether masks hold -1 for pixels that do not count.
        splits: Published splits, each a pair of lists that come with the package: name to what it
            is. The first is the default.
        sizes: Train and test scenes of a split whose lists were not published.
    """

    name: str
    title: str
    cube_folders: tuple[str, ...]
    mask_folders: tuple[str, ...] = MASK_FOLDERS
    colour_folders: tuple[str, ...] = COLOUR_FOLDERS
    subfolders: Mapping[str, Split] = field(
        default_factory=lambda: {"train": "train", "val": "val", "test": "test"}
    )
    cube_suffixes: tuple[str, ...] = CUBE_SUFFIXES
    pictures: bool = False
    scenes: int | None = None
    bands: int | None = None
    shape: tuple[int, int] | None = None
    keys: tuple[str, ...] = ()
    divisor: float = 1.0
    most: float | None = None
    wavelengths_nm: tuple[float, float, int] | None = None
    wavelengths_source: str = ""
    orientation: Orientation | None = None
    ignores: bool = False
    splits: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[int, int] | None = None

    @property
    def centres_nm(self) -> list[float] | None:
        """Band centres in nanometres; None when not known."""
        if self.wavelengths_nm is None:
            return None
        centres: list[float] = np.linspace(*self.wavelengths_nm).tolist()
        return centres
