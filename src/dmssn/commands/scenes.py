"""``dmssn scenes``: a data set of generated scenes.

Examples:
    dmssn scenes -o scenes --count 10 --size 64x64
    dmssn scenes -o scenes --count 5000 --size 256x256 --workers 16
    # the fixed test scenes, the same everywhere
    dmssn scenes -o benchmark --benchmark v1
"""

import json
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dmssn.config import MOST_SCENE_SEED, SCENE_BANDS, SCENE_SIDES, SettingError

if TYPE_CHECKING:
    from dmssn.scene_folders import SceneSettings

FEWEST_COLOUR_BANDS = 9
"""Of fewer bands no camera sees colours, which CS compares."""


def main(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    count: int | None = None,
    size: str | None = None,
    bands: int | None = None,
    attributes: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    seed: int | None = None,
    benchmark: str | None = None,
    seeds_only: Annotated[bool, Parameter(negative="")] = False,
    workers: int = 1,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Generate scenes with salient objects and their masks, to train and test on.

    The same settings write the same files. An interrupted run goes on where it stopped when it
    is started again with the same settings and folder.

    Args:
        output: Folder to write; new, empty or begun by the same settings.
        count: Number of scenes; needed unless there is --benchmark.
        size: Height x width in pixels, 16x16 to 4096x4096; 256x256 when left out.
        bands: Bands of every scene, 3 to 600; each scene has its own number, 20 to 600, when left
            out.
        attributes: What every scene is to have, such as CS SO: complex background (CB), colour
            similarity (CS), high dynamic range (HDR), small objects (SO), material similarity
            (MS), several objects (MO).
        seed: Another seed, below 2**32, gives other scenes; 0 when left out.
        benchmark: Write the test scenes of this benchmark, v1, which are the same everywhere.
        seeds_only: In place of cubes write files of 1 KB, from which a cube is drawn when it is
            read; every command takes them.
        workers: Processes that work at once; the files do not depend on it.
        json_: Print the summary as JSON.
    """
    for name, value in (("--count", count), ("--workers", workers)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    ranges = (("--bands", bands, SCENE_BANDS), ("--seed", seed, (0, MOST_SCENE_SEED)))
    for name, value, (low, high) in ranges:
        if value is not None and not low <= value <= high:
            raise SettingError(f"{name} must be from {low} to {high}, got {value}")
    if benchmark is not None:
        given = {
            "--count": count,
            "--size": size,
            "--bands": bands,
            "--attributes": attributes,
            "--seed": seed,
        }
        if beside := [name for name, option in given.items() if option is not None]:
            raise SettingError(f"--benchmark says all of its scenes; leave {beside[0]} out")
        settings = _benchmark(benchmark, seeds_only)
    elif count is None:
        raise SettingError("--count is missing; how many scenes are to be made?")
    else:
        settings = _settings(count, size, bands, attributes, seed, seeds_only)
    from dmssn.scene_folders import write_scenes

    summary = _summary(output, write_scenes(settings, output, workers))
    print(json.dumps(summary) if json_ else _said(summary))


def _settings(
    count: int,
    size: str | None,
    bands: int | None,
    attributes: list[str] | None,
    seed: int | None,
    seeds_only: bool,
) -> "SceneSettings":
    height, width = parse_size(size or "256x256")
    codes = () if attributes is None else _codes(attributes)
    if "CS" in codes and bands is not None and bands < FEWEST_COLOUR_BANDS:
        raise SettingError(
            f"--attributes CS compares colours, which takes --bands of {FEWEST_COLOUR_BANDS} or "
            f"more, got {bands}"
        )
    from dmssn.scene_folders import SceneSettings

    return SceneSettings(
        count=count,
        height=height,
        width=width,
        bands=bands,
        seed=seed or 0,
        attributes=codes,
        cubes="seeds" if seeds_only else "files",
    )


def _benchmark(version: str, seeds_only: bool) -> "SceneSettings":
    from dmssn.scene_folders import benchmark_settings
    from dmssn.scenes.benchmark import VERSIONS

    for known in VERSIONS:
        if version == known:
            return benchmark_settings(known, "seeds" if seeds_only else "files")
    raise SettingError(f"--benchmark must be one of {', '.join(VERSIONS)}, got {version!r}")


def parse_size(size: str) -> tuple[int, int]:
    """(H, W) of a text such as 256x320; each is within ``SCENE_SIDES``."""
    least, most = SCENE_SIDES
    match = re.fullmatch("([0-9]{1,9})[xX]([0-9]{1,9})", size)
    if match is None or not all(least <= int(side) <= most for side in match.groups()):
        raise SettingError(
            f"--size must be HEIGHTxWIDTH of {least}x{least} to {most}x{most}, got {size!r}"
        )
    return int(match[1]), int(match[2])


def _codes(words: list[str]) -> tuple[str, ...]:
    """Codes of attributes, each once and in their own order, of words such as ``CS,SO``."""
    from dmssn.scenes.attributes import ATTRIBUTES

    parts = [part.strip() for word in words for part in word.upper().split(",")]
    asked = [part for part in parts if part]
    if not asked:
        raise SettingError(f"--attributes must be of {', '.join(ATTRIBUTES)}, got none")
    for code in asked:
        if code not in ATTRIBUTES:
            raise SettingError(f"--attributes must be of {', '.join(ATTRIBUTES)}, got {code!r}")
    if {"CS", "MS"} <= set(asked):
        raise SettingError(
            "--attributes CS and MS exclude each other: spectra that differ, and spectra that "
            "hardly do"
        )
    return tuple(code for code in ATTRIBUTES if code in asked)


def _summary(folder: Path, entries: list[dict[str, Any]]) -> dict[str, Any]:
    from dmssn.scenes.attributes import ATTRIBUTES

    return {
        "folder": str(folder),
        "scenes": len(entries),
        "median_salient_fraction": statistics.median(e["salient_fraction"] for e in entries),
        "attributes": {
            code: sum(code in entry["attributes"] for entry in entries) for code in ATTRIBUTES
        },
    }


def _said(summary: dict[str, Any]) -> str:
    from dmssn.wording import counted

    median, scenes = summary["median_salient_fraction"], counted(summary["scenes"], "scene")
    having = ", ".join(f"{code} {number}" for code, number in summary["attributes"].items())
    return f"{scenes} in {summary['folder']}; median salient share {median:.1%}; {having}"
