"""Score a detector on scenes it was not trained on, as the tables of the model card are made.

    python -m recipes.score [DETECTOR] [--scenes FOLDER] [--split test] [--real FOLDER]
    python -m recipes.score --split val --first 75 --size 128 --decisive 3   # how both were chosen
    python -m recipes.score --real FOLDER --starts 8   # mean and spread over starts of the mixture

prints a Markdown table of the means over a split of ``--scenes`` (generated scenes, by default
those of ``make weights``) and one of the real cubes of ``--real``, which are not part of the
repository (``real_cubes`` says how the folder holds them). Maps are scored as floats;
``recipes/leaderboard.py`` compares detectors.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

import dmssn
from dmssn.cube import Cube
from dmssn.detector import DEFAULT, load_network
from dmssn.detector_settings import SIZES
from dmssn.masks import read_crop, read_mask
from dmssn.metrics import score
from dmssn.scoring import read_truth
from dmssn.trained.detector import TrainedDetector
from recipes.real_cubes import real_scenes

SHOWN = {
    "roc_auc": "ROC AUC",
    "max_f_measure": "F max",
    "mean_f_measure": "F mean",
    "mean_absolute_error": "MAE",
}
WHOLE = (slice(None), slice(None))
Scene = tuple[str, Cube, np.ndarray, tuple[slice, slice]]
"""Name, cube, mask, and the rows and columns that count."""


def generated(folder: Path, split: str) -> Iterator[Scene]:
    """The scenes of a split."""
    for name in (folder / "splits" / f"{split}.txt").read_text(encoding="utf-8").split():
        cube = next((folder / "cubes").glob(f"{name}.*"))  # .h5 or .scene
        yield name, dmssn.read_cube(cube), read_mask(folder / "masks" / f"{name}.png"), WHOLE


def real(folder: Path) -> Iterator[Scene]:
    """Every real cube there is, with its mask and the part of it that counts."""
    for scene in chain.from_iterable(real_scenes(folder).values()):
        mask, key = read_truth(scene.mask, scene.scoring)[0], scene.scoring.crop_key
        crop = WHOLE if key is None else read_crop(scene.mask, key, mask.shape)
        yield scene.name, scene.open().to_cube(), mask, crop


def table(detector: TrainedDetector, scenes: Iterator[Scene], starts: int) -> dict:
    """Scores by scene, arrays of shape (starts, metrics); the first start is the usual one."""
    found: dict[str, np.ndarray] = {}
    usual = detector.configs
    started = [
        [
            replace(each, mixture=replace(each.mixture, seed=each.mixture.seed + more))
            for each in usual
        ]
        for more in range(starts)
    ]
    for name, cube, mask, crop in scenes:
        scores = []
        for configs in started:
            detector.configs = configs
            values = score(detector(cube)[crop], mask[crop])
            scores.append([values[key] for key in SHOWN])
        found[name] = np.array(scores)
    detector.configs = usual
    return found


def print_rows(rows: dict) -> None:
    """As a Markdown table: values, or with several starts their mean and standard deviation."""
    print(f"| scene | {' | '.join(SHOWN.values())} |\n|---|{'---|' * len(SHOWN)}")
    for name, values in rows.items():
        cells = [
            f"{column.mean():.3f}" + (f" ± {column.std(ddof=1):.3f}" if len(column) > 1 else "")
            for column in values.T
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("detector", nargs="?")
    parser.add_argument("--scenes", type=Path, default=Path("runs/shipped/scenes"))
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--first", type=int, help="score this many scenes of the split alone")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--size", help="sides to run at, with + between")
    parser.add_argument("--decisive", type=float, help="factor of logits above 0")
    parser.add_argument("--starts", type=int, default=1, help="mixtures of so many seeds")
    options = parser.parse_args()
    text = options.detector or DEFAULT
    detector = load_network(f"{text}:{SIZES}={options.size}" if options.size else text)
    if options.decisive:
        detector.network.msst.decisive = options.decisive
    header, parameters = detector.header, detector.parameters
    print(f"{detector.name}: {parameters:,} parameters at {header.bands} bands")
    print(
        f"run at {'+'.join(map(str, detector.sizes))} pixels a side; trained to {header.metrics}\n"
    )
    if options.scenes.is_dir():
        scenes = generated(options.scenes, options.split)
        rows = table(detector, islice(scenes, options.first), options.starts)
        values = np.array(list(rows.values()))
        print_rows({f"mean of {len(rows)} generated ({options.split})": np.nanmean(values, axis=0)})
        print()
    if options.real:
        print_rows(table(detector, real(options.real), options.starts))


if __name__ == "__main__":
    main()
