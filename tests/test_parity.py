"""The published networks' numbers, for weights and an input that fixed recipes produce.

``tests/data/parity`` holds what the published networks compute, in evaluation mode, and the names
and shapes of their tensors.
"""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dmssn import losses
from dmssn.models.autoencoder import AutoencoderOutput, Teacher
from dmssn.models.network import DMSSN, NetworkOutput
from dmssn.models.published import from_published

DATA = Path(__file__).parent / "data" / "parity"
SHAPES = json.loads((DATA / "state_dict_keys_200.json").read_text())
TOLERANCE = 1e-4


def published_state(kind: str) -> dict[str, Tensor]:
    state = {}
    for name, shape in SHAPES[kind].items():
        values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if len(shape) > 1:
            values /= math.sqrt(math.prod(shape[1:]))
        elif "norm" in name and name.endswith("weight"):
            values = 1 + 0.1 * values
        else:
            values *= 0.1
        state[name] = torch.tensor(values, dtype=torch.float32)
    return state


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    with np.load(DATA / "parity_200x64x64.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def cubes(published: dict[str, Any]) -> Tensor:
    bands, height, width, seed = (
        int(published[key]) for key in ("bands", "height", "width", "seed")
    )
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    t = np.linspace(0, 1, bands)
    cube = np.zeros((bands, height, width))
    for _ in range(6):
        fy, fx, ft = rng.uniform(0.5, 3), rng.uniform(0.5, 3), rng.uniform(0.5, 4)
        phase = rng.uniform(0, 6.283, 3)
        wave = np.sin(6.283 * fy * y / height + phase[1]) * np.cos(
            6.283 * fx * x / width + phase[2]
        )
        cube += np.sin(6.283 * ft * t + phase[0])[:, None, None] * wave
    cube += 0.05 * rng.standard_normal(cube.shape)
    cube -= cube.min()
    cube /= cube.max()
    assert cube.sum() == pytest.approx(float(published["input_checksum"]), rel=1e-8)
    return torch.tensor(cube[None], dtype=torch.float32)


@pytest.fixture(scope="module")
def network() -> DMSSN:
    _, bands, state = from_published(published_state("network"))
    network = DMSSN(bands).eval()
    network.load_state_dict(state)
    return network


@pytest.fixture(scope="module")
def output(network: DMSSN, cubes: Tensor) -> NetworkOutput:
    with torch.no_grad():
        return network.forward_dense(cubes)


@pytest.fixture(scope="module")
def teacher_output(cubes: Tensor) -> AutoencoderOutput:
    _, bands, state = from_published(published_state("teacher"))
    teacher = Teacher(bands).eval()
    teacher.load_state_dict(state)
    with torch.no_grad():
        return teacher(cubes)


def difference(found: Tensor, expected: np.ndarray) -> float:
    return float(np.abs(found.numpy() - expected).max())


def test_the_saliency_is_the_published_one(
    network: DMSSN, cubes: Tensor, published: dict[str, Any]
) -> None:
    with torch.no_grad():
        saliency = network.saliency_dense(cubes)
    assert difference(saliency[0, 0], published["saliency"]) < TOLERANCE


@pytest.mark.parametrize("feature", AutoencoderOutput._fields)
def test_the_autoencoders_features_are_the_published_ones(
    output: NetworkOutput,
    teacher_output: AutoencoderOutput,
    published: dict[str, Any],
    feature: str,
) -> None:
    student, teacher = (
        getattr(result, feature)[0, :, ::8, ::8] for result in (output.autoencoder, teacher_output)
    )
    assert difference(student, published[f"student_{feature}"]) < TOLERANCE
    assert difference(teacher, published[f"teacher_{feature}"]) < TOLERANCE


def test_the_loss_terms_are_the_published_ones(
    network: DMSSN, output: NetworkOutput, teacher_output: AutoencoderOutput, cubes: Tensor
) -> None:
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    mask = ((y - 30) ** 2 + (x - 36) ** 2 < 18**2)[None, None]
    terms = (
        losses.saliency_terms(output.logits, mask)
        | losses.reconstruction_terms(output.autoencoder.reconstruction, cubes)
        | losses.distillation_terms(output.autoencoder, teacher_output)
        | {"l1": losses.l1_penalty(network)}
    )
    expected = json.loads((DATA / "losses_200x64x64.json").read_text())
    names = {
        "segment/bce": "bce",
        "segment/ssim": "ssim_loss",
        "segment/iou": "iou_loss",
        "reconstruct/smooth_l1": "smooth_l1_reconstruction",
        "reconstruct/angle": "spectral_angle",
        "distill/encoded": "distill_encoded",
        "distill/code": "distill_code",
        "distill/decoded": "distill_decoded",
        "l1": "l1_weights_sum",
    }
    found = {names[name]: term.item() for name, term in terms.items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_network_has_the_published_size() -> None:
    assert sum(parameter.numel() for parameter in DMSSN(200).parameters()) == 1_768_137


def test_the_teacher_has_the_published_size_with_its_depthwise_convolutions_only() -> None:
    connected, published = (
        sum(parameter.numel() for parameter in Teacher(200, spatial).parameters())
        for spatial in (True, False)
    )
    unused = sum(9 * inputs + inputs for inputs in (200, 128, 64))  # of the three blocks
    assert connected == 247_000
    assert published == connected - unused


@pytest.mark.parametrize("kind", ["network", "teacher"])
def test_the_prefix_of_several_gpus_is_ignored(kind: str) -> None:
    state = published_state(kind)
    plain = from_published(state)
    prefixed = from_published({f"module.{name}": tensor for name, tensor in state.items()})
    assert prefixed[:2] == plain[:2] == (kind, 200)
    assert all(torch.equal(tensor, plain[2][name]) for name, tensor in prefixed[2].items())


@pytest.mark.parametrize(("kind", "unused"), [("network", 0), ("teacher", 6)])
def test_every_published_tensor_that_is_used_has_one_place(kind: str, unused: int) -> None:
    published = published_state(kind)
    _, _, state = from_published(published)
    places = {tensor.data_ptr() for tensor in state.values()}
    assert len(places) == len(state) == len(published) - unused


def test_a_missing_tensor_is_named() -> None:
    state = published_state("network")
    del state["decoder.block2.0.attn.q.bias"]
    with pytest.raises(ValueError, match=r"lack 'decoder.block2.0.attn.q.bias'"):
        from_published(state)


def test_an_unknown_tensor_is_named() -> None:
    state = published_state("teacher") | {"encoder.conv6.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"'encoder.conv6.weight'"):
        from_published(state)


def test_a_tensor_of_another_shape_is_named() -> None:
    state = published_state("network") | {"decoder.norm1.weight": torch.zeros(31)}
    with pytest.raises(
        ValueError, match=r"'decoder.norm1.weight' has shape \(31,\), expected \(32,\)"
    ):
        from_published(state)


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="not the weights of a published network"):
        from_published({"fc.weight": torch.zeros(3, 4)})
