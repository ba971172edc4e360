"""Small scenes made on the spot: zones of a few materials, and folders of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from dmssn.cube import Cube


def cube_of(
    height: int = 40, width: int = 40, bands: int = 12, seed: int = 0, name: str = "scene"
) -> Cube:
    """Zones of eight materials under uneven light, with a little noise; about 0.1 to 1."""
    rng = np.random.default_rng(seed)
    materials = 0.4 + 0.05 * np.cumsum(rng.normal(size=(8, bands)), axis=1)
    middles, material = rng.random((20, 2)) * [height, width], rng.integers(8, size=20)
    rows, columns = np.mgrid[:height, :width]
    distance = (rows[..., None] - middles[:, 0]) ** 2 + (columns[..., None] - middles[:, 1]) ** 2
    light = 1 + 0.1 * np.sin(rows / 9 + columns / 13)
    data = materials[material[distance.argmin(axis=2)]] * light[..., None]
    data += rng.normal(scale=0.01, size=data.shape)
    return Cube(data.astype(np.float32), np.linspace(400, 1000, bands), name)


def with_object(cube: Cube, seed: int) -> tuple[Cube, np.ndarray]:
    """The cube with a disc of another spectrum, and the disc's mask."""
    rng = np.random.default_rng([seed, 7])
    rows, columns = np.mgrid[: cube.height, : cube.width]
    middle = rng.uniform(0.3, 0.7, 2) * [cube.height, cube.width]
    radius = 0.2 * min(cube.height, cube.width)
    mask = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2
    data = cube.data.copy()
    data[mask] = np.linspace(1.2, 0.3, cube.bands) + rng.normal(
        scale=0.01, size=(mask.sum(), cube.bands)
    )
    return Cube(data, cube.wavelengths_nm, cube.name), mask


def write_scene_files(root: Path, cube: Cube, mask: np.ndarray) -> None:
    """``cubes/NAME.npz`` and ``masks/NAME.png``."""
    (root / "cubes").mkdir(parents=True, exist_ok=True)
    (root / "masks").mkdir(exist_ok=True)
    np.savez(root / "cubes" / cube.name, cube=cube.data, wavelengths_nm=cube.wavelengths_nm)
    Image.fromarray(mask * np.uint8(255)).save(root / "masks" / f"{cube.name}.png")


def write_folder(root: Path, *, train: int = 4, val: int = 2, test: int = 1, **size: int) -> Path:
    """A folder of scenes as ``dmssn prepare`` reads it; sizes are those of ``cube_of``."""
    (root / "splits").mkdir(parents=True)
    seed = 0
    for split, count in (("train", train), ("val", val), ("test", test)):
        names = [f"{split}_{number}" for number in range(count)]
        (root / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            write_scene_files(root, *with_object(cube_of(**size, seed=seed, name=name), seed))
            seed += 1
    return root
