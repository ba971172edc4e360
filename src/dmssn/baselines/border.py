"""Border contrast: how unlike each spectrum is to those along the sides of the picture.

The boundary prior, that the sides of a picture are mostly background: Wei, Wen, Zhu and Sun,
"Geodesic saliency using background priors", ECCV 2012; Li, Lu, Zhang, Ruan and Yang, "Saliency
detection via dense and sparse reconstruction", ICCV 2013, who measure pixels against the principal
directions of the border.

Letters: H rows, W columns, P valid pixels, K components, n pixels of the border.
"""

import numpy as np
from numpy.typing import NDArray

from dmssn.baselines.answer import Answer, stretched
from dmssn.baselines.whitening import spread, whitened, whitening
from dmssn.config import SettingError
from dmssn.cube import Cube

SCENE_PART = 1e-3
"""Of the whole scene's covariance, added to the border's."""
ENOUGH = 5
"""Times as many pixels as components, from which a covariance is taken without a note."""


def border(cube: Cube, *, width: int = 4, components: int = 10) -> Answer:
    """Mahalanobis distance of each spectrum to the mean of the border's.

    We chose this over the distance to the nearest of several border clusters, which is no better
    where the covariance spans them. A border has too few pixels for a covariance of many bands, so
    all is done among the scene's leading principal components (of the bands brought to variance 1).
    To the border's covariance a thousandth of the whole scene's is added: what varies among objects
    only would have no variance otherwise. A pixel of the border is judged by the border without
    it, for pixels are near to what was computed from them, whatever they hold; to leave out its
    side would make a side of its own ground, such as the sky, stand out as a bar. The distance
    itself, not its square, is the saliency.

    Args:
        cube: Of any bands.
        width: Of the border, in pixels.
        components: Principal components at most.

    Raises:
        SettingError: A number is below 1.
    """
    check_border(width=width, components=components)
    valid = cube.valid()
    edge = valid & along_sides(valid.shape, width)
    flat = np.zeros(valid.shape, dtype=np.float32)
    if not edge.any():
        return Answer(flat, (f"no pixel of the border of {width} is valid, so the map is 0",))
    if (edge == valid).all():
        note = f"a border of {width} is the whole picture, so the map is 0; take a smaller width"
        return Answer(flat, (note,))
    scene = spread(cube, valid)
    white = whitening(scene.mean, scene.covariance, components)
    distance = np.zeros(valid.shape)
    distance[valid] = _distances(whitened(cube, valid, white)[valid], edge[valid])
    notes = _few(int(edge.sum()), white.directions, width)
    return Answer(stretched(distance, valid, scale=float(distance.max())), notes)


def check_border(*, width: int, components: int) -> None:
    """Refuse a border of no width, or no components.

    Raises:
        SettingError: As ``border`` says.
    """
    for name, number in (("width", width), ("components", components)):
        if number < 1:
            raise SettingError(f"border: {name} must be at least 1, got {number}")


def along_sides(shape: tuple[int, ...], width: int) -> NDArray[np.bool_]:
    """Pixels of a picture (H, W) that are nearer than a width to one of its sides."""
    inside = np.zeros(shape, dtype=np.bool_)
    inside[width : shape[0] - width, width : shape[1] - width] = True
    return ~inside


def left_out(squared: NDArray[np.float64], pixels: int) -> NDArray[np.float64]:
    """Squared Mahalanobis distances of pixels to the others', from those to all of theirs.

    Without a pixel at d from the mean of n, the mean is n d / (n - 1) away from it, and the scatter
    is less by n / (n - 1) times d d^T. The inverse of that by Sherman and Morrison (1950) makes of
    d^T C^-1 d = D

        n^2 (n - 2) D / ((n - 1) ((n - 1)^2 - n D)).

    What was added to the covariance C stays, times (n - 1) / (n - 2).

    Args:
        squared: D of each pixel, the covariance being divided by n - 1; shape (n,).
        pixels: n. Of two, n - 2 is taken as 1, for one pixel has no covariance but what is added;
            of one there are no others, and D is left as it is.

    Example:
        Of 0, 1, 3 and 8, whose variance is 38 / 3, the last is 5 from the mean 3. The others have
        mean 4 / 3 and variance 7 / 3:

        >>> left_out(np.array([5**2 / (38 / 3)]), 4).round(6), round((8 - 4 / 3) ** 2 / (7 / 3), 6)
        (array([19.047619]), 19.047619)
    """
    if pixels == 1:
        return squared
    less = pixels - 1
    room = less * (less**2 - pixels * squared)
    return np.asarray(pixels**2 * max(pixels - 2, 1) * squared / room)


def _distances(data: NDArray[np.float64], edge: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mahalanobis distances (P,) of the scene's whitened pixels (P, K) to those at the edge."""
    pixels = int(edge.sum())
    mean = data[edge].mean(axis=0)
    apart = data[edge] - mean
    covariance = apart.T @ apart / max(pixels - 1, 1)
    # Whitened, the scene's covariance is the identity.
    own = whitening(mean, covariance + SCENE_PART * np.eye(mean.size))(data)
    squared = np.einsum("pk,pk->p", own, own)
    squared[edge] = left_out(squared[edge], pixels)
    return np.asarray(np.sqrt(squared))


def _few(pixels: int, components: int, width: int) -> tuple[str, ...]:
    """A note if a border has few pixels for its covariance."""
    if pixels >= ENOUGH * components:
        return ()
    return (
        f"the border of {width} has few valid pixels for a covariance of {components} components: "
        f"{pixels}; take fewer components or a larger width",
    )
