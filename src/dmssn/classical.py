"""Classical detectors as detectors like any other: cubes from files, of any size.

Letters: H rows, W columns.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn import __version__
from dmssn.baselines.catalogue import classical
from dmssn.cube import Cube, RowSource
from dmssn.detections import Detection, Detector, Kind
from dmssn.rendering import Palette, paint, palette
from dmssn.resample import resize
from dmssn.surveying import survey
from dmssn.wording import counted

MOST_SIDE = 1024
"""A cube whose longer side has more pixels is shrunk to so many, so that it fits into memory."""


class ClassicalDetector(Detector):
    """A detector without training, by name, such as ``sad`` or ``local-rx:inner=5:outer=15``.

    Raises:
        SettingError: There is no such detector, or it has no such setting.
    """

    kind: ClassVar[Kind] = "classical"

    def __init__(self, text: str) -> None:
        """Its name, with settings where the default ones are not to be used."""
        self.method, settings = classical(text)
        self.name = text
        self.version = __version__
        self.parameters = 0
        self.settings = dict(settings)

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As ``Detector.detect``; the whole cube is held in memory, at its working size."""
        height, width, bands = cube.shape
        shape = working_shape(height, width)
        colours: Palette | None = palette(bands, cube.wavelengths_nm) if picture else None
        weights: csr_array | None = None if colours is None else colours.weights
        found = survey(cube, shape, colours=weights)
        answer = self.method.function(
            Cube(found.small, cube.wavelengths_nm, cube.name), **self.settings
        )
        saliency, notes = answer.saliency, answer.notes
        if shape != (height, width):
            saliency = np.clip(resize(saliency, height, width), 0, 1)
            notes += (f"worked on at {shape[0]} x {shape[1]} of {height} x {width} pixels",)
        saliency[~found.valid] = 0
        shown: NDArray[np.uint8] | None = None
        if colours is not None and found.colours is not None:
            shown = paint(found.colours, true=colours.true)
        said = f"{counted(bands, 'band')} as they are"
        return Detection(saliency, said, picture=shown, notes=notes)


def working_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns a cube is worked on at.

    Example:
        >>> working_shape(512, 700), working_shape(1240, 2048)
        ((512, 700), (620, 1024))
    """
    scale = min(1.0, MOST_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
