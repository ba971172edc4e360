"""Training steps: packed tables against dense cubes, from batch to updated weights."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import roofline
from benchmarks.baselines import losses as plain_losses
from benchmarks.baselines import networks as plain
from benchmarks.case import Case, Point, Row
from benchmarks.cases.networks import facts_of, network_pair
from benchmarks.findings import Finding, same_relative
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn import losses
from dmssn.batches import Batch
from dmssn.config import FitConfig
from dmssn.models.autoencoder import Features, Teacher
from dmssn.models.network import NetworkOutput
from dmssn.training.optimizing import make_optimizer

Terms = dict[str, Tensor]
FIT = FitConfig(learning_rate=1e-4)
GRADIENT = "norm of the gradient"


def _optimizers(
    ours: nn.Module, theirs: nn.Module
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """The one of dmssn's training, and torch's own."""
    return make_optimizer(ours, FIT), torch.optim.AdamW(theirs.parameters(), FIT.learning_rate)


def minimize(
    network: nn.Module, optimizer: torch.optim.Optimizer, terms: Terms, watch: Stopwatch
) -> dict[str, float]:
    """Backward, clipping and the update; returns the terms and the norm of the gradient."""
    optimizer.zero_grad(set_to_none=True)
    with watch("backward"):
        torch.stack(list(terms.values())).sum().backward()
    with watch("optimizer"):
        norm = nn.utils.clip_grad_norm_(network.parameters(), FIT.clip)
        optimizer.step()
    return {name: term.item() for name, term in terms.items()} | {GRADIENT: norm.item()}


def frozen_teachers(bands: int, device: torch.device) -> tuple[Teacher, plain.Teacher]:
    """Ours and the plain one, of the same weights, which a step does not change."""
    torch.manual_seed(1)
    ours, theirs = Teacher(bands), plain.Teacher(bands)
    theirs.load_state_dict(ours.state_dict())
    for network in (ours, theirs):
        network.to(device).requires_grad_(False)
    return ours, theirs


def detector_sides(batch: Batch) -> list[Side]:
    """A detector's step on a batch, distilling from a teacher."""
    bands = batch.spectra.shape[1]
    ours, theirs = network_pair(bands)
    teacher, plain_teacher = frozen_teachers(bands, batch.spectra.device)
    optimizers = _optimizers(ours, theirs)
    cubes = batch.dense()

    def packed(watch: Stopwatch) -> dict[str, float]:
        with watch("network"):
            output = ours(batch.spectra, batch.region_map, batch.packing)
        with watch("teacher"), torch.no_grad():
            example = teacher.features(batch.spectra, batch.packing)
        with watch("losses"):
            terms = our_terms(output, example, batch)
        return minimize(ours, optimizers[0], terms, watch)

    def dense(watch: Stopwatch) -> dict[str, float]:
        with watch("network"):
            logits, student = theirs(cubes)
        with watch("teacher"), torch.no_grad():
            example = plain_teacher(cubes)
        with watch("losses"):
            terms = plain_losses.segmentation(logits, batch.mask)
            terms |= plain_losses.reconstruction(student, cubes)
            terms |= plain_losses.distillation(student, example)
        return minimize(theirs, optimizers[1], terms, watch)

    return [Side("dmssn", packed), Side("dense", dense)]


def our_terms(output: NetworkOutput, example: Features, batch: Batch) -> Terms:
    """All that a detector's step minimizes."""
    student, area = output.autoencoder, batch.packing.area
    assert student is not None  # None is for codes that are not learned
    return (
        losses.saliency_terms(output.logits, batch.mask, batch.valid)
        | losses.reconstruction_terms(student.reconstruction, batch.spectra, area)
        | losses.distillation_terms(student, example, area)
    )


def teacher_sides(batch: Batch) -> list[Side]:
    """A teacher's step on a batch."""
    bands = batch.spectra.shape[1]
    torch.manual_seed(1)
    ours, theirs = Teacher(bands), plain.Teacher(bands)
    theirs.load_state_dict(ours.state_dict())
    optimizers = _optimizers(ours, theirs)
    cubes = batch.dense()

    def packed(watch: Stopwatch) -> dict[str, float]:
        with watch("network"):
            made = ours(batch.spectra, batch.packing).reconstruction
        with watch("losses"):
            terms = losses.reconstruction_terms(made, batch.spectra, batch.packing.area)
        return minimize(ours, optimizers[0], terms, watch)

    def dense(watch: Stopwatch) -> dict[str, float]:
        with watch("network"):
            maps = theirs(cubes)
        with watch("losses"):
            terms = plain_losses.reconstruction(maps, cubes)
        return minimize(theirs, optimizers[1], terms, watch)

    return [Side("dmssn", packed), Side("dense", dense)]


def same_step(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
    """The first step's losses must be the same, and so its gradient."""
    ours, theirs = results["dmssn"], results["dense"]
    if set(ours) != set(theirs):
        return [Finding("both sides have the same terms", math.nan, 0)]
    return [
        # A gradient sums millions of float32 numbers, in another order on either side.
        same_relative(name, ours[name], theirs[name], 1e-2 if name == GRADIENT else 1e-3)
        for name in theirs
    ]


def detector_work(batch: Batch) -> roofline.Work:
    """Student and transformer forward and backward, the teacher forward, and the losses."""
    images, height, width = batch.region_map.shape
    regions, bands = batch.spectra.shape
    pixels = batch.region_map.numel()
    forward = roofline.student(regions, bands) + roofline.spread(pixels, regions, 32)
    forward += roofline.msst(height, width).times(images)
    beside = roofline.teacher_features(regions, bands) + roofline.losses(pixels, regions, bands)
    return forward.times(roofline.TRAINING) + beside


def train_batch(inputs: Inputs, side: int, images: int) -> Batch:
    """Pictures as full of regions as the main scene is."""
    sizes = inputs.sizes
    regions = sizes.regions * side**2 // sizes.side**2
    return inputs.batch(side, sizes.bands, inputs.noise(side, sizes.bands, regions), images)


def _detector(place: int, images: int, inputs: Inputs) -> Iterator[Point]:
    batch = train_batch(inputs, inputs.sizes.train[place], images)
    work = {"dmssn": detector_work(batch)}
    yield Point(detector_sides(batch), facts_of(batch), same_step, work=work)


def _teacher(inputs: Inputs) -> Iterator[Point]:
    batch = train_batch(inputs, inputs.sizes.train[1], 1)
    work = {"dmssn": roofline.teacher(*batch.spectra.shape).times(roofline.TRAINING)}
    yield Point(teacher_sides(batch), facts_of(batch), same_step, work=work)


def _step_case(name: str, build: Callable[[Inputs], Iterator[Point]]) -> Case:
    return Case(
        name,
        "A step of the published detector's training: student, transformer, distillation from a "
        "teacher, all losses, backward and update. Baseline: the same from the description on "
        "dense cubes, channels first, softmax written out, the teacher's whole pass. Without "
        "dropout on both sides.",
        build,
        (Row(name, "dense", target=4, memory_target=1 / 3),),
    )


CASES = (
    _step_case("train_step_256", partial(_detector, 0, 4)),
    _step_case("train_step_512", partial(_detector, 1, 1)),
    Case(
        "teacher_step",
        "A step of the teacher's training. Baseline: the same on the dense cube.",
        _teacher,
        (Row("teacher_step", "dense", target=15),),
    ),
)
