"""Frequency-tuned saliency: how far each pixel's colour is from the picture's mean colour.

Achanta, Hemami, Estrada and Süsstrunk, "Frequency-tuned salient region detection", CVPR 2009.

Letters: H rows, W columns.
"""

import numpy as np
from skimage.color import rgb2lab

from dmssn.baselines.answer import Answer, stretched
from dmssn.baselines.pyramid import smoothed
from dmssn.cube import Cube
from dmssn.rendering import render

LIGHTNESS = 100
"""Of white, in CIE Lab."""


def frequency_tuned(cube: Cube) -> Answer:
    """Distance in Lab of the smoothed picture's pixels to the mean of the picture.

    The picture is the cube's rendering; it is smoothed by a 5 x 5 binomial kernel, as published.
    """
    valid = cube.valid()
    lab = rgb2lab(render(cube)).astype(np.float32)
    if not valid.any():
        return Answer(np.zeros(valid.shape, dtype=np.float32))
    weight = None if valid.all() else valid.astype(np.float32)
    apart = smoothed(lab, weight, step=1).data - lab[valid].mean(axis=0, dtype=np.float64)
    return Answer(stretched(np.linalg.norm(apart, axis=2), valid, scale=LIGHTNESS))
