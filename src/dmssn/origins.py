"""Whether a folder of scenes is what it looks like, or was made up by this program."""

from pathlib import Path

from dmssn.datasets.faking import MANIFEST as FAKE
from dmssn.scene_manifest import MANIFEST as GENERATED


def made_up(root: Path) -> str:
    """What the scenes of a folder are where they are not real, in a few words; else empty.

    Args:
        root: Folder of a data set.
    """
    if (root / GENERATED).is_file():
        return "generated scenes (`dmssn scenes`)"
    if (root / FAKE).is_file():
        return "a made-up copy (`dmssn dataset fake`)"
    return ""
