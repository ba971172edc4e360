"""Detectors by name or file, and the trained ones among them.

Letters: H rows, W columns, B bands, S side of the network's square.
"""

import os
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from dmssn import __version__, checkpoint
from dmssn.baselines.catalogue import CLASSICAL, classical
from dmssn.batches import pack_cube
from dmssn.checkpoint import Header
from dmssn.classical import ClassicalDetector
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import RowSource
from dmssn.detections import Detection, Detector, Kind
from dmssn.devices import choose_device, is_out_of_memory
from dmssn.files import fingerprint
from dmssn.models.msst import MSSTConfig
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
    """

    kind: ClassVar[Kind] = "network"

    def __init__(self, name: str, header: Header, network: DMSSN, device: torch.device) -> None:
        """``load_detector`` makes detectors."""
        self.name = name
        self.version = str(header.provenance.get("version", "unknown"))
        self.parameters = sum(weight.numel() for weight in network.parameters())
        self.settings = header.prepare
        self.header = header
        self.network = network.to(device).eval()
        self.device = device
        self._config = from_table(PrepareConfig, header.prepare)
        self._wavelengths_nm = _array(header.wavelengths_nm)
        mean, std = _array(header.mean), _array(header.std)
        self._statistics = None if mean is None or std is None else Statistics(mean, std)

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As ``Detector.detect``; the cube is read once and never held as a whole."""
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
        found = survey(cube, self._config.size, bands, None if colours is None else colours.weights)
        regions = homogenize(found, self._config, self._statistics)
        saliency = np.clip(resize(self._saliency(regions), *found.valid.shape), 0, 1)
        saliency[~found.valid] = 0
        shown = None
        if colours is not None and found.colours is not None:
            shown = paint(found.colours, true=colours.true)
        return Detection(saliency, said, regions, shown)

    def on_regions(self, regions: RegionCube) -> NDArray[np.float32]:
        """Saliency of a cube that was homogenized before, with this detector's settings.

        Args:
            regions: Of as many bands as the network has.

        Returns:
            Float32 of shape (S, S) in [0, 1], at the size of the region map; 0 outside.

        Raises:
            ValueError: It has other bands.
        """
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
            the folder of a finished run. The default is the network that comes with the package.
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
    name, path = find_checkpoint(os.fspath(name_or_file))
    header, tensors = checkpoint.load(path, "detector")
    try:
        network = DMSSN(
            header.bands,
            config=MSSTConfig(**header.model.get("msst", {})),
            encoder=header.model.get("encoder", "student"),
        )
        detector = NetworkDetector(name, header, network, chosen)
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
    path = Path(text)
    there = path.is_file() or (path / BEST).is_file()
    return text.partition(":")[0] in CLASSICAL and not there


def identity(text: str) -> str:
    """What changes when a detector does: its file; or its settings and the program it is part of.

    Raises:
        SettingError: There is no such detector, or it has no such setting.
    """
    if is_classical(text):
        method, settings = classical(text)
        return f"{method.name} {settings} of dmssn {__version__}"
    return fingerprint(find_checkpoint(text)[1])


def find_checkpoint(text: str) -> tuple[str, Path]:
    """Name and checkpoint file of a name, a file or a run folder; a file of a name's name wins.

    Raises:
        SettingError: There is no such name or file.
    """
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
