"""What does not fit in a copy of a data set as a whole: names, shapes, orientation.

Letters: H rows, W columns, B bands.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from dmssn.config import Orientation, OrientationChoice
from dmssn.datasets.data_set import SPLITS, DataSet
from dmssn.datasets.evidence import LEAST_SCORE, Evidence
from dmssn.datasets.finding import TORN, TWICE, Found
from dmssn.datasets.inspecting import Inspection, Problem
from dmssn.datasets.layout import Files, Layout
from dmssn.datasets.orienting import Settled, decide
from dmssn.readers.turning import TURNS

Shape = tuple[int, int, int]
LISTED = 3
"""A sentence names at most this many scenes where only a few say enough."""


def complete_names(layout: Layout) -> list[str]:
    """Scenes with one cube and one mask, in a list or not."""
    return [
        name
        for name in layout.names
        if len(layout.cubes.get(name, [])) == len(layout.masks.get(name, [])) == 1
    ]


def file_problems(
    found: Found, layout: Layout, root: Path, *, all_wanted: bool
) -> Iterator[Problem]:
    """Files and names that are missing, or too many.

    Args:
        found: The scenes of the copy.
        layout: Its files.
        root: Its folder, to which files are told relatively.
        all_wanted: Whether every published scene is; else those in the lists are enough.
    """
    for name in found.wrong:
        if name not in layout.cubes and name not in layout.masks:
            yield Problem("wrong", "files", name, "in a list, but there is neither cube nor mask")
        elif found.wrong[name] in (TWICE, TORN):
            yield Problem("wrong", "files", name, found.wrong[name])
    for name in layout.names:
        if name not in layout.masks:
            yield Problem("wrong", "files", name, "a cube without a mask")
        if name not in layout.cubes:
            yield Problem("wrong", "files", name, "a mask without a cube")
        for what, files in (("cube", layout.cubes), ("mask", layout.masks)):
            if several := _several(files, name, root):
                yield Problem("wrong", "files", name, f"more than one {what}", several)
        if several := _several(layout.colours, name, root):
            said = "more than one colour picture, of which the first is taken"
            yield Problem("note", "files", name, said, several)
    for name in found.unlisted:
        yield Problem("note", "files", name, "in no list of the split: left alone")
    for split in SPLITS:
        if found.scenes and not found.names(split):
            needed = split != "test"  # training takes both of the others
            severity: Literal["wrong", "note"] = "wrong" if needed else "note"
            yield Problem(severity, "files", None, f"no scene in the {split} split")
    without = [scene.name for scene in found.scenes if scene.colour is None]
    if layout.colours:  # else the orientation says that there are none
        yield from (Problem("note", "files", name, "without a colour picture") for name in without)
    expected, complete = found.kind.scenes, len(complete_names(layout))
    if expected and complete != expected:
        said = f"{complete} scenes with cube and mask, published are {expected}"
        few = all_wanted and complete < expected
        yield Problem("wrong" if few else "note", "files", None, said)


def _several(files: Files, name: str, root: Path) -> str:
    """The files of a name, or nothing if there are not several."""
    paths = files.get(name, [])
    return ", ".join(str(path.relative_to(root)) for path in paths) if len(paths) > 1 else ""


def settle_by(
    kind: DataSet, inspections: Sequence[Inspection], given: OrientationChoice
) -> tuple[Settled | None, list[Problem]]:
    """The orientation by the cubes that were read, and the cubes that are turned otherwise.

    Args:
        kind: The data set.
        inspections: Of its scenes.
        given: What the user says.

    Returns:
        The orientation, or None where it cannot be settled; and the problems.
    """
    evidences = [item.evidence for item in inspections if item.evidence]
    read = any(item.values for item in inspections)
    settled, problems = None, []
    if given != "auto":
        settled = Settled(given, "as given")
    elif evidences or kind.orientation or read:
        try:
            settled = decide(evidences, kind.orientation)
        except ValueError as error:
            problems.append(Problem("wrong", "orientation", None, str(error)))
    else:
        said = "neither documented nor told by any cube, for none was read"
        problems.append(Problem("note", "orientation", None, said))
    severity: Literal["wrong", "note"] = "wrong" if settled and given == "auto" else "note"
    if given != "auto" and (told := _against(evidences, given)):
        problems.append(Problem("wrong", "orientation", None, told))
    for item in inspections:
        evidence = item.evidence
        if evidence is None:
            continue
        if not evidence.decisive:
            if settled and evidence.score < LEAST_SCORE:
                said = "the colour picture fits the cube in no orientation: is it of another scene?"
                detail = f"best score {evidence.score:.2f}"
                problems.append(Problem("note", "orientation", item.scene.name, said, detail))
            continue
        if settled is None or evidence.winner != settled.orientation:
            said = f"{evidence.winner} by the colour picture"
            detail = f"score {evidence.score:.2f}, z {evidence.z:.1f}"
            problems.append(Problem(severity, "orientation", item.scene.name, said, detail))
    return settled, problems


def _against(evidences: Sequence[Evidence], given: Orientation) -> str:
    """What the cubes say to an orientation that the user gave, if they agree on another."""
    try:
        settled = decide(evidences, None)
    except ValueError:
        return ""
    return "" if settled.orientation == given else f"{given!r} was given, but {settled.said}"


def upright(shape: Shape | None, settled: Settled | None) -> Shape | None:
    """(H, W, B) of a cube once it is turned; as stored where that is open."""
    if shape is None or settled is None or not TURNS[settled.orientation].transpose:
        return shape
    return shape[1], shape[0], shape[2]


def shape_problems(
    kind: DataSet, inspections: Sequence[Inspection], settled: Settled | None
) -> Iterator[Problem]:
    """Masks unlike their cubes, cubes unlike the published size, and cubes unlike each other."""
    bands, dtypes = defaultdict(list), defaultdict(list)
    for item in inspections:
        shape, name = upright(item.shape, settled), item.scene.name
        if shape is None or item.dtype is None:
            continue
        bands[shape[2]].append(name)
        dtypes[item.dtype].append(name)
        if item.mask_shape and (unlike := _mask_unlike(item.mask_shape, shape, settled)):
            yield Problem("wrong", "masks", name, *unlike)
        if kind.shape and _larger(shape, kind.shape, settled):
            said = f"larger than the published {_by(kind.shape)}"
            yield Problem("note", "cubes", name, said, _by(shape))
    for what, groups in (("bands", bands), ("types of numbers", dtypes)):
        if len(groups) > 1:
            each = "; ".join(f"{value}: {_few(names)}" for value, names in groups.items())
            hint = "; preparing them needs prepare.bands" if what == "bands" else ""
            yield Problem("note", "cubes", None, f"the cubes differ in {what} ({each}){hint}")


def _mask_unlike(
    mask: tuple[int, int], cube: Shape, settled: Settled | None
) -> tuple[str, str] | None:
    """How a mask differs in size from its cube, or None."""
    height, width, _ = cube
    if mask == (height, width) or (settled is None and mask == (width, height)):
        return None
    hint = "; is the orientation right?" if mask == (width, height) else ""
    return f"not of the size of its cube{hint}", f"{_by(mask)}, not {height} x {width}"


def _larger(shape: Shape, most: tuple[int, int], settled: Settled | None) -> bool:
    size = shape[:2] if settled else sorted(shape[:2])
    limits = most if settled else sorted(most)
    return any(side > limit for side, limit in zip(size, limits, strict=True))


def _by(shape: Sequence[int]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
