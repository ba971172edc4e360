"""Trained detectors whose network runs in torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dmssn import checkpoint
from dmssn.batches import pack_cube
from dmssn.checkpoint_header import Header
from dmssn.models.network import DMSSN
from dmssn.regions import RegionCube
from dmssn.trained.detector import TrainedDetector


class NetworkDetector(TrainedDetector):
    """A trained network in torch.

    Args:
        name: How it is called in outputs.
        header: Of its checkpoint.
        network: Its weights loaded.
        device: Where the network runs.
        sizes: As those of ``TrainedDetector``.
    """

    def __init__(
        self,
        name: str,
        header: Header,
        network: DMSSN,
        device: torch.device,
        sizes: Sequence[int] = (),
    ) -> None:
        """``load_detector`` makes detectors."""
        parameters = sum(weight.numel() for weight in network.parameters())
        super().__init__(name, header, parameters, sizes)
        self.network = network.to(device).eval()
        self.device = device

    @property
    def runs_on(self) -> str:
        """The device's name."""
        return str(self.device)

    def run(self, regions: RegionCube) -> NDArray[np.float32]:
        """As ``TrainedDetector.run``."""
        batch = pack_cube(regions).to(self.device)
        with torch.inference_mode():
            output = self.network.saliency(batch.spectra, batch.region_map, batch.packing)
        saliency: NDArray[np.float32] = output[0, 0].float().cpu().numpy()
        return saliency


def load(name: str, path: Path, device: torch.device, sizes: Sequence[int] = ()) -> NetworkDetector:
    """Load the detector of a checkpoint.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged or not a detector.
    """
    header, tensors = checkpoint.load(path, "detector")
    try:
        network = DMSSN.described(header.bands, header.model)
        detector = NetworkDetector(name, header, network, device, sizes)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path}: its header describes no detector ({error}); copy or train it again"
        ) from None
    checkpoint.load_weights(network, tensors, path)
    return detector
