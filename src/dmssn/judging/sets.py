"""Sets of scenes to compare detectors on: of files, of a data set's copy, of a prepared set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from dmssn.config import Orientation, OrientationChoice, SettingError
from dmssn.cube import RowSource
from dmssn.cube_lists import expand
from dmssn.datasets.catalogue import DATA_SETS, data_set
from dmssn.datasets.data_set import DataSet, SceneFiles, Split
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.opening import open_scene
from dmssn.datasets.orienting import settle
from dmssn.evaluation import attributes_of
from dmssn.judging.scenes import FileScene, JudgedScene, PreparedScene
from dmssn.map_files import find_masks, match_names
from dmssn.readers.stored import cube_name
from dmssn.scoring import Scoring
from dmssn.store import Manifest, PreparedSet


@dataclass(frozen=True, kw_only=True)
class JudgedSet:
    """Scenes, and what is known of all of them.

    Attributes:
        title: What they are, in a few words.
        scenes: In the order of their names.
        scoring: How maps are scored, one sentence each.
        attributes: Scene to codes of what makes it hard.
        notes: What else should be known, one sentence each.
        prepared: How a prepared set was made; None where cubes are as they come.
    """

    title: str
    scenes: Sequence[JudgedScene]
    scoring: Sequence[str]
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    prepared: Manifest | None = None


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where scenes may come from; one of the first three ways.

    Attributes:
        scenes: Folder of a data set's copy.
        cubes: Cubes, or folders of them, with masks.
        masks: Masks, or folders of them, with cubes.
        prepared: A prepared set.
        split: Whose scenes of a data set.

    Raises:
        SettingError: None or several are given, or something that does not belong to it.
    """

    scenes: Path | None = None
    cubes: Sequence[Path] = ()
    masks: Sequence[Path] = ()
    prepared: Path | None = None
    split: Split | None = None

    def __post_init__(self) -> None:
        """Refuse what says nothing, or too much."""
        if bool(self.cubes) != bool(self.masks):
            raise SettingError(
                "--cubes and --masks go together; "
                f"{'--masks' if self.cubes else '--cubes'} is missing"
            )
        given = {
            "a folder of scenes": self.scenes,
            "--cubes and --masks": self.cubes,
            "--prepared": self.prepared,
        }
        if len(ways := [way for way, value in given.items() if value]) != 1:
            got = f"not {' as well as '.join(ways)}" if ways else "none is given"
            raise SettingError(f"pass one of {', '.join(given)}; {got}")
        if self.scenes is None and self.split is not None:
            raise SettingError("--split is of a folder of scenes in the layout of a data set")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How cubes in files are to be understood.

    Attributes:
        open_cube: Opens one cube; can be pickled.
        read_as: What that depends on, in words.
        plain: Whether nothing is said of it, but perhaps the data set and its orientation.
        data_set: Whose layout a folder of scenes has; None for one's own.
        orientation: How stored cubes are turned; None where that is to be found out.
    """

    open_cube: Callable[[Path], RowSource]
    read_as: str = ""
    plain: bool = True
    data_set: str | None = None
    orientation: Orientation | None = None


def judged_set(sources: Sources, reading: Reading, scoring: Scoring) -> JudgedSet:
    """The scenes, wherever they come from.

    Raises:
        SettingError: Something is said of reading that does not apply, or there is no such set.
        FileNotFoundError: A file is not there.
        ValueError: There is no scene, or not all of it.
    """
    if sources.prepared is not None:
        truth = (scoring.mask_key, scoring.crop_key, scoring.ignore)
        how = (reading.data_set, reading.orientation, *truth)
        if not reading.plain or any(value is not None for value in how):
            raise SettingError(
                f"--prepared {sources.prepared}: its cubes and masks were read when it was "
                "prepared; leave out the options for reading them"
            )
        return scenes_of_prepared(sources.prepared, scoring)
    if sources.scenes is None:
        return scenes_of_files(
            sources.cubes,
            sources.masks,
            scoring,
            open_cube=reading.open_cube,
            read_as=reading.read_as,
        )
    if reading.data_set is None and not reading.plain:
        raise SettingError(
            f"{sources.scenes}: the cubes of a set are read as its layout says; for other options "
            "pass --cubes and --masks"
        )
    return scenes_of_set(
        data_set(reading.data_set or "folder"),
        sources.scenes,
        sources.split or "test",
        scoring,
        reading.orientation or "auto",
    )


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
    truths = find_masks(masks, variables=bool(scoring.mask_key or scoring.crop_key))
    match_names(found, truths, what="cube", same_file=True)
    scenes = [
        FileScene(name, found[name], truths[name], open_cube, scoring, read_as)
        for name in sorted(found)
    ]
    return JudgedSet(
        title=", ".join(map(str, cubes)),
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
        title=f"{root}, {split} split",
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
    kind = DATA_SETS.get(str(manifest.source.get("set")))
    if kind is not None and kind.ignores:  # what the masks left open is in the prepared ones
        scoring = replace(scoring, ignore="set")
    names = sorted(prepared.test_names())
    scenes = [
        PreparedScene(
            name, root, manifest.wavelengths_nm, manifest.checksums.get(name, name), scoring
        )
        for name in names
    ]
    size = manifest.prepare["size"]
    return JudgedSet(
        title=f"{root}, test split",
        scenes=scenes,
        scoring=scoring.said,
        notes=[
            f"Cubes and masks as they were homogenized, at {size} x {size} pixels: classical "
            "detectors see region means too, not the pixels' own spectra."
        ],
        prepared=manifest,
    )
