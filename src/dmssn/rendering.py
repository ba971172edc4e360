"""A cube as a colour picture.

Letters: H rows, W columns, B bands.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube

XYZ_TO_SRGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
"""CIE XYZ to linear sRGB (IEC 61966-2-1)."""
COLOUR_NM = (640.0, 550.0, 460.0)
"""Red, green and blue, where the camera sees only parts of the visible."""
VISIBLE_NM = (450.0, 650.0)
"""A camera whose bands reach past both ends, closely enough, gives true colour."""
WIDEST_STEP_NM = 40.0


def render(cube: Cube) -> NDArray[np.uint8]:
    """The cube as a person would see it, as nearly as its bands allow.

    Bands over the visible are weighed by the CIE 1931 colour matching functions. Other cameras
    give the bands nearest to red, green and blue, and infrared ones or those without wavelengths
    three bands spread over the range, the last as red. Brightness is stretched to the picture's
    own range; one range for the three colours, so that hues stay true, where they are colours.

    Returns:
        sRGB of shape (H, W, 3); invalid pixels are black.
    """
    valid, nm = cube.valid(), cube.wavelengths_nm
    if nm is not None and covers_visible(nm):
        with np.errstate(invalid="ignore", over="ignore"):  # invalid pixels are blacked out below
            picture = _stretch(cube.data @ _colour_weights(nm), valid)
    else:
        picture = np.stack(
            [_stretch(cube.data[:, :, b], valid) for b in _three_bands(cube)], axis=2
        )
    encoded = np.where(
        picture <= 0.0031308,
        12.92 * picture,
        1.055 * np.maximum(picture, 1e-9) ** (1 / 2.4) - 0.055,
    )
    encoded[~valid] = 0
    return np.asarray(np.rint(encoded * 255), dtype=np.uint8)


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


def _three_bands(cube: Cube) -> tuple[int, int, int]:
    nm = cube.wavelengths_nm
    if nm is not None and nm[0] <= COLOUR_NM[2] + WIDEST_STEP_NM and nm[-1] >= COLOUR_NM[0] - 40:
        red, green, blue = (int(np.abs(nm - colour).argmin()) for colour in COLOUR_NM)
        return red, green, blue
    last = cube.bands - 1
    return round(last * 0.85), round(last * 0.5), round(last * 0.15)


def _stretch(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values between the 1st and the 99.5th percentile to [0, 1]."""
    if not valid.any():
        return np.zeros_like(values)
    low, high = np.percentile(values[valid], [1, 99.5])
    span = high - low if high > low else 1.0
    known = np.where(valid if values.ndim == 2 else valid[:, :, None], values, low)
    return np.asarray(np.clip((known - low) / span, 0, 1))
