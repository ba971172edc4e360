"""Runs cases in processes of their own, one or more for each allocator."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch

from benchmarks.case import ALLOCATORS, Case
from benchmarks.cases import CASES
from benchmarks.child import Job

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
"""Where real cubes may be beside a checkout."""

Measured = dict[str, dict[str, Any]]
"""By case, then by allocator: points, or the error; or why the case was skipped."""


def chosen(names: Collection[str]) -> list[Case]:
    """The cases that have one of the names, or a row of that name; all for no names.

    Raises:
        ValueError: A name is no case's.
    """
    known = set().union(*(case.answers_to for case in CASES))
    if unknown := sorted(set(names) - known):
        raise ValueError(f"no case {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return [case for case in CASES if not names or case.answers_to & set(names)]


def run_cases(
    cases: Sequence[Case],
    *,
    quick: bool,
    repeats: int | None,
    data: Path | None,
    save: Callable[[Measured], None],
) -> None:
    """Measure cases one after the other.

    Args:
        cases: Which.
        quick: Small sizes, and all cases of an allocator in one process.
        repeats: Timed runs of each side; None for the cases' own numbers.
        data: Folder of real cubes; None for the one beside the checkout, if there is one.
        save: Gets what was measured since the last time, so that little is lost if a later
            case is interrupted.
    """
    found = data or DATA
    skipped = [case for case in cases if case.gpu and not torch.cuda.is_available()]
    save({case.name: {"skipped": "no GPU that torch can use"} for case in skipped})
    cases = [case for case in cases if case not in skipped]
    with TemporaryDirectory(prefix="dmssn-benchmarks-") as folder:
        common = {
            "folder": folder,
            "quick": quick,
            "repeats": repeats,
            "data": str(found.resolve()) if found.is_dir() else None,
            "result": str(Path(folder, "result.json")),
        }
        for group in [cases] if quick else [[case] for case in cases]:
            for allocator in ALLOCATORS:
                members = [case for case in group if allocator in case.allocators]
                if members:
                    save(_measure(members, allocator, common, whole=not quick))


def _measure(
    cases: Sequence[Case], allocator: str, common: dict[str, Any], *, whole: bool
) -> Measured:
    """Times of the cases, and the peaks of memory, each in a process of its own if ``whole``."""
    names = [case.name for case in cases]
    what: Literal["time", "both"] = "time" if whole else "both"
    found = _child(Job(cases=names, allocator=allocator, what=what, side=None, **common))
    for case in cases if whole else ():
        for side in case.sides if case.memory and "points" in found[case.name] else ():
            job = Job(cases=[case.name], allocator=allocator, what="memory", side=side, **common)
            more = _child(job)[case.name]
            if "error" in more:
                found[case.name] = more
                break
            for point, peaks in zip(found[case.name]["points"], more["points"], strict=True):
                point["memory"] |= peaks["memory"]
    return {name: {allocator: result} for name, result in found.items()}


def _child(job: Job) -> Measured:
    """What a child measured; an error for each of its cases if it died."""
    file = Path(job.folder, "job.json")
    file.write_text(json.dumps(asdict(job)), encoding="utf-8")
    Path(job.result).unlink(missing_ok=True)
    # A user's own settings of the allocator would rule both of ours.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    words = [sys.executable, "-m", "benchmarks.child", str(file)]
    done = subprocess.run(words, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        error = f"its process ended with exit code {done.returncode}"
        return {name: {"error": error} for name in job.cases}
    measured: Measured = json.loads(Path(job.result).read_text(encoding="utf-8"))
    return measured
