"""The student and the teacher: autoencoders of spectra, one pixel or one region at a time.

After homogenization all pixels of a region share one spectrum, so every layer here also runs on
the table of region spectra, where a region counts as many times as it has pixels. Both ways use
the same parameters and give the same numbers.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together. A
dense batch has shape (N, B, H, W); a packed one is a table (R, B), image after image, with a
``Packing``. Weights start as PyTorch starts them: nearly every layer is normalized right after,
which takes their scale out.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5  # added to the variance; the published networks' value, and PyTorch's default
ROWS_TOGETHER = 256
"""Rows of a table that are summed in its own precision before sums are added in float64."""


class Packing(NamedTuple):
    """How the rows of a packed table belong to images.

    Rows per image are Python integers, so that cutting the table waits for no device.
    """

    area: Tensor
    """Pixels of each region, (R,) float32, positive."""
    counts: tuple[int, ...]
    """Regions of each image, in the order of the table; they sum to R."""


class Features(NamedTuple):
    """What the student imitates of the teacher: maps (N, C, H, W) or tables (R, C)."""

    encoded: Tensor
    """After the 64-wide block of the encoder."""
    code: Tensor
    """The bottleneck, 32 channels."""
    decoded: Tensor
    """After the 64-wide layers of the decoder."""


class AutoencoderOutput(NamedTuple):
    """All that an autoencoder computes: maps (N, C, H, W) or tables (R, C)."""

    encoded: Tensor
    """After the 64-wide layer of the encoder."""
    code: Tensor
    """The bottleneck, 32 channels; what the saliency network reads."""
    decoded: Tensor
    """After the 64-wide layer of the decoder."""
    reconstruction: Tensor
    """B channels, at least -0.17 (the minimum of GELU)."""


def instance_norm(x: Tensor, packing: Packing | None = None) -> Tensor:
    """Each channel of each image to mean 0 and variance 1 over its pixels.

    Args:
        x: Dense (N, C, H, W), or a packed table (R, C).
        packing: Needed for a packed table; a region weighs as much as it has pixels.

    Returns:
        The same shape, from a table in the precision of ``area``. The variance is the biased one.
    """
    if packing is None:
        return F.instance_norm(x, eps=EPSILON)
    return _standardized(x, packing)[0]


def _standardized(x: Tensor, packing: Packing) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """A packed table after instance norm, and each image's weights (r, 1) and 1 / deviation."""
    with torch.autocast(x.device.type, enabled=False):
        # A copy that the norm then happens in: a large table is read and written seldom.
        result = x.to(packing.area.dtype, copy=True)
        weights, scales = [], []
        for table, area in zip(
            result.split(packing.counts), packing.area.split(packing.counts), strict=True
        ):
            weight = area / area.sum()
            table -= _weighted_sum(weight, table)
            scale = torch.rsqrt(_weighted_sum(weight, table.square()) + EPSILON)
            table *= scale
            weights.append(weight[:, None])
            scales.append(scale)
        return result, weights, scales


def _weighted_sum(weight: Tensor, table: Tensor) -> Tensor:
    """Rows (r, C) times weights (r,), summed, shape (C,); a plain product rounds more."""
    whole = table.shape[0] // ROWS_TOGETHER * ROWS_TOGETHER  # to torch.export len is a constant
    parts = torch.bmm(
        weight[:whole].view(-1, 1, ROWS_TOGETHER), table[:whole].unflatten(0, (-1, ROWS_TOGETHER))
    )
    total: Tensor = parts.sum(dim=(0, 1), dtype=torch.float64) + weight[whole:] @ table[whole:]
    return total.to(table.dtype)


def centred(spectra: Tensor, packing: Packing | None) -> Tensor:
    """A packed table less the mean spectrum of each image; a dense batch as it is.

    The norm after the first layer takes a constant out anyway, but by then a product with
    spectra far from zero has rounded them.
    """
    if packing is None:
        return spectra
    tables = zip(spectra.split(packing.counts), packing.area.split(packing.counts), strict=True)
    return torch.cat([table - _weighted_sum(area / area.sum(), table) for table, area in tables])


class _NormGELU(torch.autograd.Function):
    """GELU of the instance norm of a packed table, with few passes over memory.

    For a backward pass only the normalized table is kept, where autograd would keep every step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, packing: Packing) -> Tensor:  # noqa: ANN401
        normalized, weights, scales = _standardized(x, packing)
        ctx.save_for_backward(normalized, *weights, *scales)
        ctx.counts, ctx.dtype = packing.counts, x.dtype
        return F.gelu(normalized)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        normalized, *rest = ctx.saved_tensors
        weights, scales = rest[: len(ctx.counts)], rest[len(ctx.counts) :]
        result = torch.ops.aten.gelu_backward(grads[0], normalized)
        parts = zip(
            result.split(ctx.counts), normalized.split(ctx.counts), weights, scales, strict=True
        )
        for grad, table, weight, scale in parts:
            # y = (x - mean) s with s = (variance + e)^-1/2 gives, with weights w,
            # dx = s (dy - w (sum dy + y sum dy y)).
            pull = torch.addcmul(grad.sum(dim=0), table, (grad * table).sum(dim=0))
            grad.addcmul_(pull, weight, value=-1)
            grad *= scale
        return result.to(ctx.dtype), None


class Layer(nn.Module):
    """A 1x1 convolution, then, unless ``plain``, instance norm and GELU."""

    def __init__(self, inputs: int, outputs: int, plain: bool = False) -> None:
        """The two numbers are channels."""
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=1)
        self.plain = plain

    def forward(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), or (R, inputs) to (R, outputs)."""
        if packing is None:
            x = self.conv(x)
            return x if self.plain else F.gelu(instance_norm(x))
        # A norm takes a bias out again; Adam would make full steps of its gradient, mere rounding.
        bias = self.conv.bias if self.plain else None
        x = F.linear(x, self.conv.weight.flatten(1), bias)
        made: Tensor = x if self.plain else _NormGELU.apply(x, packing)
        return made


class Student(nn.Module):
    """The light autoencoder, B -> hidden -> code -> hidden -> B.

    Args:
        bands: B, at least 3.
        hidden: Width of the layers around the code; the teacher's features have 64.
        code: Width of the bottleneck; the teacher's has 32.
    """

    def __init__(self, bands: int, hidden: int = 64, code: int = 32) -> None:
        """Raises ValueError for fewer than 3 bands."""
        super().__init__()
        check_bands(bands)
        self.encoder = nn.ModuleList([Layer(bands, hidden), Layer(hidden, code)])
        self.decoder = nn.ModuleList([Layer(code, hidden), Layer(hidden, bands)])

    def forward(self, x: Tensor, packing: Packing | None = None) -> AutoencoderOutput:
        """Encode and decode spectra in [0, 1], dense (N, B, H, W) or packed (R, B)."""
        encoded = self.encoder[0](centred(x, packing), packing)
        code = self.encoder[1](encoded, packing)
        decoded = self.decoder[0](code, packing)
        return AutoencoderOutput(encoded, code, decoded, self.decoder[1](decoded, packing))

    def encode(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """Only the code, (N, C, H, W) or (R, C)."""
        return _run(self.encoder, centred(x, packing), packing)


class TeacherBlock(nn.Module):
    """Two branches side by side, mixed down and up again.

    Args:
        inputs: Channels in.
        outputs: Channels out, even.
        spatial: Whether a depthwise 3x3 comes before the second branch; a packed table has no
            neighbours and cannot pass through it.
    """

    def __init__(self, inputs: int, outputs: int, spatial: bool) -> None:
        """See the class."""
        super().__init__()
        self.depthwise = (
            nn.Conv2d(inputs, inputs, kernel_size=3, padding=1, groups=inputs) if spatial else None
        )
        self.first = Layer(inputs, outputs)
        self.second = Layer(inputs, outputs)
        self.mix = Layer(2 * outputs, outputs // 2, plain=True)
        self.widen = Layer(outputs // 2, outputs)

    def forward(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), or (R, inputs) to (R, outputs)."""
        beside = x if self.depthwise is None else self.depthwise(x)
        branches = torch.cat([self.first(x, packing), self.second(beside, packing)], dim=1)
        mixed: Tensor = self.mix(branches, packing)
        widened: Tensor = self.widen(mixed, packing)
        return widened


class Teacher(nn.Module):
    """The heavy autoencoder whose features the student imitates.

    Args:
        bands: B, at least 3.
        spatial: Whether the depthwise 3x3 convolutions of the encoder are connected. In the
            published code they are not: their parameters exist and are never used. Without
            ``spatial`` they do not exist here, so that no optimizer, penalty or gradient
            exchange sees a parameter without a gradient.
    """

    def __init__(self, bands: int, spatial: bool = False) -> None:
        """Raises ValueError for fewer than 3 bands."""
        super().__init__()
        check_bands(bands)
        self.spatial = spatial
        self.encoder = nn.ModuleList(
            [
                Layer(bands, bands, plain=True),
                TeacherBlock(bands, 128, spatial),
                TeacherBlock(128, 64, spatial),
                TeacherBlock(64, 32, spatial),
                Layer(32, 32, plain=True),
            ]
        )
        self.decoder = nn.ModuleList(
            [
                Layer(32, 64, plain=True),
                Layer(64, 64),
                Layer(64, 128, plain=True),
                Layer(128, 128),
                Layer(128, bands, plain=True),
                Layer(bands, bands),
            ]
        )

    def forward(self, x: Tensor, packing: Packing | None = None) -> AutoencoderOutput:
        """Encode and decode spectra in [0, 1], dense (N, B, H, W) or packed (R, B).

        Raises:
            ValueError: A packed table was given to a teacher with ``spatial``.
        """
        features = self.features(x, packing)
        return AutoencoderOutput(
            *features, reconstruction=_run(self.decoder[2:], features.decoded, packing)
        )

    def features(self, x: Tensor, packing: Packing | None = None) -> Features:
        """Only what the student imitates, two thirds of the work; raises as ``forward`` does."""
        self._refuse_table(packing)
        encoded = _run(self.encoder[:3], centred(x, packing), packing)
        code = _run(self.encoder[3:], encoded, packing)
        return Features(encoded, code, _run(self.decoder[:2], code, packing))

    def encode(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """Only the code, (N, 32, H, W) or (R, 32); raises as ``forward`` does."""
        self._refuse_table(packing)
        return _run(self.encoder, centred(x, packing), packing)

    def _refuse_table(self, packing: Packing | None) -> None:
        if self.spatial and packing is not None:
            raise ValueError(
                "a spatial teacher looks at neighbouring pixels: give it dense (N, B, H, W) cubes "
                "or build it with spatial=False"
            )


def _run(layers: nn.ModuleList, x: Tensor, packing: Packing | None) -> Tensor:
    for layer in layers:
        x = layer(x, packing)
    return x


def check_bands(bands: int) -> None:
    """Refuse fewer than 3 bands: a spectral angle between shorter spectra says little."""
    if bands < 3:
        raise ValueError(f"the networks need at least 3 bands, got {bands}")
