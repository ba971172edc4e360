"""The loss terms on pixels, (N, C, H, W)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.baselines.networks import Maps

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
NEAR_ONE = 1 - 1e-7
"""Cosines beyond it would have no finite gradient of the angle."""


def angle(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean spectral angle, by the arc cosine."""
    cosine = F.cosine_similarity(predicted, target, dim=1)
    return cosine.clamp(-NEAR_ONE, NEAR_ONE).arccos().mean()


def reconstruction(maps: Maps, cubes: Tensor) -> dict[str, Tensor]:
    """How far an autoencoder's output is from its input."""
    return {
        "reconstruct/smooth_l1": F.smooth_l1_loss(maps.reconstruction, cubes),
        "reconstruct/angle": angle(maps.reconstruction, cubes),
    }


def distillation(student: Maps, teacher: Maps) -> dict[str, Tensor]:
    """How far the student's features are from the teacher's."""
    return {
        f"distill/{level}": F.smooth_l1_loss(getattr(student, level), getattr(teacher, level))
        for level in ("encoded", "code", "decoded")
    }


def segmentation(logits: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """How far a saliency map is from the mask."""
    saliency = torch.sigmoid(logits)
    both = (saliency * mask).sum(dim=(1, 2, 3))
    either = saliency.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3)) - both
    return {
        "segment/bce": F.binary_cross_entropy_with_logits(logits, mask),
        "segment/ssim": 1 - similarity(saliency, mask),
        "segment/iou": 1 - ((both + 1e-6) / (either + 1e-6)).mean(),
    }


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean SSIM of maps (N, 1, H, W) by convolutions with the whole window."""
    reach = torch.arange(WINDOW, device=first.device) - WINDOW // 2
    line = torch.exp(-(reach**2) / (2 * SIGMA**2))
    line = line / line.sum()
    window = (line[:, None] * line)[None, None]

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window, padding=WINDOW // 2)

    mean_1, mean_2 = blur(first), blur(second)
    variance_1 = blur(first * first) - mean_1**2
    variance_2 = blur(second * second) - mean_2**2
    covariance = blur(first * second) - mean_1 * mean_2
    top = (2 * mean_1 * mean_2 + C1) * (2 * covariance + C2)
    bottom = (mean_1**2 + mean_2**2 + C1) * (variance_1 + variance_2 + C2)
    return (top / bottom).mean()
