"""Saliency maps compared with masks: folders in, metrics per scene and their means out."""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.files import replacing
from dmssn.masks import MASK_SUFFIXES, VARIABLE_SUFFIXES, read_crop, read_mask
from dmssn.metrics import score
from dmssn.pictures import PICTURE_SUFFIXES, read_grey
from dmssn.progress import track
from dmssn.scene_manifest import attributes_by_scene

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
    """

    scenes: dict[str, dict[str, float]]
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

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

    Raises:
        FileNotFoundError: A folder or file is not there.
        SettingError: A file has no variable of the given key.
        ValueError: Names do not match one to one, or a file cannot be scored.
    """
    map_files = _map_files(_listed(maps))
    mask_files = _mask_files(_listed(masks), only_variables=bool(mask_key or crop_key))
    _match(map_files, mask_files)
    # numpy and scipy leave the interpreter free for most of a scene.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {
            name: pool.submit(_score_files, map_files[name], mask_files[name], mask_key, crop_key)
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
    return Evaluation(scenes, notes, _attributes(mask_files))


def read_saliency(path: Path) -> NDArray[np.float64]:
    """Read a saliency map of shape (H, W): 8 bit / 255, 16 bit / 65535, or float as it is.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or its type is none of these.
    """
    levels = _read_npy(path) if path.suffix.lower() == ".npy" else read_grey(path)
    if levels.dtype == np.bool_:
        return levels.astype(np.float64)
    if path.suffix.lower() != ".npy" and levels.dtype in (np.uint8, np.uint16):
        return levels.astype(np.float64) / np.iinfo(levels.dtype).max
    if not np.issubdtype(levels.dtype, np.floating):
        raise ValueError(
            f"{path}: a saliency map is an 8 or 16 bit picture or float in [0, 1], "
            f"this one is {levels.dtype}"
        )
    return levels.astype(np.float64)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # numpy raises nearly anything on a damaged file
        raise ValueError(f"{path}: not an array that can be read: {error}") from error


def _score_files(
    map_file: Path, mask_file: Path, mask_key: str | None, crop_key: str | None
) -> tuple[dict[str, float], str]:
    """Metrics of one scene, and a note on its map or nothing."""
    saliency, mask = read_saliency(map_file), read_mask(mask_file, mask_key)
    note = ""
    if map_file.suffix.lower() in PICTURE_SUFFIXES and saliency.max() == 1 / 255:
        note = f"{map_file}: no level above 1 of 255; if its 1 means salient, save it as 255"
    if saliency.shape != mask.shape:
        raise ValueError(
            f"{map_file} is {_size(saliency)}, {mask_file} is {_size(mask)}; "
            "a map has the size of its mask"
        )
    if crop_key is not None:
        rows, columns = read_crop(mask_file, crop_key, (mask.shape[0], mask.shape[1]))
        saliency, mask = saliency[rows, columns], mask[rows, columns]
    try:
        values = score(saliency, mask)
    except ValueError as error:
        raise ValueError(f"{map_file}: {error}") from None
    return values, note


def _listed(paths: FileOrFolder | Sequence[FileOrFolder]) -> list[Path]:
    if isinstance(paths, (str, os.PathLike)):
        return [Path(paths)]
    return [Path(path) for path in paths]


def _map_files(paths: list[Path]) -> dict[str, Path]:
    """Saliency maps by the name of their scene."""
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


def _mask_files(paths: list[Path], only_variables: bool) -> dict[str, Path]:
    """Masks by the name of their scene."""
    suffixes = VARIABLE_SUFFIXES if only_variables else MASK_SUFFIXES
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
    what: str, named: list[tuple[str, Path]], paths: list[Path], suffixes: tuple[str, ...]
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


def _match(maps: dict[str, Path], masks: dict[str, Path]) -> None:
    """Refuse names that are only on one side, all of them at once, and masks taken for maps."""
    parts = [
        f"no {what} for {', '.join(sorted(names))}"
        for what, names in (
            ("saliency map", masks.keys() - maps.keys()),
            ("mask", maps.keys() - masks.keys()),
        )
        if names
    ]
    if parts:
        raise ValueError(
            f"each map needs a mask of its name, and each mask a map: {'; '.join(parts)}"
        )
    for name, path in maps.items():
        if path.samefile(masks[name]):
            raise ValueError(f"{path} is taken for the map and for the mask of {name}")


def _attributes(masks: dict[str, Path]) -> dict[str, list[str]]:
    """What makes the scenes hard whose masks are FOLDER/masks/NAME.png of a generated FOLDER."""
    told: dict[str, list[str]] = {}
    for folder in {path.absolute().parent.parent for path in masks.values()}:
        told |= attributes_by_scene(folder)
    return {name: told[name] for name in masks if name in told}


def _size(values: NDArray[Any]) -> str:
    return " x ".join(map(str, values.shape))


def _without_nan(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
