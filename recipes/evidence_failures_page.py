"""The worst scenes of an entry as a section of the leaderboard, with their contact sheet."""

import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dmssn.files import replacing
from dmssn.judging.contestants import Contestant
from dmssn.judging.markup import markdown_text
from dmssn.judging.pages import loader
from dmssn.judging.pictures import picture_file
from dmssn.judging.results import Results
from dmssn.judging.running import map_file
from dmssn.judging.scenes import JudgedScene
from dmssn.judging.sheets import SheetRow, Sheets, write_sheets
from dmssn.judging.summary import heading
from dmssn.judging.tables import number_text
from recipes.evidence_failures import THRESHOLD, Facts, facts_of, kind_of, why

METRIC = "mean_f_measure"
WORST = 10
CLASSICAL_SHOWN = 3
"""Classical detectors on the sheet, the best of those scenes."""


def worst_scenes(results: Results, entry: str, count: int = WORST) -> list[str]:
    """Scenes with the lowest F mean, the worst first; equals by name."""
    scores = results.scores[entry]
    known = [scene for scene in results.scenes if not math.isnan(scores[scene][METRIC])]
    return sorted(known, key=lambda scene: scores[scene][METRIC])[:count]


def shown_entries(results: Results, scenes: Sequence[str]) -> list[str]:
    """All networks, and the classical detectors that are the best on these scenes."""
    means = {
        entry.name: float(np.nanmean([results.scores[entry.name][s][METRIC] for s in scenes]))
        for entry in results.entries
        if entry.kind == "classical"
    }
    best = sorted(means, key=lambda name: -means[name])[:CLASSICAL_SHOWN]
    return [e.name for e in results.entries if e.kind != "classical" or e.name in best]


def section(
    results: Results,
    judged: Sequence[JudgedScene],
    entrants: Sequence[Contestant],
    work: Path,
    told: Mapping[str, Mapping[str, Any]],
    picture: Path,
    link: str,
) -> Iterator[str]:
    """The worst scenes of the reference, with a reason each; their sheet is written.

    Args:
        results: Of the scenes, with all metrics.
        judged: The scenes.
        entrants: Whose maps are in ``work``.
        work: Folder of the benchmark.
        told: What the generator told of each scene.
        picture: File of the sheet.
        link: To it, from the page.

    Raises:
        OSError: A map cannot be read, or the sheet not written.
    """
    ours = results.reference
    scenes = worst_scenes(results, ours)
    by_name = {scene.name: scene for scene in judged}
    maps = {one.name: one for one in entrants}
    classical = [entry.name for entry in results.entries if entry.kind == "classical"]
    facts = {
        scene: facts_of(
            by_name[scene].pair(map_file(work, maps[ours], scene)),
            results.scores[ours][scene],
            {name: results.scores[name][scene]["roc_auc"] for name in classical},
            results.attributes.get(scene, ()),
            told.get(scene, {}),
        )
        for scene in scenes
    }
    shown = shown_entries(results, scenes)
    rows = [SheetRow(s, [results.scores[name][s][METRIC] for name in shown]) for s in scenes]
    pairs = {
        scene: {
            name: partial(by_name[scene].pair, map_file(work, maps[name], scene)) for name in shown
        }
        for scene in scenes
    }
    pictures = {scene: picture_file(work, scene) for scene in scenes}
    entries = [entry for entry in results.entries if entry.name in shown]
    load = loader(replace(results, entries=entries), pictures, pairs)
    with TemporaryDirectory() as folder:
        (sheet,) = write_sheets(Path(folder), Sheets(shown, METRIC, rows), load)
        with replacing(picture) as partial_file:
            shutil.copyfile(sheet, partial_file)
    yield from (f"## The worst scenes of {ours}", "")
    kinds = Counter(kind_of(its) for its in facts.values()).most_common()
    yield (
        f"The {len(scenes)} scenes with the lowest {heading(METRIC)}. What is said of each follows "
        f"from numbers by fixed rules: the map at {THRESHOLD:g}, the classical detectors on the "
        "same scene, and what the generator measured. It goes with the error and need not be its "
        f"cause. Kinds of error: {', '.join(f'{kind} {number}' for kind, number in kinds)}."
    )
    yield ""
    yield from failure_table(results, facts)
    yield from ("", f"![The worst scenes, and maps of them]({link})")


def failure_table(results: Results, facts: Mapping[str, Facts]) -> Iterator[str]:
    """Lines of a table, a row a scene; reasons are read from the left."""
    yield f"| scene | {heading(METRIC)} | AUC | salient | objects | attributes | why |"
    yield "|---|---:|---:|---:|---:|---|---|"
    for scene, its in facts.items():
        cells = [
            scene,
            number_text(results.scores[results.reference][scene][METRIC]),
            number_text(its.auc),
            f"{its.salient:.1%}",
            str(its.told.get("objects", "-")),
            " ".join(its.attributes) or "none",
            why(its),
        ]
        yield f"| {' | '.join(map(markdown_text, cells))} |"
