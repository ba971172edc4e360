"""What the machine can do at most: bytes moved and operations done in a second."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from benchmarks.case import Case, Point
from benchmarks.findings import Finding
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Stopwatch, Timing


def _build(inputs: Inputs) -> Iterator[Point]:
    values, side = (1 << 22, 512) if inputs.quick else (1 << 28, 4096)
    source = torch.rand(values)
    ready = torch.zeros(values)
    left, right = torch.rand(side, side), torch.rand(side, side)
    facts: dict[str, Any] = {"megabytes": values * 4 / 1e6, "matrix": side}

    def clone(watch: Stopwatch) -> None:
        source.clone()

    def copy(watch: Stopwatch) -> None:
        ready.copy_(source)

    def product(watch: Stopwatch) -> None:
        torch.mm(left, right)

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        # The best run of each: what disturbs one makes it slower, never faster.
        best = {name: min(timing.seconds) for name, timing in timings.items()}
        facts["bandwidth"] = 2 * 4 * values / best["copy"]
        facts["clone_bandwidth"] = 2 * 4 * values / best["clone"]
        facts["rate"] = 2 * side**3 / best["matrix product"]
        return []

    sides = [Side("clone", clone), Side("copy", copy), Side("matrix product", product)]
    yield Point(sides, facts, judge)


CASES = (
    Case(
        "machine",
        "Bytes read and written a second by copying 1 GB, into new memory (clone) and into ready "
        "memory (copy), and float32 operations a second in a product of 4096 x 4096 matrices.",
        _build,
        repeats=7,
        memory=False,
    ),
)
