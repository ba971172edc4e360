"""``dmssn runs``: tabulate the training runs below a folder.

Examples:
    dmssn runs runs
    dmssn runs runs --sort score --json
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dmssn.commands.tables import print_table

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
    """The table, without columns that are empty."""
    from dmssn.runs.tables import cells

    now = datetime.now(UTC)
    texts = [cells(row, now) for row in rows]
    headings = [heading for heading in texts[0] if any(text[heading] for text in texts)]
    table = [headings, *([text[heading] for heading in headings] for text in texts)]
    print_table(table, words=("stage", "state"))
