"""What the files of one scene hold, against what its data set promises.

Letters: H rows, W columns, B bands.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.datasets.data_set import DataSet, SceneFiles
from dmssn.datasets.evidence import Evidence, look, read_colour
from dmssn.datasets.measuring import Measured, Values
from dmssn.datasets.opening import open_scene
from dmssn.masks import VARIABLE_SUFFIXES, read_label, read_mask
from dmssn.pictures import read_grey
from dmssn.readers.cube_file import CubeFile

GREY = (32 / 255, 223 / 255)
"""Levels between these are grey, and no black or white that JPEG has blurred."""
GREY_SHARE = 0.05
"""Of a mask's pixels: JPEG leaves fewer of them grey, at the edges of objects."""
DIVIDED = 1.5
"""No cube of counts is as dark as this: its numbers were divided, with a rounding, to reach 1."""
LISTED = 8
"""Sentences name at most this many bands."""


class Problem(NamedTuple):
    """One thing to know before a set is used.

    Attributes:
        severity: ``wrong`` would stop or spoil what is made of the set; a ``note`` would not.
        group: Kind of thing it is about.
        scene: Whose, or None if it is about the set.
        said: What it is, in words that several scenes may share.
        detail: Numbers, or the error, of this scene.
    """

    severity: Literal["wrong", "note"]
    group: Literal["files", "cubes", "values", "masks", "orientation", "disk"]
    scene: str | None
    said: str
    detail: str = ""


class Inspection(NamedTuple):
    """What was found in the files of a scene; None where that could not be read, or was not.

    Attributes:
        scene: The scene.
        problems: What does not fit, but for what only the set as a whole tells.
        shape: (H, W, B) of the cube, not turned.
        dtype: Of its stored numbers.
        values: The numbers.
        mask_shape: (H, W) of the mask.
        salient: Share of the mask that is salient.
        evidence: How the cube is turned.
    """

    scene: SceneFiles
    problems: list[Problem]
    shape: tuple[int, int, int] | None = None
    dtype: str | None = None
    values: Values | None = None
    mask_shape: tuple[int, int] | None = None
    salient: float | None = None
    evidence: Evidence | None = None


def inspect(kind: DataSet, scene: SceneFiles, *, read: bool) -> Inspection:
    """Look into the files of one scene; nothing that is wrong there raises.

    Args:
        kind: The data set.
        scene: The scene.
        read: Whether to read the numbers of the cube; else it is only opened.
    """
    problems: list[Problem] = []
    found = _cube(kind, scene, read, problems) | _mask(kind, scene, problems)
    return Inspection(scene, problems, **found)


def _cube(kind: DataSet, scene: SceneFiles, read: bool, problems: list[Problem]) -> dict[str, Any]:
    """The facts of a cube."""
    found: dict[str, Any] = {}
    try:
        file = open_scene(kind, scene.cube)
        found = {"shape": file.shape, "dtype": file.dtype.name}
        if read:
            measured = Measured(file)
            found["evidence"] = _read(measured, _picture(scene, problems))
            found["values"] = measured.account.values(file, kind.divisor)
            problems += _values(kind, scene.name, file, found["values"])
    except (ValueError, OSError) as error:
        detail = _one_line(error, scene.cube)
        problems.append(Problem("wrong", "cubes", scene.name, "unreadable", detail))
    return found


def _read(cube: Measured, picture: NDArray[np.uint8] | None) -> Evidence | None:
    """Read all numbers once, and compare them with the picture if there is one."""
    if picture is None:
        source = cube.sideways() or cube
        for rows in source.row_blocks():
            source.read(rows)
        return None
    try:
        return look(cube, picture)
    except ValueError:
        if not cube.complete:
            raise
        return None  # no pixel is valid, as its values tell


def _picture(scene: SceneFiles, problems: list[Problem]) -> NDArray[np.uint8] | None:
    """The colour picture, if there is one that can be read."""
    if scene.colour is None:
        return None
    try:
        return read_colour(scene.colour)
    except (ValueError, OSError) as error:
        detail = _one_line(error, scene.colour)
        problems.append(Problem("note", "files", scene.name, "unreadable colour picture", detail))
        return None


def _values(kind: DataSet, name: str, file: CubeFile, values: Values) -> list[Problem]:
    """What is wrong or odd with the numbers of a cube."""
    height, width, bands = file.shape
    problems: list[Problem] = []

    def add(severity: Literal["wrong", "note"], said: str, detail: str = "") -> None:
        problems.append(Problem(severity, "values", name, said, detail))

    most, up_to = kind.most, f"up to {values.greatest:g}"
    if most is not None and values.greatest > most:
        add("wrong", f"numbers above {most:g}, the most the set promises", up_to)
    if most is not None and 0 < values.greatest <= DIVIDED < kind.divisor:
        add("wrong", f"divided by {kind.divisor:g} already, and would be again", up_to)
    if values.negative:
        share = _percent(values.negative / (height * width * bands))
        add("note" if most is None else "wrong", "negative numbers", share)
    if values.invalid_pixels == height * width:
        empty = values.empty_bands
        why = f"nothing in {_bands(empty)}" if 0 < len(empty) < bands else ""
        add("wrong", "no pixel has a number in every band", why)
    elif values.invalid_pixels:
        share = _percent(values.invalid_pixels / (height * width))
        add("note", "invalid pixels", share)
    constant = values.constant_bands
    if constant and len(constant) + len(values.empty_bands) == bands:
        add("wrong", "one spectrum for all pixels")
    elif constant:
        add("note", "bands with one value for all pixels", _bands(constant))
    return problems


def _mask(kind: DataSet, scene: SceneFiles, problems: list[Problem]) -> dict[str, Any]:
    """The facts of a mask."""
    try:
        mask, counted = read_label(scene.mask) if kind.ignores else (read_mask(scene.mask), None)
        grey = 0.0 if kind.ignores else grey_share(scene.mask)
    except (ValueError, OSError) as error:
        detail = _one_line(error, scene.mask)
        problems.append(Problem("wrong", "masks", scene.name, "unreadable", detail))
        return {}
    pixels = mask if counted is None else mask[counted]
    share = float(pixels.mean()) if pixels.size else 0.0
    odd = {
        "no pixel counts": not pixels.size,
        "nothing is salient": share == 0,
        "everything is salient": share == 1,
    }
    if said := next((said for said, is_so in odd.items() if is_so), None):
        problems.append(Problem("note", "masks", scene.name, said))
    if grey > GREY_SHARE:
        said = "pixels neither black nor white, which are cut at the middle"
        problems.append(Problem("note", "masks", scene.name, said, _percent(grey)))
    return {"mask_shape": mask.shape, "salient": share}


def grey_share(path: Path) -> float:
    """Share of a mask's pixels that are grey, in [0, 1].

    Raises:
        ValueError: It cannot be read.
    """
    if path.suffix.lower() in VARIABLE_SUFFIXES:
        return 0.0
    levels = read_grey(path)
    if levels.dtype.kind != "u" or levels.max(initial=0) <= 1:
        return 0.0
    part = levels / np.iinfo(levels.dtype).max
    return float(np.mean((part > GREY[0]) & (part < GREY[1])))


def _one_line(error: Exception, path: Path) -> str:
    """What an error says, without the path it begins with."""
    return " ".join(str(error).removeprefix(f"{path}: ").split())


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _bands(numbers: list[int]) -> str:
    more = f" and {len(numbers) - LISTED} more" if len(numbers) > LISTED else ""
    listed = ", ".join(map(str, numbers[:LISTED]))
    return f"band{'s' if len(numbers) > 1 else ''} {listed}{more} (from 0)"
