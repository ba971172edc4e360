"""Put a trained detector into the package, in half precision.

    python recipes/ship.py runs/shipped/detector --size 320

after `make weights`, which is `dmssn reproduce shipped --run runs/shipped`, it
writes src/dmssn/weights/dmssn.safetensors: the run's best averaged weights, float16. ``--size``
is the side that scenes are squeezed to, when another than the trained one scores better on the
validation split: ``python -m recipes.score runs/shipped/detector --split val --size 320``.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from dmssn import checkpoint

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("run", type=Path)
parser.add_argument("--size", type=int)
options = parser.parse_args()
shipped = Path(__file__).parents[1] / "src" / "dmssn" / "weights" / "dmssn.safetensors"
header, tensors = checkpoint.load(options.run / "best.safetensors", "detector")
if options.size:
    header = replace(header, prepare={**header.prepare, "size": options.size})
checkpoint.save(shipped, header, tensors, half=True)
size = header.prepare["size"]
print(f"{shipped.name}: {shipped.stat().st_size / 1e6:.1f} MB, run at {size}, {header.metrics}")
