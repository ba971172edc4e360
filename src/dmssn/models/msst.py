"""The Mixed Spectral-Spatial Transformer (MSST): from a map of codes to saliency logits.

Qin et al., "DMSSN: Distilled Mixed Spectral-Spatial Network for Hyperspectral Salient Object
Detection", IEEE TGRS 62, 2024, arXiv 2404.00694. Four stages of attention blocks over ever
coarser maps; the head sums their outputs at full size.

Letters: N images, C channels, H rows, W columns, G heads of both groups, D channels of a head,
L query positions (H * W), S key positions (those of the reduced map, h * w).
"""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_SIDE = 32  # below it the first stage's map is smaller than one key of the reduced map


@dataclass(frozen=True, kw_only=True)
class MSSTConfig:
    """Sizes and rates of the transformer, one number a stage; the defaults are the published."""

    inputs: int = 32
    """Channels of the code."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks."""
    channels: tuple[int, ...] = (32, 64, 96, 128)
    """Width; a multiple of 32 and of the stage's heads."""
    heads: tuple[int, ...] = (1, 2, 4, 8)
    """Heads in each of the two groups."""
    reductions: tuple[int, ...] = (8, 4, 2, 1)
    """Side of the square of positions that becomes one key."""
    mlp_ratios: tuple[int, ...] = (8, 8, 4, 4)
    """Hidden width of the MLP over the stage's."""
    dropout: float = 0.3
    """On what attention and MLP put out, and on the MLP's hidden channels."""
    attention_dropout: float = 0.3
    """On the attention weights."""
    drop_path: float = 0.3
    """Stochastic depth: the chance that the last block's branches are skipped; rises from 0."""

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit each other."""
        sizes = (self.channels, self.heads, self.reductions, self.mlp_ratios)
        if any(len(size) != len(self.depths) for size in sizes):
            raise ValueError("depths, channels, heads, reductions and mlp_ratios differ in length")
        for channels, heads in zip(self.channels, self.heads, strict=True):
            if channels % 32 or channels % heads:
                raise ValueError(
                    f"channels must be multiples of 32 and of the heads, got {channels} for {heads}"
                )


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
    """Two groups of heads with the same queries' input and different keys and values.

    The spatial group's keys and values see 3x3 neighbourhoods of the reduced map (depthwise, then
    1x1 convolutions), the spectral group's one position each (1x1 convolutions).
    """

    def __init__(
        self, channels: int, heads: int, reduction: int, dropout: float, attention_dropout: float
    ) -> None:
        """``heads`` is that of one group; each group attends with all the channels."""
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, 2 * channels, kernel_size=1)
        # At a height or width that the reduction does not divide, the last rows or columns
        # become no keys, as in the published network.
        self.reduce = nn.Conv2d(channels, channels, kernel_size=reduction, stride=reduction)
        self.spatial_key = _depthwise_separable(channels)
        self.spatial_value = _depthwise_separable(channels)
        self.spectral_key = nn.Conv2d(channels, channels, kernel_size=1)
        self.spectral_value = nn.Conv2d(channels, channels, kernel_size=1)
        self.project = nn.Conv2d(2 * channels, channels, kernel_size=1)
        self.attention_dropout = Dropout(attention_dropout)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        images, _, height, width = x.shape
        reduced = self.reduce(x)
        key = torch.cat([self.spatial_key(reduced), self.spectral_key(reduced)], dim=1)
        value = torch.cat([self.spatial_value(reduced), self.spectral_value(reduced)], dim=1)
        mixed = self._attend(*(self._split(part) for part in (self.query(x), key, value)))
        mixed = mixed.transpose(1, 2).reshape(images, height, width, -1).permute(0, 3, 1, 2)
        projected: Tensor = self.dropout(self.project(mixed))
        return projected

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Queries (N, 2G, L, D), keys and values (N, 2G, S, D) to (N, 2G, L, D)."""
        rate = self.attention_dropout.p if self.training else 0.0
        if rate and query.device.type == "cpu":
            # PyTorch's kernel for CPUs knows no dropout, and what stands in draws it slowly.
            scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)
            mixed: Tensor = self.attention_dropout(scores.softmax(dim=-1)) @ value
            return mixed
        return F.scaled_dot_product_attention(query, key, value, dropout_p=rate)

    def _split(self, x: Tensor) -> Tensor:
        """(N, 2C, H, W) to (N, 2G, L, D): the spatial group's heads, then the spectral one's."""
        images, _, height, width = x.shape
        # Through (N, H, W, 2C), which costs no copy: the maps here are channels-last.
        by_position = x.permute(0, 2, 3, 1).reshape(images, height * width, 2 * self.heads, -1)
        return by_position.transpose(1, 2)


def _depthwise_separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels),
        nn.Conv2d(channels, channels, kernel_size=1),
    )


class MLP(nn.Module):
    """1x1 up, depthwise 3x3, GELU, 1x1 down."""

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        """``hidden`` is the width in between."""
        super().__init__()
        self.widen = nn.Conv2d(channels, hidden, kernel_size=1)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel_size=3, padding=1, groups=hidden)
        self.narrow = nn.Conv2d(hidden, channels, kernel_size=1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        hidden = self.dropout(F.gelu(self.depthwise(self.widen(x))))
        narrowed: Tensor = self.dropout(self.narrow(hidden))
        return narrowed


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): in training, leaves a branch out for whole images."""

    def __init__(self, rate: float) -> None:
        """``rate`` is the chance of being left out; kept branches are scaled up to make up."""
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        if not self.training or self.rate == 0:
            return x
        keep = torch.empty(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
        return x * keep.bernoulli_(1 - self.rate).div_(1 - self.rate)


class Block(nn.Module):
    """Attention and MLP, each normalized before and added to what came in."""

    def __init__(self, config: MSSTConfig, stage: int, drop_path: float) -> None:
        """``drop_path`` is the chance of leaving out a branch in training."""
        super().__init__()
        channels, heads = config.channels[stage], config.heads[stage]
        self.attention_norm = nn.GroupNorm(4, channels)
        self.attention = Attention(
            channels, heads, config.reductions[stage], config.dropout, config.attention_dropout
        )
        self.mlp_norm = nn.GroupNorm(4, channels)
        self.mlp = MLP(channels, config.mlp_ratios[stage] * channels, config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        x = x + self.drop_path(self.attention(self.attention_norm(x)))
        x = x + self.drop_path(self.mlp(self.mlp_norm(x)))
        return x


class Stage(nn.Module):
    """One scale: a strided convolution, then blocks."""

    def __init__(
        self, config: MSSTConfig, stage: int, inputs: int, drop_paths: tuple[float, ...]
    ) -> None:
        """``stage`` counts from 0; the first one divides height and width by 4, others by 2."""
        super().__init__()
        channels = config.channels[stage]
        kernel, stride = (7, 4) if stage == 0 else (3, 2)
        self.embed = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2)
        self.embed_norm = nn.GroupNorm(channels // 32, channels)
        self.blocks = nn.Sequential(*(Block(config, stage, rate) for rate in drop_paths))
        self.norm = nn.GroupNorm(2**stage, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, C, h, w), the smaller map."""
        smaller: Tensor = self.norm(self.blocks(self.embed_norm(self.embed(x))))
        return smaller


class Head(nn.Module):
    """Sums the stages, each brought to 32 channels, at full size and weighs the channels."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        """``channels`` are those of the stages."""
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, 32, kernel_size=1), nn.GroupNorm(1, 32), nn.GELU())
            for width in channels
        )
        self.classify = nn.Conv2d(32, 1, kernel_size=1)

    def forward(self, stages: list[Tensor], height: int, width: int) -> Tensor:
        """Maps of the stages to logits (N, 1, height, width)."""
        # Weighing channels and interpolating positions are linear and commute, so the 32 channels
        # become one on the small maps: the same sum for a 32nd of the interpolation. The bias is
        # added once.
        first, *others = (branch(x) for branch, x in zip(self.branches, stages, strict=True))
        weighed = [self.classify(first), *(F.conv2d(x, self.classify.weight) for x in others)]
        size = (height, width)
        return torch.stack([F.interpolate(x, size, mode="bilinear") for x in weighed]).sum(dim=0)


class MSST(nn.Module):
    """The transformer and its head.

    Weights of convolutions start from a normal distribution of variance 1 / fan-in, cut at two
    standard deviations (LeCun's rule: outputs vary as inputs do), biases at 0; group norms start
    as identities.
    """

    def __init__(self, config: MSSTConfig | None = None) -> None:
        """The published sizes unless ``config`` says otherwise."""
        super().__init__()
        config = config or MSSTConfig()
        rates = iter(np.linspace(0, config.drop_path, sum(config.depths)).tolist())
        inputs = (config.inputs, *config.channels)
        self.stages = nn.ModuleList(
            Stage(config, stage, inputs[stage], tuple(islice(rates, depth)))
            for stage, depth in enumerate(config.depths)
        )
        self.head = Head(config.channels)
        self.apply(_initialize)

    def forward(self, code: Tensor) -> Tensor:
        """Code maps (N, C, H, W) to logits (N, 1, H, W).

        Raises:
            ValueError: The map is smaller than 32 x 32.
        """
        height, width = code.shape[-2:]
        if min(height, width) < LEAST_SIDE:
            raise ValueError(
                f"the MSST needs at least {LEAST_SIDE} x {LEAST_SIDE} pixels, "
                f"got {height} x {width}"
            )
        # Convolutions over few channels, and attention without copies, want channels last.
        x = code.contiguous(memory_format=torch.channels_last)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        logits: Tensor = self.head(outputs, height, width)
        return logits


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        deviation = module.weight[0].numel() ** -0.5
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
