"""Zarr: a group with an array ``cube`` of rows, columns and bands, and ``wavelengths_nm``.

Version 2, which every program that knows Zarr reads; axes are named as xarray wants them.
"""

import time
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
    store = _stoppable(folder)
    try:
        group = zarr.create_group(store, zarr_format=2)
        cube = _add_arrays(group, plan)
        for top, block in whole_chunks(blocks, plan.chunks()[0]):
            cube[top : top + len(block)] = plan.encoding.encode(block)
        zarr.consolidate_metadata(store, zarr_format=2)
    except BaseException:
        store.stop()
        raise


def _stoppable(folder: Path) -> Any:  # noqa: ANN401
    """A folder to which nothing is written any more once ``stop`` has returned.

    The library writes chunks side by side in a thread of its own, and goes on with the others
    after one has failed, or after Ctrl-C: they would come after the folder is removed.
    """
    from zarr.storage import LocalStore

    class Stoppable(LocalStore):
        stopped = False
        running = 0

        async def set(self, key: str, value: Any) -> None:  # noqa: ANN401
            if self.stopped:
                return
            self.running += 1
            try:
                await super().set(key, value)
            finally:
                self.running -= 1

        def stop(self) -> None:
            self.stopped = True
            while self.running:
                time.sleep(0.01)

    return Stoppable(folder)


def _add_arrays(group: Any, plan: Plan) -> Any:  # noqa: ANN401
    """The wavelengths, and the cube, which is returned to be filled."""
    encoding = plan.encoding
    told: dict[str, Any] = {DIMENSIONS: AXES}
    if encoding.scaled:
        told |= {"scale_factor": encoding.scale_factor, "add_offset": encoding.add_offset}
    if encoding.fill is not None:
        told["_FillValue"] = encoding.fill
    if plan.georeference is not None:
        told["grid_mapping"] = "spatial_ref"
        group.create_array(
            "spatial_ref",
            shape=(),
            dtype="float64",
            compressors=None,
            fill_value=0.0,
            attributes={DIMENSIONS: [], **plan.grid_mapping()},
        )
    if plan.wavelengths_nm is not None:
        told |= {"wavelengths_nm": plan.wavelengths_nm.tolist(), "coordinates": "wavelengths_nm"}
        centres = group.create_array(
            "wavelengths_nm",
            shape=plan.wavelengths_nm.shape,
            dtype="float64",
            compressors=None,
            fill_value=float("nan"),
            attributes={DIMENSIONS: AXES[2:], "units": "nm"},
        )
        centres[:] = plan.wavelengths_nm
    return group.create_array(
        "cube",
        shape=plan.shape,
        chunks=plan.chunks(),
        dtype=encoding.dtype,
        compressors=_compressor(plan.compression),
        # A chunk that gets lost is invalid pixels then, and not zeros.
        fill_value=float("nan") if encoding.dtype.kind == "f" else encoding.fill,
        attributes=told,
    )


def _compressor(compression: str) -> Any:  # noqa: ANN401
    if compression == "none":
        return None
    from numcodecs import Blosc

    name, level = ("lz4", 5) if compression == "fast" else ("zstd", 7)
    return Blosc(name, clevel=level, shuffle=Blosc.SHUFFLE)
