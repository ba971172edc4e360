"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")

PLAIN_SECONDS = 15.0
"""Time between two plain lines, and before the first."""


def track(items: Collection[T], doing: str) -> Iterator[T]:
    """Yield the items, showing how far the work is, its rate and the time left."""
    if sys.stderr.isatty():
        yield from _bar(items, doing)
    else:
        yield from _lines(items, doing)


def _bar(items: Collection[T], doing: str) -> Iterator[T]:
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
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, description=doing)


def _lines(items: Collection[T], doing: str) -> Iterator[T]:
    start = last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - last > PLAIN_SECONDS:
            left = (now - start) / done * (len(items) - done)
            print(f"{doing}: {done} of {len(items)}, {left:.0f} s left", file=sys.stderr)
            last = now
        yield item
