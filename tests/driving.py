"""python driving.py FAULT COMMAND...: the program, with something going wrong on the way.

For the tests of interrupted and distributed training, under torchrun or forked.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from dmssn.cli import main
from dmssn.training import loop as training
from dmssn.training import resuming
from dmssn.training.loop import Trainer


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_while_writing(nth: int) -> None:
    """Half of the nth resume file is on the disk when the process is killed."""
    write_bytes, save_state = Path.write_bytes, Trainer.save_state
    writes = 0

    def half(path: Path, content: bytes) -> None:
        write_bytes(path, content[: len(content) // 2])
        killed()

    def counted(trainer: Trainer, path: Path) -> None:
        nonlocal writes
        writes += 1
        if writes == nth and trainer.world.first:
            Path.write_bytes = half
        save_state(trainer, path)

    Trainer.save_state = counted


def before_step(nth: int, rank: int, act: object) -> None:
    """Do something in one process before a step, counted from 0 since the program began."""
    take, taken = Trainer._take, 0

    def counted(trainer: Trainer, parts: object) -> None:
        nonlocal taken
        if taken == nth and trainer.world.rank == rank:
            act()
        taken += 1
        take(trainer, parts)

    Trainer._take = counted


def blind(rank: int) -> None:
    """One process does not see the run's folder."""
    load = resuming.load_state

    def missing(path: Path, state: resuming.State) -> object:
        if int(os.environ["RANK"]) == rank:
            raise FileNotFoundError(f"{path}: no such resume checkpoint")
        return load(path, state)

    resuming.load_state = missing


def fail() -> None:
    raise ValueError("made to fail")


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def in_validation(act: object) -> None:
    """Do something before the second validation begins, in the first process."""
    real, calls = training.Trainer._between, 0

    def counted(trainer: Trainer) -> None:
        nonlocal calls
        calls += 1
        if calls == 2 and trainer.world.first:
            act()
        real(trainer)

    Trainer._between = counted


def drive(fault: str, words: Sequence[str]) -> None:
    """The program, with a fault."""
    what, _, numbers = fault.partition(":")
    nth, rank = (*map(int, filter(None, numbers.split(","))), 0, 0)[:2]
    if what == "killed-writing":
        kill_while_writing(nth)
    elif what == "stopped-in-validation":
        in_validation(stop)
    elif what == "blind":
        blind(rank)
    elif what != "none":
        before_step(nth, rank, {"killed": killed, "fails": fail, "stopped": stop}[what])
    main(words)


if __name__ == "__main__":
    drive(sys.argv[1], sys.argv[2:])
