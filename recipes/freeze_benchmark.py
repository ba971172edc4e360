"""Write the fingerprints of a benchmark's scenes into the package, once its scenes are final.

    python recipes/freeze_benchmark.py v1 --workers 2

takes the scenes as this version of the program draws them; from then on ``dmssn scenes
--benchmark`` refuses to write others. Prints how many scenes have each attribute.
"""

import argparse
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

import dmssn.scenes
from dmssn.scenes.benchmark import SCENES, VERSIONS, Fingerprint, benchmark_request, fingerprint
from dmssn.workers import in_order


def drawn(version: str, index: int) -> tuple[Fingerprint, tuple[str, ...]]:
    """The fingerprint of a scene, and its attributes."""
    scene = benchmark_request(version, index).draw(f"scene_{index:05d}")
    return fingerprint(scene), scene.attributes


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("version", choices=VERSIONS)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    results = list(in_order(partial(drawn, options.version), range(SCENES), options.workers))
    prints = [print_ for print_, _ in results]
    path = Path(dmssn.scenes.__file__).with_name(f"benchmark_{options.version}.npz")
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            bands=np.array([print_.bands for print_ in prints], dtype=np.uint16),
            masks=np.array([print_.mask for print_ in prints], dtype=np.uint32),
            means=np.stack([print_.means for print_ in prints]),
        )
    print(f"{path}: {SCENES} scenes, {path.stat().st_size:,} bytes")
    print(dict(Counter(code for _, codes in results for code in codes)))


if __name__ == "__main__":
    main()
