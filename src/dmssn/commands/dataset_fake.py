"""``dmssn dataset fake``: a made-up data set in the layout of a published one.

Examples:
    dmssn dataset fake hs-sod fake --scenes 6 --size 48x64
    # full size, which takes 534 GB of disk
    dmssn dataset fake hsod-bit fake --workers 8
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dmssn.config import Orientation, SettingError


def main(
    name: str,
    root: Path,
    /,
    *,
    scenes: int | None = None,
    size: str | None = None,
    bands: int | None = None,
    seed: int = 0,
    orientation: Orientation = "none",
    layout: Literal["flat", "parted"] | None = None,
    release: Literal["first", "now"] | None = None,
    quirks: bool = True,
    workers: int = 1,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Write a made-up data set, to try the program on before the real one is there.

    The files are laid out, named and stored as those of the published set; what they show is made
    up. The same settings write the same files, and an interrupted run goes on where it stopped.

    Args:
        name: Which set to imitate: folder, hsod-bit, hsod-bit-v2, hs-sod or hrssd.
        root: Folder to write; new, empty or begun by the same settings.
        scenes: Number of scenes; the published one when left out.
        size: Height x width in pixels, such as 48x64; the published one when left out.
        bands: Number of bands, for a folder; published sets have their own.
        seed: Another seed gives other scenes.
        orientation: How the stored cubes have to be turned to be upright, as --orientation of
            `dmssn prepare`; masks and colour pictures are always upright.
        layout: Files of a kind together (flat), or in folders train and test (parted).
        release: Of HSOD-BIT: its first files were MATLAB's, those of now are HDF5.
        quirks: Cut one cube short and leave one mask out, as in downloads that went wrong.
        workers: Processes that work at once; the files do not depend on it.
        json_: Print as JSON what was written.
    """
    if workers < 1:
        raise SettingError(f"--workers must be at least 1, got {workers}")
    from dmssn.commands.scenes import parse_size
    from dmssn.datasets.catalogue import data_set
    from dmssn.datasets.faking import disk_bytes, write_fake
    from dmssn.datasets.faking_plan import FakeSettings
    from dmssn.wording import counted

    kind = data_set(name)
    settings = FakeSettings(
        scenes=scenes,
        size=None if size is None else parse_size(size),
        bands=bands,
        seed=seed,
        orientation=orientation,
        layout=layout,
        release=release,
        quirks=quirks,
    )
    gigabytes = disk_bytes(kind, root, settings) / 1e9
    print(f"dmssn dataset fake: {root} will take {gigabytes:.3g} GB of disk", file=sys.stderr)
    made = write_fake(kind, root, settings, workers)
    if json_:
        print(json.dumps({"folder": str(root), **made}))
        return
    print(f"{counted(len(made['scenes']), 'scene')} in {root}, in the layout of {kind.title}")
    said = {"truncated": "cut short", "without_mask": "left out"}
    for quirk, where in made["quirks"].items():
        print(f"{said[quirk]}: {where['file']}")
