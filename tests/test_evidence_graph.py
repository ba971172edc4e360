"""Evidence in ONNX's operators gives torch's numbers: whatever the sizes, bands and regions."""

import numpy as np
import pytest
import torch

from dmssn.models.autoencoder import Packing
from dmssn.models.evidence import CHANNELS, MANY, evidence

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
ort = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnxscript", reason="the extra onnx is not installed")

from onnx import TensorProto  # noqa: E402

from dmssn.exporting.evidence_graph import give_functions  # noqa: E402
from dmssn.exporting.examples import example  # noqa: E402
from dmssn.exporting.linear_algebra import DOMAIN, OPSET  # noqa: E402

NEAR = 5e-4
"""Evidence is about -2 to 5, and rounds in float32."""


def session(function: str, inputs: dict[str, int], outputs: tuple[str, ...]):
    """onnxruntime's of one function."""
    node = onnx.helper.make_node(function, list(inputs), list(outputs), domain=DOMAIN)
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in inputs.items()],
        [onnx.helper.make_tensor_value_info(name, 0, None) for name in outputs],
    )
    for output in graph.output:
        output.ClearField("type")
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    give_functions(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options)


@pytest.fixture(scope="module")
def of_regions():
    return session(
        "evidence", {"spectra": TensorProto.FLOAT, "region_map": TensorProto.INT32}, ("evidence",)
    )


@pytest.fixture(scope="module")
def eigen():
    return session(
        "leading", {"matrix": TensorProto.DOUBLE, "most": TensorProto.INT64}, ("values", "axes")
    )


def in_torch(spectra: np.ndarray, region_map: np.ndarray) -> np.ndarray:
    area = np.bincount(region_map.ravel() + 1, minlength=len(spectra) + 1)[1:]
    packing = Packing(torch.from_numpy(area.astype(np.float32)), (len(spectra),))
    return evidence(torch.from_numpy(spectra), torch.from_numpy(region_map)[None], packing).numpy()


def agree(of_regions, spectra: np.ndarray, region_map: np.ndarray) -> None:
    given = {"spectra": spectra, "region_map": region_map}
    found, wanted = of_regions.run(None, given)[0], in_torch(spectra, region_map)
    assert found.shape == (1, CHANNELS, *region_map.shape)
    np.testing.assert_allclose(found, wanted, atol=NEAR)


@pytest.mark.parametrize(
    ("height", "width", "bands"),
    [(32, 32, 3), (33, 47, 8), (96, 64, 31), (65, 130, 64), (64, 40, 97)],
)
def test_evidence_is_torchs_at_any_size_and_number_of_bands(of_regions, height, width, bands):
    agree(of_regions, *example(height, width, bands))


def test_it_is_torchs_where_the_sides_are_outside(of_regions):
    spectra, region_map = example(64, 64, 8)
    framed = np.full((80, 80), -1, np.int32)
    framed[8:72, 8:72] = region_map
    agree(of_regions, spectra, framed)


def test_it_is_torchs_where_no_anchor_is_inside(of_regions):
    spectra, region_map = example(18, 18, 8)
    apart = np.full((320, 320), -1, np.int32)
    apart[11:29, 11:29] = region_map  # between the anchors in rows and columns 10 and 30
    agree(of_regions, spectra, apart)


@pytest.mark.parametrize("kind", ["one region", "two regions", "flat", "flat bands", "two copies"])
def test_it_is_torchs_of_scenes_without_much_variance(of_regions, kind):
    spectra, region_map = example(48, 40, 12)
    if kind == "one region":
        spectra, region_map = spectra[:1], np.zeros_like(region_map)
    elif kind == "two regions":
        spectra, region_map = spectra[:2], (region_map % 2).astype(np.int32)
    elif kind == "flat":
        spectra = np.full_like(spectra, 0.25)
    elif kind == "flat bands":
        spectra[:, 3:7] = 0.5
    else:
        spectra[:, 6:] = spectra[:, :6]
    agree(of_regions, spectra, region_map)


def test_a_cubes_equal_pixels_are_regions():
    dense = session("evidence_dense", {"cube": TensorProto.FLOAT}, ("evidence",))
    spectra, region_map = example(40, 56, 9)
    region_map = np.maximum(region_map, 0)
    cube = spectra[region_map].transpose(2, 0, 1)[None]
    found = dense.run(None, {"cube": np.ascontiguousarray(cube)})[0]
    np.testing.assert_allclose(found, in_torch(spectra, region_map), atol=NEAR)


@pytest.mark.parametrize("size", [3, 4, 29, 30, 31, 64])
def test_eigenvectors_are_numpys_but_for_their_signs(eigen, size):
    generator = np.random.default_rng(size)
    parts = generator.normal(size=(4 * size, size)) * np.geomspace(1, 1e-4, size)
    matrix = parts.T @ parts
    values, axes = eigen.run(None, {"matrix": matrix, "most": np.array(MANY)})
    wanted, vectors = np.linalg.eigh(matrix)
    count = min(size, MANY)
    scale = wanted[-1]
    np.testing.assert_allclose(values[:count], wanted[::-1][:count], atol=1e-12 * scale)
    axes = axes[:, :count]
    np.testing.assert_allclose(matrix @ axes, axes * values[:count], atol=1e-11 * scale)
    np.testing.assert_allclose(axes.T @ axes, np.eye(count), atol=1e-12)
    likeness = np.abs((axes * vectors[:, ::-1][:, :count]).sum(axis=0))
    np.testing.assert_allclose(likeness, 1, atol=1e-6)


def test_eigenvectors_of_equal_eigenvalues_span_their_space(eigen):
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 20)))[0]
    matrix = (turn * np.repeat([5.0, 2.0, 1.0, 0.0], 5)) @ turn.T
    values, axes = eigen.run(None, {"matrix": matrix, "most": np.array(MANY)})
    np.testing.assert_allclose(values, np.repeat([5.0, 2.0, 1.0, 0.0], 5), atol=1e-12)
    np.testing.assert_allclose(axes[:, :5] @ axes[:, :5].T, turn[:, :5] @ turn[:, :5].T, atol=1e-10)
    np.testing.assert_allclose(axes.T @ axes, np.eye(20), atol=1e-12)
