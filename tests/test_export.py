"""A detector in an ONNX file gives torch's maps, with torch and without it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import dmssn
from dmssn import checkpoint
from dmssn.cli import main
from dmssn.config import PrepareConfig, SettingError
from dmssn.detector import header_of, load_network
from dmssn.models.network import DMSSN
from dmssn.preparing import prepare
from dmssn.recipes import to_table
from dmssn.trained.onnx import OnnxDetector
from generated import cube_of
from making import BANDS, header, write_detector

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnxscript", reason="the extra onnx is not installed")

from dmssn.exporting import network_graph  # noqa: E402
from dmssn.exporting.onnx_files import write_onnx  # noqa: E402

DEMO = Path(__file__).parents[1] / "examples" / "demo.h5"
SIZE = 64
# What an export costs grows fast with the stages, for the sizes of each are formulas of H and W. So
# one network has one, with all that the default is made of, and the published one two.
DEFAULT = {
    "msst": {
        "depths": [1],
        "channels": [32],
        "heads": [1],
        "reductions": [8],
        "mlp_ratios": [1],
        "head": "detail",
    },
    "evidence": True,
}
PUBLISHED = {
    "msst": {
        "depths": [1, 1],
        "channels": [32, 64],
        "heads": [1, 2],
        "reductions": [8, 4],
        "mlp_ratios": [1, 1],
    }
}
NEAR = 1e-4


def write(path: Path, model: dict) -> Path:
    torch.manual_seed(0)
    network = DMSSN.described(BANDS, model)
    network.msst.head.classify.weight.data *= 10
    told = header(model=model, prepare=to_table(PrepareConfig(size=SIZE, bands=BANDS)))
    checkpoint.save(path, told, network.state_dict())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two detectors and what was exported of them: one as is the default, one as published."""
    root = tmp_path_factory.mktemp("exported")
    write(root / "default.safetensors", DEFAULT)
    write(root / "published.safetensors", PUBLISHED)
    told = [
        write_onnx(str(root / "default.safetensors"), root / "default.onnx", "regions"),
        write_onnx(str(root / "published.safetensors"), root / "published.onnx", "dense"),
    ]
    (root / "told.json").write_text(json.dumps(told))
    return root


@pytest.fixture(scope="module")
def torchs(folder):
    return load_network(folder / "default.safetensors", device="cpu")


@pytest.fixture(scope="module")
def exported(folder):
    return dmssn.load_detector(folder / "default.onnx")


def test_three_sizes_are_held_against_torch_before_a_file_is_written(folder):
    for told, takes in zip(
        json.loads((folder / "told.json").read_text()), ("regions", "dense"), strict=True
    ):
        assert told["takes"] == takes
        assert len({(one["height"], one["width"]) for one in told["compared"]}) == 3
        assert all(0 <= one["apart"] <= NEAR for one in told["compared"])
        assert 0 < told["megabytes"] < 10


def test_a_graph_that_differs_is_not_written(folder, tmp_path, monkeypatch):
    graph = onnx.load(folder / "default.onnx")
    for weight in graph.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT and len(weight.dims) == 4:
            values = onnx.numpy_helper.to_array(weight) * np.float32(1.01)
            weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    monkeypatch.setattr(network_graph, "network_graph", lambda *_: graph)
    with pytest.raises(ValueError, match=r"differs from torch's by .* it is not written"):
        write_onnx(str(folder / "default.safetensors"), tmp_path / "a.onnx", "regions")
    assert not list(tmp_path.iterdir())


def test_a_place_that_will_not_do_is_told_before_the_work(folder, tmp_path, monkeypatch):
    def work(*_):
        pytest.fail("the work was done")

    monkeypatch.setattr(network_graph, "network_graph", work)
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "a.onnx"
    with pytest.raises(OSError, match=r"a\.onnx: cannot be written .*; choose another place"):
        write_onnx(str(folder / "default.safetensors"), path, "regions")


@pytest.mark.parametrize("shape", [(64, 64), (20, 90)])
def test_the_map_on_the_same_regions_is_torchs(torchs, exported, shape):
    cube = cube_of(*shape, bands=BANDS)
    cube.data[3:6, 4:9] = np.nan
    regions = prepare(cube, PrepareConfig(size=SIZE, bands=BANDS))
    wanted = torchs.on_regions(regions)
    assert wanted.std() > 0.01
    np.testing.assert_allclose(exported.on_regions(regions), wanted, atol=NEAR)


def test_the_demos_map_is_torchs_but_where_a_pixel_is_of_another_region(torchs, exported):
    cube = dmssn.read_cube(DEMO)
    mine, theirs = exported.detect(cube, picture=True), torchs.detect(cube, picture=True)
    moved = mine.regions.region_map != theirs.regions.region_map
    if len(mine.regions.spectra) == len(theirs.regions.spectra):
        assert moved.mean() < 0.01
    assert np.abs(mine.saliency - theirs.saliency).mean() < 1e-3
    assert mine.bands_said == theirs.bands_said
    np.testing.assert_array_equal(mine.picture, theirs.picture)


def test_a_file_tells_what_its_checkpoint_did(folder, torchs, exported):
    assert header_of(str(folder / "default.onnx")) == torchs.header
    assert (exported.name, exported.version) == ("default", torchs.version)
    assert exported.parameters == torchs.parameters
    assert exported.settings == torchs.settings
    assert exported.kind == "network"


def test_a_file_tells_nothing_of_where_it_was_made(folder):
    for path in folder.glob("*.onnx"):
        content = path.read_bytes()
        assert str(Path(dmssn.__file__).parent).encode() not in content
        assert b"site-packages" not in content
        assert b"stack_trace" not in content
        onnx.checker.check_model(str(path))


def test_sizes_follow_an_onnx_file_too(folder):
    cube = cube_of(bands=BANDS)
    both, one, other = (
        dmssn.load_detector(f"{folder / 'default.onnx'}:sizes={sizes}")(cube)
        for sizes in ("48+64", "48", "64")
    )
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-6)


def test_a_dense_graph_gives_the_dense_networks_map_and_says_what_it_cannot(folder):
    torchs = load_network(folder / "published.safetensors", device="cpu")
    exported = dmssn.load_detector(folder / "published.onnx")
    cube = cube_of(bands=BANDS)
    found = exported.detect(cube)
    assert not found.notes
    np.testing.assert_allclose(
        exported.on_regions(found.regions), torchs.on_regions(found.regions), atol=NEAR
    )
    cube.data[2:12, 2:12] = np.nan
    assert "takes them for spectra of zeros" in exported.detect(cube).notes[0]
    assert not exported(cube)[2:12, 2:12].any()


WITHOUT_TORCH = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name="torch")

sys.meta_path.insert(0, Refusing())
from dmssn.cli import main
main(sys.argv[1:])
"""


def without_torch(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_cube_becomes_a_map_where_torch_is_not_installed(folder, tmp_path, exported):
    done = without_torch(
        "predict", DEMO, "-o", tmp_path, "--detector", folder / "default.onnx",
        "--save", "mask,objects,npy,tiff", "--threads", "1", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (told,) = json.loads(done.stdout)
    assert len(list(tmp_path.iterdir())) == 6
    saliency = np.load(told["npy"])
    np.testing.assert_allclose(saliency, exported(dmssn.read_cube(DEMO)), atol=1e-5)
    assert saliency.std() > 0.01


def test_without_torch_a_network_of_torch_says_what_to_do(tmp_path):
    for options in ((), ("--tile", "64")):
        done = without_torch("predict", DEMO, "-o", tmp_path, *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert "runs in torch, which is not installed" in done.stderr
        assert done.stderr.count("\n") == 1
    done = without_torch("predict", DEMO, "-o", tmp_path, "--device", "cuda")
    assert done.returncode == 2
    assert "--device cuda: torch is not installed; use cpu" in done.stderr


def test_without_onnxruntime_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match=r"default\.onnx: .* pip install onnxruntime"):
        dmssn.load_detector(folder / "default.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_without_the_extra_it_says_what_to_install(folder, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'dmssn\[onnx\]'"):
        write_onnx(str(folder / "default.safetensors"), tmp_path / "a.onnx", "regions")


def changed(folder: Path, path: Path, key: str, value: str | None) -> Path:
    graph = onnx.load(folder / "published.onnx")  # which is the quicker to load
    told = {each.key: each.value for each in graph.metadata_props}
    told[key] = value
    if value is None:
        del told[key]
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, told)
    onnx.save(graph, path)
    return path


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dmssn", None, "an ONNX file without a dmssn header; `dmssn export --onnx`"),
        ("dmssn", "{", "its dmssn header is damaged"),
        ("dmssn", '{"format": 99}', "written by a newer dmssn"),
        ("dmssn", '{"format": 1, "stage": "teacher", "bands": 8}', "a teacher checkpoint"),
        ("dmssn_input", "pixels", "describes no detector"),
        ("dmssn_input", None, "describes no detector"),
        ("dmssn_parameters", "many", "describes no detector"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_name(folder, tmp_path, key, value, said):
    path = changed(folder, tmp_path / "odd.onnx", key, value)
    with pytest.raises(ValueError, match=rf"odd\.onnx: .*{said}"):
        dmssn.load_detector(path)


@pytest.mark.parametrize("part", [0, 100, 0.5])
def test_a_damaged_file_is_refused_in_one_line(folder, tmp_path, part):
    content = (folder / "default.onnx").read_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(content[: int(part * len(content)) if part < 1 else part])
    with pytest.raises(
        ValueError, match=r"half\.onnx: (not a whole|an ONNX file without)"
    ) as error:
        dmssn.load_detector(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((1, SIZE, SIZE), np.float32),
        np.zeros((SIZE, SIZE)),
        np.zeros((SIZE, 8), np.float32),
    ],
)
def test_a_map_of_another_shape_or_type_is_refused(given):
    class Session:
        def run(self, *_):
            return [given]

    told = header(prepare=to_table(PrepareConfig(size=SIZE, bands=BANDS)))
    detector = OnnxDetector("odd", told, Session(), "regions", 1)
    with pytest.raises(
        ValueError, match=r"^scene: odd gives float.* of shape .*; export it again$"
    ):
        detector(cube_of(bands=BANDS))


def test_an_onnx_file_runs_on_the_cpu_alone(folder):
    with pytest.raises(SettingError, match="--device cuda: detectors in ONNX files run on the CPU"):
        dmssn.load_detector(folder / "default.onnx", device="cuda")


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "nothing to write: give --onnx FILE.onnx, --folder FOLDER or both"),
        (["--onnx", "a.pb"], 2, "--onnx a.pb: the name of an ONNX file ends in .onnx"),
        (["--onnx", "a.onnx", "--detector", "none"], 2, "no detector 'none'"),
        (["--onnx", "a.onnx", "--detector", "dmssn:sizes=64"], 2, "sizes are chosen when it runs"),
        (
            ["--onnx", "a.onnx", "--detector", "FOLDER/default.onnx"],
            2,
            "give the checkpoint it was",
        ),
        (["--folder", "a", "--detector", "sad"], 2, "sad: a classical detector, which has no"),
        (["--onnx", "a.onnx", "--input", "pixels"], 2, "pixels"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    capsys, tmp_path, monkeypatch, folder, words, code, said
):
    monkeypatch.chdir(tmp_path)
    words = [word.replace("FOLDER", str(folder)) for word in words]
    found, out, err = run(capsys, "export", *words)
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_command_tells_what_it_wrote(capsys, tmp_path, folder, monkeypatch):
    told = json.loads((folder / "told.json").read_text())[0]

    def written(detector, path, takes):
        shutil.copy(folder / "default.onnx", path)
        return told

    monkeypatch.setattr("dmssn.exporting.onnx_files.write_onnx", written)
    file = write_detector(tmp_path / "mine.safetensors")
    words = ("export", "--detector", file, "--onnx", tmp_path / "a.onnx")
    code, out, err = run(capsys, *words, "--folder", tmp_path / "shared")
    assert (code, err) == (0, "")
    assert "a.onnx: " in out
    assert "differs from torch by up to" in out
    assert "shared: dmssn.safetensors, README.md" in out
    code, out, _ = run(capsys, *words, "--json")
    assert code == 0
    assert json.loads(out)["onnx"] == told
