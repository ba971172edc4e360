"""Calibration as a section of the leaderboard, with its tables and picture."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmssn.files import replacing
from dmssn.judging.curves import COLOURS, DASHES, DOTS, GREY, TICKS
from dmssn.judging.markup import markdown_table
from dmssn.judging.results import Results
from dmssn.judging.tables import Cell, Table, number_text
from dmssn.metrics import LEVELS
from dmssn.scoring import Pair
from recipes.evidence_calibration import (
    BINS,
    HALF,
    Reliability,
    Thresholds,
    f_curves,
    reliability,
    tally,
    thresholds,
    verdict,
    with_interval,
)

SIZE = (8.6, 4.5)
"""Of the picture, in inches."""

Pairs = Sequence[Callable[[], Pair]]
"""What reads the map and the mask of each scene."""


def section(
    results: Results, pairs: Mapping[str, Pairs], picture: Path, link: str
) -> Iterator[str]:
    """Calibration of the entries given, a reliability table of the first; its picture is written.

    Args:
        results: Of the scenes.
        pairs: Entry to its maps and masks; the first is the one that is told at length.
        picture: File to write.
        link: To it, from the page.

    Raises:
        OSError: The picture cannot be written.
    """
    found = {name: reliability([tally(read()) for read in own]) for name, own in pairs.items()}
    cuts = {name: thresholds(f_curves(results, name)) for name in pairs}
    curves = {name: f_curves(results, name).mean(axis=0) for name in pairs}
    draw(found, curves, picture)
    first = next(iter(pairs))
    saliency, salient = found[first].overall
    way = "more" if saliency > salient else "less"
    yield from ("## Calibration", "")
    yield (
        "Is a saliency of 0.7 right in 70 % of cases, and is 0.5 a good threshold? Pixels of all "
        "scenes by their saliency, and what share of them is salient; the expected calibration "
        "error (ECE) is the mean gap between the two, over pixels. Intervals are of the bootstrap "
        "over scenes."
    )
    yield ""
    yield (
        f"{first}: {verdict(cuts[first])} On average its maps say {saliency:.1%} where "
        f"{salient:.1%} of the pixels are salient: {way} than there is."
    )
    yield ""
    yield from markdown_table(threshold_table(found, cuts))
    yield from ("", f"### Reliability of {first}", "")
    yield from markdown_table(reliability_table(found[first]))
    yield from ("", f"![Share that is salient, and F at each threshold]({link})")


def threshold_table(found: Mapping[str, Reliability], cuts: Mapping[str, Thresholds]) -> Table:
    """A row an entry."""
    best = ("F at the best threshold", "the best threshold", "gain on other scenes")
    heading = ["entry", "ECE", "F at 0.5", *best, "F max"]
    rows = []
    for name, cut in cuts.items():
        numbers = (found[name].error, cut.half, cut.best, cut.best_at)
        cells = [Cell(number_text(number)) for number in numbers]
        rows.append([Cell(name), *cells, Cell(with_interval(cut.gain)), Cell(number_text(cut.own))])
    return Table(heading, rows)


def reliability_table(found: Reliability) -> Table:
    """A row a bin."""
    rows = []
    for number in range(BINS):
        share, saliency, salient, low, high = (
            float(part[number]) for part in (found.pixels / found.pixels.sum(), *found[1:])
        )
        bounds = "" if np.isnan(low) else f"[{number_text(low)}, {number_text(high)}]"
        rows.append(
            [
                Cell(f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}"),
                Cell(f"{int(found.pixels[number]):,}"),
                Cell(f"{share:.1%}"),
                Cell(number_text(saliency)),
                Cell(number_text(salient), bounds),
            ]
        )
    return Table(["saliency", "pixels", "of all", "mean saliency", "really salient"], rows)


def real_table(results: Results, entry: str, columns: Sequence[str]) -> Table:
    """Of single scenes: F at 0.5, F max, and the threshold that F max is at; a row a scene."""
    rows = []
    for scene in columns:
        curve = results.curves[entry][scene].f_measure
        best = int(curve.argmax())
        numbers = (float(curve[HALF]), float(curve[best]), best / (LEVELS - 1))
        rows.append([Cell(scene), *(Cell(number_text(number)) for number in numbers)])
    return Table(["cube", "F at 0.5", "F max", "which is at"], rows)


def draw(
    found: Mapping[str, Reliability], curves: Mapping[str, NDArray[np.float64]], path: Path
) -> None:
    """Write the picture: share salient against saliency, and mean F against threshold.

    The same numbers give the same bytes, whatever the user's own matplotlib settings.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whatever the user's own settings are
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=SIZE, dpi=DOTS, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color="0.75", linewidth=1, linestyle=(0, (1, 3)))
        right.axvline(0.5, color="0.75", linewidth=1, linestyle=(0, (1, 3)))
        for number, (name, its) in enumerate(found.items()):
            style = {
                "color": COLOURS[number % len(COLOURS)],
                "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
                "linewidth": 1.6,
            }
            bounds = np.stack([its.salient - its.low, its.high - its.salient]).clip(0)
            label = f" {name} (ECE {number_text(its.error)})"
            left.plot(its.saliency, its.salient, marker="o", markersize=4, label=label, **style)
            left.errorbar(
                its.saliency, its.salient, bounds, fmt="none", ecolor=style["color"], elinewidth=1
            )
            right.plot(np.linspace(0, 1, curves[name].size), curves[name], **style)
        left.set_title("Reliability", loc="left", fontsize=11, fontweight="bold")
        left.set(xlabel="mean saliency", ylabel="share of pixels that is salient")
        right.set_title("F-measure, mean over scenes", loc="left", fontsize=11, fontweight="bold")
        right.set(xlabel="threshold", ylabel="F-measure")
        for axes in (left, right):
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=TICKS, yticks=TICKS)
            axes.set_aspect("equal")
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(color="0.92")
        legend = left.legend(loc="upper left", fontsize=9, frameon=False, labelcolor=GREY)
        for text in legend.get_texts():
            text.set_parse_math(False)
        with replacing(path) as partial:
            figure.savefig(partial, metadata={"Software": None})
