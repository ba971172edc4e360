"""Copies of data sets in the layouts of the published ones, with their stored cubes turned."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from dmssn.config import Orientation
from dmssn.cube import Cube
from dmssn.rendering import render
from generated import cube_of, with_object

STORED = {
    "none": lambda data: data,
    "flip-left-right": np.fliplr,
    "flip-top-bottom": np.flipud,
    "rotate-180": lambda data: np.rot90(data, 2),
    "transpose": lambda data: data.swapaxes(0, 1),
    "rotate-90": lambda data: np.rot90(data, -1),
    "rotate-270": np.rot90,
    "transverse": lambda data: np.rot90(data, 2).swapaxes(0, 1),
}
"""What was done to an upright (H, W, ...) array that this orientation makes upright again."""

FOLDERS = {
    "folder": ("cubes", "masks", "color"),
    "hs-sod": ("hyperspectral", "ground-truth", "color"),
    "hsod-bit": ("hypercube", "ground_truth", "pseudo-color"),
}


def stored_as(data: np.ndarray, orientation: Orientation) -> np.ndarray:
    return np.ascontiguousarray(STORED[orientation](data))


def scene_of(height: int, width: int, bands: int, seed: int) -> tuple[Cube, np.ndarray]:
    """A scene whose numbers fill 0 to 1, and its mask."""
    cube, mask = with_object(cube_of(height, width, bands, seed), seed)
    data = cube.data - cube.data.min()
    return Cube(data / data.max(), cube.wavelengths_nm, cube.name), mask


def write_counts(path: Path, upright: np.ndarray, orientation: Orientation = "none") -> None:
    """A cube as MATLAB 7.3 has it: ``hypercube``, whose axes HDF5 shows reversed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["hypercube"] = stored_as(upright, orientation).transpose(2, 1, 0)


def write_scene(
    root: Path,
    name: str,
    *,
    kind: str = "hs-sod",
    shape: tuple[int, int, int] = (48, 64, 12),
    seed: int = 0,
    orientation: Orientation = "none",
) -> None:
    """Cube of 12 bit as MATLAB has it, mask and colour picture as JPEG, upright."""
    cube, mask = scene_of(*shape, seed)
    cubes, masks, colours = FOLDERS[kind]
    write_counts(root / cubes / f"{name}.mat", (cube.data * 4095).astype(np.uint16), orientation)
    for folder, levels in ((masks, mask * np.uint8(255)), (colours, render(cube))):
        (root / folder).mkdir(exist_ok=True)
        Image.fromarray(levels).save(root / folder / f"{name}.jpg", quality=90)


def write_lists(root: Path, **lists: Sequence[str]) -> None:
    """``train.txt`` and so on."""
    root.mkdir(parents=True, exist_ok=True)
    for split, names in lists.items():
        (root / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
