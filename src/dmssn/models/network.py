"""DMSSN: the student's code of every region, spread over the pixels and read by the MSST.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dmssn.models.autoencoder import AutoencoderOutput, Packing, Student
from dmssn.models.msst import MSST, MSSTConfig

OUTSIDE = -1
"""In a region map: a pixel of no region."""


class NetworkOutput(NamedTuple):
    """What training needs of one pass."""

    logits: Tensor
    """(N, 1, H, W); their sigmoid is the saliency."""
    autoencoder: AutoencoderOutput
    """Tables from a packed batch, maps from a dense one."""


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
    """

    def __init__(self, bands: int, hidden: int = 64, config: MSSTConfig | None = None) -> None:
        """Raises ValueError for fewer than 3 bands."""
        super().__init__()
        config = config or MSSTConfig()
        self.student = Student(bands, hidden, config.inputs)
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
        autoencoder = self.student(spectra, packing)
        return NetworkOutput(self.msst(spread(autoencoder.code, region_map)), autoencoder)

    def forward_dense(self, cubes: Tensor) -> NetworkOutput:
        """Everything training needs, from cubes (N, B, H, W) in [0, 1]."""
        autoencoder = self.student(cubes)
        return NetworkOutput(self.msst(autoencoder.code), autoencoder)

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
