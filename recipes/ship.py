"""Put a trained detector into the package, in half precision.

    python recipes/ship.py runs/shipped/detector

writes src/dmssn/weights/dmssn.safetensors: the run's best averaged weights, float16.
"""

import sys
from pathlib import Path

from dmssn import checkpoint

run = Path(sys.argv[1])
shipped = Path(__file__).parents[1] / "src" / "dmssn" / "weights" / "dmssn.safetensors"
header, tensors = checkpoint.load(run / "best.safetensors", "detector")
checkpoint.save(shipped, header, tensors, half=True)
print(f"{shipped.name}: {shipped.stat().st_size / 1e6:.1f} MB, {header.metrics}")
