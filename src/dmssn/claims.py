"""Whose a prepared folder is: the settings it was begun with, and the orientation found then."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dmssn.config import DataConfig, PrepareConfig
from dmssn.datasets.finding import Found
from dmssn.datasets.orienting import Settled, settle
from dmssn.files import fingerprint
from dmssn.preparing_scenes import versions
from dmssn.readers.turning import TURNS
from dmssn.recipes import to_table
from dmssn.store import FORMAT, write_json


def claim(found: Found, data: DataConfig, config: PrepareConfig, *, redo: bool) -> Settled:
    """Mark a folder as made with these settings, and settle how the cubes are turned.

    The orientation is settled once: a run that goes on with the same cubes takes what was found.

    Args:
        found: The scenes of the copy.
        data: The folder, and the orientation that is asked for.
        config: How to prepare.
        redo: Whether other settings may take the place of those the folder was begun with.

    Raises:
        ValueError: The folder was begun with others, or its cubes are turned otherwise now; or
            the orientation is not to be known.
        OSError: The folder cannot be written to.
    """
    path = data.prepared / "settings.json"
    choice = found.choice._replace(split=Path(found.choice.split).name)  # wherever the lists lie
    wanted: dict[str, Any] = {
        "format": FORMAT,
        "set": found.kind.name,
        "split": choice._asdict(),
        "prepare": to_table(config),
        "versions": versions(),
    }
    if config.statistics == "data set":  # other training scenes have other statistics
        wanted["train"] = [name for name, split in found.listed.items() if split == "train"]
    before = _read(path)
    changed = [key for key in wanted if before and wanted[key] != before.get(key)]
    if changed and not redo:
        raise ValueError(
            f"{data.prepared}: prepared with other settings or training scenes "
            f"({', '.join(_differences(before, wanted, changed))}); pass --redo to prepare it "
            "anew, or choose another folder"
        )
    compared = _compared(found) if data.orientation == "auto" else None
    if before and not (changed or redo) and compared and compared == before.get("compared"):
        return Settled(before["orientation"], before["orientation_said"], before["others"])
    settled = settle(found, data.scenes, data.orientation)
    if before and before["orientation"] != settled.orientation and not redo:
        raise ValueError(
            f"{data.prepared}: prepared with orientation {before['orientation']}, now it is "
            f"{settled.orientation} ({settled.said}); pass --redo to prepare it anew, or choose "
            "another folder"
        )
    turned = {
        "orientation": settled.orientation,
        "orientation_said": settled.said,
        "others": settled.others,
        "compared": compared,
    }
    write_json(path, wanted | turned)
    return settled


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if table["orientation"] in TURNS and isinstance(table["orientation_said"], str):
            dict(table["others"])
            return table
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"{path}: damaged; delete it, and the set is gone through anew")


def _compared(found: Found) -> str:
    """A checksum of the cubes and the pictures they can be compared with."""
    pairs = [(scene.cube, scene.colour) for scene in found.scenes if scene.colour]
    told = [fingerprint(path) for pair in pairs for path in pair if path and path.exists()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _differences(before: dict[str, Any], wanted: dict[str, Any], changed: list[str]) -> list[str]:
    """The settings that differ, by name."""
    told = []
    for key in changed:
        had, now = before.get(key), wanted[key]
        if isinstance(had, dict) and isinstance(now, dict):
            told += [f"{key}.{inner}" for inner in now if now[inner] != had.get(inner)]
        else:
            told.append(key)
    return told
