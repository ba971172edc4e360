"""A folder of one-band pictures, one band each, such as ``name_ms_01.png`` to ``name_ms_31.png``.

Letters: H rows, W columns, B bands; the bands are in the natural order of the names (2 before 10).
"""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from dmssn.config import SettingError
from dmssn.cube.stored_numbers import REAL_KINDS
from dmssn.readers.stored import Convention, Loaded, Stored, parsing
from dmssn.readers.tiff import layouts, no_data, strict

TIFF = (".tif", ".tiff")
SUFFIXES = (".png", *TIFF, ".bmp", ".jpg", ".jpeg", ".pgm")
DTYPES = {"L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16"} | {
    "I": "int32",
    "F": "float32",
}
"""Pillow's modes of one-band pictures: the type of their numbers."""
LISTED = 5
"""Messages name at most this many files."""


class Kind(NamedTuple):
    """What the bands of one cube have in common."""

    pattern: str
    """The name with every number taken out."""
    size: tuple[int, int]
    """W, H in pixels."""
    mode: str
    """Pillow's mode; of a TIFF the type of its numbers, and its shape if it is no single band."""
    dtype: str | None
    """The type of its numbers; None when it is no single band."""


def open_images(folder: Path, key: str | None) -> Stored:
    """Find the bands in a folder; they are loaded when first read.

    The bands are the largest set of one-band pictures of one size, type and name (numbers aside).

    Raises:
        ValueError: The folder holds no such set, or one of its pictures does not fit the others.
        SettingError: A ``key`` is given: a folder holds one cube.
    """
    if key is not None:
        raise SettingError(f"{folder}: --key does not apply to a folder of pictures; leave it out")
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    paths = sorted(visible, key=natural_order)
    kinds = {path: _kind(path) for path in paths if path.suffix.lower() in SUFFIXES}
    counts = Counter(kind for kind in kinds.values() if kind.dtype)
    if not counts or max(counts.values()) < 2:
        raise ValueError(
            f"{folder}: expected two or more numbered one-band pictures, {_found(paths, kinds)}"
        )
    (bands_kind, count), *others = counts.most_common()
    if others and others[0][1] == count:
        raise ValueError(
            f"{folder}: two sets of {count} one-band pictures, {bands_kind.pattern} and "
            f"{others[0][0].pattern}; leave one in the folder"
        )
    bands = [path for path in kinds if kinds[path] == bands_kind]
    _check_alike(folder, kinds, bands_kind)
    _check_numbers(folder, bands)
    width, height = bands_kind.size
    return Stored(
        folder,
        Loaded(
            folder,
            (len(bands), height, width),
            np.dtype(bands_kind.dtype),
            lambda: np.stack([_load(path) for path in bands]),
        ),
        convention=Convention("BHW", "one picture is one band", certain=True),
        notes=_notes(paths, bands),
        ignore_value=_ignore_value(bands[0]),
    )


def natural_order(path: Path) -> list[tuple[int, str]]:
    """A sort key that takes the numbers in a name as numbers.

    Example:
        >>> [p.name for p in sorted([Path("b10.png"), Path("b9.png")], key=natural_order)]
        ['b9.png', 'b10.png']
    """
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _kind(path: Path) -> Kind:
    pattern = re.sub(r"\d+", "#", path.name)
    if path.suffix.lower() not in TIFF:
        with parsing(path), Image.open(path) as image:
            return Kind(pattern, image.size, image.mode, DTYPES.get(image.mode))
    # Pillow sees the first page alone, and not every type of number.
    with parsing(path), strict(), tifffile.TiffFile(path) as tiff:
        first, page = layouts(tiff)[0], tiff.pages.first
        name, size = first.dtype.name, (page.imagewidth, page.imagelength)
    if len(first.shape) == 2 and first.dtype.kind in REAL_KINDS:
        return Kind(pattern, size, name, name)
    return Kind(pattern, size, f"{name} {first.shape}", None)


def _load(path: Path) -> NDArray[np.generic]:
    if path.suffix.lower() in TIFF:
        with parsing(path), strict():
            return np.asarray(tifffile.imread(path))
    with parsing(path), Image.open(path) as image:
        return np.array(image)


def _ignore_value(path: Path) -> float | None:
    """The number that means "no data", which a TIFF may name."""
    if path.suffix.lower() not in TIFF:
        return None
    with parsing(path), tifffile.TiffFile(path) as tiff:
        return no_data(tiff.pages.first)


def _check_alike(folder: Path, kinds: dict[Path, Kind], bands: Kind) -> None:
    """A picture named like a band that differs from the bands is a mistake, not a bystander."""
    for path, kind in kinds.items():
        if kind.pattern == bands.pattern and kind != bands:
            raise ValueError(
                f"{folder}: {path.name} is a picture of mode {kind.mode} and size {kind.size}, "
                f"the other bands are {bands.mode} and {bands.size}; mend or remove it"
            )


def _check_numbers(folder: Path, bands: list[Path]) -> None:
    """Two pictures of one number are a band and its copy, or two bands in doubtful order."""
    for before, after in pairwise(bands):
        if _numbers(before) == _numbers(after):
            raise ValueError(
                f"{folder}: {before.name} and {after.name} have the same number; remove one"
            )


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.name)))


def _notes(paths: list[Path], bands: list[Path]) -> tuple[str, ...]:
    notes = [f"the bands are the pictures {bands[0].name} to {bands[-1].name}, by their numbers"]
    ignored = [path.name for path in paths if path not in set(bands)]
    if ignored:
        notes.append(f"not bands, ignored: {_listed(ignored)}")
    numbers = [_numbers(path) for path in bands]
    counting = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    steps = np.diff(counting[0]) if len(counting) == 1 else np.array([])
    if steps.size and steps.max() != steps.min():
        gap = bands[int(steps.argmax())].name
        notes.append(f"the numbers are not evenly spaced: is a band missing after {gap}?")
    return tuple(notes)


def _found(paths: list[Path], kinds: dict[Path, Kind]) -> str:
    names = _listed([path.name for path in paths])
    folders = [path.name for path in paths if path.is_dir()]
    if not kinds and folders:
        return f"found the folders {_listed(folders)}; give one"
    if not kinds:
        return f"found {names}; a cube's file is given by itself" if names else "found no pictures"
    held = ", ".join(f"{path.name} ({kind.mode})" for path, kind in list(kinds.items())[:LISTED])
    several = any(path.suffix.lower() in TIFF and not kind.dtype for path, kind in kinds.items())
    return f"found {held}" + ("; a file of several bands is given by itself" if several else "")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
