"""A cube: the image, its wavelengths and what its reader decided.

Letters: H rows, W columns, B bands.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


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

    Raises:
        ValueError: The data has another shape or type, or the wavelengths do not fit it.
    """

    data: NDArray[np.float32]
    wavelengths_nm: NDArray[np.float64] | None = None
    name: str = "cube"
    notes: tuple[str, ...] = field(default=())

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

    def valid(self) -> NDArray[np.bool_]:
        """Pixels whose spectrum is finite in every band, shape (H, W)."""
        # A sum over bands is finite only if every term is, and needs no (H, W, B) temporary;
        # float64 so that large finite counts cannot overflow.
        with np.errstate(invalid="ignore"):  # both infinities in one pixel sum to NaN, as wanted
            total: NDArray[np.float64] = self.data.sum(axis=2, dtype=np.float64)
        return np.asarray(np.isfinite(total))
