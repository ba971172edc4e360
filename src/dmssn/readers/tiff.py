"""TIFF, compressed or not: one band a page, or all bands as the samples of one page.

Letters: H rows, W columns, B bands.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from dmssn.cube import Georeference
from dmssn.geotiff import INSTALL, TAGS, available, read_georeference
from dmssn.readers.stored import Convention, Loaded, Stored, parsing
from dmssn.readers.variables import COLOURS, Variable, choose_cube

NO_DATA_TAG = 42113
"""Where GDAL keeps the number that means "no data", as text."""


class Layout(NamedTuple):
    """An array in a file: a series of pages, or several series of one page each as one."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    """tifffile's letters: Y rows, X columns, S samples, any other one a page each."""
    no_data: float | None
    colours: bool
    """Whether the file says that the samples are red, green and blue."""
    series: tuple[int, ...]
    """Numbers of the series that hold it."""


def open_tiff(path: Path, key: str | None) -> Stored:
    """Find the cube in a TIFF file; it is loaded when first read.

    Pages of different size or type form several series; ``key`` is the number of one.

    Raises:
        ValueError: The file is damaged, or it is not clear what the cube is.
        SettingError: It has no series called ``key``.
    """
    with parsing(path), strict(), tifffile.TiffFile(path) as tiff:
        found = layouts(tiff)
        stranger = _stranger(tiff)
        placed = any(tag in tiff.pages.first.tags for tag in TAGS)
    if stranger:
        raise ValueError(f"{path}: {stranger}; write the bands as pages of one size and type")
    variables = [Variable(str(i), item.shape, item.dtype) for i, item in enumerate(found)]
    cube = choose_cube(path, variables, key)
    layout = found[int(cube.name)]
    georeference, unplaced = _georeference(path) if placed else (None, ())
    return Stored(
        path,
        Loaded(path, cube.shape, cube.dtype, lambda: _load(path, layout.series)),
        key=cube.name if len(found) > 1 else None,
        convention=_convention(layout.axes),
        notes=(*_notes(layout), *unplaced),
        ignore_value=layout.no_data,
        georeference=georeference,
    )


def _georeference(path: Path) -> tuple[Georeference | None, tuple[str, ...]]:
    """Where the pixels lie, and a note where that cannot be told: the cube is as good."""
    if not available():
        return None, (f"its georeference is left out, which needs an extra; {INSTALL}",)
    try:
        return read_georeference(path), ()
    except ValueError as error:
        return None, (f"its georeference is left out: {error}",)


def layouts(tiff: tifffile.TiffFile) -> list[Layout]:
    """What a file holds; pages written one by one may each be a series, and are a cube together."""
    found = [
        Layout(
            item.shape,
            np.dtype(item.dtype),
            item.axes,
            no_data(item.keyframe),
            item.keyframe.photometric == tifffile.PHOTOMETRIC.RGB,
            (i,),
        )
        for i, item in enumerate(tiff.series)
    ]
    if len(found) < 2 or len({item[:3] for item in found}) > 1 or found[0].axes != "YX":
        return found
    shape = (len(found), *found[0].shape)
    return [found[0]._replace(shape=shape, axes="IYX", series=tuple(range(len(found))))]


def _stranger(tiff: tifffile.TiffFile) -> str | None:
    """The first page unlike the others of its series, in words.

    tifffile looks at a few pages only before it reads all of a file as if they were alike.
    """
    for series in tiff.series:
        if series.kind != "uniform":
            continue
        for page in series.pages:
            whole = page.aspage() if page else series.keyframe
            if whole.hash != series.keyframe.hash:
                return (
                    f"page {whole.index} is stored as {whole.shape} {whole.dtype}, the others as "
                    f"{series.keyframe.shape} {series.keyframe.dtype} or with another compression"
                )
    return None


def _load(path: Path, series: tuple[int, ...]) -> NDArray[np.generic]:
    with parsing(path), strict(), tifffile.TiffFile(path) as tiff:
        arrays = [tiff.series[number].asarray() for number in series]
        return np.stack(arrays) if len(arrays) > 1 else arrays[0]


@contextmanager
def strict() -> Iterator[None]:
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
    """The order by tifffile's letters."""
    if axes.count("Y") != 1 or axes.count("X") != 1:
        return None
    letters = "".join({"Y": "H", "X": "W"}.get(letter, "B") for letter in axes)
    if "S" in axes:
        return Convention(letters, "the file keeps the bands as samples", certain=True)
    return Convention(letters, "the file keeps one band a page", certain=False)


def _notes(layout: Layout) -> tuple[str, ...]:
    samples = layout.shape[layout.axes.index("S")] if "S" in layout.axes else 0
    if layout.colours and 0 < samples <= COLOURS:
        return (f"the file is a colour picture: its {samples} channels are taken as bands",)
    return ()


def no_data(page: tifffile.TiffPage) -> float | None:
    """The number that means "no data" in a page, if it names one."""
    text = page.tags.valueof(NO_DATA_TAG)
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
