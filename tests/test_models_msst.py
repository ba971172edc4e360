"""The transformer: sizes, attention against a plain formula, dropout, and the head's shortcut."""

import copy
from dataclasses import replace
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dmssn.models.attention import Attention, Dropout
from dmssn.models.msst import MSST, DropPath, Head, MSSTConfig

SMALL = MSSTConfig(
    depths=(1, 1), channels=(32, 32), heads=(1, 2), reductions=(8, 4), mlp_ratios=(1, 1)
)


NETWORK = MSST(MSSTConfig(depths=(1, 1, 1, 1))).eval()


@settings(deadline=None, max_examples=12)
@given(height=st.integers(32, 70), width=st.integers(32, 70))
def test_any_size_from_32_up_keeps_its_size(height: int, width: int) -> None:
    with torch.no_grad():
        logits, coarse = NETWORK(torch.randn(1, 32, height, width))
    assert logits.shape == (1, 1, height, width)
    assert logits.isfinite().all()
    assert coarse == []


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_small_and_uneven_sizes_train(size: tuple[int, int]) -> None:
    network = MSST(MSSTConfig(drop_path=0.0))
    network(torch.randn(2, 32, *size))[0].square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("head", ["sum", "detail"])
def test_a_decisive_network_is_surer_of_what_is_likely_salient_and_of_nothing_else(
    head: Literal["sum", "detail"],
) -> None:
    calm = {"head": head, "dropout": 0, "attention_dropout": 0, "drop_path": 0}
    plain = MSST(replace(SMALL, **calm)).eval()
    decisive = MSST(replace(SMALL, **calm, decisive=3))
    code = torch.randn(1, 32, 40, 48)
    with torch.no_grad():
        plain.head.classify.bias -= plain(code)[0].median()  # so that there are both
        decisive.load_state_dict(plain.state_dict())
        before, after = plain(code)[0], decisive.eval()(code)[0]
        trained = decisive.train()(code)[0]
    likely = before > 0
    assert 0 < likely.float().mean() < 1
    torch.testing.assert_close(after[likely], 3 * before[likely])
    torch.testing.assert_close(after[~likely], before[~likely])
    torch.testing.assert_close(trained, before)  # losses see the logits as they are


def test_a_smaller_map_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 x 32 pixels, got 31 x 64"):
        MSST(SMALL)(torch.zeros(1, 32, 31, 64))


def test_stochastic_depth_rises_evenly_from_zero() -> None:
    rates = [part.rate for part in MSST().modules() if isinstance(part, DropPath)]
    assert rates == pytest.approx([0.3 * block / 7 for block in range(8)])


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        MSSTConfig(depths=(2, 2, 2))
    with pytest.raises(ValueError, match="multiples of 32"):
        MSSTConfig(channels=(32, 64, 96, 100))
    with pytest.raises(ValueError, match=r"head_groups must be one of 'both', .*, got 'spectra'"):
        MSSTConfig(head_groups="spectra")
    with pytest.raises(ValueError, match=r"decisive must be from 1 to 100, got 0\.5"):
        MSSTConfig(decisive=0.5)
    with pytest.raises(ValueError, match="head must be one of 'sum', 'detail', got 'details'"):
        MSSTConfig(head="details")


def plain_attention(attention: Attention, x: torch.Tensor) -> torch.Tensor:
    """The groups one after the other, with the softmax written out."""
    channels = x.shape[1]
    names = [name for name in ("spatial", "spectral") if getattr(attention, f"{name}_key")]
    queries = attention.query(x).split(channels, dim=1)
    reduced = attention.reduce(x)
    keys = [getattr(attention, f"{name}_key")(reduced) for name in names]
    values = [getattr(attention, f"{name}_value")(reduced) for name in names]
    groups = []
    for query, key, value in zip(queries, keys, values, strict=True):
        heads = [part.flatten(2).chunk(attention.heads, dim=1) for part in (query, key, value)]
        outputs = []
        for q, k, v in zip(*heads, strict=True):
            scores = torch.einsum("ndl,nds->nls", q, k) / (channels / attention.heads) ** 0.5
            outputs.append(torch.einsum("nls,nds->ndl", scores.softmax(dim=-1), v))
        groups.append(torch.cat(outputs, dim=1).reshape(x.shape))
    return attention.project(torch.cat(groups, dim=1))


@pytest.mark.parametrize("groups", ["both", "spatial", "spectral"])
@pytest.mark.parametrize("training", [True, False])
def test_attention_is_groups_of_heads_over_a_reduced_map(training: bool, groups: str) -> None:
    # A tiny rate takes the training path and, at this seed, drops nothing.
    attention = Attention(64, 2, 4, 0.0, attention_dropout=1e-5, head_groups=groups)
    attention.train(training)
    torch.manual_seed(0)
    x = torch.randn(2, 64, 12, 8)
    torch.testing.assert_close(attention(x), plain_attention(attention, x), atol=1e-4, rtol=1e-4)


def test_one_group_is_an_attention_over_positions() -> None:
    torch.manual_seed(0)
    attention = Attention(32, 1, 2, 0.0, 0.0, head_groups="spectral").eval()
    x = torch.randn(1, 32, 6, 4)

    def linear(name: str, rows: torch.Tensor) -> torch.Tensor:
        layer = getattr(attention, name)
        return rows @ layer.weight.flatten(1).T + layer.bias

    patches = x[0].unfold(1, 2, 2).unfold(2, 2, 2).permute(1, 2, 0, 3, 4).reshape(6, -1)
    query, reduced = linear("query", x[0].flatten(1).T), linear("reduce", patches)
    shares = (query @ linear("spectral_key", reduced).T / 32**0.5).softmax(dim=1)
    wanted = linear("project", shares @ linear("spectral_value", reduced))
    torch.testing.assert_close(attention(x)[0].flatten(1).T, wanted, atol=1e-5, rtol=1e-5)


def test_the_spatial_group_sees_neighbours_and_the_spectral_one_does_not() -> None:
    keys = {}
    for groups in ("spatial", "spectral"):
        attention = Attention(32, 1, 1, 0.0, 0.0, head_groups=groups)
        key = getattr(attention, f"{groups}_key")
        moved = key(torch.eye(5)[2].repeat(1, 32, 5, 1)) - key(torch.zeros(1, 32, 5, 5))
        keys[groups] = moved.abs().sum(dim=(0, 1, 2)).gt(0).tolist()
    assert keys["spatial"] == [False, True, True, True, False]
    assert keys["spectral"] == [False, False, True, False, False]


@pytest.mark.parametrize(("groups", "other"), [("spatial", "spectral"), ("spectral", "spatial")])
def test_a_group_that_is_left_out_leaves_no_parameter(groups: str, other: str) -> None:
    both, one = (
        {name: list(tensor.shape) for name, tensor in MSST(config).named_parameters()}
        for config in (MSSTConfig(), MSSTConfig(head_groups=groups))
    )
    assert both.keys() - one.keys() == {name for name in both if f".attention.{other}_" in name}
    assert not one.keys() - both.keys()
    for name in one:
        wanted = both[name]
        if ".attention.query." in name:
            wanted = [wanted[0] // 2, *wanted[1:]]
        elif ".attention.project.weight" in name:
            wanted = [wanted[0], wanted[1] // 2, 1, 1]
        assert one[name] == wanted, name


def test_the_attention_of_both_groups_has_the_published_parameters() -> None:
    names = [name for name, _ in Attention(32, 1, 2, 0.0, 0.0).named_parameters()]
    parts = ["query", "reduce", "spatial_key.0", "spatial_key.1", "spatial_value.0"]
    parts += ["spatial_value.1", "spectral_key", "spectral_value", "project"]
    # In this order too: it decides which weights a seed gives.
    assert names == [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]


@pytest.mark.parametrize("groups", ["both", "spatial", "spectral"])
def test_every_parameter_gets_a_gradient_whatever_the_groups(groups: str) -> None:
    torch.manual_seed(0)
    network = MSST(MSSTConfig(head_groups=groups, drop_path=0.0))
    # Large enough for several keys in every stage: the share of a single one is always 1.
    network(torch.randn(1, 32, 64, 72))[0].square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # A key's bias moves all scores of a query alike, which the softmax takes out.
        assert parameter.grad.any() or ("_key" in name and name.endswith("bias")), name


def test_attention_drops_its_weights_in_training_only() -> None:
    attention = Attention(32, 1, 2, 0.0, 0.5)
    x = torch.randn(1, 32, 8, 8)
    assert not torch.allclose(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.75])
def test_dropout_leaves_out_its_share_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    x = torch.full((3, 65, 33, 31), 2.0).to(memory_format=torch.channels_last).requires_grad_()
    dropped = Dropout(rate)(x)
    share = (dropped == 0).float().mean().item()
    assert share == pytest.approx(rate, abs=5 * (rate * (1 - rate) / x.numel()) ** 0.5)
    torch.testing.assert_close(dropped[dropped != 0].unique(), torch.tensor([2 / (1 - rate)]))
    dropped.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad == 0, dropped == 0)


def test_dropout_of_neighbouring_numbers_is_independent() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.5)(torch.ones(2**16)) - 1
    for step in range(1, 9):  # four numbers share one draw
        assert abs((dropped[step:] * dropped[:-step]).mean()) < 5 / 2**8


def test_dropout_of_a_view_draws_for_every_number() -> None:
    torch.manual_seed(0)
    expanded, sliced = torch.ones(1).expand(64, 64), torch.ones(64, 128)[:, ::2]
    for view in (expanded, sliced):
        assert 0.4 < (Dropout(0.5)(view) == 0).float().mean() < 0.6


def test_dropout_is_repeated_by_its_seed_and_absent_from_evaluation() -> None:
    x, dropout = torch.ones(7, 5), Dropout(0.5)
    torch.manual_seed(3)
    first = dropout(x)
    torch.manual_seed(3)
    assert torch.equal(dropout(x), first)
    assert torch.equal(dropout.eval()(x), x)


def test_drop_path_leaves_out_whole_images_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = DropPath(0.25)(torch.ones(4000, 2, 1, 1))
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(DropPath(0.25).eval()(torch.ones(3, 1, 1, 1)), torch.ones(3, 1, 1, 1))


def test_the_head_weighs_channels_as_if_after_interpolation() -> None:
    head = Head((32, 64))
    nn.init.normal_(head.classify.bias)
    stages = [torch.randn(2, 32, 9, 12), torch.randn(2, 64, 5, 6)]
    full = sum(
        F.interpolate(branch(x), size=(33, 47), mode="bilinear", align_corners=False)
        for branch, x in zip(head.branches, stages, strict=True)
    )
    torch.testing.assert_close(head(stages, 33, 47), head.classify(full), atol=1e-5, rtol=1e-4)


def test_memory_order_of_the_code_does_not_matter() -> None:
    network = MSST(SMALL).eval()
    code = torch.randn(2, 32, 40, 36)
    other = network(code.to(memory_format=torch.channels_last))[0]
    torch.testing.assert_close(network(code)[0], other, atol=1e-5, rtol=1e-5)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    network = MSST(SMALL).eval()
    code = torch.randn(3, 32, 40, 36)
    together, alone = network(code)[0], network(code[1:2])[0]
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_a_fresh_network_neither_saturates_nor_sees_nothing() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        logits, _ = MSST().eval()(torch.randn(2, 32, 64, 64))
    assert 0.05 < logits.std() < 5
    assert logits.mean().abs() < 5


@pytest.mark.parametrize("kinds", [{}, {"head": "detail"}])
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the tracer looks at one
def test_what_is_traced_for_compiling_is_the_same(kinds: dict[str, str]) -> None:
    torch.manual_seed(0)
    still = {"dropout": 0.0, "attention_dropout": 0.0, "drop_path": 0.0}
    plain = MSST(MSSTConfig(depths=(1, 1, 1, 1), **still, **kinds))
    traced = copy.deepcopy(plain)
    traced.compile(backend="eager")
    code = torch.randn(2, 32, 32, 40)
    for network in (plain, traced):
        logits, coarse = network(code)
        sum(maps.square().mean() for maps in (logits, *coarse)).backward()
    torch.testing.assert_close(traced(code), plain(code))
    for one, other in zip(traced.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert copy.deepcopy(traced)._compiled_call_impl is None
    assert traced.state_dict().keys() == plain.state_dict().keys()
