"""The viewer under load for ten minutes: ``python -m benchmarks.soak``.

The command serves a made-up folder, and clients ask as the page does, 200 times a second: spectra,
tiles, facts, jobs and requests that are refused. It fails if an answer is an error of the server's
(5xx), if a tenth of the requests could not be made in time, or if the server's memory grows by more
than 50 MB after the first minute.
"""

import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import h5py
import numpy as np
from cyclopts import App, Parameter

SIDES = (620, 840)
BANDS = 100
MOST_GROWTH = 50 * 2**20
CLIENTS = 8
LEAST_SHARE = 0.9
"""Of the requests that were to be made, for the run to count."""
WARM = 0.1
"""Share of the time after which memory is measured for the first time."""

app = App(name="soak", help_flags=["--help", "-h"])


@app.default
def main(
    *, minutes: float = 10, rate: Annotated[int, Parameter(negative="")] = 200, port: int = 0
) -> int:
    """Ask the viewer as its page does, and watch its memory.

    Args:
        minutes: How long.
        rate: Requests a second.
        port: Of the viewer; any free one by default.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for scene in range(4):  # one more than the viewer keeps open
            _write_cube(folder / f"scene_{scene}.h5", scene)
        command = [sys.executable, "-m", "dmssn", "view", str(folder), "--no-browser"]
        command += ["--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                return _soak(server.stdout.readline().strip(), server.pid, minutes * 60, rate)
            finally:
                server.terminate()


def _soak(address: str, process: int, seconds: float, rate: int) -> int:
    clients = [Client(address, number) for number in range(CLIENTS)]
    clients[0].open_scenes()
    began = time.monotonic()
    threads = [
        threading.Thread(target=client.work, args=(began, seconds, rate / CLIENTS))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    samples = list[tuple[float, int]]()
    while any(thread.is_alive() for thread in threads):
        samples.append((time.monotonic() - began, resident(process)))
        time.sleep(min(5.0, seconds / 50))
    answers = sum((client.answers for client in clients), Counter[int]())
    slowest = sorted(time_ for client in clients for time_ in client.times)
    settled = [held for at, held in samples if at >= WARM * seconds]
    growth = max(settled) - settled[0]
    wrong = {status: count for status, count in answers.items() if status >= 500 or status == 0}
    total = sum(answers.values())
    print(f"{total} requests in {seconds:.0f} s, {total / seconds:.0f} a second")
    print("answers:", ", ".join(f"{status}: {count}" for status, count in sorted(answers.items())))
    half, most = slowest[len(slowest) // 2], slowest[int(len(slowest) * 0.99)]
    print(f"spectra: half within {half * 1e3:.1f} ms, 99 % within {most * 1e3:.1f} ms")
    print(f"memory: {settled[0] / 1e6:.0f} MB, grown by {growth / 1e6:.0f} MB at most")
    slow = total < LEAST_SHARE * rate * seconds
    if slow:
        print("too slow: this machine, or the viewer, does not keep up with what was to be asked")
    return int(bool(wrong) or slow or growth > MOST_GROWTH)


class Client:
    """Asks over one connection, which it keeps.

    Args:
        address: Of the page.
        seed: Of what it asks for.
    """

    def __init__(self, address: str, seed: int) -> None:
        """Nothing was asked yet."""
        parts = urlsplit(address)
        self._place = (str(parts.hostname), int(parts.port or 80))
        self._path = parts.path
        self._random = random.Random(seed)
        self._connection = http.client.HTTPConnection(*self._place, timeout=60)
        self.scenes = [scene["id"] for scene in self._json("GET", "api/start")["scenes"]]
        self.answers: Counter[int] = Counter()
        self.times: list[float] = []

    def open_scenes(self) -> None:
        """Have each scene drawn, and one detected."""
        for scene in self.scenes:
            self._finished(scene, {"task": "layer", "name": "colour"})
        detectors = {one["name"]: one["id"] for one in self._json("GET", "api/start")["detectors"]}
        self._finished(self.scenes[-1], {"task": "detect", "name": detectors["rx"]})

    def work(self, began: float, seconds: float, rate: float) -> None:
        """Ask at a rate, for some seconds from a time on."""
        number = 0
        while (at := began + number / rate) < began + seconds:
            time.sleep(max(0.0, at - time.monotonic()))
            self._one()
            number += 1
            if time.monotonic() > began + seconds:
                return

    def _one(self) -> None:
        draw = self._random
        scene = draw.choice(self.scenes[-2:] if draw.random() < 0.995 else self.scenes)
        row, column = draw.randrange(SIDES[0]), draw.randrange(SIDES[1])
        kind = draw.random()
        if kind < 0.6:
            start = time.monotonic()
            self._ask("GET", f"api/scenes/{scene}/spectrum?row={row}&column={column}")
            self.times.append(time.monotonic() - start)
        elif kind < 0.8:
            self._ask("GET", f"api/scenes/{scene}/tiles/colour/1/0/0")
        elif kind < 0.9:
            self._ask("GET", f"api/scenes/{scene}")
        elif kind < 0.97:
            self._ask("GET", draw.choice(["", "view.js", "../x", "api/scenes/none", "docs"]))
            self._ask("GET", f"api/scenes/{scene}/spectrum?row=-1&column={'9' * 50}")
        elif kind < 0.99:
            self._ask("GET", f"api/scenes/{scene}/preview?band={draw.randrange(BANDS)}")
        else:
            wanted = {"task": "layer", "name": f"band-{draw.randrange(BANDS)}"}
            self._ask("POST", f"api/scenes/{scene}/jobs", wanted)

    def _ask(self, method: str, path: str, wanted: dict[str, Any] | None = None) -> bytes:
        body = None if wanted is None else json.dumps(wanted)
        headers = {"Content-Type": "application/json"} if body else {}
        for _ in range(2):  # a connection that was idle may be closed: asked again, as browsers do
            try:
                self._connection.request(method, self._path + path, body, headers)
                answer = self._connection.getresponse()
                content = answer.read()
                self.answers[answer.status] += 1
                return content
            except (OSError, http.client.HTTPException):
                self._connection.close()
        self.answers[0] += 1  # no answer at all
        return b""

    def _json(self, method: str, path: str, wanted: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        self.answers = Counter()
        return json.loads(self._ask(method, path, wanted))

    def _finished(self, scene: str, wanted: dict[str, Any]) -> None:
        job = self._json("POST", f"api/scenes/{scene}/jobs", wanted)
        while job["state"] in ("waiting", "running"):
            time.sleep(0.2)
            job = self._json("GET", f"api/jobs/{job['id']}")
        if job["state"] != "done":
            sys.exit(f"soak: {wanted} failed: {job['error']}")


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    told = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", told, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _write_cube(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 4000, (*SIDES, BANDS), dtype=np.uint16)
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=values, chunks=(31, 42, BANDS))
        file["wavelengths_nm"] = np.linspace(400, 1000, BANDS)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(app())
