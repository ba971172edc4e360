"""What the package offers in Python: names, cubes of any kind, detectors on several, overlays."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import dmssn
from dmssn.cli import main
from dmssn.config import SettingError
from dmssn.cube import Cube, RowSource
from dmssn.detections import Detection, Detector, Kind
from dmssn.readers import open_cube
from generated import cube_of, with_object, write_scene_files

FACE = Path(dmssn.__file__)


class Mean(Detector):
    """Saliency is the mean of a spectrum; keeps which cubes it saw."""

    kind: ClassVar[Kind] = "classical"
    name, version, parameters = "mean", "0", 0
    settings: ClassVar[dict] = {}

    def __init__(self) -> None:
        self.seen: list[str] = []

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        self.seen.append(cube.name)
        values = np.concatenate([cube.read(rows) for rows in cube.row_blocks()])
        return Detection(values.mean(axis=2), "")


def small(name: str = "scene", seed: int = 0) -> Cube:
    return cube_of(height=6, width=5, bands=4, seed=seed, name=name)


# Names


def test_importing_the_package_loads_nothing_and_lists_all_it_offers():
    program = (
        "import sys; before = set(sys.modules); import dmssn; "
        "print(*{name.split('.')[0] for name in set(sys.modules) - before}); "
        "print(*dir(dmssn))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded, listed = (line.split() for line in done.stdout.splitlines())
    assert {name for name in loaded if name not in sys.stdlib_module_names} == {"dmssn"}
    assert set(listed) >= set(dmssn.__all__)


def test_no_name_is_a_modules_too_however_deep_it_is_offered_from():
    modules = {path.stem for path in FACE.parent.iterdir() if path.suffix in ("", ".py")}
    assert not modules & set(dmssn.__all__)


def test_type_checkers_and_the_program_find_the_same_names():
    tree = ast.parse(FACE.read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {name: f"dmssn.{home}" for name, home in dmssn._HOMES.items()}
    assert sorted([*typed, "__version__"]) == sorted(dmssn.__all__)


# Cubes of arrays


def test_an_array_becomes_float32_with_bands_in_the_order_of_wavelengths():
    counts = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    cube = Cube.from_array(counts, [700, 400, 500, 600], name="mine")
    assert (cube.name, cube.data.dtype) == ("mine", np.float32)
    assert cube.wavelengths_nm is not None
    assert cube.wavelengths_nm.tolist() == [400, 500, 600, 700]
    np.testing.assert_array_equal(cube.data, counts[:, :, [1, 2, 3, 0]])
    assert "sorted" in cube.notes[0]


def test_an_array_that_fits_is_not_copied():
    values = np.ones((2, 3, 4), np.float32)
    assert np.shares_memory(Cube.from_array(values, [1e3, 2e3, 3e3, 4e3]).data, values)


def test_masked_values_are_invalid():
    values = np.ma.masked_equal(np.arange(24).reshape(2, 3, 4), 5)
    cube = Cube.from_array(values)
    assert np.argwhere(np.isnan(cube.data)).tolist() == [[0, 1, 1]]
    assert cube.valid().sum() == 5


@pytest.mark.parametrize(
    ("values", "wavelengths", "said"),
    [
        (np.ones((2, 3)), None, r"shape \(H, W, B\), got \(2, 3\)"),
        (np.ones((2, 3, 4), complex), None, "integers or floats, got complex128"),
        (np.full((2, 3, 4), "a"), None, "integers or floats"),
        (np.ones((4, 2, 3)), [400, 500, 600, 700], "is the band axis last"),
        (np.ones((2, 3, 4)), [0.4, 0.5, 0.6, 0.7], "give them in nanometres"),
        (np.ones((2, 3, 4)), [400, 500, 600, np.nan], "finite"),
    ],
)
def test_what_is_no_cube_is_refused(values, wavelengths, said):
    with pytest.raises(ValueError, match=said):
        Cube.from_array(values, wavelengths)


# Detectors on one cube or several


def test_one_cube_is_taken_however_it_is_given(tmp_path):
    cube = small()
    path = tmp_path / "scene.npz"
    np.savez(path, cube=cube.data, wavelengths_nm=cube.wavelengths_nm)
    wanted = cube.data.mean(axis=2)
    for given in (cube, path, str(path), open_cube(path), cube.data, Tensor(cube.data)):
        np.testing.assert_allclose(Mean()(given), wanted, rtol=1e-6)
    xarray = pytest.importorskip("xarray", reason="the extra xarray is not installed")
    for given in (cube.to_xarray(), xarray.DataArray(cube.data.T, dims=["band", "x", "y"])):
        np.testing.assert_allclose(Mean()(given), wanted, rtol=1e-6)


class Tensor:
    """As torch's: an array that can be iterated over, row by row."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.values

    def __iter__(self) -> Iterator[np.ndarray]:
        raise AssertionError("a cube was taken for several")


def test_several_cubes_are_asked_for_one_at_a_time():
    asked: list[int] = []

    def cubes() -> Iterator[Cube]:
        for number in range(3):
            asked.append(number)
            yield small(f"cube {number}", seed=number)

    detector = Mean()
    maps = detector(cubes())
    assert (asked, detector.seen) == ([], [])
    first = next(maps)
    assert (asked, detector.seen) == ([0], ["cube 0"])
    np.testing.assert_array_equal(first, small(seed=0).data.mean(axis=2))
    assert len(list(maps)) == 2
    assert detector.seen == ["cube 0", "cube 1", "cube 2"]


def test_a_list_of_paths_and_arrays_goes_too(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((8, 8, 20), np.float32))
    maps = Mean()([tmp_path / "a.npy", np.zeros((3, 4, 5))])
    assert [found.shape for found in maps] == [(8, 8), (3, 4)]


def test_an_error_comes_at_its_turn(tmp_path):
    maps = Mean()([small(), tmp_path / "absent.hdr"])
    assert next(maps).shape == (6, 5)
    with pytest.raises(FileNotFoundError, match="absent"):
        next(maps)


@pytest.mark.parametrize("given", [3, None])
def test_what_is_neither_a_cube_nor_several_is_refused(given):
    with pytest.raises(TypeError, match="takes a cube, a path, an array or several"):
        Mean()(given)


def test_no_kind_of_detector_is_called_in_another_way():
    from dmssn.classical import ClassicalDetector
    from dmssn.tiles.detecting import TiledDetector
    from dmssn.trained.network import NetworkDetector
    from dmssn.trained.onnx import OnnxDetector

    for kind in (ClassicalDetector, TiledDetector, NetworkDetector, OnnxDetector):
        assert kind.__call__ is Detector.__call__


def test_a_detector_of_the_package_takes_several():
    sad = dmssn.load_detector("sad")
    cubes = [cube_of(seed=seed) for seed in range(2)]
    for found, cube in zip(sad(iter(cubes)), cubes, strict=True):
        np.testing.assert_array_equal(found, sad(cube))


def test_prepare_takes_an_array():
    cube = cube_of(height=32, width=32, bands=5)
    config = dmssn.PrepareConfig(size=32, mixture=dmssn.MixtureConfig(components=3))
    ours, theirs = dmssn.prepare(cube.data, config), dmssn.prepare(cube, config)
    np.testing.assert_array_equal(ours.region_map, theirs.region_map)


# Scores of arrays


def test_arrays_are_scored_as_files_are(tmp_path):
    rng = np.random.default_rng(0)
    saliency, mask = rng.random((9, 7)), rng.random((9, 7)) > 0.6
    np.save(tmp_path / "a.npy", saliency)
    Image.fromarray(mask * np.uint8(255)).save(tmp_path / "a.png")
    wanted = dmssn.evaluate(tmp_path / "a.npy", tmp_path / "a.png")
    for ours, name in (
        (dmssn.evaluate(saliency, mask), "map"),
        (dmssn.evaluate(saliency, tmp_path / "a.png"), "a"),
        (dmssn.evaluate(tmp_path / "a.npy", mask), "a"),
        (dmssn.evaluate({"b": saliency}, {"b": tmp_path / "a.png"}), "b"),
        (dmssn.evaluate(saliency, mask * np.uint8(255)), "map"),
        (dmssn.evaluate(saliency, mask.astype(np.float32)), "map"),
    ):
        assert ours.scenes == {name: wanted.scenes["a"]}


def test_pixels_of_an_array_can_be_left_out():
    saliency = np.array([[0.9, 0.1, 0.9]])
    mask = np.array([[1, 0, -1]])
    assert dmssn.evaluate(saliency, mask, ignore=-1).mean["roc_auc"] == 1
    with pytest.raises(ValueError, match="no numbers below 0"):
        dmssn.evaluate(saliency, mask)


@pytest.mark.parametrize(
    ("maps", "masks", "said"),
    [
        (np.ones((2, 3)), np.ones((3, 2), bool), "is 2 x 3, the mask is 3 x 2"),
        (np.full((2, 2), 7.0), np.eye(2, dtype=bool), "the map: "),
        (np.ones((2, 2), int), np.eye(2, dtype=bool), "float in"),
        (np.ones((2, 2)), np.ones((2, 2, 3)), "numbers of shape"),
        (np.ones((2, 2)), np.full((2, 2), np.nan), "NaN"),
        ({"a": np.ones((2, 2))}, {"b": np.eye(2)}, "no saliency map for b; no mask for a"),
        ({}, {}, "no map, or no mask"),
        ([np.ones((2, 2))], np.eye(2), "several arrays go by their names"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused(maps, masks, said):
    with pytest.raises(ValueError, match=said):
        dmssn.evaluate(maps, masks)


def test_keys_are_of_files():
    with pytest.raises(SettingError, match="no keys"):
        dmssn.evaluate(np.ones((2, 2)), np.eye(2), crop_key="crop")


# Against the commands


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("set")
    for seed, name in enumerate("ab"):
        cube = cube_of(height=24, width=30, bands=8, seed=seed, name=name)
        write_scene_files(root, *with_object(cube, seed))
    return root


def command(*words) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    return int(ended.value.code or 0)


def test_an_overlay_is_the_commands(scenes, tmp_path):
    cube = scenes / "cubes" / "a.npz"
    command("predict", cube, "-o", tmp_path, "--detector", "sad", "--save", "npy")
    theirs = tmp_path / "a.overlay.png"
    saliency = np.load(tmp_path / "a.saliency.npy")
    with Image.open(theirs) as picture:
        about = json.loads(picture.text["dmssn"])
        pixels = np.asarray(picture)
    ours = dmssn.save_overlay(tmp_path / "ours.png", saliency, dmssn.read_cube(cube))
    with Image.open(ours) as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)
        assert json.loads(picture.text["dmssn"])["cube"] == "a"
    same = dmssn.save_overlay(str(tmp_path / "same.png"), saliency, cube, about=about)
    assert same.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("name", "saliency", "more", "said"),
    [
        ("a.jpg", np.zeros((6, 5)), {}, "end the name in .png"),
        ("a.png", np.zeros((5, 6)), {}, "the map is 5 x 6, its cube scene is 6 x 5"),
        ("a.png", np.full((6, 5), 1.5), {}, "from 0 to 1, got values from 1.5"),
        ("a.png", np.full((6, 5), np.nan), {}, "from 0 to 1"),
        ("a.png", np.zeros((6, 5)), {"threshold": 50}, "threshold must be from 0 to 1"),
    ],
)
def test_an_overlay_that_cannot_be_is_refused(tmp_path, name, saliency, more, said):
    with pytest.raises(ValueError, match=said):
        dmssn.save_overlay(tmp_path / name, saliency, small(), **more)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("unrendered")
def test_a_benchmark_has_the_commands_numbers(scenes, tmp_path, capsys):
    cubes, masks = scenes / "cubes", scenes / "masks"
    asked = ["--detectors", "one=sad", "-o", tmp_path / "theirs", "--json"]
    command("benchmark", "--cubes", cubes, "--masks", masks, *asked)
    theirs = json.loads(capsys.readouterr().out)
    ours = dmssn.benchmark(
        cubes=str(cubes), masks=[masks], detectors={"one": "sad"}, output=tmp_path / "ours"
    )
    told = ours.to_table()
    for part in ("scores", "means", "differences", "by_attribute", "scoring", "reference"):
        assert told[part] == theirs[part], part
    assert ours.mean["one"]["roc_auc"] == told["means"]["one"]["roc_auc"]["mean"]
    assert (tmp_path / "ours" / "benchmark.html").is_file()
    maps = dmssn.benchmark(
        cubes=cubes,
        masks=masks,
        detectors=(),
        maps={"kept": tmp_path / "ours" / "maps" / "one"},
        output=tmp_path / "maps",
        reading={"drop_nm": [(900, 1000)]},
    )
    assert maps.mean["kept"] == ours.mean["one"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "pass one of"),
        ({"cubes": "a"}, "--masks is missing"),
        ({"scenes": "a", "prepared": "b"}, "not a folder of scenes as well as --prepared"),
        ({"scenes": "a", "detectors": "saad"}, "did you mean 'sad'"),
        ({"scenes": "a", "detectors": ["sad", "sad"]}, "two entries are called 'sad'"),
        ({"scenes": "a", "detectors": (), "maps": {"b": "absent"}}, "no folder absent"),
        ({"scenes": "a", "workers": 0}, "workers must be at least 1"),
        ({"scenes": "a", "reading": {"key": "x"}}, "read as its layout says"),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(tmp_path, asked, said):
    with pytest.raises(SettingError, match=said):
        dmssn.benchmark(output=tmp_path / "out", **({"detectors": "sad"} | asked))
    assert not list(tmp_path.iterdir())
