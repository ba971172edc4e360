"""A detector: a name or a file in, a function from a cube to its saliency map out.

Letters: H rows, W columns, B bands.
"""

import os
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dmssn import checkpoint
from dmssn.batches import pack_cube
from dmssn.checkpoint import Header
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import RowSource
from dmssn.devices import choose_device, is_out_of_memory
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN
from dmssn.preparing import Statistics, homogenize, match_bands
from dmssn.recipes import from_table
from dmssn.regions import RegionCube
from dmssn.rendering import paint, palette
from dmssn.resample import resize
from dmssn.surveying import survey

SHIPPED = {"dmssn": "dmssn.safetensors"}
"""Detectors that come with the package: name to file in ``dmssn/weights``."""
DEFAULT = "dmssn"
BEST = "best.safetensors"
"""The checkpoint of a run folder."""


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector makes of a cube.

    Attributes:
        saliency: Float32 of shape (H, W) in [0, 1], at the cube's own size; 0 where a pixel is
            invalid.
        regions: The homogenized cube the network saw.
        bands_said: How the cube's bands were brought to the detector's, a sentence.
        picture: The cube in colour, sRGB of shape (H, W, 3); None when it was not asked for.
    """

    saliency: NDArray[np.float32]
    regions: RegionCube
    bands_said: str
    picture: NDArray[np.uint8] | None = None


class Detector:
    """A trained network with all it needs to take a cube from a file.

    Args:
        name: How it is called in outputs.
        header: Of its checkpoint.
        network: Its weights loaded.
        device: Where the network runs.
    """

    def __init__(self, name: str, header: Header, network: DMSSN, device: torch.device) -> None:
        """``load_detector`` makes detectors."""
        self.name = name
        self.header = header
        self.network = network.to(device).eval()
        self.device = device
        self._config = from_table(PrepareConfig, header.prepare)
        self._wavelengths_nm = _array(header.wavelengths_nm)
        mean, std = _array(header.mean), _array(header.std)
        self._statistics = None if mean is None or std is None else Statistics(mean, std)

    @property
    def version(self) -> str:
        """Of the program that trained it."""
        return str(self.header.provenance.get("version", "unknown"))

    def __call__(self, cube: RowSource) -> NDArray[np.float32]:
        """Saliency of each pixel.

        Args:
            cube: In memory or in a file (``dmssn.readers.open_cube``), which is read once, a block
                of rows at a time. Any size; any number of bands from 3 up.

        Returns:
            Float32 of shape (H, W) in [0, 1]; 0 where a pixel is invalid.

        Raises:
            ValueError: The cube has fewer than 3 bands, or no valid pixel; or its file is damaged.
            MemoryError: The device has too little memory.
        """
        return self.detect(cube).saliency

    def detect(self, cube: RowSource, *, picture: bool = False) -> Detection:
        """As calling it, and what was found on the way.

        Args:
            cube: As calling takes it.
            picture: Whether a colour picture of the cube is wanted too.
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
        found = survey(cube, self._config.size, bands, None if colours is None else colours.weights)
        regions = homogenize(found, self._config, self._statistics)
        batch = pack_cube(regions).to(self.device)
        with torch.inference_mode():
            output = self.network.saliency(batch.spectra, batch.region_map, batch.packing)
        small = output[0, 0].float().cpu().numpy()
        saliency = np.clip(resize(small, *found.valid.shape), 0, 1)
        if not np.isfinite(saliency).all():
            raise ValueError(f"{cube.name}: the network's output is not finite; are the weights?")
        saliency[~found.valid] = 0
        shown = None
        if colours is not None and found.colours is not None:
            shown = paint(found.colours, true=colours.true)
        return Detection(saliency, regions, said, shown)


def load_detector(
    name_or_file: str | os.PathLike[str] | None = None, *, device: str = "auto"
) -> Detector:
    """Load a detector.

    Args:
        name_or_file: Name of one that comes with the package (``detector_names``), a checkpoint
            file, or the folder of a finished run. The default comes with the package.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        SettingError: There is no such name or device.
        ValueError: The file is damaged or not a detector.
    """
    chosen = choose_device(device)
    text = DEFAULT if name_or_file is None else os.fspath(name_or_file)
    name, path = find_checkpoint(text)
    header, tensors = checkpoint.load(path, "detector")
    try:
        network = DMSSN(
            header.bands,
            config=MSSTConfig(**header.model.get("msst", {})),
            encoder=header.model.get("encoder", "student"),
        )
        detector = Detector(name, header, network, chosen)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path}: its header describes no detector ({error}); copy or train it again"
        ) from None
    checkpoint.load_weights(network, tensors, path)
    return detector


def detector_names() -> list[str]:
    """Names of the detectors that come with the package."""
    return list(SHIPPED)


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
    near = get_close_matches(text, SHIPPED, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SettingError(
        f"no detector {text!r}: neither a name ({', '.join(detector_names())}) nor a checkpoint "
        f"file or run folder{hint}"
    )


def _array(values: list[float] | None) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
