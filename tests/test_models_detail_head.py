"""The head that draws: sizes, what its parts can see, gradients, and how large a network is."""

import pytest
import torch
from torch import Tensor, nn

from dmssn.losses import coarse_terms, saliency_terms
from dmssn.models.detail_head import DetailHead
from dmssn.models.msst import MSST, MSSTConfig
from dmssn.models.network import DMSSN

CHANNELS = (32, 64, 96, 128)
DETAIL = MSSTConfig(head="detail", depths=(1, 1, 1, 1), dropout=0, attention_dropout=0, drop_path=0)
SIZES = [(32, 32), (33, 47), (64, 100)]
MOST_PARAMETERS = 2_000_000


def maps(height: int, width: int, inputs: int = 8, images: int = 2) -> tuple[list[Tensor], Tensor]:
    """Random stages and code, as the transformer's sizes go."""
    generator = torch.Generator().manual_seed(0)
    stages = []
    for channels, part in zip(CHANNELS, (4, 8, 16, 32), strict=True):
        size = (-(-height // part), -(-width // part))
        stages.append(torch.randn(images, channels, *size, generator=generator))
    return stages, torch.randn(images, inputs, height, width, generator=generator)


@pytest.fixture
def head() -> DetailHead:
    torch.manual_seed(0)
    return DetailHead(8, CHANNELS)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_logits_have_the_size_of_the_code_and_stages_their_own(height: int, width: int) -> None:
    torch.manual_seed(0)
    network = MSST(DETAIL)
    logits, coarse = network(torch.randn(2, 32, height, width))
    assert logits.shape == (2, 1, height, width)
    sizes = [(-(-height // part), -(-width // part)) for part in (32, 16, 8, 4)]
    assert [stage.shape for stage in coarse] == [(2, 1, *size) for size in sizes]
    with torch.no_grad():
        evaluated, none = network.eval()(torch.randn(2, 32, height, width))
    assert evaluated.shape == logits.shape
    assert none == []


def test_a_stages_logits_know_the_coarser_ones_and_no_finer_one(head: DetailHead) -> None:
    stages, code = maps(64, 96)
    plain, coarse = head(stages, code)
    for changed in range(4):
        others = [stage + (number == changed) for number, stage in enumerate(stages)]
        logits, moved = head(others, code)
        same = [torch.equal(one, other) for one, other in zip(moved, coarse, strict=True)]
        assert same == [number < 3 - changed for number in range(4)]
        assert not torch.equal(logits, plain)
    logits, moved = head(stages, code + 1)
    assert all(torch.equal(one, other) for one, other in zip(moved, coarse, strict=True))
    assert not torch.equal(logits, plain)


def test_logits_change_exactly_where_regions_do(head: DetailHead) -> None:
    # The stages say nothing, and so does half the picture's side: each pixel's code is left.
    for layer in (head.enlarge.weight, head.enlarge.bias):
        nn.init.zeros_(layer)
    stages, _ = maps(33, 47, images=1)
    region = (torch.arange(33)[:, None] + torch.arange(47) > 40).long()
    region[5, 5] = 2  # of a single pixel
    code = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))[region]
    logits = head.eval()(stages, code.permute(2, 0, 1)[None])[0][0, 0]
    values = [logits[region == number] for number in range(3)]
    for value in values:  # but for the last bit, which may hang on where in a vector a pixel is
        torch.testing.assert_close(value, value[:1].expand_as(value), atol=1e-6, rtol=1e-6)
    levels = torch.stack([value[0] for value in values]).sort().values
    assert levels.diff().min() > 1e-3


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_gradients_reach_every_parameter(height: int, width: int) -> None:
    torch.manual_seed(0)
    network = DMSSN(6, config=DETAIL)
    mask = torch.rand(2, 1, height, width) > 0.5
    output = network.forward_dense(torch.rand(2, 6, height, width))
    terms = saliency_terms(output.logits, mask) | coarse_terms(output.coarse, mask)
    sum(terms.values()).backward()
    for name, parameter in network.msst.head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    for name, parameter in network.msst.stages.named_parameters():
        assert parameter.grad is not None, name


def test_without_their_loss_only_the_stages_own_answers_learn_nothing(head: DetailHead) -> None:
    head(*maps(64, 96))[0].square().mean().backward()
    without = {name for name, parameter in head.named_parameters() if parameter.grad is None}
    assert without == {
        f"coarse.{stage}.{kind}" for stage in range(4) for kind in ("weight", "bias")
    }


def test_the_whole_network_is_small() -> None:
    network = DMSSN(64, config=MSSTConfig(head="detail"), with_evidence=True)
    assert sum(weight.numel() for weight in network.parameters()) <= MOST_PARAMETERS
    head = sum(weight.numel() for weight in network.msst.head.parameters())
    assert head < 0.05 * MOST_PARAMETERS


def test_memory_order_and_repetition_do_not_matter() -> None:
    torch.manual_seed(0)
    network = MSST(DETAIL).eval()
    code = torch.randn(2, 32, 40, 36)
    with torch.no_grad():
        first, again = network(code)[0], network(code)[0]
        other = network(code.to(memory_format=torch.channels_last))[0]
    assert torch.equal(first, again)
    torch.testing.assert_close(other, first, atol=1e-5, rtol=1e-5)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = MSST(DETAIL)
    code = torch.randn(3, 32, 40, 36)
    together, alone = network(code), network(code[1:2])
    torch.testing.assert_close(together[0][1:2], alone[0], atol=1e-5, rtol=1e-5)
    for one, other in zip(together[1], alone[1], strict=True):
        torch.testing.assert_close(one[1:2], other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_it_runs_in_lower_precision(half: torch.dtype) -> None:
    torch.manual_seed(0)
    network = MSST(DETAIL)
    code = torch.randn(2, 32, 40, 36)
    plain, _ = network(code)
    with torch.autocast("cpu", half):
        logits, coarse = network(code)
    assert (logits.sigmoid() - plain.sigmoid()).abs().mean() < 0.02
    assert all(stage.isfinite().all() for stage in coarse)


def test_a_fresh_head_neither_saturates_nor_sees_nothing(head: DetailHead) -> None:
    with torch.no_grad():
        logits, coarse = head(*maps(64, 96))
    for answer in (logits, *coarse):
        assert 0.02 < answer.std() < 5
        assert answer.mean().abs() < 5


def test_it_learns_the_outline_of_single_pixels() -> None:
    torch.manual_seed(0)
    head = DetailHead(4, (32, 64))
    region = torch.zeros(33, 47, dtype=torch.long)
    region[10:12, 20], region[30, 3] = 1, 1
    table = torch.randn(2, 4)
    code = table[region].permute(2, 0, 1)[None]
    stages = [torch.randn(1, 32, 9, 12), torch.randn(1, 64, 5, 6)]
    mask = (region == 1).float()[None, None]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        terms = saliency_terms(head(stages, code)[0], mask)
        sum(terms.values()).backward()
        optimizer.step()
    found = head.eval()(stages, code)[0].sigmoid()
    assert torch.equal(found > 0.5, mask > 0.5)
