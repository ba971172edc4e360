"""``dmssn runs``: tabulate the training runs below a folder.

dmssn runs runs
dmssn runs runs --sort score --json
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.table import Table

Key = Literal[
    "name",
    "stage",
    "state",
    "epochs",
    "best_epoch",
    "score",
    "mae",
    "f_mean",
    "f_max",
    "auc",
    "seconds",
    "processes",
]
LEFT = ("run", "stage", "state")
"""Columns of words."""
GAP = 2
"""Between two columns, in characters."""
UNBOUNDED = 10_000
"""Width of a table that goes to a file or a program, in characters: no line is ever folded."""


def main(
    folder: Path,
    *,
    sort: Key = "name",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Tabulate the training runs in a folder and below it, finished or not.

    Score and metrics are those of the best epoch, on the validation scenes. MAE is better low, all
    others are better high. What is not known, or not measured in that stage, is left empty.

    Args:
        folder: Where the runs are, at any depth; hidden folders are passed over.
        sort: What to sort by: numbers the best or most first.
        as_json: Print one JSON array, with all digits and times in seconds.

    Returns:
        0, or 1 when a run cannot be read; the others are tabulated.
    """
    from dmssn.runs.tables import sort_rows, tabulate

    rows, damaged = tabulate(folder)
    rows = sort_rows(rows, sort)
    for line in damaged:
        print(f"dmssn runs: {' '.join(line.split())}", file=sys.stderr)
    if as_json:
        print(json.dumps(rows, indent=1))
    elif rows:
        _print(rows)
    return 1 if damaged else 0


def _print(rows: list[dict[str, object]]) -> None:
    """All columns in one table, or in as many as the terminal is too narrow for."""
    from rich.console import Console

    from dmssn.runs.tables import cells

    now = datetime.now(UTC)
    texts = [cells(row, now) for row in rows]
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNBOUNDED
    widths = {
        heading: max(len(heading), *(len(text[heading]) for text in texts)) + GAP
        for heading in texts[0]
        if any(text[heading] for text in texts)
    }
    first, *others = widths
    while others:
        room = console.width - widths[first]
        shown = [others.pop(0)]
        while others and sum(widths[heading] for heading in [*shown, others[0]]) <= room:
            shown.append(others.pop(0))
        console.print(_table(texts, [first, *shown]))
        if others:
            console.print()


def _table(texts: list[dict[str, str]], headings: list[str]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in LEFT else "right", no_wrap=True)
    for text in texts:
        table.add_row(*(Text(text[heading]) for heading in headings))
    return table
