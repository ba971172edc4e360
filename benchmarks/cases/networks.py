"""The networks at inference: packed tables against dense cubes."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks import roofline
from benchmarks.baselines import networks as plain
from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding, same
from benchmarks.inputs import Inputs
from benchmarks.measuring import Side, Stopwatch, Timing, now
from dmssn.batches import Batch
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN, spread

STILL = MSSTConfig(dropout=0.0, attention_dropout=0.0, drop_path=0.0)
"""Nothing random, so that two networks of the same weights compute the same."""


def network_pair(bands: int) -> tuple[DMSSN, plain.Network]:
    """Ours and the plain one, of the same weights."""
    torch.manual_seed(0)
    ours, theirs = DMSSN(bands, config=STILL), plain.Network(bands)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def facts_of(batch: Batch) -> dict[str, Any]:
    """Sizes of a batch."""
    images, height, width = batch.region_map.shape
    regions, bands = batch.spectra.shape
    return {
        "images": images,
        "height": height,
        "width": width,
        "bands": bands,
        "regions": regions,
    }


def inference_work(batch: Batch) -> roofline.Work:
    """Encoder on the table, code spread, transformer."""
    images, height, width = batch.region_map.shape
    regions, bands = batch.spectra.shape
    encoder = roofline.student_encoder(regions, bands)
    spreading = roofline.spread(batch.region_map.numel(), regions, 32)
    return encoder + spreading + roofline.msst(height, width).times(images)


def inference_sides(batch: Batch) -> list[Side]:
    """The whole network on a batch: packed, plain, and dmssn's own layers on dense cubes."""
    ours, theirs = network_pair(batch.spectra.shape[1])
    ours.eval()
    theirs.eval()
    cubes = batch.dense()

    reached: list[float] = []
    ours.msst.register_forward_pre_hook(lambda *_: reached.append(now()))

    @torch.inference_mode()
    def packed(watch: Stopwatch) -> Tensor:
        began = now()
        saliency = ours.saliency(batch.spectra, batch.region_map, batch.packing)
        watch.seconds["student"] = reached[-1] - began
        watch.seconds["transformer and head"] = now() - reached[-1]
        return saliency

    @torch.inference_mode()
    def dense(watch: Stopwatch) -> Tensor:
        with watch("student"):
            maps = theirs.student(cubes)
        with watch("transformer and head"):
            return torch.sigmoid(theirs.msst(maps.code))

    @torch.inference_mode()
    def own_dense(watch: Stopwatch) -> Tensor:
        return torch.sigmoid(ours.forward_dense(cubes).logits)

    return [Side("dmssn", packed), Side("dense", dense), Side("dmssn, dense", own_dense)]


def _main_batch(inputs: Inputs, regions: int) -> Batch:
    sizes = inputs.sizes
    noise = inputs.noise(sizes.side, sizes.bands, regions)
    return inputs.batch(sizes.side, sizes.bands, noise)


def _student(inputs: Inputs) -> Iterator[Point]:
    batch = _main_batch(inputs, inputs.sizes.many_regions)
    networks = network_pair(batch.spectra.shape[1])
    ours, theirs = networks[0].student.eval(), networks[1].student.eval()
    cubes = batch.dense()

    @torch.inference_mode()
    def packed(watch: Stopwatch) -> Tensor:
        return spread(ours.encode(batch.spectra, batch.packing), batch.region_map)

    @torch.inference_mode()
    def dense(watch: Stopwatch) -> Tensor:
        return theirs.encode(cubes)

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        with torch.inference_mode():
            exact = copy.deepcopy(theirs).double().encode(cubes.double())
        # float32 rounds the dense side by 1e-5 itself, so ours is held to what is true.
        distances = {
            side: float((results[side].double() - exact).abs().max()) for side in ("dmssn", "dense")
        }
        return [
            Finding("code: largest difference from float64", distances["dmssn"], 1e-5),
            Finding(
                "code: the dense layers' own largest difference from float64",
                distances["dense"],
                1e-5,
                kind="criterion",
            ),
            same("code", results["dmssn"], results["dense"], 2e-5),
        ]

    regions, bands = batch.spectra.shape
    work = roofline.student_encoder(regions, bands)
    work += roofline.spread(batch.region_map.numel(), regions, 32)
    sides = [Side("dmssn", packed), Side("dense", dense)]
    yield Point(sides, facts_of(batch), judge, work={"dmssn": work})


def _network(inputs: Inputs) -> Iterator[Point]:
    batch = _main_batch(inputs, inputs.sizes.regions)

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        maps = results["dmssn"]
        return [
            same("saliency map, against the plain network's", maps, results["dense"], 1e-4),
            same("saliency map, against dmssn's own dense", maps, results["dmssn, dense"], 1e-4),
        ]

    sides = inference_sides(batch)
    yield Point(sides, facts_of(batch), judge, work={"dmssn": inference_work(batch)})


CASES = (
    Case(
        "student_inference",
        "The student's encoder, and its code at every pixel. Baseline: 1x1 convolutions, instance "
        "norm and GELU on the dense cube.",
        _student,
        (Row("student_inference", "dense", target=6),),
        repeats=9,
    ),
    Case(
        "network_inference",
        "The published network: encoder, transformer and head, from region spectra to the saliency "
        "map. Baseline: the network as described on the dense cube, with the student's decoder, "
        "channels first, softmax written out, each stage of the head brought to full size; beside "
        "it dmssn's own layers on the dense cube.",
        _network,
        (Row("network_inference", "dense", target=3, others=("dmssn, dense",)),),
        repeats=7,
    ),
)
