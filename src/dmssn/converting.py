"""Cubes from one format to another: read in blocks, written, read back, and only then named.

One bad cube does not stop the rest. Letters: H rows, W columns, B bands, h rows of a block.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.cube_lists import expand, failure, refuse_one_output_for_two
from dmssn.progress import track
from dmssn.readers import CubeFile
from dmssn.readers.envi import header_of
from dmssn.readers.stored import cube_name
from dmssn.readers.zarr_stores import is_zarr
from dmssn.writers.formats import FORMATS, Choices, Format, Settled, format_of
from dmssn.writers.placing import placing, refuse_to_lose, require_space
from dmssn.writers.plan import Encoding, Plan
from dmssn.writers.sixteen_bits import (
    FLOAT16,
    FLOAT32,
    UINT16,
    Range,
    check_float16,
    uint16_encoding,
)
from dmssn.writers.verifying import verify


def convert_all(
    paths: Sequence[Path],
    output: Path,
    *,
    open_cube: Callable[[Path], CubeFile],
    choices: Choices,
    inputs: Sequence[Path] = (),
) -> list[dict[str, Any]]:
    """Convert every cube.

    Args:
        paths: Cubes; a folder of cubes stands for all in it.
        output: The file to write, for one cube, or else the folder to write to.
        open_cube: Opens one cube.
        choices: The format and its choices.
        inputs: Further files that are read and must not be written over.

    Returns:
        One table a cube: what was written and how large it is; or ``error``, one line that names
        the cube, and ``exit_code``, 2 for an option that does not fit it and else 1.

    Raises:
        SettingError: The choices or the names do not fit together.
    """
    cubes = expand(paths)
    key, targets = _targets(cubes, output, choices.format)
    settled = FORMATS[key].settle(choices)
    results = []
    for path, target in zip(cubes, targets, strict=True):
        try:
            result = _convert(path, target, open_cube, FORMATS[key], settled, inputs)
        except (ValueError, OSError, MemoryError) as error:
            result = failure(path, error)
        results.append(result)
    return results


def _targets(cubes: list[Path], output: Path, asked: str | None) -> tuple[str, list[Path]]:
    """The format, and what to write for each cube."""
    told = format_of(output)
    is_folder = output.is_dir() and not is_zarr(output) and output.suffix.lower() != ".zarr"
    if told is None or is_folder:
        if asked is None and is_folder:
            raise SettingError(f"{output}: is a folder; pass --format to write into it")
        if asked is None:
            endings = ", ".join(ending for kind in FORMATS.values() for ending in kind.endings)
            raise SettingError(
                f"{output}: has none of the endings {endings}; pass --format to write a folder"
            )
        names = [cube_name(cube) for cube in cubes]
        targets = [output / f"{name}{FORMATS[asked].endings[0]}" for name in names]
        refuse_one_output_for_two(cubes, targets, "convert")
        return asked, targets
    if len(cubes) != 1:
        raise SettingError(
            f"{output}: is one file for {len(cubes)} cubes; give a folder, and --format"
        )
    if asked not in (None, told):
        raise SettingError(f"{output}: its ending is that of --format {told}, not of {asked}")
    return told, [output]


def _convert(
    path: Path,
    target: Path,
    open_cube: Callable[[Path], CubeFile],
    kind: Format,
    settled: Settled,
    inputs: Sequence[Path],
) -> dict[str, Any]:
    began = time.monotonic()
    files = kind.files(target)
    source = open_cube(path)
    before = _source_files(source)
    refuse_to_lose(files, [*before, *inputs], folder=kind.folder)
    encoding = _encoding(source, settled.dtype, kind)
    place, notes = source.georeference, list(source.notes)
    if place is not None and not kind.places(place):
        place = None
        notes.append(f"{kind.name} cannot tell its georeference, mirrored or slanted: left out")
    plan = Plan(source.shape, source.wavelengths_nm, encoding, *settled[1:], place)
    if plan.compression == "none":
        require_space(target, plan.nbytes)
    tally = Tally(source)
    with placing(files, folder=kind.folder) as partials:
        kind.write(partials, tally.blocks(), plan)
        tally.require_valid()
        _verify(source, partials, files, plan)
    return {
        "cube": str(path),
        "name": source.name,
        "output": str(target),
        "shape": list(source.shape),
        "dtype": encoding.dtype.name,
        "scale_factor": encoding.scale_factor,
        "add_offset": encoding.add_offset,
        "compression": plan.compression,
        **({"layout": plan.layout} if kind.chunked else {"interleave": plan.interleave}),
        "wavelengths": source.wavelengths_nm is not None,
        "invalid_pixels": tally.invalid,
        "bytes_before": sum(map(_size, before)),
        "bytes_after": sum(map(_size, files)),
        "seconds": round(time.monotonic() - began, 3),
        "georeference": place is not None,
        "notes": notes,
    }


def _encoding(source: CubeFile, dtype: str, kind: Format) -> Encoding:
    """How a cube's numbers are stored; 16 bits depend on its values, which takes one reading."""
    if dtype == FLOAT32.name:
        return Encoding(FLOAT32)
    found = Range()
    scan = source.sideways() or source  # rows or columns: to a range they are the same
    for rows in track(scan.row_blocks(), f"measuring {source.name}", each="blocks"):
        found.add(scan.read(rows))
    name = str(source.path)
    if dtype == FLOAT16.name:
        check_float16(name, found)
        return Encoding(FLOAT16)
    if found.least > found.greatest:  # nothing finite: said when it is read for writing
        return Encoding(UINT16, fill=0)
    return uint16_encoding(name, found, offset=kind.offset)


class Tally:
    """A cube's blocks on their way to a writer, and its valid pixels, counted as they pass.

    Args:
        source: The cube.
    """

    def __init__(self, source: CubeFile) -> None:
        """Nothing is read yet."""
        self._source = source
        self._filled = np.zeros(source.shape[2], dtype=bool)
        self.invalid = 0

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The cube in blocks of rows (h, W, B), top to bottom."""
        for rows in track(self._source.row_blocks(), f"writing {self._source.name}", each="blocks"):
            block = self._source.read(rows)
            for row in block:
                finite = np.isfinite(row)
                self._filled |= finite.any(axis=0)
                self.invalid += int(np.count_nonzero(~finite.all(axis=1)))
            yield block

    def require_valid(self) -> None:
        """Refuse a cube without a valid pixel, which nothing could be done with.

        Raises:
            ValueError: It has none.
        """
        height, width, _ = self._source.shape
        if self.invalid == height * width:
            raise self._source.without_valid_pixel(self._filled)


def _verify(
    source: CubeFile, partials: tuple[Path, ...], files: tuple[Path, ...], plan: Plan
) -> None:
    blocks = track(source.row_blocks(), f"checking {source.name}", each="blocks")
    try:
        verify(source, blocks, partials[-1], plan.encoding, plan.georeference)
    except ValueError as error:
        said = str(error)
        for partial, file in zip(partials, files, strict=True):
            said = said.replace(str(partial), str(file))
        raise ValueError(f"{said}; nothing was kept, convert it again") from error


def _source_files(source: CubeFile) -> list[Path]:
    """The file or folder of a cube; of ENVI the header and the raw file."""
    mapped = getattr(source.stored.array, "filename", None)
    header = header_of(source.path) if source.path.is_file() and mapped else None
    own = [source.path, *([header] if header else []), *([Path(mapped)] if mapped else [])]
    return list(dict.fromkeys(path.resolve() for path in own))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
