"""The network on a GPU in bfloat16; skipped where there is none."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.baselines import losses as plain_losses
from benchmarks.baselines import networks as plain
from benchmarks.case import Case, Point, Row
from benchmarks.cases.networks import facts_of, inference_work, network_pair
from benchmarks.cases.training import detector_work, frozen_teachers, minimize, our_terms
from benchmarks.findings import Finding
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Stopwatch, Timing, medians
from benchmarks.roofline import Work
from dmssn.batches import Batch

IMAGES = 16
GPU = torch.device("cuda")


def _batch(inputs: Inputs) -> Batch:
    sizes = inputs.sizes
    noise = inputs.noise(sizes.side, sizes.bands, sizes.regions)
    images = 2 if inputs.quick else IMAGES
    return inputs.batch(sizes.side, sizes.bands, noise, images).to(GPU)


def _peak_rate() -> float:
    """Operations a second of a large product in bfloat16."""
    left, right = (torch.rand(8192, 8192, device=GPU, dtype=torch.bfloat16) for _ in range(2))
    times: list[float] = []
    for _ in range(6):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        torch.mm(left, right)
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return 2 * 8192**3 / min(times)


def _judged(
    sides: list[Side], batch: Batch, work: Work, compare: Callable[[Any, Any], list[Finding]]
) -> Point:
    """A point whose facts tell images a second, peaks of memory and the share of the peak rate."""
    facts = facts_of(batch)
    memory: dict[str, int] = {}

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        facts["peak_rate"] = _peak_rate()
        for side in sides:
            torch.cuda.reset_peak_memory_stats()
            side.run(Stopwatch())
            memory[side.name] = torch.cuda.max_memory_allocated()
        middle = medians(timings)
        facts["images_a_second"] = {name: facts["images"] / s for name, s in middle.items()}
        facts["share_of_peak_rate"] = work.operations / middle["dmssn"] / facts["peak_rate"]
        return compare(results["dmssn"], results["dense"])

    return Point(sides, facts, judge, work={"dmssn": work}, memory=memory)


def _inference(inputs: Inputs) -> Iterator[Point]:
    batch = _batch(inputs)
    ours, theirs = network_pair(batch.spectra.shape[1])
    ours.to(GPU).eval()
    theirs.to(GPU).eval()
    cubes = batch.dense()

    @torch.inference_mode()
    def packed(watch: Stopwatch) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16):
            return ours.saliency(batch.spectra, batch.region_map, batch.packing)

    @torch.inference_mode()
    def dense(watch: Stopwatch) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16):
            return torch.sigmoid(theirs(cubes)[0])

    def compare(first: Tensor, second: Tensor) -> list[Finding]:
        difference = float((first.float() - second.float()).abs().mean())
        return [Finding("saliency map in bfloat16: mean difference", difference, 2e-2)]

    sides = [Side("dmssn", packed), Side("dense", dense)]
    yield _judged(sides, batch, inference_work(batch), compare)


def _train(inputs: Inputs) -> Iterator[Point]:
    batch = _batch(inputs)
    bands = batch.spectra.shape[1]
    ours, theirs = network_pair(bands)
    ours.to(GPU)
    theirs.to(GPU)
    teacher, plain_teacher = frozen_teachers(bands, GPU)
    optimizers = [torch.optim.AdamW(network.parameters(), 1e-4) for network in (ours, theirs)]
    cubes = batch.dense()

    def packed(watch: Stopwatch) -> dict[str, float]:
        with torch.autocast("cuda", torch.bfloat16):
            output = ours(batch.spectra, batch.region_map, batch.packing)
            with torch.no_grad():
                example = teacher.features(batch.spectra, batch.packing)
        return minimize(ours, optimizers[0], our_terms(output, example, batch), watch)

    def dense(watch: Stopwatch) -> dict[str, float]:
        with torch.autocast("cuda", torch.bfloat16):
            logits, student = theirs(cubes)
            with torch.no_grad():
                example = plain_teacher(cubes)
        wide = plain.Maps(*(level.float() for level in student))
        terms = plain_losses.segmentation(logits.float(), batch.mask)
        terms |= plain_losses.reconstruction(wide, cubes)
        terms |= plain_losses.distillation(wide, plain.Maps(*(level.float() for level in example)))
        return minimize(theirs, optimizers[1], terms, watch)

    def compare(first: dict[str, float], second: dict[str, float]) -> list[Finding]:
        sums = [sum(terms.values()) for terms in (first, second)]
        return [Finding("losses in bfloat16", abs(sums[0] / sums[1] - 1), 5e-2)]

    sides = [Side("dmssn", packed), Side("dense", dense)]
    yield _judged(sides, batch, detector_work(batch), compare)


def _case(name: str, about: str, build: Callable[[Inputs], Iterator[Point]]) -> Case:
    rows = (Row(name, "dense"),)
    return Case(name, about, build, rows, allocators=("default",), memory=False, gpu=True)


CASES = (
    _case("gpu_inference", "Encoder, transformer and head on a GPU, bfloat16.", _inference),
    _case("gpu_train", "A step of the detector's training on a GPU, bfloat16.", _train),
)
