"""How far maps of an ONNX file, prepared by numpy, are from torch's, as docs/exporting.md tells it.

    python -m recipes.onnx_differences [CUBE] [--sizes 64 128 256] [--detector dmssn]

exports the detector, runs the file and the detector itself at each side, and prints a Markdown
table. Needs the extra ``onnx``.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import dmssn
from dmssn.detections import Detection
from dmssn.detector import DEFAULT, load_detector
from dmssn.exporting.onnx_files import write_onnx

ANOTHER = 1e-3
"""Spectra, in [0, 1], further apart than this in a band are of other regions: the same region's
mean differs by rounding alone."""
HEADINGS = (
    "size",
    "regions (numpy, torch)",
    "pixels of another spectrum",
    "maps differ by at most",
    "in 99.9 % of pixels by at most",
    "on average",
)


def told(found: Detection, torchs: Detection) -> list[str]:
    """The cells of a line."""
    here, there = found.regions, torchs.regions
    assert here is not None
    assert there is not None
    moved = np.abs(here.dense() - there.dense()).max(-1) > ANOTHER
    apart = np.abs(found.saliency.astype(np.float64) - torchs.saliency)
    return [
        f"{len(here.spectra):,}, {len(there.spectra):,}",
        f"{moved.sum():,} of {moved.size:,}",
        *(
            np.format_float_positional(value, 1, fractional=False, trim="-")
            for value in (apart.max(), np.quantile(apart, 0.999), apart.mean())
        ),
    ]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("cube", nargs="?", type=Path, default=Path("examples/demo.h5"))
    options.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    options.add_argument("--detector", default=DEFAULT)
    asked = options.parse_args()
    cube = dmssn.read_cube(asked.cube)
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "detector.onnx"
        write_onnx(asked.detector, file, "regions")
        for side in asked.sizes:
            pair = (load_detector(f"{name}:sizes={side}") for name in (file, asked.detector))
            found, torchs = (one.detect(cube) for one in pair)
            print(f"| {side} | {' | '.join(told(found, torchs))} |", flush=True)


if __name__ == "__main__":
    main()
