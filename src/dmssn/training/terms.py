"""What each stage minimizes: named loss terms of a batch, weighted as the recipe says.

Letters: N images, B bands, C channels, H rows, W columns, R regions of all images together.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dmssn.batches import Amounts, Batch
from dmssn.config import DetectorConfig, TeacherConfig
from dmssn.devices import precision
from dmssn.losses import (
    coarse_terms,
    distillation_terms,
    l1_penalty,
    reconstruction_terms,
    saliency_terms,
)
from dmssn.models.autoencoder import Features, Teacher
from dmssn.models.network import DMSSN, NetworkOutput

Terms = dict[str, Tensor]

TEACHER_TERMS = ("reconstruct/smooth_l1", "reconstruct/angle")
MEANS_OVER = {
    "reconstruct": "area",
    "distill": "area",
    "segment/bce": "pixels",
    "segment/ssim": "pixels",
    "segment/coarse": "pixels",
    "segment/iou": "images",
    "l1": "images",
}
"""What of ``Amounts`` a term, or all terms of a prefix, is a mean over. The penalty is one of
weights, the same for all parts: any shares that add up to one will do."""


def shared(terms: Terms, shares: Sequence[float]) -> Terms:
    """A part's terms times its shares: those of all parts add up to those of all their scenes.

    Args:
        terms: Of the part alone.
        shares: Of this part in the ``Amounts`` of all parts.
    """
    share = Amounts(*shares)

    def of(name: str) -> float:
        over = MEANS_OVER.get(name) or MEANS_OVER[name.partition("/")[0]]
        return float(getattr(share, over))

    return {name: term * of(name) for name, term in terms.items()}


def teacher_terms(teacher: Teacher, batch: Batch, config: TeacherConfig) -> Terms:
    """How well the teacher reconstructs the batch's spectra."""
    with precision(config.fit, batch.spectra.device):
        output = (
            teacher(batch.dense()) if teacher.spatial else teacher(batch.spectra, batch.packing)
        )
    return reconstruction_terms(*compared(teacher, output.reconstruction, batch))


def compared(
    teacher: Teacher, reconstruction: Tensor, batch: Batch
) -> tuple[Tensor, Tensor, Tensor]:
    """What a teacher made, what it should have made, and the pixels of each row; none outside."""
    if not teacher.spatial:
        return reconstruction, batch.spectra, batch.packing.area
    inside = batch.region_map >= 0
    rows = batch.region_map[inside]
    one_each = batch.packing.area.new_ones(len(rows))
    return reconstruction.permute(0, 2, 3, 1)[inside], batch.spectra[rows], one_each


def detector_terms(
    network: DMSSN, batch: Batch, config: DetectorConfig, teacher: Teacher | None
) -> Terms:
    """How far the saliency is from the masks, and the student from spectra and teacher.

    Args:
        network: What is trained.
        batch: Where the network is.
        config: Weights of the terms; a term of weight 0 is not computed.
        teacher: Whom the student imitates; None for nobody.
    """
    reproduces = bool(config.reconstruct) or (teacher is not None and bool(config.distill))
    with precision(config.fit, batch.spectra.device):
        output: NetworkOutput = network(
            batch.spectra, batch.region_map, batch.packing, decode=reproduces
        )
    terms: Terms = {}
    if config.segment:
        found = saliency_terms(output.logits, batch.mask, batch.valid)
        terms |= _weighted(config.segment, found)
    if config.coarse and output.coarse:
        terms |= _weighted(config.coarse, coarse_terms(output.coarse, batch.mask, batch.valid))
    area, student = batch.packing.area, output.autoencoder
    if student is not None and config.reconstruct:
        found = reconstruction_terms(student.reconstruction, batch.spectra, area)
        terms |= _weighted(config.reconstruct, found)
    if student is not None and teacher is not None and config.distill:
        with torch.no_grad():
            example = teacher_features(teacher, batch)
        terms |= _weighted(config.distill, distillation_terms(student, example, area))
    if config.l1:
        terms["l1"] = config.l1 * l1_penalty(network)
    return terms


def _weighted(weight: float, terms: Terms) -> Terms:
    """The terms times a weight."""
    return {name: weight * term for name, term in terms.items()}


def teacher_features(teacher: Teacher, batch: Batch) -> Features:
    """What the student is to imitate, tables (R, C); a spatial teacher's are means of regions."""
    if not teacher.spatial:
        return teacher.features(batch.spectra, batch.packing)
    inside = batch.region_map >= 0
    rows = batch.region_map[inside]
    area = batch.packing.area[:, None]

    def means(maps: Tensor) -> Tensor:
        pixels = maps.permute(0, 2, 3, 1)[inside]
        return pixels.new_zeros(len(area), pixels.shape[1]).index_add_(0, rows, pixels) / area

    return Features(*(means(maps) for maps in teacher.features(batch.dense())))
