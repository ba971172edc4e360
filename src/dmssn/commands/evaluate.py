r"""``dmssn evaluate``: score saliency maps against masks.

Examples:
    dmssn evaluate --maps out --masks set/masks
    # masks within the cubes' files, scored inside a crop; all digits to a table
    dmssn evaluate --maps out --masks cubes --mask-key mask \
        --crop-key crop_yyxx -o scores.csv
    # maps of another program, as published tables score them
    dmssn evaluate --maps theirs --masks set/masks \
        --size 512 --stretch --published
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dmssn.commands.tables import print_table
from dmssn.config import SettingError
from dmssn.metric_names import HEADINGS, PUBLISHED_HEADINGS

if TYPE_CHECKING:
    from dmssn.evaluation import Evaluation


def main(
    *,
    maps: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    masks: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    mask_key: str | None = None,
    crop_key: str | None = None,
    size: int | None = None,
    stretch: Annotated[bool, Parameter(negative="")] = False,
    ignore: int | None = None,
    published: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Score saliency maps against masks of the same names and sizes.

    Prints a line a scene, then mean, standard deviation and how many scenes count: those for
    which the metric is defined. MAE is better low, all others are better high. Of generated
    scenes it also prints the means of those that share an attribute, such as small objects (SO).

    Args:
        maps: Folders or files: NAME.saliency.png as `dmssn predict` writes them, or NAME.png (8 or
            16 bit), NAME.tif or NAME.npy (float in [0, 1]) of any program.
        masks: Folders or files: NAME.png, .jpg, .bmp or .tif (black and white), NAME.npz or
            NAME.mat.
        mask_key: Variable of the .npz or .mat files that is the mask (not 0 is salient); by
            default the only one with rows and columns.
        crop_key: Variable of those files with row start, row stop, column start, column stop:
            score only inside.
        size: Resize maps and masks to a square of this side first, such as 512; by default each
            map is scored at its mask's size.
        stretch: Stretch each map to [0, 1] by its own least and largest value first.
        ignore: Number of the masks' pixels that do not count, such as -1 or 255.
        published: Add what the code published with DMSSN computes, under names of its own.
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
    evaluation = evaluate(
        maps,
        masks,
        mask_key=mask_key,
        crop_key=crop_key,
        size=size,
        stretch=stretch,
        ignore=ignore,
        published=published,
    )
    for note in evaluation.notes:
        print(note, file=sys.stderr)
    if output is not None:
        evaluation.write_csv(output)
    if json:
        print(evaluation.to_json())
    else:
        _print(evaluation)


def _print(evaluation: "Evaluation") -> None:
    """The table: a row a scene, then what is true of all; and how it was scored."""
    names = {**HEADINGS, **PUBLISHED_HEADINGS}
    rows = [["scene", *(names[metric] for metric in evaluation.metrics)]]
    rows += [[name, *_numbers(values)] for name, values in evaluation.scenes.items()]
    rows.append([""] * len(rows[0]))
    rows += [["mean", *_numbers(evaluation.mean)], ["std", *_numbers(evaluation.std)]]
    rows.append(["scenes", *map(str, evaluation.counted.values())])
    for code, part in evaluation.by_attribute.items():
        rows.append([f"{code} ({len(part.scenes)})", *_numbers(part.mean)])
    print_table(rows)
    print("\n".join(["", *evaluation.scoring]))


def _numbers(values: dict[str, float]) -> list[str]:
    return [f"{value:.3f}" for value in values.values()]
