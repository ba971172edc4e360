"""A viewer that serves, what is asked of it over a socket, and small things to look at."""

import http.client
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from PIL import Image

TOKEN = "the-key_of-the-page"
HEIGHT, WIDTH, BANDS = 40, 52, 8


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Served:
    """A server at work, and the viewer behind it."""

    def __init__(self, viewer, port: int):
        self.viewer, self.port = viewer, port
        self.address = f"http://127.0.0.1:{port}/{TOKEN}/"

    def raw(self, method: str, path: str, headers=None, body: bytes | None = None) -> Reply:
        """A request as it is; headers and path are sent as they are given."""
        headers = {"Host": f"127.0.0.1:{self.port}"} | (headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None and "Content-Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.raw("GET", f"/{TOKEN}/{path}")

    def start_job(self, scene: str, **wanted) -> Reply:
        body = json.dumps(wanted).encode()
        path = f"/{TOKEN}/api/scenes/{scene}/jobs"
        return self.raw("POST", path, {"Content-Type": "application/json"}, body)

    def work(self, scene: str, **wanted):
        """A job until its end, which is told."""
        reply = self.start_job(scene, **wanted)
        assert reply.status == 200, reply.body
        job = reply.json
        while job["state"] in ("waiting", "running"):
            time.sleep(0.02)
            job = self.get(f"api/jobs/{job['id']}").json
        return job

    def scenes(self) -> dict[str, str]:
        """Ids of the scenes by their names."""
        return {scene["name"]: scene["id"] for scene in self.get("api/start").json["scenes"]}


@contextmanager
def serving(viewer):
    import uvicorn

    from dmssn.viewing.app import create_app
    from dmssn.viewing.serving import listening

    with listening(0) as listener:
        config = uvicorn.Config(create_app(viewer, TOKEN), log_level="critical", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield Served(viewer, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def cube_values(height: int = HEIGHT, width: int = WIDTH, bands: int = BANDS):
    """A bright object on a slope; no two pixels are alike, and one is invalid."""
    rng = np.random.default_rng(3)
    values = rng.uniform(1, 2, (height, width, bands)).astype(np.float32)
    values += np.arange(width, dtype=np.float32)[:, None] / width
    values[object_mask(height, width)] *= np.linspace(3, 1, bands, dtype=np.float32)
    values[1, 2, 3] = np.nan
    return values


def object_mask(height: int = HEIGHT, width: int = WIDTH):
    mask = np.zeros((height, width), dtype=bool)
    mask[height // 4 : height // 2, width // 4 : width // 2] = True
    return mask


def write_cube(path: Path, values=None, **how) -> Path:
    values = cube_values() if values is None else values
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=values, **how)
        file["wavelengths_nm"] = np.linspace(420, 700, values.shape[2])
    return path


def write_mask(path: Path, mask=None) -> Path:
    mask = object_mask() if mask is None else mask
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path
