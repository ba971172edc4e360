"""Whether what was written is the cube that was to be written, read back by dmssn's own reader.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Georeference, RowSource
from dmssn.readers import open_cube
from dmssn.writers.plan import Encoding


def verify(
    source: RowSource,
    blocks: Iterable[slice],
    written: Path,
    encoding: Encoding,
    place: Georeference | None = None,
) -> None:
    """Compare a cube with what was written of it, block by block.

    Args:
        source: The cube.
        blocks: Its ``row_blocks``.
        written: The file or folder.
        encoding: How its numbers are stored.
        place: The georeference that was to be written.

    Raises:
        ValueError: It cannot be read, or differs by more than the encoding rounds.
    """
    found = open_cube(written)
    if found.shape != source.shape:
        raise ValueError(f"{written}: reads as {found.shape}, the cube is {source.shape}")
    if not _same_wavelengths(found.wavelengths_nm, source.wavelengths_nm):
        raise ValueError(f"{written}: its wavelengths are not those of the cube")
    if not _same_place(found.georeference, place):
        raise ValueError(f"{written}: its georeference is not that of the cube")
    for rows in blocks:
        wanted, got = source.read(rows), found.read(rows)
        for number, row in enumerate(wanted):
            if not _alike(row, got[number], encoding):
                raise ValueError(
                    f"{written}: row {rows.start + number} differs from the cube's by more than "
                    f"{encoding.dtype.name} rounds"
                )


def _same_wavelengths(
    found: NDArray[np.float64] | None, wanted: NDArray[np.float64] | None
) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return np.array_equal(found, wanted)


def _same_place(found: Georeference | None, wanted: Georeference | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    if (found.crs is None) != (wanted.crs is None):
        return False
    return np.allclose(found.transform, wanted.transform, rtol=1e-9, atol=1e-9)


def _alike(wanted: NDArray[np.float32], got: NDArray[np.float32], encoding: Encoding) -> bool:
    """Whether two rows (W, B) are one but for the encoding's rounding."""
    if encoding.dtype.kind == "f":
        return np.array_equal(wanted.astype(encoding.dtype), got, equal_nan=True)
    finite = np.isfinite(wanted)
    if not np.array_equal(finite, np.isfinite(got)):
        return False
    if not finite.all():
        wanted, got = wanted[finite], got[finite]
    if encoding.scale_factor == 1:
        return np.array_equal(wanted, got)
    # Half a step, and what rounding the value to float32 may add.
    limit = 2 * np.spacing(np.abs(wanted)).astype(np.float64) + encoding.scale_factor * 0.50001
    return bool((np.abs(wanted.astype(np.float64) - got) <= limit).all())
