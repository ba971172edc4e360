"""Freeze the spectra of benchmark v1, so that no release of a library changes its scenes.

    python recipes/freeze_spectra.py

writes ``src/dmssn/scenes/spectra_v1.npz`` from the installed earthlib and colour-science (the
versions of constraints.txt), and needs to be run again only for a benchmark of another version:
the file is part of what v1 means.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dmssn.scenes.libraries import Measured
from dmssn.scenes.spectra import GRID_NM, gathered, library_spectra

FILE = Path(__file__).parents[1] / "src" / "dmssn" / "scenes" / "spectra_v1.npz"
MOST = 40
"""Spectra of one class, of which earthlib has up to 800 on the benchmarks' side."""


def frozen_arrays() -> dict[str, np.ndarray]:
    """The arrays of the file.

    ``reflectance/CLASS`` is 65535 times reflectance at each 10 nm, the step of earthlib;
    ``illuminants/KIND`` is power at each 5 nm, for lamps have lines; ``names/CLASS`` is what the
    libraries call the spectra.
    """
    reflectance, illuminants = library_spectra(for_benchmarks=True)
    reflectance = _chosen(reflectance)
    names: dict[str, list[str]] = {}
    for one in (*reflectance, *illuminants):
        names.setdefault(f"names/{one.group}", []).append(one.name)
    arrays = {name: np.array(group) for name, group in names.items()}
    for group, values in gathered(reflectance).items():
        arrays[f"reflectance/{group}"] = np.rint(values[:, ::2] * 65535).astype(np.uint16)
    for group, values in gathered(illuminants).items():
        arrays[f"illuminants/{group}"] = values.astype(np.float32)
    return arrays


def _chosen(spectra: Iterable[Measured]) -> list[Measured]:
    """At most MOST of each class: the first by checksum of the name, which is as good as chance."""
    chosen: list[Measured] = []
    for one in sorted(spectra, key=lambda one: (zlib.crc32(one.name.encode()), one.name)):
        if sum(one.group == other.group for other in chosen) < MOST:
            chosen.append(one)
    return chosen


if __name__ == "__main__":
    assert GRID_NM[2] - GRID_NM[0] == 10
    np.savez_compressed(FILE, **frozen_arrays())
    print(f"{FILE.name}: {FILE.stat().st_size / 1e3:.0f} kB")
