"""Scenes to compare detectors on: a cube, its truth, and how a map is held against it.

Letters: H rows, W columns, B bands, R regions.
"""

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dmssn.cube import Cube, RowSource
from dmssn.files import fingerprint
from dmssn.masks import read_crop
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.scoring import Pair, Scoring, pair_with, read_pair, read_truth
from dmssn.store import read_scene

WHOLE = (slice(None), slice(None))
"""All rows and columns."""


class JudgedScene(Protocol):
    """A scene to compare detectors on; it can be pickled."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def scoring(self) -> Scoring:
        """How a map of it is compared with its truth."""
        ...

    def open(self) -> RowSource:
        """Its cube, in memory or in a file."""
        ...

    def regions(self) -> RegionCube | None:
        """Its cube as it was homogenized before; None where it was not."""
        ...

    def pair(self, map_file: Path) -> Pair:
        """A map of it beside its truth, as they are scored."""
        ...

    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the cube that are scored."""
        ...

    def identity(self) -> str:
        """What changes when its cube, or the way that is read, does."""
        ...

    def check(self) -> None:
        """See, before any work, that its truth can be read and fits its cube.

        Raises:
            OSError: A file is not there, or cannot be read.
            ValueError: The truth is damaged, or of another size than the cube.
        """
        ...


@dataclass(frozen=True)
class FileScene:
    """A cube and a mask in files.

    Attributes:
        name: What it is called.
        cube: Its file.
        mask: Likewise.
        opener: Opens the cube; can be pickled.
        scoring: How a map is compared with the mask.
        read_as: What else decides the cube's numbers, in words.
    """

    name: str
    cube: Path
    mask: Path
    opener: Callable[[Path], RowSource]
    scoring: Scoring
    read_as: str = ""

    def open(self) -> RowSource:
        """The cube, whose numbers are not read yet."""
        return self.opener(self.cube)

    def regions(self) -> None:
        """It was not homogenized."""

    def pair(self, map_file: Path) -> Pair:
        """A map beside the mask, as they are scored."""
        return read_pair(map_file, self.mask, self.scoring)

    def window(self) -> tuple[slice, slice]:
        """The mask's crop, if it has one."""
        if self.scoring.crop_key is None:
            return WHOLE
        height, width, _ = self.open().shape
        return read_crop(self.mask, self.scoring.crop_key, (height, width))

    def identity(self) -> str:
        """Of the cube's files, their times, and how they are read."""
        # A fingerprint sees the ends of a file alone, and a header may lie beside it.
        parts = sorted(self.cube.parent.glob(f"{glob.escape(self.cube.stem)}*"))
        files = [part for part in parts if self.cube.stem in (part.name, part.stem)]
        if self.cube.is_dir():
            files += sorted(self.cube.iterdir())
        told = [f"{part.name} {part.stat().st_size} {part.stat().st_mtime_ns}" for part in files]
        return f"{fingerprint(self.cube)} {told} {self.read_as}"

    def check(self) -> None:
        """See that the mask can be read and has the cube's size."""
        mask, _ = read_truth(self.mask, self.scoring)
        try:
            height, width, _ = self.open().shape
        except (OSError, ValueError):
            return  # told by every detector that meets it
        if mask.shape != (height, width):
            hint = "; is it turned?" if mask.shape == (width, height) else ""
            raise ValueError(
                f"{self.mask}: {mask.shape[0]} x {mask.shape[1]}, its cube {self.cube} is "
                f"{height} x {width}{hint}"
            )
        self.window()


@dataclass(frozen=True)
class PreparedScene:
    """A scene of a prepared set: its region spectra, and its mask at the same size.

    Attributes:
        name: What it is called.
        root: The prepared set.
        wavelengths_nm: Of its bands; None when unknown.
        checksum: Of its file.
        scoring: How a map is compared with the mask.
    """

    name: str
    root: Path
    wavelengths_nm: Sequence[float] | None
    checksum: str
    scoring: Scoring

    def open(self) -> RowSource:
        """The homogenized cube, each pixel with its region's spectrum; NaN outside."""
        regions = self.regions()
        values = np.full((*regions.region_map.shape, regions.spectra.shape[1]), np.nan, np.float32)
        inside = regions.region_map != OUTSIDE
        values[inside] = regions.spectra[regions.region_map[inside]]
        nm = None if self.wavelengths_nm is None else np.asarray(self.wavelengths_nm, np.float64)
        return Cube(values, nm, self.name)

    def regions(self) -> RegionCube:
        """What a network takes as it is."""
        return read_scene(self.root, self.name, verify=False).cube

    def pair(self, map_file: Path) -> Pair:
        """A map beside the prepared mask."""
        scene = read_scene(self.root, self.name, verify=False)
        name = f"the prepared mask of {self.name}"
        return pair_with(map_file, scene.mask, scene.counted, self.scoring, mask_name=name)

    def window(self) -> tuple[slice, slice]:
        """All of it."""
        return WHOLE

    def identity(self) -> str:
        """Of the scene's file."""
        return self.checksum

    def check(self) -> None:
        """See that it can be read."""
        read_scene(self.root, self.name)
