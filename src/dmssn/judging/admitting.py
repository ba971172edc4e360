"""What is refused before any work: entries that do not fit the scenes, and files of no use."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dmssn.config import PrepareConfig, SettingError
from dmssn.detector import header_of, is_classical, sizes_of
from dmssn.judging.contestants import Contestant
from dmssn.judging.scenes import FileScene
from dmssn.judging.sets import JudgedSet
from dmssn.map_files import find_maps
from dmssn.predicting import require_units
from dmssn.recipes import from_table, to_table
from dmssn.store import Manifest

NAMED = 3
"""Scenes that a message or a note names at most."""


def require_fit(one: Contestant, judged: JudgedSet, data_set: str | None) -> None:
    """Refuse a detector whose numbers would mean nothing on these scenes.

    Args:
        one: An entry.
        judged: The scenes.
        data_set: Whose units the cubes are in, where that is a published set.

    Raises:
        SettingError: It was trained in other units, or on scenes that were prepared otherwise.
        ValueError: Its file is damaged.
    """
    if one.detector is None or is_classical(one.detector):
        return
    require_units(one.detector, data_set)
    if judged.prepared is not None and (differ := _differences(one.detector, judged.prepared)):
        raise SettingError(
            f"{one.name}: trained on scenes that were prepared otherwise ({', '.join(differ)}); "
            "compare on the cubes themselves"
        )


def _differences(detector: str, prepared: Manifest) -> list[str]:
    """How a network's scenes were prepared otherwise than a set, in words."""
    header = header_of(detector)
    theirs, ours = (from_table(PrepareConfig, how.prepare) for how in (header, prepared))
    used = {key: getattr(theirs, key) for key in to_table(theirs)}
    if sizes := sizes_of(detector):
        used["size"] = sizes[0] if len(sizes) == 1 else "+".join(map(str, sizes))
    told = [
        f"{key} {value}, not {getattr(ours, key)}"
        for key, value in used.items()
        if value != getattr(ours, key)
    ]
    if header.bands != prepared.bands:
        told.append(f"{header.bands} bands, not {prepared.bands}")
    elif not _alike(header.wavelengths_nm, prepared.wavelengths_nm):
        told.append("bands of other wavelengths")
    if (header.mean, header.std) != (prepared.mean, prepared.std):
        told.append("other statistics")
    return told


def _alike(one: list[float] | None, other: list[float] | None) -> bool:
    """Whether wavelengths are the same, as far as both are known."""
    return one is None or other is None or bool(np.allclose(one, other, atol=0.5))


def their_maps(one: Contestant, judged: JudgedSet) -> dict[str, Path]:
    """Maps of another program by scene, all that are needed.

    Raises:
        ValueError: There is none of some scene, or two.
    """
    assert one.maps is not None
    found = find_maps([one.maps])
    missing = [scene.name for scene in judged.scenes if scene.name not in found]
    if missing:
        raise ValueError(
            f"--maps {one.name}={one.maps}: no map of {some(missing)}; every entry is scored on "
            "the same scenes"
        )
    return found


def some(scenes: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(scenes) - NAMED} more" if len(scenes) > NAMED else ""
    return f"{', '.join(scenes[:NAMED])}{more}"


def check(judged: JudgedSet, theirs: Mapping[str, Mapping[str, Path]]) -> None:
    """See that masks and other programs' maps can be scored, before hours of work.

    Raises:
        OSError: A file is not there.
        ValueError: One cannot be scored, or written into a table.
    """
    for scene in judged.scenes:
        try:
            scene.name.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"{scene.name!r}: a name that is no text cannot stand in a table; rename the scene"
            ) from None
        scene.check()
        for maps in theirs.values():
            if isinstance(scene, FileScene) and maps[scene.name].samefile(scene.mask):
                raise ValueError(f"{scene.mask} is taken for the map and the mask of {scene.name}")
            scene.pair(maps[scene.name])
