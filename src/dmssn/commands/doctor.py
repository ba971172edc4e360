"""``dmssn doctor``: what is installed here, and whether it works.

Examples:
    dmssn doctor
    # for a report of a bug, or a job that is to find out before it starts
    dmssn doctor --json
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def main(
    folder: Path = Path(),
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Say what is installed here, on which machine, and whether it works.

    Tells versions, processor and graphics cards, threads, memory, extras and disk, and has the
    detector that comes with the program find an object in a made-up scene, which takes some
    seconds. Nothing is written, and nothing asked of a network.

    Args:
        folder: Where results would go; its free disk is told.
        as_json: Print one JSON object.

    Returns:
        0 when all is well, else 1.
    """
    from dmssn.diagnosis import diagnose

    found = diagnose(folder)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for label, value in _lines(found):
            print(f"{label:<15}{value}")
    for problem in found["problems"]:
        print(f"dmssn doctor: {problem}", file=sys.stderr)
    return 1 if found["problems"] else 0


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A report as labels and text."""
    yield "dmssn", f"{found['dmssn']} in {found['place']}"
    yield "python", f"{found['python']} on {found['system']}"
    yield "packages", _versions(found["packages"])
    for name, packages in found["extras"].items():
        missing = None in packages.values()
        hint = f"; pip install 'dmssn[{name}]'" if missing else ""
        yield f"[{name}]", _versions(packages) + hint
    free = found["free_memory"]
    memory = "" if free is None else f", {_gigabytes(free)} of memory free"
    yield "processor", f"{found['cores']} cores, {found['threads']} threads{memory}"
    cards = [f"{gpu['name']} ({_gigabytes(gpu['memory'])})" for gpu in found["gpus"]]
    yield "graphics", ", ".join(cards) or "no CUDA device; the processor does it all"
    for place, room in found["disk"].items():
        yield "disk", f"{_gigabytes(room)} free in {place}"
    for test in found["self_test"]:
        result = "failed" if test["said"] else f"passed, object {test['ahead']:.2f} ahead"
        yield "self-test", f"{test['device']}: {result}, {test['seconds']:.1f} s"


def _versions(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'absent'}" for name, version in packages.items())


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
