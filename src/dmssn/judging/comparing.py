"""A benchmark from scenes and detectors to its pages, in one folder; run again, it goes on.

FOLDER/settings.json       what is compared on what
FOLDER/maps/ENTRY/         maps of the detectors, with time and memory
FOLDER/colour/             the scenes in colour
FOLDER/benchmark.html, .md tables, and what they are of; FOLDER/results.json has all numbers
FOLDER/table.csv, differences.csv, scores.csv, curves.*, sheet_NN.png
"""

import re
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from dmssn import __version__
from dmssn.baselines.catalogue import classical
from dmssn.config import SettingError
from dmssn.detector import find_checkpoint, is_classical, split_settings
from dmssn.files import LOCK, locked, make_folder
from dmssn.judging.admitting import check, require_fit, some, their_maps
from dmssn.judging.contestants import Contestant
from dmssn.judging.pages import write_pages
from dmssn.judging.pictures import make_pictures, picture_file
from dmssn.judging.results import Entry, Results
from dmssn.judging.running import FROM_REGIONS, MEASURED, Machine, detect_all, map_file
from dmssn.judging.scenes import JudgedScene
from dmssn.judging.sets import JudgedSet
from dmssn.metrics import Curves
from dmssn.progress import track
from dmssn.scoring import score_pair_and_curves
from dmssn.store import read_begun, write_json
from dmssn.workers import cancelling, cores

FORMAT = 1
"""Of the settings."""
SETTINGS = "settings.json"
MOST_NOTES = 20
"""On a page; cubes of many cameras have many."""

Records = Mapping[str, Mapping[str, Any]]
"""Scene to what is known of its map."""


class Scored(NamedTuple):
    """What a map is worth.

    Attributes:
        values: Metrics by name.
        curves: Of its thresholds.
        note: What looks wrong with it, or nothing.
    """

    values: dict[str, float]
    curves: Curves
    note: str


def compare(
    judged: JudgedSet,
    entrants: Sequence[Contestant],
    folder: Path,
    machine: Machine | None = None,
    *,
    reference: str | None = None,
    data_set: str | None = None,
) -> Results:
    """Compare detectors, and maps of other programs, on the same scenes.

    Args:
        judged: The scenes.
        entrants: What is compared.
        folder: Where all is written; new, empty, or of an earlier benchmark, whose maps are kept
            where they were made from the same cube and detector.
        machine: What the work may use.
        reference: Name of the entry that differences are to; the first one when left out.
        data_set: Whose units the cubes are in, where that is a published set.

    Returns:
        What was found. A scene that one detector has no map of counts for none, and is in
        ``left_out``.

    Raises:
        SettingError: There is no such reference, or a detector does not fit the scenes.
        FileNotFoundError: A file is not there.
        ValueError: Maps are missing or of another size; the folder holds something else; or no
            scene is left that every detector has a map of.
        OSError: The folder cannot be written to, or another run is at work in it.
    """
    machine = machine or Machine()
    names = [one.name for one in entrants]
    if reference is not None and reference not in names:
        raise SettingError(f"--reference {reference}: no such entry; there are {', '.join(names)}")
    for one in entrants:
        require_fit(one, judged, data_set)
    theirs = {one.name: their_maps(one, judged) for one in entrants if one.maps is not None}
    check(judged, theirs)
    make_folder(folder)
    with locked(folder):
        _claim(folder, judged, entrants)
        failed = [make_pictures(judged.scenes, folder, machine.workers)]
        records: dict[str, Records] = {}
        for one in entrants:
            if one.detector is not None:
                records[one.name], wrong = detect_all(one, judged.scenes, folder, machine)
                failed.append({scene: f"{one.name}: {said}" for scene, said in wrong.items()})
        left_out = {
            scene: "; ".join(some[scene] for some in failed if scene in some)
            for scene in dict.fromkeys(chain.from_iterable(failed))
        }
        scenes = [scene for scene in judged.scenes if scene.name not in left_out]
        if not scenes:
            first = next(iter(left_out.values()))
            raise ValueError(f"no scene that every detector has a map of; the first: {first}")
        maps = {
            one.name: theirs.get(one.name)
            or {scene.name: map_file(folder, one, scene.name) for scene in scenes}
            for one in entrants
        }
        scored = {one.name: _scored(one.name, scenes, maps[one.name]) for one in entrants}
        results = Results(
            title=judged.title,
            entries=[_entry(one, records.get(one.name, {})) for one in entrants],
            scores={n: {s: found.values for s, found in by.items()} for n, by in scored.items()},
            curves={n: {s: found.curves for s, found in by.items()} for n, by in scored.items()},
            reference=reference or names[0],
            attributes={
                name: codes for name, codes in judged.attributes.items() if name not in left_out
            },
            left_out=left_out,
            scoring=judged.scoring,
            measured=_measured(records, judged),
            notes=[*judged.notes, *_notes(records), *_doubts(scored)],
        )
        write_pages(
            results,
            folder,
            pictures={scene.name: picture_file(folder, scene.name) for scene in scenes},
            pairs={
                scene.name: {name: partial(scene.pair, maps[name][scene.name]) for name in names}
                for scene in scenes
            },
        )
    return results


def _claim(folder: Path, judged: JudgedSet, entrants: Sequence[Contestant]) -> None:
    """Make the folder ours, or see that it is."""
    begun = read_begun(folder / SETTINGS)
    if begun is None and any(path.name != LOCK for path in folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no {SETTINGS}; choose another folder")
    if begun is not None and "entries" not in begun:
        raise ValueError(f"{folder / SETTINGS}: not of a benchmark; choose another folder")
    names = [scene.name for scene in judged.scenes]
    # Scenes that moved, or of which there are more now, are still those.
    if begun is not None and begun.get("title") != judged.title and begun.get("scenes") != names:
        raise ValueError(
            f"{folder}: holds a benchmark on other scenes ({begun.get('title')}, now "
            f"{judged.title}); choose another folder"
        )
    told = {
        "format": FORMAT,
        "version": __version__,
        "title": judged.title,
        "scenes": names,
        "scoring": list(judged.scoring),
        "entries": {one.name: str(one.detector or one.maps) for one in entrants},
    }
    write_json(folder / SETTINGS, told)


def _scored(
    name: str, scenes: Sequence[JudgedScene], maps: Mapping[str, Path]
) -> dict[str, Scored]:
    """The scores of an entry, several scenes at once."""
    # numpy and scipy leave the interpreter free for most of a scene.
    with cancelling(ThreadPoolExecutor(cores())) as pool:
        jobs = [pool.submit(_score, scene, maps[scene.name]) for scene in scenes]
        done = (job.result() for job in jobs)
        names = (scene.name for scene in scenes)
        return dict(zip(names, track(done, f"scoring {name}", len(scenes), "maps"), strict=True))


def _score(scene: JudgedScene, path: Path) -> Scored:
    pair = scene.pair(path)
    try:
        return Scored(*score_pair_and_curves(pair, scene.scoring), pair.note)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _entry(one: Contestant, records: Records) -> Entry:
    if one.detector is None:
        return Entry(name=one.name, kind="maps", about=f"maps of {one.maps}")
    told = list(records.values())
    seconds = sorted(record["seconds"] for record in told)
    settings = told[0]["settings"]
    if is_classical(one.detector):
        method, _ = classical(one.detector)
        chosen = ", ".join(f"{key} {value}" for key, value in settings.items())
        about = f"{method.title} ({chosen})" if chosen else method.title
    else:
        checkpoint = find_checkpoint(split_settings(one.detector)[0])[0]
        about = f"{checkpoint}, run at {_sides_said(settings)}"
    return Entry(
        name=one.name,
        kind=told[0]["kind"],
        about=about,
        parameters=told[0]["parameters"],
        seconds=statistics.median(seconds),
        seconds_range=(seconds[0], seconds[-1]),
        memory=_most([record["memory"] for record in told]),
        gpu_memory=_most([record["gpu_memory"] for record in told]),
    )


def _sides_said(settings: Mapping[str, Any]) -> str:
    """The sides a network's cubes were prepared at."""
    *others, last = settings.get("sizes") or [settings["size"]]
    if not others:
        return f"{last} pixels a side"
    return f"{', '.join(map(str, others))} and {last} pixels a side, the maps averaged"


def _most(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _measured(records: Mapping[str, Records], judged: JudgedSet) -> str:
    """What times and memory are of; of maps that were kept, where they were made."""
    made = [record for by_scene in records.values() for record in by_scene.values()]
    if not made:
        return ""
    on = dict.fromkeys(record["measured_on"] for record in made)
    told = [MEASURED, f"Taken with {'; and with '.join(on)}."]
    if judged.prepared is not None:
        told.insert(1, FROM_REGIONS)
    return " ".join(told)


def _notes(records: Mapping[str, Records]) -> list[str]:
    """What is said of maps and cubes, each thing once, with the entries and scenes it is of."""
    said: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for name, by_scene in records.items():
        for scene, record in by_scene.items():
            for note in [*_network_notes(record), *record["notes"], *record["cube_notes"]]:
                entries, scenes = said.setdefault(note, ({}, {}))
                scenes[scene] = None
                if note not in record["cube_notes"]:
                    entries[name] = None
    told = [
        f"{', '.join(entries)}{': ' if entries else ''}{note} ({some(list(scenes))})"
        for note, (entries, scenes) in sorted(said.items(), key=lambda one: -len(one[1][1]))
    ]
    rest = [f"and {len(told) - MOST_NOTES} more, in maps/"] if len(told) > MOST_NOTES else []
    return told[:MOST_NOTES] + rest


def _network_notes(record: Mapping[str, Any]) -> list[str]:
    """How a network's bands were made; of cameras with other numbers of bands the same is said."""
    return [re.sub(r"^\d+ bands", "bands", record["bands"])] if record["kind"] == "network" else []


def _doubts(scored: Mapping[str, Mapping[str, Scored]]) -> list[str]:
    """What looks wrong with maps."""
    return [found.note for by_scene in scored.values() for found in by_scene.values() if found.note]
