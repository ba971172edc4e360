"""The detector: spreading codes, dense against packed, and what inference leaves out."""

import pytest
import torch
from torch import Tensor

from dmssn.models.autoencoder import Packing
from dmssn.models.evidence import CHANNELS
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN, spread
from dmssn.models.projection import evenly_spaced_bands

BANDS, SIDE = 6, 32


KINDS = {
    "published": {},
    "evidence": {"with_evidence": True, "config": MSSTConfig(head="detail")},
}


@pytest.fixture(scope="module", params=KINDS)
def network(request: pytest.FixtureRequest) -> DMSSN:
    torch.manual_seed(0)
    return DMSSN(BANDS, **KINDS[request.param]).eval()


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor, Packing]:
    """Two images of 64 and 16 square regions, all pixels inside."""
    generator = torch.Generator().manual_seed(0)
    fine = torch.arange(64).reshape(8, 8).repeat_interleave(4, 0).repeat_interleave(4, 1)
    coarse = torch.arange(64, 80).reshape(4, 4).repeat_interleave(8, 0).repeat_interleave(8, 1)
    area = torch.cat([torch.full((64,), 16.0), torch.full((16,), 64.0)])
    spectra = torch.rand(80, BANDS, generator=generator)
    return spectra, torch.stack([fine, coarse]), Packing(area, (64, 16))


def test_spread_gives_each_pixel_its_row_and_zero_outside() -> None:
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    region_map = torch.tensor([[[0, 1], [-1, 1]]])
    code = spread(table, region_map)
    assert code.shape == (1, 2, 2, 2)
    assert code[0, :, 0, 0].tolist() == [1, 2]
    assert code[0, :, 0, 1].tolist() == code[0, :, 1, 1].tolist() == [3, 4]
    assert code[0, :, 1, 0].tolist() == [0, 0]


def test_the_gradient_of_spread_sums_over_pixels_inside() -> None:
    table = torch.zeros(3, 2, requires_grad=True)
    region_map = torch.tensor([[[0, 1], [-1, 1]]])
    weights = torch.arange(8.0).reshape(1, 2, 2, 2)
    (spread(table, region_map) * weights).sum().backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[0, 4], [1 + 3, 5 + 7], [0, 0]]


def test_a_packed_batch_gives_the_logits_of_its_cubes(
    network: DMSSN, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    spectra, region_map, packing = batch
    cubes = spectra[region_map].permute(0, 3, 1, 2)
    with torch.no_grad():
        packed, dense = network(spectra, region_map, packing), network.forward_dense(cubes)
    assert packed.logits.shape == (2, 1, SIDE, SIDE)
    torch.testing.assert_close(packed.logits, dense.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        spread(packed.autoencoder.reconstruction, region_map),
        dense.autoencoder.reconstruction,
        atol=1e-5,
        rtol=0,
    )


def test_saliency_is_the_sigmoid_of_the_training_pass(
    network: DMSSN, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    cubes = torch.rand(1, BANDS, 33, 47)
    with torch.no_grad():
        packed, dense = network.saliency(*batch), network.saliency_dense(cubes)
        torch.testing.assert_close(packed, network(*batch).logits.sigmoid())
        torch.testing.assert_close(dense, network.forward_dense(cubes).logits.sigmoid())


def test_an_image_alone_is_as_in_its_batch(
    network: DMSSN, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    spectra, region_map, packing = batch
    with torch.no_grad():
        alone = network.saliency(
            spectra[64:], region_map[1:] - 64, Packing(packing.area[64:], (16,))
        )
        torch.testing.assert_close(alone, network.saliency(*batch)[1:], atol=1e-5, rtol=1e-5)


def test_saliency_is_zero_outside_all_regions(
    network: DMSSN, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    spectra, region_map, packing = batch
    outside = region_map.clone()
    outside[:, :10] = -1
    with torch.no_grad():
        saliency = network.saliency(spectra, outside, packing)
    assert (saliency[:, :, :10] == 0).all()
    assert (saliency[:, :, 10:] > 0).all()


def test_inference_does_not_run_the_decoder(
    network: DMSSN, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    calls: list[str] = []
    hook = network.student.decoder[0].register_forward_hook(lambda *_: calls.append("decoder"))
    with torch.no_grad():
        network.saliency(*batch)
        network.saliency_dense(torch.rand(1, BANDS, SIDE, SIDE))
    hook.remove()
    assert not calls


def test_every_parameter_but_a_bias_before_a_norm_gets_a_gradient(
    batch: tuple[Tensor, Tensor, Packing],
) -> None:
    network = DMSSN(BANDS, config=MSSTConfig(drop_path=0.0))
    output = network(*batch)
    (output.logits.square().mean() + output.autoencoder.reconstruction.square().mean()).backward()
    without = {name for name, weight in network.named_parameters() if weight.grad is None}
    layers = ("encoder.0", "encoder.1", "decoder.0", "decoder.1")  # the norm takes biases out
    assert without == {f"student.{layer}.conv.bias" for layer in layers}


def test_evidence_leaves_every_parameter_its_gradient(
    batch: tuple[Tensor, Tensor, Packing],
) -> None:
    network = DMSSN(BANDS, config=MSSTConfig(drop_path=0.0), with_evidence=True)
    network(*batch, decode=False).logits.square().mean().backward()
    first = network.msst.stages[0].embed.weight
    assert first.shape[1] == 32 + CHANNELS
    assert first.grad is not None
    assert first.grad.abs().sum(dim=(0, 2, 3)).min() > 0
    assert network.student.encoder[0].conv.weight.grad is not None


def test_stages_answer_in_training_only(batch: tuple[Tensor, Tensor, Packing]) -> None:
    network = DMSSN(BANDS, **KINDS["evidence"])
    assert [stage.shape[-1] for stage in network(*batch).coarse] == [1, 2, 4, 8]
    with torch.no_grad():
        assert not network.eval()(*batch).coarse
        assert not DMSSN(BANDS)(*batch).coarse


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bands", [3, 81])
def test_any_number_of_bands_from_three_up(bands: int, kind: str) -> None:
    network = DMSSN(bands, **KINDS[kind]).eval()
    with torch.no_grad():
        assert network.saliency_dense(torch.rand(1, bands, 32, 32)).shape == (1, 1, 32, 32)


def test_the_width_of_the_code_is_a_setting(batch: tuple[Tensor, Tensor, Packing]) -> None:
    network = DMSSN(BANDS, hidden=24, config=MSSTConfig(inputs=8)).eval()
    with torch.no_grad():
        output = network(*batch)
    assert [feature.shape[1] for feature in output.autoencoder] == [24, 8, 24, BANDS]


@pytest.mark.parametrize("encoder", ["pca", "bands"])
def test_a_projection_stands_in_for_the_student(
    encoder: str, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    torch.manual_seed(0)
    network = DMSSN(BANDS, encoder=encoder).eval()
    if encoder == "pca":
        assert not network.student.weight.any()
        network.student.weight.copy_(torch.randn(32, BANDS))
    else:
        assert torch.equal(network.student.weight, evenly_spaced_bands(BANDS, 32))
    spectra, region_map, packing = batch
    cubes = spectra[region_map].permute(0, 3, 1, 2)
    with torch.no_grad():
        packed, dense = network(spectra, region_map, packing), network.forward_dense(cubes)
        torch.testing.assert_close(network.saliency(*batch), packed.logits.sigmoid())
        torch.testing.assert_close(network.saliency_dense(cubes), dense.logits.sigmoid())
    assert packed.autoencoder is dense.autoencoder is None
    assert packed.logits.std() > 0
    torch.testing.assert_close(packed.logits, dense.logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("encoder", ["pca", "bands"])
def test_a_projection_is_not_trained_but_saved(
    encoder: str, batch: tuple[Tensor, Tensor, Packing]
) -> None:
    network = DMSSN(BANDS, config=MSSTConfig(drop_path=0.0), encoder=encoder)
    assert "student.weight" in network.state_dict()
    assert all(name.startswith("msst.") for name, _ in network.named_parameters())
    network.student.weight.copy_(torch.randn(32, BANDS))
    before = network.student.weight.clone()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    network(*batch).logits.square().mean().backward()
    optimizer.step()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert torch.equal(network.student.weight, before)


def test_encoders_share_the_transformer() -> None:
    names = []
    for encoder in ("student", "pca", "bands"):
        network = DMSSN(BANDS, encoder=encoder)
        names.append([name for name in network.state_dict() if name.startswith("msst.")])
    assert names[0] == names[1] == names[2]


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="encoder must be one of 'student', 'pca', 'bands', got"):
        DMSSN(BANDS, encoder="teacher")
    with pytest.raises(ValueError, match="at least 3 bands, got 2"):
        DMSSN(2, encoder="pca")
