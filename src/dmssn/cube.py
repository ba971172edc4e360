"""A cube: the image, its wavelengths, its place on a map and what its reader decided.

Letters: H rows, W columns, B bands, h rows of a block.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Transform = tuple[float, float, float, float, float, float]
"""Six numbers from pixels to coordinates; see ``Georeference``."""
BLOCK_BYTES = 16 * 2**20
"""Blocks of rows have about this size: small enough for a processor's cache, and for memory that
is used again rather than asked for anew."""


@dataclass(frozen=True)
class Georeference:
    """From pixels to coordinates of a map.

    Attributes:
        transform: (a, b, c, d, e, f), in the order of ``affine.Affine`` and rasterio:
            x = a column + b row + c and y = d column + e row + f. Columns and rows count from the
            outer corner of the upper left pixel, whose middle is at (0.5, 0.5).
        crs: The coordinate reference system, as WKT or as a code such as ``EPSG:32611``; None
            when it is unknown.
        projection: How ENVI's ``map info`` names the system: the name, then the fields behind the
            pixel sizes, but for the rotation. Empty when it comes from elsewhere.

    Raises:
        ValueError: The transform holds no finite numbers, or makes a line of the picture.
    """

    transform: Transform
    crs: str | None = None
    projection: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what places no pixel."""
        a, b, _, d, e, _ = self.transform
        if not np.isfinite(self.transform).all() or a * e == b * d:
            raise ValueError(f"{self.transform} is no transform from pixels to coordinates")

    def point(self, column: float, row: float) -> tuple[float, float]:
        """The coordinates (x, y) of a place in the picture.

        Example:
            >>> Georeference((2.0, 0.0, 100.0, 0.0, -2.0, 50.0)).point(0.5, 0.5)
            (101.0, 49.0)
        """
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def window(self, row: int, column: int) -> Self:
        """Of a part of the picture, whose upper left pixel is the given one."""
        a, b, _, d, e, _ = self.transform
        x, y = self.point(column, row)
        return replace(self, transform=(a, b, x, d, e, y))

    def transposed(self) -> Self:
        """Of the picture with rows and columns exchanged."""
        a, b, c, d, e, f = self.transform
        return replace(self, transform=(b, a, c, e, d, f))

    def flipped_rows(self, height: int) -> Self:
        """Of the picture, so many rows high, with the last row first."""
        a, b, _, d, e, _ = self.transform
        x, y = self.point(0, height)
        return replace(self, transform=(a, -b, x, d, -e, y))

    def flipped_columns(self, width: int) -> Self:
        """Of the picture, so many columns wide, with the last column first."""
        return self.transposed().flipped_rows(width).transposed()

    def turned(
        self, shape: tuple[int, int], transpose: bool, flip_rows: bool, flip_columns: bool
    ) -> Self:
        """Of a picture that is transposed, then flipped.

        Args:
            shape: Rows and columns of the picture that comes out.
            transpose: Rows become columns.
            flip_rows: The last row comes first.
            flip_columns: The last column comes first.
        """
        found = self.transposed() if transpose else self
        found = found.flipped_rows(shape[0]) if flip_rows else found
        return found.flipped_columns(shape[1]) if flip_columns else found


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
