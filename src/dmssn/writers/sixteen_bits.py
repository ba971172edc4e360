"""Storing float32 numbers in 16 bits: which scale and offset, and what does not fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmssn.config import SettingError
from dmssn.writers.plan import Encoding

FLOAT32, FLOAT16, UINT16 = map(np.dtype, ("float32", "float16", "uint16"))
TOP = 65535
"""The greatest stored number, kept for what is not finite wherever it is not needed."""
OVERFLOW = 65520.0
"""From here on a number becomes infinite in float16."""
SMALLEST_NORMAL = 2.0**-14
"""Below this float16 has fewer than its eleven bits."""


@dataclass
class Range:
    """What numbers a cube holds, block by block.

    Attributes:
        least: Of the finite numbers; infinite when there is none.
        greatest: Likewise.
        whole: Whether all finite numbers are whole.
        missing: Whether any number is not finite.
    """

    least: float = np.inf
    greatest: float = -np.inf
    whole: bool = True
    missing: bool = False

    def add(self, block: NDArray[np.float32]) -> None:
        """Take in a block of shape (h, W, B)."""
        for row in block:  # row by row: no second block in memory
            finite = np.isfinite(row)
            numbers = row if finite.all() else row[finite]
            self.missing |= numbers.size < row.size
            self.least = min(self.least, float(numbers.min(initial=np.inf)))
            self.greatest = max(self.greatest, float(numbers.max(initial=-np.inf)))
            self.whole = self.whole and bool((numbers == np.rint(numbers)).all())


def check_float16(name: str, found: Range) -> None:
    """Refuse a cube whose numbers float16 cannot hold.

    Raises:
        SettingError: Some would become infinite, or all would lose most of their digits.
    """
    largest = max(abs(found.least), abs(found.greatest))
    if OVERFLOW <= largest < np.inf:
        raise SettingError(
            f"{name}: holds {found.least:g} to {found.greatest:g}, float16 ends at 65504; "
            "use --dtype float32 or uint16"
        )
    if 0 < largest < SMALLEST_NORMAL:
        raise SettingError(
            f"{name}: no number is larger than {largest:g}, float16 is exact only from "
            f"{SMALLEST_NORMAL:.1g} up; use --dtype float32 or uint16"
        )


def uint16_encoding(name: str, found: Range, *, offset: bool) -> Encoding:
    """The finest uint16 encoding of a cube's numbers; exact for whole numbers that fit.

    Args:
        name: What the cube is called in messages.
        found: Its numbers, at least one of which is finite.
        offset: Whether the format knows an offset; if not, its scale divides, in float32.

    Raises:
        SettingError: There are negative numbers and no offset.
    """
    if found.least < 0 and not offset:
        raise SettingError(
            f"{name}: holds numbers down to {found.least:g}, and uint16 in ENVI has no offset; "
            "use --dtype float32 or another format"
        )
    exact = _exact(found, offset) if found.whole else None
    if exact is not None:
        return exact
    if offset:
        scale = (found.greatest - found.least) / (TOP - 1) or 1.0
        return Encoding(UINT16, scale, found.least, TOP)
    with np.errstate(over="ignore"):
        divisor = float(np.float32((TOP - 1) / found.greatest))
    if not np.isfinite(divisor):
        raise SettingError(
            f"{name}: no number is larger than {found.greatest:g}, too small for a scale factor in "
            "ENVI; use --dtype float32 or another format"
        )
    return Encoding(UINT16, 1 / divisor, 0.0, TOP)


def _exact(found: Range, offset: bool) -> Encoding | None:
    """Whole numbers as they are, or moved; None when they do not fit."""
    start = 0.0 if found.least >= 0 and found.greatest <= TOP else found.least
    if start and not offset:
        return None
    low, high = found.least - start, found.greatest - start
    if high < TOP:
        return Encoding(UINT16, 1.0, start, TOP)
    if high == TOP and (low > 0 or not found.missing):
        return Encoding(UINT16, 1.0, start, 0 if found.missing else None)
    return None
