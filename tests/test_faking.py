"""Made-up data sets: laid out, stored and named as the published ones, and spoilt only as told."""

import io
import json
import shutil
import tracemalloc
from collections import namedtuple
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from dmssn.cli import main
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import Cube
from dmssn.datasets import faking
from dmssn.datasets.catalogue import DATA_SETS
from dmssn.datasets.faking import disk_bytes, write_fake
from dmssn.datasets.faking_plan import FakeSettings
from dmssn.datasets.faking_scenes import fake_scene
from dmssn.datasets.finding import find_scenes
from dmssn.datasets.opening import open_scene, read_truth
from dmssn.datasets.splits import Choice, published
from dmssn.preparing import prepare
from dmssn.readers import open_cube
from dmssn.readers.turning import TURNS
from dmssn.rendering import render

HEIGHT, WIDTH = 40, 56
BANDS = {"folder": 12, "hsod-bit": 200, "hsod-bit-v2": 200, "hs-sod": 81, "hrssd": 32}
SMALL = FakeSettings(scenes=1, size=(HEIGHT, WIDTH), quirks=False)
NAMES_NM = np.linspace(400, 1000, 30)


def small(name, **more):
    bands = 12 if name == "folder" else None
    return replace(SMALL, bands=bands, **more)


def write(name, root, **more):
    return write_fake(DATA_SETS[name], root, small(name, **more))


def only_scene(name, root):
    (scene,) = find_scenes(DATA_SETS[name], root).scenes
    return scene


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run(*tokens):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
        main(["dataset", "fake", *map(str, tokens)])
    return stop.value.code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """One whole scene of every set, upright."""
    root = tmp_path_factory.mktemp("sets")
    for name in DATA_SETS:
        write(name, root / name)
    return root


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """HS-SOD of seven scenes with quirks, and what was told of it."""
    root = tmp_path_factory.mktemp("spoilt") / "set"
    return root, write("hs-sod", root, scenes=7, quirks=True)


@pytest.mark.parametrize(
    ("name", "release", "folder", "suffix", "key", "dtype", "axes"),
    [
        ("hsod-bit", "first", "hyperspectral", ".mat", "hypercube", "float32", "BWH"),
        ("hsod-bit", "now", "hyperspectral", ".h5", "dataset", "float32", "BHW"),
        ("hsod-bit-v2", None, "hyperspectral", ".h5", "dataset", "float32", "BHW"),
        ("hs-sod", None, "hyperspectral", ".mat", "hypercube", "uint16", "BWH"),
        ("folder", None, "cubes", ".h5", "dataset", "float32", "BHW"),
    ],
)
def test_hdf5_cubes_are_stored_as_the_set_stores_them(
    tmp_path, name, release, folder, suffix, key, dtype, axes
):
    (scene,) = write(name, tmp_path, release=release)["scenes"]
    path = tmp_path / folder / f"{scene}{suffix}"
    bands = BANDS[name]
    assert path.stat().st_size < np.dtype(dtype).itemsize * HEIGHT * WIDTH * bands + 8192
    with h5py.File(path) as file:
        stored = file[key]
        assert stored.dtype == dtype
        assert stored.shape == tuple({"B": bands, "H": HEIGHT, "W": WIDTH}[a] for a in axes)
        assert file.userblock_size == (512 if suffix == ".mat" else 0)
        upright = stored[()].transpose([axes.index(a) for a in "HWB"]).astype(np.float32)
    if suffix == ".mat":
        assert path.read_bytes()[:19] == b"MATLAB 7.3 MAT-file"
        assert path.read_bytes()[124:128] == b"\0\2IM"
    # The picture, which is stored upright in any case, tells whether the axes are those.
    (picture,) = (tmp_path / "color").iterdir()
    nm = DATA_SETS[name].centres_nm or np.linspace(400, 1000, bands)
    seen = np.asarray(Image.open(picture).convert("L")).astype(float)
    shown = np.asarray(Image.fromarray(render(Cube(upright, np.asarray(nm)))).convert("L"))
    assert np.abs(seen - shown).mean() < 6
    for other in (shown[:, ::-1], shown[::-1], shown[::-1, ::-1]):
        assert np.abs(seen - other).mean() > 15


def test_hs_sod_has_12_bits_and_makes_use_of_them(sets):
    with h5py.File(only_scene("hs-sod", sets / "hs-sod").cube) as file:
        numbers = file["hypercube"][()]
    assert numbers.max() <= 4095
    assert numbers.max() > 1500
    assert len(np.unique(numbers)) > 500


def test_hrssd_is_geotiff_with_labels_that_ignore(sets):
    root = sets / "hrssd"
    (path,) = root.glob("tr/image/*.tif")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_geotiff
        series = tiff.series[0]
        assert (series.axes, series.shape, series.dtype) == ("SYX", (32, HEIGHT, WIDTH), np.int16)
        assert 1000 < series.asarray().max() <= 20000  # reflectance times 10000
    label = tifffile.imread(root / "tr/label" / path.name)
    mask = np.asarray(Image.open(root / "tr/mask" / f"{path.stem}.png"))
    assert set(np.unique(label)) == {-1, 0, 1}
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(label[label >= 0] == 1, mask[label >= 0] == 255)
    truth, counted = read_truth(DATA_SETS["hrssd"], only_scene("hrssd", root), (HEIGHT, WIDTH))
    np.testing.assert_array_equal(counted, label >= 0)
    np.testing.assert_array_equal(truth, label == 1)


def test_a_folder_has_lists_of_its_own_and_cubes_that_tell_their_wavelengths(tmp_path):
    write("folder", tmp_path, scenes=10)
    found = find_scenes(DATA_SETS["folder"], tmp_path)
    assert [len(found.names(split)) for split in ("train", "val", "test")] == [8, 1, 1]
    assert (found.wrong, found.unlisted) == ({}, [])
    nm = open_cube(found.scenes[0].cube).wavelengths_nm
    np.testing.assert_array_equal(nm, np.linspace(400, 1000, 12))


@pytest.mark.parametrize("name", ["hsod-bit", "folder", "hrssd"])
@pytest.mark.parametrize("orientation", [name for name in TURNS if name != "none"])
def test_turned_cubes_are_upright_when_turned_as_told(sets, tmp_path, name, orientation):
    kind = DATA_SETS[name]
    told = write(name, tmp_path, orientation=orientation)
    upright, turned = only_scene(name, sets / name), only_scene(name, tmp_path)
    assert told["orientation"] == orientation
    cube = open_scene(kind, turned.cube, orientation)
    assert cube.shape == (HEIGHT, WIDTH, BANDS[name])
    as_stored = open_scene(kind, turned.cube)
    assert as_stored.shape[:2] == (
        (WIDTH, HEIGHT) if TURNS[orientation].transpose else (HEIGHT, WIDTH)
    )
    wanted = open_scene(kind, upright.cube).read()
    np.testing.assert_array_equal(cube.read(), wanted)
    assert as_stored.shape != cube.shape or not np.array_equal(as_stored.read(), wanted)
    truth, _ = read_truth(kind, turned, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(truth, read_truth(kind, upright, (HEIGHT, WIDTH))[0])
    if turned.colour:
        assert turned.colour.read_bytes() == upright.colour.read_bytes()


@pytest.mark.parametrize("size", [(40, 56), (96, 128)])
@pytest.mark.parametrize("name", ["hsod-bit", "hsod-bit-v2", "hs-sod"])
def test_masks_are_jpeg_with_levels_between_and_read_as_the_objects(
    tmp_path, monkeypatch, name, size
):
    made = []

    def kept(*args, **more):
        made.append(fake_scene(*args, **more))
        return made[-1]

    monkeypatch.setattr(faking, "fake_scene", kept)
    write(name, tmp_path, size=size)
    scene = only_scene(name, tmp_path)
    levels = np.asarray(Image.open(scene.mask))
    assert (levels.dtype, levels.shape) == (np.uint8, size)
    assert ((levels > 0) & (levels < 255)).sum() > 20
    mask, _ = read_truth(DATA_SETS[name], scene, size)
    np.testing.assert_array_equal(mask, made[0].mask)


def test_objects_are_unlike_what_is_around_them_and_few():
    shares = []
    for seed in range(8):
        scene = fake_scene((48, 64), NAMES_NM, (seed,))
        data = np.stack([scene.plane(band) for band in range(30)], axis=2)
        shares.append(scene.mask.mean())
        light = data.mean(axis=2, keepdims=True)
        inside, outside = (np.median((data / light)[m], axis=0) for m in (scene.mask, ~scene.mask))
        assert np.abs(inside - outside).max() > 0.1
        assert np.isfinite(data).all()
        assert -0.05 < data.min() < data.max() < 1.6
    assert 0.005 < min(shares) < max(shares) < 0.45


def test_every_band_has_noise_of_its_own():
    scene = fake_scene((48, 64), NAMES_NM, (0,))
    silent = replace(scene, fields=scene.fields * 0, patches=scene.patches * 0)
    noise = [plane - plane.mean() for plane in (silent.plane(14), silent.plane(15))]
    light = scene.sunlit.ravel()
    slopes = [np.polynomial.Polynomial.fit(light, plane.ravel(), 1)(light) for plane in noise]
    left = [plane.ravel() - slope for plane, slope in zip(noise, slopes, strict=True)]
    assert 0.001 < left[0].std() < 0.02
    assert abs(np.corrcoef(left)[0, 1]) < 0.1


def test_scenes_are_patches_and_textures_rather_than_speckle():
    scene = fake_scene((128, 160), NAMES_NM, (3,))
    data = np.stack([scene.plane(band) for band in range(30)], axis=2)
    regions = prepare(Cube(data, NAMES_NM), PrepareConfig(size=128))
    areas = np.sort(regions.areas)[::-1]
    assert 150 < len(areas) < 3000
    assert areas[:50].sum() > 0.6 * areas.sum()


@pytest.mark.parametrize(("height", "width"), [(40, 56), (41, 57)])
def test_a_symmetric_scene_is_its_mirror_image_but_for_one_object(height, width):
    scene = fake_scene((height, width), NAMES_NM, (5,), symmetric=True)
    plain = replace(scene, sun=scene.sun[:1], sky=scene.sky[:1], tables=scene.tables[:, :, :1])
    for plane in (scene.mask, scene.patches, scene.sunlit, *scene.fields, plain.plane(0)):
        differ = np.abs(plane.astype(float) - plane[:, ::-1]) > 0.05
        assert differ.mean() < 0.12  # the object and its mirror image
    only_right = scene.mask & ~scene.mask[:, ::-1]
    assert only_right[:, width // 2 :].sum() > 4
    assert not only_right[:, : width // 2].any()


@pytest.mark.parametrize("name", ["hsod-bit", "hs-sod"])
def test_names_and_split_are_the_published_ones(tmp_path, name):
    kind = DATA_SETS[name]
    listed = {split: set(published(kind, "dmssn", split)) for split in ("train", "test")}
    names = write(name, tmp_path, scenes=6, layout="parted")["scenes"]
    numbers = [int(scene) for scene in names]
    assert numbers == sorted(set(numbers))
    assert max(np.diff(numbers)) > 1
    for split in ("train", "test"):
        here = {path.stem for path in (tmp_path / split / "hyperspectral").iterdir()}
        assert here
        assert here <= listed[split]
    found = find_scenes(kind, tmp_path)
    assert {scene.name for scene in found.scenes} == set(names)
    assert set(found.wrong) == (listed["train"] | listed["test"]) - set(names)


def test_a_set_of_all_scenes_has_all_published_names(tmp_path):
    write("hs-sod", tmp_path, scenes=None, size=(16, 17))
    for split in ("dmssn", "smn"):
        found = find_scenes(DATA_SETS["hs-sod"], tmp_path, Choice(split=split))
        assert (len(found.scenes), found.wrong, found.unlisted) == (60, {}, [])


def test_v2_has_numbers_with_gaps_and_a_test_part(tmp_path):
    told = write("hsod-bit-v2", tmp_path, scenes=8, size=(16, 17), layout="parted")
    numbers = [int(scene) for scene in told["scenes"]]
    assert len(set(numbers)) == 8
    assert max(numbers) <= 575
    found = find_scenes(DATA_SETS["hsod-bit-v2"], tmp_path, Choice(split="folders", val=0))
    assert [len(found.names(split)) for split in ("train", "test")] == [6, 2]


def test_the_quirks_are_those_told_and_no_others(spoilt, tmp_path):
    root, told = spoilt
    write("hs-sod", tmp_path / "whole", scenes=7)
    mine, whole = content(root), content(tmp_path / "whole")
    quirks = told["quirks"]
    assert set(quirks) == {"truncated", "without_mask"}
    assert json.loads((root / "fake.json").read_text()) == told
    cut, left_out = (quirks[quirk]["file"] for quirk in quirks)
    differ = {str(path) for path in whole if mine.get(path) != whole[path]} - {"fake.json"}
    assert differ == {cut, left_out}
    assert set(whole) - set(mine) == {p for p in whole if str(p) == left_out}
    (part,) = (data for path, data in mine.items() if str(path) == cut)
    (all_of_it,) = (data for path, data in whole.items() if str(path) == cut)
    assert part == all_of_it[: len(all_of_it) // 2]
    found = find_scenes(DATA_SETS["hs-sod"], root)
    assert found.wrong[quirks["without_mask"]["scene"]] == "without a mask"
    for scene in found.scenes:
        if scene.name == quirks["truncated"]["scene"]:
            with pytest.raises(ValueError, match=r"damaged|truncated"):
                open_scene(DATA_SETS["hs-sod"], scene.cube)
        else:
            open_scene(DATA_SETS["hs-sod"], scene.cube).read()


def test_a_truncated_tiff_is_refused_when_it_is_read(tmp_path):
    told = write("hrssd", tmp_path, scenes=5, quirks=True)
    with pytest.raises(ValueError, match=r"\.tif"):
        open_scene(DATA_SETS["hrssd"], tmp_path / told["quirks"]["truncated"]["file"]).read()


def test_several_processes_write_the_same_files(spoilt, tmp_path):
    root, told = spoilt
    settings = small("hs-sod", scenes=7, quirks=True)
    assert write_fake(DATA_SETS["hs-sod"], tmp_path / "set", settings, workers=2) == told
    assert content(tmp_path / "set") == content(root)


def test_a_scene_is_the_same_among_many_and_another_with_another_seed(tmp_path):
    few = write("folder", tmp_path / "few", scenes=2)["scenes"]
    write("folder", tmp_path / "many", scenes=6)
    write("folder", tmp_path / "other", scenes=2, seed=1)
    for scene in few:
        few_bytes, many, other = (
            (tmp_path / root / "cubes" / f"{scene}.h5").read_bytes()
            for root in ("few", "many", "other")
        )
        assert few_bytes == many
        assert few_bytes != other


def test_an_interrupted_run_goes_on(spoilt, tmp_path, monkeypatch):
    root, told = spoilt
    copy = tmp_path / "set"
    shutil.copytree(root, copy)
    spoilt_names = {quirk["scene"] for quirk in told["quirks"].values()}
    first, second, third, *_ = (n for n in told["scenes"] if n not in spoilt_names)
    gone = [
        copy / "hyperspectral" / f"{first}.mat",
        copy / "color" / f"{second}.jpg",
        copy / "ground-truth" / f"{third}.jpg",
    ]
    for path in gone:
        path.unlink()
    (copy / "hyperspectral" / ".0123456789abcdef.partial.mat").write_bytes(b"of a killed run")
    (copy / "fake.json").write_text(json.dumps(told | {"complete": False}))
    kept = {path: path.stat().st_mtime_ns for path in copy.rglob("*.*g") if path.suffix == ".jpg"}
    made = []
    monkeypatch.setattr(
        faking, "fake_scene", lambda *args, **more: made.append(args) or fake_scene(*args, **more)
    )
    assert write("hs-sod", copy, scenes=7, quirks=True) == told
    assert content(copy) == content(root)
    assert len(made) == 3
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


def test_a_folder_of_other_settings_or_other_things_is_left_alone(spoilt, tmp_path):
    root, _ = spoilt
    before = content(root)
    for more in ({"seed": 1}, {"orientation": "transpose"}, {"scenes": 6}, {"quirks": False}):
        with pytest.raises(ValueError, match="other settings"):
            write("hs-sod", root, **({"scenes": 7, "quirks": True} | more))
    with pytest.raises(ValueError, match="other settings"):
        write("hsod-bit", root, scenes=7)
    assert content(root) == before
    (tmp_path / "mine.txt").write_text("keep")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(ValueError, match=r"is not an empty folder and holds no fake\.json"):
            write("hs-sod", place)
    with pytest.raises(OSError, match="cannot be written"):
        write("hs-sod", tmp_path / "mine.txt" / "deeper")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "fake.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        write("hs-sod", tmp_path / "broken")
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_what_the_disk_needs_is_known_and_refused_before_anything_is_written(tmp_path, monkeypatch):
    whole = disk_bytes(DATA_SETS["hsod-bit"], tmp_path, FakeSettings())
    assert whole / 319 == pytest.approx(1240 * 1680 * 200 * 4, rel=0.01)
    write("folder", tmp_path / "two", scenes=2)
    used = sum(path.stat().st_size for path in (tmp_path / "two").rglob("*"))
    told = disk_bytes(DATA_SETS["folder"], tmp_path / "new", small("folder", scenes=2))
    assert 0.9 * used < told < 1.2 * used
    assert disk_bytes(DATA_SETS["folder"], tmp_path / "two", small("folder", scenes=2)) == 0
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(told - 1))
    code, out, err = run(
        "folder",
        tmp_path / "new",
        "--scenes",
        2,
        "--size",
        f"{HEIGHT}x{WIDTH}",
        "--bands",
        12,
        "--no-quirks",
    )
    assert (code, out, err.count("\n")) == (1, "", 2)
    assert "will take 0.000233 GB of disk" in err.splitlines()[0]
    assert "GB are needed and 0.0 GB free" in err.splitlines()[1]
    assert not (tmp_path / "new").exists()


def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing_half_written(tmp_path):
    resource = pytest.importorskip("resource", reason="not on this system")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limits[1]))
    try:
        code, out, err = run(
            "hs-sod", tmp_path / "set", "--scenes", 1, "--size", "40x56", "--no-quirks"
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, out, err.count("\n")) == (1, "", 2)
    assert "cannot be written (File too large)" in err
    assert list((tmp_path / "set" / "hyperspectral").iterdir()) == []
    assert not json.loads((tmp_path / "set" / "fake.json").read_text())["complete"]
    assert run("hs-sod", tmp_path / "set", "--scenes", 1, "--size", "40x56", "--no-quirks")[0] == 0


def test_no_more_than_a_few_bands_are_held_at_once(tmp_path):
    settings = replace(SMALL, size=(120, 160))
    tracemalloc.start()
    try:
        write_fake(DATA_SETS["hsod-bit"], tmp_path, settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 120 * 160 * 200 * 4 / 3


def test_the_command_says_what_it_wrote(tmp_path):
    tokens = ("hs-sod", tmp_path / "set", "--scenes", 6, "--size", "16x24", "--layout", "parted")
    code, out, err = run(*tokens)
    told = json.loads((tmp_path / "set" / "fake.json").read_text())
    cut, left_out = (told["quirks"][quirk]["file"] for quirk in ("truncated", "without_mask"))
    assert code == 0
    assert out.splitlines() == [
        f"6 scenes in {tmp_path / 'set'}, in the layout of HS-SOD",
        f"cut short: {cut}",
        f"left out: {left_out}",
    ]
    assert err == f"dmssn dataset fake: {tmp_path / 'set'} will take 0.000382 GB of disk\n"
    code, out, _ = run(*tokens, "--json")
    assert json.loads(out) == {"folder": str(tmp_path / "set"), **told}
    assert told["complete"]
    assert code == 0


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("nothing",), "is no data set"),
        (("hs-sod", "--scenes", 61), "HS-SOD has 60"),
        (("hs-sod", "--scenes", 0), "--scenes must be at least 1"),
        (("hs-sod", "--scenes", 2), "too few to spoil two"),
        (("hs-sod", "--bands", 20), "HS-SOD has 81"),
        (("folder", "--bands", 0), "--bands must be at least 1"),
        (("hs-sod", "--size", "800x1000"), "at most 768x1024"),
        (("hs-sod", "--size", "81x90"), "tell the axes apart"),
        (("hs-sod", "--size", "8x90"), "--size must be"),
        (("hs-sod", "--release", "now"), "leave --release out"),
        (("hrssd", "--layout", "flat"), "always parted"),
        (("folder", "--layout", "parted"), "always flat"),
        (("folder", "--seed", -1), "--seed must be"),
        (("folder", "--workers", 0), "--workers must be"),
        (("folder", "--orientation", "upside-down"), "--orientation"),
    ],
)
def test_a_setting_that_cannot_be_is_a_usage_error(tokens, message, tmp_path):
    name, *options = tokens
    code, out, err = run(name, tmp_path / "set", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "set").exists()


def test_a_setting_of_none_is_the_published_one():
    with pytest.raises(SettingError, match="HSOD-BIT has 319"):
        faking.plan(DATA_SETS["hsod-bit"], FakeSettings(scenes=320))
    planned = faking.plan(DATA_SETS["hsod-bit"], FakeSettings())
    assert (len(planned.scenes), planned.shape) == (319, (1240, 1680, 200))
    assert len(faking.plan(DATA_SETS["hsod-bit-v2"], FakeSettings()).scenes) == 500
    assert faking.plan(DATA_SETS["hs-sod"], FakeSettings()).shape == (768, 1024, 81)
