"""What every detector is, trained or not: a name, and a function from a cube to its saliency map.

Letters: H rows, W columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import RowSource
from dmssn.readers.given import CubeLike, as_source, is_cube
from dmssn.regions import RegionCube

Kind = Literal["network", "classical"]


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector makes of a cube.

    Attributes:
        saliency: Float32 of shape (H, W) in [0, 1], at the cube's own size; 0 where a pixel is
            invalid.
        bands_said: How the cube's bands were used, a sentence.
        regions: The homogenized cube that a network saw, of several sizes the first; None of a
            classical detector.
        picture: The cube in colour, sRGB of shape (H, W, 3); None when it was not asked for.
        notes: What should be known of this map, one sentence each.
    """

    saliency: NDArray[np.float32]
    bands_said: str
    regions: RegionCube | None = None
    picture: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()


class Detector(ABC):
    """Takes a cube and gives its saliency map; ``load_detector`` makes them.

    Attributes:
        name: What it is called in outputs.
        version: Of the program that trained it, or that it is part of.
        parameters: Trained numbers; 0 of a classical detector.
        settings: What it was made with, plain values for outputs to tell.
    """

    kind: ClassVar[Kind]
    name: str
    version: str
    parameters: int
    settings: Mapping[str, Any]

    # A path or an array can be iterated over, too; the first form that fits counts.
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, cube: CubeLike
    ) -> NDArray[np.float32]: ...

    @overload
    def __call__(self, cube: Iterable[CubeLike]) -> Iterator[NDArray[np.float32]]: ...

    def __call__(
        self, cube: CubeLike | Iterable[CubeLike]
    ) -> NDArray[np.float32] | Iterator[NDArray[np.float32]]:
        """Saliency of each pixel of a cube, or of one cube after the other.

        Args:
            cube: A ``Cube``; a path, or a file that ``dmssn.readers.open_cube`` opened, which is
                read a block of rows at a time: once, or once for each size of a network that has
                several; an array of shape (H, W, B), or an xarray DataArray. Any size; any number
                of bands, of which a network needs 3. Or any iterable of these.

        Returns:
            Float32 of shape (H, W) in [0, 1]; 0 where a pixel is invalid. Of an iterable, an
            iterator over such maps: a cube is asked for, and its map made, when the map is.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The cube has too few bands, or no valid pixel; or its file is damaged.
            MemoryError: The device has too little memory.
        """
        if is_cube(cube):
            return self.detect(as_source(cube)).saliency
        if not isinstance(cube, Iterable):
            raise TypeError(
                f"a detector takes a cube, a path, an array or several of them, got "
                f"{type(cube).__name__}"
            )
        return (self.detect(as_source(one)).saliency for one in cube)

    @abstractmethod
    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As calling it, and what was found on the way.

        Args:
            cube: As calling takes it.
            picture: Whether a colour picture of the cube is wanted too.
        """
