"""Scoring against PySODMetrics, and how long every detector takes."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.baselines import scoring as plain
from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding, same
from benchmarks.inputs import Inputs, object_mask
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn.cube import Cube
from dmssn.detections import Detector
from dmssn.detector import detector_names, load_detector
from dmssn.evaluation import evaluate
from dmssn.metrics import (
    adaptive_e_measure,
    adaptive_f_measure,
    e_measure_curve,
    f_measure_curve,
    mean_absolute_error,
    s_measure,
)
from dmssn.metrics.pair import Pair

AGREE = 1e-6
"""Largest difference of any metric."""
CENTRE_SURROUND = ("sed", "sad", "sg")
SECONDS = 3.0
"""What each of those may take on a scene of full size."""
MAPS = (8, 94)
"""Pairs of two points: memory that does not grow with them is flat."""
QUICK_MAPS = (2, 6)


def _pair(inputs: Inputs, seed: int) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """A map as a network gives it, soft at the edges of what it finds, and the mask."""
    height, width = inputs.sizes.frame
    mask = np.zeros((height, width), dtype=np.bool_)
    side = min(height, width)
    mask[:side, :side] = object_mask(side, seed)
    rows, columns = np.mgrid[:height, :width]
    ripple = np.sin(rows / (37 + seed)) * np.cos(columns / (53 + seed))
    saliency = np.clip(0.75 * np.roll(mask, 9, axis=1) + 0.2 + 0.05 * ripple, 0, 1)
    noise = np.random.default_rng(seed).normal(scale=0.01, size=saliency.shape)
    return np.rint(np.clip(saliency + noise, 0, 1) * 65535).astype(np.uint16), mask


def _ours(saliency: NDArray[np.float64], mask: NDArray[np.bool_]) -> dict[str, float]:
    """The metrics both programs have, but for the weighted F-measure."""
    pair = Pair(saliency, mask)
    f_curve, e_curve = f_measure_curve.of(pair), e_measure_curve.of(pair)
    return {
        "mean_absolute_error": mean_absolute_error.of(pair),
        "max_f_measure": float(f_curve.max()),
        "mean_f_measure": float(f_curve.mean()),
        "adaptive_f_measure": adaptive_f_measure.of(pair),
        "s_measure": s_measure.of(pair),
        "max_e_measure": float(e_curve.max()),
        "mean_e_measure": float(e_curve.mean()),
        "adaptive_e_measure": adaptive_e_measure.of(pair),
    }


def _agree(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
    ours, theirs = results["dmssn"], results["PySODMetrics"]
    names = sorted(theirs)
    return [same("metrics", np.array([ours[n] for n in names]), [theirs[n] for n in names], AGREE)]


def _metrics(inputs: Inputs) -> Iterator[Point]:
    levels, mask = _pair(inputs, 0)
    saliency = levels / 65535
    height, width = mask.shape
    yield Point(
        [
            Side("dmssn", lambda watch: _ours(saliency, mask)),
            Side("PySODMetrics", lambda watch: plain.shared(saliency, mask)),
        ],
        {"height": height, "width": width, "bands": 1},
        _agree,
    )


def _evaluate(inputs: Inputs) -> Iterator[Point]:
    for count in QUICK_MAPS if inputs.quick else MAPS:
        maps, masks = _written(inputs, count)
        height, width = inputs.sizes.frame

        def ours(watch: Stopwatch, maps: list[Path], masks: list[Path]) -> dict[str, float]:
            return evaluate(maps, masks).mean

        def theirs(watch: Stopwatch, maps: list[Path], masks: list[Path]) -> dict[str, float]:
            return plain.of_files(maps, masks)

        yield Point(
            [
                Side("dmssn", partial(ours, maps=maps, masks=masks), warm=False),
                Side("PySODMetrics", partial(theirs, maps=maps, masks=masks), warm=False),
            ],
            {"height": height, "width": width, "bands": 1, "images": count},
            _agree,
            label=f"{count} maps",
        )


def _written(inputs: Inputs, count: int) -> tuple[list[Path], list[Path]]:
    """Maps and masks in files, each pair another."""
    folder = inputs.folder / "judged"
    maps = [folder / "maps" / f"{number}.png" for number in range(count)]
    masks = [folder / "masks" / f"{number}.png" for number in range(count)]
    for path in (maps[0], masks[0]):
        path.parent.mkdir(parents=True, exist_ok=True)
    for number, (map_file, mask_file) in enumerate(zip(maps, masks, strict=True)):
        if not mask_file.exists():
            levels, mask = _pair(inputs, number)
            Image.fromarray(levels).save(map_file, compress_level=1)
            Image.fromarray(mask * np.uint8(255)).save(mask_file)
    return maps, masks


def _detectors(inputs: Inputs) -> Iterator[Point]:
    sizes = inputs.sizes
    side, bands = sizes.side, sizes.bands
    nm = np.linspace(400, 1000, bands)
    cube = Cube(inputs.cube(side, side, bands), nm)

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        return [
            Finding(f"{name}, seconds", timings[name].median, SECONDS, kind="criterion")
            for name in CENTRE_SURROUND
        ]

    def run(watch: Stopwatch, detector: Detector) -> NDArray[np.float32]:
        return detector(cube)

    yield Point(
        [
            Side(name, partial(run, detector=load_detector(name, device="cpu")))
            for name in detector_names()
        ],
        {"height": side, "width": side, "bands": bands},
        judge,
    )


CASES = (
    Case(
        "metrics",
        "MAE, F-measure and E-measure (largest, mean, adaptive) and S-measure of one map in "
        "memory, on one thread. Baseline: PySODMetrics, called with normalize=False.",
        _metrics,
        (Row("metrics", "PySODMetrics", target=5),),
    ),
    Case(
        "evaluate",
        "`dmssn.evaluate` on files: all 17 metrics of `dmssn.metrics.score`, on every core. "
        "Baseline: PySODMetrics on the same files, one after the other: the 9 metrics it has, the "
        "weighted F-measure among them, whose distance transform takes most of both sides' time.",
        _evaluate,
        (Row("evaluate", "PySODMetrics"),),
        repeats=1,
        allocators=("kept",),
    ),
    Case(
        "detectors",
        "Every detector that comes with the package on a cube in memory, from spectra to map.",
        _detectors,
        repeats=3,
        allocators=("kept",),
        memory=False,
    ),
)
