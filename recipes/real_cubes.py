"""Real cubes with masks that detectors are judged on; none of them is part of the repository.

FOLDER/cave/*.npz   `cube`, `mask`, `crop_yyxx`; masks derived by hand from the pictures
FOLDER/abu/*.mat    `data`, `map`
FOLDER/muufl/*.mat  `hsi_sub`, `gtImg_sub`
FOLDER/corn/*.hdr   and `corn-kernel_otsu.png`, a mask found by a threshold
"""

from pathlib import Path

from dmssn.judging.scenes import FileScene
from dmssn.readers import open_cube
from dmssn.scoring import Scoring

SCORINGS = {
    "cave": Scoring(mask_key="mask", crop_key="crop_yyxx"),
    "abu": Scoring(mask_key="map"),
    "muufl": Scoring(mask_key="gtImg_sub"),
    "corn": Scoring(),
}
"""By subfolder."""
SUFFIXES = {".npz", ".mat", ".hdr"}


def real_scenes(folder: Path) -> dict[str, list[FileScene]]:
    """The cubes that are there, by subfolder."""
    found = {}
    for kind, scoring in SCORINGS.items():
        files = sorted(path for path in (folder / kind).glob("*") if path.suffix in SUFFIXES)
        found[kind] = [
            FileScene(path.stem, path, _mask(path), open_cube, scoring) for path in files
        ]
    return {kind: scenes for kind, scenes in found.items() if scenes}


def _mask(cube: Path) -> Path:
    """The file of a cube's mask; most hold both."""
    return cube.with_name("corn-kernel_otsu.png") if cube.suffix == ".hdr" else cube
