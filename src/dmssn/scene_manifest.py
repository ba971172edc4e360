"""What a folder of generated scenes tells of them, in one file beside them."""

import json
from pathlib import Path

MANIFEST = "scenes.json"
"""Its name; a folder that has it is of generated scenes."""


def attributes_by_scene(folder: Path) -> dict[str, list[str]]:
    """Codes of what makes each scene hard, by its name.

    Args:
        folder: A folder of generated scenes; or any other, for which there is nothing to tell.
    """
    try:
        scenes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["scenes"]
        return {str(scene["name"]): list(map(str, scene["attributes"])) for scene in scenes}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
