"""The parts of the page, each a list of paragraphs, tables and the like."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.cases import CASES
from benchmarks.results import limits
from benchmarks.wording import criterion, duration, megabytes, number, ratio, spread, verdict

ALLOCATOR = {"default": "default", "kept": "freed memory kept"}
NO_GPU = """No GPU was measured: none was at hand. The same command on a machine with one adds
images a second, peak memory and the share of the GPU's bfloat16 rate, at inference and in training
with 16 images a batch. Until then nothing here says how the packed form fares there: a GPU has more
bandwidth for the dense cubes, and small tables fill it less.
"""


def table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; empty without lines."""
    rows = [f"| {' | '.join(line)} |" for line in lines]
    if not rows:
        return ""
    return "\n".join([f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *rows]) + "\n"


def machine(results: dict[str, Any]) -> list[str]:
    """What it was measured on."""
    found = results["machine"]
    lines = [
        ("processor", f"{found['cpu']}, {found['cores']} cores, {found['threads']} threads used"),
        ("memory", f"{found['memory'] / 2**30:.0f} GiB"),
        ("system", f"{found['system']}, {found['libc']}"),
        ("GPU", found["gpu"] or "none"),
        ("Python", found["python"]),
    ]
    lines += [(n, found[n]) for n in ("dmssn", "torch", "numpy", "scikit-learn", "scikit-image")]
    for allocator, one in results["cases"].get("machine", {}).items():
        for point in one.get("points", ()):
            facts = point["facts"]
            copied, cloned = facts["bandwidth"] / 1e9, facts["clone_bandwidth"] / 1e9
            told = f"{copied:.1f} GB/s into ready memory, {cloned:.1f} GB/s into new memory"
            lines.append((f"copying, {ALLOCATOR[allocator]}", told))
            rate = f"{facts['rate'] / 1e9:.0f} GFLOP/s"
            lines.append((f"float32 matrix product, {ALLOCATOR[allocator]}", rate))
    return [table(("", ""), lines)]


def rows(results: dict[str, Any]) -> list[str]:
    """Every comparison with its target."""
    headings = (
        "stage",
        "allocator",
        "R",
        "baseline",
        "dmssn",
        "ratio",
        "target",
        "met",
        "memory, MB: baseline / dmssn",
        "memory target, met",
    )
    lines = []
    for row in results["rows"]:
        beside = [f"{name} {spread(one)}" for name, one in row["others"].items()]
        baseline = "<br>".join([f"{row['baseline']['side']} {spread(row['baseline'])}", *beside])
        goal = row["memory_target"]
        memory = f"{megabytes(row['baseline']['memory'])} / {megabytes(row['ours']['memory'])}"
        lines.append(
            (
                row["name"],
                ALLOCATOR[row["allocator"]],
                number(row["regions"]),
                baseline,
                spread(row["ours"]),
                ratio(row["ratio"]),
                ratio(row["target"]),
                verdict(row["met"]),
                memory,
                "-" if goal is None else f"{goal:.2f} of it, {verdict(row['memory_met'])}",
            )
        )
    return [table(headings, lines)]


def criteria(results: dict[str, Any]) -> list[str]:
    """Promises besides ratios."""
    lines = [
        (row["name"], ALLOCATOR[row["allocator"]], one["name"], *criterion(one), met)
        for row in _once_a_point(results["rows"])
        for one in row["findings"]
        if one["kind"] == "criterion"
        for met in [verdict(one["met"])]
    ]
    return [table(("stage", "allocator", "also", "value", "target", "met"), lines)]


def _once_a_point(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first row of those that share their findings."""
    seen: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        label = row["name"].partition(", ")[2]
        seen.setdefault((row["case"], label, row["allocator"]), row)
    return list(seen.values())


def cases(results: dict[str, Any]) -> list[str]:
    """What each side of a row does, at which size, and what was checked."""
    lines = []
    for case in CASES:
        chosen = [row for row in results["rows"] if row["case"] == case.name]
        if not chosen:
            continue
        facts = chosen[0]["facts"]
        size = " x ".join(str(facts[key]) for key in ("height", "width", "bands"))
        images = facts.get("images", 1)
        note = f" {facts['note'][:1].upper()}{facts['note'][1:]}." if "note" in facts else ""
        batch = f" {images} images." if images > 1 else ""
        names = ", ".join(dict.fromkeys(row["name"] for row in chosen))
        told = f"{size}.{batch} {case.about}{note}"
        lines.append((names, told, _checked([one for row in chosen for one in row["findings"]])))
    return [table(("stage", "what either side does", "what was checked"), lines)]


def _checked(findings: Sequence[dict[str, Any]]) -> str:
    """Each check at its worst over allocators and points."""
    worst: dict[str, dict[str, Any]] = {}
    for one in findings:
        if one["kind"] == "check":
            kept = worst.setdefault(one["name"], one)
            if (one["value"] > kept["value"]) == one["at_most"]:
                worst[one["name"]] = one
    return "<br>".join(f"{one['name']} {', '.join(criterion(one))}" for one in worst.values())


def parts_said() -> str:
    """How to read the bars."""
    return (
        "Medians with freed memory kept. *Before* is the baseline of each stage, *after* is "
        "dmssn; every bar has a scale of its own.\n"
    )


def scaling_said() -> str:
    """How to read the curves."""
    return (
        "Student and transformer, at inference and in a training step with its teacher and "
        "losses, with freed memory kept; what is not varied is 512 x 512 pixels (256 x 256 for "
        "images in a batch), 200 bands, one image.\n"
    )


def roofline(results: dict[str, Any]) -> list[str]:
    """Each stage beside its floor."""
    limit = limits(results)
    rows = [row for row in results["rows"] if row["floor"] and row["allocator"] == "kept"]
    if limit is None or not rows:
        return []
    said = (
        f"The floor of a stage is the longer of its necessary bytes at {limit[0] / 1e9:.1f} GB/s "
        f"and its necessary operations at {limit[1] / 1e9:.0f} GFLOP/s, both by the formulas of "
        "`benchmarks/roofline.py`: a network's layers are counted one by one, each reading what "
        "comes in once and writing what goes out once. It is a floor of this way to compute the "
        "stage; a way that leaves work out may pass below it.\n"
    )
    lines = [
        (
            row["name"],
            f"{row['floor']['bytes'] / 1e6:,.0f}",
            f"{row['floor']['operations'] / 1e9:,.2f}",
            duration(row["floor"]["seconds"]),
            duration(row["ours"]["median"]),
            ratio(row["floor"]["distance"]),
        )
        for row in rows
    ]
    headings = ("stage", "MB", "10^9 operations", "floor", "measured", "measured / floor")
    return [said, table(headings, lines)]


def quality(results: dict[str, Any]) -> list[str]:
    """The fast mixture's components, regions and maps, a cube a line."""
    points = results["cases"].get("mixture_quality", {}).get("default", {}).get("points", [])
    lines = []
    for point in points:
        facts, found = point["facts"], {one["name"]: one for one in point["findings"]}
        again = facts["agreement_of_exact_with_another_seed"]
        lines.append(
            (
                point["label"],
                " x ".join(str(facts[key]) for key in ("height", "width", "bands")),
                f"{facts['regions']:,} / {facts['regions_exact']:,}",
                f"{found['agreement']['value']:.3f} / {again:.3f}",
                f"{found['variance']['value']:.3f}",
                f"{found['map']['value']:.4f} / {facts['map_of_exact_with_another_seed']:.4f}"
                if "map" in found
                else "-",
                verdict(all(one["met"] for one in found.values())),
            )
        )
    if not lines:
        return []
    said = (
        "Adjusted Rand index of the fast mixture's components against the exact one's, beside "
        "that of the exact one from another seed (to be at most 0.05 more); variance within "
        "regions as a share of the exact's (at most 1.10); mean difference of the shipped "
        "detector's saliency maps (below 0.01), beside that of the exact mixture's two seeds. "
        "On cubes with white noise in every band the exact mixture models the noise as well and "
        "cuts areas up by it: it has more regions, and so less variance within them. Pictures of "
        "some thirty rows, enlarged for the network, have too few pixels for fifty components: "
        "their maps change with the seed, too. The settings of the fast mixture were chosen on "
        "these real cubes by these criteria, after others had failed them: on other cubes it may "
        "do less well.\n"
    )
    headings = (
        "cube",
        "size",
        "R, fast / exact",
        "agreement, fast / another seed",
        "variance within, fast / exact",
        "map difference, fast / another seed",
        "met",
    )
    return [said, table(headings, lines)]


def processes(results: dict[str, Any]) -> list[str]:
    """What training gains by a second thread, and by a second process."""
    points = results["cases"].get("train_processes", {}).get("default", {}).get("points", [])
    lines = []
    for point in points:
        scenes, sides = point["facts"]["scenes"], point["sides"]
        first = next(iter(sides.values()))["median"]
        for name, side in sides.items():
            rate = f"{scenes / side['median']:.1f}"
            lines.append((name, spread(side), rate, ratio(first / side["median"])))
    if not lines:
        return []
    facts = points[0]["facts"]
    said = (
        "Each command trains the same detector on the same scenes: "
        f"{facts['images']} scenes a step, however many processes share them. Times are of "
        f"{facts['epochs']} epochs, as the log of the run tells them; the start of the program, "
        "the first epoch and the last, which is validated, are left out.\n"
    )
    headings = (
        "started as",
        f"time of {facts['scenes']} scenes",
        "scenes a second",
        "ratio to the first",
    )
    return [said, table(headings, lines)]


def detectors(results: dict[str, Any]) -> list[str]:
    """What each detector that comes with the package takes."""
    points = results["cases"].get("detectors", {}).get("kept", {}).get("points", [])
    lines = []
    for point in points:
        limits = {one["name"].partition(",")[0]: one for one in point["findings"]}
        for name, side in point["sides"].items():
            one = limits.get(name)
            goal = "-" if one is None else f"{duration(one['limit'])}, {verdict(one['met'])}"
            lines.append((f"`{name}`", spread(side), goal))
    if not lines:
        return []
    facts = points[0]["facts"]
    size = " x ".join(str(facts[key]) for key in ("height", "width", "bands"))
    said = (
        f"From a cube in memory, {size}, to its map, with freed memory kept; the detectors are in "
        "[detectors.md](detectors.md).\n"
    )
    return [said, table(("detector", "time", "at most, met"), lines)]


def gpu(results: dict[str, Any]) -> list[str]:
    """The GPU's rows, or that there are none."""
    lines = []
    for row in results["rows"]:
        if row["case"].startswith("gpu_"):
            facts = row["facts"]
            images = facts["images_a_second"]
            share = f"{facts['share_of_peak_rate']:.1%} of {facts['peak_rate'] / 1e12:.0f} TFLOP/s"
            told = f"{images['dense']:.1f} / {images['dmssn']:.1f}"
            lines.append((row["name"], number(row["regions"]), told, share))
    if not lines:
        return [NO_GPU]
    headings = ("stage", "R of all images", "images a second, dense / dmssn", "share of peak rate")
    return [table(headings, lines)]
