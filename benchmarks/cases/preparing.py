"""The whole command that prepares a data set, with one worker and with two."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.faking import write_fake
from dmssn.datasets.faking_plan import FakeSettings

SCENES = 4
"""Two for each of two workers."""
PEAK = 1.5
"""Gigabytes a process may have at a time."""
SHARE = 0.1
"""Of a dense cube at the network's size that a prepared scene may take."""
WORKERS = {"1 worker": 1, "2 workers": 2}


def _build(inputs: Inputs) -> Iterator[Point]:
    kind, root = data_set("hsod-bit"), inputs.folder / "made-up"
    settings = FakeSettings(
        scenes=SCENES, size=inputs.sizes.frame if inputs.quick else None, quirks=False
    )
    write_fake(kind, root, settings, workers=2)
    side, bands = inputs.sizes.side, kind.bands or 0
    outputs = {name: inputs.folder / name.replace(" ", "-") for name in WORKERS}
    memory: dict[str, int] = {}

    def prepare(name: str, watch: Stopwatch) -> dict[str, Any]:
        shutil.rmtree(outputs[name], ignore_errors=True)
        words = [
            *(sys.executable, "-m", "benchmarks.launching", sys.executable, "-m", "dmssn"),
            *("prepare", kind.name, str(root), "-o", str(outputs[name]), "--size", str(side)),
            # All four are there, so by fold; turned as they are, so that each is read once.
            *("--fold", f"1/{SCENES}", "--orientation", "none", "--json"),
            *("--workers", str(WORKERS[name])),
        ]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        watch.seconds |= json.loads(told["said"])["seconds"]
        return told

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        memory.update({name: int(results[name]["peak"]) for name in WORKERS})
        one, two = (_contents(outputs[name]) for name in WORKERS)
        sizes = [len(data) for name, data in one.items() if name.endswith(".safetensors")]
        share = max(sizes) / (side * side * bands * 4)
        peak = max(memory.values()) / 1e9
        return [
            Finding("scenes", len(sizes), SCENES, at_most=False),
            Finding("files that differ", len(one.items() ^ two.items()), 0),
            Finding("peak memory of a process, GB", peak, PEAK, kind="criterion"),
            Finding("largest scene over a dense cube", share, SHARE, kind="criterion"),
        ]

    height, width = settings.size or kind.shape or (0, 0)
    sides = [
        Side(name, lambda watch, name=name: prepare(name, watch), warm=False)  # type: ignore[misc]
        for name in WORKERS
    ]
    facts = {"height": height, "width": width, "bands": bands, "scenes": SCENES}
    try:
        yield Point(sides, facts, judge, memory=memory)
    finally:
        shutil.rmtree(root)


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


CASES = (
    Case(
        "prepare_set",
        f"The command `dmssn prepare` on {SCENES} made-up scenes of HSOD-BIT as its first release "
        "stores them (MATLAB 7.3, float32, in one piece), from a warm cache, with one worker and "
        "with two; the start of the program and of its workers is in it.",
        _build,
        (Row("prepare_set", "1 worker", ours="2 workers"),),
        repeats=3,
        allocators=("default",),
        memory=False,
    ),
)
