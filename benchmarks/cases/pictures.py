"""Augmentation and resizing against scikit-image, band by band."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import roofline
from benchmarks.baselines import pictures as plain
from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding, same
from benchmarks.inputs import Cubes, Inputs, object_mask
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn.augment import augment, random_affine
from dmssn.config import AugmentConfig
from dmssn.regions import RegionCube
from dmssn.resample import resize

SEED = 5
"""Of the change: turned by an odd angle, flipped and scaled, with pixels from outside."""
RESIZED = 40
"""Bands scikit-image is timed on; all are alike."""


def _augment(inputs: Inputs) -> Iterator[Point]:
    sizes = inputs.sizes
    side, bands = sizes.side, sizes.bands
    scene = inputs.region_cube(side, bands, inputs.noise(side, bands, sizes.regions))
    mask = object_mask(side, 0)
    config = AugmentConfig()
    planes = np.ascontiguousarray(scene.dense().transpose(2, 0, 1))

    def ours(watch: Stopwatch) -> tuple[RegionCube, Any]:
        return augment(scene, mask, config, np.random.default_rng(SEED))

    def theirs(watch: Stopwatch) -> tuple[Cubes, Any]:
        matrix = random_affine(config, np.random.default_rng(SEED))
        points = plain.as_points(matrix, (side, side))
        return plain.warp_bands(planes, points), plain.warp_bands(mask[None], points)[0]

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        view, our_mask = results["dmssn"]
        warped, their_mask = results["scikit-image"]
        differs = (view.dense() != warped.transpose(1, 2, 0)).any(axis=2)
        # Where a position lies halfway between two pixels, the two may round to different ones.
        return [
            Finding("share of pixels that differ", float(differs.mean()), 1e-3),
            Finding("share of the mask that differs", float((our_mask != their_mask).mean()), 1e-3),
            Finding("share from outside", float((view.region_map < 0).mean()), 0.01, at_most=False),
        ]

    yield Point(
        [Side("dmssn", ours), Side("scikit-image", theirs)],
        {"height": side, "width": side, "bands": bands, "regions": len(scene.spectra)},
        judge,
        work={"dmssn": roofline.augment(side**2)},
    )


def _resize(inputs: Inputs) -> Iterator[Point]:
    sizes = inputs.sizes
    source, target, bands = sizes.frame, (sizes.side, sizes.side), sizes.bands
    cube = inputs.cube(*source, bands)
    sample = np.linspace(0, bands - 1, min(RESIZED, bands)).astype(int).tolist()

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        ours = results["dmssn"]
        oracle = [plain.area_average(cube[:, :, band], target) for band in sample[::10]]
        averages = np.stack(oracle, axis=2)
        reach = np.ptp(averages)
        theirs = results["scikit-image"]
        # Another kernel: the two pictures are to be alike, not the same.
        alike = np.corrcoef(ours[:, :, sample].ravel(), theirs.ravel())[0, 1]
        return [
            same(
                "area averages over range", ours[:, :, sample[::10]] / reach, averages / reach, 1e-6
            ),
            Finding("correlation with scikit-image", float(alike), 0.99, at_most=False),
        ]

    yield Point(
        [
            Side("dmssn", lambda watch: resize(cube, *target)),
            Side(
                "scikit-image",
                lambda watch: plain.resize_bands(cube, sample, target),
                scale=bands / len(sample),
                for_memory=lambda watch: plain.resize_bands(cube, range(bands), target),
            ),
        ],
        {
            "height": source[0],
            "width": source[1],
            "bands": bands,
            "note": f"to {target[0]} x {target[1]}; scikit-image is timed on {len(sample)} bands "
            "and scaled to all",
        },
        judge,
        work={"dmssn": roofline.resize(source, target, bands)},
    )


CASES = (
    Case(
        "augment",
        "One random change of a training scene. Baseline: scikit-image warps each band of the "
        "dense cube, and the mask, by the same affine map.",
        _augment,
        (Row("augment", "scikit-image", target=50),),
    ),
    Case(
        "resize",
        "A camera's whole picture to the network's size. Baseline: scikit-image, antialiased, "
        "band by band.",
        _resize,
        (Row("resize", "scikit-image", target=11),),
        repeats=3,
    ),
)
