"""A process that measures cases under one allocator: ``python -m benchmarks.child JOB``.

A job is a JSON file; the results are written beside it.
"""

import json
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

QUICK_REPEATS = 2


@dataclass(frozen=True)
class Job:
    """What a child is to do.

    Attributes:
        cases: Names of cases.
        allocator: One of ``ALLOCATORS``.
        what: Times, the peak of memory, or both (of which the peak is then a rough one).
        side: Whose peak; None for all of them.
        folder: Of the inputs.
        quick: Small sizes.
        repeats: Timed runs; None for the case's own number.
        data: Folder of real cubes.
        result: File to write.
    """

    cases: list[str]
    allocator: str
    what: Literal["time", "memory", "both"]
    side: str | None
    folder: str
    quick: bool
    repeats: int | None
    data: str | None
    result: str


def main(words: list[str]) -> int:
    """Do the job in a file; the exit code is 0 even if a case fails, which its result tells."""
    job = Job(**json.loads(Path(words[0]).read_text(encoding="utf-8")))
    if job.allocator == "kept":
        from dmssn.memory import keep_freed_memory

        if not keep_freed_memory():
            raise RuntimeError("this system's allocator cannot be told to keep freed memory")
    # After the allocator is chosen, for what is allocated before has the other one's ways.
    from benchmarks.cases import CASES
    from benchmarks.inputs import Inputs

    data = None if job.data is None else Path(job.data)
    inputs = Inputs(Path(job.folder), quick=job.quick, data=data)
    found: dict[str, Any] = {}
    for case in CASES:
        if case.name in job.cases and job.allocator in case.allocators:
            began = time.monotonic()
            try:
                found[case.name] = {"points": measured(case, inputs, job)}
            except Exception:  # told in the result, so that other cases go on
                found[case.name] = {"error": traceback.format_exc()}
            took = f"{case.name}, {job.allocator}: {time.monotonic() - began:.1f} s in all"
            print(took, file=sys.stderr, flush=True)
    Path(job.result).write_text(json.dumps(found), encoding="utf-8")
    return 0


def measured(case: Any, inputs: Any, job: Job) -> list[dict[str, Any]]:  # noqa: ANN401
    """Every point of a case as plain values."""
    from benchmarks.measuring import alternate, peak_memory

    points = []
    for point in case.build(inputs):
        name = f"{case.name} {point.label}".strip()

        def say(text: str, name: str = name) -> None:
            print(f"{name}, {job.allocator}: {text}", file=sys.stderr, flush=True)

        table: dict[str, Any] = {"label": point.label}
        peaks: dict[str, int | None] = {}
        if job.what != "memory":
            repeats = job.repeats or (
                min(case.repeats, QUICK_REPEATS) if job.quick else case.repeats
            )
            timings, results = alternate(point.sides, repeats, say)
            findings = point.judge(timings, results)
            table["sides"] = {side: timing.table() for side, timing in timings.items()}
            table["findings"] = [finding.table() for finding in findings]
            table["work"] = {side: vars(work) for side, work in point.work.items()}
            table["facts"] = point.facts
            peaks |= point.memory
        if job.what != "time" and case.memory:
            wanted = [side for side in point.sides if job.side in (None, side.name)]
            peaks |= {side.name: peak_memory(side) for side in wanted}
            say(", ".join(f"{side} {peak or 0:,} bytes" for side, peak in peaks.items()))
        table["memory"] = peaks
        points.append(table)
    return points


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
