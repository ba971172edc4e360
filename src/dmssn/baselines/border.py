"""Border contrast: how unlike each spectrum is to those along the sides of the picture.

The boundary prior, that the sides of a picture are mostly background: Wei, Wen, Zhu and Sun,
"Geodesic saliency using background priors", ECCV 2012; Li, Lu, Zhang, Ruan and Yang, "Saliency
detection via dense and sparse reconstruction", ICCV 2013, who measure pixels against the principal
directions of the border.

Letters: H rows, W columns, B bands.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.baselines.answer import Answer, stretched
from dmssn.baselines.whitening import distances, spread, whitening
from dmssn.config import SettingError
from dmssn.cube import Cube

SCENE_PART = 1e-3
"""Of the whole scene's covariance, added to the border's."""


def border(cube: Cube, *, width: int = 4) -> Answer:
    """Mahalanobis distance of each spectrum to the mean of the border's.

    We chose this over the distance to the nearest of several border clusters, which is no better
    where the covariance spans them. To the border's covariance a thousandth of the whole scene's is
    added: what varies among objects only, or in more bands than the border has pixels, would have
    no variance otherwise. The distance itself, not its square, is the saliency.

    Args:
        cube: Of any bands.
        width: Of the border, in pixels.

    Raises:
        SettingError: The width is below 1.
    """
    check_width(width=width)
    valid = cube.valid()
    edge = valid & along_sides(valid.shape, width)
    flat = np.zeros(valid.shape, dtype=np.float32)
    if not edge.any():
        return Answer(flat, (f"no pixel of the border of {width} is valid, so the map is 0",))
    if (edge == valid).all():
        note = f"a border of {width} is the whole picture, so the map is 0; take a smaller width"
        return Answer(flat, (note,))
    rim, scene = spread(cube, edge), spread(cube, valid)
    white = whitening(rim.mean, rim.covariance + SCENE_PART * scene.covariance)
    distance = distances(cube, valid, white)
    return Answer(stretched(distance, valid, scale=float(distance.max())))


def check_width(*, width: int) -> None:
    """Refuse a border of no width.

    Raises:
        SettingError: As ``border`` says.
    """
    if width < 1:
        raise SettingError(f"border: width must be at least 1, got {width}")


def along_sides(shape: tuple[int, ...], width: int) -> NDArray[np.bool_]:
    """Pixels of a picture (H, W) that are nearer than a width to one of its sides."""
    inside = np.zeros(shape, dtype=np.bool_)
    inside[width : shape[0] - width, width : shape[1] - width] = True
    return ~inside
