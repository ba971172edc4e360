"""``dmssn scenes``: a data set of generated scenes.

Small: ``dmssn scenes -o scenes --count 10 --size 64x64``.
Large: ``dmssn scenes -o scenes --count 5000 --size 256x256 --workers 16``.
"""

import json
import re
import statistics
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dmssn.config import SettingError


def main(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    count: int,
    size: str = "256x256",
    bands: int | None = None,
    seed: int = 0,
    workers: int = 1,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Generate scenes with salient objects and their masks, to train and test on.

    The same settings write the same files. An interrupted run goes on where it stopped when it
    is started again with the same settings and folder.

    Args:
        output: Folder to write; new, empty or begun by the same settings.
        count: Number of scenes.
        size: Height x width in pixels, such as 256x256; at least 16x16.
        bands: Bands of every scene; each scene has its own number, 20 to 220, when left out.
        seed: Another seed gives other scenes.
        workers: Processes that work at once; the files do not depend on it.
        json_: Print the summary as JSON.
    """
    height, width = parse_size(size)
    for name, value in (("--count", count), ("--workers", workers), ("--bands", bands)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    if seed < 0:
        raise SettingError(f"--seed must be at least 0, got {seed}")
    from dmssn.scenes.writing import SceneSettings, write_scenes
    from dmssn.wording import counted

    settings = SceneSettings(count=count, height=height, width=width, bands=bands, seed=seed)
    entries = write_scenes(settings, output, workers)
    fractions = [entry["salient_fraction"] for entry in entries]
    summary = {
        "folder": str(output),
        "scenes": len(entries),
        "median_salient_fraction": statistics.median(fractions),
    }
    if json_:
        print(json.dumps(summary))
    else:
        median = summary["median_salient_fraction"]
        print(f"{counted(len(entries), 'scene')} in {output}; median salient share {median:.1%}")


def parse_size(size: str) -> tuple[int, int]:
    """(H, W) of a text such as 256x320; each is 16 at least."""
    match = re.fullmatch(r"(\d+)[xX](\d+)", size)
    if match is None or min(map(int, match.groups())) < 16:
        raise SettingError(f"--size must be HEIGHTxWIDTH of at least 16x16, got {size!r}")
    return int(match[1]), int(match[2])
