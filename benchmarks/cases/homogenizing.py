"""Mixture, regions and their means against scikit-learn, a Python loop and plain numpy."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from benchmarks import roofline
from benchmarks.baselines import homogenizing as plain
from benchmarks.case import Case, Point, Row
from benchmarks.findings import Finding, same, same_relative
from benchmarks.inputs import Cubes, Inputs
from benchmarks.measuring import Side, Stopwatch, Timing
from dmssn import mixture
from dmssn.config import MixtureConfig
from dmssn.regions import connected_regions, region_means

LOOPED = 60
"""Regions the loop is timed on; all take the same time but for their few pixels."""


class Homogenized(NamedTuple):
    """A region map (H, W) and the regions' spectra (R, B)."""

    region_map: NDArray[np.integer]
    spectra: Cubes


def within_variance(cube: Cubes, found: Homogenized) -> float:
    """Mean square of what a value differs from its region's mean."""
    # Of all minus of the means: a homogenized copy of the cube is not needed.
    area = np.bincount(found.region_map.ravel())
    whole = np.square(cube, dtype=np.float64).mean()
    between = (area[:, None] * np.square(found.spectra, dtype=np.float64)).sum() / cube.size
    return float(whole - between)


def same_start_likelihood(pixels: Cubes) -> Finding:
    """Exact EM against scikit-learn's from one start, on a small sample of the pixels."""
    data = np.ascontiguousarray(pixels[:: max(1, len(pixels) // 6000), ::5])
    cuts = np.quantile(data[:, 0], np.linspace(0, 1, 7)[1:-1] ** 1.5)
    start = np.searchsorted(cuts, data[:, 0])
    ours = mixture.fit(torch.from_numpy(data), torch.from_numpy(start), 5, full=data.shape[1])
    wide = data.astype(np.float64)
    model = GaussianMixture(6, covariance_type="full")
    model._initialize(wide, np.eye(6)[start])
    for _ in range(5):
        model._m_step(wide, model._e_step(wide)[1])
    likelihood = mixture.log_likelihood(torch.from_numpy(data), ours)
    name = "exact: log-likelihood against scikit-learn's from one start"
    return same_relative(name, likelihood, float(model.score(wide)), 1e-3)


def _mixture(inputs: Inputs) -> Iterator[Point]:
    sizes = inputs.sizes
    cube = inputs.standardized(sizes.regions)
    height, width, bands = cube.shape
    pixels = cube.reshape(-1, bands)

    def ours(config: MixtureConfig, watch: Stopwatch) -> Homogenized:
        with watch("mixture"):
            labels = mixture.components(pixels, config)
        with watch("connected regions"):
            region_map = connected_regions(labels.reshape(height, width))
        with watch("region means"):
            return Homogenized(region_map, region_means(cube, region_map))

    def theirs(watch: Stopwatch, iterations: int = 5) -> Homogenized:
        with watch("mixture"):
            labels = plain.mixture_labels(pixels, sizes.components, iterations, seed=21)
        with watch("connected regions"):
            region_map = plain.connected(labels.reshape(height, width))
        with watch("region means"):
            return Homogenized(region_map, plain.averages_by_sorting(cube, region_map))

    fast, exact = inputs.mixture, replace(inputs.mixture, mode="exact")
    facts = {"height": height, "width": width, "bands": bands, "components": sizes.components}

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        facts["regions"] = len(results["fast"].spectra)
        facts["regions_by_side"] = {name: len(r.spectra) for name, r in results.items()}
        means = plain.averages_by_sorting(cube, results["fast"].region_map)
        variance = {name: within_variance(cube, result) for name, result in results.items()}
        return [
            same_start_likelihood(pixels),
            same("region means", results["fast"].spectra, means, 1e-5),
            *(
                Finding(
                    f"{name}: variance within regions over scikit-learn's",
                    variance[name] / variance["scikit-learn"],
                    1.1,
                    kind="criterion",
                )
                for name in ("fast", "exact")
            ),
        ]

    sides = [
        Side("fast", lambda watch: ours(fast, watch)),
        Side("exact", lambda watch: ours(exact, watch), 2, warm=False),
        Side(
            "scikit-learn",
            theirs,
            1,
            warm=False,
            for_memory=lambda watch: theirs(watch, iterations=1),  # a step needs what five need
        ),
    ]
    sizes_of_work = (height * width, bands, sizes.components, 5)
    work = {
        "fast": roofline.mixture_fast(*sizes_of_work),
        "exact": roofline.mixture_exact(*sizes_of_work),
    }
    means_work = roofline.region_means(height * width, sizes.regions, bands)
    yield Point(sides, facts, judge, work={name: w + means_work for name, w in work.items()})


def _region_means(inputs: Inputs) -> Iterator[Point]:
    sizes = inputs.sizes
    cube = inputs.standardized(sizes.regions)
    scene = inputs.region_cube(
        sizes.side, sizes.bands, inputs.noise(sizes.side, sizes.bands, sizes.regions)
    )
    region_map, regions = scene.region_map, len(scene.spectra)
    sample = np.linspace(0, regions - 1, min(LOOPED, regions)).astype(np.intp)
    dense = np.zeros_like(cube)  # filled once, so that the loop pays for no new pages

    def judge(timings: Mapping[str, Timing], results: Mapping[str, Any]) -> list[Finding]:
        ours = results["dmssn"]
        return [
            same("means of the looped regions", ours[sample], results["loop"], 1e-5),
            same("means of all regions", ours, results["numpy"], 1e-5),
        ]

    pixels, bands = region_map.size, sizes.bands
    yield Point(
        [
            Side("dmssn", lambda watch: region_means(cube, region_map)),
            Side(
                "loop",
                lambda watch: plain.averages_by_loop(cube, region_map, sample, dense),
                scale=regions / len(sample),
                # All regions, into a homogenized cube of its own.
                for_memory=lambda watch: plain.averages_by_loop(
                    cube, region_map, np.arange(regions), np.empty_like(cube)
                ),
            ),
            Side("numpy", lambda watch: plain.averages_by_sorting(cube, region_map)),
        ],
        {
            "height": sizes.side,
            "width": sizes.side,
            "bands": bands,
            "regions": regions,
            "note": f"the loop is timed on {len(sample)} regions and scaled to all",
        },
        judge,
        work={"dmssn": roofline.region_means(pixels, regions, bands)},
    )


CASES = (
    Case(
        "mixture",
        "Mixture of the pixels' spectra, connected regions and their mean spectra. Baseline: "
        "scikit-learn's GaussianMixture with full covariances on all pixels, then averages by "
        "sorting in numpy.",
        _mixture,
        (
            Row("mixture_fast", "scikit-learn", "fast", target=100),
            Row("mixture_exact", "scikit-learn", "exact", target=2.5),
        ),
    ),
    Case(
        "region_means",
        "Mean spectrum of each region. Baseline: a Python loop over regions with a mask each, as "
        "published; beside it pixels sorted by region and added piece by piece in numpy.",
        _region_means,
        (Row("region_means", "loop", target=30, others=("numpy",)),),
    ),
)
