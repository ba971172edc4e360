"""A folder of scenes: ``cubes/NAME.*``, ``masks/NAME.*`` and ``splits/{train,val,test}.txt``.

``dmssn scenes`` writes one; your own cubes go into the same layout. A cube is a file or a folder
of one-band pictures; a split is a list of names, one a line.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dmssn.masks import MASK_SUFFIXES
from dmssn.readers.formats import CUBES

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

CUBE_SUFFIXES = (*CUBES, ".tif", ".tiff")
"""ENVI headers stand for the raw files beside them."""


@dataclass(frozen=True)
class SceneFiles:
    """The files of one scene."""

    name: str
    cube: Path
    mask: Path
    split: Split


def scenes(root: Path) -> list[SceneFiles]:
    """Every scene of the folder's splits, in their order.

    Raises:
        FileNotFoundError: The layout is not there.
        ValueError: A name is listed twice, or has no cube or no mask, or more than one; all such
            names are said.
    """
    for part in ("cubes", "masks", "splits"):
        if not (root / part).is_dir():
            raise FileNotFoundError(
                f"{root}: no folder {part}/; a set of scenes has cubes/, masks/ and splits/"
            )
    cubes, masks = _cubes(root / "cubes"), _by_stem(root / "masks", MASK_SUFFIXES)
    found, wrong = [], []
    seen: set[str] = set()
    for split in SPLITS:
        for name in _names(root / "splits" / f"{split}.txt"):
            if name in seen:
                wrong.append(f"{name} listed twice")
            elif said := _trouble(cubes.get(name), "cube") or _trouble(masks.get(name), "mask"):
                wrong.append(f"{name} {said}")
            else:
                found.append(SceneFiles(name, cubes[name][0], masks[name][0], split))
            seen.add(name)
    if wrong:
        raise ValueError(f"{root}: {'; '.join(wrong[:20])}{' ...' if len(wrong) > 20 else ''}")
    if not found:
        raise ValueError(f"{root}: splits/train.txt, val.txt and test.txt name no scene")
    return found


def _names(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _trouble(files: list[Path] | None, what: str) -> str:
    """What is wrong with the files of a name, or nothing."""
    if not files:
        return f"without a {what}"
    return f"with {len(files)} {what}s" if len(files) > 1 else ""


def _cubes(folder: Path) -> dict[str, list[Path]]:
    """Cube files and folders of pictures by name."""
    found = _by_stem(folder, CUBE_SUFFIXES)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            found.setdefault(path.name, []).append(path)
    return found


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, list[Path]]:
    """Files of the given kinds by name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        usable = path.is_file() and path.suffix.lower() in suffixes
        if usable and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    return found
