"""Freed memory kept for the next tensor: page faults, not time, tell whether it is."""

import os
import subprocess
import sys

import pytest

from dmssn import cli, memory, workers

COUNT = """
import resource, sys
import numpy as np
from dmssn.memory import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else False
for _ in range(2):
    np.ones(2**24, dtype=np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(2**24, dtype=np.float32)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str, **variables: str) -> tuple[bool, int]:
    """Page faults of making and freeing an array of 64 MiB five times."""
    clean = {name: value for name, value in os.environ.items() if name not in memory.SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", COUNT, how],
        env=clean | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


def test_kept_memory_is_not_mapped_anew():
    kept, faults = page_faults("keep")
    if not kept:
        pytest.skip("not the GNU C library")
    assert faults < 50
    # Even in pages of 2 MiB the arrays would take 160.
    assert page_faults("leave")[1] >= 150


def test_what_the_user_set_stands():
    kept, faults = page_faults("keep", MALLOC_MMAP_THRESHOLD_="65536")
    assert not kept
    assert faults >= 150


@pytest.mark.parametrize("begin", [lambda: workers._begin(), lambda: run_help()])
def test_commands_and_workers_keep_it(begin, monkeypatch):
    called = []
    monkeypatch.setattr(workers.signal, "signal", lambda *_: None)
    for module in (workers, cli):
        monkeypatch.setattr(module, "keep_freed_memory", lambda: called.append(True))
    begin()
    assert called


def run_help():
    with pytest.raises(SystemExit):
        cli.main(["--help"])
