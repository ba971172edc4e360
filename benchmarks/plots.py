"""The plots of the report, as SVG whose bytes depend on the results alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import limits
from benchmarks.wording import duration

OURS, THEIRS = "#1b6ca8", "#b0702c"
PARTS = ("#1b6ca8", "#b0702c", "#4b8b3b", "#8c4799", "#c0392b", "#7f8c8d")
AXES = {"pixels": "pixels", "bands": "bands", "regions": "regions", "images": "images in a batch"}
KEPT = "kept"

Bars = Mapping[str, Mapping[str, float]]
"""Seconds by part, by the name of the bar."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure, its text as text."""
    # The salt names the parts of the file, which would be random, and the date would be today's.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def speed(results: dict[str, Any]) -> Figure | None:
    """How many times as fast each stage is, with its target, under both allocators."""
    rows = [row for row in results["rows"] if row["target"] is not None]
    names = list(dict.fromkeys(row["name"] for row in rows))
    if not names:
        return None
    figure, axes = _figure(1, 1, (8, 0.5 * len(names) + 1.2))
    (axis,) = axes
    for row in rows:
        kept = row["allocator"] == KEPT
        place = names.index(row["name"]) + (0.2 if kept else -0.2)
        label = "freed memory kept" if kept else "default allocator"
        axis.barh(place, row["ratio"], 0.36, color=OURS if kept else THEIRS, label=label)
        axis.plot([row["target"]] * 2, [place - 0.22, place + 0.22], color="black")
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.axvline(1, color="grey", linewidth=0.8)
    axis.set_xlabel("times as fast as the baseline; the black line is the target")
    _legend(axis)
    return figure


def where_time_goes(tasks: Mapping[str, Bars]) -> Figure | None:
    """Stacked bars of each task's parts, before and after, each bar on its own scale."""
    bars = [(task, name, parts) for task, both in tasks.items() for name, parts in both.items()]
    if not bars:
        return None
    figure, axes = _figure(len(bars), 1, (8, 1.25 * len(bars)))
    for axis, (task, name, parts) in zip(axes, bars, strict=True):
        left, whole = 0.0, sum(parts.values())
        for index, (part, seconds) in enumerate(parts.items()):
            label = f"{part}, {duration(seconds)}"
            axis.barh(0, seconds, left=left, color=PARTS[index % len(PARTS)], label=label)
            left += seconds
        axis.set_xlim(0, whole)
        axis.set_yticks([])
        axis.set_title(f"{task}, {name}: {duration(whole)}", loc="left", fontsize=9)
        axis.set_xlabel("seconds", fontsize=8)
        _legend(axis)
    return figure


def scaling(results: dict[str, Any]) -> Figure | None:
    """Time against pixels, bands, regions and images; packed and dense."""
    points = results["cases"].get("scaling", {}).get(KEPT, {}).get("points", [])
    if not points:
        return None
    tasks = list(dict.fromkeys(point["facts"]["task"] for point in points))
    figure, axes = _figure(len(tasks), len(AXES), (12, 3 * len(tasks)))
    for row, task in enumerate(tasks):
        for column, (name, title) in enumerate(AXES.items()):
            axis = axes[row * len(AXES) + column]
            chosen = [p for p in points if (p["facts"]["axis"], p["facts"]["task"]) == (name, task)]
            chosen.sort(key=lambda point: point["facts"]["at"])
            places = [point["facts"]["at"] for point in chosen]
            for side, colour in (("dense", THEIRS), ("dmssn", OURS)):
                times = [point["sides"][side]["median"] for point in chosen]
                axis.plot(places, times, "o-", color=colour, label=side)
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_xticks(places, [_short(place) for place in places], rotation=45)
            axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            axis.set_xlabel(title)
            axis.set_ylabel(f"{task}, seconds")
            axis.grid(visible=True, alpha=0.25)
    axes[0].legend(fontsize=8)
    return figure


def roofline(results: dict[str, Any]) -> Figure | None:
    """Operations a second of each stage beside what memory and arithmetic allow."""
    limit = limits(results)
    rows = [r for r in results["rows"] if r["allocator"] == KEPT and r["floor"]]
    rows = [row for row in rows if row["floor"]["operations"]]
    if limit is None or not rows:
        return None
    bandwidth, rate = limit
    figure, axes = _figure(1, 1, (8, 5))
    (axis,) = axes
    intensity = {r["name"]: r["floor"]["operations"] / r["floor"]["bytes"] for r in rows}
    low, high = min(intensity.values()) / 3, max(*intensity.values(), rate / bandwidth) * 3
    axis.plot([low, rate / bandwidth, high], [low * bandwidth, rate, rate], color="black")
    for index, row in enumerate(rows):
        reached = row["floor"]["operations"] / row["ours"]["median"]
        colour, marker = PARTS[index % len(PARTS)], "os^Dv"[index % 5]
        axis.plot(intensity[row["name"]], reached, marker, color=colour, label=row["name"])
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("necessary operations over necessary bytes")
    axis.set_ylabel("necessary operations a second")
    axis.grid(visible=True, which="major", alpha=0.25)
    _legend(axis)
    return figure


def _short(number: int) -> str:
    """Thousands as k."""
    return f"{number / 1000:.3g}k" if number >= 1000 else str(number)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    # Not through pyplot, which would keep the figure and may look for a screen.
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False)
    return figure, list(grid.ravel())


def _legend(axis: Axes) -> None:
    """Each label once, beside the plot."""
    handles, labels = axis.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axis.legend(once.values(), once.keys(), fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
