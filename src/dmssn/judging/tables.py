"""Tables of a benchmark as cells of text, for pages of any format to lay out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmssn.judging.results import Entry
from dmssn.judging.statistics import ROUNDING, Intervals
from dmssn.judging.summary import BY_ATTRIBUTE, COMPARED, VERDICTS, Summary, heading
from dmssn.metric_names import low_is_better
from dmssn.wording import counted

NO_NUMBER = "-"


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        text: A name or a number.
        interval: Of the number, in brackets; empty where there is none.
        best: Whether the number is the best of its column.
        verdict: "better" or "worse" of a clear difference, else empty.
    """

    text: str
    interval: str = ""
    best: bool = False
    verdict: str = ""


@dataclass(frozen=True)
class Table:
    """A heading, and rows whose first cell is a name."""

    heading: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def score_table(
    summary: Summary, shown: Sequence[str] | None = None, *, costs: bool = True
) -> Table:
    """A row an entry: what it costs, and its metrics.

    Args:
        summary: Of a benchmark.
        shown: Metrics; all when left out.
        costs: Whether to tell parameters, time and memory.
    """
    results = summary.results
    metrics = [m for m in results.metrics if shown is None or m in shown]
    columns = [_column(summary.means, results.metrics.index(m), m) for m in metrics]
    on_gpu = any(entry.gpu_memory is not None for entry in results.entries)
    rows = [
        [Cell(entry.name), *(_costs(entry, on_gpu) if costs else []), *scores]
        for entry, *scores in zip(results.entries, *columns, strict=True)
    ]
    heads = ["parameters", "s / scene", "MB", *(["GPU MB"] if on_gpu else [])] if costs else []
    return Table(["entry", *heads, *map(heading, metrics)], rows)


def difference_table(summary: Summary) -> Table:
    """A row an entry, but for the reference: how far it is from it in ``COMPARED`` metrics."""
    metrics = summary.results.metrics
    shown = [metrics.index(metric) for metric in COMPARED if metric in metrics]
    rows = [
        [
            Cell(name),
            *(
                _cell(
                    summary.differences,
                    (entry, number),
                    sign=True,
                    verdict=VERDICTS[int(summary.verdicts[entry, number])],
                )
                for number in shown
            ),
        ]
        for entry, name in enumerate(summary.names)
        if name != summary.results.reference
    ]
    return Table(["entry", *(heading(metrics[number]) for number in shown)], rows)


def attribute_tables(summary: Summary) -> dict[str, Table]:
    """By metric of ``BY_ATTRIBUTE``: a row an entry, a column an attribute with its scenes."""
    metrics = summary.results.metrics
    tables = {}
    for metric in BY_ATTRIBUTE:
        if metric in metrics and summary.parts:
            number = metrics.index(metric)
            columns = [_column(means, number, metric) for _, means in summary.parts.values()]
            rows = [
                [Cell(name), *cells] for name, *cells in zip(summary.names, *columns, strict=True)
            ]
            codes = (f"{code} ({len(part)})" for code, (part, _) in summary.parts.items())
            tables[metric] = Table(["entry", *codes], rows)
    return tables


def undefined(summary: Summary) -> Iterator[str]:
    """What is not defined on every scene, a sentence a metric: its means are over fewer."""
    total = len(summary.results.scenes)
    for number, metric in enumerate(summary.results.metrics):
        names: dict[int, list[str]] = {}
        for name, scenes in zip(summary.names, summary.means.scenes[:, number], strict=True):
            if scenes < total:
                names.setdefault(int(scenes), []).append(name)
        if names:
            parts = (
                f"{scenes} of {counted(total, 'scene')}"
                f" ({'all entries' if len(own) == len(summary.names) else ', '.join(own)})"
                for scenes, own in sorted(names.items())
            )
            said = f"{heading(metric)} is not defined everywhere; its mean is over"
            yield f"{said} {'; '.join(parts)}."


def number_text(value: float, *, sign: bool = False) -> str:
    """Three decimals, without a 0 before the point; with ``sign`` a value near 0 keeps its own.

    Less than ``ROUNDING`` is 0 and has no sign.

    Example:
        >>> number_text(0.8124), number_text(-1e-5), number_text(1), number_text(-1e-5, sign=True)
        ('.812', '.000', '1.000', '-.000')
    """
    if np.isnan(value):
        return NO_NUMBER
    if abs(value) < ROUNDING or (not sign and round(float(value), 3) == 0):
        return ".000"
    return re.sub(r"^([+-]?)0\.", r"\1.", f"{value:+.3f}" if sign else f"{value:.3f}")


def parameters_text(number: int | None) -> str:
    """How many trained numbers, such as ``1.76 M``; "-" where it is not known."""
    if number is None:
        return NO_NUMBER
    for unit, size, digits in (("M", 1_000_000, 2), ("k", 1_000, 1)):
        if number >= size:
            return f"{number / size:.{digits}f} {unit}"
    return str(number)


def seconds_text(seconds: float | None) -> str:
    """Three digits or all whole seconds; "-" where it was not measured."""
    if seconds is None:
        return NO_NUMBER
    decimals = next(
        (digits for least, digits in ((100, 0), (10, 1), (1, 2)) if seconds >= least), 3
    )
    return f"{seconds:.{decimals}f}"


def megabytes_text(size: int | None) -> str:
    """Whole megabytes, 10^6 bytes; "-" where it was not measured."""
    return NO_NUMBER if size is None else f"{size / 1e6:,.0f}"


def _column(means: Intervals, number: int, metric: str) -> list[Cell]:
    """Cells of all entries; the best are told by the digits that are shown."""
    values = np.round(means.mean[:, number], 3)
    best = _best(values, metric) if len(values) > 1 else np.zeros(len(values), dtype=np.bool_)
    return [_cell(means, (entry, number), best=bool(best[entry])) for entry in range(len(values))]


def _best(values: NDArray[np.float64], metric: str) -> NDArray[np.bool_]:
    known = values[~np.isnan(values)]
    if known.size == 0:
        return np.zeros(values.shape, dtype=np.bool_)
    return np.asarray(values == (known.min() if low_is_better(metric) else known.max()))


def _cell(
    found: Intervals,
    place: tuple[int, int],
    *,
    sign: bool = False,
    best: bool = False,
    verdict: str = "",
) -> Cell:
    low, high = float(found.low[place]), float(found.high[place])
    bounds = (
        "" if np.isnan(low) else f"[{number_text(low, sign=sign)}, {number_text(high, sign=sign)}]"
    )
    return Cell(number_text(float(found.mean[place]), sign=sign), bounds, best, verdict)


def _costs(entry: Entry, on_gpu: bool) -> list[Cell]:
    least_and_most = ""
    if entry.seconds_range is not None:
        least_and_most = "[{}, {}]".format(*map(seconds_text, entry.seconds_range))
    return [
        Cell(parameters_text(entry.parameters)),
        Cell(seconds_text(entry.seconds), least_and_most),
        Cell(megabytes_text(entry.memory)),
        *([Cell(megabytes_text(entry.gpu_memory))] if on_gpu else []),
    ]
