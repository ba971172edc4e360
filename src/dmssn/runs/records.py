"""What the folder of a run tells, read back from its files.

recipe.toml  all settings, a recipe like any other
run.json     what else must stay the same on resuming, and facts of every start
log.jsonl    a line an epoch, and lines within long epochs
"""

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECIPE, ABOUT, LOG = "recipe.toml", "run.json", "log.jsonl"
RUNNING = "running_"
"""Before the name of a folder whose run is not complete."""
DIVERGED = "diverged.txt"
"""In the folder of a run whose numbers became infinite, if an ablation tried it: how they did."""
METRICS = {"mae": "MAE", "f_mean": "F mean", "f_max": "F max", "auc": "AUC"}
"""Metrics of validation, and what they are called wherever people see them."""
LESS_IS_BETTER = ("mae",)


def running_folder(final: Path) -> Path:
    """Where a run is until it is complete, by its final folder."""
    return final.with_name(f"{RUNNING}{final.name}")


def can_be_resumed(final: Path) -> bool:
    """Whether there is an interrupted run to go on with; one that ended as it began is removed.

    Args:
        final: The run's folder once it is finished.
    """
    running = running_folder(final)
    if (running / ABOUT).is_file():
        return True
    if running.is_dir():
        shutil.rmtree(running)
    return False


@dataclass(frozen=True)
class RunRecord:
    """What a run's folder tells, of a run that is complete or not.

    Attributes:
        folder: Where it is.
        recipe: All settings.
        identity: Stage, init and digest of the scenes.
        facts: Of every start: time, versions, processes, device.
        lines: The log.
    """

    folder: Path
    recipe: dict[str, Any]
    identity: dict[str, Any]
    facts: list[dict[str, Any]]
    lines: list[dict[str, Any]]

    @property
    def finished(self) -> bool:
        """Whether the folder has its final name."""
        return not self.folder.name.startswith(RUNNING)

    @property
    def state(self) -> str:
        """``finished``, ``diverged`` or ``unfinished``; whether it still trains is not told."""
        if self.finished:
            return "finished"
        return "diverged" if (self.folder / DIVERGED).is_file() else "unfinished"

    @property
    def stage(self) -> str:
        """``teacher`` or ``detector``."""
        return str(self.identity["stage"])

    @property
    def epochs_wanted(self) -> int:
        """Epochs of the recipe; training may end earlier."""
        return int(self.recipe[self.stage]["fit"]["epochs"])

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The lines that close an epoch."""
        return [line for line in self.lines if "epoch" in line]

    @property
    def best(self) -> dict[str, Any] | None:
        """The line of the epoch whose weights are the best ones; None before a validation."""
        scored = [line for line in self.epochs if line.get("score") is not None]
        return max(scored, key=lambda line: float(line["score"]), default=None)

    @property
    def seconds(self) -> float:
        """Of training, so far."""
        return max((float(line.get("seconds") or 0) for line in self.lines), default=0.0)


def read_run(folder: Path) -> RunRecord:
    """Read the folder of a run. A last line that is being written is left out.

    Raises:
        ValueError: A file is missing or damaged, or not of a run.
        OSError: The log cannot be read.
    """
    recipe, identity, facts = read_about(folder)
    lines = read_log(folder / LOG)
    if lines and lines[-1] is None:
        lines.pop()
    if None in lines:
        raise ValueError(f"{folder / LOG}: line {lines.index(None) + 1} is damaged; remove it")
    record = RunRecord(folder, recipe, identity, facts, [line for line in lines if line])
    try:
        _ = record.epochs_wanted, record.best, record.seconds
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder}: not the files of a training run ({error!r})") from None
    return record


def loss_terms(line: dict[str, Any]) -> dict[str, float | None]:
    """The loss terms of a line of the log, by name, as weighted."""
    return {
        key: value
        for key, value in line.items()
        if key == "l1" or ("/" in key and not key.startswith("val/"))
    }


def duration(seconds: float) -> str:
    """A time in words of two units at most.

    Example:
        >>> duration(12.3), duration(754), duration(4039), duration(200_000)
        ('12 s', '13 min', '1 h 07 min', '2 d 08 h')
    """
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{hours // 24} d {hours % 24:02} h"


def read_about(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Recipe, identity and facts.

    Raises:
        ValueError: One of the two files is missing or damaged, or not of a run.
    """
    path = folder / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        identity, facts = dict(about["identity"]), [dict(start) for start in about["facts"]]
        path = folder / RECIPE
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); restore it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: damaged, or not of a training run ({error!r}); restore it"
        ) from None
    return recipe, identity, facts


def read_log(path: Path) -> list[dict[str, Any] | None]:
    """The lines of a log; None for one that is not whole, as the last can be."""
    lines: list[dict[str, Any] | None] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        lines.append(line if isinstance(line, dict) else None)
    return lines
