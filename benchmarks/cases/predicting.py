"""The whole command on a camera's whole picture, against reading the file and nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding
from benchmarks.inputs import Cubes, Inputs
from benchmarks.measuring import Side, Stopwatch, Timing, medians

READINGS = 6.0
"""How many times as long as reading the command may take, start-up apart."""
PEAK = 1.5
"""Gigabytes the command may have at a time; the cube alone is 1.67 GB."""
READY, NEW = "a ready array", "a new array"
TINY, IMPORTS = "its run on a tiny cube", "its imports"
IMPORTING = "import dmssn.predicting, dmssn.readers.hdf5"
VARIANTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": True},
    "bands first": {},
}


def _build(inputs: Inputs) -> Iterator[Point]:
    cube = inputs.cube(*inputs.sizes.frame, inputs.sizes.bands)
    tiny = inputs.folder / "tiny.h5"
    _write(tiny, cube[:48, :64], {})
    for variant, settings in list(VARIANTS.items())[: 1 if inputs.quick else None]:
        path = inputs.folder / f"{variant.replace(' ', '-')}.h5"
        stored = cube.transpose(2, 0, 1) if variant == "bands first" else cube
        _write(path, stored, settings)
        try:
            yield _point(variant, path, tiny, cube.shape, warm=not inputs.quick)
        finally:
            path.unlink()


def _write(path: Path, cube: Cubes, settings: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("dataset", data=cube, **settings)


def _point(variant: str, path: Path, tiny: Path, shape: tuple[int, ...], *, warm: bool) -> Point:
    output = path.parent / "predicted"
    band_axis = 0 if variant == "bands first" else 2
    with h5py.File(path) as file:
        ready = np.ones(file["dataset"].shape, dtype=np.float32)

    def reading(watch: Stopwatch) -> None:
        with h5py.File(path) as file:
            file["dataset"].read_direct(ready)

    def reading_anew(watch: Stopwatch) -> None:
        with h5py.File(path) as file:
            file["dataset"][()]

    def launch(*words: str) -> dict[str, Any]:
        launcher = [sys.executable, "-m", "benchmarks.launching", sys.executable, *words]
        done = subprocess.run(launcher, stdout=subprocess.PIPE, text=True, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def command(cube: Path, band_axis: int) -> dict[str, Any]:
        # Told, for from the lengths of a tiny cube the axis of the bands cannot be guessed.
        options = ["-o", str(output), "--band-axis", str(band_axis)]
        return launch("-m", "dmssn", "predict", str(cube), *options)

    memory: dict[str, int] = {}

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        middle = medians(timings)
        memory["dmssn"] = int(results["dmssn"]["peak"])

        def share(beside: str, reading: str) -> Finding:
            found = (middle["dmssn"] - middle[beside]) / middle[reading]
            name = f"the command less {beside}, in readings into {reading}"
            return Finding(name, found, READINGS, kind="criterion")

        written = sorted(file.name for file in output.glob(f"{path.stem}.*"))
        return [
            Finding("pictures written", len(written), 2, at_most=False),
            share(TINY, NEW),
            share(IMPORTS, NEW),
            share(TINY, READY),
            share(IMPORTS, READY),
            Finding("peak memory, GB", memory["dmssn"] / 1e9, PEAK, kind="criterion"),
        ]

    height, width, bands = shape
    sides = [
        Side("dmssn", lambda watch: command(path, band_axis), warm=warm),
        Side(READY, reading),
        Side(NEW, reading_anew),
        Side(TINY, lambda watch: command(tiny, 2), warm=warm),
        Side(IMPORTS, lambda watch: launch("-c", IMPORTING), warm=warm),
    ]
    facts = {"height": height, "width": width, "bands": bands}
    return Point(sides, facts, judge, variant, memory=memory)


CASES = (
    Case(
        "predict_full",
        "The command `dmssn predict` on a whole picture in an HDF5 file, from the start of the "
        "program to the pictures on disk, beside h5py reading the same file, from a warm "
        "cache, into an array that has its pages and into a new one. The command chooses its "
        "allocator itself.",
        _build,
        (Row("predict_full", READY, compared=False, others=(NEW, TINY, IMPORTS)),),
        repeats=5,
        allocators=("default",),
        memory=False,
    ),
)
