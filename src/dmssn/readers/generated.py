"""Generated scenes (``.scene``): the numbers a cube is drawn from, which is when it is read."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dmssn.cube.wavelengths import Wavelengths
from dmssn.readers.stored import Convention, Loaded, Stored
from dmssn.scenes.kept import KeptScene

ORDER = Convention("HWB", "the order of generated scenes", certain=True)


def open_generated(path: Path) -> Stored:
    """Find what a generated scene will be; it is drawn when first read, and kept while it is open.

    Raises:
        ValueError: The file is damaged, or made by another version of the program.
    """
    try:
        kept = KeptScene.from_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Stored(
        path,
        Loaded(path, kept.shape, kept.dtype, lambda: _draw(path, kept)),
        convention=ORDER,
        wavelengths=Wavelengths(kept.wavelengths_nm, "nm", "wavelengths"),
    )


def _draw(path: Path, kept: KeptScene) -> NDArray[Any]:
    try:
        return kept.numbers()
    except (ValueError, ModuleNotFoundError) as error:
        raise ValueError(f"{path}: {error}") from None
