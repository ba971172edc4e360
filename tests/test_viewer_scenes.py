"""What the viewer shows is what the package computes."""

import errno
import gc
import io
import math
import threading
import tracemalloc
import weakref
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from making import write_detector
from viewed import (
    BANDS,
    HEIGHT,
    TOKEN,
    WIDTH,
    cube_values,
    object_mask,
    serving,
    write_cube,
    write_mask,
)

pytest.importorskip("fastapi", reason="the extra view is not installed")
pytest.importorskip("uvicorn", reason="the extra view is not installed")

from dmssn.detector import load_detector
from dmssn.evaluation import evaluate
from dmssn.metrics import score
from dmssn.readers import open_cube, read_cube
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import render
from dmssn.saving import HEAT, save_saliency
from dmssn.store import Manifest, Scene, write_manifest, write_scene
from dmssn.viewing import spectra
from dmssn.viewing.jobs import MOST_WAITING, BusyError, Job, Jobs
from dmssn.viewing.places import find_scenes
from dmssn.viewing.starting import start_viewer
from dmssn.viewing.tiles import SIDE, Layer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    write_cube(root / "cube.h5")
    write_mask(root / "masks" / "cube.png")
    write_cube(root / "packed.h5", chunks=(HEIGHT, WIDTH, 1), compression="gzip")
    saliency = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    save_saliency(root / "cube.saliency.png", saliency, {"version": "0"})
    return root


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("detector") / "mine.safetensors")


@pytest.fixture(scope="module")
def served(folder, detector):
    viewer = start_viewer(folder, opener=open_cube, detectors=[str(detector)])
    with serving(viewer) as server:
        yield server


@pytest.fixture(scope="module")
def scene(served):
    return served.scenes()["cube.h5"]


def picture_of(served, scene, layer):
    """A layer of a single tile."""
    reply = served.get(f"api/scenes/{scene}/tiles/{layer}/0/0/0")
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(reply.body)))


def values_of(served, scene, layer, dtype):
    """A layer of values of a single tile, without its apron."""
    reply = served.get(f"api/scenes/{scene}/tiles/{layer}/0/0/0")
    assert reply.status == 200, reply.body
    return np.frombuffer(reply.body, dtype).reshape(HEIGHT + 2, WIDTH + 2)[1:-1, 1:-1]


def finished(job):
    assert job["state"] == "done", job
    return job["result"]


def test_a_scene_tells_what_is_known_of_it(served, scene):
    facts = served.get(f"api/scenes/{scene}").json
    assert (facts["height"], facts["width"], facts["bands"]) == (HEIGHT, WIDTH, BANDS)
    assert facts["wavelengths"] == pytest.approx(np.linspace(420, 700, BANDS).tolist())
    assert facts["mask"] == "cube.png"
    assert facts["maps"] == {"f0": "cube.saliency.png"}
    assert facts["spectra"] == "now"


@pytest.mark.parametrize("pixel", [(0, 0), (HEIGHT - 1, WIDTH - 1), (1, 2), (7, 30)])
def test_a_pixel_gives_its_spectrum(served, scene, pixel):
    told = served.get(f"api/scenes/{scene}/spectrum?row={pixel[0]}&column={pixel[1]}").json
    wanted = cube_values()[pixel]
    assert told["valid"] == bool(np.isfinite(wanted).all())
    assert told["salient"] == bool(object_mask()[pixel])
    got = [math.nan if value is None else value for value in told["spectrum"]]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_the_colour_picture_is_that_of_prediction(served, scene, folder):
    finished(served.work(scene, task="layer", name="colour"))
    wanted = render(read_cube(folder / "cube.h5"))
    np.testing.assert_array_equal(picture_of(served, scene, "colour"), wanted)


def test_a_band_is_grey_by_its_own_range(served, scene):
    finished(served.work(scene, task="layer", name="band-5"))
    shown = picture_of(served, scene, "band-5")
    values = cube_values()[:, :, 5]
    assert shown.shape == values.shape
    assert (shown.min(), shown.max()) == (0, 255)
    order = np.argsort(values[2:].ravel())  # without the row of the invalid pixel
    assert (np.diff(shown[2:].ravel()[order].astype(int)) >= 0).all()
    finished(served.work(scene, task="layer", name="band-3"))
    assert picture_of(served, scene, "band-3")[1, 2] == 0  # its value is missing there


def test_three_bands_are_red_green_and_blue_in_the_order_asked_for(served, scene):
    finished(served.work(scene, task="layer", name="bands-6-0-3"))
    shown = picture_of(served, scene, "bands-6-0-3")
    for channel, band in enumerate((6, 0, 3)):
        finished(served.work(scene, task="layer", name=f"band-{band}"))
        alone = picture_of(served, scene, f"band-{band}")
        valid = np.isfinite(cube_values()[:, :, [6, 0, 3]]).all(axis=2)
        differ = np.abs(shown[valid][:, channel].astype(int) - alone[valid].astype(int))
        assert differ.max() <= 3  # one pixel more or less in a percentile


def test_a_band_is_previewed_once_the_cube_was_read(served, scene):
    finished(served.work(scene, task="layer", name="colour"))
    reply = served.get(f"api/scenes/{scene}/preview?band=5")
    assert Image.open(io.BytesIO(reply.body)).size == (WIDTH, HEIGHT)
    assert served.get(f"api/scenes/{scene}/preview?band={BANDS}").status == 404


def test_principal_components_are_those_of_the_spectra(served, scene):
    finished(served.work(scene, task="layer", name="pca"))
    shown = picture_of(served, scene, "pca")[:, :, 0].astype(float)
    values = cube_values()
    valid = np.isfinite(values).all(axis=2)
    spectra_ = values[valid].astype(np.float64)
    first = np.linalg.svd(spectra_ - spectra_.mean(axis=0), full_matrices=False)[2][0]
    projected = spectra_ @ (first * np.sign(first[np.abs(first).argmax()]))
    ranks = [np.argsort(np.argsort(one)) for one in (projected, shown[valid])]
    assert np.corrcoef(*ranks)[0, 1] > 0.98


def test_the_mask_is_shown_as_it_is(served, scene):
    finished(served.work(scene, task="layer", name="mask"))
    shown = values_of(served, scene, "mask", "u1")
    np.testing.assert_array_equal(shown, object_mask() * 255)


def test_what_was_not_drawn_has_no_tiles(served, scene):
    for layer in ("band-1", "saliency-d3", "nothing", "code-f0"):
        assert served.get(f"api/scenes/{scene}/tiles/{layer}/0/0/0").status == 404
    finished(served.work(scene, task="layer", name="colour"))
    for place in ("1/0/0", "0/1/0", "0/0/1"):
        assert served.get(f"api/scenes/{scene}/tiles/colour/{place}").status == 404


@pytest.fixture(scope="module")
def detected(served, scene):
    return finished(served.work(scene, task="detect", name="d0"))


def test_a_detector_gives_the_map_it_gives_alone(served, scene, detected, detector, folder):
    wanted = load_detector(detector)(read_cube(folder / "cube.h5"))
    shown = values_of(served, scene, "saliency-d0", "<u2")
    np.testing.assert_array_equal(shown, np.rint(wanted * 65535).astype(np.uint16))
    assert detected["name"] == "mine"
    assert sum(detected["histogram"]) == HEIGHT * WIDTH
    assert shown.max() > shown.min()


def test_regions_and_code_are_shown_at_the_networks_size(served, scene, detected):
    for kind in ("regions", "code"):
        shown = picture_of(served, scene, f"{kind}-d0")
        assert shown.shape[:2] == (detected["layers"][kind]["height"],) * 2
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 3


def test_a_pixel_tells_its_region_and_the_regions_mean(served, scene, detected):
    path = f"api/scenes/{scene}/spectrum?row=15&column=20&map=d0"
    told = served.get(path).json
    saliency = values_of(served, scene, "saliency-d0", "<u2")
    assert told["saliency"] == pytest.approx(saliency[15, 20] / 65535)
    assert 0 <= told["region"]["number"] < detected["regions"]
    region = np.array(told["region"]["mean"])
    inside = cube_values()[object_mask()]
    assert region.shape == (BANDS,)
    assert (inside.min(axis=0) <= region).all()
    assert (region <= inside.max(axis=0)).all()


def test_the_region_of_a_pixel_is_the_one_under_its_middle(served, scene, detected):
    regions = served.viewer.scene(scene).maps["d0"].regions.region_map
    for row, column in ((15, 20), (27, 31), (HEIGHT - 1, WIDTH - 1), (38, 1)):
        told = served.get(f"api/scenes/{scene}/spectrum?row={row}&column={column}&map=d0").json
        place = int((row + 0.5) / HEIGHT * len(regions)), int((column + 0.5) / WIDTH * len(regions))
        assert told["region"]["number"] == regions[place]


def test_means_are_over_what_the_threshold_parts(served, scene, detected):
    saliency = values_of(served, scene, "saliency-d0", "<u2") / np.float32(65535)
    threshold = float(saliency[15, 20])  # a pixel at the threshold is salient
    told = finished(served.work(scene, task="means", name="d0", threshold=threshold))
    values = cube_values()
    valid = np.isfinite(values).all(axis=2)
    for kind, where in (("salient", saliency >= threshold), ("background", saliency < threshold)):
        assert told[f"{kind}_pixels"] == where.sum()
        np.testing.assert_allclose(told[kind], values[where & valid].mean(axis=0), rtol=1e-5)


def test_scores_are_those_of_the_metrics(served, scene, detected):
    told = finished(served.work(scene, task="metrics", name="d0"))
    saliency = values_of(served, scene, "saliency-d0", "<u2") / np.float32(65535)
    wanted = score(saliency.astype(np.float64), object_mask())
    got = {metric["name"]: metric["value"] for metric in told["metrics"]}
    for name, value in wanted.items():
        assert got[name] == (None if math.isnan(value) else pytest.approx(value, rel=1e-5)), name


@pytest.mark.parametrize("unknown", [False, True])
def test_scores_of_a_map_in_a_file_are_those_of_evaluation(tmp_path, unknown):
    write_cube(tmp_path / "cube.h5")
    # Of eight bits: every level is a threshold.
    levels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    levels[object_mask()] |= 64
    Image.fromarray(levels).save(tmp_path / "cube.saliency.png")
    label = object_mask().astype(np.uint8)
    if unknown:
        label[:5] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(label).save(tmp_path / "masks" / "cube.png")
    ignore = "set" if unknown else None
    wanted = evaluate(tmp_path / "cube.saliency.png", tmp_path / "masks", ignore=ignore)
    (values,) = wanted.scenes.values()
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        scene = server.scenes()["cube.h5"]
        shown = finished(server.work(scene, task="saved", name="f0"))
        told = finished(server.work(scene, task="metrics", name="f0"))
    got = {one["name"]: one["value"] for one in told["metrics"]}
    assert set(got) == set(values)
    for name, value in values.items():
        assert got[name] == (None if math.isnan(value) else pytest.approx(value, rel=1e-6)), name
    assert told["scoring"] == list(wanted.scoring)
    counted = label != 255
    for number in (0, 40, 41, 100, 200):  # 40 is 0.2, of which 51 is a level
        called = levels >= number / 200 * 255
        assert shown["above"][number] == called.sum()
        hits = (called & object_mask() & counted).sum()
        assert told["precision"][number] == pytest.approx(hits / (called & counted).sum())
        assert told["recall"][number] == pytest.approx(hits / (object_mask() & counted).sum())


def test_a_map_that_was_made_is_there_for_another_page(served, scene, detected):
    assert "d0" in served.get(f"api/scenes/{scene}").json["made"]
    assert finished(served.work(scene, task="saved", name="d0")) == detected


def test_a_classical_detector_runs_too(served, scene):
    ids = {one["name"]: one["id"] for one in served.get("api/start").json["detectors"]}
    told = finished(served.work(scene, task="detect", name=ids["sad"]))
    assert told["regions"] is None
    assert set(told["layers"]) == {"saliency"}


def test_a_map_in_a_file_is_shown_as_it_is(served, scene):
    told = finished(served.work(scene, task="saved", name="f0"))
    assert told["name"] == "cube.saliency.png"
    shown = values_of(served, scene, "saliency-f0", "<u2")
    wanted = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32) * 65535
    np.testing.assert_allclose(shown.ravel(), wanted, atol=0.51)


@pytest.mark.parametrize("kind", ["saliency.png", "mask.png", "overlay.png", "objects.csv"])
def test_files_can_be_kept(served, scene, detected, kind):
    finished(served.work(scene, task="layer", name="colour"))
    saliency = values_of(served, scene, "saliency-d0", "<u2")
    threshold = float(np.median(saliency)) / 65535
    reply = served.get(f"api/scenes/{scene}/files/{kind}?map=d0&threshold={threshold}")
    assert reply.status == 200
    assert "attachment" in reply.headers["content-disposition"]
    if kind == "objects.csv":
        assert reply.body.startswith(b"object,area_px")
        return
    shown = np.asarray(Image.open(io.BytesIO(reply.body)))
    if kind == "saliency.png":
        np.testing.assert_array_equal(shown, saliency)
    if kind == "mask.png":
        np.testing.assert_array_equal(shown == 255, saliency / np.float32(65535) >= threshold)


def test_no_other_file_is_made(served, scene, detected):
    assert served.get(f"api/scenes/{scene}/files/weights?map=d0").status == 404
    assert served.get(f"api/scenes/{scene}/files/saliency.png?map=d7").status == 404


def test_spectra_of_compressed_whole_bands_come_once_they_are_unpacked(
    served, monkeypatch, tmp_path
):
    monkeypatch.setattr(spectra, "AT_ONCE", 1000)
    monkeypatch.setattr(spectra, "GROUP_BYTES", HEIGHT * WIDTH * 4 * 3)  # three bands at a time
    packed = served.scenes()["packed.h5"]
    assert served.get(f"api/scenes/{packed}").json["spectra"] == "unpack"
    path = f"api/scenes/{packed}/spectrum?row=11&column=21"
    assert served.get(path).status == 409
    finished(served.work(packed, task="spectra"))
    assert served.get(f"api/scenes/{packed}").json["spectra"] == "now"
    monkeypatch.setattr(spectra, "AT_ONCE", 0)
    np.testing.assert_allclose(served.get(path).json["spectrum"], cube_values()[11, 21], rtol=1e-6)


@pytest.mark.parametrize("chunks", [(HEIGHT, WIDTH, 1), (8, WIDTH, BANDS), (HEIGHT, 5, 3)])
def test_unpacking_is_right_for_chunks_of_any_kind(tmp_path, monkeypatch, chunks):
    monkeypatch.setattr(spectra, "AT_ONCE", 0)
    path = write_cube(tmp_path / "cube.h5", chunks=chunks, compression="gzip")
    found = spectra.Spectra(open_cube(path))
    found.unpack(Job("key", lambda job: {}))
    for pixel in ((0, 0), (13, 37), (HEIGHT - 1, WIDTH - 1)):
        np.testing.assert_array_equal(found.at(*pixel), cube_values()[pixel])


def test_too_little_room_is_told_before_anything_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(spectra, "AT_ONCE", 0)
    monkeypatch.setattr(spectra, "room", lambda place: (place, 10))
    path = write_cube(tmp_path / "cube.h5", chunks=(HEIGHT, WIDTH, 1), compression="gzip")
    with pytest.raises(OSError, match="set TMPDIR"):
        spectra.Spectra(open_cube(path)).unpack(Job("key", lambda job: {}))


def test_room_for_unpacked_spectra_is_taken_before_they_are_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spectra, "AT_ONCE", 0)
    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    path = write_cube(tmp_path / "cube.h5", chunks=(HEIGHT, WIDTH, 1), compression="gzip")
    found = spectra.Spectra(open_cube(path))
    with pytest.raises(OSError, match="No space left"):
        found.unpack(Job("key", lambda job: {}))
    assert not found.ready


def test_a_prepared_scene_is_looked_at_by_its_regions(tmp_path):
    region_map = np.repeat(np.arange(4, dtype=np.int32), 8).reshape(4, 8).repeat(2, axis=0)
    region_map[0, 0] = OUTSIDE
    table = np.linspace(0, 1, 4 * BANDS, dtype=np.float32).reshape(4, BANDS)
    mask = region_map == 2
    write_scene(tmp_path, Scene(RegionCube(region_map, table, "one", (8, 8)), mask))
    write_manifest(tmp_path, Manifest({}, BANDS, None, None, None, {"train": ["one"]}))
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        scene = server.scenes()["train/one"]
        facts = server.get(f"api/scenes/{scene}").json
        assert facts["prepared"]
        assert facts["wavelengths"] is None
        told = server.get(f"api/scenes/{scene}/spectrum?row=5&column=1").json
        assert told["region"]["number"] == 2
        assert told["salient"]
        np.testing.assert_allclose(told["spectrum"], table[2], rtol=1e-6)
        outside = server.get(f"api/scenes/{scene}/spectrum?row=0&column=0").json
        assert not outside["valid"]
        assert "region" not in outside
        finished(server.work(scene, task="layer", name="regions"))
        shown = picture_of(server, scene, "regions")
        assert (shown[0, 0] == 0).all()
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 5


def test_a_mask_of_another_size_is_told_and_not_shown(tmp_path):
    write_cube(tmp_path / "cube.h5")
    write_mask(tmp_path / "cube.mask.png", object_mask()[:-1])
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        facts = server.get(f"api/scenes/{server.scenes()['cube.h5']}").json
    assert facts["mask"] is None
    assert any("39 x 52, its cube 40 x 52" in note for note in facts["notes"])


def test_a_cube_that_is_written_anew_is_read_anew(tmp_path):
    path = write_cube(tmp_path / "cube.h5")
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        scene = server.scenes()["cube.h5"]
        assert server.get(f"api/scenes/{scene}").json["height"] == HEIGHT
        path.unlink()
        write_cube(path, cube_values()[: HEIGHT // 2])
        assert server.get(f"api/scenes/{scene}").json["height"] == HEIGHT // 2
        path.unlink()
        reply = server.get(f"api/scenes/{scene}")
        assert (reply.status, reply.json) == (422, {"error": "cube.h5: is no longer there"})


def test_a_page_of_a_cube_that_was_written_anew_is_told_so(tmp_path):
    path = write_cube(tmp_path / "cube.h5")
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        address = f"/{TOKEN}/api/scenes/{server.scenes()['cube.h5']}"
        as_of = {"As-Of": server.raw("GET", address).json["opened"]}
        pixel = f"{address}/spectrum?row=5&column=6"
        assert server.raw("GET", pixel, as_of).status == 200
        path.unlink()
        write_cube(path, cube_values() + 1)
        reply = server.raw("GET", pixel, as_of)
        assert (reply.status, set(reply.json)) == (410, {"error"})
        now = server.raw("GET", address).json["opened"]
        assert server.raw("GET", pixel, {"As-Of": now}).status == 200


def test_raw_numbers_that_are_written_anew_are_read_anew(tmp_path):
    lines = ["ENVI", "lines = 4", "samples = 5", "bands = 6", "data type = 4", "interleave = bip"]
    (tmp_path / "cube.hdr").write_text("\n".join([*lines, "byte order = 0"]))
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        scene = server.scenes()["cube.hdr"]
        for value in (1, 2):
            partial = tmp_path / "partial"
            np.full((4, 5, 6), value, np.float32).tofile(partial)
            partial.replace(tmp_path / "cube.raw")
            told = server.get(f"api/scenes/{scene}/spectrum?row=1&column=2").json
            assert told["spectrum"] == [value] * 6


def test_a_job_that_was_stopped_does_not_stand_for_the_next():
    jobs, going = Jobs(threads=2), threading.Event()

    def work(job):
        going.wait(60)
        job.tell("on")
        return {"done": True}

    first = jobs.start("key", work)
    assert jobs.start("key", work) is first
    first.stop()
    second = jobs.start("key", work)
    going.set()
    assert first.ended.wait(60)
    assert second.ended.wait(60)
    assert (first.state, second.state) == ("stopped", "done")
    jobs.close()


def test_no_more_jobs_wait_than_are_allowed():
    jobs, begun, going = Jobs(threads=1), threading.Event(), threading.Event()

    def work(job):
        begun.set()
        return {"waited": going.wait(60)}

    try:
        jobs.start("at work", work)
        assert begun.wait(60)
        for number in range(MOST_WAITING):
            jobs.start(number, work)
        with pytest.raises(BusyError):
            jobs.start("one more", work)
    finally:
        going.set()
        jobs.close()


def test_layers_that_are_too_many_are_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr("dmssn.viewing.scenes.KEPT_BYTES", 3 * HEIGHT * WIDTH)
    write_cube(tmp_path / "cube.h5")
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        scene = server.scenes()["cube.h5"]
        kept = []
        for layer in ("colour", "band-1", "band-2"):
            finished(server.work(scene, task="layer", name=layer))
        for layer in ("colour", "band-1", "band-2"):
            kept.append(server.get(f"api/scenes/{scene}/tiles/{layer}/0/0/0").status)
        assert kept == [200, 404, 200]
        finished(server.work(scene, task="layer", name="band-1"))
        assert server.get(f"api/scenes/{scene}/tiles/band-1/0/0/0").status == 200


def test_scenes_beyond_the_most_that_are_listed_are_told(tmp_path, monkeypatch):
    for number in range(3):
        write_cube(tmp_path / f"{number}.h5")
    monkeypatch.setattr("dmssn.viewing.places.MOST_SCENES", 2)
    found = find_scenes(tmp_path)
    assert ([entry.name for entry in found.entries], found.more) == (["0.h5", "1.h5"], True)


def test_the_heat_of_the_page_is_that_of_saved_pictures():
    code = (files("dmssn.viewing") / "page" / "picture.js").read_text()
    assert f"HEAT = {HEAT.tolist()};" in code


def test_a_scene_that_was_closed_for_others_is_freed(tmp_path):
    for number in range(5):
        write_cube(tmp_path / f"{number}.h5")
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        ids = server.scenes()
        finished(server.work(ids["0.h5"], task="layer", name="colour"))
        first = weakref.ref(server.viewer.scene(ids["0.h5"]))
        for number in range(1, 5):
            finished(server.work(ids[f"{number}.h5"], task="layer", name="colour"))
        gc.collect()
        assert first() is None


def test_a_damaged_cube_is_one_line(tmp_path):
    (tmp_path / "cube.h5").write_bytes(b"no HDF5 at all")
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        reply = server.get(f"api/scenes/{server.scenes()['cube.h5']}")
    assert reply.status == 422
    assert "is not an HDF5 file" in reply.json["error"]


def test_a_map_of_another_size_is_refused(tmp_path):
    write_cube(tmp_path / "cube.h5")
    save_saliency(tmp_path / "cube.saliency.png", np.zeros((3, 4), np.float32), {"version": "0"})
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        job = server.work(server.scenes()["cube.h5"], task="saved", name="f0")
    assert job["state"] == "failed"
    assert "3 x 4, its cube is 40 x 52" in job["error"]


@settings(max_examples=30)
@given(
    hnp.arrays(np.uint16, st.tuples(st.integers(1, 40), st.integers(1, 40))),
    st.sampled_from([4, 16, 512]),
)
def test_tiles_cover_a_layer_once_and_its_apron_is_its_neighbours(whole, side):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dmssn.viewing.tiles.SIDE", side)
        layer = Layer(whole)
        assert layer.facts()["levels"] == max(0, math.ceil(math.log2(max(whole.shape) / side))) + 1
        padded = np.pad(whole, 1, mode="edge")
        for row in range(-(-whole.shape[0] // side)):
            for column in range(-(-whole.shape[1] // side)):
                content, _ = layer.tile(0, row, column)
                wanted = padded[row * side : row * side + side + 2]
                wanted = wanted[:, column * side : column * side + side + 2]
                got = np.frombuffer(content, "<u2").reshape(wanted.shape)
                np.testing.assert_array_equal(got, wanted)


def test_smaller_levels_are_means_and_keep_small_masks():
    ramp = np.arange(16, dtype=np.uint16).reshape(4, 4) * 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dmssn.viewing.tiles.SIDE", 2)
        content, _ = Layer(ramp).tile(1, 0, 0)
        wanted = ramp.reshape(2, 2, 2, 2).mean(axis=(1, 3))
        np.testing.assert_array_equal(np.frombuffer(content, "<u2").reshape(4, 4)[1:3, 1:3], wanted)
        dot = np.zeros((4, 4), np.uint8)
        dot[3, 2] = 255
        content, _ = Layer(dot, shrink="most").tile(1, 0, 0)
        shown = np.frombuffer(content, "u1").reshape(4, 4)[1:3, 1:3]
        np.testing.assert_array_equal(shown, [[0, 0], [0, 255]])


@pytest.mark.parametrize("shape", [(2500, 2500), (700, 900, 3), (300, 300, 3)])
def test_the_memory_of_a_layer_has_room_for_the_tiles_it_comes_to_keep(shape):
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)  # packs worst of all
    tracemalloc.start()
    try:
        layer = Layer(noise, grey=len(shape) == 2)
        for row in range(-(-shape[0] // SIDE)):
            for column in range(-(-shape[1] // SIDE)):
                layer.tile(0, row, column)
        taken = noise.nbytes + tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken <= layer.bytes * 1.001 + 20_000
    assert layer.bytes <= 2 * (noise.nbytes * 4 / 3 + 10_000)
