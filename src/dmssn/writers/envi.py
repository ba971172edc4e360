"""ENVI: raw numbers in a file ``.img`` and a text header ``.hdr``.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dmssn.cube import Georeference
from dmssn.geotiff import esri_wkt
from dmssn.map_info import map_info_lines
from dmssn.writers.plan import Blocks, Plan

RAW_SUFFIX = ".img"
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
"""Interleave to the order in which (H, W, B) is stored."""
CODES = {"float32": 4, "uint16": 12}
"""ENVI's numbers of types; it has none for float16."""


def write_envi(raw: Path, header: Path, blocks: Blocks, plan: Plan) -> None:
    """Write the raw numbers, then the header.

    With seeks rather than a memory map: a full disk is an error then and no signal that ends the
    process.

    Raises:
        OSError: The disk is full, or a file cannot be written.
    """
    height, width, bands = plan.shape
    dtype = plan.encoding.dtype.newbyteorder("<")
    with raw.open("wb") as file:
        top = 0
        for block in blocks:
            stored = plan.encoding.encode(block).astype(dtype, copy=False)
            turned = stored.transpose(AXES[plan.interleave])
            if plan.interleave == "bsq":
                for band in range(bands):
                    file.seek((band * height + top) * width * dtype.itemsize)
                    file.write(np.ascontiguousarray(turned[band]).data)
            else:
                file.write(np.ascontiguousarray(turned).data)
            top += len(block)
    header.write_text(_header(plan), encoding="ascii")


def _header(plan: Plan) -> str:
    height, width, bands = plan.shape
    encoding = plan.encoding
    lines = [
        "ENVI",
        "description = {written by dmssn}",
        f"samples = {width}",
        f"lines = {height}",
        f"bands = {bands}",
        "header offset = 0",
        "file type = ENVI Standard",
        f"data type = {CODES[encoding.dtype.name]}",
        f"interleave = {plan.interleave}",
        "byte order = 0",
    ]
    if encoding.fill is not None:
        lines.append(f"data ignore value = {encoding.fill}")
    if encoding.scale_factor != 1:
        # The very float32 number that the encoding was made from.
        lines.append(f"reflectance scale factor = {float(np.float32(1 / encoding.scale_factor))!r}")
    if plan.wavelengths_nm is not None:
        centres = ", ".join(map(repr, plan.wavelengths_nm.tolist()))
        lines += ["wavelength units = Nanometers", f"wavelength = {{{centres}}}"]
    if plan.georeference is not None:
        lines += map_info_lines(_in_esris_words(plan.georeference))
    return "\n".join(lines) + "\n"


def _in_esris_words(found: Georeference) -> Georeference:
    if found.projection or found.crs is None:  # from a header: ENVI's already
        return found
    return replace(found, crs=esri_wkt(found.crs))
