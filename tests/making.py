"""Detectors made on the spot: an untrained one in a file, and one whose saliency is brightness.

And a cube that tells which of its rows were asked for.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dmssn.checkpoint import Header, save
from dmssn.config import PrepareConfig
from dmssn.cube import Cube
from dmssn.models.autoencoder import Packing, Teacher
from dmssn.models.network import DMSSN, spread
from dmssn.recipes import to_table
from dmssn.trained.network import NetworkDetector

BANDS = 8
SIZE = 32
PREPARE = to_table(PrepareConfig(size=SIZE, bands=BANDS))


def header(stage: str = "detector", **changes) -> Header:
    values = {
        "stage": stage,
        "bands": BANDS,
        "prepare": PREPARE,
        "provenance": {"version": "0.0.9"},
    }
    return Header(**(values | changes))


def write_detector(path: Path, **changes) -> Path:
    """An untrained detector of few bands and a small size; ``changes`` are of its header."""
    torch.manual_seed(0)
    network = DMSSN(changes.get("bands", BANDS))
    # Untrained logits are all but 0; spread them, so that maps have something to show.
    network.msst.head.classify.weight.data *= 10
    save(path, header(**changes), network.state_dict())
    return path


def write_teacher(path: Path) -> Path:
    save(path, header("teacher"), Teacher(BANDS).state_dict())
    return path


class Brightness(nn.Module):
    """In place of a network: the mean of a region's prepared spectrum is its saliency."""

    def saliency(self, spectra: Tensor, region_map: Tensor, packing: Packing) -> Tensor:
        return spread(spectra.mean(dim=1, keepdim=True), region_map)


def brightness_detector(**changes) -> NetworkDetector:
    network: nn.Module = Brightness()
    return NetworkDetector("brightness", header(**changes), network, torch.device("cpu"))


class Watched(Cube):
    """A cube in blocks of a given number of rows, as if in a file; keeps which were read."""

    def in_blocks(self, rows: int) -> "Watched":
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "asked", [])
        return self

    def row_blocks(self) -> list[slice]:
        tops = range(0, self.height, self.rows)
        return [slice(top, min(top + self.rows, self.height)) for top in tops]

    def read(self, rows: slice, /) -> np.ndarray:
        self.asked.append((rows.start, rows.stop))
        return self.data[rows].copy()
