"""Times of two or more sides in turns, and the peak of memory of one."""

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch


class Stopwatch:
    """Seconds of the named parts of one run.

    Attributes:
        seconds: By part.
        whole: Of the run, where it says itself what counts of it; else all of its time does.
    """

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.seconds: dict[str, float] = {}
        self.whole: float | None = None

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Add the time spent within to a part."""
        began = now()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + now() - began


@dataclass(frozen=True)
class Side:
    """One way to compute what a case is about.

    Attributes:
        name: "dmssn", or the baseline's.
        run: Computes it; what it returns is compared with the other sides'.
        repeats: Timed runs, where a side is too slow for as many as the case has.
        warm: Run once before timing. A side of minutes is not; its first run counts.
        scale: Time of the whole over the time of ``run``, for a side that is timed on a sample.
        for_memory: What the peak is measured on instead of ``run``: the same peak in less time, or
            all of what ``run`` does on a sample.
    """

    name: str
    run: Callable[[Stopwatch], Any]
    repeats: int | None = None
    warm: bool = True
    scale: float = 1.0
    for_memory: Callable[[Stopwatch], Any] | None = None


@dataclass
class Timing:
    """Seconds of each run of a side, and of its parts."""

    seconds: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.seconds)

    def table(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "seconds": self.seconds,
            "median": self.median,
            "least": min(self.seconds),
            "most": max(self.seconds),
            "parts": {part: median(times) for part, times in self.parts.items()},
        }


def alternate(
    sides: Sequence[Side], repeats: int, say: Callable[[str], None]
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Run the sides in turns.

    Returns:
        The times of each side, and what the first run of each returned.
    """
    timings = {side.name: Timing() for side in sides}
    results: dict[str, Any] = {}
    for side in sides:
        if side.warm:
            results[side.name] = side.run(Stopwatch())
    for turn in range(repeats):
        # Whatever one side leaves behind (caches, heat) must not always meet the same other one.
        for side in sides if turn % 2 == 0 else reversed(sides):
            if turn < (side.repeats or repeats):
                timing = timings[side.name]
                result = _timed(side, timing)
                results.setdefault(side.name, result)
                del result  # or the next side would start with less memory
                say(f"{side.name} {turn + 1}: {timing.seconds[-1]:.4g} s")
    return timings, results


def _timed(side: Side, timing: Timing) -> Any:  # noqa: ANN401
    gc.collect()
    watch = Stopwatch()
    began = now()
    result = side.run(watch)
    took = now() - began
    timing.seconds.append((took if watch.whole is None else watch.whole) * side.scale)
    for part, seconds in watch.seconds.items():
        timing.parts.setdefault(part, []).append(seconds * side.scale)
    return result


def now() -> float:
    """Seconds since some moment, when all that was started is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_memory(side: Side) -> int | None:
    """Bytes that one run needs beside its inputs; None where the system does not tell.

    It can be asked once in a process, for what a run leaves in the allocator the next one finds.
    """
    if not sys.platform.startswith("linux"):
        return None
    gc.collect()
    try:  # what building the inputs left free would hide as much of the peak
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return None
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    result = (side.for_memory or side.run)(Stopwatch())
    peak = _status("VmHWM") - before
    del result
    return peak


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def medians(timings: Mapping[str, Timing]) -> dict[str, float]:
    """The middle time of each side."""
    return {name: timing.median for name, timing in timings.items()}
