"""What homogenization buys and costs: time beside single pixels, and what an ablation found.

Homogenized, a scene is a table of region spectra; else every pixel is a region of its own.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch

from dmssn.ablation.pages import outcome
from dmssn.ablation.variants import OURS
from dmssn.config import PrepareConfig
from dmssn.cube import RowSource
from dmssn.detector import identity, load_network
from dmssn.judging.markup import markdown_table, markdown_text
from dmssn.judging.running import processor
from dmssn.judging.scenes import JudgedScene
from dmssn.judging.tables import Cell, Table, seconds_text
from dmssn.preparing import Statistics, homogenize, match_bands
from dmssn.recipes import from_table
from dmssn.runs.records import METRICS
from dmssn.store import write_json
from dmssn.surveying import survey
from dmssn.trained.network import NetworkDetector
from dmssn.wording import counted

HOW: tuple[Literal["region", "none"], ...] = ("region", "none")
"""Values of ``prepare.homogenize`` that are timed."""
VARIANTS = ("no-homogenization", "component-homogenization")
"""Of the ablation."""
SCENES = 12
"""Timed, evenly from the first to the last."""

Made = TypeVar("Made")
Timed = Mapping[str, Mapping[str, float]]
"""``region`` and ``none`` to seconds of ``homogenize`` and of ``network``, and ``spectra``."""


def time_scene(
    cube: RowSource, detector: NetworkDetector, turn: int
) -> dict[str, dict[str, float]]:
    """Homogenize a cube and run the network, by regions and by pixels, one after the other.

    Reading the cube and bringing it to the network's size, which is the same for both, is left out.

    Args:
        cube: Any number of bands.
        detector: Whose settings and network.
        turn: Even numbers begin with regions, odd ones with pixels.
    """
    config = from_table(PrepareConfig, detector.header.prepare)
    mean, std = detector.header.mean, detector.header.std
    known = None if mean is None or std is None else Statistics(np.array(mean), np.array(std))
    found = survey(cube, config.size, match_bands(cube, detector.header.bands, None)[0])
    timed: dict[str, dict[str, float]] = {}
    for how in HOW if turn % 2 == 0 else HOW[::-1]:
        chosen = replace(config, homogenize=how)
        regions, preparing = _timed(partial(homogenize, found, chosen, known))
        _, network = _timed(partial(detector.on_regions, regions))
        spectra = float(len(regions.spectra))
        timed[how] = {"homogenize": preparing, "network": network, "spectra": spectra}
    return timed


def time_scenes(cubes: Iterable[RowSource], detector: NetworkDetector) -> list[Timed]:
    """``time_scene`` of several; what a process does once is done before, on the first."""
    found: list[Timed] = []
    for turn, cube in enumerate(cubes):
        if not found:
            time_scene(cube, detector, turn)
        found.append(time_scene(cube, detector, turn))
    return found


def kept_times(judged: Sequence[JudgedScene], detector: str, path: Path) -> dict[str, Any]:
    """The times of a few scenes, measured once and kept.

    Args:
        judged: The scenes, of which some are taken.
        detector: As ``load_network`` takes it.
        path: File of the times; those of another detector or of other scenes are measured anew.
    """
    step = max(1, len(judged) // SCENES)
    some = judged[::step][:SCENES]
    wanted = {"detector": identity(detector), "scenes": [scene.name for scene in some]}
    if path.is_file():
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if {key: before.get(key) for key in wanted} == wanted:
            return before
    network = load_network(detector)
    told = {
        **wanted,
        "size": network.header.prepare["size"],
        "on": f"{processor()}, {counted(torch.get_num_threads(), 'thread')}, {network.device.type}",
        "times": time_scenes((scene.open() for scene in some), network),
    }
    write_json(path, told)
    return told


def time_table(times: Sequence[Timed]) -> Table:
    """A row a step: median seconds by regions and by pixels, and the median of the ratios."""
    steps: dict[str, Callable[[Mapping[str, float]], float]] = {
        "to region spectra, s": lambda side: side["homogenize"],
        "network, s": lambda side: side["network"],
        "both, s": lambda side: side["homogenize"] + side["network"],
        "spectra": lambda side: side["spectra"],
    }
    rows = []
    for title, take in steps.items():
        sides = [statistics.median(take(timed[how]) for timed in times) for how in HOW]
        ratio = ratio_of(times, take)
        text = [f"{side:,.0f}" if title == "spectra" else seconds_text(side) for side in sides]
        rows.append([Cell(title), *map(Cell, text), Cell(f"{ratio:.2f}")])
    return Table(["step", "regions", "pixels", "regions / pixels"], rows)


def ratio_of(times: Sequence[Timed], take: Callable[[Mapping[str, float]], float]) -> float:
    """Median over scenes of regions over pixels; both sides of a scene are of one run."""
    return statistics.median(take(timed["region"]) / take(timed["none"]) for timed in times)


def section(told: Mapping[str, Any], ablation: Mapping[str, Any] | None) -> Iterator[str]:
    """What it costs in time, and what the ablation found, if there was one.

    Args:
        told: As ``kept_times`` gives it.
        ablation: What ``results.json`` of ``dmssn ablate`` says; None without.
    """
    times = told["times"]
    whole = ratio_of(times, lambda side: side["homogenize"] + side["network"])
    how = f"{whole:.1f} times the time" if whole >= 1 else f"{whole:.0%} of the time"
    yield from ("## What homogenization buys and costs", "")
    yield (
        f"{counted(len(times), 'scene')} of the benchmark at {told['size']} pixels a side, with "
        "regions, and with every pixel a region of its own; median over the scenes, and of the "
        f"ratios scene by scene ({told['on']}). Reading a cube and bringing it to that size is the "
        f"same for both and left out. With regions a map takes {how} it takes without."
    )
    yield ""
    yield from markdown_table(time_table(times))
    yield ""
    if ablation is None or OURS not in ablation["variants"]:
        yield "What it is worth in scores, [ablations.md](ablations.md) says."
        return
    yield from of_ablation(ablation)


def of_ablation(results: Mapping[str, Any]) -> Iterator[str]:
    """The variants that homogenize otherwise, trained anew; all words follow from the numbers."""
    yield (
        "Trained with it, without it, and with whole components of the mixture in place of "
        f"connected regions ([ablations.md](ablations.md), {counted(results['seeds'], 'seed')}; "
        "mean ± standard deviation over the seeds):"
    )
    yield ""
    found = {n: told for n, told in results["variants"].items() if n in (OURS, *VARIANTS)}
    heads = [*METRICS.values(), "minutes of training"]
    rows = [
        [
            Cell(name),
            *(Cell(_spread(told["metrics"][metric])) for metric in METRICS),
            Cell("-" if told["minutes"] is None else f"{told['minutes']:.1f}"),
        ]
        for name, told in found.items()
    ]
    yield from markdown_table(Table(["variant", *heads], rows))
    yield ""
    for name in VARIANTS:
        if name in found:
            yield f"- {markdown_text(found[name]['claim'])} {markdown_text(outcome(name, results))}"


def read_results(folder: Path) -> dict[str, Any] | None:
    """``results.json`` of a folder of runs; None where there is none."""
    path = folder / "results.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _spread(number: Mapping[str, Any]) -> str:
    if number["mean"] is None:
        return "-"
    spread = "" if number["spread"] is None else f" ± {number['spread']:.3f}"
    return f"{number['mean']:.3f}{spread}"


def _timed(run: Callable[[], Made]) -> tuple[Made, float]:
    """What a call gives, and its seconds."""
    began = time.perf_counter()
    found = run()
    return found, time.perf_counter() - began
