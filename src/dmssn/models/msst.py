"""The Mixed Spectral-Spatial Transformer (MSST): from a map of codes to saliency logits.

Qin et al., "DMSSN: Distilled Mixed Spectral-Spatial Network for Hyperspectral Salient Object
Detection", IEEE TGRS 62, 2024, arXiv 2404.00694. Four stages of attention blocks over ever
coarser maps; the head sums their outputs at full size.

Letters: N images, C channels, H rows, W columns (h, w of a smaller map).
"""

from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmssn.models.attention import Attention, Dropout, HeadGroups
from dmssn.models.detail_head import DetailHead

HeadKind = Literal["sum", "detail"]
"""What makes logits of the stages."""
MOST_DECISIVE = 100  # maps are all but binary above 0.5 long before
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
    """Heads in each group."""
    head_groups: HeadGroups = "both"
    """The groups there are; published: both."""
    head: HeadKind = "sum"
    """What makes logits of the stages; published: their sum."""
    decisive: float = 1.0
    """After training, logits above 0 are multiplied by this, at least 1: what is more likely
    salient than not is drawn surer, the rest keeps its saliency, and the order of pixels and what
    is above 0.5 stay; published: 1."""
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
        for name, kind in {"head_groups": HeadGroups, "head": HeadKind}.items():
            if (value := getattr(self, name)) not in get_args(kind):
                known = ", ".join(map(repr, get_args(kind)))
                raise ValueError(f"{name} must be one of {known}, got {value!r}")
        if not 1 <= self.decisive <= MOST_DECISIVE:
            raise ValueError(f"decisive must be from 1 to {MOST_DECISIVE}, got {self.decisive}")
        for channels, heads in zip(self.channels, self.heads, strict=True):
            if channels % 32 or channels % heads:
                raise ValueError(
                    f"channels must be multiples of 32 and of the heads, got {channels} for {heads}"
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
            channels,
            heads,
            config.reductions[stage],
            config.dropout,
            config.attention_dropout,
            config.head_groups,
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
        self.head: Head | DetailHead
        if config.head == "detail":
            self.head = DetailHead(config.inputs, config.channels)
        else:
            self.head = Head(config.channels)
        self.decisive = config.decisive
        self.apply(_initialize)

    def forward(self, code: Tensor) -> tuple[Tensor, list[Tensor]]:
        """From code maps (N, C, H, W).

        Returns:
            Logits (N, 1, H, W); and, in training, those of each stage at its own size if the head
            has them.

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
        x = code = code.contiguous(memory_format=torch.channels_last)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        coarse: list[Tensor] = []
        if isinstance(self.head, DetailHead):
            logits, coarse = self.head(outputs, code)
        else:
            logits = self.head(outputs, height, width)
        if not self.training and self.decisive != 1:
            logits = logits + (self.decisive - 1) * F.relu(logits)
        return logits, coarse


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        deviation = module.weight[0].numel() ** -0.5
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
