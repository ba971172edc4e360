"""``dmssn info``: what is in cube files, and how they will be read.

Examples:
    dmssn info scene.mat
    # which variable it is, and without the bands that water vapour takes
    dmssn info scene.mat --key cube --drop-nm 1350-1450
    dmssn info scenes/*.h5 --json
"""

import json
import sys
from itertools import pairwise
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dmssn.commands.cube_options import CubeOptions
from dmssn.config import SettingError

if TYPE_CHECKING:
    from dmssn.readers import CubeFile


def main(
    cubes: Annotated[
        tuple[Path, ...], Parameter(help="Files, or folders of one-band pictures.", negative="")
    ],
    /,
    *,
    options: Annotated[CubeOptions, Parameter(name="*")] = CubeOptions(),  # noqa: B008
    as_json: Annotated[
        bool, Parameter(name="--json", help="Print one JSON array.", negative="")
    ] = False,
) -> int:
    """Show what a cube file holds: shape, range, wavelengths, and how it is read.

    Cubes that cannot be read are reported on stderr; the others are still shown.

    Returns:
        0 when all could be read; 2 when an option did not fit one; else 1.
    """
    options.check()
    reports, code = [], 0
    for path in cubes:
        try:
            report = describe(options.open(path))
        except (ValueError, OSError) as error:
            code = max(code, 2 if isinstance(error, SettingError) else 1)
            report = {"path": str(path), "error": " ".join(str(error).split())}
            print(f"dmssn info: {report['error']}", file=sys.stderr)
        reports.append(report)
        if not as_json and "error" not in report:
            print(_text(report))
    if as_json:
        print(json.dumps(reports, indent=2))
    return code


def describe(file: "CubeFile") -> dict[str, Any]:
    """What there is to say about a cube, as plain values; reads all its numbers once.

    Raises:
        ValueError: The file is damaged, or no pixel is valid.
    """
    centres, place = file.wavelengths_nm, file.georeference
    return {
        "path": str(file.path),
        "name": file.name,
        "shape": list(file.shape),
        "stored_shape": list(file.stored_shape),
        "dtype": file.dtype.name,
        "key": file.key,
        "axis_decision": file.axis_decision,
        **_range(file),
        "wavelengths_nm": None if centres is None else centres.tolist(),
        "georeference": None if place is None else {"transform": place.transform, "crs": place.crs},
        "notes": list(file.notes),
    }


def _range(file: "CubeFile") -> dict[str, float | int]:
    """Least and greatest value over the valid pixels, and the number of invalid ones."""
    import numpy as np

    from dmssn.progress import track

    height, width, bands = file.shape
    least, greatest, valid = np.inf, -np.inf, 0
    filled = np.zeros(bands, dtype=bool)
    source = file.sideways() or file  # rows or columns: to a range they are the same
    for rows in track(source.row_blocks(), f"reading {file.name}", each="blocks"):
        block = source.read(rows)
        with np.errstate(invalid="ignore"):  # infinities of both signs in one pixel
            good = np.isfinite(block.sum(axis=2, dtype=np.float64))
        spectra = block if good.all() else block[good]
        valid += int(good.sum())
        if valid == 0:
            filled |= np.isfinite(block).any(axis=(0, 1))
        least = min(least, float(spectra.min(initial=np.inf)))
        greatest = max(greatest, float(spectra.max(initial=-np.inf)))
    if valid == 0:
        raise file.without_valid_pixel(filled)
    return {"min": least, "max": greatest, "invalid_pixels": height * width - valid}


def _text(report: dict[str, Any]) -> str:
    """A report as lines for people."""
    height, width, bands = report["shape"]
    stored = " x ".join(map(str, report["stored_shape"]))
    lines = [
        ("size", f"{height} rows x {width} columns x {bands} bands"),
        ("stored", f"{stored} {report['dtype']}"),
        ("variable", report["key"]),
        ("bands", report["axis_decision"]),
        ("wavelengths", _wavelengths_text(report["wavelengths_nm"])),
        ("place", _place_text(report["georeference"])),
        ("range", f"{report['min']:g} to {report['max']:g}"),
        ("invalid", f"{report['invalid_pixels']} of {height * width} pixels"),
        *(("note", note) for note in report["notes"]),
    ]
    shown = (f"  {label:<12}{value}" for label, value in lines if value is not None)
    return "\n".join([report["path"], *shown])


def _place_text(place: dict[str, Any] | None) -> str | None:
    """The upper left corner and the size of a pixel; of a system in WKT its name."""
    if place is None:
        return None
    a, b, x, d, e, y = place["transform"]
    width, height = hypot(a, d), hypot(b, e)
    crs = place["crs"]
    name = (crs.split('"')[1] if '"' in crs else crs) if crs else "a system that is not told"
    return f"upper left at ({x:.12g}, {y:.12g}), pixels of {width:g} x {height:g}, in {name}"


def _wavelengths_text(centres: list[float] | None) -> str:
    if centres is None:
        return "unknown"
    if len(centres) == 1:
        return f"{centres[0]:g} nm"
    steps = [after - before for before, after in pairwise(centres)]
    low, high = f"{min(steps):.3g}", f"{max(steps):.3g}"
    step = f"step {low}" if low == high else f"steps {low} to {high}"
    return f"{centres[0]:g} to {centres[-1]:g} nm, {step} nm"
