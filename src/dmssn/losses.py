"""Loss terms: pure functions with a scalar result, in float32 under autocast too.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together.
Spectra and features come dense, (N, C, H, W), or as a packed table (R, C) with the regions'
``area`` in pixels (R,). A region counts as many times as it has pixels, so both forms of a
homogenized batch give the same term.
"""

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmssn.models.autoencoder import AutoencoderOutput, Features

# Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
# TIP 13, 2004, with their constants for maps whose values range over 1.
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2
# Makes the IoU of two empty maps 1; nothing beside the area of one pixel.
IOU_EPSILON = 1e-6


def smooth_l1(predicted: Tensor, target: Tensor, area: Tensor | None = None) -> Tensor:
    """Mean of d^2 / 2 for differences |d| < 1 and of |d| - 1/2 for larger ones.

    Args:
        predicted: Dense (N, C, H, W) or packed (R, C).
        target: The same shape.
        area: (R,) pixels, for packed tables.
    """
    loss = F.smooth_l1_loss(predicted.float(), target.float(), reduction="none")
    return _mean_over_pixels(loss.mean(dim=1), area)


def spectral_angle(predicted: Tensor, target: Tensor, area: Tensor | None = None) -> Tensor:
    """Mean angle between spectra, in radians.

    The angle of p and q is 2 atan2(| |q| p - |p| q |, | |q| p + |p| q |) (Kahan, "How futile are
    mindless assessments of roundoff in floating-point computation?", 2006, section 12). Unlike
    arccos(p . q / |p| |q|) it is accurate and its gradient finite at a perfect fit. A spectrum
    of zeros has no direction: its angle to anything is 0, without gradient.

    Args:
        predicted: Dense (N, B, H, W) or packed (R, B).
        target: The same shape.
        area: (R,) pixels, for packed tables.
    """
    predicted, target = predicted.float(), target.float()
    p = predicted * torch.linalg.vector_norm(target, dim=1, keepdim=True)
    q = target * torch.linalg.vector_norm(predicted, dim=1, keepdim=True)
    opposite = torch.linalg.vector_norm(p - q, dim=1)
    adjacent = torch.linalg.vector_norm(p + q, dim=1)
    return 2 * _mean_over_pixels(torch.atan2(opposite, adjacent), area)


def _mean_over_pixels(values: Tensor, area: Tensor | None) -> Tensor:
    """Mean of (N, H, W), or of (R,) weighted by area."""
    return values.mean() if area is None else (values * area).sum() / area.sum()


def distillation_terms(
    student: AutoencoderOutput, teacher: AutoencoderOutput | Features, area: Tensor | None = None
) -> dict[str, Tensor]:
    """How far the student's features are from the teacher's, one smooth L1 term a level.

    No gradient reaches the teacher.
    """
    return {
        f"distill/{level}": smooth_l1(
            getattr(student, level), getattr(teacher, level).detach(), area
        )
        for level in ("encoded", "code", "decoded")
    }


def reconstruction_terms(
    reconstruction: Tensor, spectra: Tensor, area: Tensor | None = None
) -> dict[str, Tensor]:
    """How far an autoencoder's output is from its input, in values and in angle."""
    return {
        "reconstruct/smooth_l1": smooth_l1(reconstruction, spectra, area),
        "reconstruct/angle": spectral_angle(reconstruction, spectra, area),
    }


def saliency_terms(logits: Tensor, mask: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
    """How far a saliency map is from the mask: cross-entropy, 1 - SSIM and 1 - IoU.

    Args:
        logits: (N, 1, H, W).
        mask: (N, 1, H, W), bool or 0 and 1.
        valid: (N, 1, H, W) bool, False outside the scene; such pixels count in no term. All
            pixels are valid when left out.
    """
    if logits.shape != mask.shape:
        raise ValueError(f"logits and mask differ in shape: {logits.shape}, {mask.shape}")
    with torch.autocast(logits.device.type, enabled=False):
        logits, mask = logits.float(), mask.float()
        inside = torch.ones_like(mask) if valid is None else valid.float()
        # Zero outside, as the convolutions of SSIM find it beyond the edges of the map.
        saliency, mask = torch.sigmoid(logits) * inside, mask * inside
        pixels = inside.sum().clamp(min=1)
        cross_entropy = F.binary_cross_entropy_with_logits(logits, mask, inside, reduction="sum")
        similarity = (structural_similarity(saliency, mask) * inside).sum() / pixels
        return {
            "segment/bce": cross_entropy / pixels,
            "segment/ssim": 1 - similarity,
            "segment/iou": 1 - soft_iou(saliency, mask).mean(),
        }


def coarse_terms(
    coarse: Sequence[Tensor], mask: Tensor, valid: Tensor | None = None
) -> dict[str, Tensor]:
    """Deep supervision: the cross-entropy of each stage's logits, mean of all stages.

    Lee, Xie, Gallagher, Zhang and Tu, "Deeply-supervised nets", AISTATS 2015. A coarse pixel is to
    say how much of what it covers is salient, and counts by the share of it that is inside.

    Args:
        coarse: Logits (N, 1, h, w) of each stage.
        mask: (N, 1, H, W), bool or 0 and 1.
        valid: (N, 1, H, W) bool, as ``saliency_terms`` takes it.
    """
    mask = mask.float()
    inside = torch.ones_like(mask) if valid is None else valid.float()
    # Divided by the pixels inside, in pictures of them, and not by the sum of the shares, which is
    # another where sides do not divide: so the terms of the parts of a batch add up to the whole's.
    pictures = inside.sum().clamp(min=1) / inside[0].numel()
    total = mask.new_zeros(())
    for logits in coarse:
        size = (logits.shape[-2], logits.shape[-1])
        share = F.adaptive_avg_pool2d(inside, size)
        wanted = F.adaptive_avg_pool2d(mask * inside, size) / share.clamp(min=1e-6)
        entropy = F.binary_cross_entropy_with_logits(logits.float(), wanted, share, reduction="sum")
        total = total + entropy / (pictures * logits[0].numel())
    return {"segment/coarse": total / len(coarse)}


def soft_iou(saliency: Tensor, mask: Tensor) -> Tensor:
    """Intersection over union of maps in [0, 1], (N, 1, H, W) to (N,); 1 for two empty maps."""
    intersection = (saliency * mask).sum(dim=(1, 2, 3))
    union = saliency.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3)) - intersection
    return (intersection + IOU_EPSILON) / (union + IOU_EPSILON)


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM at every pixel of two maps in [0, 1], (N, 1, H, W).

    Gaussian window of 11 x 11 pixels with sigma 1.5; beyond the edges the maps count as 0.
    """
    mean_1, square_1, product = _blur(first, first * first, first * second)
    mean_2, square_2 = _blur(second, second * second)  # apart: a mask needs no gradient
    variances = square_1 - mean_1.square() + square_2 - mean_2.square()
    covariance = product - mean_1 * mean_2
    means = mean_1.square() + mean_2.square() + SSIM_C1
    agreement = (2 * mean_1 * mean_2 + SSIM_C1) * (2 * covariance + SSIM_C2)
    return agreement / (means * (variances + SSIM_C2))


def _blur(*maps: Tensor) -> list[Tensor]:
    """SSIM's window over each map (N, 1, H, W)."""
    # The window is a product of two lines, and a line over all rows is one banded matrix: two
    # matrix products are ten times faster here than convolutions with a single channel.
    stack = torch.stack(maps)
    rows, columns = (_band(size, stack.device) for size in stack.shape[-2:])
    return list((rows @ stack @ columns).unbind())


@cache
@torch.inference_mode(False)  # what validation caches, training has to differentiate through
def _band(size: int, device: torch.device) -> Tensor:
    """The Gaussian line around each of ``size`` positions, (size, size), symmetric."""
    position = torch.arange(size, device=device)
    distance = (position[:, None] - position).abs()
    weight = torch.exp(-(distance**2) / (2 * SSIM_SIGMA**2))
    reach = torch.arange(SSIM_WINDOW, device=device) - SSIM_WINDOW // 2
    total = torch.exp(-(reach**2) / (2 * SSIM_SIGMA**2)).sum()
    return torch.where(distance <= SSIM_WINDOW // 2, weight / total, 0.0)


def l1_penalty(module: nn.Module) -> Tensor:
    """Sum of |w| over the parameters whose name says weight; biases are free."""
    weights = [tensor.flatten() for name, tensor in module.named_parameters() if "weight" in name]
    return torch.cat(weights).abs().sum()
