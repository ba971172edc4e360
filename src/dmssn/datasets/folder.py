"""A folder of scenes: ``cubes/NAME.*``, ``masks/NAME.png`` and ``splits/{train,val,test}.txt``.

``dmssn scenes`` writes one; your own cubes go into the same layout. A mask is a picture that is
white where salient; a split is a list of names, one a line.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

MASK_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
WHITE = 128
"""Masks are salient from this level up; JPEG masks hold every level."""


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
        ValueError: A name is listed twice, or has no cube or no mask; all such names are said.
    """
    for part in ("cubes", "masks", "splits"):
        if not (root / part).is_dir():
            raise FileNotFoundError(
                f"{root}: no folder {part}/; a set of scenes has cubes/, masks/ and splits/"
            )
    cubes, masks = _by_stem(root / "cubes", None), _by_stem(root / "masks", MASK_SUFFIXES)
    found, wrong = [], []
    seen: set[str] = set()
    for split in SPLITS:
        for name in _names(root / "splits" / f"{split}.txt"):
            if name in seen:
                wrong.append(f"{name} listed twice")
            elif name not in cubes or name not in masks:
                wrong.append(f"{name} without a {'mask' if name in cubes else 'cube'}")
            else:
                found.append(SceneFiles(name, cubes[name], masks[name], split))
            seen.add(name)
    if wrong:
        raise ValueError(f"{root}: {'; '.join(wrong[:20])}{' ...' if len(wrong) > 20 else ''}")
    if not found:
        raise ValueError(f"{root}: splits/train.txt, val.txt and test.txt name no scene")
    return found


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask, bool of shape (H, W); True is salient.

    Raises:
        ValueError: The file is no picture.
    """
    try:
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"))
    except OSError as error:
        raise ValueError(f"{path}: not a readable picture: {error}") from None
    return grey >= WHITE


def _names(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _by_stem(folder: Path, suffixes: tuple[str, ...] | None) -> dict[str, Path]:
    """Files by stem; an ENVI header counts for the raw file beside it."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if suffixes is None or path.suffix.lower() in suffixes:
            header = path.with_suffix(".hdr")
            found[path.stem] = header if suffixes is None and header.is_file() else path
    return found
