"""A trained detector at other sides than its checkpoint's: ``dmssn:sizes=128+192``."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import dmssn
from dmssn.cli import main
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import Cube
from dmssn.detector import (
    SHIPPED,
    absolute,
    find_checkpoint,
    identity,
    is_classical,
    load_network,
    sizes_of,
    split_settings,
)
from dmssn.detector_settings import read_sizes, split, with_sizes
from dmssn.judging.admitting import require_fit
from dmssn.judging.contestants import Contestant, contestants
from dmssn.judging.sets import JudgedSet
from dmssn.preparing import prepare
from dmssn.rendering import render
from dmssn.saliency_maps import read_saliency
from dmssn.store import Manifest
from generated import cube_of, with_object, write_scene_files
from making import BANDS, PREPARE, SIZE, Watched, write_detector

SHAPE = {"height": 27, "width": 45, "bands": BANDS}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A detector trained at 32 pixels a side."""
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def cube() -> Cube:
    cube, _ = with_object(cube_of(**SHAPE, name="scene"), 1)
    cube.data[4, 5:9, 2] = np.nan
    return cube


def at(folder: Path, size: int) -> dmssn.Detector:
    """The same weights in a file whose header says another size."""
    path = write_detector(folder / f"at_{size}.safetensors", prepare=PREPARE | {"size": size})
    return dmssn.load_detector(path, device="cpu")


def sized(weights: Path, sizes: str, **more) -> dmssn.Detector:
    return dmssn.load_detector(f"{weights}:sizes={sizes}", device="cpu", **more)


@pytest.mark.parametrize("size", [33, 48, 71])
def test_one_size_is_a_detector_whose_header_says_it(size, weights, cube, tmp_path):
    wanted = at(tmp_path, size).detect(cube, picture=True)
    detector = sized(weights, str(size))
    found = detector.detect(cube, picture=True)
    assert found.saliency.tobytes() == wanted.saliency.tobytes()
    np.testing.assert_array_equal(found.picture, wanted.picture)
    np.testing.assert_array_equal(found.regions.region_map, wanted.regions.region_map)
    assert detector.settings == at(tmp_path, size).settings
    other = dmssn.load_detector(weights, device="cpu")(cube)
    assert np.abs(found.saliency - other).max() > 0.01


def test_the_checkpoints_own_size_changes_nothing(weights, cube):
    own = dmssn.load_detector(weights, device="cpu")
    assert sized(weights, str(SIZE))(cube).tobytes() == own(cube).tobytes()
    assert (own.name, own.sizes) == ("tiny", (SIZE,))
    assert own.settings == own.header.prepare


@pytest.mark.parametrize("sizes", [(32, 48), (48, 32), (40, 64, 33)])
def test_the_map_of_several_sizes_is_the_mean_of_theirs(sizes, weights, cube, tmp_path):
    singly = [at(tmp_path, size)(cube) for size in sizes]
    found = sized(weights, "+".join(map(str, sizes))).detect(cube)
    wanted = np.mean(singly, axis=0, dtype=np.float64)
    np.testing.assert_allclose(found.saliency, wanted, atol=1e-6)
    assert found.saliency.dtype == np.float32
    assert found.saliency.shape == (27, 45)
    assert found.saliency.max() <= 1
    assert not found.saliency[4, 5:9].any()
    assert np.abs(singly[0] - singly[1]).max() > 0.01  # they are not all the same


def test_regions_are_those_of_the_first_size(weights, cube):
    found = sized(weights, "48+32").detect(cube)
    wanted = prepare(cube, PrepareConfig(size=48))
    np.testing.assert_array_equal(found.regions.region_map, wanted.region_map)
    np.testing.assert_array_equal(found.regions.spectra, wanted.spectra)


def test_the_cube_is_read_once_for_each_size_and_its_picture_is_the_same(weights, cube):
    in_blocks = Watched(cube.data).in_blocks(10)
    found = sized(weights, "32+48").detect(in_blocks, picture=True)
    assert in_blocks.asked == [(0, 10), (10, 20), (20, 27)] * 2
    np.testing.assert_array_equal(found.picture, render(Cube(cube.data)))


def test_a_cube_of_other_bands_is_matched_as_ever(weights, tmp_path):
    other = cube_of(20, 30, bands=30)
    found = sized(weights, "32+48").detect(other)
    assert found.bands_said == "30 bands resampled along their order to 8"
    wanted = (at(tmp_path, 32)(other) + at(tmp_path, 48)(other)) / 2
    np.testing.assert_allclose(found.saliency, wanted, atol=1e-6)


def test_too_little_memory_at_the_second_size_is_an_error_that_says_where(
    weights, cube, monkeypatch
):
    detector = sized(weights, "32+48")
    saliency = detector.network.saliency

    def starve(spectra, region_map, packing):
        if region_map.shape[-1] == 48:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return saliency(spectra, region_map, packing)

    monkeypatch.setattr(detector.network, "saliency", starve)
    with pytest.raises(MemoryError, match="scene: too little memory on cpu"):
        detector(cube)


def test_regions_of_one_size_are_no_input_of_several(weights, cube):
    regions = prepare(cube, PrepareConfig(size=SIZE))
    with pytest.raises(ValueError, match=r"scene: .*at one size, tiny:sizes=32\+48 needs the cube"):
        sized(weights, "32+48").on_regions(regions)
    assert sized(weights, "48").on_regions(regions).shape == (SIZE, SIZE)


def test_a_detector_shows_its_settings_as_classical_ones_do(weights, tmp_path):
    detector = sized(weights, "48+32")
    assert detector.name == "tiny:sizes=48+32"
    assert detector.sizes == (48, 32)
    rest = {key: value for key, value in PREPARE.items() if key != "size"}
    assert detector.settings == {"sizes": [48, 32], **rest}
    assert detector.header.prepare == PREPARE  # that of the file
    assert sized(weights, "48").settings == {"size": 48, **rest}
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    shutil.copy(weights, run / "best.safetensors")
    assert load_network(f"{run}:sizes=48").name == "mine:sizes=48"
    assert dmssn.load_detector(Path(f"{run}:sizes=48")).name == "mine:sizes=48"
    assert find_checkpoint("dmssn:sizes=128+192")[0] == "dmssn:sizes=128+192"


def test_identity_tells_sizes_apart(weights, tmp_path):
    endings = ["", ":sizes=32", ":sizes=48", ":sizes=32+48", ":sizes=48+32"]
    assert len({identity(f"{weights}{ending}") for ending in endings}) == len(endings)
    copy = tmp_path / "elsewhere" / weights.name
    copy.parent.mkdir()
    shutil.copy(weights, copy)
    assert identity(f"{weights}:sizes=48") == identity(f"{copy}:sizes=48")
    assert identity("dmssn:sizes=256") != identity("dmssn")


@pytest.mark.parametrize(
    ("text", "there", "wanted"),
    [
        ("dmssn", ["dmssn"], ("dmssn", [])),
        ("dmssn:sizes=128+192", ["dmssn"], ("dmssn", ["sizes=128+192"])),
        ("dmssn:scale=2", ["dmssn"], ("dmssn", ["scale=2"])),
        ("dmssn:", ["dmssn"], ("dmssn", [""])),
        ("dmssn:sizes=64:sizes=32", ["dmssn"], ("dmssn", ["sizes=64", "sizes=32"])),
        # What is there by that very name has no settings.
        ("a:sizes=64", ["a", "a:sizes=64"], ("a:sizes=64", [])),
        ("a:sizes=64:sizes=32", ["a", "a:sizes=64"], ("a:sizes=64", ["sizes=32"])),
        # Colons of paths.
        (r"C:\runs\mine", [], (r"C:\runs\mine", [])),
        (r"C:\runs\mine", ["C"], (r"C:\runs\mine", [])),
        (r"C:\runs\mine:sizes=64", [], (r"C:\runs\mine", ["sizes=64"])),
        (r"C:\runs\mine:sizes=64", [r"C:\runs\mine"], (r"C:\runs\mine", ["sizes=64"])),
        ("C:/runs/a=b", [], ("C:/runs/a=b", [])),
        ("runs/12:30/mine", ["runs/12"], ("runs/12:30/mine", [])),
        ("runs/12:30", ["runs/12:30"], ("runs/12:30", [])),
        ("runs/12:30:sizes=64", ["runs/12:30"], ("runs/12:30", ["sizes=64"])),
        ("a:sizes=64/mine", [], ("a:sizes=64/mine", [])),
        # Of what is not there, sizes are settings and nothing else is.
        ("dmsn:sizes=64", [], ("dmsn", ["sizes=64"])),
        ("dmsn:sizes=64:sizes=32", [], ("dmsn", ["sizes=64", "sizes=32"])),
        ("dmsn:scale=2", [], ("dmsn:scale=2", [])),
        ("", [], ("", [])),
        (":sizes=64", [""], (":sizes=64", [])),
    ],
)
def test_only_an_ending_is_settings(text, there, wanted):
    assert split(text, lambda part: part in there) == wanted


@given(
    base=st.text("ab:/\\=+,", min_size=1, max_size=12),
    sizes=st.lists(st.integers(32, 2048), min_size=1, max_size=4, unique=True),
)
def test_any_path_with_sizes_behind_it_is_read_as_written(base, sizes):
    text = with_sizes(base, sizes)
    for there in ([], [base]):
        found, settings = split(text, lambda part, there=there: part in there)
        assert (found, read_sizes(found, settings)) == (base, tuple(sizes))
    assert split(base, lambda part: part == base) == (base, [])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("scale=2", r"dmssn has no setting 'scale'; there is sizes, as in sizes=128\+192$"),
        ("256", "dmssn has no setting '256'; there is sizes"),
        ("", "dmssn has no setting ''; there is sizes"),
        ("Sizes=256", "dmssn has no setting 'Sizes'; there is sizes"),
        ("sizes=256:scale=2", "dmssn has no setting 'scale'; there is sizes"),
        ("sizes=64:sizes=96", "dmssn: sizes is given twice"),
        ("sizes", r"dmssn: sizes must be whole numbers of pixels, with \+ between, .* got ''"),
        ("sizes=", "dmssn: sizes must be whole .* got ''"),
        ("sizes=64+", r"dmssn: sizes must be whole .* got '64\+'"),
        ("sizes=+64", r"dmssn: sizes must be whole .* got '\+64'"),
        ("sizes=64,96", "dmssn: sizes must be whole .* got '64,96'"),
        ("sizes=64.5", "dmssn: sizes must be whole .* got '64.5'"),
        ("sizes=-64", "dmssn: sizes must be whole .* got '-64'"),
        ("sizes= 64", "dmssn: sizes must be whole .* got ' 64'"),
        ("sizes=6_4", "dmssn: sizes must be whole .* got '6_4'"),
        ("sizes=٦٤", "dmssn: sizes must be whole .* got"),
        (f"sizes={'9' * 200}", "dmssn: sizes must be whole"),
        ("sizes=31", "dmssn: sizes must each be from 32 to 2048 pixels, got 31"),
        ("sizes=64+2049", "dmssn: sizes must each be from 32 to 2048 pixels, got 2049"),
        ("sizes=64+96+64", "dmssn: sizes holds 64 twice"),
        ("sizes=64+064", "dmssn: sizes holds 64 twice"),
    ],
)
def test_settings_that_cannot_be_are_one_line_that_says_what_can(settings, said):
    for use in (dmssn.load_detector, load_network, identity, find_checkpoint, sizes_of):
        with pytest.raises(SettingError, match=f"^{said}") as error:
            use(f"dmssn:{settings}")
        assert "\n" not in str(error.value)


def test_the_smallest_and_largest_side_can_be_asked_for():
    assert sizes_of("dmssn:sizes=32+2048") == (32, 2048)
    assert sizes_of("dmssn") == ()


def test_what_is_not_there_is_named_without_its_settings(tmp_path):
    with pytest.raises(SettingError, match=r"no detector 'dmsn': .*did you mean 'dmssn'"):
        dmssn.load_detector("dmsn:sizes=64")
    with pytest.raises(SettingError, match=rf"^{tmp_path}: no folder of a finished run"):
        dmssn.load_detector(f"{tmp_path}:sizes=64")


def test_classical_detectors_keep_their_own_settings(weights, tmp_path, monkeypatch):
    assert is_classical("local-rx:inner=5:outer=15")
    with pytest.raises(SettingError, match="local-rx has no setting 'sizes'; there are inner"):
        dmssn.load_detector("local-rx:sizes=64")
    with pytest.raises(SettingError, match="sad has no settings, got 'sizes=64'"):
        dmssn.load_detector("sad:sizes=64")
    # A file of a name's name goes before it, with settings too.
    monkeypatch.chdir(tmp_path)
    shutil.copy(weights, "sad")
    assert not is_classical("sad:sizes=64")
    assert dmssn.load_detector("sad:sizes=64").name == "sad:sizes=64"


def test_a_file_of_that_very_name_wins(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(weights, "a")
    assert load_network("a:sizes=64").sizes == (64,)
    shutil.copy(weights, "a:sizes=64")
    assert load_network("a:sizes=64").sizes == (SIZE,)
    assert load_network("a:sizes=64:sizes=48").sizes == (48,)
    Path("b:sizes=64").mkdir()
    shutil.copy(weights, "b:sizes=64/best.safetensors")
    assert load_network("b:sizes=64").name == "b:sizes=64"
    assert load_network("b:sizes=64").sizes == (SIZE,)
    shutil.copy(weights, "dmssn")
    assert load_network("dmssn:sizes=64").header.bands == BANDS
    shutil.copy(weights, r"C:\tiny.safetensors")
    assert load_network(r"C:\tiny.safetensors").sizes == (SIZE,)
    assert load_network(r"C:\tiny.safetensors:sizes=64").sizes == (64,)


def test_a_text_can_be_made_to_hold_in_any_folder(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    shutil.copy(weights, "sub/a")
    assert absolute("sub/a:sizes=64") == f"{tmp_path}/sub/a:sizes=64"
    assert absolute("sub/a") == f"{tmp_path}/sub/a"
    unchanged = ["dmssn", "dmssn:sizes=64", "local-rx:inner=5", "sub"]
    assert [absolute(text) for text in unchanged] == unchanged


def test_a_shipped_detector_takes_sizes():
    for name in SHIPPED:
        assert split_settings(f"{name}:sizes=64") == (name, ["sizes=64"])
        assert load_network(f"{name}:sizes=64+96", device="cpu").sizes == (64, 96)


def run(capsys, *tokens) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, tokens)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_predict_takes_sizes_and_its_outputs_tell_them(weights, cube, tmp_path, capsys):
    np.savez(tmp_path / "scene.npz", cube=cube.data)
    always = ("predict", tmp_path / "scene.npz", "-o", tmp_path / "out", "--save", "npy", "--json")
    code, told, err = run(capsys, *always, "--detector", f"{weights}:sizes=48+32")
    assert (code, err) == (0, "")
    (told,) = json.loads(told)
    wanted = sized(weights, "48+32").detect(Cube(cube.data))
    assert told["detector"] == "tiny:sizes=48+32"
    assert told["regions"] == len(wanted.regions.spectra)
    np.testing.assert_array_equal(np.load(told["npy"]), wanted.saliency)
    with Image.open(told["saliency"]) as picture:
        origin = json.loads(picture.text["dmssn"])
    assert origin["detector"] == "tiny:sizes=48+32"
    assert origin["prepare"]["sizes"] == [48, 32]
    assert "size" not in origin["prepare"]


def test_predict_refuses_other_settings_before_any_work(weights, tmp_path, capsys):
    np.savez(tmp_path / "scene.npz", cube=cube_of(bands=BANDS).data)
    always = ("predict", tmp_path / "scene.npz", "-o", tmp_path / "out", "--detector")
    code, out, err = run(capsys, *always, f"{weights}:scale=2")
    assert (code, out) == (2, "")
    assert err == (
        f"dmssn predict: {weights} has no setting 'scale'; there is sizes, as in sizes=128+192\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("unrendered")
def test_benchmark_takes_sizes_and_its_outputs_tell_them(weights, tmp_path, capsys):
    write_scene_files(tmp_path, *with_object(cube_of(**SHAPE, name="a"), 1))
    out, text = tmp_path / "out", f"{weights}:sizes=32+48+40"
    always = ("benchmark", "--cubes", tmp_path / "cubes", "--masks", tmp_path / "masks", "-o", out)
    code, _, err = run(capsys, *always, "--detectors", text)
    assert code == 0, err
    (entry,) = json.loads((out / "results.json").read_text())["entries"]
    assert entry["name"] == "tiny:sizes=32+48+40"
    assert entry["about"] == "tiny, run at 32, 48 and 40 pixels a side, the maps averaged"
    found = read_saliency(out / "maps" / "tiny_sizes=32+48+40" / "a.saliency.png")
    wanted = dmssn.load_detector(text, device="cpu")(dmssn.read_cube(tmp_path / "cubes" / "a.npz"))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_prepared_set_has_one_size_and_takes_a_detector_at_that(weights):
    manifest = Manifest(PREPARE | {"size": 40}, BANDS, None, None, None, {})
    judged = JudgedSet(title="made up", scenes=[], scoring=[], prepared=manifest)
    for ending, said in (("", "size 32, not 40"), (":sizes=40+48", r"size 40\+48, not 40")):
        with pytest.raises(SettingError, match=rf"^mine: .* prepared otherwise \({said}\)"):
            require_fit(Contestant("mine", f"{weights}{ending}"), judged, None)
    require_fit(Contestant("mine", f"{weights}:sizes=40"), judged, None)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("a:sizes=64,sad", [("a:sizes=64", "a:sizes=64"), ("sad", "sad")]),
        ("mine=a:sizes=64+48", [("mine", "a:sizes=64+48")]),
        ("b=c,d:sizes=64", [("b=c,d:sizes=64", "b=c,d:sizes=64")]),
        ("mine=b=c,d:sizes=64", [("mine", "b=c,d:sizes=64")]),
    ],
)
def test_names_of_entries_and_files_may_hold_signs_of_their_own(
    word, wanted, weights, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b=c,d"):
        shutil.copy(weights, name)
    assert contestants([word], []) == [Contestant(*one) for one in wanted]
