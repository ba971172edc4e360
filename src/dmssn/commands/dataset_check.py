"""``dmssn dataset check``: whether a copy of a data set is whole and as its authors promise.

Examples:
    dmssn dataset check folder my-scenes
    dmssn dataset check hsod-bit HSOD-BIT --workers 8 --json
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dmssn.config import OrientationChoice, SettingError

if TYPE_CHECKING:
    from dmssn.checking import Report
    from dmssn.datasets.inspecting import Problem

LISTED = 30
"""The report for people names at most this many scenes with the same problem."""


def main(
    name: str,
    root: Path,
    /,
    *,
    split: str = "",
    fold: str = "",
    val: float = 0.1,
    seed: int = 0,
    orientation: OrientationChoice = "auto",
    read: str = "all",
    size: int = 256,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    workers: int = 1,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """See whether a copy of a data set is whole, and as its authors promise.

    Everything that is wrong is listed at once, grouped and with the names of its scenes: files
    that are missing, damaged or too many, sizes, numbers, masks, how the cubes are turned, and
    whether there is room for the prepared set. Notes are worth a look but stop nothing.

    Args:
        name: The data set: see `dmssn dataset list`.
        root: Folder of the copy.
        split: A published split by its name, seeded, folders, or a file or folder of lists; empty
            for the set's default.
        fold: k/n for cross-validation: the k-th of n parts is the test split.
        val: Share of the training scenes taken for validation where no list names them.
        seed: Of what is left to chance in the split.
        orientation: How stored cubes are turned; auto compares them with their colour pictures.
        read: Cubes whose numbers are read: all, none or how many; the others are only opened.
        size: Side of the prepared scenes for which there should be room.
        output: Folder where the prepared set would go; by default in the copy.
        workers: Processes that read side by side.
        as_json: Print everything about the set and each scene as one JSON object.

    Returns:
        0 when nothing is wrong, else 1.
    """
    from dmssn.checking import Request, check
    from dmssn.config import DataConfig, PrepareConfig
    from dmssn.datasets.catalogue import data_set
    from dmssn.datasets.splits import Choice

    kind = data_set(name)
    DataConfig(scenes=root, prepared=root, set=name, val=val, seed=seed)  # refuse what cannot be
    PrepareConfig(size=size)
    if workers < 1:
        raise SettingError(f"--workers must be at least 1, got {workers}")
    request = Request(
        root=root,
        output=root if output is None else output,
        choice=Choice(split, fold, val, seed),
        orientation=orientation,
        read=_count(read),
        size=size,
        workers=workers,
    )
    report = check(kind, request)
    if as_json:
        print(json.dumps(report.to_table(), indent=1))
    else:
        print("\n".join(_lines(report)))
    return 1 if report.of("wrong") else 0


def _count(read: str) -> int | None:
    """How many cubes to read; None for all."""
    if read in ("all", "none"):
        return None if read == "all" else 0
    if not read.isdecimal():
        raise SettingError(f"--read takes all, none or a number of cubes, got {read!r}")
    return int(read)


def _lines(report: "Report") -> Iterator[str]:
    """The report for people."""
    wrong, notes = report.of("wrong"), report.of("note")
    verdict = f"{len(wrong)} wrong" if wrong else "nothing wrong"
    yield f"{report.kind.title} in {report.request.root}: {verdict}, {len(notes)} to note"
    for label, said in _facts(report):
        yield f"  {label:<13}{said}"
    for title, problems in (("wrong", wrong), ("to note", notes)):
        if problems:
            yield f"{title}:"
            yield from _listed(problems)


def _facts(report: "Report") -> Iterator[tuple[str, str]]:
    from dmssn.checking import size_of

    published = report.kind.scenes
    counts = ", ".join(
        f"{len(report.found.names(split))} {split}" for split in ("train", "val", "test")
    )
    yield "scenes", f"{report.complete}{f' of {published}' if published else ''}: {counts}"
    yield "split", report.found.said
    sizes = report.shapes.most_common()
    if sizes:
        more = f" and {len(sizes) - 1} other sizes" if len(sizes) > 1 else ""
        yield "cubes", f"{' x '.join(map(str, sizes[0][0]))}{more}, {', '.join(report.dtypes)}"
    read, (least, greatest) = len(report.read), report.range
    of = f"{read} of {len(report.inspections)} cubes read"
    yield "numbers", of if least is None else f"{least:g} to {greatest:g}; {of}"
    if report.salient:
        low, high = (f"{100 * share:.3g}" for share in report.salient)
        yield "masks", f"{low} to {high} % of the pixels salient"
    settled = report.settled
    yield "orientation", f"{settled.orientation}: {settled.said}" if settled else "open"
    disk, side = report.disk, report.request.size
    needed = "an unknown size" if disk.needed_bytes is None else size_of(disk.needed_bytes)
    free = f"{size_of(disk.free_bytes)} free"
    yield "disk", f"prepared at size {side} it takes up to about {needed}; {free}"


def _listed(problems: "list[Problem]") -> Iterator[str]:
    """Problems by their groups; scenes with the same one share a line."""
    for group in dict.fromkeys(problem.group for problem in problems):
        yield f"  {group}"
        scenes: dict[str, list[str]] = {}
        for problem in problems:
            if problem.group == group:
                detail = f" ({problem.detail})" if problem.detail else ""
                name = [f"{problem.scene}{detail}"] if problem.scene else []
                scenes.setdefault(problem.said, []).extend(name)
        for said, names in scenes.items():
            if len(names) > LISTED:
                names = [*names[:LISTED], f"and {len(names) - LISTED} more, see --json"]
            yield f"    {said}{': ' if names else ''}{', '.join(names)}"
