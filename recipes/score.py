"""Score a detector on scenes it was not trained on, as the tables of the model card are made.

    python recipes/score.py [DETECTOR] [--scenes FOLDER] [--split test] [--real FOLDER]
    python recipes/score.py --split val --size 320      # how the size it runs at was chosen

prints a Markdown table of the means over a split of ``--scenes`` (generated scenes, by default
those of ``make weights``) and one of the real cubes of ``--real``, which are not part of the
repository: ``cave/*.npz`` (`cube`, `mask`, `crop_yyxx`), ``abu/*.mat`` (`data`, `map`),
``muufl/*.mat`` (`hsi_sub`, `gtImg_sub`), ``corn/*.hdr``. Maps are scored as floats.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import dmssn
from dmssn.cube import Cube
from dmssn.masks import read_crop, read_mask
from dmssn.metrics import score

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
    keys = {"cave": "mask", "abu": "map", "muufl": "gtImg_sub"}
    for kind, key in keys.items():
        for path in sorted([*(folder / kind).glob("*.npz"), *(folder / kind).glob("*.mat")]):
            mask = read_mask(path, key)
            crop = read_crop(path, "crop_yyxx", mask.shape) if kind == "cave" else WHOLE
            yield path.stem, dmssn.read_cube(path), mask, crop
    for path in sorted((folder / "corn").glob("*.hdr")):
        mask = read_mask(path.with_name("corn-kernel_otsu.png"))
        yield path.stem, dmssn.read_cube(path), mask, WHOLE


def table(detector: dmssn.Detector, scenes: Iterator[Scene]) -> dict:
    """Scores by scene."""
    found = {}
    for name, cube, mask, crop in scenes:
        values = score(detector(cube)[crop], mask[crop])
        found[name] = [values[key] for key in SHOWN]
    return found


def print_rows(rows: dict) -> None:
    """As a Markdown table."""
    print(f"| scene | {' | '.join(SHOWN.values())} |\n|---|{'---|' * len(SHOWN)}")
    for name, values in rows.items():
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |")


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("detector", nargs="?")
    parser.add_argument("--scenes", type=Path, default=Path("runs/shipped/scenes"))
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--real", type=Path)
    parser.add_argument("--size", type=int, help="side the scenes are squeezed to")
    options = parser.parse_args()
    detector = dmssn.load_detector(options.detector)
    if options.size:
        prepare = {**detector.header.prepare, "size": options.size}
        header = replace(detector.header, prepare=prepare)
        detector = dmssn.Detector(detector.name, header, detector.network, detector.device)
    header, parameters = detector.header, sum(p.numel() for p in detector.network.parameters())
    print(f"{detector.name}: {parameters:,} parameters at {header.bands} bands")
    print(f"run at {header.prepare['size']} pixels a side; trained to {header.metrics}\n")
    if options.scenes.is_dir():
        rows = table(detector, generated(options.scenes, options.split))
        values = np.array(list(rows.values()))
        print_rows({f"mean of {len(rows)} generated ({options.split})": np.nanmean(values, axis=0)})
        print()
    if options.real:
        print_rows(table(detector, real(options.real)))


if __name__ == "__main__":
    main()
