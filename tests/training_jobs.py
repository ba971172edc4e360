"""Training as its users start it: processes of their own, alone or by torchrun."""

import os
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

from dmssn.config import DataConfig, MixtureConfig, PrepareConfig
from dmssn.preparing_sets import prepare_set
from generated import write_folder

TESTS = Path(__file__).parent
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
    words = ["train-teacher", "recipe.toml", "-o", "teacher", "--device", "cpu"]
    code, _, err = ended(launched(root, ["-m", "dmssn", *words]))
    assert code == 0, err


def launched(folder: Path, script: list[str], processes: int = 1) -> subprocess.Popen:
    """A job in a folder: ``script`` and its arguments in so many processes."""
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(processes)]
    return subprocess.Popen(
        [*command, *script],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def train(
    folder: Path, run: str, *options: str, processes: int = 1, fault: str = "none"
) -> subprocess.Popen:
    """Begin to train a detector in a run folder."""
    words = ["train", "recipe.toml", "--teacher", "teacher", "-o", run, "--device", "cpu"]
    return launched(folder, [str(TESTS / "driving.py"), fault, *words, *options], processes)


def ended(job: subprocess.Popen) -> tuple[int, str, str]:
    """Exit code, output and errors of a job; one that hangs is killed, and fails the test."""
    try:
        out, err = job.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, 9)
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
