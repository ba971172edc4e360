"""DMSSN: the code of every region, spread over the pixels and read by the MSST.

The student makes the code, or, to compare with, a fixed projection in its place.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Self, get_args

import torch
from torch import Tensor, nn

from dmssn.models.autoencoder import AutoencoderOutput, Packing, Student
from dmssn.models.evidence import CHANNELS, evidence
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
    """Tables from a packed batch, maps from a dense one; None of a projection, or not decoded."""
    coarse: Sequence[Tensor] = ()
    """In training: logits of the transformer's stages, coarsest first, if its head has them."""


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
        with_evidence: Whether the transformer reads ``evidence`` beside the code.
    """

    def __init__(
        self,
        bands: int,
        hidden: int = 64,
        config: MSSTConfig | None = None,
        encoder: Encoder = "student",
        with_evidence: bool = False,
    ) -> None:
        """Raises ValueError for fewer than 3 bands, or an unknown encoder."""
        super().__init__()
        config = config or MSSTConfig()
        self.with_evidence = with_evidence
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
        extra = CHANNELS if with_evidence else 0
        self.msst = MSST(replace(config, inputs=config.inputs + extra))

    @classmethod
    def described(cls, bands: int, model: Mapping[str, Any]) -> Self:
        """The network that a checkpoint's header describes.

        Args:
            bands: B, at least 3.
            model: ``encoder``, ``evidence`` and ``msst``, the fields of ``MSSTConfig``; what it
                does not tell is as published.

        Raises:
            ValueError: There is no such network.
            TypeError: Likewise.
        """
        return cls(
            bands,
            config=MSSTConfig(**model.get("msst", {})),
            encoder=model.get("encoder", "student"),
            with_evidence=bool(model.get("evidence", False)),
        )

    @property
    def compiled(self) -> bool:
        """Whether the transformer was compiled; a copy of the network is not."""
        return self.msst._compiled_call_impl is not None

    def forward(
        self, spectra: Tensor, region_map: Tensor, packing: Packing, *, decode: bool = True
    ) -> NetworkOutput:
        """Everything training needs, from a packed batch.

        Args:
            spectra: Region spectra in [0, 1], (R, B), image after image.
            region_map: (N, H, W) integer rows of ``spectra``, -1 outside all regions.
            packing: Which rows are whose.
            decode: Whether the student's decoder runs; no loss may need it.
        """
        code, autoencoder = self._encode(spectra, packing, decode=decode)
        logits, coarse = self.msst(self._seen(code, spectra, region_map, packing))
        return NetworkOutput(logits, autoencoder, coarse)

    def forward_dense(self, cubes: Tensor) -> NetworkOutput:
        """Everything training needs, from cubes (N, B, H, W) in [0, 1]."""
        code, autoencoder = self._encode(cubes)
        logits, coarse = self.msst(self._seen_dense(code, cubes))
        return NetworkOutput(logits, autoencoder, coarse)

    def _encode(
        self, x: Tensor, packing: Packing | None = None, *, decode: bool = True
    ) -> tuple[Tensor, AutoencoderOutput | None]:
        """The code, and what else training needs of a student."""
        if isinstance(self.student, Projection) or not decode:
            return self.student.encode(x, packing), None
        output: AutoencoderOutput = self.student(x, packing)
        return output.code, output

    def _seen(self, code: Tensor, spectra: Tensor, region_map: Tensor, packing: Packing) -> Tensor:
        """What the transformer sees of a packed batch, (N, C, H, W)."""
        maps = spread(code, region_map)
        if not self.with_evidence:
            return maps
        return torch.cat([maps, evidence(spectra, region_map, packing).to(maps.dtype)], dim=1)

    def _seen_dense(self, code: Tensor, cubes: Tensor) -> Tensor:
        """What the transformer sees of cubes: pixels of one and the same spectrum are a region."""
        if not self.with_evidence:
            return code
        maps = []
        for cube in cubes:
            table, rows, area = torch.unique(
                cube.detach().flatten(1).T, dim=0, return_inverse=True, return_counts=True
            )
            packing = Packing(area.float(), (len(table),))
            maps.append(evidence(table, rows.view(1, *cube.shape[1:]), packing))
        return torch.cat([code, torch.cat(maps).to(code.dtype)], dim=1)

    def saliency(self, spectra: Tensor, region_map: Tensor, packing: Packing) -> Tensor:
        """Saliency (N, 1, H, W) in [0, 1] of a packed batch; 0 outside all regions.

        The arguments are those of ``forward``. The student's decoder does not run.
        """
        code = self.student.encode(spectra, packing)
        logits, _ = self.msst(self._seen(code, spectra, region_map, packing))
        return torch.sigmoid(logits) * (region_map != OUTSIDE).unsqueeze(1)

    def saliency_dense(self, cubes: Tensor) -> Tensor:
        """Saliency (N, 1, H, W) in [0, 1] of cubes (N, B, H, W) in [0, 1]."""
        return torch.sigmoid(self.msst(self._seen_dense(self.student.encode(cubes), cubes))[0])
