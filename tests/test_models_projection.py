"""The fixed projection: what it computes, packed against dense, and which bands it takes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dmssn.models.autoencoder import Packing
from dmssn.models.projection import Projection, evenly_spaced_bands


def random_projection(bands: int, code: int) -> Projection:
    projection = Projection(bands, code).double()
    projection.weight.copy_(torch.randn(code, bands))
    return projection


def test_the_code_is_the_product_normalized_over_the_pixels_of_each_image() -> None:
    torch.manual_seed(0)
    projection, cubes = random_projection(5, 3), torch.rand(2, 5, 4, 6, dtype=torch.float64)
    code = projection.encode(cubes)
    for image in range(2):
        product = projection.weight.numpy() @ cubes[image].flatten(1).numpy()
        spread = np.sqrt(product.var(axis=1, keepdims=True) + 1e-5)
        wanted = (product - product.mean(axis=1, keepdims=True)) / spread
        np.testing.assert_allclose(code[image].flatten(1), wanted, atol=1e-12)


def test_a_packed_table_gives_the_code_of_its_pixels() -> None:
    torch.manual_seed(0)
    projection = random_projection(6, 4)
    area = torch.tensor([1, 4, 2, 5, 3, 3, 6], dtype=torch.float64)
    table = torch.rand(7, 6, dtype=torch.float64)
    packed = projection.encode(table, Packing(area, (4, 3)))
    pixels = [
        rows.repeat_interleave(counts.long(), dim=0)
        for rows, counts in zip(table.split((4, 3)), area.split((4, 3)), strict=True)
    ]
    for rows, image, counts in zip(packed.split((4, 3)), pixels, area.split((4, 3)), strict=True):
        dense = projection.encode(image.T.reshape(1, 6, 3, 4))
        wanted = rows.repeat_interleave(counts.long(), dim=0)
        torch.testing.assert_close(dense[0].flatten(1).T, wanted, atol=1e-12, rtol=0)


def test_a_channel_without_signal_is_zero() -> None:
    projection = Projection(4, 3)
    projection.weight[0, 2] = 1
    cubes = torch.rand(1, 4, 8, 8)
    cubes[:, 2] = 0.7
    assert torch.equal(projection(cubes)[:, 1:], torch.zeros(1, 2, 8, 8))
    assert projection(cubes).abs().max() < 1e-3
    packing = Packing(torch.full((64,), 1.0), (64,))
    assert projection(cubes[0].flatten(1).T.contiguous(), packing).abs().max() < 1e-3


def test_a_lower_precision_does_not_reach_the_projection() -> None:
    # A difference of two bands that are nearly alike: nothing of it is left in bfloat16.
    torch.manual_seed(0)
    projection = Projection(3, 1)
    projection.weight[0, :2] = torch.tensor([1.0, -1.0])
    table = torch.rand(64, 3)
    table[:, 1] = table[:, 0] + 1e-3 * torch.rand(64)
    packing = Packing(torch.ones(64), (64,))
    cubes = table.T.reshape(1, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        packed, dense = projection(table, packing), projection(cubes)
    assert packed.dtype == dense.dtype == torch.float32
    torch.testing.assert_close(packed, projection(table, packing))
    torch.testing.assert_close(dense, projection(cubes))


@given(bands=st.integers(3, 240), code=st.integers(2, 40))
def test_bands_are_taken_as_evenly_as_whole_numbers_go(bands: int, code: int) -> None:
    weight = evenly_spaced_bands(bands, code)
    assert weight.shape == (code, bands)
    assert weight.sum(dim=1).tolist() == [1] * code
    taken = weight.argmax(dim=1).double().numpy()
    assert (taken[0], taken[-1]) == (0, bands - 1)
    np.testing.assert_allclose(taken, np.linspace(0, bands - 1, code), atol=0.5 + 1e-9)
    if bands <= code:
        assert set(taken) == set(range(bands))


def test_it_has_no_parameters_and_is_saved() -> None:
    projection = Projection(5, 2)
    assert not list(projection.parameters())
    assert list(projection.state_dict()) == ["weight"]


def test_fewer_than_three_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 bands, got 2"):
        Projection(2)
