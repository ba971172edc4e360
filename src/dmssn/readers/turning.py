"""Turning a cube as its file shows it until it is upright."""

from dataclasses import replace
from typing import NamedTuple

from dmssn.config import Orientation
from dmssn.readers.cube_file import CubeFile


class Turn(NamedTuple):
    """What is done to a picture, in this order.

    Attributes:
        transpose: Rows become columns.
        flip_rows: The last row comes first.
        flip_columns: The last column comes first.
    """

    transpose: bool
    flip_rows: bool
    flip_columns: bool


TURNS: dict[Orientation, Turn] = {
    "none": Turn(False, False, False),
    "flip-left-right": Turn(False, False, True),
    "flip-top-bottom": Turn(False, True, False),
    "rotate-180": Turn(False, True, True),
    "transpose": Turn(True, False, False),
    "rotate-90": Turn(True, True, False),
    "rotate-270": Turn(True, False, True),
    "transverse": Turn(True, True, True),
}
"""All flips and transposes; the names are Pillow's, which turn counterclockwise."""


def turned(file: CubeFile, orientation: Orientation) -> CubeFile:
    """The same cube, turned; nothing is read.

    Raises:
        ValueError: It is calibrated by white and dark references, whose columns are the file's.
    """
    turn = TURNS[orientation]
    if orientation == "none":
        return file
    if file.reflectance is not None:
        raise ValueError(f"{file.path}: cannot be turned while white and dark references apply")
    axes = file.axes.translate(str.maketrans("HW", "WH")) if turn.transpose else file.axes
    notes = (*file.notes, f"turned: {orientation}")
    return replace(
        file, axes=axes, flip_rows=turn.flip_rows, flip_columns=turn.flip_columns, notes=notes
    )
