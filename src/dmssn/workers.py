"""Processes that work side by side and stop together."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from dmssn.memory import keep_freed_memory


def processes(jobs: int, begin: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """A pool of worker processes, which leave Ctrl-C to the parent.

    Args:
        jobs: How many.
        begin: Called in each before its first task.
    """
    # spawn: a forked copy of a process with threads, such as torch's, may hang.
    spawn = get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_begin, initargs=(begin,))


def _begin(begin: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    if begin is not None:
        begin()


@contextmanager
def cancelling(pool: Executor) -> Iterator[Executor]:
    """Shut a pool down at the end; on an error or Ctrl-C without what has not begun."""
    with pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
