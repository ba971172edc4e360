"""``dmssn view`` from the shell: what it is started on, and its mistakes in one line."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import tomli_w

from making import write_detector
from viewed import BANDS, object_mask, write_cube, write_mask

pytest.importorskip("fastapi", reason="the extra view is not installed")
pytest.importorskip("uvicorn", reason="the extra view is not installed")

from dmssn.cli import main
from dmssn.regions import RegionCube
from dmssn.store import Manifest, Scene, write_manifest, write_scene
from dmssn.viewing import serving


@pytest.fixture
def started(monkeypatch):
    """Viewers that were about to be served."""
    viewers = []
    monkeypatch.setattr(serving, "serve", lambda viewer, announce, **how: viewers.append(viewer))
    yield viewers
    for viewer in viewers:
        viewer.jobs.close()


def view(*words):
    with pytest.raises(SystemExit) as ended:
        main(["view", *map(str, words)])
    return ended.value.code


def names(viewer):
    return [scene["name"] for scene in viewer.start()["scenes"]]


def write_set(root):
    region_map = np.arange(16, dtype=np.int32).reshape(4, 4) // 4
    table = np.linspace(0, 1, 4 * BANDS, dtype=np.float32).reshape(4, BANDS)
    write_scene(root, Scene(RegionCube(region_map, table, "one", (4, 4)), region_map == 1))
    write_manifest(root, Manifest({}, BANDS, None, None, None, {"val": ["one"]}))


def write_run(folder, prepared, stage="detector"):
    folder.mkdir()
    tables = {"data": {"prepared": str(prepared)}}
    (folder / "recipe.toml").write_text(tomli_w.dumps(tables))
    about = {"identity": {"stage": stage}, "facts": []}
    (folder / "run.json").write_text(json.dumps(about))


def test_it_serves_until_ctrl_c(tmp_path):
    write_cube(tmp_path / "cube.h5")
    command = [sys.executable, "-m", "dmssn", "view", str(tmp_path), "--no-browser"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        address = server.stdout.readline().strip()
        with urllib.request.urlopen(f"{address}api/start", timeout=60) as reply:
            told = json.load(reply)
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert [scene["name"] for scene in told["scenes"]] == ["cube.h5"]
    assert server.returncode == 0
    assert "Traceback" not in said
    assert address not in said  # the key goes nowhere but to stdout


def test_one_cube_is_all_that_can_be_opened(tmp_path, started):
    write_cube(tmp_path / "cube.h5")
    write_cube(tmp_path / "other.h5")
    assert view(tmp_path / "cube.h5") == 0
    assert names(started[0]) == ["cube"]


def test_without_a_path_it_looks_at_the_current_folder(tmp_path, started, monkeypatch):
    write_cube(tmp_path / "cube.h5")
    monkeypatch.chdir(tmp_path)
    assert view() == 0
    assert names(started[0]) == ["cube.h5"]


def test_new_files_are_found_when_the_page_asks_again(tmp_path, started):
    write_cube(tmp_path / "b10.h5")
    assert view(tmp_path) == 0
    write_cube(tmp_path / "b9.h5")
    assert names(started[0]) == ["b9.h5", "b10.h5"]


def test_a_prepared_set_shows_its_scenes(tmp_path, started):
    write_set(tmp_path)
    assert view(tmp_path) == 0
    assert names(started[0]) == ["val/one"]


def test_a_run_shows_its_scenes_and_offers_its_detector_first(tmp_path, started):
    write_set(tmp_path / "prepared")
    write_run(tmp_path / "run", tmp_path / "prepared")
    write_detector(tmp_path / "run" / "best.safetensors")
    assert view(tmp_path / "run") == 0
    told = started[0].start()
    assert [scene["name"] for scene in told["scenes"]] == ["val/one"]
    assert told["detectors"][0]["name"] == "run"
    assert [one["name"] for one in told["detectors"]][1] == "dmssn"


def test_a_teachers_run_shows_its_scenes(tmp_path, started):
    write_set(tmp_path / "prepared")
    write_run(tmp_path / "run", tmp_path / "prepared", "teacher")
    (tmp_path / "run" / "best.safetensors").write_bytes(b"a teacher")
    assert view(tmp_path / "run") == 0
    assert started[0].start()["detectors"][0]["name"] == "dmssn"


def test_a_run_whose_scenes_are_gone_says_what_to_do(tmp_path, started, capsys):
    write_run(tmp_path / "run", tmp_path / "gone")
    assert view(tmp_path / "run") == 2
    assert "as --detector" in capsys.readouterr().err


def test_the_only_mask_and_map_of_one_cube_may_have_any_name(tmp_path, started):
    write_cube(tmp_path / "cube.h5")
    mask = write_mask(tmp_path / "apart" / "otsu.png")
    saliency = tmp_path / "apart" / "theirs.npy"
    np.save(saliency, object_mask().astype(np.float32))
    assert view(tmp_path / "cube.h5", "--masks", mask, "--maps", saliency) == 0
    (scene,) = started[0].start()["scenes"]
    facts = started[0].scene(scene["id"]).facts()
    assert facts["mask"] == "otsu.png"
    assert facts["maps"] == {"f0": "theirs.npy"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 1, "nowhere: no such file or folder"),
        (["empty"], 2, "no cube and no prepared set in it"),
        (["cube.h5", "--port", "70000"], 2, "--port must be from 0 to 65535"),
        (["cube.h5", "--detector", "dmsn"], 2, "did you mean 'dmssn'?"),
        (["cube.h5", "--masks", "nowhere"], 1, "nowhere: no such file or folder"),
        (["cube.h5", "--device", "toaster"], 2, "toaster"),
        (["cube.h5", "--set", "hs-sodd"], 2, "hs-sod"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, started, words, code, said):
    write_cube(tmp_path / "cube.h5")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert view(*words) == code
    told = capsys.readouterr().err
    assert told.startswith("dmssn view: ")
    assert said in told
    assert told.count("\n") == 1
    assert started == []


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert view(tmp_path) == 1
    assert "pip install 'dmssn[view]'" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(tmp_path, capsys):
    write_cube(tmp_path / "cube.h5")
    with serving.listening(0) as taken:
        port = taken.getsockname()[1]
        assert view(tmp_path, "--port", port, "--no-browser") == 1
    assert f"port {port}" in capsys.readouterr().err


def test_an_answer_is_sent_at_once():
    """Its body would else wait for the receiver to acknowledge its head, 40 ms later."""
    at_once = asyncio.Event()

    def answer(_, writer):
        connection = writer.get_extra_info("socket")
        if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY):
            at_once.set()
        writer.close()

    async def asked(listener):
        async with await asyncio.start_server(answer, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()

    with serving.listening(0) as listener:
        asyncio.run(asked(listener))
    assert at_once.is_set()
