"""What a classical detector gives, and how its numbers become a saliency map.

Letters: H rows, W columns.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FLAT = 1e-5
"""A map whose values differ by less than this share of their scale is called flat: what is left
is the rounding of float32 sums, which stretching would make visible."""


class Answer(NamedTuple):
    """What a classical detector makes of a cube.

    Attributes:
        saliency: Float32 of shape (H, W) in [0, 1]; 0 where a pixel is invalid.
        notes: What should be known of this map, one sentence each.
    """

    saliency: NDArray[np.float32]
    notes: tuple[str, ...] = ()


def stretched(
    values: NDArray[np.floating], valid: NDArray[np.bool_], *, scale: float
) -> NDArray[np.float32]:
    """Values brought to [0, 1], the least of the valid pixels to 0 and the largest to 1.

    Args:
        values: Shape (H, W); finite where a pixel is valid.
        valid: Pixels that count, shape (H, W); the others become 0.
        scale: What the values are measured against. When they differ by less than ``FLAT`` of it,
            or no pixel is valid, all become 0.

    Returns:
        Shape (H, W).

    Example:
        >>> stretched(np.array([[1.0, 2.0, 5.0]]), np.array([[True, True, True]]), scale=1).tolist()
        [[0.0, 0.25, 1.0]]
    """
    counted = values[valid].astype(np.float64)
    result = np.zeros(values.shape, dtype=np.float32)
    if counted.size and (span := counted.max() - (low := counted.min())) > FLAT * scale:
        result[valid] = np.clip((counted - low) / span, 0, 1)
    return result
