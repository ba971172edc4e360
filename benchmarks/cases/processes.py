"""Training as it is started, with one process and with two that torchrun starts."""

import math
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding, same
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn.config import Recipe
from dmssn.preparing_sets import prepare_set
from dmssn.recipes import read_recipe
from dmssn.runs.records import RunRecord, loss_terms, read_run
from dmssn.scene_folders import SceneSettings, write_scenes
from dmssn.training.stages import train_teacher

ONE, THREADS = "1 process, 1 thread", "1 process, 2 threads"
PROCESSES = "2 processes, 1 thread each"
SIDES = {ONE: (1, 1), THREADS: (1, 2), PROCESSES: (2, 1)}
"""Processes, and threads of each."""
AROUND = 2
"""Epochs that are not timed: the first, which warms up, and the last, which is validated."""
RESOLUTION = 0.1
"""Seconds between two times that a log can tell apart."""


@dataclass(frozen=True)
class Sizes:
    """Of the scenes, and how long they are trained on."""

    side: int = 256
    bands: int = 64
    scenes: int = 60
    """Of which 8 in 10 are trained on."""
    batch: int = 6
    components: int = 50
    epochs: int = 5
    """That are timed."""


FULL = Sizes()
QUICK = Sizes(side=32, bands=8, scenes=10, batch=4, components=6, epochs=2)

RECIPE = """\
[data]
scenes = "{folder}/scenes"
prepared = "{folder}/prepared"
[prepare]
size = {side}
[prepare.mixture]
components = {components}
[teacher.fit]
epochs = 1
[detector]
teacher = "{folder}/teacher"
# What is left to chance differs with the number of processes, and weights are to be compared.
dropout = 0.0
attention_dropout = 0.0
drop_path = 0.0
[detector.fit]
epochs = {epochs}
validate_every = {epochs}
batch = {batch}
# Adam would make much of small differences: it divides a gradient by its size.
optimizer = "sgd"
learning_rate = 0.01
"""


def _build(inputs: Inputs) -> Iterator[Point]:
    sizes, folder = QUICK if inputs.quick else FULL, inputs.folder / "processes"
    trained_on = _prepare(sizes, folder)
    facts = {"height": sizes.side, "width": sizes.side, "bands": sizes.bands}
    facts |= {"images": sizes.batch, "epochs": sizes.epochs, "scenes": trained_on * sizes.epochs}

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        rates = {name: facts["scenes"] / timing.median for name, timing in timings.items()}
        return [
            *(Finding(f"scenes a second, {n}", r, kind="told") for n, r in rates.items()),
            *_agreement({name: folder / _run_name(name) for name in SIDES}),
        ]

    # Small, one run of each will do: a start of torchrun takes longer than all it trains.
    repeats = 1 if inputs.quick else None
    sides = [Side(name, partial(_train, name, folder), repeats, warm=False) for name in SIDES]
    try:
        yield Point(sides, facts, judge)
    finally:
        shutil.rmtree(folder)


def _prepare(sizes: Sizes, folder: Path) -> int:
    """Scenes, prepared, a recipe and a teacher; returns the number of training scenes."""
    folder.mkdir()
    path = folder / "recipe.toml"
    epochs = sizes.epochs + AROUND
    path.write_text(
        RECIPE.format(
            folder=folder.as_posix(),
            side=sizes.side,
            components=sizes.components,
            epochs=epochs,
            batch=sizes.batch,
        ),
        encoding="utf-8",
    )
    recipe = read_recipe(Recipe, path)
    side, bands, count = sizes.side, sizes.bands, sizes.scenes
    settings = SceneSettings(count=count, height=side, width=side, bands=bands, seed=0)
    write_scenes(settings, recipe.data.scenes)
    manifest = prepare_set(recipe.data, recipe.prepare).manifest
    if manifest is None:
        raise RuntimeError("the generated scenes cannot all be prepared")
    cpu = torch.device("cpu")
    train_teacher(recipe, folder / "teacher", device=cpu, resume=False, init=None)
    return len(manifest.splits["train"])


def _train(name: str, folder: Path, watch: Stopwatch) -> None:
    """Train in a folder of its own; what counts is the time of the epochs that are timed."""
    processes, threads = SIDES[name]
    run = folder / _run_name(name)
    shutil.rmtree(run, ignore_errors=True)
    torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m")
    words = [
        *(sys.executable, "-m", *(torchrun if processes > 1 else ()), "dmssn", "train"),
        # -o, for torchrun takes --run as short for an option of its own.
        *("recipe.toml", "-o", run.name, "--device", "cpu", "--threads", str(threads)),
    ]
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    watch.whole = seconds_timed(read_run(run))


def _run_name(side: str) -> str:
    return side.replace(",", "").replace(" ", "-")


def seconds_timed(run: RunRecord) -> float:
    """From the end of the first epoch to the end of the last but one, at least ``RESOLUTION``."""
    seconds = [line["seconds"] for line in run.epochs]
    return max(float(seconds[-2] - seconds[0]), RESOLUTION)


def _agreement(runs: Mapping[str, Path]) -> list[Finding]:
    """Whether the runs were what they are called, and ended with the same weights."""
    records = {name: read_run(run) for name, run in runs.items()}
    last = {name: record.facts[-1] for name, record in records.items()}
    started = {name: (facts["processes"], facts["threads"]) for name, facts in last.items()}
    weights = {name: _weights(run / "last.safetensors") for name, run in runs.items()}
    first, *_, end = (_loss(line) for line in records[ONE].epochs)
    return [
        Finding("sides of other processes or threads", len(started.items() ^ SIDES.items()), 0),
        same(f"final weights, {THREADS}, against 1 thread", weights[THREADS], weights[ONE], 1e-5),
        same(f"final weights, {PROCESSES}, against 1", weights[PROCESSES], weights[ONE], 1e-5),
        # Or their agreement would say little.
        Finding("loss of the last epoch over the first's", end / first, 0.98),
    ]


def _loss(line: dict[str, Any]) -> float:
    """All terms of an epoch; one that is not finite has no number in the log."""
    return sum(math.nan if term is None else term for term in loss_terms(line).values())


def _weights(path: Path) -> Tensor:
    """All weights of a checkpoint, end to end."""
    return torch.cat([tensor.flatten() for _, tensor in sorted(load_file(path).items())])


CASES = (
    Case(
        "train_processes",
        "The command `dmssn train` on generated scenes, distilling from a teacher, on the CPU: "
        "one process with one thread and with two, and two processes that torchrun starts, with "
        "a thread each, of which each takes half of every step's scenes. The time is that of the "
        "epochs between the first and the last, by the log of the run: the start of the program "
        "is not in it. Without dropout, by stochastic gradient descent, for the weights that they "
        "end with are compared.",
        _build,
        (Row("train_processes", THREADS, ours=PROCESSES, others=(ONE,)),),
        repeats=3,
        allocators=("default",),
        memory=False,
    ),
)
