"""A run: a folder with the resolved recipe, a log and checkpoints, ``running_`` until complete."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from dmssn.store import write_json


class Run:
    """The folder one training writes to.

    It is ``running_NAME`` beside its final place until ``complete``: an interrupted run cannot
    pass for a finished one.
    """

    def __init__(self, final: Path, settings: dict[str, Any], *, resume: bool) -> None:
        """Open the folder.

        Args:
            final: Where the finished run will be.
            settings: The resolved recipe and whatever else must be the same on resuming.
            resume: Go on with an interrupted run.

        Raises:
            FileExistsError: There is a finished run, or an interrupted one and not ``resume``.
            FileNotFoundError: There is nothing to resume.
            ValueError: The interrupted run had other settings.
        """
        if final.exists():
            raise FileExistsError(f"{final}: exists; choose another --run or remove it")
        self.final = final
        self.folder = final.with_name(f"running_{final.name}")
        if not resume and self.folder.exists():
            raise FileExistsError(
                f"{self.folder}: an interrupted run; go on with --resume or remove it"
            )
        if resume:
            self._check(settings)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "settings.json", settings)
        self.start = time.monotonic()

    def _check(self, settings: dict[str, Any]) -> None:
        path = self.folder / "settings.json"
        if not path.is_file():
            raise FileNotFoundError(f"{self.folder}: no interrupted run to resume")
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [
            key for key, value in _flat(settings).items() if _flat(before).get(key, value) != value
        ]
        if changed:
            raise ValueError(
                f"{self.folder}: begun with other settings ({', '.join(changed)}); "
                "resume with the same recipe or start a new run"
            )

    def log(self, **values: Any) -> None:  # noqa: ANN401
        """Append one line to ``log.jsonl`` and show it on stderr."""
        line = {"seconds": round(time.monotonic() - self.start, 1), **values}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        shown = "  ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in values.items()
        )
        print(shown, file=sys.stderr)

    def complete(self) -> None:
        """Give the folder its final name."""
        self.folder.replace(self.final)


def _flat(table: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Nested keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{where}{key}."))
        else:
            flat[where + key] = value
    return flat
