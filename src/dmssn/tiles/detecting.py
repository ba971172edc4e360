"""Trained detectors on scenes larger than the memory, or than a network's square: in tiles.

Letters: H rows, W columns, B bands, R regions, r of a tile.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmssn.config import SettingError
from dmssn.cube import RowSource
from dmssn.detections import Detection, Detector, Kind
from dmssn.devices import telling_of_memory
from dmssn.memory import return_freed_memory
from dmssn.models.msst import LEAST_SIDE
from dmssn.models.whole_scene import WholeScene
from dmssn.preparing import match_bands
from dmssn.progress import track
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import paint, palette
from dmssn.tiles.homogenizing import ROWS_AT_ONCE, Homogenized, homogenize
from dmssn.tiles.layout import check_tiles, tiles
from dmssn.tiles.scratch import Scratch
from dmssn.trained.network import NetworkDetector
from dmssn.wording import counted


class TiledDetector(Detector):
    """A trained network that sees a scene in tiles at its own size, judged as parts of the whole.

    Args:
        detector: Of one size, which does not count here.
        side: Of a tile, in pixels.
        overlap: Of neighbouring tiles; a quarter of a side when left out.
        scratch: Folder for arrays of a scene that lie on a disk while it is worked on; None for
            the system's own.

    Raises:
        SettingError: These do not fit together.
    """

    kind: ClassVar[Kind] = "network"

    def __init__(
        self,
        detector: NetworkDetector,
        side: int,
        overlap: int | None = None,
        scratch: Path | None = None,
    ) -> None:
        """See the class."""
        self.side, self.overlap = side, check_tiles(side, overlap)
        if len(detector.sizes) > 1:
            raise SettingError(f"{detector.name}: --tile is for a detector without sizes")
        self.name, self.version = detector.name, detector.version
        self.parameters = detector.parameters
        told = {key: value for key, value in detector.settings.items() if key != "size"}
        self.settings: dict[str, Any] = {"tile": side, "overlap": self.overlap, **told}
        self._detector = detector
        self._scratch = Scratch(scratch)

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As ``Detector.detect``; the cube is read five times, a block of rows at a time."""
        advice = "use smaller tiles, or another --device"
        with telling_of_memory(cube.name, self._detector.device, advice):
            return self._detect(cube, picture=picture)

    def _detect(self, cube: RowSource, *, picture: bool) -> Detection:
        known = self._detector
        bands, said = match_bands(cube, known.header.bands, known.wavelengths_nm)
        colours = palette(cube.shape[2], cube.wavelengths_nm) if picture else None
        scene = homogenize(
            cube,
            known.configs[0],
            known.statistics,
            bands=bands,
            colours=None if colours is None else colours.weights,
            scratch=self._scratch,
        )
        with torch.inference_mode():
            saliency, count = self._blended(scene, cube.name)
        shown = None
        if colours is not None and scene.colours is not None:
            shown = paint(scene.colours, true=colours.true)
        regions = RegionCube(scene.region_map, scene.spectra, cube.name, scene.valid.shape)
        return Detection(saliency, said, regions, shown, self._notes(cube, count))

    def _notes(self, cube: RowSource, count: int) -> tuple[str, ...]:
        said = f"judged in {counted(count, 'tile')} of {self.side} pixels, {self.overlap} shared"
        if cube.sideways() is None:
            return (said,)
        return (said, "its file holds columns together: `dmssn convert` makes tiles quicker")

    def _blended(self, scene: Homogenized, name: str) -> tuple[NDArray[np.float32], int]:
        """Saliency of the scene, and how many tiles it is made of."""
        saliency: NDArray[np.float32] = self._scratch.array(scene.valid.shape, np.float32)
        places = list(tiles(scene.valid.shape, self.side, self.overlap))
        whole = self._whole(scene)
        for rows, columns, weight in track(places, f"judging {name}", each="tiles"):
            if columns.start == 0:
                return_freed_memory()
            window = scene.region_map[rows, columns]
            if (window != OUTSIDE).any():
                saliency[rows, columns] += weight * self._tile(whole, scene, window, name)
        for rows, _, _ in places:  # rounding of weights may go past 1 by a hair
            np.clip(saliency[rows], 0, 1, out=saliency[rows])
        return saliency, len(places)

    def _whole(self, scene: Homogenized) -> WholeScene:
        def on_device(spectra: NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(np.array(spectra)).to(self._detector.device)

        def blocks() -> Iterator[tuple[slice, Tensor]]:
            for first in range(0, len(scene.areas), ROWS_AT_ONCE):
                rows = slice(first, first + ROWS_AT_ONCE)
                yield rows, on_device(scene.spectra[rows])

        return WholeScene(
            self._detector.network,
            blocks,
            torch.from_numpy(scene.areas).float().to(self._detector.device),
            torch.from_numpy(scene.region_map),
            lambda ids: on_device(scene.spectra[ids.numpy()]),
        )

    def _tile(
        self, whole: WholeScene, scene: Homogenized, window: NDArray[np.int32], name: str
    ) -> NDArray[np.float32]:
        """Saliency (h, w) of a part of the region map."""
        height, width = window.shape
        beyond = [(0, max(0, LEAST_SIDE - side)) for side in window.shape]
        window = np.pad(window, beyond, constant_values=OUTSIDE)
        ids, rows = np.unique(window, return_inverse=True)
        if ids[0] == OUTSIDE:
            ids, rows = ids[1:], rows - 1
        found = whole.saliency(
            torch.from_numpy(scene.spectra[ids]).to(self._detector.device),
            torch.from_numpy(scene.areas[ids]).float().to(self._detector.device),
            torch.from_numpy(rows.reshape(window.shape)).to(self._detector.device),
        )
        saliency: NDArray[np.float32] = found.float().cpu().numpy()[:height, :width]
        if not np.isfinite(saliency).all():
            raise ValueError(f"{name}: the network's output is not finite; are the weights?")
        return saliency
