"""Attention of the transformer: groups of heads whose keys see neighbourhoods or single positions.

Letters: N images, C channels, H rows, W columns, K groups (2, or 1), G heads of all groups,
D channels of a head, L query positions (H * W), S key positions (those of the reduced map, h * w).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HeadGroups = Literal["both", "spatial", "spectral"]
"""Which groups of heads an attention has."""


class Dropout(nn.Dropout):
    """Dropout that is several times faster on a CPU than PyTorch's: a quarter of the draws.

    Each 64-bit draw decides for four numbers; the rate is met to 1 / 65536.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; zeros with probability ``p`` in training, the rest scaled by 1 / (1 - p)."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        threshold = round(self.p * 2**16) - 2**15
        keep = draws.view(torch.int16)[: x.numel()] >= threshold
        factor = keep.to(x.dtype).mul_(1 / (1 - self.p))
        # In x's order of memory, or multiplying would have to hop.
        return x * factor.as_strided(x.shape, torch.empty_like(x, device="meta").stride())


class Attention(nn.Module):
    """Two groups of heads with the same queries' input and different keys and values, or one.

    The spatial group's keys and values see 3x3 neighbourhoods of the reduced map (depthwise, then
    1x1 convolutions), the spectral group's one position each (1x1 convolutions). What only a group
    that is left out would use does not exist.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        reduction: int,
        dropout: float,
        attention_dropout: float,
        head_groups: HeadGroups = "both",
    ) -> None:
        """``heads`` is that of one group; each group attends with all the channels."""
        super().__init__()
        self.heads = heads
        self.groups = 2 if head_groups == "both" else 1
        spatial, spectral = head_groups != "spectral", head_groups != "spatial"
        self.query = nn.Conv2d(channels, self.groups * channels, kernel_size=1)
        # At a height or width that the reduction does not divide, the last rows or columns
        # become no keys, as in the published network.
        self.reduce = nn.Conv2d(channels, channels, kernel_size=reduction, stride=reduction)
        self.spatial_key = _depthwise_separable(channels) if spatial else None
        self.spatial_value = _depthwise_separable(channels) if spatial else None
        self.spectral_key = nn.Conv2d(channels, channels, kernel_size=1) if spectral else None
        self.spectral_value = nn.Conv2d(channels, channels, kernel_size=1) if spectral else None
        self.project = nn.Conv2d(self.groups * channels, channels, kernel_size=1)
        self.attention_dropout = Dropout(attention_dropout)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        reduced = self.reduce(x)
        keys = (self.spatial_key, self.spectral_key)
        values = (self.spatial_value, self.spectral_value)
        key = torch.cat([path(reduced) for path in keys if path is not None], dim=1)
        value = torch.cat([path(reduced) for path in values if path is not None], dim=1)
        images, _, height, width = x.shape
        mixed = self._attend(*(self._split(part) for part in (self.query(x), key, value)))
        mixed = mixed.transpose(1, 2).reshape(images, height, width, -1).permute(0, 3, 1, 2)
        projected: Tensor = self.dropout(self.project(mixed))
        return projected

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Queries (N, G, L, D), keys and values (N, G, S, D) to (N, G, L, D)."""
        rate = self.attention_dropout.p if self.training else 0.0
        if rate and query.device.type == "cpu":
            # PyTorch's kernel for CPUs knows no dropout, and what stands in draws it slowly.
            scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)
            mixed: Tensor = self.attention_dropout(scores.softmax(dim=-1)) @ value
            return mixed
        return F.scaled_dot_product_attention(query, key, value, dropout_p=rate)

    def _split(self, x: Tensor) -> Tensor:
        """(N, KC, H, W) to (N, G, L, D): the spatial group's heads, then the spectral one's."""
        images, _, height, width = x.shape
        # Through (N, H, W, KC), which costs no copy: the maps here are channels-last.
        heads = self.groups * self.heads
        by_position = x.permute(0, 2, 3, 1).reshape(images, height * width, heads, -1)
        return by_position.transpose(1, 2)


def _depthwise_separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels),
        nn.Conv2d(channels, channels, kernel_size=1),
    )
