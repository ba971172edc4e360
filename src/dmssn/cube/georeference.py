"""Where the pixels of a picture lie on a map."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Self

Transform = tuple[float, float, float, float, float, float]
"""Six numbers from pixels to coordinates; see ``Georeference``."""
MAPPING, TRANSFORM, CRS = "grid_mapping", "GeoTransform", ("crs_wkt", "spatial_ref")
"""CF's attribute that names an array, and what GDAL keeps there of coordinates and their system."""


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
        if not all(map(isfinite, self.transform)) or a * e == b * d:
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

    def grid_mapping(self) -> dict[str, str]:
        """It as attributes, of the names that GDAL and rioxarray know."""
        a, b, c, d, e, f = self.transform
        told = {TRANSFORM: " ".join(map(repr, (c, a, b, f, d, e)))}
        if self.crs is not None:
            told |= {"spatial_ref": self.crs}
            told |= {"crs_wkt": self.crs} if "[" in self.crs else {}
        return told

    @classmethod
    def from_grid_mapping(cls, told: Mapping[str, Any]) -> Self | None:
        """What the attributes that GDAL puts beside CF's ``grid_mapping`` say; None if nothing.

        Raises:
            ValueError: They are malformed.
        """
        numbers = as_text(told.get(TRANSFORM))
        if numbers is None:
            return None
        try:
            c, a, b, f, d, e = map(float, numbers.split())
            return cls((a, b, c, d, e, f), cls.crs_of(told))
        except ValueError as error:
            raise ValueError(f"{TRANSFORM} must be six numbers ({error})") from None

    @staticmethod
    def crs_of(told: Mapping[str, Any]) -> str | None:
        """The coordinate reference system among such attributes; None without one."""
        return next((text for key in CRS if (text := as_text(told.get(key)))), None)


def as_text(value: Any) -> str | None:  # noqa: ANN401
    """A text, as it may come out of a file; None of anything else."""
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return value if isinstance(value, str) else None
