"""Scenes to compare detectors on: a cube, its truth, and how a map is held against it.

Letters: H rows, W columns, B bands, R regions.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dmssn.config import Orientation, OrientationChoice
from dmssn.cube import Cube, RowSource
from dmssn.cube_lists import expand
from dmssn.datasets.data_set import DataSet, SceneFiles, Split
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.opening import open_scene
from dmssn.datasets.orienting import settle
from dmssn.evaluation import attributes_of, find_masks, match_names
from dmssn.files import fingerprint
from dmssn.readers.stored import cube_name
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.scoring import Pair, Scoring, brought, read_pair, read_saliency
from dmssn.store import PreparedSet, read_scene


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

    def identity(self) -> str:
        """What changes when its cube, or the way that is read, does."""
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

    def identity(self) -> str:
        """Of the cube's file and of how it is read."""
        return f"{fingerprint(self.cube)} {self.read_as}"


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
        saliency = read_saliency(map_file)
        if saliency.shape != scene.mask.shape and self.scoring.size is None:
            raise ValueError(
                f"{map_file} is {saliency.shape[0]} x {saliency.shape[1]}, the prepared mask "
                f"{scene.mask.shape[0]} x {scene.mask.shape[1]}; pass --size to score both at one"
            )
        return Pair(*brought(saliency, scene.mask, scene.counted, self.scoring))

    def identity(self) -> str:
        """Of the scene's file."""
        return self.checksum


@dataclass(frozen=True, kw_only=True)
class JudgedSet:
    """Scenes, and what is known of all of them.

    Attributes:
        title: What they are, in a few words.
        scenes: In the order of their names.
        scoring: How maps are scored, one sentence each.
        attributes: Scene to codes of what makes it hard.
        notes: What else should be known, one sentence each.
        prepared: Settings and statistics of a prepared set; None where cubes are as they come.
    """

    title: str
    scenes: Sequence[JudgedScene]
    scoring: Sequence[str]
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    prepared: Mapping[str, Any] | None = None


def scenes_of_files(
    cubes: Sequence[Path],
    masks: Sequence[Path],
    scoring: Scoring,
    *,
    open_cube: Callable[[Path], RowSource],
    read_as: str = "",
) -> JudgedSet:
    """Cubes and masks of the same names.

    Args:
        cubes: Files, or folders of cubes.
        masks: Files, or folders of masks.
        scoring: How maps are compared with masks.
        open_cube: Opens one cube; can be pickled.
        read_as: What the way cubes are opened depends on, in words.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: Names do not match one to one.
    """
    found: dict[str, Path] = {}
    for path in expand(cubes):
        name = cube_name(path)
        if found.setdefault(name, path) != path:
            raise ValueError(f"two files for the cube of {name}: {found[name]} and {path}")
    truths = find_masks(masks, scoring)
    match_names(found, truths, what="cube", same_file=True)
    scenes = [
        FileScene(name, found[name], truths[name], open_cube, scoring, read_as)
        for name in sorted(found)
    ]
    return JudgedSet(
        title=", ".join(path.name or str(path) for path in cubes),
        scenes=scenes,
        scoring=scoring.said,
        attributes=attributes_of(truths),
    )


def scenes_of_set(
    kind: DataSet,
    root: Path,
    split: Split,
    scoring: Scoring,
    orientation: OrientationChoice = "auto",
) -> JudgedSet:
    """A split of a data set's copy, such as a folder of generated scenes.

    Args:
        kind: The data set.
        root: Folder of the copy.
        split: Whose scenes.
        scoring: How maps are compared with masks; what a mask leaves open follows from the set.
        orientation: How stored cubes are turned; by default that is found out.

    Raises:
        FileNotFoundError: The layout, or a list, is not there.
        ValueError: The split has no scene, or some of its files are missing.
    """
    found = find_scenes(kind, root)
    missing = [name for name in found.wrong if found.listed.get(name) == split]
    if missing:
        raise ValueError(
            f"{root}: of the {split} scenes {len(missing)} are not whole, such as {missing[0]} "
            f"({found.wrong[missing[0]]}); mend them, or every detector is scored on fewer"
        )
    chosen = [scene for scene in found.scenes if scene.split == split]
    if not chosen:
        raise ValueError(f"{root}: no scene in the {split} split")
    if kind.ignores and scoring.ignore is None:
        scoring = replace(scoring, ignore="set")
    turned = settle(found, root, orientation).orientation
    scenes = [_of_set(kind, scene, turned, scoring) for scene in chosen]
    return JudgedSet(
        title=f"{root.name}, {split} split",
        scenes=sorted(scenes, key=lambda scene: scene.name),
        scoring=scoring.said,
        attributes=attributes_of({scene.name: scene.mask for scene in chosen}),
        notes=[f"{kind.title}: {found.said}."],
    )


def _of_set(
    kind: DataSet, scene: SceneFiles, orientation: Orientation, scoring: Scoring
) -> FileScene:
    opener = partial(_open, kind, orientation)
    return FileScene(
        scene.name, scene.cube, scene.mask, opener, scoring, f"{kind.name} {orientation}"
    )


def _open(kind: DataSet, orientation: Orientation, path: Path) -> RowSource:
    return open_scene(kind, path, orientation)


def scenes_of_prepared(root: Path, scoring: Scoring) -> JudgedSet:
    """The test scenes of a prepared set, as they were homogenized.

    Raises:
        FileNotFoundError: There is no finished prepared set.
        ValueError: It has no test scene, or is something else.
    """
    prepared = PreparedSet(root)
    manifest = prepared.manifest
    names = sorted(prepared.test_names())
    scenes = [
        PreparedScene(
            name, root, manifest.wavelengths_nm, manifest.checksums.get(name, name), scoring
        )
        for name in names
    ]
    size = manifest.prepare["size"]
    about = {"prepare": manifest.prepare, "mean": manifest.mean, "std": manifest.std}
    return JudgedSet(
        title=f"{root.name}, test split",
        scenes=scenes,
        scoring=scoring.said,
        notes=[
            f"Cubes and masks as they were homogenized, at {size} x {size} pixels: classical "
            "detectors see region means too, not the pixels' own spectra."
        ],
        prepared=json.loads(json.dumps(about)),
    )
