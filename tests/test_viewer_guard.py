"""Nobody but the page is answered, and the page gets nothing but what lies where it was started."""

import json
import os

import h5py
import numpy as np
import pytest

from viewed import BANDS, HEIGHT, TOKEN, WIDTH, serving, write_cube, write_mask

pytest.importorskip("fastapi", reason="the extra view is not installed")
pytest.importorskip("uvicorn", reason="the extra view is not installed")

from dmssn.readers import open_cube
from dmssn.viewing.app import PAGE
from dmssn.viewing.places import find_scenes
from dmssn.viewing.starting import start_viewer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder to look at, beside things that must not be looked at."""
    root = tmp_path_factory.mktemp("places")
    (root / "inside" / "deep").mkdir(parents=True)
    (root / "outside").mkdir()
    write_cube(root / "inside" / "one.h5")
    write_cube(root / "inside" / "deep" / "two.h5")
    write_cube(root / "outside" / "secret.h5")
    (root / "outside" / "secret.txt").write_text("secret words")
    (root / "inside" / "link.h5").symlink_to(root / "outside" / "secret.h5")
    (root / "inside" / "away").symlink_to(root / "outside", target_is_directory=True)
    (root / "inside" / "circle").symlink_to(root / "inside", target_is_directory=True)
    (root / "inside" / "loop.h5").symlink_to("loop.h5")
    (root / "inside" / ".hidden.h5").write_bytes((root / "inside" / "one.h5").read_bytes())
    write_mask(root / "inside" / "one.mask.png")
    return root


@pytest.fixture(scope="module")
def served(folder):
    with serving(start_viewer(folder / "inside", opener=open_cube)) as server:
        yield server


@pytest.fixture(scope="module")
def scene(served):
    return served.scenes()["one.h5"]


def test_only_what_lies_below_the_folder_is_listed(served):
    assert set(served.scenes()) == {"one.h5", "deep/two.h5"}


@pytest.mark.parametrize(
    "path", ["/", "/wrong/", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/", "//", "/api/start"]
)
def test_without_the_token_nothing_is_told(served, path):
    reply = served.raw("GET", path)
    assert reply.status == 403
    assert set(reply.json) == {"error"}
    assert "one.h5" not in reply.body.decode()


def test_a_token_elsewhere_than_in_the_path_does_not_count(served):
    assert served.raw("GET", f"/api/start?token={TOKEN}").status == 403
    assert served.raw("GET", "/api/start", {"Authorization": f"Bearer {TOKEN}"}).status == 403
    assert served.raw("GET", "/api/start", {"Cookie": f"token={TOKEN}"}).status == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "127.0.0.1:80:80",
        "192.168.0.1",
        "0.0.0.0",
        "[::2]",
        "",
    ],
)
def test_a_foreign_host_is_refused(served, host):
    assert served.raw("GET", f"/{TOKEN}/api/start", {"Host": host}).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9999", "LOCALHOST:1"])
def test_this_machine_may_be_called_by_its_names_and_any_port_that_leads_here(served, host):
    assert served.raw("GET", f"/{TOKEN}/api/start", {"Host": host}).status == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "", "file://"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_origin_is_refused(served, scene, origin, method):
    path = f"/{TOKEN}/api/start" if method == "GET" else f"/{TOKEN}/api/scenes/{scene}/jobs"
    body = None if method == "GET" else b'{"task": "spectra"}'
    headers = {"Origin": origin, "Content-Type": "application/json"}
    assert served.raw(method, path, headers, body).status == 403


def test_the_page_itself_is_answered(served):
    own = {"Origin": f"http://127.0.0.1:{served.port}", "Sec-Fetch-Site": "same-origin"}
    assert served.raw("GET", f"/{TOKEN}/api/start", own).status == 200


def test_a_link_to_the_page_may_be_followed_from_anywhere(served):
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert served.raw("GET", f"/{TOKEN}/", followed).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_calls_another_site_is_refused(served, site):
    assert served.raw("GET", f"/{TOKEN}/api/start", {"Sec-Fetch-Site": site}).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.txt",
        "..%2foutside%2fsecret.txt",
        "%2e%2e/%2e%2e/etc/passwd",
        "view.css/../../outside/secret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "view.js%00.txt",
        "..\\outside\\secret.txt",
        "api/scenes/../../outside/secret.h5",
        "api/scenes/..%2f..%2foutside%2fsecret.h5",
        "api/scenes/outside%2fsecret.h5",
        "api/scenes/link.h5",
        "app.py",
        "__init__.py",
        "page/index.html",
        "%ff%fe",
    ],
)
def test_no_path_leads_to_another_file(served, path):
    reply = served.get(path)
    assert reply.status in (400, 404)
    assert b"secret" not in reply.body
    assert b"root:" not in reply.body


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "docs/oauth2-redirect"])
def test_the_interface_is_not_described(served, path):
    assert served.get(path).status == 404


def test_a_cube_that_became_a_link_out_is_refused(tmp_path, folder):
    root = tmp_path / "looked-at"
    root.mkdir()
    cube = write_cube(root / "cube.h5")
    with serving(start_viewer(root, opener=open_cube)) as server:
        (found,) = server.scenes().values()
        cube.unlink()
        cube.symlink_to(folder / "outside" / "secret.h5")
        reply = server.get(f"api/scenes/{found}")
        assert reply.status == 404 or "link out of the folder" in reply.json["error"]
        assert server.start_job(found, task="layer", name="colour").status in (404, 422)
        assert server.scenes() == {}


def test_raw_numbers_beside_a_header_may_be_no_link_out(tmp_path):
    root, outside = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    outside.mkdir()
    np.zeros((4, 5, 6), np.float32).tofile(outside / "cube.raw")
    (root / "cube.raw").symlink_to(outside / "cube.raw")
    lines = ["ENVI", "lines = 4", "samples = 5", "bands = 6", "data type = 4", "interleave = bip"]
    (root / "cube.hdr").write_text("\n".join([*lines, "byte order = 0"]))
    with serving(start_viewer(root, opener=open_cube)) as server:
        reply = server.get(f"api/scenes/{server.scenes()['cube.hdr']}")
        assert reply.status == 422
        assert "link out of the folder" in reply.json["error"]


def write_parted(path, cube=None, wavelengths=None, virtual=None):
    """A cube that keeps its numbers, or its wavelengths, in other files, by the names given."""
    values = np.arange(9 * 11 * 30, dtype=np.float32).reshape(9, 11, 30)
    with h5py.File(path, "w") as file:
        if wavelengths is None:
            file["wavelengths_nm"] = np.linspace(400, 700, 30)
        else:
            file.create_dataset(
                "wavelengths_nm", (30,), "f4", external=[(str(wavelengths), 0, 120)]
            )
        if cube is not None:
            place = [(str(cube), 0, values.nbytes)]
            file.create_dataset("cube", values.shape, "f4", external=place)
        elif virtual is not None:
            layout = h5py.VirtualLayout(values.shape, "f4")
            layout[:] = h5py.VirtualSource(str(virtual), "cube", values.shape)
            file.create_virtual_dataset("cube", layout)
        else:
            file["cube"] = values
    return values


@pytest.mark.parametrize("how", ["external", "virtual", "nested", "relative", "wavelengths"])
def test_numbers_of_an_hdf5_file_may_not_lie_outside(tmp_path, monkeypatch, how):
    root, outside = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    outside.mkdir()
    for place in (root, outside):
        np.ones((9, 11, 30), np.float32).tofile(place / "numbers.bin")
    write_parted(outside / "other.h5")
    monkeypatch.chdir(outside)  # where HDF5 looks for relative names
    if how == "external":
        write_parted(root / "cube.h5", cube=outside / "numbers.bin")
    elif how == "virtual":
        write_parted(root / "cube.h5", virtual=outside / "other.h5")
    elif how == "nested":
        write_parted(root / "inner.data", cube=outside / "numbers.bin")
        write_parted(root / "cube.h5", virtual="inner.data")
    elif how == "relative":
        write_parted(root / "cube.h5", cube="numbers.bin")
    else:
        write_parted(root / "cube.h5", wavelengths=outside / "numbers.bin")
    with serving(start_viewer(root, opener=open_cube)) as server:
        reply = server.get(f"api/scenes/{server.scenes()['cube.h5']}")
        assert reply.status == 422
        assert "outside the folder" in reply.json["error"]


def test_numbers_in_other_files_of_the_folder_are_read(tmp_path):
    values = write_parted(tmp_path / "inner.data")
    write_parted(tmp_path / "cube.h5", virtual="inner.data")
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        scene = server.scenes()["cube.h5"]
        told = server.get(f"api/scenes/{scene}/spectrum?row=3&column=4").json
        assert told["spectrum"] == values[3, 4].tolist()


def test_a_masks_numbers_may_not_lie_outside(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    write_cube(root / "cube.h5")
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["mask"] = np.eye(WIDTH, HEIGHT)
    (root / "masks").mkdir()
    with h5py.File(root / "masks" / "cube.mat", "w") as file:
        file["mask"] = h5py.ExternalLink(tmp_path / "other.mat", "mask")
    with serving(start_viewer(root, opener=open_cube)) as server:
        facts = server.get(f"api/scenes/{server.scenes()['cube.h5']}").json
        assert facts["mask"] is None
        assert any("outside the folder" in note for note in facts["notes"])


def test_a_link_that_is_put_there_while_a_cube_is_opened_is_refused(tmp_path, folder):
    cube = write_cube(tmp_path / "cube.h5")

    def opener(path):
        path.unlink()
        path.symlink_to(folder / "outside" / "secret.h5")
        return open_cube(path)

    with serving(start_viewer(tmp_path, opener=opener)) as server:
        reply = server.get(f"api/scenes/{server.scenes()['cube.h5']}")
        assert cube.is_symlink()
        assert reply.status == 422
        assert "link out of the folder" in reply.json["error"]


def test_a_map_that_became_a_link_out_is_refused(tmp_path, folder):
    root = tmp_path / "in"
    root.mkdir()
    write_cube(root / "cube.h5")
    found, other = write_mask(root / "cube.saliency.png"), write_mask(tmp_path / "map.png")
    with serving(start_viewer(root, opener=open_cube)) as server:
        scene = server.scenes()["cube.h5"]
        assert server.get(f"api/scenes/{scene}").json["maps"] == {"f0": "cube.saliency.png"}
        found.unlink()
        found.symlink_to(other)
        assert server.work(scene, task="saved", name="f0")["state"] == "failed"


def test_a_mask_is_not_followed_out_of_the_folder(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    write_cube(root / "cube.h5")
    (root / "cube.mask.png").symlink_to(write_mask(tmp_path / "mask.png"))
    with serving(start_viewer(root, opener=open_cube)) as server:
        reply = server.get(f"api/scenes/{server.scenes()['cube.h5']}")
        assert reply.status == 200
        assert reply.json["mask"] is None


def test_a_manifest_may_not_name_scenes_elsewhere(tmp_path):
    root = tmp_path / "prepared"
    (root / "scenes").mkdir(parents=True)
    (tmp_path / "secret.safetensors").write_bytes(b"")
    manifest = {"format": 2, "version": "0", "prepare": {}, "bands": 3, "wavelengths_nm": None}
    splits = {"train": ["../../secret", "missing"]}
    manifest |= {"mean": None, "std": None, "splits": splits}
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert find_scenes(root).entries == ()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("row=0&column=0", 200),
        (f"row={HEIGHT - 1}&column={WIDTH - 1}", 200),
        (f"row={HEIGHT}&column=0", 404),
        (f"row=0&column={WIDTH}", 404),
        ("row=-1&column=0", 400),
        ("row=0", 400),
        ("", 400),
        ("row=x&column=0", 400),
        ("row=1.5&column=0", 400),
        ("row=nan&column=0", 400),
        ("row=0&column=99999999999999999999999999", 400),
        ("row=0&column=0&map=../../x", 400),
        (f"row=0&column=0&map={'d' * 60}", 400),
        ("row=0&column=0&map=d999", 200),
    ],
)
def test_pixels_that_are_none_are_refused(served, scene, query, status):
    reply = served.get(f"api/scenes/{scene}/spectrum?{query}")
    assert reply.status == status
    assert status == 200 or set(reply.json) == {"error"}


def test_what_was_malformed_is_not_repeated(served, scene):
    reply = served.get(f"api/scenes/{scene}/spectrum?row=<script>&column=0")
    assert b"script" not in reply.body
    path = f"/{TOKEN}/api/scenes/{scene}/jobs"
    body = b'{"task": "spectra", "<script>": 1}'
    reply = served.raw("POST", path, {"Content-Type": "application/json"}, body)
    assert reply.status == 400
    assert b"script" not in reply.body


def test_an_oversized_query_is_refused(served, scene):
    path = f"api/scenes/{scene}/spectrum?row=0&column=0&map={'x' * 3000}"
    assert served.get(path).status == 414
    assert served.get("y" * 5000).status == 414


def test_an_oversized_body_is_refused(served, scene):
    path = f"/{TOKEN}/api/scenes/{scene}/jobs"
    body = json.dumps({"task": "layer", "name": "x" * 10000}).encode()
    assert served.raw("POST", path, {"Content-Type": "application/json"}, body).status == 413
    assert served.get("api/start").status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 4000,
        b'"colour"',
        b"\xff\xfe",
        b'{"task": "delete"}',
        b'{"task": "layer", "name": "../../etc"}',
        b'{"task": "layer", "name": "colour", "path": "/etc/passwd"}',
        b'{"task": "means", "name": "d0", "threshold": NaN}',
        b'{"task": "means", "name": "d0", "threshold": 7}',
        b'{"task": "layer", "name": "' + b"[" * 2000 + b'"}',
    ],
)
def test_a_job_that_is_none_is_refused(served, scene, body):
    path = f"/{TOKEN}/api/scenes/{scene}/jobs"
    reply = served.raw("POST", path, {"Content-Type": "application/json"}, body)
    assert reply.status == 400
    assert set(reply.json) == {"error"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"task": "layer", "name": f"band-{BANDS}"},
        {"task": "layer", "name": "bands-0-1"},
        {"task": "layer", "name": "secret"},
        {"task": "detect", "name": "d99"},
        {"task": "detect", "name": "x"},
        {"task": "saved", "name": "f7"},
        {"task": "metrics", "name": "d0"},
        {"task": "means", "name": "d0"},
    ],
)
def test_a_job_on_what_is_not_there_says_so(served, scene, wanted):
    reply = served.start_job(scene, **wanted)
    assert reply.status == 404 or served.work(scene, **wanted)["state"] == "failed"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused(served, method):
    assert served.raw(method, f"/{TOKEN}/api/start").status in (400, 405)


def test_a_web_socket_is_refused(served):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    assert served.raw("GET", f"/{TOKEN}/api/socket", upgrade).status in (403, 404)


@pytest.mark.parametrize("path", ["", "view.js", "api/start", "api/nothing", "../x"])
def test_every_answer_forbids_what_the_page_does_not_need(served, path):
    headers = served.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers or "uvicorn" in headers["server"]


def test_the_page_loads_nothing_from_elsewhere(served):
    for part in PAGE:
        text = served.get(part).body.decode()
        links = text.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert "http:" not in links, part
        assert "https:" not in links, part
        assert "//" not in links.replace("// ", ""), part


def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("the superuser may read every folder")
    write_cube(tmp_path / "cube.h5")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    assert [entry.name for entry in find_scenes(tmp_path).entries] == ["cube.h5"]
