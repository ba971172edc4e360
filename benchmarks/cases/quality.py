"""What the fast mixture costs in quality: its components, regions and maps against the exact's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from benchmarks.case import Case, Point
from benchmarks.cases.homogenizing import Homogenized, within_variance
from benchmarks.findings import Finding
from benchmarks.inputs import Cubes, Inputs, standardize
from dmssn import mixture
from dmssn.config import MixtureConfig
from dmssn.cube import Cube
from dmssn.detector import load_network
from dmssn.preparing import usual_limits
from dmssn.regions import connected_regions, region_means
from dmssn.trained.network import NetworkDetector


def _build(inputs: Inputs) -> Iterator[Point]:
    side, bands = inputs.sizes.quality
    generated = Cube(inputs.cube(side, side, bands), name="generated")
    yield _compare(generated, inputs.mixture, maps=False)
    for cube in inputs.real_cubes():
        yield _compare(cube, inputs.mixture, maps=True)


def _compare(cube: Cube, fast: MixtureConfig, *, maps: bool) -> Point:
    facts: dict[str, Any] = {"height": cube.height, "width": cube.width, "bands": cube.bands}

    def judge(timings: object, results: object) -> list[Finding]:
        pixels = _pixels(cube)
        exact = replace(fast, mode="exact")
        configs = {"fast": fast, "exact": exact, "again": replace(exact, seed=exact.seed + 1)}
        labels = {name: _labels(pixels, config) for name, config in configs.items()}
        agreement = _agreement(labels["fast"], labels["exact"])
        chance = _agreement(labels["again"], labels["exact"])
        homogenized = {name: _homogenize(pixels, labels[name]) for name in ("fast", "exact")}
        variance = {name: within_variance(pixels, found) for name, found in homogenized.items()}
        facts["regions"] = len(homogenized["fast"].spectra)
        facts["regions_exact"] = len(homogenized["exact"].spectra)
        facts["agreement_of_exact_with_another_seed"] = chance
        facts["variance_within"] = variance
        share = variance["fast"] / max(variance["exact"], 1e-12)
        findings = [
            _criterion("agreement", agreement, chance - 0.05, at_most=False),
            _criterion("variance", share, 1.1),
        ]
        if maps:
            difference, again = _map_differences(cube)
            findings.append(_criterion("map", difference, 0.01))
            facts["map_of_exact_with_another_seed"] = again
        return findings

    return Point([], facts, judge, cube.name)


def _criterion(name: str, value: float, limit: float, *, at_most: bool = True) -> Finding:
    return Finding(name, value, limit, at_most, kind="criterion")


def _pixels(cube: Cube) -> Cubes:
    """Standardized without bad pixels, as preparing does it, at the cube's own size."""
    low, high = usual_limits(cube.data.reshape(-1, cube.bands))
    clipped = np.clip(cube.data, low, high)
    constant = np.ptp(clipped, axis=(0, 1)) == 0
    return standardize(clipped[:, :, ~constant])


def _labels(pixels: Cubes, config: MixtureConfig) -> NDArray[np.int32]:
    found = mixture.components(pixels.reshape(-1, pixels.shape[2]), config)
    return found.reshape(pixels.shape[:2])


def _agreement(first: NDArray[np.int32], second: NDArray[np.int32]) -> float:
    return float(adjusted_rand_score(first.ravel(), second.ravel()))


def _homogenize(pixels: Cubes, labels: NDArray[np.int32]) -> Homogenized:
    region_map = connected_regions(labels)
    return Homogenized(region_map, region_means(pixels, region_map))


def _map_differences(cube: Cube) -> tuple[float, float]:
    """Mean differences from the exact mixture's map of the shipped detector.

    Returns:
        That of the fast mixture's map, and of the exact one's with another seed.
    """
    shipped = load_network(device="cpu")
    prepare = shipped.header.prepare
    seed = prepare["mixture"]["seed"]
    maps = []
    for change in ({"mode": "exact"}, {"mode": "fast"}, {"mode": "exact", "seed": seed + 1}):
        settings = {**prepare, "mixture": {**prepare["mixture"], **change}}
        header = replace(shipped.header, prepare=settings)
        maps.append(NetworkDetector(shipped.name, header, shipped.network, shipped.device)(cube))
    exact, fast, again = maps
    return float(np.abs(fast - exact).mean()), float(np.abs(again - exact).mean())


CASES = (
    Case(
        "mixture_quality",
        "The fast mixture against the exact one: adjusted Rand index of their components beside "
        "that of the exact one with another seed; variance within regions as a share of the "
        "exact's; mean difference of the saliency maps of the shipped detector.",
        _build,
        allocators=("default",),
        memory=False,
    ),
)
