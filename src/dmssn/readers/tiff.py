"""TIFF, compressed or not: one band a page, or all bands as the samples of one page.

Letters: H rows, W columns, B bands.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from dmssn.readers.stored import Convention, Loaded, Stored, parsing
from dmssn.readers.variables import Variable, choose_cube

NO_DATA_TAG = 42113
"""Where GDAL keeps the number that means "no data", as text."""


def open_tiff(path: Path, key: str | None) -> Stored:
    """Find the cube in a TIFF file; it is loaded when first read.

    Pages of different size or type form several series; ``key`` is the number of one.

    Raises:
        ValueError: The file is damaged, or it is not clear what the cube is.
        SettingError: It has no series called ``key``.
    """
    with parsing(path), _strict(), tifffile.TiffFile(path) as tiff:
        series = list(tiff.series)
        variables = [Variable(str(i), item.shape, item.dtype) for i, item in enumerate(series)]
        no_data = series[0].keyframe.tags.valueof(NO_DATA_TAG) if series else None
    cube = choose_cube(path, variables, key)
    return Stored(
        path,
        Loaded(path, cube.shape, cube.dtype, lambda: _load(path, int(cube.name))),
        key=cube.name if len(series) > 1 else None,
        convention=_convention(series[int(cube.name)].axes),
        ignore_value=_ignore_value(no_data),
    )


def _load(path: Path, series: int) -> NDArray[np.generic]:
    with parsing(path), _strict(), tifffile.TiffFile(path) as tiff:
        array: NDArray[np.generic] = tiff.series[series].asarray()
    return array


@contextmanager
def _strict() -> Iterator[None]:
    """Make tifffile fail on damage that it only logs, such as lost pages.

    Raises:
        ValueError: It logged an error.
    """
    said: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            said.append(record.getMessage())
        return record.levelno < logging.ERROR

    logger = logging.getLogger("tifffile")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)
    if said:
        raise ValueError(said[0])


def _convention(axes: str) -> Convention | None:
    """The order by tifffile's letters: Y rows, X columns, S samples, any other one a page each."""
    if axes.count("Y") != 1 or axes.count("X") != 1:
        return None
    letters = "".join({"Y": "H", "X": "W"}.get(letter, "B") for letter in axes)
    if "S" in axes:
        return Convention(letters, "the file keeps the bands as samples", certain=True)
    return Convention(letters, "the file keeps one band a page", certain=False)


def _ignore_value(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
