"""The measured spectra that materials and lights are made of.

Letters: G points of the wavelength grid.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Spectrum = NDArray[np.float64]

GRID_NM: NDArray[np.float64] = np.arange(400.0, 2451.0, 5.0)
"""Wavelengths on which reflectance and light are kept, shape (G,)."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Measured spectra.

    Attributes:
        reflectance: By class, each of shape (number, G), in (0, 1].
        illuminants: By kind, each of shape (number, G), with a mean of 1 over 400-700 nm.
    """

    reflectance: dict[str, NDArray[np.float64]]
    illuminants: dict[str, NDArray[np.float64]]


Stream = Literal["train", "v1"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
"""Scenes to train on, and the benchmarks."""


@cache
def spectra_of(stream: Stream) -> Spectra:
    """What the scenes of a stream are made of.

    Raises:
        ModuleNotFoundError: earthlib, of the extra ``scenes``, is not installed.
    """
    return Spectra(_library(), {})


@cache
def _library() -> dict[str, NDArray[np.float64]]:
    found = find_spec("earthlib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "generated scenes need the spectra of earthlib; pip install 'dmssn[scenes]'"
        )
    import spectral.io.envi

    folder = Path(found.origin).parent / "data"
    file = spectral.io.envi.open(str(folder / "spectra.sli.hdr"), str(folder / "spectra.sli"))
    source_nm = np.asarray(file.bands.centers, dtype=float) * 1000
    with (folder / "spectra.csv").open(newline="", encoding="utf-8") as rows:
        names = np.array([row["LEVEL_3"] for row in csv.DictReader(rows)])
    # The library leaves out the water bands 1350-1460 and 1790-1960 nm: a line crosses them.
    right = np.clip(np.searchsorted(source_nm, GRID_NM), 1, source_nm.size - 1)
    share = (GRID_NM - source_nm[right - 1]) / (source_nm[right] - source_nm[right - 1])
    values = np.asarray(file.spectra, dtype=float)
    values = values[:, right - 1] * (1 - share) + values[:, right] * share
    values = np.clip(values, 0.002, 1)
    return {str(name): values[names == name] for name in np.unique(names)}
