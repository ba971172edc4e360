"""The table on stdout."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.case import Case
from benchmarks.wording import criterion, duration, megabytes, number, ratio, spread, verdict

WIDTH = 170
"""Where stdout is no terminal, so that a file's lines do not break in the middle of a number."""


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show_cases(cases: Sequence[Case]) -> None:
    """Names of cases and rows, and what they are about."""
    table = Table("case", "rows", "about")
    for case in cases:
        table.add_row(case.name, "\n".join(row.name for row in case.rows), case.about)
    _console().print(table)


def show(results: dict[str, Any]) -> None:
    """The rows, and the findings of cases."""
    console = _console()
    table = Table(title="small sizes: not how fast it is" if results["quick"] else None)
    for heading in ("row", "allocator", "regions", "baseline", "dmssn", "ratio", "target", "met"):
        table.add_column(heading, justify="left" if heading in ("row", "allocator") else "right")
    table.add_column("memory, MB", justify="right")
    for row in results["rows"]:
        table.add_row(
            row["name"],
            row["allocator"],
            number(row["regions"]),
            f"{row['baseline']['side']} {spread(row['baseline'])}",
            spread(row["ours"]),
            ratio(row["ratio"]),
            ratio(row["target"]),
            verdict(row["met"]),
            f"{megabytes(row['baseline']['memory'])} / {megabytes(row['ours']['memory'])}",
        )
    console.print(table)
    _findings(results, console)


def _findings(results: dict[str, Any], console: Console) -> None:
    table = Table("case", "allocator", "finding", "value", "limit", "met")
    for case, measured in results["cases"].items():
        for allocator, one in measured.items():
            for point in one.get("points", ()) if allocator != "skipped" else ():
                for finding in point.get("findings", ()):
                    table.add_row(
                        f"{case} {point['label']}".strip(),
                        allocator,
                        finding["name"],
                        *criterion(finding),
                        verdict(finding["met"]),
                    )
    console.print(table)
    machine = results["cases"].get("machine", {})
    for allocator, one in machine.items():
        for point in one.get("points", ()):
            facts = point["facts"]
            console.print(
                f"machine, {allocator}: {facts['bandwidth'] / 1e9:.1f} GB/s copied, "
                f"{facts['clone_bandwidth'] / 1e9:.1f} GB/s cloned, "
                f"{facts['rate'] / 1e9:.0f} GFLOP/s"
            )
    for case, measured in results["cases"].items():
        if "skipped" in measured:
            console.print(f"{case}: skipped, {measured['skipped']}")
    scaling = results["cases"].get("scaling", {}).get("kept", {})
    if points := scaling.get("points"):
        _scaling(points, console)


def _scaling(points: list[dict[str, Any]], console: Console) -> None:
    table = Table("scaling", "regions", "dense", "dmssn")
    for point in points:
        sides = point["sides"]
        table.add_row(
            point["label"],
            number(point["facts"]["regions"]),
            duration(sides["dense"]["median"]),
            duration(sides["dmssn"]["median"]),
        )
    console.print(table)
