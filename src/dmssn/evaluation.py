"""Saliency maps compared with masks: folders in, metrics per scene and their means out."""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmssn.files import replacing
from dmssn.masks import MASK_SUFFIXES, VARIABLE_SUFFIXES
from dmssn.pictures import PICTURE_SUFFIXES
from dmssn.progress import track
from dmssn.scene_manifest import attributes_by_scene
from dmssn.scoring import Scoring, score_files
from dmssn.workers import cores

MAP_SUFFIXES = (*PICTURE_SUFFIXES, ".npy")
OWN_MARK = ".saliency"
"""Between the name and the suffix of the maps that ``dmssn predict`` writes."""
EVER_MORE_EXACT = (".png", ".tif", ".npy")
"""Where a folder holds several files of one such map, the last of these counts."""

NONE = "none"
"""Stands for the scenes that have no attribute."""

FileOrFolder = str | os.PathLike[str]


@dataclass(frozen=True)
class Evaluation:
    """Metrics of each scene.

    Attributes:
        scenes: Metric values by scene and by metric (see `dmssn.metrics.score`).
        notes: What looks wrong in a map but could be meant, one sentence each.
        attributes: Codes of what makes a scene hard, by scene; of generated scenes alone.
        scoring: How maps were scored, one sentence each.
    """

    scenes: dict[str, dict[str, float]]
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scoring: Sequence[str] = ()

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(next(iter(self.scenes.values())))

    @property
    def counted(self) -> dict[str, int]:
        """Scenes for which each metric is defined, which are those in its mean."""
        return {metric: self._defined(metric).size for metric in self.metrics}

    @property
    def mean(self) -> dict[str, float]:
        """Mean of each metric over the scenes; NaN if it is defined for none."""
        columns = {metric: self._defined(metric) for metric in self.metrics}
        return {k: float(v.mean()) if v.size else math.nan for k, v in columns.items()}

    @property
    def std(self) -> dict[str, float]:
        """Standard deviation over the scenes (divided by their number); NaN if there are none."""
        columns = {metric: self._defined(metric) for metric in self.metrics}
        return {k: float(v.std()) if v.size else math.nan for k, v in columns.items()}

    @property
    def by_attribute(self) -> dict[str, "Evaluation"]:
        """The scenes of each attribute, by its code; those without any are under ``NONE``."""
        codes = sorted({code for codes in self.attributes.values() for code in codes})
        parts = {}
        for code in (*codes, NONE):
            names = [name for name, has in self.attributes.items() if code in (has or (NONE,))]
            scenes = {name: self.scenes[name] for name in names if name in self.scenes}
            if scenes:
                parts[code] = Evaluation(scenes)
        return parts

    def write_csv(self, path: Path) -> None:
        """Write one line a scene, all digits; an undefined value is ``nan``."""
        with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["scene", *self.metrics])
            for name, values in self.scenes.items():
                writer.writerow([name, *values.values()])

    def to_json(self) -> str:
        """Scenes, means, std, counted and notes as JSON; an undefined value is ``null``."""
        table = {
            "scenes": {name: _without_nan(values) for name, values in self.scenes.items()},
            "mean": _without_nan(self.mean),
            "std": _without_nan(self.std),
            "counted": self.counted,
            "by_attribute": {
                code: {"scenes": len(part.scenes), "mean": _without_nan(part.mean)}
                for code, part in self.by_attribute.items()
            },
            "scoring": list(self.scoring),
            "notes": list(self.notes),
        }
        return json.dumps(table, indent=2, allow_nan=False)

    def _defined(self, metric: str) -> NDArray[np.float64]:
        values = np.array([scene[metric] for scene in self.scenes.values()], dtype=np.float64)
        return values[~np.isnan(values)]


def evaluate(
    maps: FileOrFolder | Sequence[FileOrFolder],
    masks: FileOrFolder | Sequence[FileOrFolder],
    *,
    mask_key: str | None = None,
    crop_key: str | None = None,
    size: int | None = None,
    stretch: bool = False,
    ignore: int | Literal["set"] | None = None,
    published: bool = False,
) -> Evaluation:
    """Score saliency maps against masks of the same names and sizes.

    Args:
        maps: Folders or files: ``NAME.saliency.png`` as ``dmssn predict`` writes them, or
            ``NAME.png`` of any program; ``.npy`` and TIFF too. In a folder that holds maps marked
            ``.saliency``, nothing else counts.
        masks: Folders or files: pictures, or `.npz` and `.mat` files of variables.
        mask_key: Variable that is the mask; by default the only one of shape (H, W). With a key,
            only `.npz` and `.mat` files count.
        crop_key: Variable of row start, row stop, column start, column stop: only the pixels
            inside are scored.
        size: Side of a square that maps and masks are resized to first, such as 512; by default a
            map has its mask's size.
        stretch: Whether each map is stretched to [0, 1] by its own least and largest value first.
        ignore: Number of the masks' pixels that do not count, such as -1 or 255; "set" as
            ``Scoring`` has it.
        published: Whether to add the ``published_*`` metrics.

    Raises:
        FileNotFoundError: A folder or file is not there.
        SettingError: A file has no variable of the given key, or the size is less than 2.
        ValueError: Names do not match one to one, or a file cannot be scored.
    """
    scoring = Scoring(
        size=size,
        stretch=stretch,
        ignore=ignore,
        published=published,
        mask_key=mask_key,
        crop_key=crop_key,
    )
    map_files = find_maps(_listed(maps))
    mask_files = find_masks(_listed(masks), scoring)
    match_names(map_files, mask_files)
    # numpy and scipy leave the interpreter free for most of a scene.
    with ThreadPoolExecutor(cores()) as pool:
        jobs = {
            name: pool.submit(score_files, map_files[name], mask_files[name], scoring)
            for name in sorted(map_files)
        }
        try:
            results = {
                name: jobs[name].result() for name in track(list(jobs), "scoring", each="maps")
            }
        finally:  # the first error, or Ctrl-C, ends it all
            pool.shutdown(wait=False, cancel_futures=True)
    notes = tuple(note for _, note in results.values() if note)
    scenes = {name: values for name, (values, _) in results.items()}
    return Evaluation(scenes, notes, attributes_of(mask_files), tuple(scoring.said))


def _listed(paths: FileOrFolder | Sequence[FileOrFolder]) -> list[Path]:
    if isinstance(paths, (str, os.PathLike)):
        return [Path(paths)]
    return [Path(path) for path in paths]


def find_maps(paths: Sequence[Path]) -> dict[str, Path]:
    """Saliency maps by the name of their scene.

    Args:
        paths: As ``evaluate`` takes them.

    Raises:
        FileNotFoundError: A path is not there.
        ValueError: There is no map, or a scene has two.
    """
    named: list[tuple[str, Path]] = []
    for path in paths:
        files = _files(path, MAP_SUFFIXES)
        marked = [file for file in files if file.stem.endswith(OWN_MARK)]
        one_each = {file.stem: file for file in sorted(marked, key=_exactness)}
        named += [(file.stem.removesuffix(OWN_MARK), file) for file in one_each.values() or files]
    return _once("saliency map", named, paths, MAP_SUFFIXES)


def _exactness(file: Path) -> int:
    suffix = file.suffix.lower()
    return EVER_MORE_EXACT.index(suffix) if suffix in EVER_MORE_EXACT else -1


def find_masks(paths: Sequence[Path], scoring: Scoring) -> dict[str, Path]:
    """Masks by the name of their scene; errors as of ``find_maps``."""
    suffixes = VARIABLE_SUFFIXES if scoring.mask_key or scoring.crop_key else MASK_SUFFIXES
    named = [(file.stem, file) for path in paths for file in _files(path, suffixes)]
    return _once("mask", named, paths, suffixes)


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The file itself, or those of the folder that have such a suffix."""
    if path.is_dir():
        return [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in suffixes and not file.name.startswith(".")
        ]
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{path}: expected a file ending in {', '.join(suffixes)}")
    return [path]


def _once(
    what: str, named: list[tuple[str, Path]], paths: Sequence[Path], suffixes: tuple[str, ...]
) -> dict[str, Path]:
    """Files by name, or an error if there are none or a name has two."""
    found: dict[str, Path] = {}
    for name, file in named:
        if found.setdefault(name, file) != file:
            raise ValueError(f"two files for the {what} of {name}: {found[name]} and {file}")
    if not found:
        where = ", ".join(map(str, paths))
        raise ValueError(f"no {what} in {where}; looked for files ending in {', '.join(suffixes)}")
    return found


def match_names(
    first: Mapping[str, Path],
    masks: Mapping[str, Path],
    what: str = "saliency map",
    *,
    same_file: bool = False,
) -> None:
    """Refuse names that are only on one side, all of them at once, and masks taken for maps.

    Args:
        first: What is to have masks, by the name of its scene.
        masks: Masks likewise.
        what: What the first are.
        same_file: Whether one file may hold both.

    Raises:
        ValueError: There are such names.
    """
    short = what.split()[-1]
    parts = [
        f"no {kind} for {', '.join(sorted(names))}"
        for kind, names in (
            (what, masks.keys() - first.keys()),
            ("mask", first.keys() - masks.keys()),
        )
        if names
    ]
    if parts:
        raise ValueError(
            f"each {short} needs a mask of its name, and each mask a {short}: {'; '.join(parts)}"
        )
    for name, path in first.items():
        if not same_file and path.samefile(masks[name]):
            raise ValueError(f"{path} is taken for the {short} and for the mask of {name}")


def attributes_of(masks: Mapping[str, Path]) -> dict[str, list[str]]:
    """What makes the scenes hard whose masks are FOLDER/masks/NAME.png of a generated FOLDER."""
    told: dict[str, list[str]] = {}
    for folder in {path.absolute().parent.parent for path in masks.values()}:
        told |= attributes_by_scene(folder)
    return {name: told[name] for name in masks if name in told}


def _without_nan(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
