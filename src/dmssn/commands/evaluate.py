"""``dmssn evaluate``: score saliency maps against masks.

dmssn evaluate --maps out --masks set/masks
dmssn evaluate --maps out --masks cubes --mask-key mask --crop-key crop_yyxx -o scores.csv
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dmssn.config import SettingError

if TYPE_CHECKING:
    from rich.table import Table

    from dmssn.evaluation import Evaluation

HEADINGS = {
    "mean_absolute_error": "MAE",
    "max_f_measure": "F max",
    "mean_f_measure": "F mean",
    "adaptive_f_measure": "F adp",
    "weighted_f_measure": "F wtd",
    "s_measure": "S",
    "max_e_measure": "E max",
    "mean_e_measure": "E mean",
    "adaptive_e_measure": "E adp",
    "precision": "Prec",
    "recall": "Rec",
    "f1": "F1",
    "roc_auc": "AUC",
    "correlation": "CC",
    "nss": "NSS",
}
"""Metrics in the order and under the names of the table."""
COLUMN = 9
"""Widest a column of numbers gets, with its gap, in characters."""
UNBOUNDED = 10_000
"""Width of a table that goes to a file or a program, in characters: no line is ever folded."""


def main(
    *,
    maps: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    masks: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    mask_key: str | None = None,
    crop_key: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Score saliency maps against masks of the same names and sizes.

    Prints a line a scene, then mean, standard deviation and how many scenes count: those for
    which the metric is defined. MAE is better low, all others are better high.

    Args:
        maps: Folders or files: NAME.saliency.png as `dmssn predict` writes them, or NAME.png (8 or
            16 bit), NAME.tif or NAME.npy (float in [0, 1]) of any program.
        masks: Folders or files: NAME.png, .jpg, .bmp or .tif (black and white), NAME.npz or
            NAME.mat.
        mask_key: Variable of the .npz or .mat files that is the mask (not 0 is salient); by
            default the only one with rows and columns.
        crop_key: Variable of those files with row start, row stop, column start, column stop:
            score only inside.
        json: Print JSON instead of a table.
        output: Write the scores of each scene, all digits, to this .csv file.
    """
    if output is not None and output.suffix.lower() != ".csv":
        raise SettingError(f"--output is a .csv file, got {output}; for JSON see --json")
    from dmssn.evaluation import evaluate
    from dmssn.files import make_folder

    if output is not None:  # said now, and not when all is scored
        if output.is_dir():
            raise SettingError(f"--output {output} is a folder; name a .csv file in it")
        make_folder(output.parent)
    evaluation = evaluate(maps, masks, mask_key=mask_key, crop_key=crop_key)
    for note in evaluation.notes:
        print(note, file=sys.stderr)
    if output is not None:
        evaluation.write_csv(output)
    if json:
        print(evaluation.to_json())
    else:
        _print(evaluation)


def _print(evaluation: "Evaluation") -> None:
    """All metrics in one table, or in as many as the terminal is too narrow for."""
    from rich.console import Console

    console = Console(highlight=False)
    metrics, at_once = list(HEADINGS), len(HEADINGS)
    if console.is_terminal:
        longest = max(len(name) for name in evaluation.scenes)
        at_once = max(1, (console.width - longest) // COLUMN)
    else:
        console.width = UNBOUNDED
    for start in range(0, len(metrics), at_once):
        console.print(_table(evaluation, metrics[start : start + at_once]))


def _table(evaluation: "Evaluation", metrics: list[str]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("scene", no_wrap=True)
    for metric in metrics:
        table.add_column(HEADINGS[metric], justify="right", no_wrap=True)
    for name, values in evaluation.scenes.items():
        table.add_row(Text(name), *(f"{values[metric]:.3f}" for metric in metrics))
    table.add_row()
    mean, std, counted = evaluation.mean, evaluation.std, evaluation.counted
    table.add_row("mean", *(f"{mean[metric]:.3f}" for metric in metrics))
    table.add_row("std", *(f"{std[metric]:.3f}" for metric in metrics))
    table.add_row("scenes", *(str(counted[metric]) for metric in metrics))
    return table
