"""One function over many items: in this process, in others beside it, or on a Dask cluster.

A worker that dies, killed or out of memory, is replaced, and what it had in hand is done again.
"""

import math
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import connection, get_all_start_methods, get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from dmssn.memory import keep_freed_memory
from dmssn.threads import limited_threads

T = TypeVar("T")
R = TypeVar("R")

CONNECT_SECONDS = 30
"""How long a cluster may take to answer."""


SLOW_IMPORTS = ("numpy", "scipy.ndimage", "h5py", "torch")
"""What workers need that takes long to import, where the process that starts them has it."""
THREADED = ("torch",)
"""Likewise, wherever it is installed, for workers whose threads are limited: torch's are, too."""


class WorkerDied(RuntimeError):
    """The process that worked on an item was killed, and again when it was tried alone."""

    def __init__(self) -> None:
        """The same words wherever it happens."""
        super().__init__("its process was killed twice, perhaps for want of memory")


def over_all(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    threads: int | None = 1,
    apart: bool = False,
) -> Iterator[tuple[T, R | WorkerDied]]:
    """Call a function on every item and yield each with its result, as they come.

    Args:
        function: Can be pickled unless it is called in this process; an error it raises ends all.
        items: Likewise.
        workers: Processes on this machine; 1 works in this process.
        scheduler: Address of a Dask cluster, which then does the work.
        threads: Threads of a worker, which its results may depend on in their last bits; None
            leaves them as they are.
        apart: Whether one worker, too, is a process of its own, new for this call.

    Raises:
        OSError: No cluster answers at the address.
        ModuleNotFoundError: The extra ``cluster`` is not installed.
    """
    function = partial(_with_threads, function, threads)
    if scheduler is not None:
        yield from _on_cluster(function, items, scheduler)
    elif workers <= 1 and not apart:
        yield from ((item, function(item)) for item in items)
    else:  # one item too: whatever kills its process is not to kill this one
        yield from _in_processes(function, items, max(1, min(workers, len(items))))


def in_order(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """Call a function on every item and yield the results in the order of the items.

    Never in the main thread, since h5py swallows a Ctrl-C it meets while it writes.

    Args:
        function: Can be pickled where there are several workers.
        items: Likewise.
        workers: Processes; 1 works in a thread of this one.
    """
    with cancelling(ThreadPoolExecutor(1) if workers == 1 else processes(workers)) as pool:
        yield from pool.map(function, items)


def _with_threads(function: Callable[[T], R], threads: int | None, item: T) -> R:
    if threads is None:
        return function(item)
    with limited_threads(threads):
        return function(item)


def _in_processes(
    function: Callable[[T], R], items: Sequence[T], workers: int
) -> Iterator[tuple[T, R | WorkerDied]]:
    todo = deque(items)
    while todo:
        running: dict[Future[R], T] = {}
        try:
            with cancelling(processes(workers, THREADED)) as pool:
                while todo or running:
                    # No more than there are workers, so that a death leaves few to try again.
                    while todo and len(running) < workers:
                        running[pool.submit(function, todo[0])] = todo[0]
                        todo.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield running.pop(future), result
        except BrokenProcessPool:
            # One of those under way killed its worker; the pool ended the others with it.
            for item in running.values():
                yield item, _alone(function, item)


def _alone(function: Callable[[T], R], item: T) -> R | WorkerDied:
    """Call the function in a process of its own, whose death nobody shares."""
    try:
        with cancelling(processes(1, THREADED)) as pool:
            return pool.submit(function, item).result()
    except BrokenProcessPool:
        return WorkerDied()


def _on_cluster(
    function: Callable[[T], R], items: Sequence[T], scheduler: str
) -> Iterator[tuple[T, R | WorkerDied]]:
    try:
        from distributed import Client, KilledWorker, as_completed
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a Dask cluster needs the extra: pip install 'dmssn[cluster]'"
        ) from None
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise OSError(f"--scheduler {scheduler}: no Dask scheduler answers ({error})") from None
    with client:
        if not client.scheduler_info()["workers"]:
            print(f"--scheduler {scheduler}: no worker yet, waiting for one", file=sys.stderr)
        killed = []
        try:
            # Not pure: what is done are files, which a second call has to write again.
            futures = {client.submit(function, item, pure=False): item for item in items}
            for future in as_completed(list(futures), loop=client.loop):
                item = futures.pop(future)
                try:
                    result = future.result()
                except KilledWorker:
                    killed.append(item)  # or it was beside the one that killed the worker
                else:
                    yield item, result
            for item in killed:  # one at a time, so that only the culprits meet it again
                try:
                    alone = client.submit(function, item, pure=False).result()
                except KilledWorker:
                    yield item, WorkerDied()
                else:
                    yield item, alone
        except (FutureCancelledError, CommClosedError):
            raise OSError(
                f"--scheduler {scheduler}: the connection was lost; run it again to go on"
            ) from None


def processes(count: int, needed: Sequence[str] = ()) -> ProcessPoolExecutor:
    """A pool of worker processes, which leave Ctrl-C to the parent and end when it is killed.

    Args:
        count: How many.
        needed: Modules that all of them will import, once for all where they are forked.
    """
    # A forked copy of a process with threads, such as torch's, may hang; one of a server that has
    # imported what takes long, and done nothing else, does not, and begins at once.
    if "forkserver" not in get_all_start_methods():
        return _Pool(count, mp_context=get_context("spawn"), initializer=_begin)
    server = get_context("forkserver")
    names = [name for name in SLOW_IMPORTS if name in sys.modules or name in needed]
    server.set_forkserver_preload(names)
    return _Pool(count, mp_context=server, initializer=_begin)


class _Pool(ProcessPoolExecutor):
    """Its processes are born deaf to Ctrl-C, or it would meet them in the middle of an import."""

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:  # noqa: ANN401
        if not hasattr(signal, "pthread_sigmask"):
            return super().submit(*arguments, **named)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which they inherit
        try:
            return super().submit(*arguments, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory()


def _end_with_parent() -> None:
    """Without this, a killed parent would leave workers behind that wait for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def cancelling(pool: Executor) -> Iterator[Executor]:
    """Shut a pool down at the end; on an error or Ctrl-C without what has not begun."""
    with pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usual_workers(bytes_each: float) -> int:
    """One worker a core, as far as the free memory goes; at least one.

    Args:
        bytes_each: Memory that a worker needs.
    """
    return max(1, int(min(cores(), free_memory() // bytes_each)))


def free_memory() -> float:
    """Bytes that this process may still take; infinite where the system does not tell."""
    free = math.inf
    with suppress(OSError):  # not told on this system
        told = Path("/proc/meminfo").read_text(encoding="ascii")
        found = re.search(r"^MemAvailable: +(\d+) kB$", told, re.MULTILINE)
        free = int(found[1]) * 1024 if found else math.inf
    with suppress(OSError, ValueError):  # no limit of a job, or none that is a number
        free = min(free, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return free
