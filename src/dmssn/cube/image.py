"""A cube: the image, its wavelengths, its place on a map and what its reader decided.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmssn.cube.data_arrays import read_data_array, write_data_array
from dmssn.cube.georeference import Georeference
from dmssn.cube.stored_numbers import numbers
from dmssn.cube.wavelengths import by_wavelength, in_nanometres

if TYPE_CHECKING:
    from xarray import DataArray

BLOCK_BYTES = 16 * 2**20
"""Blocks of rows have about this size: small enough for a processor's cache, and for memory that
is used again rather than asked for anew."""


class RowSource(Protocol):
    """A cube whose rows are asked for block by block: in memory (``Cube``) or in a file."""

    @property
    def name(self) -> str:
        """What the cube is called in messages and in the names of outputs."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        ...

    @property
    def wavelengths_nm(self) -> NDArray[np.float64] | None:
        """Band centres in nanometres, strictly increasing, shape (B,); None when unknown."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader decided or changed, one sentence each."""
        ...

    @property
    def georeference(self) -> Georeference | None:
        """Where its pixels lie on a map; None when unknown."""
        ...

    def row_blocks(self) -> list[slice]:
        """Blocks of whole rows that are read well together, top to bottom; they cover all rows."""
        ...

    def read(self, rows: slice, /) -> NDArray[np.float32]:
        """Rows, without a step, as float32 of shape (h, W, B); not to be changed.

        Raises:
            ValueError: The file is damaged.
        """
        ...

    def sideways(self) -> "RowSource | None":
        """The cube with rows and columns exchanged, where its columns are read better; or None."""
        ...

    def without_valid_pixel(self, filled: NDArray[np.bool_], /) -> ValueError:
        """The error for a cube without a valid pixel.

        Args:
            filled: Whether a band has any finite value, shape (B,).
        """
        ...


@dataclass(frozen=True, eq=False)
class Cube:
    """A hyperspectral image.

    Attributes:
        data: Counts, radiance or reflectance, float32 of shape (H, W, B). Row 0 is the top of the
            scene. A pixel with a NaN or infinite value in any band is invalid: it holds no
            spectrum, joins no region and gets saliency 0.
        wavelengths_nm: Band centres in nanometres, strictly increasing, shape (B,); None when
            the file does not say.
        name: What the cube is called in messages and in the names of outputs.
        notes: What the reader decided or changed, one sentence each.
        georeference: Where its pixels lie on a map; None when unknown.

    Raises:
        ValueError: The data has another shape or type, or the wavelengths do not fit it.
    """

    data: NDArray[np.float32]
    wavelengths_nm: NDArray[np.float64] | None = None
    name: str = "cube"
    notes: tuple[str, ...] = field(default=())
    georeference: Georeference | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be a cube."""
        if self.data.ndim != 3 or 0 in self.data.shape:
            raise ValueError(f"a cube has shape (H, W, B), got {self.data.shape}")
        if self.data.dtype != np.float32:
            raise ValueError(f"a cube holds float32, got {self.data.dtype}; convert it first")
        if self.wavelengths_nm is None:
            return
        if self.wavelengths_nm.shape != (self.bands,):
            raise ValueError(
                f"the cube has {self.bands} bands but {self.wavelengths_nm.size} wavelengths; "
                "is the band axis last?"
            )
        if not np.all(np.diff(self.wavelengths_nm) > 0):
            raise ValueError("wavelengths_nm must be strictly increasing")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        return self.height, self.width, self.bands

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.data.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.data.shape[1])

    @property
    def bands(self) -> int:
        """Number of bands."""
        return int(self.data.shape[2])

    @classmethod
    def from_array(
        cls,
        values: ArrayLike,
        wavelengths_nm: ArrayLike | None = None,
        *,
        name: str = "cube",
        georeference: Georeference | None = None,
    ) -> Self:
        """A cube of any numbers of shape (H, W, B), bands last.

        Args:
            values: Integers or floats of shape (H, W, B); what a masked array masks becomes
                invalid. Float32 in this order is not copied.
            wavelengths_nm: Band centres in nanometres, shape (B,), in any order: bands are sorted
                by them.
            name: What the cube is called.
            georeference: Where its pixels lie on a map.

        Raises:
            ValueError: They are no numbers, or of another shape.

        Example:
            >>> counts = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
            >>> cube = Cube.from_array(counts, [700, 600, 500, 400])
            >>> cube.shape, cube.wavelengths_nm.tolist(), cube.data[0, 0].tolist()
            ((2, 3, 4), [400.0, 500.0, 600.0, 700.0], [3.0, 2.0, 1.0, 0.0])
        """
        data = numbers(values)
        told = None if wavelengths_nm is None else np.asarray(wavelengths_nm, dtype=np.float64)
        if told is None or data.ndim != 3 or told.shape != data.shape[2:]:
            return cls(data, told, name, georeference=georeference)
        told = in_nanometres(told)
        data, told, notes = by_wavelength(data, told)
        return cls(data, told, name, notes, georeference)

    @classmethod
    def from_xarray(cls, array: "DataArray") -> Self:
        """A cube of an xarray DataArray with three dimensions, in any order.

        Dimensions are known by their names, such as ``y``, ``x`` and ``band``; ``row``, ``col`` and
        ``wavelength``; ``lines``, ``samples`` and ``bands``; ``lat`` and ``lon``. Wavelengths are
        a coordinate of the bands with such a name, in its ``units``; the place on a map is that of
        rioxarray's ``spatial_ref``, and of the coordinates of rows and columns as they now are.
        Attributes that say "no data", scale and offset are followed, as long as xarray has not done
        so itself.

        Args:
            array: Float32 that is already in the order (H, W, B) is not copied.

        Raises:
            ValueError: Its dimensions cannot be told, or it does not hold integers or floats.
        """
        return cls(*read_data_array(array))

    def to_xarray(self) -> "DataArray":
        """The cube as an xarray DataArray, which shares its numbers.

        Returns:
            Dimensions ``y``, ``x`` and ``wavelength``, a coordinate in nanometres; or ``y``, ``x``
            and ``band`` where wavelengths are unknown. With a georeference, ``y`` and ``x`` are the
            middles of pixels and ``spatial_ref`` is as rioxarray has it.

        Raises:
            ModuleNotFoundError: xarray is not installed.
        """
        return write_data_array(self.data, self.wavelengths_nm, self.name, self.georeference)

    def row_blocks(self) -> list[slice]:
        """Blocks of whole rows, top to bottom, each of about 16 MiB."""
        rows = max(1, BLOCK_BYTES // (self.width * self.bands * 4))
        return [slice(top, min(top + rows, self.height)) for top in range(0, self.height, rows)]

    def read(self, rows: slice, /) -> NDArray[np.float32]:
        """A view of rows, shape (h, W, B)."""
        return self.data[rows]

    def sideways(self) -> None:
        """In memory, rows are as good as columns."""

    def without_valid_pixel(self, filled: NDArray[np.bool_], /) -> ValueError:
        """The error for a cube without a valid pixel; ``filled`` tells which bands have values."""
        return ValueError(f"{self.name}: no pixel has a finite value in every band")

    def valid(self) -> NDArray[np.bool_]:
        """Pixels whose spectrum is finite in every band, shape (H, W)."""
        # A sum over bands is finite only if every term is, and needs no (H, W, B) temporary;
        # float64 so that large finite counts cannot overflow.
        with np.errstate(invalid="ignore"):  # both infinities in one pixel sum to NaN, as wanted
            total: NDArray[np.float64] = self.data.sum(axis=2, dtype=np.float64)
        return np.asarray(np.isfinite(total))
