"""Files of made-up data sets, in the formats of the published ones.

A cube is written a band at a time: a library writes what comes before the numbers, and the numbers
follow as plain bytes. So no cube is held, and a full disk is an error like any other (HDF5 would
end the process).

Letters: H rows, W columns, B bands; h, w rows and columns of a cube as its file shows it.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from dmssn.config import Orientation
from dmssn.readers.turning import TURNS

MATLAB_TEXT = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5"
"""What MATLAB puts before the HDF5, with a date of no meaning."""
MATLAB_BLOCK = 512
MATLAB_CLASS = {"float32": b"single", "uint16": b"uint16"}
MASK_QUALITY = 75
"""Of JPEG; low enough to leave levels between black and white around the edges."""
COLOUR_QUALITY = 90
IGNORED = -1
"""In a label, of a pixel that does not count."""

GEO_TAGS = (
    (33550, 12, 3, (10.0, 10.0, 0.0), True),  # ModelPixelScale: metres
    (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4000000.0, 0.0), True),  # ModelTiepoint
    # GeoKeyDirectory: projected coordinates, pixels are areas, EPSG 32650 (UTM zone 50 N)
    (34735, 3, 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32650), True),
)
"""What makes a TIFF a GeoTIFF; the place is made up."""


@dataclass(frozen=True)
class Form:
    """How a data set stores its cubes.

    Attributes:
        suffix: ``.mat`` and ``.h5`` are HDF5, ``.tif`` is TIFF.
        dtype: Type of the stored numbers.
        key: Name of the dataset in HDF5.
        wavelengths: Whether the file tells them.
    """

    suffix: str
    dtype: str = "float32"
    key: str = "dataset"
    wavelengths: bool = False

    @property
    def columns_first(self) -> bool:
        """Whether HDF5 shows (B, w, h), as of MATLAB, instead of (B, h, w)."""
        return self.suffix == ".mat"


FIRST_RELEASE = Form(".mat", key="hypercube")
FORMS = {
    "folder": Form(".h5", wavelengths=True),
    "hsod-bit": Form(".h5"),
    "hsod-bit-v2": Form(".h5"),
    "hs-sod": Form(".mat", "uint16", "hypercube"),
    "hrssd": Form(".tif", "int16"),
}
"""HSOD-BIT as it is offered now; it was ``FIRST_RELEASE`` once."""


def encode(plane: NDArray[np.float32], form: Form, divisor: float, most: float | None) -> Any:  # noqa: ANN401
    """Numbers as a file stores them: times ``divisor``, whole ones from 0 to the most there is."""
    dtype = np.dtype(form.dtype)
    scaled = plane if divisor == 1 else plane * np.float32(divisor)
    if dtype.kind == "f":
        return scaled.astype(dtype, copy=False)
    return np.clip(np.rint(scaled), 0, most or np.iinfo(dtype).max).astype(dtype)


def as_shown(plane: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """An upright plane (H, W) as a file shows it that has to be turned so; a view (h, w)."""
    turn = TURNS[orientation]
    back = plane[:: -1 if turn.flip_rows else 1, :: -1 if turn.flip_columns else 1]
    return back.T if turn.transpose else back


def cube_bytes(form: Form, shape: tuple[int, int, int]) -> int:
    """Size of a cube's numbers in its file."""
    return int(np.prod(shape)) * np.dtype(form.dtype).itemsize


def write_cube(
    path: Path,
    form: Form,
    shape: tuple[int, int, int],
    wavelengths_nm: NDArray[np.float64],
    planes: Iterable[NDArray[Any]],
) -> None:
    """Write a cube, a band after the other.

    Args:
        path: File to write.
        form: How.
        shape: (h, w, B), as the file shows the cube.
        wavelengths_nm: Band centres in nanometres, shape (B,).
        planes: Stored numbers of each band, (h, w).
    """
    begin: Callable[..., int] = _begin_tiff if form.suffix == ".tif" else _begin_hdf5
    offset = begin(path, form, shape, wavelengths_nm)
    with path.open("r+b") as file:
        file.seek(offset)
        for plane in planes:
            file.write(np.ascontiguousarray(plane.T if form.columns_first else plane).data)


def _begin_hdf5(
    path: Path, form: Form, shape: tuple[int, int, int], wavelengths_nm: NDArray[np.float64]
) -> int:
    """Write what comes before the numbers of an HDF5 file; returns where they begin."""
    height, width, bands = shape
    axes = (bands, width, height) if form.columns_first else (bands, height, width)
    image = io.BytesIO()
    block = MATLAB_BLOCK if form.columns_first else 0
    with h5py.File(image, "w", userblock_size=block) as file:
        if form.wavelengths:
            file["wavelengths_nm"] = wavelengths_nm
        dataset = file.create_dataset(form.key, axes, form.dtype)
        if form.columns_first:
            dataset.attrs["MATLAB_class"] = np.bytes_(MATLAB_CLASS[form.dtype])
        # The first number gets all of them their place: at the end of the file, for nothing else
        # follows, and the memory holds one of them only.
        dataset[0, 0, 0] = 0
        offset = int(dataset.id.get_offset())
    head = bytearray(image.getvalue()[:offset])
    if form.columns_first:
        text = MATLAB_TEXT + b" schema 1.00 ."
        head[:MATLAB_BLOCK] = (text.ljust(116) + bytes(8) + b"\0\2IM").ljust(MATLAB_BLOCK, b"\0")
    path.write_bytes(head)
    return offset


def _begin_tiff(path: Path, form: Form, shape: tuple[int, int, int], _: object) -> int:
    """Write a GeoTIFF of so many samples, a band after the other, without its numbers."""
    height, width, bands = shape
    with tifffile.TiffWriter(path) as tiff:
        placed = tiff.write(
            None,
            shape=(bands, height, width),
            dtype=form.dtype,
            photometric="minisblack",
            planarconfig="separate",
            metadata=None,
            extratags=GEO_TAGS,
            rowsperstrip=height,
            returnoffset=True,
        )
    assert placed is not None, "numbers that lie in one piece have a place"
    return int(placed[0])


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask of shape (H, W) as a grey picture of 0 and 255, JPEG or not."""
    _save(path, mask.astype(np.uint8) * np.uint8(255), MASK_QUALITY)


def write_label(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask of shape (H, W) as a TIFF of 0 and 1, and -1 in a corner without data."""
    height, width = mask.shape
    y, x = np.ogrid[:height, :width]
    label = mask.astype(np.int16)
    label[(y / height + x / width) < 0.2] = IGNORED
    tifffile.imwrite(path, label, photometric="minisblack", metadata=None)


def write_colour(path: Path, colours: NDArray[np.uint8]) -> None:
    """Write a colour picture, sRGB of shape (H, W, 3)."""
    _save(path, colours, COLOUR_QUALITY)


def _save(path: Path, levels: NDArray[np.uint8], quality: int) -> None:
    Image.fromarray(levels).save(path, quality=quality)  # of which PNG takes no notice
