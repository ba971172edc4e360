"""The two layouts that ``dmssn convert`` writes, each read in the way the other is made for."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding, same
from benchmarks.inputs import Cubes, Inputs
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn.converting import convert_all
from dmssn.readers import open_cube
from dmssn.writers.formats import Choices

SPECTRA = 100
"""Single spectra that are read, at places chosen by chance."""
SEED = 3
LAYOUTS = ("cube", "spectrum")


def _build(inputs: Inputs) -> Iterator[Point]:
    side, bands = inputs.sizes.side, inputs.sizes.bands
    source = inputs.folder / "to-convert.h5"
    with h5py.File(source, "w") as file:
        file["cube"] = inputs.cube(side, side, bands)
    paths = {}
    for layout in LAYOUTS:
        paths[layout] = inputs.folder / f"for-{layout}.h5"
        convert_all(
            [source],
            paths[layout],
            open_cube=partial(open_cube, band_axis=2),
            choices=Choices(layout=layout),
        )
    places = np.random.default_rng(SEED).integers(0, side, (SPECTRA, 2))

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        return [
            same(
                f"{kind} of both layouts", results[f"{kind}, cube"], results[f"{kind}, spectrum"], 0
            )
            for kind in ("cube", "spectra")
        ]

    sides = [
        Side(f"{kind}, {layout}", read(paths[layout], places))
        for kind, read in (("cube", _whole), ("spectra", _spectra))
        for layout in LAYOUTS
    ]
    facts = {"height": side, "width": side, "bands": bands}
    try:
        yield Point(sides, facts, judge)
    finally:
        for path in (source, *paths.values()):
            path.unlink()


def _whole(path: Path, places: NDArray[np.intp]) -> Callable[[Stopwatch], Cubes]:
    return lambda watch: open_cube(path).read()


def _spectra(path: Path, places: NDArray[np.intp]) -> Callable[[Stopwatch], Cubes]:
    def read(watch: Stopwatch) -> Cubes:
        with h5py.File(path) as file:
            return np.stack([file["cube"][row, column] for row, column in places.tolist()])

    return read


CASES = (
    Case(
        "layouts",
        f"The whole cube read by dmssn, and {SPECTRA} single spectra read by h5py at places chosen "
        "by chance, from HDF5 that `dmssn convert` wrote with `--layout cube` and with `--layout "
        "spectrum`, both compressed fast, from a warm cache.",
        _build,
        (
            Row("layouts_cube", "cube, spectrum", ours="cube, cube"),
            Row("layouts_spectra", "spectra, cube", ours="spectra, spectrum"),
        ),
        allocators=("kept",),
        memory=False,
    ),
)
