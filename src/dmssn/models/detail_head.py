"""The head that draws: from the stages down to single pixels, with the code beside it.

The published head adds what four stages say, each enlarged from a quarter of the picture's side or
less: edges come out soft and targets of a few pixels are lost. Here coarse stages are added to
finer ones (Lin et al., "Feature pyramid networks for object detection", CVPR 2017), and at the end
each pixel's own code, which is that of its region and changes exactly where regions do, decides
with them.

Letters: N images, C channels, H rows, W columns (h, w of a smaller map).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DetailHead(nn.Module):
    """Stages and code to logits.

    Args:
        inputs: Channels of the code.
        channels: Those of the stages, finest first.
        width: Channels of the maps in between, down to half the picture's side; half as many at
            its own, so that single pixels cost little.
    """

    def __init__(self, inputs: int, channels: tuple[int, ...], width: int = 32) -> None:
        """See the class."""
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(each, width, kernel_size=1), nn.GroupNorm(1, width), nn.GELU())
            for each in channels
        )
        self.smooth = nn.ModuleList(_separable(width, width) for _ in channels)
        self.coarse = nn.ModuleList(nn.Conv2d(width, 1, kernel_size=1) for _ in channels)
        half = width // 2
        self.own = nn.Sequential(
            nn.Conv2d(inputs, half, kernel_size=1), nn.GroupNorm(1, half), nn.GELU()
        )
        self.halve = nn.Sequential(
            nn.Conv2d(half, width, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(1, width),
            nn.GELU(),
        )
        self.refine = _separable(2 * width, width)
        self.enlarge = nn.Conv2d(width, half, kernel_size=1)
        self.weigh = nn.Conv2d(half, half, kernel_size=1)
        self.classify = nn.Conv2d(half, 1, kernel_size=1)

    def forward(self, stages: list[Tensor], code: Tensor) -> tuple[Tensor, list[Tensor]]:
        """From maps of the stages and the code (N, inputs, H, W).

        Returns:
            Logits (N, 1, H, W), and, in training, those of each stage at its own size.
        """
        coarse: list[Tensor] = []
        x: Tensor | None = None
        parts = (self.laterals, self.smooth, self.coarse, stages)
        for lateral, smooth, classify, stage in reversed(list(zip(*parts, strict=True))):
            here = lateral(stage)
            x = smooth(here if x is None else here + _enlarged(x, here))
            if self.training:
                coarse.append(classify(x))
        assert x is not None
        own = self.own(code)
        beside = self.halve(own)
        x = self.refine(torch.cat([_enlarged(x, beside), beside], dim=1))
        x = F.gelu(_enlarged(self.enlarge(x), own) + self.weigh(own))
        logits: Tensor = self.classify(x)
        return logits, coarse


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    """A depthwise 3x3 and a 1x1 convolution, normalized."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel_size=3, padding=1, groups=inputs),
        nn.Conv2d(inputs, outputs, kernel_size=1),
        nn.GroupNorm(1, outputs),
        nn.GELU(),
    )


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """To the height and width of another map."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear")
