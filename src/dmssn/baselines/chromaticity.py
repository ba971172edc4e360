"""Colours freed of their brightness, for opponencies.

Letters: H rows, W columns, C channels.
"""

import numpy as np
from numpy.typing import NDArray

DARK = 0.1
"""Pixels darker than this part of the brightest have no colour (Itti et al. 1998, section 2.1)."""
BRIGHTEST = 0.99
"""The quantile of brightness we chose to call brightest: a hot pixel is not to darken a scene."""


def chromaticity(channels: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Each channel as a part of the sum of all; 0 where a pixel is dark or invalid.

    Args:
        channels: Light of each channel, shape (H, W, C); anything where a pixel is invalid.
        valid: Pixels that count, shape (H, W).

    Returns:
        Shape (H, W, C).

    Example:
        >>> channels = np.array([[[2, 6], [4, 12], [0.1, 0.1]]], dtype=np.float32)
        >>> chromaticity(channels, np.ones((1, 3), dtype=bool)).tolist()
        [[[0.25, 0.75], [0.25, 0.75], [0.0, 0.0]]]
    """
    brightness = np.where(valid, channels.sum(axis=2), np.float32(0))
    counted = brightness[valid]
    brightest = float(np.quantile(counted, BRIGHTEST)) if counted.size else 0.0
    shown = brightness > max(DARK * brightest, 0)
    parts = channels / np.where(shown, brightness, np.float32(1))[:, :, None]
    return np.asarray(np.where(shown[:, :, None], parts, np.float32(0)))
