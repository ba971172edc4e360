"""Jobs of training: processes of their own, alone or several together."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context, set_start_method
from pathlib import Path
from tempfile import mkdtemp

from matplotlib.figure import Figure
from safetensors.torch import load_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from dmssn.config import DataConfig, MixtureConfig, PrepareConfig
from dmssn.preparing_sets import prepare_set
from dmssn.threads import use_threads
from driving import drive
from generated import write_folder

IMPORTED = [
    "pytest", "torch", "torch._dynamo", "torch.distributed.fsdp", "torch.distributed.launcher.api",
    "matplotlib.figure", "safetensors.torch", "h5py", "PIL.Image", "dmssn.cli",
    "dmssn.commands.train", "dmssn.preparing_sets", "dmssn.training.stages",
]  # fmt: skip
"""By the server that jobs are forked from."""
LONGEST = 300
"""Seconds after which a job counts as hanging."""

RECIPE = """\
[data]
scenes = "in"
prepared = "set"
[prepare]
size = 32
[prepare.mixture]
components = 6
[teacher.fit]
epochs = 2
batch = 4
[detector.fit]
epochs = 3
batch = 4
ema = 0.9
"""
"""9 training scenes: two steps an epoch. Dropout is on."""
NO_DROPOUT = [f"--detector.{rate}=0" for rate in ("dropout", "attention_dropout", "drop_path")]


def write_jobs(root: Path) -> None:
    """A prepared set, a recipe and a trained teacher."""
    scenes = write_folder(root / "in", train=9, val=3, height=34, width=38, bands=6)
    prepare = PrepareConfig(size=32, mixture=MixtureConfig(components=6))
    prepare_set(DataConfig(scenes=scenes, prepared=root / "set"), prepare)
    (root / "recipe.toml").write_text(RECIPE)
    command = ["train-teacher", "recipe.toml", "-o", "teacher", "--device", "cpu"]
    code, _, err = ended(Forked(root, drive, ("none", command)))
    assert code == 0, err


class Forked:
    """A job in processes and a session of its own, asked as a ``Popen`` is.

    They are forked from a server that has imported what takes long, and done nothing else. Of
    several processes torchrun's agent is in charge, but they are functions that it forks, and not
    programs with sessions of their own (``by_torchrun``). Figures, which no test of jobs looks at,
    are saved as empty files.

    Args:
        folder: Where it works.
        job: What each process does, importable by its name.
        arguments: Of ``job``.
        processes: How many work together.
    """

    def __init__(
        self, folder: Path, job: Callable[..., None], arguments: tuple, processes: int = 1
    ) -> None:
        server = get_context("forkserver")
        server.set_forkserver_preload(IMPORTED)
        self.said = Path(mkdtemp(prefix="dmssn-job-"))
        asked = (folder, self.said, job, arguments, processes)
        self.process = server.Process(target=_begin, args=asked)
        self.process.start()
        self.pid = self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.process.join(timeout)
        if self.process.is_alive():
            raise subprocess.TimeoutExpired("dmssn", timeout)
        texts = [(self.said / name).read_text(encoding="utf-8") for name in ("out", "err")]
        shutil.rmtree(self.said)
        return texts[0], texts[1]


def _begin(
    folder: Path, said: Path, job: Callable[..., None], arguments: tuple, processes: int
) -> None:
    os.setsid()
    # As in the foreground of a shell. A pool of workers may have begun the server, deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    set_start_method(None, force=True)  # or loaders of scenes would come from that server, too
    Figure.savefig = lambda _, path, **__: path.write_bytes(b"")
    use_threads(1)
    if processes == 1:
        job(*arguments)
        return
    agent = LaunchConfig(
        1, 1, processes, rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0,
        run_id=said.name, start_method="fork",
    )  # fmt: skip
    try:
        elastic_launch(agent, job)(*arguments)
    except ChildFailedError:
        sys.exit(1)  # as torchrun does


def train(folder: Path, run: str, *options: str, processes: int = 1, fault: str = "none") -> Forked:
    """Begin to train a detector in a run folder."""
    return Forked(folder, drive, (fault, [*words(run), *options]), processes)


def words(run: str) -> list[str]:
    """The command that trains a detector in a run folder."""
    return ["train", "recipe.toml", "--teacher", "teacher", "-o", run, "--device", "cpu"]


def by_torchrun(folder: Path, run: str, *options: str, fault: str) -> subprocess.Popen:
    """Begin to train a detector in two processes, as its users start it on a cluster."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    driven = str(Path(__file__).with_name("driving.py"))
    return subprocess.Popen(
        [sys.executable, *launcher, driven, fault, *words(run), *options],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(job: Forked | subprocess.Popen) -> tuple[int, str, str]:
    """Exit code, output and errors of a job; one that hangs is killed, and fails the test."""
    try:
        out, err = job.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.kill(job.pid, signal.SIGTERM)  # upon which torchrun ends its processes
        time.sleep(5)
        with suppress(ProcessLookupError):  # it has ended by now
            os.killpg(job.pid, signal.SIGKILL)
        raise
    return job.returncode, out, err


def trained(folder: Path, run: str, *options: str, processes: int = 1) -> Path:
    """Train a detector; its run folder."""
    code, _, err = ended(train(folder, run, *options, processes=processes))
    assert code == 0, err
    return folder / run


def furthest(one: Path, other: Path, name: str = "last") -> float:
    """Largest difference between the weights of two runs."""
    first, second = (load_file(run / f"{name}.safetensors") for run in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[key] - second[key]).abs().max()) for key in first)
