"""Time against pixels, bands, regions and images, packed and dense; for the plots."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.case import Case, Point
from benchmarks.cases.networks import facts_of, inference_sides
from benchmarks.cases.training import detector_sides
from benchmarks.inputs import Inputs

NOISE = 0.115
"""That of the main scene, nearly."""


@dataclass(frozen=True)
class Ranges:
    """What is varied; the rest stays at the middle of it all."""

    pixels: tuple[int, ...] = (128, 256, 384, 512, 768)
    """Sides of the picture."""
    bands: tuple[int, ...] = (31, 64, 128, 200)
    noises: tuple[float, ...] = (0.01, 0.115, 0.25, 0.6, 2.0)
    """Each falls into other numbers of regions, about 1,700 to 60,000."""
    images: tuple[int, ...] = (1, 2, 4, 8)
    side: int = 512
    batch_side: int = 256


QUICK = Ranges((64, 96), (12, 24), (0.05, 1.0), (1, 2), 64, 64)


def _build(inputs: Inputs) -> Iterator[Point]:
    ranges = QUICK if inputs.quick else Ranges()
    bands = inputs.sizes.bands
    for side in ranges.pixels:
        yield from _points(inputs, "pixels", side**2, side, bands)
    for count in ranges.bands:
        yield from _points(inputs, "bands", count, ranges.side, count)
    for noise in ranges.noises:
        yield from _points(inputs, "regions", None, ranges.side, bands, noise)
    for images in ranges.images:
        yield from _points(inputs, "images", images, ranges.batch_side, bands, images=images)


def _points(
    inputs: Inputs,
    axis: str,
    at: int | None,
    side: int,
    bands: int,
    noise: float = NOISE,
    images: int = 1,
) -> Iterator[Point]:
    batch = inputs.batch(side, bands, noise, images)
    facts: dict[str, Any] = facts_of(batch)
    facts |= {"axis": axis, "at": facts["regions"] if at is None else at}
    for task, sides in (("inference", inference_sides), ("training", detector_sides)):
        compared = [one for one in sides(batch) if one.name in ("dmssn", "dense")]
        yield Point(compared, facts | {"task": task}, label=f"{task}, {facts['at']} {axis}")


CASES = (
    Case(
        "scaling",
        "Inference and training steps of packed tables and of the plain dense network.",
        _build,
        repeats=2,
        allocators=("kept",),
        memory=False,
    ),
)
