"""Detectors by name or file, and the trained ones among them.

Letters: H rows, W columns, B bands, S side of the network's square.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dmssn import __version__, checkpoint, detector_settings
from dmssn.baselines.catalogue import CLASSICAL, classical
from dmssn.batches import pack_cube
from dmssn.checkpoint import Header
from dmssn.classical import ClassicalDetector
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import RowSource
from dmssn.detections import Detection, Detector, Kind
from dmssn.devices import choose_device, is_out_of_memory
from dmssn.files import fingerprint
from dmssn.models.network import DMSSN
from dmssn.preparing import Statistics, homogenize, match_bands
from dmssn.recipes import from_table
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import paint, palette
from dmssn.resample import resize
from dmssn.surveying import survey

SHIPPED = {"dmssn": "dmssn.safetensors"}
"""Detectors that come with the package: name to file in ``dmssn/weights``."""
DEFAULT = "dmssn"
BEST = "best.safetensors"
"""The checkpoint of a run folder."""


class NetworkDetector(Detector):
    """A trained network with all it needs to take a cube from a file.

    Args:
        name: How it is called in outputs.
        header: Of its checkpoint.
        network: Its weights loaded.
        device: Where the network runs.
        sizes: Sides cubes are prepared at, in pixels, in place of the header's; the map is the
            mean of those of each.
    """

    kind: ClassVar[Kind] = "network"

    def __init__(
        self,
        name: str,
        header: Header,
        network: DMSSN,
        device: torch.device,
        sizes: Sequence[int] = (),
    ) -> None:
        """``load_detector`` makes detectors."""
        self.name = name
        self.version = str(header.provenance.get("version", "unknown"))
        self.parameters = sum(weight.numel() for weight in network.parameters())
        self.settings = detector_settings.told(header.prepare, sizes)
        self.header = header
        self.network = network.to(device).eval()
        self.device = device
        config = from_table(PrepareConfig, header.prepare)
        self.sizes = tuple(sizes) or (config.size,)
        self._configs = [replace(config, size=side) for side in self.sizes]
        self._wavelengths_nm = _array(header.wavelengths_nm)
        mean, std = _array(header.mean), _array(header.std)
        self._statistics = None if mean is None or std is None else Statistics(mean, std)

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As ``Detector.detect``; the cube is read once for each size, never held as a whole.

        Time and reading are those of all sizes together. The regions are those of the first.
        """
        try:
            return self._detect(cube, picture=picture)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise MemoryError(
                f"{cube.name}: too little memory on {self.device} ({error}); "
                "free some, or use another --device"
            ) from error

    def _detect(self, cube: RowSource, *, picture: bool) -> Detection:
        bands, said = match_bands(cube, self.header.bands, self._wavelengths_nm)
        colours = palette(cube.shape[2], cube.wavelengths_nm) if picture else None
        weights = None if colours is None else colours.weights
        first, *others = self._configs
        saliency, regions, painted = self._at(cube, first, bands, weights)
        for config in others:
            saliency += self._at(cube, config, bands)[0]
        saliency /= len(self._configs)
        shown = None
        if colours is not None and painted is not None:
            shown = paint(painted, true=colours.true)
        return Detection(saliency, said, regions, shown)

    def _at(
        self,
        cube: RowSource,
        config: PrepareConfig,
        bands: csr_array | None,
        weights: csr_array | None = None,
    ) -> tuple[NDArray[np.float32], RegionCube, NDArray[np.float32] | None]:
        """Saliency at the cube's own size by way of one side; the regions; colours if wanted."""
        found = survey(cube, config.size, bands, weights)
        regions = homogenize(found, config, self._statistics)
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
        batch = pack_cube(regions).to(self.device)
        with torch.inference_mode():
            output = self.network.saliency(batch.spectra, batch.region_map, batch.packing)
        saliency: NDArray[np.float32] = output[0, 0].float().cpu().numpy()
        if not np.isfinite(saliency).all():
            raise ValueError(
                f"{regions.name}: the network's output is not finite; are the weights?"
            )
        return saliency


def load_detector(
    name_or_file: str | os.PathLike[str] | None = None, *, device: str = "auto"
) -> Detector:
    """Load a detector.

    Args:
        name_or_file: Name of one that comes with the package (``detector_names``), a classical
            one's with settings if need be (``local-rx:inner=5:outer=15``); a checkpoint file, or
            the folder of a finished run. A trained one's may end in the sides cubes are prepared
            at, in pixels, in place of the one it was trained at (``dmssn:sizes=256+384``): its
            map is the mean of theirs. The default is the network that comes with the package.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; classical detectors run on the CPU.

    Raises:
        SettingError: There is no such name, setting or device.
        ValueError: The file is damaged or not a detector.
    """
    text = DEFAULT if name_or_file is None else os.fspath(name_or_file)
    if is_classical(text):
        choose_device(device)
        return ClassicalDetector(text)
    return load_network(text, device=device)


def load_network(
    name_or_file: str | os.PathLike[str] = DEFAULT, *, device: str = "auto"
) -> NetworkDetector:
    """Load a trained detector: as ``load_detector``, of those alone."""
    chosen = choose_device(device)
    text = os.fspath(name_or_file)
    (name, path), sizes = find_checkpoint(text), sizes_of(text)
    header, tensors = checkpoint.load(path, "detector")
    try:
        network = DMSSN.described(header.bands, header.model)
        detector = NetworkDetector(name, header, network, chosen, sizes)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path}: its header describes no detector ({error}); copy or train it again"
        ) from None
    checkpoint.load_weights(network, tensors, path)
    return detector


def detector_names() -> list[str]:
    """Names of the detectors that come with the package."""
    return [*SHIPPED, *CLASSICAL]


def is_classical(text: str) -> bool:
    """Whether a text names a classical detector; a file or run of that name goes before it."""
    return text.partition(":")[0] in CLASSICAL and not _is_file(split_settings(text)[0])


def split_settings(text: str) -> tuple[str, list[str]]:
    """A trained detector's name, file or run folder, and the settings behind it.

    Only an ending after a colon is settings, and a file or run of the very name has none.
    """
    return detector_settings.split(text, lambda base: base in SHIPPED or _is_file(base))


def sizes_of(text: str) -> tuple[int, ...]:
    """Sides that a trained detector's text asks for, in pixels; none for its checkpoint's own.

    Raises:
        SettingError: It has no such setting, or the value cannot be.
    """
    return detector_settings.read_sizes(*split_settings(text))


def absolute(text: str) -> str:
    """A detector's text that means the same in any folder."""
    base, settings = split_settings(text)
    return ":".join([str(Path(base).absolute()), *settings]) if _is_file(base) else text


def _is_file(text: str) -> bool:
    """Whether a text without settings is a file, or the folder of a finished run."""
    path = Path(text)
    return path.is_file() or (path / BEST).is_file()


def identity(text: str) -> str:
    """What changes when a detector does: its file and sizes; or its settings and the program.

    Raises:
        SettingError: There is no such detector, or it has no such setting.
    """
    if is_classical(text):
        method, settings = classical(text)
        return f"{method.name} {settings} of dmssn {__version__}"
    file = fingerprint(find_checkpoint(text)[1])
    return detector_settings.with_sizes(file, sizes_of(text))


def find_checkpoint(text: str) -> tuple[str, Path]:
    """Name and checkpoint file of a name, a file or a run folder; a file of a name's name wins.

    Settings may follow, and the name in outputs shows them (``mine:sizes=320``).

    Raises:
        SettingError: There is no such name or file, or it has no such setting.
    """
    base, settings = split_settings(text)
    name, path = _find(base)
    return detector_settings.with_sizes(name, detector_settings.read_sizes(base, settings)), path


def _find(text: str) -> tuple[str, Path]:
    """As ``find_checkpoint``, of a text without settings."""
    path = Path(text)
    if path.is_dir() and (path / BEST).is_file():
        return path.resolve().name, path / BEST
    if path.is_file():
        return path.stem, path
    if text in SHIPPED:
        return text, Path(str(files("dmssn") / "weights" / SHIPPED[text]))
    if path.is_dir():
        raise SettingError(f"{path}: no folder of a finished run, it holds no {BEST}")
    near = get_close_matches(text, detector_names(), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SettingError(
        f"no detector {text!r}: neither a name ({', '.join(detector_names())}) nor a checkpoint "
        f"file or run folder{hint}"
    )


def _array(values: list[float] | None) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
