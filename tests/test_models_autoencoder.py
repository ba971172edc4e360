"""The autoencoders: packed tables against dense cubes, and what a teacher sees."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dmssn.models.autoencoder import Layer, Packing, Student, Teacher, instance_norm


def homogenized(images: int, bands: int, side: int, regions: int) -> tuple[Tensor, Tensor, Packing]:
    """A packed batch with every pixel in a region: spectra, region map and packing."""
    maps, areas = [], []
    for image in range(images):
        ids = torch.cat([torch.arange(regions), torch.randint(regions, (side**2 - regions,))])
        ids = ids[torch.randperm(side**2)].reshape(side, side)
        areas.append(torch.bincount(ids.flatten(), minlength=regions).float())
        maps.append(ids + image * regions)
    packing = Packing(torch.cat(areas), (regions,) * images)
    return torch.rand(images * regions, bands), torch.stack(maps), packing


def as_cubes(table: Tensor, region_map: Tensor) -> Tensor:
    return table[region_map].permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("network", "precision", "tolerance"),
    [
        (Student, torch.float64, 1e-11),
        (Teacher, torch.float64, 1e-11),
        (Student, torch.float32, 1e-5),
        (Teacher, torch.float32, 4e-5),  # 16 layers deep; both round this far from float64
    ],
)
def test_a_packed_table_gives_the_values_and_gradients_of_the_cubes(
    network: type[Student] | type[Teacher], precision: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(1)
    autoencoder = network(7).to(precision)
    spectra, region_map, packing = homogenized(images=3, bands=7, side=16, regions=40)
    spectra, packing = spectra.to(precision), packing._replace(area=packing.area.to(precision))
    dense = autoencoder(as_cubes(spectra, region_map))
    packed = autoencoder(spectra, packing)
    for found, expected in zip(packed, dense, strict=True):
        torch.testing.assert_close(as_cubes(found, region_map), expected, atol=tolerance, rtol=0)

    parameters = list(autoencoder.parameters())
    pixels = region_map.numel()
    # The mean over pixels of all features' squares, which counts regions by their area.
    loss = sum(feature.square().mean(dim=1).sum() / pixels for feature in dense)
    expected = torch.autograd.grad(loss, parameters)
    loss = sum((packing.area @ feature.square()).mean() / pixels for feature in packed)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    unused = []
    for weight, gradient, reference in zip(parameters, found, expected, strict=True):
        if gradient is None:
            unused.append(weight)
            gradient = torch.zeros_like(weight)
        torch.testing.assert_close(gradient, reference, atol=tolerance, rtol=10 * tolerance)
    # Biases before a norm, which takes them out: all but those of plain layers.
    layers = [layer for layer in autoencoder.modules() if isinstance(layer, Layer)]
    expected_unused = [layer.conv.bias for layer in layers if not layer.plain]
    assert {id(weight) for weight in unused} == {id(bias) for bias in expected_unused}


@settings(deadline=None, max_examples=25)
@given(
    counts=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
    offset=st.sampled_from([0.0, 3.0, -100.0]),
)
def test_packed_instance_norm_is_the_norm_of_repeated_rows(
    counts: list[int], seed: int, offset: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = sum(counts)
    table = torch.randn(rows, 5, generator=generator, dtype=torch.float64) + offset
    area = torch.randint(1, 9, (rows,), generator=generator)
    packed = instance_norm(table, Packing(area.double(), tuple(counts)))
    parts = zip(table.split(counts), area.split(counts), packed.split(counts), strict=True)
    for spectra, pixels, found in parts:
        repeated = spectra.repeat_interleave(pixels, dim=0)
        deviation = (repeated.var(dim=0, correction=0) + 1e-5).sqrt()
        expected = (spectra - repeated.mean(dim=0)) / deviation
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=0)


def test_the_packed_norm_of_thousands_of_regions_is_as_exact_as_the_dense_one() -> None:
    table = torch.rand(8000, 8) / 10 + 5  # far from zero, as pre-activations can be
    area = torch.randint(1, 200, (8000,)).float()
    exact = instance_norm(table.double(), Packing(area.double(), (8000,)))
    found = instance_norm(table, Packing(area, (8000,)))
    torch.testing.assert_close(found, exact.float(), atol=5e-5, rtol=0)


@pytest.mark.parametrize("network", [Student, Teacher])
def test_tables_are_nearer_to_float64_than_cubes(network: type[Student] | type[Teacher]) -> None:
    torch.manual_seed(0)
    autoencoder = network(40)
    spectra, region_map, packing = homogenized(images=1, bands=40, side=96, regions=4000)
    spectra = 0.8 + 0.1 * spectra  # far from zero, as reflectances of one scene are
    exact = copy.deepcopy(autoencoder).double()(as_cubes(spectra.double(), region_map))
    with torch.no_grad():
        packed = autoencoder(spectra, packing)
        dense = autoencoder(as_cubes(spectra, region_map))
    for table, cube, truth in zip(packed, dense, exact, strict=True):
        off = (as_cubes(table, region_map) - truth).abs().max()
        assert off < 0.7 * (cube - truth).abs().max()


def test_a_loss_on_a_table_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    student = Student(5, hidden=6, code=3).double()
    packing = Packing(torch.tensor([3.0, 1.0, 2.0, 5.0, 4.0]).double(), (3, 2))
    spectra = torch.rand(5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: student(x, packing), (spectra,))


def test_packed_norm_of_two_regions_by_hand() -> None:
    packing = Packing(torch.tensor([3.0, 1.0]), (2,))
    normalized = instance_norm(torch.tensor([[0.0], [4.0]]), packing)  # mean 1, variance 3
    torch.testing.assert_close(normalized, torch.tensor([[-1.0], [3.0]]) / 3**0.5)


def test_one_region_alone_normalizes_to_zero() -> None:
    normalized = instance_norm(torch.full((1, 4), 0.3), Packing(torch.tensor([9.0]), (1,)))
    assert torch.equal(normalized, torch.zeros(1, 4))


def test_images_of_a_packed_batch_do_not_see_each_other() -> None:
    student = Student(5)
    first, second = torch.rand(8, 5), torch.rand(3, 5)
    area = torch.arange(1.0, 12.0)
    together = student.encode(torch.cat([first, second]), Packing(area, (8, 3)))
    alone = student.encode(second, Packing(area[8:], (3,)))
    torch.testing.assert_close(together[8:], alone)


@pytest.mark.parametrize("network", [Student(6), Teacher(6)], ids=["student", "teacher"])
def test_every_parameter_before_a_norm_or_not_gets_a_gradient(network: Student | Teacher) -> None:
    network(torch.rand(1, 6, 8, 8)).reconstruction.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name


def test_encoding_is_the_code_of_the_whole_pass() -> None:
    student, cubes = Student(6), torch.rand(2, 6, 8, 8)
    assert torch.equal(student.encode(cubes), student(cubes).code)


def test_the_teachers_features_are_those_of_the_whole_pass() -> None:
    teacher, cubes = Teacher(6), torch.rand(2, 6, 8, 8)
    for found, expected in zip(teacher.features(cubes), teacher(cubes)[:3], strict=True):
        assert torch.equal(found, expected)


def test_the_sizes_are_those_of_the_features() -> None:
    spectra, packing = torch.rand(9, 5), Packing(torch.ones(9), (4, 5))
    for output in (Student(5)(spectra, packing), Teacher(5)(spectra, packing)):
        assert [feature.shape[1] for feature in output] == [64, 32, 64, 5]


@pytest.mark.parametrize("spatial", [False, True])
def test_only_a_spatial_teacher_sees_neighbours(spatial: bool) -> None:
    torch.manual_seed(0)
    teacher = Teacher(4, spatial)
    cube = torch.rand(1, 4, 8, 8)
    moved = cube.clone()  # the same pixels, so the same norms, some in other places
    moved[..., 4:] = cube[..., 4:].flip(-2)
    codes = [teacher.encode(x)[..., :4] for x in (cube, moved)]
    assert torch.allclose(*codes, atol=1e-5) is not spatial


def test_a_spatial_teacher_refuses_a_packed_table() -> None:
    with pytest.raises(ValueError, match="spatial=False"):
        Teacher(5, spatial=True)(torch.rand(4, 5), Packing(torch.ones(4), (4,)))


@pytest.mark.parametrize("network", [Student, Teacher])
def test_fewer_than_three_bands_are_refused(network: type[Student] | type[Teacher]) -> None:
    with pytest.raises(ValueError, match="at least 3 bands, got 2"):
        network(2)
    network(3)


def test_packed_norm_stays_in_float32_under_autocast() -> None:
    table, packing = torch.rand(50, 4), Packing(torch.full((50,), 1311.0), (50,))
    with torch.autocast("cpu", torch.bfloat16):
        normalized = instance_norm(table, packing)
    torch.testing.assert_close(normalized, instance_norm(table, packing))
    assert F.layer_norm(normalized.T, (50,)).dtype == torch.float32
