"""Zarr: a group with an array ``cube`` of rows, columns and bands, and ``wavelengths_nm``.

Version 2, which every program that knows Zarr reads; axes are named as xarray wants them.
"""

from pathlib import Path
from typing import Any

from dmssn.readers.zarr_stores import DIMENSIONS, library
from dmssn.writers.plan import Blocks, Plan, whole_chunks

AXES = ["row", "column", "band"]


def write_zarr(folder: Path, blocks: Blocks, plan: Plan) -> None:
    """Write a store.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
        ValueError: The extra ``zarr`` is not installed.
    """
    zarr = library(folder)
    encoding = plan.encoding
    told: dict[str, Any] = {DIMENSIONS: AXES}
    if encoding.scaled:
        told |= {"scale_factor": encoding.scale_factor, "add_offset": encoding.add_offset}
    if encoding.fill is not None:
        told["_FillValue"] = encoding.fill
    store = zarr.create_group(str(folder), zarr_format=2)
    if plan.wavelengths_nm is not None:
        told |= {"wavelengths_nm": plan.wavelengths_nm.tolist(), "coordinates": "wavelengths_nm"}
        centres = store.create_array(
            "wavelengths_nm",
            shape=plan.wavelengths_nm.shape,
            dtype="float64",
            compressors=None,
            fill_value=float("nan"),
            attributes={DIMENSIONS: AXES[2:], "units": "nm"},
        )
        centres[:] = plan.wavelengths_nm
    cube = store.create_array(
        "cube",
        shape=plan.shape,
        chunks=plan.chunks(),
        dtype=encoding.dtype,
        compressors=_compressor(plan.compression),
        # A chunk that gets lost is invalid pixels then, and not zeros.
        fill_value=float("nan") if encoding.dtype.kind == "f" else encoding.fill,
        attributes=told,
    )
    for top, block in whole_chunks(blocks, plan.chunks()[0]):
        cube[top : top + len(block)] = encoding.encode(block)
    zarr.consolidate_metadata(store.store, zarr_format=2)


def _compressor(compression: str) -> Any:  # noqa: ANN401
    if compression == "none":
        return None
    from numcodecs import Blosc

    name, level = ("lz4", 5) if compression == "fast" else ("zstd", 7)
    return Blosc(name, clevel=level, shuffle=Blosc.SHUFFLE)


__all__ = ["write_zarr"]
