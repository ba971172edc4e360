"""Weights of the published networks under this project's names.

The names and shapes of the published state dicts are facts of their files; the rules below turn
one into the other. Letter: B bands.
"""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from dmssn.models.autoencoder import Teacher
from dmssn.models.network import DMSSN

# Published name -> ours, tried in order; each rule replaces the start of a name.
NETWORK_RULES = {
    r"encoder\.(encoder|decoder)\.conv(\d)\.conv\.": r"student.\1.\2.conv.",
    r"decoder\.patch_embed(\d)\.proj\.": r"msst.stages.\1.embed.",
    r"decoder\.patch_embed(\d)\.norm\.": r"msst.stages.\1.embed_norm.",
    r"decoder\.norm(\d)\.": r"msst.stages.\1.norm.",
    r"decoder\.decoder\.upconvs\.(\d)\.conv\.": r"msst.head.branches.\1.0.",
}
