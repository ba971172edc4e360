"""python recipes/smoke_check.py runs/smoke/detector: did it learn, by a clear margin?"""

import sys
from pathlib import Path

from dmssn import checkpoint

LEAST_AUC = 0.85
"""Validation AUC, on 20 scenes after 240 steps; runs reach 0.90 to 0.94, chance is 0.5."""

header, _ = checkpoint.load(Path(sys.argv[1]) / "best.safetensors", "detector")
auc = header.metrics["val/auc"]
print(f"validation AUC {auc:.3f}, chance 0.5, wanted {LEAST_AUC}")
sys.exit(0 if auc > LEAST_AUC else 1)
