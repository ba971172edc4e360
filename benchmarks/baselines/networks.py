"""The networks on pixels, (N, C, H, W) with channels first, attention written out.

They have the names of dmssn's weights and load them. There is no dropout: it is switched off on
both sides, so that they compute the same numbers.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS, HEADS, REDUCTIONS = (32, 64, 96, 128), (1, 2, 4, 8), (8, 4, 2, 1)
MLP_RATIOS = (8, 8, 4, 4)


class Maps(NamedTuple):
    """What an autoencoder computes of every pixel."""

    encoded: Tensor
    code: Tensor
    decoded: Tensor
    reconstruction: Tensor


class Layer(nn.Module):
    """1x1 convolution, then instance norm and GELU unless ``plain``."""

    def __init__(self, inputs: int, outputs: int, plain: bool = False) -> None:
        """The numbers are channels."""
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)
        self.plain = plain

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        x = self.conv(x)
        return x if self.plain else F.gelu(F.instance_norm(x))


class Student(nn.Module):
    """B -> 64 -> 32 -> 64 -> B."""

    def __init__(self, bands: int) -> None:
        """``bands`` is B."""
        super().__init__()
        self.encoder = nn.ModuleList([Layer(bands, 64), Layer(64, 32)])
        self.decoder = nn.ModuleList([Layer(32, 64), Layer(64, bands)])

    def forward(self, x: Tensor) -> Maps:
        """All levels of cubes (N, B, H, W)."""
        encoded = self.encoder[0](x)
        code = self.encoder[1](encoded)
        decoded = self.decoder[0](code)
        return Maps(encoded, code, decoded, self.decoder[1](decoded))

    def encode(self, x: Tensor) -> Tensor:
        """Only the code."""
        code: Tensor = self.encoder[1](self.encoder[0](x))
        return code


class TeacherBlock(nn.Module):
    """Two branches, mixed down and up again."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """The numbers are channels."""
        super().__init__()
        self.first, self.second = Layer(inputs, outputs), Layer(inputs, outputs)
        self.mix = Layer(2 * outputs, outputs // 2, plain=True)
        self.widen = Layer(outputs // 2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        mixed: Tensor = self.mix(torch.cat([self.first(x), self.second(x)], dim=1))
        widened: Tensor = self.widen(mixed)
        return widened


class Teacher(nn.Module):
    """The heavy autoencoder, pointwise as the published one."""

    def __init__(self, bands: int) -> None:
        """``bands`` is B."""
        super().__init__()
        blocks = [TeacherBlock(bands, 128), TeacherBlock(128, 64), TeacherBlock(64, 32)]
        self.encoder = nn.ModuleList(
            [Layer(bands, bands, plain=True), *blocks, Layer(32, 32, plain=True)]
        )
        widths = [(32, 64), (64, 64), (64, 128), (128, 128), (128, bands), (bands, bands)]
        self.decoder = nn.ModuleList(
            Layer(*width, plain=index % 2 == 0) for index, width in enumerate(widths)
        )

    def forward(self, x: Tensor) -> Maps:
        """All levels of cubes (N, B, H, W)."""
        encoded = self._through(self.encoder[:3], x)
        code = self._through(self.encoder[3:], encoded)
        decoded = self._through(self.decoder[:2], code)
        return Maps(encoded, code, decoded, self._through(self.decoder[2:], decoded))

    @staticmethod
    def _through(layers: nn.ModuleList, x: Tensor) -> Tensor:
        for layer in layers:
            x = layer(x)
        return x


def _separable(channels: int) -> nn.Sequential:
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
    return nn.Sequential(depthwise, nn.Conv2d(channels, channels, 1))


class Attention(nn.Module):
    """A spatial and a spectral group of heads, one after the other."""

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        """``heads`` is that of one group."""
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, 2 * channels, 1)
        self.reduce = nn.Conv2d(channels, channels, reduction, reduction)
        self.spatial_key, self.spatial_value = _separable(channels), _separable(channels)
        self.spectral_key = nn.Conv2d(channels, channels, 1)
        self.spectral_value = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        spatial, spectral = self.query(x).chunk(2, dim=1)
        small = self.reduce(x)
        mixed = [
            self._attend(spatial, self.spatial_key(small), self.spatial_value(small)),
            self._attend(spectral, self.spectral_key(small), self.spectral_value(small)),
        ]
        projected: Tensor = self.project(torch.cat(mixed, dim=1))
        return projected

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = (x.unflatten(1, (self.heads, -1)).flatten(3) for x in (query, key, value))
        scores = q.transpose(2, 3) @ k * q.shape[2] ** -0.5
        mixed = scores.softmax(dim=-1) @ v.transpose(2, 3)
        joined: Tensor = mixed.transpose(2, 3).reshape(query.shape)
        return joined


class MLP(nn.Module):
    """1x1 up, depthwise 3x3, GELU, 1x1 down."""

    def __init__(self, channels: int, hidden: int) -> None:
        """``hidden`` is the width in between."""
        super().__init__()
        self.widen = nn.Conv2d(channels, hidden, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.narrow = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        narrowed: Tensor = self.narrow(F.gelu(self.depthwise(self.widen(x))))
        return narrowed


class Block(nn.Module):
    """Attention and MLP, each normalized before and added to what came in."""

    def __init__(self, stage: int) -> None:
        """``stage`` counts from 0."""
        super().__init__()
        channels = CHANNELS[stage]
        self.attention_norm = nn.GroupNorm(4, channels)
        self.attention = Attention(channels, HEADS[stage], REDUCTIONS[stage])
        self.mlp_norm = nn.GroupNorm(4, channels)
        self.mlp = MLP(channels, MLP_RATIOS[stage] * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        x = x + self.attention(self.attention_norm(x))
        x = x + self.mlp(self.mlp_norm(x))
        return x


class Stage(nn.Module):
    """A strided convolution, then two blocks."""

    def __init__(self, stage: int) -> None:
        """``stage`` counts from 0."""
        super().__init__()
        inputs, channels = (32, *CHANNELS)[stage], CHANNELS[stage]
        kernel, stride = (7, 4) if stage == 0 else (3, 2)
        self.embed = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2)
        self.embed_norm = nn.GroupNorm(channels // 32, channels)
        self.blocks = nn.Sequential(Block(stage), Block(stage))
        self.norm = nn.GroupNorm(2**stage, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to the smaller map."""
        smaller: Tensor = self.norm(self.blocks(self.embed_norm(self.embed(x))))
        return smaller


class Head(nn.Module):
    """32 channels of each stage brought to full size, summed and weighed."""

    def __init__(self) -> None:
        """The published sizes."""
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, 32, 1), nn.GroupNorm(1, 32), nn.GELU())
            for channels in CHANNELS
        )
        self.classify = nn.Conv2d(32, 1, 1)

    def forward(self, stages: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps of the stages to logits (N, 1, H, W)."""
        full = [
            F.interpolate(branch(x), size, mode="bilinear")
            for branch, x in zip(self.branches, stages, strict=True)
        ]
        logits: Tensor = self.classify(torch.stack(full).sum(dim=0))
        return logits


class MSST(nn.Module):
    """The transformer and its head."""

    def __init__(self) -> None:
        """The published sizes."""
        super().__init__()
        self.stages = nn.ModuleList(Stage(stage) for stage in range(4))
        self.head = Head()

    def forward(self, code: Tensor) -> Tensor:
        """Codes (N, 32, H, W) to logits (N, 1, H, W)."""
        x, outputs = code, []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        logits: Tensor = self.head(outputs, (code.shape[-2], code.shape[-1]))
        return logits


class Network(nn.Module):
    """The student and the transformer."""

    def __init__(self, bands: int) -> None:
        """``bands`` is B."""
        super().__init__()
        self.student = Student(bands)
        self.msst = MSST()

    def forward(self, cubes: Tensor) -> tuple[Tensor, Maps]:
        """Logits (N, 1, H, W) and the student's maps, from cubes (N, B, H, W)."""
        maps = self.student(cubes)
        return self.msst(maps.code), maps
