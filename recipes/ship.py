"""Put a trained detector into the package.

    python recipes/ship.py runs/shipped/detector --decisive 3

after `make weights`, which is `dmssn reproduce shipped --run runs/shipped`, it writes
src/dmssn/weights/dmssn.safetensors: the run's best averaged weights. They are stored in float16 if
no pixel of any validation scene moves by more than 0.001 for it, else as they are. ``--decisive``
is the factor of logits above 0 (``MSSTConfig.decisive``), when another than 1 scores better on the
validation split: ``python -m recipes.score runs/shipped/detector --split val --decisive 3``.

Those of the published network are made in the same way, of ``runs/shipped/published`` and
``--to recipes/weights/dmssn-published.safetensors``.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from dmssn import checkpoint
from dmssn.batches import pack_cube
from dmssn.detector import load_network
from dmssn.store import PreparedSet
from dmssn.trained.network import NetworkDetector

SHIPPED = Path(__file__).parents[1] / "src" / "dmssn" / "weights" / "dmssn.safetensors"
MOST_MOVED = 1e-3


def moved(one: NetworkDetector, other: NetworkDetector, scenes: PreparedSet) -> float:
    """The most that a pixel of a validation scene differs between two detectors."""
    most = 0.0
    for name in scenes.names("val"):
        batch = pack_cube(scenes.read(name)[0])
        with torch.inference_mode():
            maps = [
                detector.network.saliency(batch.spectra, batch.region_map, batch.packing)
                for detector in (one, other)
            ]
        most = max(most, float((maps[0] - maps[1]).abs().max()))
    return most


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--decisive", type=float, default=1.0)
    parser.add_argument("--to", type=Path, default=SHIPPED, help="file to write")
    parser.add_argument("--prepared", type=Path, default=Path("runs/shipped/prepared"))
    options = parser.parse_args()
    file = options.run / "best.safetensors"
    header, tensors = checkpoint.load(file, "detector")
    msst = {**header.model["msst"], "decisive": options.decisive}
    header = replace(header, model={**header.model, "msst": msst})
    checkpoint.save(options.to, header, tensors, half=True)
    trained = load_network(str(file), device="cpu")
    trained.network.msst.decisive = options.decisive
    shipped = load_network(str(options.to), device="cpu")
    apart = moved(trained, shipped, PreparedSet(options.prepared))
    half = apart <= MOST_MOVED
    if not half:
        checkpoint.save(options.to, header, tensors)
    said = (
        f"{'float16' if half else 'float32'}, since in float16 a pixel moves by up to {apart:.2g}"
    )
    print(f"{options.to.name}: {options.to.stat().st_size / 1e6:.1f} MB, {said}")
    print(header.metrics)


if __name__ == "__main__":
    main()
