"""What is to be compared, as it is asked for: detectors, and folders of maps of other programs."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dmssn.config import SettingError
from dmssn.detector import detector_names, find_checkpoint, identity, is_classical, split_settings

OneDetector = str | os.PathLike[str]
Detectors = OneDetector | Sequence[OneDetector] | Mapping[str, OneDetector]
"""Detectors as ``load_detector`` takes them: one, several, or each under a name."""


@dataclass(frozen=True)
class Contestant:
    """A detector, or maps that are there.

    Attributes:
        name: Under which it is in tables; different for each.
        detector: As ``load_detector`` takes it; None for maps.
        maps: Folder of its maps; None for a detector.
    """

    name: str
    detector: str | None = None
    maps: Path | None = None

    @property
    def folder(self) -> str:
        """A name for its folder that any file system takes."""
        return re.sub(r"[^\w.=+-]", "_", self.name)


def contestants(detectors: Sequence[str], maps: Sequence[str]) -> list[Contestant]:
    """Understand what is asked for.

    Args:
        detectors: As ``load_detector`` takes them, each perhaps as ``NAME=DETECTOR``, several
            perhaps in one word, with commas between.
        maps: ``NAME=FOLDER`` each.

    Raises:
        SettingError: There is nothing, a detector or folder that is not there, or two of one name.
    """
    found = [_detector(part) for word in detectors for part in _parts(word)]
    for word in maps:
        name, is_named, folder = word.partition("=")
        if not (name and is_named and folder):
            raise SettingError(f"--maps takes NAME=FOLDER, a folder of saliency maps, got {word!r}")
        if not Path(folder).is_dir():
            raise SettingError(f"--maps {word}: there is no folder {folder}")
        found.append(Contestant(name, maps=Path(folder)))
    return distinct(found)


def named(
    detectors: Detectors | None, maps: Mapping[str, str | os.PathLike[str]]
) -> list[Contestant]:
    """Understand what is asked for in Python, where names, detectors and folders come apart.

    Args:
        detectors: As ``load_detector`` takes them, one or several, or names and them; None for all
            that come with the package.
        maps: Names and folders.

    Raises:
        SettingError: As ``contestants``.
    """
    if detectors is None:
        detectors = detector_names()
    if isinstance(detectors, (str, os.PathLike)):
        detectors = [detectors]
    if isinstance(detectors, Mapping):
        found = [_entry(str(name), os.fspath(one)) for name, one in detectors.items()]
    else:
        found = [_entry("", os.fspath(one)) for one in detectors]
    for name, folder in maps.items():
        if not Path(folder).is_dir():
            raise SettingError(f"maps of {name}: there is no folder {folder}")
        found.append(Contestant(name, maps=Path(folder)))
    return distinct(found)


def distinct(found: list[Contestant]) -> list[Contestant]:
    """Entries as they are, if there are any and none is taken for another.

    Raises:
        SettingError: There is nothing, or two have one name.
    """
    if not found:
        raise SettingError("nothing to compare; pass --detectors, --maps or both")
    first: dict[str, str] = {}
    for one in found:
        folder = one.folder.lower()
        if not folder.strip("."):
            raise SettingError(f"an entry cannot be called {one.name!r}; give it another name")
        if folder in first:
            same = "" if first[folder] == one.name else f" and {first[folder]!r}, much the same"
            raise SettingError(
                f"two entries are called {one.name!r}{same}; give one another name, as in "
                f"{one.name}-2={one.detector or one.maps}"
            )
        first[folder] = one.name
    return found


def _parts(word: str) -> list[str]:
    """The detectors of a word, between commas; a file's name may hold one."""
    if _exists(word) or _exists(word.partition("=")[2]):
        return [word]
    return [part for part in word.split(",") if part]


def _detector(word: str) -> Contestant:
    name, is_named, text = word.partition("=")
    # In `local-rx:inner=5` the sign belongs to a setting; a file's name may hold one, too.
    if not is_named or ":" in name or _exists(word):
        name, text = "", word
    return _entry(name, text)


def _entry(name: str, text: str) -> Contestant:
    """A detector under a name, or under its own."""
    identity(text)  # an error here is one of the option, before any work
    if not name:
        name = text if is_classical(text) else find_checkpoint(text)[0]
    return Contestant(name, detector=text)


def _exists(word: str) -> bool:
    """Whether a word is one path that is there, with settings behind it or without."""
    base, settings = split_settings(word)
    # A comma behind the path is one between detectors.
    path = word if "," in "".join(settings) else base
    return bool(word) and Path(path).exists()
