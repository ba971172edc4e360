"""A run on one page: what it is, its curves, and scenes it does well and badly on."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmssn.files import replacing
from dmssn.runs.records import METRICS, RUNNING, RunRecord, duration, loss_terms, read_run
from dmssn.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

PAGE = "report.png"
WIDTH = 13.0
"""Of the page, in inches."""
DOTS = 120
"""In an inch."""
HEAD, CURVES, SCENES_HEAD = 0.9, 4.2, 0.6
"""Heights of the parts of the page, in inches."""
SCENE_TITLE = 0.3
"""Height of what is written above a scene, in inches."""
COLUMNS = 2
"""Scenes side by side."""
LOG_SPAN = 8.0
"""Times the least value of a panel that the greatest must be for a logarithmic axis."""
MARKED = 20
"""Most points of a curve that get a mark each."""
LONGEST = 30
"""Characters of a scene's name; longer ones are cut in the middle."""
MARGIN = 0.12
"""Around everything, in inches."""
LEFT = MARGIN / WIDTH
"""Where text begins, as a share of the width."""
LEGEND_COLUMNS = 2
GREY = "0.35"

Curves = dict[str, tuple[list[int], list[float]]]
"""Epochs and values by name."""


@dataclass(frozen=True)
class ShownScene:
    """A scene of the page.

    Attributes:
        name: Of the scene.
        metrics: By name; NaN where one is not defined.
        strip: As ``scene_pictures.scene_strip`` makes it, uint8 of shape (H, W, 3).
    """

    name: str
    metrics: Mapping[str, float]
    strip: NDArray[np.uint8]


def write_page(folder: Path, scenes: Sequence[ShownScene] = ()) -> Path:
    """Write ``report.png`` of a run, of one that is not complete as well.

    Args:
        folder: Of the run.
        scenes: Validation scenes from the best to the worst; the left column holds the first half.

    Returns:
        The file.

    Raises:
        ValueError: The run's files are damaged.
        OSError: They cannot be read, or the page cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    record = read_run(folder)
    rows = -(-len(scenes) // COLUMNS)
    shape = scenes[0].strip.shape if scenes else (1, 1)
    each = (WIDTH - 0.6) / COLUMNS * shape[0] / shape[1] + SCENE_TITLE
    heights = [HEAD, CURVES, *([SCENES_HEAD + rows * each] if scenes else [])]
    path = folder / PAGE
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whatever the user's own settings are
        # A name in a script the font does not have shows as boxes; that is no reason to complain.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        layout = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN / 2)
        figure = Figure(figsize=(WIDTH, sum(heights)), dpi=DOTS, layout=layout)
        FigureCanvasAgg(figure)
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _head(parts[0], record)
        _curves(parts[1], record)
        if scenes:
            _scenes(parts[2], scenes, rows)
        with replacing(path) as partial:
            figure.savefig(partial, metadata={"Software": None})
    return path


def _head(part: "SubFigure", record: RunRecord) -> None:
    """The name of the run, and in a line what it is."""
    done = record.epochs[-1]["epoch"] if record.epochs else 0
    count = record.facts[-1].get("processes") if record.facts else None
    digest = str(record.identity.get("scenes") or "")[:12]
    facts = [
        record.stage,
        f"{done} of {counted(record.epochs_wanted, 'epoch')}",
        duration(record.seconds),
        f"processes: {count or '?'}",
        f"scenes: {record.recipe['data']['prepared']}{f' ({digest})' if digest else ''}",
    ]
    folder = record.folder.resolve()
    name = f"{folder.parent.name}/{folder.name.removeprefix(RUNNING)}"
    part.text(LEFT, 0.88, name, fontsize=17, fontweight="bold", va="top", parse_math=False)
    said = "   |   ".join(facts)
    part.text(LEFT, 0.38, said, fontsize=10, color=GREY, va="top", parse_math=False)


def _curves(part: "SubFigure", record: RunRecord) -> None:
    """Loss terms, validation metrics and, where it is logged, the learning rate."""
    epochs = record.epochs
    losses = _gathered(epochs, [loss_terms(line) for line in epochs])
    scored = {"score"} if record.stage == "detector" else set()  # a teacher's only sums the others
    metrics = _gathered(
        epochs,
        [
            {
                key.removeprefix("val/"): value
                for key, value in line.items()
                if key.startswith("val/") or key in scored
            }
            for line in epochs
        ],
    )
    rates = _gathered(epochs, [{"learning rate": line.get("learning_rate")} for line in epochs])
    panels = {"Loss terms, weighted": losses, "Validation": metrics}
    if rates:
        panels["Learning rate"] = rates
    widths = [1.0, 1.0, 0.62][: len(panels)]
    all_axes = part.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0]
    for axes, (title, curves) in zip(all_axes, panels.items(), strict=True):
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        _panel(axes, curves, record)
    if metrics and record.stage == "detector":  # shares of 1, and a score that can be below 0
        lowest = min(min(ys) for _, ys in metrics.values())
        all_axes[1].set(yscale="linear", ylim=(min(0, lowest - 0.02), 1.02))
    if record.best is not None:
        best = f"best: epoch {record.best['epoch']}, score {record.best['score']:.3f}"
        all_axes[1].set_title(best, loc="right", fontsize=9, color=GREY)


def _gathered(
    epochs: Sequence[Mapping[str, Any]], values: Iterable[Mapping[str, float | None]]
) -> Curves:
    """The values of each epoch as curves; where there is no finite value there is no point."""
    curves: Curves = {}
    for line, named in zip(epochs, values, strict=True):
        for name, value in named.items():
            if value is not None and math.isfinite(value):
                xs, ys = curves.setdefault(name, ([], []))
                xs.append(line["epoch"])
                ys.append(value)
    return curves


def _panel(axes: "Axes", curves: Curves, record: RunRecord) -> None:
    """Curves over the epochs, on a logarithmic axis where they span much, the best one marked."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    if not curves:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing yet", ha="center", color=GREY, transform=axes.transAxes)
        return
    for name, (xs, ys) in curves.items():
        (curve,) = axes.plot(xs, ys, marker="o", markersize=3.5, label=METRICS.get(name, name))
        if len(xs) > MARKED:
            curve.set_marker("")
        if name == "score":
            curve.set(linewidth=2.4, color="black")
    values = [value for _, ys in curves.values() for value in ys]
    if min(values) > 0 and max(values) / min(values) > LOG_SPAN:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    last = max(line["epoch"] for line in record.epochs)
    axes.set_xlabel("epoch")
    axes.set_xlim(*((0, 2) if last == 1 else (1 - 0.02 * last, last * 1.02)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9")
    if record.best is not None:
        axes.axvline(record.best["epoch"], color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    if len(curves) > 1:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.16),
            ncols=LEGEND_COLUMNS,
            fontsize=8.5,
            frameon=False,
        )


def _scenes(part: "SubFigure", scenes: Sequence[ShownScene], rows: int) -> None:
    """The scenes in columns, each with its name and metrics above it."""
    part.suptitle(
        "Validation scenes, from the best (top left) to the worst (bottom right): "
        "as the network sees it, mask, saliency",
        x=LEFT,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    grid = part.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, scene in zip(grid.T.flat, scenes, strict=False):
        axes.imshow(scene.strip)
        told = "   ".join(
            f"{METRICS.get(name, name)} {'-' if math.isnan(value) else f'{value:.3f}'}"
            for name, value in scene.metrics.items()
        )
        name, half = scene.name, LONGEST // 2
        short = name if len(name) <= LONGEST else f"{name[:half]}...{name[-half:]}"
        axes.set_title(short, loc="left", fontsize=9, parse_math=False)
        axes.set_title(told, loc="right", fontsize=9, color=GREY, parse_math=False)
