"""Where the network is clearly better: its intervals against those of others, by attribute."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from dmssn.judging.markup import markdown_table
from dmssn.judging.statistics import Intervals, paired_differences
from dmssn.judging.summary import Summary, heading, values_of
from dmssn.judging.tables import NO_NUMBER, Cell, Table, number_text
from dmssn.metric_names import low_is_better
from dmssn.wording import counted

ALL = "all"
"""The row of all scenes."""
Word = Literal["clear", "better", "no", "-"]


class Compared(NamedTuple):
    """One part of the scenes and one metric: ours beside the best of others.

    Attributes:
        word: "clear", "better" or "no"; "-" where one of the two is not defined.
        difference: Ours minus the other's mean, positive where ours is better.
        other: Whose it is.
    """

    word: Word
    difference: float
    other: str


def against_best(
    means: Intervals, ours: int, others: Mapping[str, int], metric: int, *, low: bool
) -> Compared:
    """Our interval beside that of the best of the others, who is the best at this metric.

    Args:
        means: Of one part of the scenes.
        ours: Number of our entry.
        others: Name to number of the others.
        metric: Number of the metric.
        low: Whether its best value is the lowest.

    Returns:
        "clear" where the whole of our interval is on the better side of the whole of theirs;
        "better" where our mean is alone.
    """
    sign = -1.0 if low else 1.0
    known = {n: e for n, e in others.items() if not np.isnan(means.mean[e, metric])}
    if not known or np.isnan(means.mean[ours, metric]):
        return Compared("-", np.nan, "")
    best = max(known, key=lambda name: sign * float(means.mean[known[name], metric]))
    theirs = known[best]
    difference = sign * float(means.mean[ours, metric] - means.mean[theirs, metric])
    if low:
        gap = means.low[theirs, metric] - means.high[ours, metric]
    else:
        gap = means.low[ours, metric] - means.high[theirs, metric]
    word: Word = "clear" if gap > 0 else "better" if difference > 0 else "no"
    return Compared(word, difference, best)


def against_one(difference: Intervals, other: str, metric: int, *, low: bool) -> Compared:
    """Ours beside one other entry, scene by scene.

    Args:
        difference: Ours minus theirs, shapes (1, M).
        other: Their name.
        metric: Number of the metric.
        low: Whether its best value is the lowest.

    Returns:
        "clear" where the whole interval of the differences is on our side; "better" where their
        mean is alone.
    """
    sign = -1.0 if low else 1.0
    mean = sign * float(difference.mean[0, metric])
    if np.isnan(mean):
        return Compared("-", np.nan, other)
    end = -difference.high[0, metric] if low else difference.low[0, metric]
    return Compared("clear" if end > 0 else "better" if mean > 0 else "no", mean, other)


Rows = Mapping[str, Sequence[Compared]]
"""Part of the scenes to what came out for each metric."""


def rows_against_best(summary: Summary, others: Sequence[str]) -> Rows:
    """All scenes and those of each attribute, against the best of some entries at each metric."""
    numbers = {name: summary.names.index(name) for name in others}
    ours = summary.names.index(summary.results.reference)
    parts = {ALL: summary.means} | {code: means for code, (_, means) in summary.parts.items()}
    return {
        code: [
            against_best(means, ours, numbers, number, low=low_is_better(metric))
            for number, metric in enumerate(summary.results.metrics)
        ]
        for code, means in parts.items()
    }


def rows_against_one(summary: Summary, other: str) -> Rows:
    """All scenes and those of each attribute, against one entry, scene by scene."""
    results = summary.results
    values = values_of(results)
    ours, theirs = (summary.names.index(name) for name in (results.reference, other))
    parts = {ALL: results.scenes} | {code: part for code, (part, _) in summary.parts.items()}
    rows = {}
    for code, part in parts.items():
        some = np.ascontiguousarray(values[:, :, np.isin(results.scenes, part)])
        difference = paired_differences(some[[ours]], some[theirs])
        rows[code] = [
            against_one(difference, other, number, low=low_is_better(metric))
            for number, metric in enumerate(results.metrics)
        ]
    return rows


def comparison_table(summary: Summary, rows: Rows) -> Table:
    """A row a part of the scenes, a column a metric: the word, and the difference of the means."""
    sizes = {ALL: len(summary.results.scenes)}
    sizes |= {code: len(part) for code, (part, _) in summary.parts.items()}
    return Table(
        ["scenes", *map(heading, summary.results.metrics)],
        [[Cell(f"{code} ({sizes[code]})"), *map(_cell, found)] for code, found in rows.items()],
    )


def count_said(rows: Rows) -> str:
    """How often each word stands, and beside whom, a sentence."""
    cells = [cell for found in rows.values() for cell in found if cell.word != NO_NUMBER]
    words = Counter(cell.word for cell in cells)
    told = ", ".join(f"{word} in {words[word]}" for word in ("clear", "better", "no"))
    others = Counter(cell.other for cell in cells).most_common()
    beside = ", ".join(f"{name} in {number}" for name, number in others)
    whom = f" The best of them: {beside}." if len(others) > 1 else ""
    return f"Of {counted(len(cells), 'comparison')}: {told}.{whom}"


def section(summary: Summary, published: str) -> Iterator[str]:
    """The reference against the best classical detector, and against the published network.

    Args:
        summary: Of the metrics to show.
        published: Name of that entry, which may not be there.
    """
    results = summary.results
    ours = results.reference
    classical = [entry.name for entry in results.entries if entry.kind == "classical"]
    yield from (f"## Where {ours} is clearly better", "")
    if classical:
        rows = rows_against_best(summary, classical)
        yield (
            f"{ours} beside the best classical detector, which is the best one of all of them at "
            "that metric on those scenes. **clear**: the whole 95 % interval of the one is on the "
            "better side of that of the other; better: its mean alone is; no: neither. The number "
            "is the difference of the means, above 0 where the network is better (of MAE too)."
        )
        yield from ("", count_said(rows), "")
        yield from markdown_table(comparison_table(summary, rows))
    if published in summary.names and published != ours:
        rows = rows_against_one(summary, published)
        yield from ("", f"### Beside {published}", "")
        yield (
            "The published network, trained on the same scenes and for as long. **clear**: the "
            "whole 95 % interval of the differences, scene by scene, is on the side of "
            f"{ours}."
        )
        yield from ("", count_said(rows), "")
        yield from markdown_table(comparison_table(summary, rows))


def _cell(found: Compared) -> Cell:
    if found.word == NO_NUMBER:
        return Cell(NO_NUMBER)
    number = number_text(found.difference, sign=True)
    return Cell(f"{found.word} {number}", best=found.word == "clear")
