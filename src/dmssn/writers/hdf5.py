"""HDF5: a dataset ``cube`` of rows, columns and bands, and ``wavelengths_nm`` beside it.

And MATLAB 7.3's form of it: axes reversed, so that MATLAB sees rows, columns, bands; a text
before the HDF5; classes in attributes. Letters: H rows, W columns, B bands, h rows of a block.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dmssn.writers.enduring import EnduringFile
from dmssn.writers.plan import Blocks, Plan, whole_chunks

AXES = ("row", "column", "band")
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "fast": {"compression": "lzf", "shuffle": True},
    "small": {"compression": "gzip", "compression_opts": 6, "shuffle": True},
}
MATLAB_FILTERS = FILTERS | {"fast": {"compression": "gzip", "compression_opts": 1, "shuffle": True}}
"""MATLAB has no LZF."""
CLASSES = {"float32": "single", "float64": "double", "uint16": "uint16"}
"""What MATLAB calls types; it has none for float16."""
USER_BLOCK = 512
MATLAB_TEXT = b"MATLAB 7.3 MAT-file, Platform: dmssn HDF5 schema 1.00 .".ljust(116) + bytes(8)
MATLAB_VERSION = b"\x00\x02IM"
"""Version 2 of the header, little-endian."""

Run = Callable[..., Any]


def write_hdf5(path: Path, blocks: Blocks, plan: Plan) -> None:
    """Write plain HDF5.

    Raises:
        OSError: The disk is full, or the file cannot be written.
    """
    with _creating(path) as (file, run):
        run(_add_wavelengths, file, plan)
        cube = run(_add_cube, file, plan, plan.shape, plan.chunks(), FILTERS, AXES)
        run(_add_georeference, file, cube, plan)
        for top, block in whole_chunks(blocks, plan.chunks()[0]):
            run(_put, cube, np.s_[top : top + len(block)], plan.encoding.encode(block))


def write_matlab(path: Path, blocks: Blocks, plan: Plan) -> None:
    """Write a MATLAB 7.3 file.

    Raises:
        OSError: The disk is full, or the file cannot be written.
    """
    chunks, axes = plan.chunks()[::-1], AXES[::-1]
    with _creating(path, MATLAB_TEXT + MATLAB_VERSION) as (file, run):
        run(_add_wavelengths, file, plan, matlab=True)
        cube = run(_add_cube, file, plan, plan.shape[::-1], chunks, MATLAB_FILTERS, axes)
        run(_add_class, cube)
        run(_add_georeference, file, cube, plan, matlab=True)
        for top, block in whole_chunks(blocks, chunks[2]):
            turned = plan.encoding.encode(block).transpose(2, 1, 0)
            run(_put, cube, np.s_[:, :, top : top + len(block)], turned)


@contextmanager
def _creating(path: Path, text: bytes = b"") -> Iterator[tuple[h5py.File, Run]]:
    """A new file, and what runs a step of writing to it and raises what the disk said.

    The steps run in a thread of their own, which no Ctrl-C can interrupt: one within HDF5 would
    be a failed write to it.
    """
    with path.open("w+b", buffering=0) as disk, ThreadPoolExecutor(1) as thread:
        enduring = EnduringFile(disk)

        def run(step: Callable[..., Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            done = thread.submit(step, *arguments, **options).result()
            enduring.check()
            return done

        file = run(h5py.File, enduring, "w", userblock_size=USER_BLOCK if text else 0)
        try:
            yield file, run
        finally:
            run(file.close)
        enduring.seek(0)
        enduring.write(text)
        enduring.check()


def _add_cube(
    file: h5py.File,
    plan: Plan,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    filters: dict[str, dict[str, Any]],
    axes: tuple[str, ...],
) -> h5py.Dataset:
    encoding = plan.encoding
    packed = filters[plan.compression]
    cube = file.create_dataset("cube", shape, encoding.dtype, chunks=chunks, **packed)
    for axis, name in zip(cube.dims, axes, strict=True):
        axis.label = name
    if encoding.scaled:
        cube.attrs["scale_factor"] = encoding.scale_factor
        cube.attrs["add_offset"] = encoding.add_offset
    if encoding.fill is not None:
        cube.attrs["_FillValue"] = encoding.dtype.type(encoding.fill)
    return cube


def _add_wavelengths(file: h5py.File, plan: Plan, *, matlab: bool = False) -> None:
    if plan.wavelengths_nm is None:
        return
    # MATLAB knows no vectors: this is one row to it.
    values = plan.wavelengths_nm[:, None] if matlab else plan.wavelengths_nm
    file["wavelengths_nm"] = values
    file["wavelengths_nm"].attrs["units"] = "nm"
    if matlab:
        _add_class(file["wavelengths_nm"])


def _add_georeference(
    file: h5py.File, cube: h5py.Dataset, plan: Plan, *, matlab: bool = False
) -> None:
    if plan.georeference is None:
        return
    cube.attrs["grid_mapping"] = "spatial_ref"
    file["spatial_ref"] = np.zeros((1, 1) if matlab else ())  # an array that only says something
    file["spatial_ref"].attrs.update(plan.grid_mapping())
    if matlab:
        _add_class(file["spatial_ref"])


def _add_class(dataset: h5py.Dataset) -> None:
    dataset.attrs["MATLAB_class"] = np.bytes_(CLASSES[dataset.dtype.name])


def _put(cube: h5py.Dataset, where: Any, numbers: NDArray[Any]) -> None:  # noqa: ANN401
    cube[where] = numbers
