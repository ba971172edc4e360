"""The parts of the leaderboard that have scores: generated scenes, and real cubes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.baselines.border import along_sides
from dmssn.judging.markup import markdown_table, markdown_text
from dmssn.judging.results import Results
from dmssn.judging.summary import Summary, heading
from dmssn.judging.tables import (
    Cell,
    Table,
    attribute_tables,
    difference_table,
    number_text,
    score_table,
)
from dmssn.masks import read_mask
from recipes import evidence_calibration_page

REAL_TITLE = "Real cubes"
OF_A_CUBE = ("roc_auc", "max_f_measure")
SIDES = 4
"""Pixels that ``border`` looks at."""
GENERATED = """The 200 scenes of benchmark v1 are **generated**, and so are their masks
([scenes.md](scenes.md)): no camera has seen them, and a detector that does well here need not do
well on what one sees. The networks were trained on other scenes of the same generator, which
share neither measured spectra nor chance with these; other detectors are not trained.

The attributes: CB complex background, CS objects of the colour of what surrounds them, HDR high
dynamic range, SO small objects, MS objects of a material like those around them, MO several
objects; `none` has none of them.
"""
REAL = """Real cubes of four cameras. No detector was trained on them; how many components the fast
mixture of the network has was settled on them, by how near it comes to the exact one. They are too
few for means, so each is told by itself. The masks of the airborne scenes (abu, muufl) are their
authors' ground truth; their targets are a few pixels each, which is anomaly detection more than
salient object detection. Those of the four CAVE scenes were **derived** by hand from the pictures,
with errors of one or two pixels at edges, and they are scored outside the colour chart. That of the
corn kernel was **derived** by a threshold on the cube itself, which favours what sees brightness.
"""


def of_generated(summary: Summary, pictures: str, masks: Sequence[Path]) -> Iterator[str]:
    """The first part of the page."""
    results = summary.results
    yield from ("## Generated scenes: benchmark v1", "", GENERATED)
    sides, all_over = salient_shares([read_mask(mask) for mask in masks])
    yield (
        f"`border` takes the sides of a picture for background, and here they nearly are: "
        f"{sides:.1%} of the pixels within {SIDES} of a side are salient, {all_over:.1%} of all."
    )
    yield ""
    yield (
        f"Means over {len(results.scenes)} scenes with 95 % intervals (bootstrap over scenes); MAE "
        f"is better low, the others high. All metrics are in [table.csv]({pictures}/table.csv)."
    )
    yield ""
    yield from markdown_table(score_table(summary))
    yield from ("", f"Differences to {results.reference}, scene by scene:", "")
    yield from markdown_table(difference_table(summary))
    for metric, table in attribute_tables(summary).items():
        yield from ("", f"### {heading(metric)} by attribute", "")
        yield from markdown_table(table)
    yield from ("", f"![Precision and recall, ROC, F against threshold]({pictures}/curves.png)")
    yield from ("", f"![Scenes from the worst to the best, and maps]({pictures}/sheet_01.png)")
    yield from footer(results)


def salient_shares(masks: Sequence[NDArray[np.bool_]]) -> tuple[float, float]:
    """Shares of pixels that are salient, near the sides and anywhere: means over scenes."""
    sides = [mask[along_sides(mask.shape, SIDES)].mean() for mask in masks]
    return float(np.mean(sides)), float(np.mean([mask.mean() for mask in masks]))


def of_real(results: Results, kinds: dict[str, list[str]]) -> Iterator[str]:
    """The second part of the page: cubes as columns."""
    yield from (f"## {REAL_TITLE}", "", REAL)
    columns = [name for names in kinds.values() for name in names if name in results.scenes]
    for metric in OF_A_CUBE:
        rows = []
        for entry in results.entries:
            values = [results.scores[entry.name][name][metric] for name in columns]
            rows.append([Cell(entry.name), *(Cell(number_text(value)) for value in values)])
        for place in range(1, len(columns) + 1):
            most = max(row[place].text for row in rows)
            for row in rows:
                row[place] = replace(row[place], best=row[place].text == most)
        yield from ("", f"### {heading(metric)} of each cube", "")
        yield from markdown_table(Table(["entry", *map(short, columns)], rows))
    yield from ("", f"### {results.reference} at 0.5 and at the best threshold of each cube", "")
    cuts = evidence_calibration_page.real_table(results, results.reference, columns)
    rows = [[Cell(short(name.text)), *cells] for name, *cells in cuts.rows]
    yield from markdown_table(replace(cuts, rows=rows))
    yield from footer(results)


def short(name: str) -> str:
    """A cube's name without its size."""
    return name.removesuffix("_256x256x31").replace("_", " ")


def footer(results: Results) -> Iterator[str]:
    """How it was scored and measured."""
    yield ""
    yield from (f"- {markdown_text(said)}" for said in [*results.scoring, results.measured])
    yield from (f"- {markdown_text(said)}" for said in results.notes)
