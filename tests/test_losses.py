"""Every loss term: a case by hand, an edge, an oracle where there is one, and its gradient."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity as skimage_ssim
from torch import Tensor, nn

from dmssn import losses
from dmssn.models.autoencoder import AutoencoderOutput, Features


def table_and_cubes() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Predicted and target tables (10, 5), their region map and areas; no area is equal."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.arange(10).repeat_interleave(torch.arange(1, 11))[:55]
    region_map = ids.reshape(1, 5, 11)
    predicted, target = torch.rand(2, 10, 5, generator=generator).unbind()
    return predicted, target, region_map, torch.bincount(ids).float()


def as_cubes(table: Tensor, region_map: Tensor) -> Tensor:
    return table[region_map].permute(0, 3, 1, 2)


def test_smooth_l1_by_hand() -> None:
    predicted = torch.tensor([[0.5, 0.0], [3.0, 0.0]])
    target = torch.zeros(2, 2)
    # Means over the two bands: 0.5^2 / 2 / 2 = 1/16 and (3 - 1/2) / 2 = 5/4.
    assert losses.smooth_l1(predicted, target, torch.tensor([3.0, 1.0])).item() == pytest.approx(
        (3 / 16 + 5 / 4) / 4
    )
    assert losses.smooth_l1(target, target).item() == 0


def test_spectral_angle_by_hand() -> None:
    predicted = torch.tensor([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    target = torch.tensor([[0.0, 5.0], [3.0, 0.0], [-1.0, 0.0]])
    angle = losses.spectral_angle(predicted, target, torch.tensor([2.0, 1.0, 1.0]))
    assert angle.item() == pytest.approx((2 * math.pi / 2 + math.pi / 4 + math.pi) / 4)


def test_spectral_angle_is_the_arccosine() -> None:
    predicted, target = torch.randn(2, 3, 9, 4, 5, dtype=torch.float64).float().unbind()
    cosine = torch.cosine_similarity(predicted.double(), target.double(), dim=1)
    expected = cosine.arccos().mean().item()
    assert losses.spectral_angle(predicted, target).item() == pytest.approx(expected, rel=1e-6)


def test_spectral_angle_does_not_depend_on_brightness() -> None:
    predicted, target = torch.rand(2, 2, 9, 4, 5).unbind()
    torch.testing.assert_close(
        losses.spectral_angle(100 * predicted, 0.01 * target),
        losses.spectral_angle(predicted, target),
    )


def test_spectral_angle_sees_an_angle_that_an_arccosine_loses() -> None:
    target = torch.tensor([[1.0, 0.0]])
    predicted = torch.tensor([[math.cos(1e-5), math.sin(1e-5)]])
    assert losses.spectral_angle(predicted, target).item() == pytest.approx(1e-5, rel=1e-3)


def test_spectral_angle_has_a_finite_gradient_at_a_perfect_fit_and_at_zero_pixels() -> None:
    target = torch.rand(2, 5, 3, 4)
    target[0, :, 1, 2] = 0.0
    predicted = target.clone()
    predicted[1, :, 0, 0] = 0.0  # beside a target that is not zero
    predicted.requires_grad_()
    angle = losses.spectral_angle(predicted, target)
    angle.backward()
    assert angle.item() < 1e-6
    assert predicted.grad is not None
    assert predicted.grad.abs().max() < 1


def test_spectral_angle_pulls_the_prediction_towards_the_target() -> None:
    target = torch.tensor([[0.2, 0.9]])
    predicted = torch.tensor([[0.9, 0.2]], requires_grad=True)
    losses.spectral_angle(predicted, target).backward()
    assert predicted.grad is not None
    assert predicted.grad[0, 0] > 0 > predicted.grad[0, 1]


@pytest.mark.parametrize("loss", [losses.smooth_l1, losses.spectral_angle])
def test_a_packed_term_is_that_of_the_cubes(loss) -> None:
    predicted, target, region_map, area = table_and_cubes()
    predicted.requires_grad_()
    packed = loss(predicted, target, area)
    (found,) = torch.autograd.grad(packed, predicted)
    dense = loss(as_cubes(predicted, region_map), as_cubes(target, region_map))
    (expected,) = torch.autograd.grad(dense, predicted)
    torch.testing.assert_close(packed, dense, atol=1e-5, rtol=0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_distillation_compares_three_levels_and_spares_the_teacher() -> None:
    student = AutoencoderOutput(
        *(torch.zeros(4, width, requires_grad=True) for width in (3, 2, 3, 5))
    )
    teacher = Features(
        torch.full((4, 3), 0.5, requires_grad=True),
        torch.full((4, 2), 2.0, requires_grad=True),
        torch.zeros(4, 3, requires_grad=True),
    )
    terms = losses.distillation_terms(student, teacher, torch.arange(1.0, 5.0))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {"distill/encoded": 0.125, "distill/code": 1.5, "distill/decoded": 0.0}
    )
    sum(terms.values()).backward()
    assert student.encoded.grad is not None
    assert student.code.grad is not None
    assert (student.encoded.grad < 0).all()
    assert (student.code.grad < 0).all()
    assert all(feature.grad is None for feature in teacher)


def test_distillation_is_zero_only_where_the_student_is_the_teacher() -> None:
    features = [torch.randn(4, 3) for _ in range(4)]
    terms = losses.distillation_terms(AutoencoderOutput(*features), Features(*features[:3]))
    assert all(term.item() == 0 for term in terms.values())


def test_reconstruction_terms_have_gradients() -> None:
    for name in ("reconstruct/smooth_l1", "reconstruct/angle"):
        reconstruction = torch.rand(6, 5, requires_grad=True)
        terms = losses.reconstruction_terms(reconstruction, torch.rand(6, 5), torch.ones(6))
        terms[name].backward()
        assert reconstruction.grad is not None
        assert reconstruction.grad.abs().min() > 0


def saliency_values(logits: Tensor, mask: Tensor, valid: Tensor | None = None) -> dict[str, float]:
    return {name: t.item() for name, t in losses.saliency_terms(logits, mask, valid).items()}


def test_cross_entropy_and_iou_by_hand() -> None:
    # Saliency 3/4 at one salient pixel and 1/4 at three others.
    logits = torch.full((1, 1, 2, 2), -math.log(3))
    logits[0, 0, 0, 0] = math.log(3)
    mask = torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    mask[0, 0, 0, 0] = True
    values = saliency_values(logits, mask)
    assert values["segment/bce"] == pytest.approx(-math.log(3 / 4), rel=1e-5)
    # Intersection 3/4; union 3/4 + 3/4 + 1 - 3/4 = 7/4.
    assert values["segment/iou"] == pytest.approx(1 - 3 / 7, rel=1e-5)


def test_iou_is_averaged_over_images() -> None:
    mask = torch.zeros(2, 1, 16, 16)
    mask[0, 0, :8] = 1
    mask[1, 0, :2] = 1
    logits = torch.where(torch.arange(16)[:, None] < 4, 50.0, -50.0).expand(2, 1, 16, 16)
    assert saliency_values(logits, mask)["segment/iou"] == pytest.approx(0.5, abs=1e-5)


def test_a_perfect_map_costs_nothing() -> None:
    mask = torch.rand(2, 1, 32, 32) > 0.5
    values = saliency_values(torch.where(mask, 40.0, -40.0), mask)
    assert max(values.values()) == pytest.approx(0, abs=1e-5)


def test_an_empty_map_of_an_empty_mask_costs_nothing() -> None:
    values = saliency_values(torch.full((1, 1, 32, 32), -60.0), torch.zeros(1, 1, 32, 32))
    assert max(values.values()) == pytest.approx(0, abs=1e-5)


def test_ssim_is_that_of_scikit_image_away_from_the_edges() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 40, 52))
    second = 0.5 * first + 0.5 * second
    _, expected = skimage_ssim(
        first,
        second,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        win_size=11,
        use_sample_covariance=False,
        full=True,
    )
    maps = (torch.tensor(image[None, None], dtype=torch.float32) for image in (first, second))
    found = losses.structural_similarity(*maps)[0, 0].numpy()
    np.testing.assert_allclose(found[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-4)


def test_ssim_counts_zeros_beyond_the_edges() -> None:
    first, second = torch.rand(2, 1, 1, 20, 20).unbind()
    padded = losses.structural_similarity(
        *(nn.functional.pad(x, (5,) * 4) for x in (first, second))
    )
    torch.testing.assert_close(
        losses.structural_similarity(first, second), padded[..., 5:-5, 5:-5], atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("name", ["segment/bce", "segment/ssim", "segment/iou"])
def test_a_saliency_term_pushes_salient_pixels_up_and_the_others_down(name: str) -> None:
    mask = torch.zeros(1, 1, 33, 47, dtype=torch.bool)
    mask[:, :, 8:20, 10:30] = True
    logits = torch.zeros(1, 1, 33, 47, requires_grad=True)
    losses.saliency_terms(logits, mask)[name].backward()
    assert logits.grad is not None
    assert logits.grad[mask].mean() < 0 < logits.grad[~mask].mean()


def test_pixels_outside_the_scene_count_in_no_term() -> None:
    mask = torch.zeros(2, 1, 33, 47, dtype=torch.bool)
    mask[:, :, 8:20, 10:30] = True
    valid = torch.ones_like(mask)
    valid[0, :, :, 25:] = False
    logits = torch.randn(2, 1, 33, 47)
    values = saliency_values(logits, mask, valid)
    changed, flipped = logits.clone(), mask.clone()
    changed[~valid] = 9.0
    flipped[~valid] = ~flipped[~valid]
    assert saliency_values(changed, flipped, valid) == pytest.approx(values, rel=1e-6)

    logits.requires_grad_()
    sum(losses.saliency_terms(logits, mask, valid).values()).backward()
    assert logits.grad is not None
    assert (logits.grad[~valid] == 0).all()


def test_an_image_cut_to_its_valid_part_gives_the_same_terms() -> None:
    logits, mask = torch.randn(1, 1, 40, 40), torch.rand(1, 1, 40, 40) > 0.5
    valid = torch.zeros_like(mask)
    valid[..., 3:30, :21] = True
    cut = saliency_values(logits[..., 3:30, :21], mask[..., 3:30, :21])
    assert saliency_values(logits, mask, valid) == pytest.approx(cut, rel=1e-4)


def test_the_terms_of_stages_by_hand() -> None:
    # Two cells of four pixels: of the first one is salient, of the second two of two are inside.
    mask = torch.tensor([[0, 1, 1, 0], [0, 0, 1, 1]]).view(1, 1, 2, 4)
    valid = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0]], dtype=torch.bool).view(1, 1, 2, 4)
    logits = torch.tensor([math.log(3), -math.log(3)]).view(1, 1, 1, 2)  # 3/4 and 1/4
    first = -(0.25 * math.log(3 / 4) + 0.75 * math.log(1 / 4))
    second = -math.log(1 / 4)
    whole = losses.coarse_terms([logits], mask, valid)["segment/coarse"].item()
    assert whole == pytest.approx((4 * first + 2 * second) / 6, rel=1e-6)
    both = losses.coarse_terms([logits, torch.zeros(1, 1, 1, 1)], mask, valid)["segment/coarse"]
    assert both.item() == pytest.approx((whole + math.log(2)) / 2, rel=1e-6)


STAGES = ((2, 2), (3, 3), (5, 6), (9, 12))
"""Sizes of stages of 33 x 47 pixels, which they do not divide."""


def uneven() -> tuple[list[Tensor], Tensor, Tensor]:
    """Logits of stages, masks and valid pixels of three images; each has another number of them."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(3, 1, 33, 47, generator=generator) > 0.6
    valid = torch.ones_like(mask)
    valid[1, :, :, 17:] = False
    valid[2, :, 5:31, 1:] = False
    coarse = [2 * torch.randn(3, 1, *size, generator=generator) for size in STAGES]
    return coarse, mask, valid


def plain_coarse(coarse: list[Tensor], mask: Tensor, valid: Tensor) -> float:
    """Cell after cell in float64."""
    total = 0.0
    images, _, height, width = mask.shape
    inside, salient = valid.double().numpy(), (mask & valid).double().numpy()
    for logits in coarse:
        rows, columns = logits.shape[-2:]
        share = (height * width) / (rows * columns)
        for image in range(images):
            for i in range(rows):
                for j in range(columns):
                    down = slice(i * height // rows, -(-(i + 1) * height // rows))
                    across = slice(j * width // columns, -(-(j + 1) * width // columns))
                    there = inside[image, 0, down, across].mean()
                    if there == 0:
                        continue
                    wanted = salient[image, 0, down, across].mean() / there
                    x = logits[image, 0, i, j].item()
                    entropy = np.logaddexp(0, x) - wanted * x
                    total += there * share * entropy / inside.sum()
    return total / len(coarse)


def test_the_terms_of_stages_are_those_of_cells_one_after_the_other() -> None:
    coarse, mask, valid = uneven()
    every = torch.ones_like(valid)
    for there in (valid, every):
        found = losses.coarse_terms(coarse, mask, there)["segment/coarse"].item()
        assert found == pytest.approx(plain_coarse(coarse, mask, there), rel=1e-5)
    assert losses.coarse_terms(coarse, mask)["segment/coarse"].item() == pytest.approx(found)


def test_terms_of_parts_times_their_pixels_add_up_to_those_of_the_whole() -> None:
    coarse, mask, valid = uneven()
    logits = torch.randn(3, 1, 33, 47, generator=torch.Generator().manual_seed(1))
    pixels = valid.sum(dim=(1, 2, 3)) / valid.sum()
    assert pixels.unique().numel() == 3

    def terms(images: slice) -> dict[str, Tensor]:
        found = losses.saliency_terms(logits[images], mask[images], valid[images])
        del found["segment/iou"]  # which is a mean over images
        parts = [stage[images] for stage in coarse]
        return found | losses.coarse_terms(parts, mask[images], valid[images])

    parts = [slice(0, 1), slice(1, 3)]
    for name, whole in terms(slice(None)).items():
        added = sum(pixels[part].sum() * terms(part)[name] for part in parts)
        torch.testing.assert_close(added, whole, rtol=1e-5, atol=1e-6, msg=name)


def test_pixels_outside_count_in_no_stage() -> None:
    coarse, mask, valid = uneven()
    plain = losses.coarse_terms(coarse, mask, valid)["segment/coarse"]
    flipped = torch.where(valid, mask, ~mask)
    assert torch.equal(losses.coarse_terms(coarse, flipped, valid)["segment/coarse"], plain)
    for stage in coarse:
        stage.requires_grad_()
    losses.coarse_terms(coarse, mask, valid)["segment/coarse"].backward()
    for stage in coarse:
        there = nn.functional.adaptive_max_pool2d(valid.float(), stage.shape[-2:]) > 0
        assert stage.grad is not None
        assert torch.equal(stage.grad != 0, there)


def test_a_stage_that_says_how_much_of_each_cell_is_salient_cannot_do_better() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 5:20, 9:30] = 1
    share = nn.functional.avg_pool2d(mask, 8).clamp(1e-4, 1 - 1e-4)
    best = torch.logit(share)
    least = losses.coarse_terms([best], mask)["segment/coarse"]
    for change in (0.3, -0.3):
        assert losses.coarse_terms([best + change], mask)["segment/coarse"] > least
    pure = torch.where(torch.ones(1, 1, 4, 4).cumsum(dim=3) > 2, 40.0, -40.0)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 16:] = 1
    assert losses.coarse_terms([pure], mask)["segment/coarse"].item() == pytest.approx(0, abs=1e-6)


def test_a_batch_without_a_valid_pixel_costs_nothing_and_is_finite() -> None:
    logits = torch.randn(1, 1, 32, 32, requires_grad=True)
    nowhere = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    terms = losses.saliency_terms(logits, ~nowhere, nowhere)
    terms |= losses.coarse_terms([logits[..., :4, :4]], ~nowhere, nowhere)
    sum(terms.values()).backward()
    assert terms["segment/bce"].item() == terms["segment/coarse"].item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_terms_can_be_trained_after_they_were_computed_in_inference_mode() -> None:
    logits, mask = torch.randn(1, 1, 51, 53), torch.rand(1, 1, 51, 53) > 0.5
    with torch.inference_mode():
        expected = saliency_values(logits, mask)
    logits.requires_grad_()
    terms = losses.saliency_terms(logits, mask)
    sum(terms.values()).backward()
    assert logits.grad is not None
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        losses.saliency_terms(torch.zeros(1, 1, 32, 32), torch.zeros(1, 32, 32))


def test_l1_penalty_counts_weights_and_no_biases() -> None:
    layer = nn.Sequential(nn.Conv2d(1, 2, 1), nn.GroupNorm(1, 2))
    nn.init.constant_(layer[0].weight, -3.0)
    nn.init.constant_(layer[0].bias, 7.0)
    penalty = losses.l1_penalty(layer)
    assert penalty.item() == 2 * 3 + 2 * 1  # the norm's weights start at 1
    penalty.backward()
    assert layer[0].weight.grad.flatten().tolist() == [-1, -1]
    assert layer[0].bias.grad is None


def test_terms_of_half_precision_inputs_are_computed_in_float32() -> None:
    predicted, target = torch.rand(2, 2, 5, 32, 32).bfloat16().unbind()
    logits, mask = torch.randn(2, 1, 32, 32).bfloat16(), torch.rand(2, 1, 32, 32) > 0.5
    expected = losses.reconstruction_terms(predicted.float(), target.float())
    expected |= losses.saliency_terms(logits.float(), mask)
    expected |= losses.coarse_terms([logits.float()[..., :4, :4]], mask)
    with torch.autocast("cpu", torch.bfloat16):
        found = losses.reconstruction_terms(predicted, target)
        found |= losses.saliency_terms(logits, mask)
        found |= losses.coarse_terms([logits[..., :4, :4]], mask)
    for name, term in found.items():
        assert term.dtype == torch.float32
        torch.testing.assert_close(term, expected[name], atol=0, rtol=1e-6)
