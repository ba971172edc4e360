"""Training runs below a folder, compared: a row a run."""

import math
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmssn.runs.records import (
    ABOUT,
    LESS_IS_BETTER,
    METRICS,
    RUNNING,
    RunRecord,
    duration,
    read_run,
)

WORDS = ("name", "stage", "state")
"""Values that are sorted from A to Z; numbers go from the best, or the most, down."""

Row = dict[str, Any]


def tabulate(root: Path) -> tuple[list[Row], list[str]]:
    """A row for every run below a folder, complete or not.

    Args:
        root: The folder, which may itself be of a run. Hidden folders in it are passed over.

    Returns:
        Rows by name, and one line for each run that cannot be read. Of the validated epochs a row
        holds the score and metrics of the best; what is not known is None. Times are in seconds,
        ``last_written`` as ISO 8601 in UTC.

    Raises:
        NotADirectoryError: There is no such folder.
        ValueError: There is no run.
    """
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder")
    rows, damaged, found = [], [], False
    for folder in _folders(root):
        found = True
        try:
            rows.append(_row(read_run(folder), root))
        except (ValueError, OSError) as error:
            damaged.append(str(error))
    if not found:
        raise ValueError(f"{root}: no training run in it or below; a run's folder holds {ABOUT}")
    return sort_rows(rows, "name"), damaged


def _folders(root: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if ABOUT in files:
            yield Path(folder)


def _row(record: RunRecord, root: Path) -> Row:
    best: dict[str, Any] = record.best or {}
    epochs, written = record.epochs, max(_written(record.folder))
    name = record.folder.relative_to(root).as_posix()
    return {
        "name": record.folder.resolve().name if name == "." else name,
        "folder": str(record.folder),
        "stage": record.stage,
        "state": record.state,
        "last_written": datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds"),
        "epochs": epochs[-1]["epoch"] if epochs else 0,
        "epochs_wanted": record.epochs_wanted,
        "best_epoch": best.get("epoch"),
        "score": best.get("score"),
        **{metric: best.get(f"val/{metric}") for metric in METRICS},
        "seconds": record.seconds,
        "processes": record.facts[-1].get("processes") if record.facts else None,
        "starts": len(record.facts),
    }


def _written(folder: Path) -> Iterator[float]:
    """When the folder and each of its files were last written to, as seconds of the epoch."""
    yield folder.stat().st_mtime
    for entry in os.scandir(folder):
        try:
            yield entry.stat().st_mtime
        except FileNotFoundError:  # replaced just now, by the training
            continue


def sort_rows(rows: Sequence[Row], key: str) -> list[Row]:
    """Rows in the order of one of their values: numbers the best or most first, unknown ones last.

    Names go as if those of unfinished runs had not ``running_`` in them.
    """

    def place(row: Row) -> tuple[bool, Any, str]:
        value, name = row[key], row["name"].replace(RUNNING, "")
        if key in WORDS:
            return False, name if key == "name" else value, name
        if value is None:
            return True, 0, name
        return False, value if key in LESS_IS_BETTER else -value, name

    return sorted(rows, key=place)


def cells(row: Row, now: datetime) -> dict[str, str]:
    """A row as the text of a table, by heading; empty where a value is not known.

    Args:
        row: Of ``tabulate``.
        now: With its time zone.
    """
    ago = (now - datetime.fromisoformat(row["last_written"])).total_seconds()
    state = row["state"]
    if state == "unfinished":  # whether it still runs nobody can tell from its files
        state = f"unfinished, wrote {duration(max(0, ago))} ago"
    return {
        "run": row["name"],
        "stage": row["stage"],
        "state": state,
        "epochs": f"{row['epochs']} of {row['epochs_wanted']}",
        "best": _number(row["best_epoch"]),
        "score": _number(row["score"]),
        **{label: _number(row[metric]) for metric, label in METRICS.items()},
        "trained": duration(row["seconds"]),
        "processes": _number(row["processes"]),
    }


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3f}"
