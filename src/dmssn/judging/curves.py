"""Curves of each entry, means over scenes: one figure, and its numbers.

Letters: T thresholds, of which there are 256; F false positive rates, 257.
"""

import csv
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.files import replacing
from dmssn.judging.results import Results
from dmssn.judging.summary import heading, values_of
from dmssn.judging.tables import number_text
from dmssn.metrics import Curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WIDTH, PANELS = 13.0, 4.3
"""Of the figure, and height of its panels, in inches."""
LEGEND_ROW, LEGEND_PAD = 0.235, 0.3
"""Height of a row of the legend, and around it, in inches."""
DOTS = 120
"""In an inch."""
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#999999",
)
"""Colour-blind readers tell them apart too: Okabe and Ito, Color Universal Design, 2008, but grey
in place of yellow, which is lost on white."""
DASHES = ("solid", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
"""The next for every round through the colours."""
IN_LEGEND = ("roc_auc", "max_f_measure")
"""Metrics told beside a name."""
LONGEST = 34
"""Characters of a name in the legend; longer ones are cut in the middle."""
LEGEND_COLUMNS = 3
GREY = "0.35"
TICKS = (0, 0.2, 0.4, 0.6, 0.8, 1)


class Panel(NamedTuple):
    """One of the figure's three."""

    title: str
    x_label: str
    y_label: str


PANEL_LABELS = (
    Panel("Precision and recall", "recall", "precision"),
    Panel("ROC", "false positive rate", "true positive rate"),
    Panel("F-measure", "threshold", "F-measure"),
)


def mean_curves(curves: Sequence[Curves]) -> Curves:
    """Mean of each point over the scenes where it is defined; NaN where it is for none.

    At a threshold, precision and recall are averaged over the scenes; of ROC curves, the true
    positive rate at a false positive rate (vertical averaging, Fawcett, Pattern Recognition
    Letters 27, 2006).
    """
    return Curves(*(_defined_mean(np.stack(points)) for points in zip(*curves, strict=True)))


def write_curves(results: Results, stem: Path) -> list[Path]:
    """Write the figure as ``STEM.png`` and ``STEM.svg``, and its numbers as ``STEM.csv``.

    Three panels: precision against recall, ROC, F-measure against threshold; means over scenes.
    The same results give the same bytes, whatever the user's own matplotlib settings.

    Args:
        results: Of every scene.
        stem: The files' common path, without a suffix.

    Returns:
        The files.

    Raises:
        OSError: A file cannot be written.
    """
    scenes = results.scenes
    means = {
        entry.name: mean_curves([results.curves[entry.name][scene] for scene in scenes])
        for entry in results.entries
    }
    pictures = _draw(means, _labels(results), stem)
    return [*pictures, _write_numbers(means, stem)]


def _defined_mean(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of shape (scenes, T or F), over the scenes."""
    defined = ~np.isnan(points)
    sums = np.where(defined, points, 0.0).sum(axis=0)
    number = defined.sum(axis=0)
    mean = np.full(sums.shape, np.nan)
    np.divide(sums, number, out=mean, where=number > 0)
    return mean


def _labels(results: Results) -> list[str]:
    """Of the legend: names, and the scores that the table has."""
    metrics = results.metrics
    shown = [metrics.index(metric) for metric in IN_LEGEND if metric in metrics]
    labels = []
    for entry, values in zip(results.entries, values_of(results), strict=True):
        scores = _defined_mean(values.T)
        told = ", ".join(f"{heading(metrics[m])} {number_text(scores[m])}" for m in shown)
        # matplotlib before 3.10 leaves out what begins with an underscore; after a space none does.
        labels.append(f" {_short(entry.name)}" + (f"  ({told})" if told else ""))
    return labels


def _short(name: str) -> str:
    flat = " ".join(name.split())
    half = (LONGEST - 1) // 2
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1 - half]}…{flat[-half:]}"


def _draw(means: dict[str, Curves], labels: Sequence[str], stem: Path) -> list[Path]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    legend = -(-len(means) // LEGEND_COLUMNS) * LEGEND_ROW + LEGEND_PAD
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whatever the user's own settings are
        matplotlib.rcParams["svg.hashsalt"] = "dmssn"  # names in the SVG are random without one
        # A name in a script the font does not have shows as boxes; that is no reason to complain.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, wspace=0.04)
        figure = Figure(figsize=(WIDTH, PANELS + legend), dpi=DOTS, layout=layout)
        FigureCanvasAgg(figure)
        lines = _panels(figure, means)
        _legend(figure, lines, labels)
        return [_saved(figure, stem, suffix) for suffix in (".png", ".svg")]


def _saved(figure: "Figure", stem: Path, suffix: str) -> Path:
    path = stem.with_name(f"{stem.name}{suffix}")
    undated = {"Software": None} if suffix == ".png" else {"Date": None, "Creator": None}
    with replacing(path) as partial:
        figure.savefig(partial, metadata=undated)
    return path


def _panels(figure: "Figure", means: dict[str, Curves]) -> list["Line2D"]:
    """Draw all curves; returns one line an entry, for the legend."""
    axes = figure.subplots(1, len(PANEL_LABELS))
    for panel, labels in zip(axes, PANEL_LABELS, strict=True):
        _frame(panel, labels)
    axes[1].plot([0, 1], [0, 1], color="0.75", linewidth=1, linestyle=(0, (1, 3)), zorder=1)
    drawn = []
    for number, curves in enumerate(means.values()):
        colour = COLOURS[number % len(COLOURS)]
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        for panel, (x, y) in zip(axes, _points(curves), strict=True):
            (line,) = panel.plot(x, y, color=colour, linestyle=dash, linewidth=1.6)
        drawn.append(line)
    return drawn


def _points(curves: Curves) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each panel."""
    yield curves.recall, curves.precision
    yield _shares(curves.true_positive_rate), curves.true_positive_rate
    yield _shares(curves.f_measure), curves.f_measure


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the values are at: equal steps from 0 to 1."""
    return np.linspace(0, 1, values.size)


def _frame(axes: "Axes", labels: Panel) -> None:
    axes.set_title(labels.title, loc="left", fontsize=11, fontweight="bold")
    axes.set(xlabel=labels.x_label, ylabel=labels.y_label, xticks=TICKS, yticks=TICKS)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.92")


def _legend(figure: "Figure", lines: Sequence["Line2D"], labels: Sequence[str]) -> None:
    """Under the panels, read row by row."""
    columns = min(LEGEND_COLUMNS, len(lines))
    rows = -(-len(lines) // columns)
    # matplotlib fills column by column: dealt out so that rows read in the entries' order.
    order = [row * columns + column for column in range(columns) for row in range(rows)]
    order = [number for number in order if number < len(lines)]
    legend = figure.legend(
        [lines[number] for number in order],
        [labels[number] for number in order],
        loc="outside lower center",
        ncols=columns,
        fontsize=9,
        frameon=False,
        handlelength=3.2,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _write_numbers(means: dict[str, Curves], stem: Path) -> Path:
    """A line for each entry and step: at threshold t / 255, and at false positive rate i / 256."""
    path = stem.with_name(f"{stem.name}.csv")
    at_threshold = ["threshold", "precision", "recall", "f_measure"]
    at_rate = ["false_positive_rate", "true_positive_rate"]
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["entry", *at_threshold, *at_rate])
        for name, curves in means.items():
            by_threshold = [curves.precision, curves.recall, curves.f_measure]
            left = np.stack([_shares(curves.precision), *by_threshold], axis=1).tolist()
            rates = curves.true_positive_rate
            right = np.stack([_shares(rates), rates], axis=1).tolist()
            left += [[""] * len(at_threshold)] * (len(right) - len(left))
            writer.writerows([name, *a, *b] for a, b in zip(left, right, strict=True))
    return path
