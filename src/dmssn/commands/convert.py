"""``dmssn convert``: cubes in another format.

Examples:
    dmssn convert scene.mat -o scene.h5
    # all cubes of a folder, in half the space
    dmssn convert cubes/ -o out --format zarr --dtype uint16
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from dmssn.commands.cube_options import CubeOptions
from dmssn.commands.cube_reports import report


def main(
    cubes: Annotated[tuple[Path, ...], Parameter(negative="")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    format: Literal["h5", "mat", "envi", "zarr"] | None = None,
    dtype: Literal["float32", "float16", "uint16"] = "float32",
    layout: Literal["cube", "spectrum"] | None = None,
    compression: Literal["none", "fast", "small"] | None = None,
    interleave: Literal["bsq", "bil", "bip"] | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[CubeOptions, Parameter(name="*")] = CubeOptions(),  # noqa: B008
) -> int:
    """Write cubes in another format, or in another form of their own.

    Each is read in blocks of rows, written, and read back; only what reads back as the same cube
    takes the name of the output. One bad cube does not stop the others.

    Args:
        cubes: Cubes in any format that is read, or folders of cubes.
        output: For one cube a file ending in .h5, .mat, .hdr (ENVI) or .zarr; else a folder.
        format: Format of the files in a folder; of one file its ending tells it.
        dtype: Type of the stored numbers; uint16 with a scale and an offset.
        layout: What chunks are made for: reading whole cubes (the default) or single spectra.
        compression: By default fast; ENVI has none.
        interleave: ENVI's order of axes, by default bip.
        json: Describe the results on stdout as JSON.
        options: How the cubes' files are to be understood.

    Returns:
        0 when every cube is written; 2 when an option did not fit one; else 1.
    """
    from dmssn.converting import convert_all
    from dmssn.writers.formats import Choices

    options.check()
    results = convert_all(
        cubes,
        output,
        open_cube=options.open,
        choices=Choices(
            format=format,
            dtype=dtype,
            layout=layout,
            compression=compression,
            interleave=interleave,
        ),
        inputs=[path for path in (options.white, options.dark) if path is not None],
    )
    return report("convert", results, _line, as_json=json)


def _line(result: dict[str, Any]) -> str:
    """What was written for one cube."""
    size = " x ".join(map(str, result["shape"]))
    before, after = (_megabytes(result[key]) for key in ("bytes_before", "bytes_after"))
    return f"{result['cube']}: {result['output']}, {size} {result['dtype']}, {before} -> {after} MB"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.3g}" if size < 1e9 else f"{size / 1e6:,.0f}"
