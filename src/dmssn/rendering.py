"""A cube as a colour picture.

Letters: H rows, W columns, B bands.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn.cube import RowSource
from dmssn.resample import resample_bands

XYZ_TO_SRGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
"""CIE XYZ to linear sRGB (IEC 61966-2-1)."""
COLOUR_NM = (640.0, 550.0, 460.0)
"""Red, green and blue, where the camera sees only parts of the visible."""
VISIBLE_NM = (450.0, 650.0)
"""A camera whose bands reach past both ends, closely enough, gives true colour."""
WIDEST_STEP_NM = 40.0
STRETCH = (1.0, 99.5)
"""Percentiles of a picture's values that are shown as black and as full brightness."""
MEASURED = 2**20
"""Pixels the range of a picture is that of; of a larger one, so many on an even grid."""
ROWS_AT_ONCE = 64
"""Rows of a picture painted at once."""


class Palette(NamedTuple):
    """How bands become colours.

    Attributes:
        weights: From bands to linear red, green and blue, shape (3, B).
        true: Whether these are the colours a person would see; else each is a band of its own.
    """

    weights: csr_array
    true: bool


def render(cube: RowSource) -> NDArray[np.uint8]:
    """The cube as a person would see it, as nearly as its bands allow.

    Returns:
        sRGB of shape (H, W, 3); invalid pixels are black.
    """
    colours = palette(cube.shape[2], cube.wavelengths_nm)
    blocks = [resample_bands(cube.read(rows), colours.weights) for rows in cube.row_blocks()]
    return paint(np.concatenate(blocks), true=colours.true)


def palette(bands: int, wavelengths_nm: NDArray[np.float64] | None) -> Palette:
    """The colours a camera's bands allow.

    Bands over the visible are weighed by the CIE 1931 colour matching functions. Other cameras
    give the bands nearest to red, green and blue, and infrared ones or those without wavelengths
    three bands spread over the range, the last as red.
    """
    if wavelengths_nm is not None and covers_visible(wavelengths_nm):
        return Palette(csr_array(_colour_weights(wavelengths_nm).T), true=True)
    chosen = range(3), _three_bands(bands, wavelengths_nm)
    return Palette(csr_array((np.ones(3, dtype=np.float32), chosen), shape=(3, bands)), true=False)


def paint(colours: NDArray[np.float32], *, true: bool) -> NDArray[np.uint8]:
    """A colour picture, its brightness stretched to its own range.

    Args:
        colours: Linear, of any range, shape (H, W, 3); not finite where a pixel is invalid.
        true: Of the palette. One range serves true colours, so that hues stay true; bands that
            stand for colours have one each.

    Returns:
        sRGB of shape (H, W, 3); invalid pixels are black.
    """
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(colours).all(axis=2))
    if not valid.any():
        return np.zeros(colours.shape, dtype=np.uint8)
    step = max(1, round((valid.size / MEASURED) ** 0.5))
    few, there = colours[::step, ::step], valid[::step, ::step]
    if not there.any():  # the few that are valid lie between
        few, there = colours, valid
    shown = few if there.all() else few[there][None]
    axes = None if true else (0, 1)
    low, high = np.percentile(shown, STRETCH, axis=axes, keepdims=True).astype(np.float64)
    span = np.where(high > low, high - low, 1)
    levels = np.zeros(colours.shape, dtype=np.uint8)
    # Some rows at a time, for the steps between are large.
    for top in range(0, len(colours), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        picture = np.where(valid[rows, :, None], colours[rows], low)
        picture = np.clip((picture - low) / span, 0, 1).astype(np.float32)  # powers are faster
        light = np.float32(1.055) * picture ** np.float32(1 / 2.4) - np.float32(0.055)
        encoded = np.where(picture <= 0.0031308, picture * np.float32(12.92), light)
        levels[rows] = np.where(valid[rows, :, None], np.rint(encoded * 255), 0)
    return levels


def covers_visible(wavelengths_nm: NDArray[np.float64]) -> bool:
    """Whether bands cover the visible closely enough for true colour."""
    low, high = VISIBLE_NM
    if wavelengths_nm[0] > low or wavelengths_nm[-1] < high:
        return False
    first = int(np.searchsorted(wavelengths_nm, low, side="right")) - 1
    last = int(np.searchsorted(wavelengths_nm, high))
    return bool(np.diff(wavelengths_nm[first : last + 1]).max() <= WIDEST_STEP_NM)


def colour_matching(wavelengths_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE 1931 colour matching functions x, y, z at the given wavelengths, shape (B, 3).

    The multi-lobe fit of C. Wyman, P.-P. Sloan and P. Shirley, "Simple Analytic Approximations to
    the CIE XYZ Color Matching Functions", JCGT 2(2), 2013.
    """

    def lobe(height: float, centre: float, left: float, right: float) -> NDArray[np.float64]:
        off = wavelengths_nm - centre
        scaled = off * np.where(off < 0, left, right)
        return np.asarray(height * np.exp(-0.5 * scaled**2))

    x = (
        lobe(0.362, 442.0, 0.0624, 0.0374)
        + lobe(1.056, 599.8, 0.0264, 0.0323)
        + lobe(-0.065, 501.1, 0.0490, 0.0382)
    )
    y = lobe(0.821, 568.8, 0.0213, 0.0247) + lobe(0.286, 530.9, 0.0613, 0.0322)
    z = lobe(1.217, 437.0, 0.0845, 0.0278) + lobe(0.681, 459.0, 0.0385, 0.0725)
    return np.stack([x, y, z], axis=1)


def _colour_weights(wavelengths_nm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights (B, 3) from bands to linear sRGB; a spectrum that is flat comes out grey."""
    matching = colour_matching(wavelengths_nm) * np.gradient(wavelengths_nm)[:, None]
    weights = matching @ XYZ_TO_SRGB.T
    return np.asarray(weights / weights.sum(axis=0), dtype=np.float32)


def _three_bands(bands: int, nm: NDArray[np.float64] | None) -> tuple[int, int, int]:
    if nm is not None and nm[0] <= COLOUR_NM[2] + WIDEST_STEP_NM and nm[-1] >= COLOUR_NM[0] - 40:
        red, green, blue = (int(np.abs(nm - colour).argmin()) for colour in COLOUR_NM)
        return red, green, blue
    last = bands - 1
    return round(last * 0.85), round(last * 0.5), round(last * 0.15)
