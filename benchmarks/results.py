"""Results: a JSON file of what was measured, and the rows of the table made from it."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import dmssn
from benchmarks.case import Row
from benchmarks.cases import CASES
from benchmarks.roofline import Work
from benchmarks.running import Measured

FORMAT = 1
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "scikit-image")


def new(*, quick: bool) -> dict[str, Any]:
    """Results without cases."""
    return {"format": FORMAT, "quick": quick, "machine": machine(), "cases": {}, "rows": []}


def load(path: Path) -> dict[str, Any]:
    """Results from a file.

    Raises:
        ValueError: It is something else.
    """
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found.get("format") != FORMAT:
        raise ValueError(f"{path}: not results of this version of the benchmarks")
    return found


def save(results: dict[str, Any], path: Path) -> None:
    """Write results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def add(results: dict[str, Any], measured: Measured) -> None:
    """Take in what was measured, in place of what there was, and make the rows again."""
    for case, found in measured.items():
        if not any(allocator in found for allocator in ("default", "kept")):
            results["cases"][case] = found
        else:
            results["cases"].setdefault(case, {}).update(found)
    results["rows"] = rows(results)


def machine() -> dict[str, Any]:
    """What it was measured on and with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": torch.get_num_threads(),
        "memory": memory,
        "system": platform.system(),
        "libc": " ".join(platform.libc_ver()),
        "gpu": gpu,
        "python": platform.python_version(),
        "dmssn": dmssn.__version__,
        **{name: version(name) for name in PACKAGES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def limits(results: dict[str, Any]) -> tuple[float, float] | None:
    """Bytes and operations a second, the best of both allocators; None if not measured."""
    found = results["cases"].get("machine", {})
    facts = [one["points"][0]["facts"] for one in found.values() if "points" in one]
    if not facts:
        return None
    return max(f["bandwidth"] for f in facts), max(f["rate"] for f in facts)


def rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a comparison, point and allocator."""
    found = []
    for case in CASES:
        for allocator, measured in results["cases"].get(case.name, {}).items():
            if allocator in case.allocators:
                for point in measured.get("points", ()):
                    for row in case.rows:
                        found.append(_row(row, case.name, allocator, point, limits(results)))
    return found


def _row(
    row: Row,
    case: str,
    allocator: str,
    point: dict[str, Any],
    limit: tuple[float, float] | None,
) -> dict[str, Any]:
    baseline, ours = point["sides"][row.baseline], point["sides"][row.ours]
    ratio = baseline["median"] / ours["median"] if row.compared else None
    peaks = point["memory"]
    used, needed = peaks.get(row.ours), peaks.get(row.baseline)
    table: dict[str, Any] = {
        "name": f"{row.name}, {point['label']}" if point["label"] else row.name,
        "case": case,
        "allocator": allocator,
        "facts": point["facts"],
        "regions": _regions(point["facts"], row.ours),
        "baseline": {"side": row.baseline, **_time(baseline), "memory": needed},
        "ours": {"side": row.ours, **_time(ours), "memory": used},
        "others": {
            name: {**_time(point["sides"][name]), "memory": peaks.get(name)} for name in row.others
        },
        "ratio": ratio,
        "target": row.target,
        "met": None if ratio is None or row.target is None else ratio >= row.target,
        "memory_ratio": used / needed if used is not None and needed else None,
        "memory_target": row.memory_target,
        "memory_met": None,
        "findings": point["findings"],
        "floor": None,
    }
    if row.memory_target is not None and table["memory_ratio"] is not None:
        table["memory_met"] = table["memory_ratio"] <= row.memory_target
    if limit and (work := point["work"].get(row.ours)):
        least = Work(**work).seconds(*limit)
        table["floor"] = {**work, "seconds": least, "distance": ours["median"] / least}
    return table


def _regions(facts: dict[str, Any], side: str) -> int | None:
    by_side: dict[str, int] = facts.get("regions_by_side", {})
    return by_side.get(side, facts.get("regions"))


def _time(side: dict[str, Any]) -> dict[str, float]:
    return {key: side[key] for key in ("median", "least", "most")}


def failures(results: dict[str, Any]) -> list[str]:
    """What went wrong: cases that ended with an error, and sides that computed other things."""
    found = []
    for case, measured in results["cases"].items():
        for allocator, one in measured.items():
            if allocator == "skipped":
                continue
            if "error" in one:
                found.append(f"{case} ({allocator}): {one['error'].rstrip()}")
            for point in one.get("points", ()):
                found += [
                    f"{case} {point['label']} ({allocator}): {check['name']} is "
                    f"{check['value']:.3g}, the limit {check['limit']:.3g}"
                    for check in point.get("findings", ())
                    if check["kind"] == "check" and not check["met"]
                ]
    return found
