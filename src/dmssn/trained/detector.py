"""What trained detectors share, whatever runs their networks: from a cube to its saliency map.

Letters: H rows, W columns, B bands, S side of the network's square.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn import detector_settings
from dmssn.checkpoint_header import Header
from dmssn.config import PrepareConfig
from dmssn.cube import RowSource
from dmssn.detections import Detection, Detector, Kind
from dmssn.devices import telling_of_memory
from dmssn.preparing import Components, Statistics, homogenize, match_bands
from dmssn.recipes import from_table
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import paint, palette
from dmssn.resample import resize
from dmssn.surveying import survey


class TrainedDetector(Detector):
    """A trained network with all it needs to take a cube from a file.

    Args:
        name: How it is called in outputs.
        header: Of its checkpoint.
        parameters: Trained numbers.
        sizes: Sides cubes are prepared at, in pixels, in place of the header's; the map is the
            mean of those of each.

    Attributes:
        configs: How cubes are prepared, one for each size.
        wavelengths_nm: Of the network's bands; None for weights that go by the band order.
        statistics: Of the training scenes; None for the cube's own.
    """

    kind: ClassVar[Kind] = "network"

    def __init__(
        self, name: str, header: Header, parameters: int, sizes: Sequence[int] = ()
    ) -> None:
        """``load_detector`` makes detectors."""
        self.name = name
        self.version = str(header.provenance.get("version", "unknown"))
        self.parameters = parameters
        self.settings = detector_settings.told(header.prepare, sizes)
        self.header = header
        config = from_table(PrepareConfig, header.prepare)
        self.sizes = tuple(sizes) or (config.size,)
        self.configs = [replace(config, size=side) for side in self.sizes]
        self.wavelengths_nm = _array(header.wavelengths_nm)
        mean, std = _array(header.mean), _array(header.std)
        self.statistics = None if mean is None or std is None else Statistics(mean, std)

    @property
    @abstractmethod
    def runs_on(self) -> str:
        """Where the network runs, in a word."""

    @property
    def components(self) -> Components | None:
        """What fits the mixture; None for torch's form."""
        return None

    @abstractmethod
    def run(self, regions: RegionCube) -> NDArray[np.float32]:
        """Saliency of a homogenized cube at the size of its region map, shape (S, S)."""

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As ``Detector.detect``; the cube is read once for each size, never held as a whole.

        Time and reading are those of all sizes together. The regions are those of the first.
        """
        advice = "free some, or use another --device"
        with telling_of_memory(cube.name, self.runs_on, advice):
            return self._detect(cube, picture=picture)

    def _detect(self, cube: RowSource, *, picture: bool) -> Detection:
        bands, said = match_bands(cube, self.header.bands, self.wavelengths_nm)
        colours = palette(cube.shape[2], cube.wavelengths_nm) if picture else None
        weights = None if colours is None else colours.weights
        first, *others = self.configs
        saliency, regions, painted = self._at(cube, first, bands, weights)
        for config in others:
            saliency += self._at(cube, config, bands)[0]
        saliency /= len(self.configs)
        shown = None
        if colours is not None and painted is not None:
            shown = paint(painted, true=colours.true)
        return Detection(saliency, said, regions, shown, self.notes(regions))

    def notes(self, regions: RegionCube) -> tuple[str, ...]:
        """What should be known of the map of a homogenized cube, one sentence each."""
        del regions
        return ()

    def _at(
        self,
        cube: RowSource,
        config: PrepareConfig,
        bands: csr_array | None,
        weights: csr_array | None = None,
    ) -> tuple[NDArray[np.float32], RegionCube, NDArray[np.float32] | None]:
        """Saliency at the cube's own size by way of one side; the regions; colours if wanted."""
        found = survey(cube, config.size, bands, weights)
        regions = homogenize(found, config, self.statistics, components=self.components)
        saliency = np.clip(resize(self._saliency(regions), *found.valid.shape), 0, 1)
        saliency[~found.valid] = 0
        return saliency, regions, found.colours

    def on_regions(self, regions: RegionCube) -> NDArray[np.float32]:
        """Saliency of a cube that was homogenized before, at the one size it has.

        Args:
            regions: Of as many bands as the network has.

        Returns:
            Float32 of shape (S, S) in [0, 1], at the size of the region map; 0 outside.

        Raises:
            ValueError: It has other bands, or the detector is one of several sizes.
        """
        if len(self.sizes) > 1:
            raise ValueError(
                f"{regions.name}: homogenized at one size, {self.name} needs the cube itself; "
                "give the detector one size"
            )
        if regions.spectra.shape[1] != self.header.bands:
            raise ValueError(
                f"{regions.name}: {regions.spectra.shape[1]} bands, {self.name} was trained on "
                f"{self.header.bands}"
            )
        saliency = np.clip(self._saliency(regions), 0, 1)
        saliency[regions.region_map == OUTSIDE] = 0
        return saliency

    def _saliency(self, regions: RegionCube) -> NDArray[np.float32]:
        saliency = self.run(regions)
        if not np.isfinite(saliency).all():
            raise ValueError(
                f"{regions.name}: the network's output is not finite; are the weights?"
            )
        return saliency


def _array(values: list[float] | None) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
