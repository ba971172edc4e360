"""What a format finds in a file, before band axis, wavelengths and bands are settled.

A format's module turns a path into a ``Stored``; everything after that is the same for all.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Georeference
from dmssn.cube.stored_numbers import REAL_KINDS, no_data
from dmssn.cube.wavelengths import Wavelengths


def cube_name(path: Path) -> str:
    """What the cube of a file or folder is called: its name without the ending of a format.

    Example:
        >>> cube_name(Path("a/field.1.hdr")), cube_name(Path("a/field.1.zarr"))
        ('field.1', 'field.1')
    """
    if path.suffix.lower() == ".zarr" or not path.is_dir():
        return path.stem
    return path.resolve().name  # the folder "." has no name of its own


class ChoiceError(ValueError):
    """A file can be read in several ways, and an option of the cube's would choose one."""


class Array(Protocol):
    """What can be sliced like an array: a memory map, an HDF5 dataset, a ``Loaded``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        ...

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401
        """A block of the numbers."""
        ...


class Convention(NamedTuple):
    """The axis order a format prescribes or is used with; letters H rows, W columns, B bands."""

    axes: str
    """Order of the stored axes, such as ``"BWH"``."""
    reason: str
    """Whose order it is, for messages."""
    certain: bool
    """True when the file itself says so, False when it is a habit that a file may break."""

    @property
    def band_axis(self) -> int:
        """Number of the stored axis that holds the bands."""
        return self.axes.index("B")


@dataclass(frozen=True, eq=False)
class Stored:
    """A cube as its file holds it.

    Attributes:
        path: The file or folder the user gave.
        array: The numbers, with three axes in the file's own order; read when sliced.
        key: Name of the variable inside the file; None when the format has one cube a file.
        convention: The format's axis order; None when it has none.
        wavelengths: What the file says about wavelengths, one value per stored band.
        notes: What the format's reader decided, one sentence each.
        ignore_value: Stored number that means "no data"; None when there is none.
        scale: Stored numbers are divided by this.
        factor: Stored numbers are multiplied by this ...
        offset: ... and this is added.
        good_bands: True for the bands the file calls good, shape (stored bands,); None when it
            does not say.
        georeference: Where its pixels lie on a map, rows and columns as stored.
    """

    path: Path
    array: Array
    key: str | None = None
    convention: Convention | None = None
    wavelengths: Wavelengths | None = None
    notes: tuple[str, ...] = ()
    ignore_value: float | None = None
    scale: float = 1.0
    factor: float = 1.0
    offset: float = 0.0
    good_bands: NDArray[np.bool_] | None = None
    georeference: Georeference | None = None

    @property
    def holds_values(self) -> bool:
        """Whether the numbers are the values themselves, all of them."""
        return self.ignore_value is None and (self.scale, self.factor, self.offset) == (1, 1, 0)

    def to_values(self, row: NDArray[np.float32]) -> None:
        """Turn stored numbers into values in place; those that mean "no data" become NaN."""
        if self.ignore_value is not None:
            row[no_data(row, np.float32(self.ignore_value))] = np.nan
        if self.scale != 1:
            row /= np.float32(self.scale)
        if self.factor != 1 or self.offset != 0:
            # In float64: an offset may be far larger than the steps.
            row[:] = np.multiply(row, self.factor, dtype=np.float64) + self.offset


class Loaded:
    """An array that its format can only load whole: loaded at the first slice, then kept.

    Args:
        path: File the array comes from, for messages.
        shape: Lengths of the axes, known without loading.
        dtype: Type of the numbers as the file states it.
        load: Loads the array; its errors name the file.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[], NDArray[Any]],
    ) -> None:
        """Keep what is known; nothing is loaded yet."""
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self._load = load

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401
        """A block of the numbers."""
        return self.whole[index]

    @cached_property
    def whole(self) -> NDArray[Any]:
        """The whole array.

        Raises:
            ValueError: The file is damaged, or its numbers are not real ones.
        """
        array = self._load()
        require_real(self.path, "its cube", array.dtype)
        if array.shape != self.shape:
            raise ValueError(
                f"{self.path}: announces a cube of shape {self.shape} but holds {array.shape}; "
                "the file is damaged"
            )
        return array


def require_real(path: Path, what: str, dtype: np.dtype[Any]) -> None:
    """Refuse an array that does not hold integers or floats.

    Raises:
        ValueError: It holds complex numbers, booleans, text or objects.
    """
    if dtype.kind in REAL_KINDS:
        return
    kinds = {"c": "complex numbers", "b": "booleans", "O": "objects", "V": "compound values"}
    held = kinds.get(dtype.kind, "text")
    raise ValueError(f"{path}: {what} holds {held} ({dtype}); a cube holds integers or floats")


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Turn whatever a format's library raises on a damaged file into one line naming the file.

    Keep the body to calls of that library: it may raise nearly anything on such a file.

    Raises:
        ValueError: The library could not make sense of the file.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:
        said = str(error) or type(error).__name__
        raise ValueError(
            f"{path}: cannot be read, it is damaged or of another format: {said}"
        ) from (error)
