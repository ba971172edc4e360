"""How many CPU threads the libraries take that compute: BLAS, torch if it is installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from threadpoolctl import threadpool_info, threadpool_limits


def installed_torch() -> ModuleType | None:
    """torch, or None where it is not installed: a detector in an ONNX file does without."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return None
    return torch


def use_threads(threads: int) -> None:
    """Have them all take so many from now on."""
    torch = installed_torch()
    if torch is not None:
        torch.set_num_threads(threads)
    threadpool_limits(threads)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Have them all take so many while entered."""
    torch = installed_torch()
    before = None if torch is None else torch.get_num_threads()
    if torch is not None:
        torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)


def threads_in_use() -> int:
    """As many as BLAS takes, for libraries that have to be told."""
    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(pools, default=os.cpu_count() or 1)
