r"""``dmssn benchmark``: detectors, and maps of other programs, compared on the same scenes.

Examples:
    dmssn benchmark --cubes set/cubes --masks set/masks -o out \
        --detectors dmssn,sad,rx
    # a run of one's own and maps of another program, on generated scenes
    dmssn benchmark runs/benchmark -o out --maps theirs=maps \
        --detectors dmssn,mine=runs/mine/detector
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from dmssn.commands.cube_options import CubeOptions
from dmssn.commands.tables import print_table
from dmssn.config import SettingError

if TYPE_CHECKING:
    from dmssn.judging.results import Results
    from dmssn.judging.sets import Reading

NONE = "none"
"""In place of detectors: maps of other programs alone are compared."""


def main(
    scenes: Annotated[Path | None, Parameter(negative="")] = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    cubes: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = (),
    masks: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = (),
    prepared: Path | None = None,
    split: Literal["train", "val", "test"] | None = None,
    detectors: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    maps: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    reference: str | None = None,
    size: int | None = None,
    stretch: Annotated[bool, Parameter(negative="")] = False,
    ignore: int | None = None,
    published: Annotated[bool, Parameter(negative="")] = False,
    mask_key: str | None = None,
    crop_key: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[CubeOptions, Parameter(name="*")] = CubeOptions(),  # noqa: B008
) -> int:
    """Compare detectors on the same scenes: scores, intervals, time, memory, curves, pictures.

    Scenes are those of a folder in the layout of a data set (such as `dmssn scenes` writes),
    cubes and masks of the same names, or a prepared set's test scenes. Run again, it goes on where
    it was stopped.

    Args:
        scenes: A copy of a data set; --set says which, by default a folder of one's own.
        output: Folder for all that is written.
        cubes: Cubes, or folders of them, with --masks.
        masks: Masks, or folders of them, with --cubes.
        prepared: A prepared set, whose test scenes are compared as they were homogenized.
        split: Whose scenes of a data set; by default its test scenes.
        detectors: Names, checkpoints or run folders, with commas or spaces between;
            NAME=DETECTOR gives one another name. By default all that come with the program;
            `none` for --maps alone.
        maps: NAME=FOLDER, maps of another program, named as their scenes; may be repeated.
        reference: Entry that differences are to; by default the first.
        size: Score maps and masks at a square of this side, such as 512; by default at each
            mask's own size.
        stretch: Stretch each map to [0, 1] by its own least and largest value first.
        ignore: Number of the masks' pixels that do not count, such as -1 or 255.
        published: Add what the code published with DMSSN computes, under names of its own.
        mask_key: Variable of .npz or .mat files that is the mask.
        crop_key: Variable of those files with row start, row stop, column start, column stop:
            score only inside.
        workers: Processes of a detector; its time is measured beside the others'.
        threads: CPU threads of each.
        device: auto, cpu, cuda or cuda:N.
        json: Print all results as JSON instead of a table.
        options: How the cubes' files are to be understood.

    Returns:
        0, or 1 when a scene had to be left out.
    """
    options.check()
    if workers < 1:
        raise SettingError(f"--workers must be at least 1, got {workers}")
    from dmssn.detector import detector_names
    from dmssn.devices import choose_device
    from dmssn.judging.comparing import compare
    from dmssn.judging.contestants import contestants
    from dmssn.judging.running import Machine
    from dmssn.judging.sets import Sources, judged_set
    from dmssn.scoring import Scoring

    choose_device(device, threads)
    wanted = () if detectors == (NONE,) else detectors or tuple(detector_names())
    entrants = contestants(wanted, maps)
    scoring = Scoring(
        size=size,
        stretch=stretch,
        ignore=ignore,
        published=published,
        mask_key=mask_key,
        crop_key=crop_key,
    )
    sources = Sources(scenes=scenes, cubes=cubes, masks=masks, prepared=prepared, split=split)
    try:
        results = compare(
            judged_set(sources, _reading(options), scoring),
            entrants,
            output,
            Machine(workers=workers, threads=threads, device=device),
            reference=reference,
            data_set=options.set,
        )
    except (KeyboardInterrupt, SystemExit):
        print(f"{output}: the maps made so far are kept; run it again to go on", file=sys.stderr)
        raise
    return _tell(results, output, as_json=json)


def _reading(options: CubeOptions) -> "Reading":
    from dmssn.judging.sets import Reading

    return Reading(
        open_cube=options.open,
        read_as=_read_as(options),
        plain=replace(options, set=None, orientation=None) == CubeOptions(),
        data_set=options.set,
        orientation=options.orientation,
    )


def _read_as(options: CubeOptions) -> str:
    """What changes when the cubes are read in another way, or by other files."""
    from dmssn.files import fingerprint

    named = (options.white, options.dark, options.wavelengths)
    files = [Path(name) for name in named if name is not None and Path(name).exists()]
    return " ".join([str(options), *map(fingerprint, files)])


def _tell(results: "Results", output: Path, *, as_json: bool) -> int:
    from dmssn.judging.summary import results_json, summarize
    from dmssn.judging.tables import score_table
    from dmssn.wording import counted

    for scene, why in results.left_out.items():
        print(f"dmssn benchmark: {scene} is left out: {why}", file=sys.stderr)
    if as_json:
        print(results_json(summarize(results)), end="")
    else:
        table = score_table(summarize(results))
        print(f"{results.title}: {counted(len(results.scenes), 'scene')}\n")
        print_table([table.heading, *([cell.text for cell in row] for row in table.rows)])
        print("\n".join(["", *results.scoring, f"All of it: {output / 'benchmark.html'}"]))
    return 1 if results.left_out else 0
