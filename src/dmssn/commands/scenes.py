"""``dmssn scenes``: a data set of generated scenes.

Small: ``dmssn scenes -o scenes --count 10 --size 64x64``.
Large: ``dmssn scenes -o scenes --count 5000 --size 256x256 --workers 16``.
Fixed: ``dmssn scenes -o benchmark --benchmark v1``.
"""

import json
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dmssn.config import SettingError

if TYPE_CHECKING:
    from dmssn.scene_folders import SceneSettings


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
        size: Height x width in pixels, at least 16x16; 256x256 when left out.
        bands: Bands of every scene; each scene has its own number, 20 to 600, when left out.
        attributes: What every scene is to have, such as CS SO: complex background (CB), colour
            similarity (CS), high dynamic range (HDR), small objects (SO), material similarity
            (MS), several objects (MO).
        seed: Another seed gives other scenes; 0 when left out.
        benchmark: Write the test scenes of this benchmark, v1, which are the same everywhere.
        seeds_only: In place of cubes write files of 1 KB, from which a cube is drawn when it is
            read; every command takes them.
        workers: Processes that work at once; the files do not depend on it.
        json_: Print the summary as JSON.
    """
    for name, value in (("--count", count), ("--workers", workers), ("--bands", bands)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    if seed is not None and seed < 0:
        raise SettingError(f"--seed must be at least 0, got {seed}")
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
    codes = _codes(attributes or [])
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
    """(H, W) of a text such as 256x320; each is 16 at least."""
    match = re.fullmatch(r"(\d+)[xX](\d+)", size)
    if match is None or min(map(int, match.groups())) < 16:
        raise SettingError(f"--size must be HEIGHTxWIDTH of at least 16x16, got {size!r}")
    return int(match[1]), int(match[2])


def _codes(words: list[str]) -> tuple[str, ...]:
    """Codes of attributes, each once and in their own order, of words such as ``CS,SO``."""
    from dmssn.scenes.attributes import ATTRIBUTES

    asked = [code for word in words for code in word.upper().split(",") if code]
    for code in asked:
        if code not in ATTRIBUTES:
            raise SettingError(f"--attributes must be of {', '.join(ATTRIBUTES)}, got {code!r}")
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
