"""The Reed-Xiaoli anomaly detector, over the whole scene.

Reed and Yu, "Adaptive multiple-band CFAR detection of an optical pattern with unknown spectral
distribution", IEEE Transactions on Acoustics, Speech, and Signal Processing 38(10), 1990.

Letters: H rows, W columns, B bands.
"""

from dmssn.baselines.answer import Answer, stretched
from dmssn.baselines.whitening import distances, spread, whitening
from dmssn.cube import Cube


def rx(cube: Cube) -> Answer:
    """Mahalanobis distance of each spectrum to the scene's mean.

    The distance itself, not its square, so that one anomaly leaves the others visible. Mean and
    covariance are those of all valid pixels; directions without variance count for nothing.
    """
    valid = cube.valid()
    scene = spread(cube, valid)
    white = whitening(scene.mean, scene.covariance)
    notes: tuple[str, ...] = ()
    if 1 < scene.pixels <= white.directions + 1:
        notes = (
            f"the cube has {scene.pixels} pixels, too few for its bands: all are equally far from "
            "their mean, so the map is 0",
        )
    distance = distances(cube, valid, white)
    return Answer(stretched(distance, valid, scale=float(distance.max())), notes)
