"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

PLAIN_SECONDS = 15.0
"""Time between two plain lines, and before the first."""


def track(
    items: Iterable[T], doing: str, total: int | None = None, each: str = "steps"
) -> Iterator[T]:
    """Yield the items, showing how far the work is, its rate and the time left.

    Work within work has a bar below the other's. Workers beside the program show nothing.

    Args:
        items: What is worked on, or what comes of it.
        doing: The work, in a word or two.
        total: How many there are; left out where ``items`` has a length.
        each: What is counted.
    """
    if parent_process() is not None:
        yield from items
        return
    count = len(items) if total is None else total  # type: ignore[arg-type]
    shown = _bar if sys.stderr and sys.stderr.isatty() else _lines
    yield from shown(items, doing, count, each)


_open: list["Progress"] = []
"""The bars on the terminal; rich has one such display at a time."""


@contextmanager
def _bars() -> Iterator["Progress"]:
    """The bars that are shown, or new ones."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    if _open:
        yield _open[0]
        return
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        _open.append(progress)
        try:
            yield progress
        finally:
            _open.clear()


def _bar(items: Iterable[T], doing: str, total: int, each: str) -> Iterator[T]:
    start = time.monotonic()
    with _bars() as progress:
        bar = progress.add_task(doing, total=total, rate="")
        try:
            for done, item in enumerate(items):
                rate = f"{_a_minute(done, time.monotonic() - start)} {each} a minute"
                progress.update(bar, completed=done, rate=rate if done else "")
                yield item
        finally:
            progress.remove_task(bar)


def _lines(items: Iterable[T], doing: str, total: int, each: str) -> Iterator[T]:
    start = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - last > PLAIN_SECONDS:
            left = (now - start) / done * (total - done)
            rate = f"{_a_minute(done, now - start)} {each} a minute"
            print(f"{doing}: {done} of {total}, {rate}, {left:.0f} s left", file=sys.stderr)
            last = now
        yield item


def _a_minute(done: int, seconds: float) -> str:
    return f"{done / max(seconds, 1e-9) * 60:.3g}"
