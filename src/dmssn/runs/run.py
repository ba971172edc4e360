"""A run: a folder with the recipe, a log and checkpoints, ``running_NAME`` until complete.

What is in its files ``run_records`` tells, which reads them.
"""

import json
import math
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from dmssn.files import remove_partial, replacing
from dmssn.runs.records import (
    ABOUT,
    LOG,
    RECIPE,
    duration,
    loss_terms,
    read_about,
    read_log,
    running_folder,
)
from dmssn.store import write_json

FREE = (
    *("data.scenes", "data.prepared", "detector.teacher"),
    *("teacher.fit.workers", "detector.fit.workers"),
)
"""Keys of a recipe that tell where something is, or who loads scenes: the weights do not depend on
them, and a run may be gone on with others."""


class Run:
    """The folder one training writes to; of several processes only the first has one.

    It is ``running_NAME`` beside its final place until ``complete``: an interrupted run cannot
    pass for a finished one.
    """

    def __init__(
        self,
        final: Path,
        recipe: dict[str, Any],
        identity: dict[str, Any],
        facts: dict[str, Any],
        *,
        resume: bool,
    ) -> None:
        """Open the folder.

        Args:
            final: Where the finished run will be.
            recipe: All settings, as ``to_table`` gives them.
            identity: What else must be the same on resuming: stage, init, digest of the scenes.
            facts: What may differ from start to start: versions, processes, device. The time is
                added.
            resume: Go on with an interrupted run; what a kill left half written is removed.

        Raises:
            FileExistsError: There is a finished run, or an interrupted one and not ``resume``.
            FileNotFoundError: There is nothing to resume.
            ValueError: The interrupted run had another recipe or identity, or is damaged.
        """
        if final.exists():
            raise FileExistsError(f"{final}: exists; choose another --run or remove it")
        self.final = final
        self.folder = running_folder(final)
        if not resume and self.folder.exists():
            raise FileExistsError(
                f"{self.folder}: an interrupted run; go on with --resume or remove it"
            )
        before = self._checked(recipe, identity) if resume else []
        try:
            self.folder.mkdir(parents=True, exist_ok=resume)
        except FileExistsError:
            raise FileExistsError(f"{self.folder}: another run has just begun there") from None
        remove_partial(self.folder)
        if not resume:
            with replacing(self.folder / RECIPE) as partial:
                partial.write_text(tomli_w.dumps(recipe), encoding="utf-8")
        now = {"time": datetime.now(UTC).isoformat(timespec="seconds")}
        # Last, for it makes the folder a run that can be resumed.
        write_json(self.folder / ABOUT, {"identity": identity, "facts": [*before, now | facts]})
        self._began = time.monotonic()

    def _checked(self, recipe: dict[str, Any], identity: dict[str, Any]) -> list[dict[str, Any]]:
        """The facts of the starts before this one, if the interrupted run was the same."""
        if not (self.folder / ABOUT).is_file():
            left = (
                f": it holds no {ABOUT}; remove it and start anew" if self.folder.exists() else ""
            )
            raise FileNotFoundError(f"{self.folder}: no interrupted run to resume{left}")
        was_recipe, was_identity, facts = read_about(self.folder)
        # As they come back from the files: a tuple is a list there.
        now = _compared(tomllib.loads(tomli_w.dumps(recipe)), json.loads(json.dumps(identity)))
        was = _compared(was_recipe, was_identity)
        missing = object()
        changed = [key for key in now | was if now.get(key, missing) != was.get(key, missing)]
        if changed:
            raise ValueError(
                f"{self.folder}: begun with other settings ({', '.join(changed)}); "
                "resume with the same recipe or start a new run"
            )
        return facts

    def rewind(self, epoch: int, step: int = 0) -> None:
        """Forget the lines logged after the point the run is resumed from.

        What follows the last line of an epoch or step up to that point is dropped, and so is a
        line that a kill cut short. The seconds of the log go on from there.

        Args:
            epoch: Epochs done, as the resume file has it.
            step: Optimizer steps done, likewise; 0 forgets all steps after the epoch.
        """
        path = self.folder / LOG
        kept = [line for line in read_log(path) if line is not None]
        while kept and kept[-1].get("epoch", epoch + 1) > epoch:
            if kept[-1].get("step", step + 1) <= step:
                break
            kept.pop()
        with replacing(path) as partial:
            partial.write_text("".join(map(_dumped, kept)), encoding="utf-8")
        if kept:
            self._began = time.monotonic() - kept[-1].get("seconds", 0)

    def log(self, **values: Any) -> None:  # noqa: ANN401
        """Append a line to ``log.jsonl``, and show it on stderr in short.

        ``seconds`` are those of training, before interruptions too. A number that is not finite
        becomes null.
        """
        line = {"seconds": round(time.monotonic() - self._began, 1), **values}
        path = self.folder / LOG
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(_dumped(line))
        except OSError as error:  # of a full disk it names no file
            raise type(error)(
                f"{path}: cannot be written ({error.strerror}); see to it, and go on with --resume"
            ) from error
        print(_shown(values), file=sys.stderr)

    def complete(self) -> None:
        """Give the folder its final name."""
        self.folder.replace(self.final)


def _dumped(line: dict[str, Any]) -> str:
    plain = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in line.items()
    }
    return json.dumps(plain, allow_nan=False) + "\n"


def _shown(values: dict[str, Any]) -> str:
    """A line of the log for people: of an epoch the sum of its loss terms stands for them all."""
    terms = loss_terms(values)
    shown = {key: value for key, value in values.items() if key not in terms and key.count("/") < 2}
    if terms and None not in terms.values():
        total = {"loss": sum(float(term or 0) for term in terms.values())}
        shown = {"epoch": shown.pop("epoch", None)} | total | shown
    words = []
    for key, value in shown.items():
        name = key.removeprefix("val/").replace("_", " ")
        if key.endswith("seconds_left"):
            words.append(f"{duration(value)} left{' in the epoch' if key[0] == 'e' else ''}")
        elif value is not None:
            words.append(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}")
    return "  ".join(words)


def _compared(recipe: dict[str, Any], identity: dict[str, Any]) -> dict[str, Any]:
    """Settings by key; where scenes and teacher are is none: the identity tells which they are."""
    return {key: value for key, value in _flat(recipe).items() if key not in FREE} | identity


def _flat(table: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Nested keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{where}{key}."))
        else:
            flat[where + key] = value
    return flat
