"""The gradients and losses of one step's scenes, of which each process takes its share."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from dmssn.batches import TrainingSteps
from dmssn.config import AugmentConfig, DetectorConfig, FitConfig, TeacherConfig
from dmssn.distributed import World, joined
from dmssn.models.autoencoder import Teacher
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN
from dmssn.store import PreparedSet
from dmssn.training.loop import Trainer
from dmssn.training.terms import detector_terms, shared, teacher_terms


def take(prepared: PreparedSet, out: str, stage: str, world: World) -> None:
    """One step with weights that stay as they are."""
    bands = prepared.manifest.bands
    fit = FitConfig(batch=7, learning_rate=0.0, optimizer="sgd", clip=0.0, seed=3)
    torch.manual_seed(1)
    teacher = Teacher(bands, spatial=stage == "spatial")
    network = teacher
    if stage == "detector":
        still = MSSTConfig(dropout=0, attention_dropout=0, drop_path=0, head="detail")
        network = DMSSN(bands, config=still, with_evidence=True)

    def terms(batch):
        if stage == "detector":
            return detector_terms(network, batch, DetectorConfig(l1=1e-6), teacher)
        return teacher_terms(network, batch, TeacherConfig(spatial=teacher.spatial))

    trainer = Trainer(
        network,
        lambda batch, shares: shared(terms(batch), shares),
        lambda batch: batch.amounts,
        lambda *_: {"score": 0.0},
        fit,
        world,
    )
    trainer._take(next(iter(TrainingSteps(prepared, AugmentConfig(), fit, world)(0))))
    found = {
        f"gradient.{name}": weight.grad.contiguous()
        for name, weight in network.named_parameters()
        if weight.grad is not None
    }
    found |= {f"loss.{name}": each.sum() for name, each in trainer.totals.gathered().items()}
    save_file(found, f"{out}-{stage}.{world.rank}")


def take_step(prepared: Path, out: str) -> None:
    """Process N writes OUT-STAGE.N."""
    with joined(torch.device("cpu")) as world:
        for stage in ("detector", "teacher", "spatial"):
            take(PreparedSet(prepared), out, stage, world)
