"""DMSSN: the code of every region, spread over the pixels and read by the MSST.

The student makes the code, or, to compare with, a fixed projection in its place.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from dmssn.models.autoencoder import AutoencoderOutput, Packing, Student
from dmssn.models.msst import MSST, MSSTConfig
from dmssn.models.projection import Projection, evenly_spaced_bands

OUTSIDE = -1
"""In a region map: a pixel of no region."""

Encoder = Literal["student", "pca", "bands"]
"""What makes the code: the student, or a projection on principal components or on bands."""


class NetworkOutput(NamedTuple):
    """What training needs of one pass."""

    logits: Tensor
    """(N, 1, H, W); their sigmoid is the saliency."""
    autoencoder: AutoencoderOutput | None
    """Tables from a packed batch, maps from a dense one; None of a projection."""


def spread(code: Tensor, region_map: Tensor) -> Tensor:
    """Give every pixel the row of its region.

    Args:
        code: Table (R, C).
        region_map: (N, H, W) int32 or int64: rows of the table, or -1 outside all regions.

    Returns:
        (N, C, H, W), channels last in memory; 0 outside.
    """
    outside = code.new_zeros(1, code.shape[1])
    return torch.cat([code, outside])[region_map].permute(0, 3, 1, 2)  # -1 is the last row


class DMSSN(nn.Module):
    """The saliency network.

    Args:
        bands: B, at least 3.
        hidden: Width of the student around its code.
        config: Sizes of the transformer, the published ones by default; its ``inputs`` are the
            channels of the code.
        encoder: What makes the code. For "pca" the projection is zeros until it is loaded, or
            ``projecting.principal_components`` are copied to ``student.weight``; for "bands" it
            is evenly spaced bands.
    """

    def __init__(
        self,
        bands: int,
        hidden: int = 64,
        config: MSSTConfig | None = None,
        encoder: Encoder = "student",
    ) -> None:
        """Raises ValueError for fewer than 3 bands, or an unknown encoder."""
        super().__init__()
        config = config or MSSTConfig()
        self.student: Student | Projection
        if encoder == "student":
            self.student = Student(bands, hidden, config.inputs)
        elif encoder in get_args(Encoder):
            self.student = Projection(bands, config.inputs)
            if encoder == "bands":
                self.student.weight.copy_(evenly_spaced_bands(bands, config.inputs))
        else:
            known = ", ".join(map(repr, get_args(Encoder)))
            raise ValueError(f"encoder must be one of {known}, got {encoder!r}")
        self.msst = MSST(config)

    @property
    def compiled(self) -> bool:
        """Whether the transformer was compiled; a copy of the network is not."""
        return self.msst._compiled_call_impl is not None

    def forward(self, spectra: Tensor, region_map: Tensor, packing: Packing) -> NetworkOutput:
        """Everything training needs, from a packed batch.

        Args:
            spectra: Region spectra in [0, 1], (R, B), image after image.
            region_map: (N, H, W) integer rows of ``spectra``, -1 outside all regions.
            packing: Which rows are whose.
        """
        code, autoencoder = self._encode(spectra, packing)
        return NetworkOutput(self.msst(spread(code, region_map)), autoencoder)

    def forward_dense(self, cubes: Tensor) -> NetworkOutput:
        """Everything training needs, from cubes (N, B, H, W) in [0, 1]."""
        code, autoencoder = self._encode(cubes)
        return NetworkOutput(self.msst(code), autoencoder)

    def _encode(
        self, x: Tensor, packing: Packing | None = None
    ) -> tuple[Tensor, AutoencoderOutput | None]:
        """The code, and what else training needs of a student."""
        if isinstance(self.student, Projection):
            return self.student(x, packing), None
        output: AutoencoderOutput = self.student(x, packing)
        return output.code, output

    def saliency(self, spectra: Tensor, region_map: Tensor, packing: Packing) -> Tensor:
        """Saliency (N, 1, H, W) in [0, 1] of a packed batch; 0 outside all regions.

        The arguments are those of ``forward``. The student's decoder does not run.
        """
        code = spread(self.student.encode(spectra, packing), region_map)
        inside = (region_map != OUTSIDE).unsqueeze(1)
        return torch.sigmoid(self.msst(code)) * inside

    def saliency_dense(self, cubes: Tensor) -> Tensor:
        """Saliency (N, 1, H, W) in [0, 1] of cubes (N, B, H, W) in [0, 1]."""
        return torch.sigmoid(self.msst(self.student.encode(cubes)))
