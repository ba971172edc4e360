"""The processes of one training job: torchrun starts them, each takes a share of the scenes.

One process is a job of one: everything here then leaves what it is given as it is. What passes
between processes are sums and, once, the first weights; nothing is pickled.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(minutes=30)
"""Longest that a process waits for another one before the job ends; a dead one is noticed at once,
this is for one that hangs."""


@dataclass(frozen=True)
class World:
    """Which of the job's processes this is.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and says what happens."""
        return self.rank == 0

    def share(self, items: Sequence[T], of: int | None = None) -> Sequence[T]:
        """This process's part, or another one's; every item is in one process's part.

        The first process's part is the longest.
        """
        return items[self.rank if of is None else of :: self.size]

    def sum(self, values: Tensor) -> Tensor:
        """Add up the tensors of all processes, in place, the same in each.

        Raises:
            ConnectionError: Another process is gone.
        """
        if self.size > 1:
            with _told_if_lost():
                dist.all_reduce(values)
        return values

    def copy_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the first one's numbers, in place; raises as ``sum``."""
        if self.size > 1:
            with _told_if_lost():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def together(self, action: Callable[[], T]) -> T:
        """Do something in every process; if it fails in one, all end, and none waits for it.

        Raises:
            Exception: What the action raised, in one of the processes where it failed.
            SystemExit: In all others, which have nothing to add.
        """
        failure: Exception | None = None
        try:
            result = action()
        except Exception as error:
            failure = error
        failed = torch.zeros(self.size)
        failed[self.rank] = float(failure is not None)
        self.sum(failed)
        if not failed.any():
            return result
        if failure is not None and self.rank == int(failed.argmax()):
            raise failure
        raise SystemExit(1)

    def told_once(self, error: Exception) -> BaseException:
        """What to raise where all processes come to the same error: one of them tells it."""
        return error if self.first else SystemExit(1)

    def any(self, here: bool) -> bool:
        """Whether something is so in any process."""
        return bool(self.sum(torch.tensor(float(here))))


@contextmanager
def _told_if_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConnectionError(
            f"another process of the job ended or does not answer ({reason}); its own message "
            "says why; after mending it, go on with --resume"
        ) from error


def local_rank() -> int:
    """Number of this process on its machine, as torchrun says it; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", 0))


def local_world_size() -> int:
    """Number of the job's processes on this machine, as torchrun says it; 1 without torchrun."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def world_size() -> int:
    """Number of the job's processes, as torchrun says it; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def first_process() -> bool:
    """Whether this is the process that speaks for the job."""
    return int(os.environ.get("RANK", 0)) == 0


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Be part of the job that torchrun started; of a job of one without torchrun.

    Args:
        device: Where this process computes. GPUs talk by NCCL, CPUs by Gloo; the few numbers
            that decide what happens next go by Gloo always, and so wait for no GPU.

    Raises:
        ConnectionError: The other processes cannot be reached.
        ValueError: Some have a GPU and others do not.
    """
    if world_size() == 1:
        yield World()
        return
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    with _told_if_lost():
        dist.init_process_group(backend, timeout=PATIENCE)
    world = World(dist.get_rank(), dist.get_world_size())
    gpus = int(world.sum(torch.tensor(float(device.type == "cuda"))))
    if gpus not in (0, world.size):
        raise world.told_once(
            ValueError(
                f"--device: {gpus} of {world.size} processes have a GPU; pass --device cpu, or "
                "mend the others"
            )
        )
    yield world
    # Not after an error: NCCL's end waits for all processes, and ours would say nothing before.
    dist.destroy_process_group()
