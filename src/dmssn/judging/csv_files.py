"""What a benchmark found as comma-separated values, all digits; an undefined value is ``nan``."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dmssn.files import replacing
from dmssn.judging.results import Entry, Results
from dmssn.judging.summary import VERDICTS, Summary

Row = Sequence[str | float | None]


def write_table(path: Path, summary: Summary) -> None:
    """Write ``table.csv``: a line an entry.

    Columns: name, kind, about, parameters, scenes; for each metric its mean and, as METRIC_low
    and METRIC_high, its interval; seconds (median), seconds_least, seconds_most, memory_bytes,
    gpu_memory_bytes. What is not known is
    empty.
    """
    results = summary.results
    metrics = [f"{metric}{end}" for metric in results.metrics for end in ("", "_low", "_high")]
    costs = ["seconds", "seconds_least", "seconds_most", "memory_bytes", "gpu_memory_bytes"]
    heading = ["name", "kind", "about", "parameters", "scenes", *metrics, *costs]
    _write(path, heading, (_entry_row(summary, *place) for place in enumerate(results.entries)))


def write_differences(path: Path, summary: Summary) -> None:
    """Write ``differences.csv``: a line for each entry but the reference, and each metric.

    Columns: entry, reference, metric, difference (entry minus reference), low, high, scenes (that
    both have a value of), verdict ("better", "worse" or nothing).
    """
    heading = ["entry", "reference", "metric", "difference", "low", "high", "scenes", "verdict"]
    _write(path, heading, _difference_rows(summary))


def write_scores(path: Path, results: Results) -> None:
    """Write ``scores.csv``: a line for each entry and scene, with every metric."""
    rows: Iterator[Row] = (
        [entry.name, scene, *(results.scores[entry.name][scene][m] for m in results.metrics)]
        for entry in results.entries
        for scene in results.scenes
    )
    _write(path, ["entry", "scene", *results.metrics], rows)


def _entry_row(summary: Summary, number: int, entry: Entry) -> Row:
    means = summary.means
    bounded = zip(means.mean[number], means.low[number], means.high[number], strict=True)
    return [
        entry.name,
        entry.kind,
        entry.about,
        entry.parameters,
        len(summary.results.scenes),
        *(float(value) for three in bounded for value in three),
        entry.seconds,
        *(entry.seconds_range or (None, None)),
        entry.memory,
        entry.gpu_memory,
    ]


def _difference_rows(summary: Summary) -> Iterator[Row]:
    found, reference = summary.differences, summary.results.reference
    for entry, name in enumerate(summary.names):
        if name == reference:
            continue
        for number, metric in enumerate(summary.results.metrics):
            place = entry, number
            numbers = (float(part[place]) for part in (found.mean, found.low, found.high))
            verdict = VERDICTS[int(summary.verdicts[place])]
            yield [name, reference, metric, *numbers, int(found.scenes[place]), verdict]


def _write(path: Path, heading: Sequence[str], rows: Iterable[Row]) -> None:
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)
