"""Saliency maps compared with masks: folders in, metrics per scene and their means out."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmssn.files import replacing
from dmssn.map_files import Given, find_maps, find_masks, given, match_names, pair_lone
from dmssn.progress import track
from dmssn.scene_manifest import attributes_by_scene
from dmssn.scoring import Scoring, score_files
from dmssn.workers import cores

NONE = "none"
"""Stands for the scenes that have no attribute."""


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
    maps: Given,
    masks: Given,
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
            ``.saliency``, nothing else counts. Or names and maps, each a file or an array of shape
            (H, W), float in [0, 1]; or one array, which goes with the one mask.
        masks: Folders or files: pictures, or `.npz` and `.mat` files of variables. Or names and
            masks, each a file or an array of shape (H, W), not 0 where a pixel is salient; or one
            array.
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
        ValueError: Names do not match one to one, or a map or mask cannot be scored.

    Example:
        >>> saliency = np.array([[0.1, 0.2], [0.9, 0.4]])
        >>> mask = np.array([[False, False], [True, True]])
        >>> found = evaluate(saliency, mask)
        >>> round(found.mean["roc_auc"], 3), round(found.mean["mean_absolute_error"], 3)
        (1.0, 0.25)
    """
    scoring = Scoring(
        size=size,
        stretch=stretch,
        ignore=ignore,
        published=published,
        mask_key=mask_key,
        crop_key=crop_key,
    )
    variables = bool(mask_key or crop_key)
    found = given(maps, find_maps)
    truths = given(masks, lambda paths: find_masks(paths, variables=variables))
    found, truths = pair_lone(found, truths)
    match_names(found, truths)
    # numpy and scipy leave the interpreter free for most of a scene.
    with ThreadPoolExecutor(cores()) as pool:
        jobs = {
            name: pool.submit(score_files, found[name], truths[name], scoring)
            for name in sorted(found)
        }
        try:
            results = {
                name: jobs[name].result() for name in track(list(jobs), "scoring", each="maps")
            }
        finally:  # the first error, or Ctrl-C, ends it all
            pool.shutdown(wait=False, cancel_futures=True)
    notes = tuple(note for _, note in results.values() if note)
    scenes = {name: values for name, (values, _) in results.items()}
    files = {name: path for name, path in truths.items() if isinstance(path, Path)}
    return Evaluation(scenes, notes, attributes_of(files), tuple(scoring.said))


def attributes_of(masks: Mapping[str, Path]) -> dict[str, list[str]]:
    """What makes the scenes hard whose masks are FOLDER/masks/NAME.png of a generated FOLDER."""
    told: dict[str, list[str]] = {}
    for folder in {path.absolute().parent.parent for path in masks.values()}:
        told |= attributes_by_scene(folder)
    return {name: told[name] for name in masks if name in told}


def _without_nan(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
