"""What the viewer may open: the cubes and prepared scenes at, or below, where it was started.

The page never names a file. It asks by ids that only this list gives out, and each file is looked
at once more before it is opened: it may have become a link that leads elsewhere.
"""

import glob
import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py

from dmssn.config import SettingError
from dmssn.datasets.layout import natural
from dmssn.files import PARTIAL
from dmssn.masks import VARIABLE_SUFFIXES
from dmssn.pictures import PICTURE_SUFFIXES
from dmssn.readers.formats import cubes_in
from dmssn.readers.stored import cube_name, parsing
from dmssn.readers.zarr_stores import is_zarr
from dmssn.runs.records import RECIPE
from dmssn.store import PreparedSet, scene_path

MANIFEST = "manifest.json"
MOST_SCENES = 5000
"""Of a folder that are listed."""
MOST_FOLDERS = 2000
"""Below a folder that are looked into."""


@dataclass(frozen=True)
class Entry:
    """One scene to look at.

    Attributes:
        name: Where it is below the start, for people.
        path: The cube's file or folder; of a prepared scene the set.
        scene: Name in the prepared set; None of a cube.
        root: The folder its files lie in.
    """

    name: str
    path: Path
    root: Path
    scene: str | None = None

    @property
    def id(self) -> str:
        """What the page asks for it by."""
        told = f"{self.path}\n{self.scene or ''}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(told).hexdigest()[:16]

    @property
    def file(self) -> Path:
        """The cube's file or folder, or the prepared scene's file."""
        return self.path if self.scene is None else scene_path(self.path, self.scene)


@dataclass(frozen=True)
class Listing:
    """Scenes, in the order people count, and whether there are more than are listed."""

    entries: tuple[Entry, ...]
    more: bool = False


def is_prepared(path: Path) -> bool:
    """Whether a folder looks like a prepared set."""
    return (path / MANIFEST).is_file() and (path / "scenes").is_dir()


def is_run(path: Path) -> bool:
    """Whether a folder looks like that of a training run."""
    return (path / RECIPE).is_file()


def prepared_set_of(run: Path) -> Path:
    """The prepared set a run learned from.

    Raises:
        SettingError: It is not there.
        ValueError: The run's recipe is damaged.
    """
    try:
        recipe = tomllib.loads((run / RECIPE).read_text(encoding="utf-8"))
        root = Path(recipe["data"]["prepared"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{run / RECIPE}: no recipe of a run ({error!r}); restore it") from None
    if not is_prepared(root):
        raise SettingError(
            f"{run}: learned from {root}, which is no prepared set any more; give a cube, and the "
            f"run as --detector {run}"
        )
    return root


def find_scenes(start: Path) -> Listing:
    """The scenes at a path.

    Args:
        start: A cube, a prepared set, or a folder that holds such at any depth. Files and folders
            whose names begin with a dot are left out, as are links that lead out of it.

    Raises:
        FileNotFoundError: There is nothing at the path.
        ValueError: A prepared set is damaged.
    """
    if not start.exists():
        raise FileNotFoundError(f"{start}: no such file or folder")
    start = start.resolve()
    if is_prepared(start):
        return Listing(tuple(_prepared(start, "")))
    if start.is_dir() and not is_zarr(start):
        found, more = _below(start)
        if found or not _holds_pictures(start):
            return Listing(tuple(sorted(found, key=lambda entry: natural(entry.name))), more)
    return Listing((Entry(cube_name(start), start, start.parent),))


def _holds_pictures(folder: Path) -> bool:
    """Whether a folder without cubes can be one: of one-band pictures."""
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return not cubes_in(folder) and any(path.suffix.lower() in PICTURE_SUFFIXES for path in files)


def _below(start: Path) -> tuple[list[Entry], bool]:
    found: list[Entry] = []
    for number, folder in enumerate(_folders(start)):
        if number >= MOST_FOLDERS or len(found) > MOST_SCENES:
            return found[:MOST_SCENES], True
        where = folder.relative_to(start).as_posix()
        before = "" if where == "." else f"{where}/"
        with suppress(ValueError, OSError):  # one that cannot be read is no reason to show none
            if is_prepared(folder):
                found += _prepared(folder, before)
            elif is_zarr(folder):
                found.append(Entry(where, folder, start))
            else:
                found += [
                    Entry(before + path.name, path, start)
                    for path in cubes_in(folder)
                    if path.is_file() and stays(path, start)
                ]
    return found[:MOST_SCENES], len(found) > MOST_SCENES


def _folders(start: Path) -> Iterator[Path]:
    """The folder and those below it; not into prepared sets and Zarr, and along no link."""
    for name, folders, _ in os.walk(start):
        here = Path(name)
        if here != start and (is_prepared(here) or is_zarr(here)):
            folders.clear()
        folders[:] = sorted(
            sub for sub in folders if not sub.startswith(".") and PARTIAL not in sub
        )
        yield here


def _prepared(root: Path, before: str) -> Iterator[Entry]:
    splits = PreparedSet(root).manifest.splits
    for split, names in splits.items():
        for name in names:
            # A manifest is only a file: its names must not lead elsewhere.
            if stays(scene_path(root, name), root):
                yield Entry(f"{before}{split}/{name}", root, root, name)


def stays(path: Path, root: Path) -> bool:
    """Whether a path that is there lies below a folder once all links are followed."""
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # nothing there, or links in a circle
        return False


def written(path: Path) -> tuple[int, int, int] | None:
    """Time, size and number of a file or folder; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def check_confined(entry: Entry) -> None:
    """See that all files of a scene lie where it is looked for.

    Raises:
        FileNotFoundError: It is gone.
        PermissionError: A link, or a part of an HDF5 file, leads elsewhere.
        ValueError: An HDF5 file is damaged.
    """
    if written(entry.file) is None:
        raise FileNotFoundError(f"{entry.name}: is no longer there")
    for path in (entry.file, *_parts(entry.file)):
        if not stays(path, entry.root):
            raise PermissionError(
                f"{entry.name}: {path.name} is a link out of the folder that is looked at; start "
                "the viewer on the file it leads to"
            )
    check_hdf5(entry.file, entry.root)


def _parts(path: Path) -> Iterator[Path]:
    """Links among the files that opening a cube may touch: in its folder, or named like it."""
    if path.is_dir():
        for name, folders, files in os.walk(path):
            yield from (
                Path(name, sub) for sub in (*folders, *files) if Path(name, sub).is_symlink()
            )
        return
    for part in path.parent.glob(f"{glob.escape(path.stem)}*"):
        if path.stem in (part.stem, part.name) or part.stem == path.name:
            if part.is_symlink():
                yield part


def check_hdf5(path: Path, root: Path, *, seen: tuple[Path, ...] = ()) -> None:
    """See that an HDF5 file keeps its numbers in itself, or in files of a folder; also such files.

    Args:
        path: Of any format; others are left to their readers.
        root: The folder.
        seen: Files that lead to this one.

    Raises:
        PermissionError: It does not.
        ValueError: It is damaged.
    """
    if not path.is_file() or not h5py.is_hdf5(path):
        return
    others = set[str]()
    with parsing(path), h5py.File(path) as file:
        file.visititems(lambda _, item: others.update(_files_of(item)))
        if path.suffix.lower() in VARIABLE_SUFFIXES:  # masks are read along links, too
            links = [file.get(name, getlink=True) for name in file]
            others.update(link.filename for link in links if isinstance(link, h5py.ExternalLink))
    for name in others:
        # HDF5 also looks in the folder the program was started in; of some names it makes others.
        places = [place for place in (path.parent / name, Path(name)) if place.exists()]
        if not places or "%" in name or not all(stays(place, root) for place in places):
            raise PermissionError(
                f"{path.name}: keeps its numbers in {name}, outside the folder that is looked at"
            )
        for place in places:
            if place.resolve() not in seen:
                check_hdf5(place, root, seen=(*seen, path.resolve()))


def _files_of(item: h5py.Group | h5py.Dataset) -> Iterator[str]:
    """Names of other files that hold numbers of a part of an HDF5 file."""
    if isinstance(item, h5py.Dataset):
        yield from (name for name, *_ in item.external or ())
        if item.is_virtual:
            yield from (part.file_name for part in item.virtual_sources() if part.file_name != ".")


__all__ = [
    "Entry",
    "Listing",
    "check_confined",
    "check_hdf5",
    "find_scenes",
    "is_run",
    "prepared_set_of",
    "stays",
    "written",
]
