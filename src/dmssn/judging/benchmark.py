"""A benchmark as Python asks for it: ``dmssn benchmark`` with what is given as values."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dmssn.config import Orientation, SettingError
from dmssn.datasets.data_set import Split
from dmssn.devices import check_device
from dmssn.files import fingerprint
from dmssn.judging.comparing import compare
from dmssn.judging.contestants import Detectors, named
from dmssn.judging.running import Machine
from dmssn.judging.sets import Reading, Sources, judged_set
from dmssn.judging.summary import Summary, summarize
from dmssn.map_files import FileOrFolder, Several, listed
from dmssn.readers import open_cube
from dmssn.scoring import Scoring


def benchmark(
    scenes: FileOrFolder | None = None,
    *,
    output: FileOrFolder,
    detectors: Detectors | None = None,
    maps: Mapping[str, FileOrFolder] | None = None,
    cubes: Several = (),
    masks: Several = (),
    prepared: FileOrFolder | None = None,
    split: Split | None = None,
    data_set: str | None = None,
    orientation: Orientation | None = None,
    reading: Mapping[str, Any] | None = None,
    reference: str | None = None,
    size: int | None = None,
    stretch: bool = False,
    ignore: int | None = None,
    published: bool = False,
    mask_key: str | None = None,
    crop_key: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    device: str = "auto",
) -> Summary:
    """Compare detectors, and maps of other programs, on the same scenes.

    What ``dmssn benchmark`` does and writes. Scenes are those of a folder in the layout of a data
    set (such as ``dmssn scenes`` writes), cubes and masks of the same names, or a prepared set's
    test scenes. Run again, it goes on where it was stopped. Detectors run in processes of their
    own: in a script, call it under ``if __name__ == "__main__"``.

    Args:
        scenes: A copy of a data set.
        output: Folder for all that is written: pages, tables, curves, pictures, maps.
        detectors: As ``load_detector`` takes them: one, several, or each under a name. By default
            all that come with the package; ``()`` for maps alone.
        maps: Names, and folders of maps of another program, called as their scenes.
        cubes: Cubes, or folders of them, with ``masks``.
        masks: Masks, or folders of them, with ``cubes``.
        prepared: A prepared set, whose test scenes are compared as they were homogenized.
        split: Whose scenes of a data set; by default its test scenes.
        data_set: Which data set ``scenes`` is a copy of; by default a folder of one's own.
        orientation: How its stored cubes are turned; by default that is found out.
        reading: Arguments of ``read_cube`` for ``cubes``.
        reference: Entry that differences are to; by default the first.
        size: Side of a square that maps and masks are scored at; by default each mask's own size.
        stretch: Whether each map is stretched to [0, 1] by its own least and largest value first.
        ignore: Number of the masks' pixels that do not count, such as -1 or 255.
        published: Whether to add the ``published_*`` metrics.
        mask_key: Variable of `.npz` or `.mat` files that is the mask.
        crop_key: Variable of those files with the rows and columns that are scored.
        workers: Processes of a detector; its time is measured beside the others'.
        threads: CPU threads of each.
        device: As ``load_detector`` takes it.

    Returns:
        Means, differences and their intervals: ``mean[ENTRY][METRIC]``, ``to_table()`` for all as
        plain values, and ``results`` for each scene.

    Raises:
        SettingError: A detector, a setting or the way the scenes are given cannot be.
        FileNotFoundError: A file is not there.
        ValueError: Files do not fit each other, or no scene is left that every detector has a map
            of.
        OSError: The folder cannot be written to.
    """
    if workers < 1:
        raise SettingError(f"workers must be at least 1, got {workers}")
    check_device(device)
    entrants = named(detectors, maps or {})
    scoring = Scoring(
        size=size,
        stretch=stretch,
        ignore=ignore,
        published=published,
        mask_key=mask_key,
        crop_key=crop_key,
    )
    sources = Sources(
        scenes=None if scenes is None else Path(scenes),
        cubes=listed(cubes),
        masks=listed(masks),
        prepared=None if prepared is None else Path(prepared),
        split=split,
    )
    results = compare(
        judged_set(sources, _reading(reading or {}, data_set, orientation), scoring),
        entrants,
        Path(output),
        Machine(workers=workers, threads=threads, device=device),
        reference=reference,
        data_set=data_set,
    )
    return summarize(results)


def _reading(
    told: Mapping[str, Any], data_set: str | None, orientation: Orientation | None
) -> Reading:
    """How cubes are opened, and what of that could change their numbers."""
    paths = [Path(value) for value in told.values() if isinstance(value, (str, os.PathLike))]
    files = [fingerprint(path) for path in paths if path.exists()]
    return Reading(
        open_cube=partial(open_cube, **told),
        read_as=" ".join([*(f"{key}={told[key]}" for key in sorted(told)), *files]),
        plain=not told,
        data_set=data_set,
        orientation=orientation,
    )
