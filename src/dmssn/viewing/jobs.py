"""Work that takes a while, done beside the server: how far it is, what came of it, its end.

Letters: H rows, W columns, B bands, h rows of a block.
"""

import secrets
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Georeference, RowSource

State = Literal["waiting", "running", "done", "failed", "stopped"]
KEPT = 256
"""Jobs that are remembered; of older ones nobody asks any more."""
MOST_WAITING = 32
"""Jobs that may wait at a time."""


class StoppedError(Exception):
    """A job was told to end."""


class BusyError(Exception):
    """Too many jobs wait already."""


class MissingError(Exception):
    """What is asked for is not there."""


class ChangedError(Exception):
    """What is asked for is not what it was."""


EXPECTED = (ValueError, OSError, MemoryError, ModuleNotFoundError, ArithmeticError, MissingError)
"""What cubes and detectors may raise; its text is for people."""


class Job:
    """One piece of work.

    Attributes:
        id: What it is asked for by.
        key: Of two with one key, only one is at work.
        stopping: Whether it was told to end.
        state: How it is.
        doing: What it does just now, in a word or two.
        share: How far it is, from 0 to 1; None where that is not known.
        result: What came of it, plain values.
        error: Why it failed, one line.
    """

    def __init__(self, key: Hashable, work: Callable[["Job"], dict[str, Any]]) -> None:
        """Nothing is done yet."""
        self.id = secrets.token_hex(8)
        self.key = key
        self.state: State = "waiting"
        self.doing = "waiting"
        self.share: float | None = None
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self.ended = threading.Event()
        self._work = work
        self.stopping = False

    def tell(self, doing: str, share: float | None = None) -> None:
        """Say how far the work is.

        Raises:
            StoppedError: It is to end.
        """
        if self.stopping:
            raise StoppedError
        self.doing, self.share = doing, share

    def stop(self) -> None:
        """Have it end the next time it says how far it is."""
        self.stopping = True

    def run(self) -> None:
        """Do the work; nothing is raised."""
        try:
            self.tell("starting")
            self.state = "running"
            self.result = self._work(self)
            self.state = "done"
        except StoppedError:
            self.state = "stopped"
        except EXPECTED as error:
            self.error = one_line(error)
            self.state = "failed"
        except Exception as error:
            traceback.print_exc()
            self.error = f"something unforeseen went wrong ({one_line(error)}); see the terminal"
            self.state = "failed"
        finally:
            del self._work  # which may hold a scene
            self.ended.set()

    def told(self) -> dict[str, Any]:
        """All of it, plain values."""
        return {
            "id": self.id,
            "state": self.state,
            "doing": self.doing,
            "share": self.share,
            "result": self.result,
            "error": self.error,
        }


class Jobs:
    """Threads that do jobs, in the order they came.

    Args:
        threads: Jobs that are done at a time.
    """

    def __init__(self, threads: int = 2) -> None:
        """The threads start."""
        self._known: OrderedDict[str, Job] = OrderedDict()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def start(self, key: Hashable, work: Callable[[Job], dict[str, Any]]) -> Job:
        """Have a job done; one of the same key that is not done yet, nor stopped, stands for it.

        Raises:
            BusyError: Too many wait.
        """
        with self._lock:
            open_jobs = [job for job in self._known.values() if not job.ended.is_set()]
            for job in open_jobs:
                if job.key == key and not job.stopping:
                    return job
            if sum(job.state == "waiting" for job in open_jobs) >= MOST_WAITING:
                raise BusyError("too much is being worked on; wait for it to end")
            job = Job(key, work)
            self._known[job.id] = job
            for old in [old.id for old in self._known.values() if old.ended.is_set()][:-KEPT]:
                del self._known[old]
        self._queue.put(job)
        return job

    def get(self, name: str) -> Job:
        """The job of an id.

        Raises:
            MissingError: It is not known, or no more.
        """
        job = self._known.get(name)
        if job is None:
            raise MissingError("no such job")
        return job

    def close(self) -> None:
        """Have all jobs end, and wait a moment for it."""
        with self._lock:
            for job in self._known.values():
                job.stop()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=2)

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            job.run()


class Watched:
    """A cube that tells how much of it was read.

    Args:
        source: The cube.
        told: Called after each block with the share of its rows read so far.
    """

    def __init__(self, source: RowSource, told: Callable[[float], None]) -> None:
        """Nothing was read yet."""
        self._source = source
        self._told = told
        self._rows = 0

    @property
    def name(self) -> str:
        """Of the cube."""
        return self._source.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        return self._source.shape

    @property
    def wavelengths_nm(self) -> NDArray[np.float64] | None:
        """Band centres in nanometres, shape (B,), or None."""
        return self._source.wavelengths_nm

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader decided."""
        return self._source.notes

    @property
    def georeference(self) -> Georeference | None:
        """Where its pixels lie on a map."""
        return self._source.georeference

    def row_blocks(self) -> list[slice]:
        """As of the cube."""
        return self._source.row_blocks()

    def read(self, rows: slice, /) -> NDArray[np.float32]:
        """As of the cube, float32 of shape (h, W, B)."""
        self._told(min(1.0, self._rows / self.shape[0]))
        block = self._source.read(rows)
        self._rows += len(block)
        return block

    def sideways(self) -> RowSource | None:
        """As of the cube, and as watched."""
        turned = self._source.sideways()
        return None if turned is None else Watched(turned, self._told)

    def without_valid_pixel(self, filled: NDArray[np.bool_], /) -> ValueError:
        """As of the cube."""
        return self._source.without_valid_pixel(filled)


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
