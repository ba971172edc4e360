"""Memory and time of a scene in tiles, as docs/large-scenes.md tells them.

    dmssn scenes -o runs/strips --count 4 --size 4096x256 --bands 64 --seed 5
    python -m recipes.tile_memory runs/strips/cubes/*.h5 [--rows 1024 4096 16384] [--tile 256]

puts strips of so many rows together of the cubes, one below the other, and prints a Markdown table
of ``dmssn predict --tile`` on them, on one core: the largest that the memory of its process came to
be while it ran, what is its own and what are pages of files. Linux only.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

import dmssn

EVERY = 0.02
"""Seconds from one look at the memory to the next."""
OWN, FILES = "RssAnon", "RssFile"
"""In kB, as /proc/PID/status names them."""


def write_strip(cubes: Sequence[Path], rows: int, path: Path) -> int:
    """The first rows of cubes, one below the other, as contiguous float32; its bytes."""
    begun = 0
    with h5py.File(path, "w") as file:
        for name in cubes:
            if begun == rows:
                break
            part = dmssn.read_cube(name).data[: rows - begun]
            if begun == 0:
                strip = file.create_dataset("cube", (rows, *part.shape[1:]), np.float32)
            strip[begun : begun + len(part)] = part
            begun += len(part)
        if begun < rows:
            raise SystemExit(f"{len(cubes)} cubes have {begun} rows, {rows} are asked for")
        return int(strip.nbytes)


def measure(strip: Path, tile: int, output: Path) -> tuple[float, dict[str, int]]:
    """Seconds that predicting takes, and the most kB of each kind of memory."""
    command = [sys.executable, "-m", "dmssn", "predict", str(strip), "-o", str(output)]
    single = os.environ | {"OMP_NUM_THREADS": "1"}
    began, most = time.monotonic(), {OWN: 0, FILES: 0}
    command += ["--band-axis", "2", "--tile", str(tile)]
    with subprocess.Popen(command, env=single, stdout=subprocess.DEVNULL) as job:
        while job.poll() is None:
            status = Path(f"/proc/{job.pid}/status").read_text(encoding="ascii")
            for kind, kilobytes in re.findall(rf"({OWN}|{FILES}):\s+(\d+) kB", status):
                most[kind] = max(most[kind], int(kilobytes))
            time.sleep(EVERY)
    if job.returncode:
        raise SystemExit(job.returncode)
    return time.monotonic() - began, most


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("cubes", nargs="+", type=Path)
    options.add_argument("--rows", nargs="+", type=int, default=[1024, 4096, 16384])
    options.add_argument("--tile", type=int, default=256)
    asked = options.parse_args()
    headings = ["rows", "cube", "memory of the process's own", "pages of files", "time"]
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for rows in asked.rows:
        with TemporaryDirectory() as folder:
            strip = Path(folder) / "strip.h5"
            size = write_strip(asked.cubes, rows, strip)
            seconds, most = measure(strip, asked.tile, Path(folder) / "out")
        memory = " | ".join(f"{most[kind] / 2**20:.2f} GiB" for kind in (OWN, FILES))
        print(f"| {rows:,} | {size / 2**20:.0f} MiB | {memory} | {seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
