"""``dmssn predict``: saliency maps and pictures of cubes.

Examples:
    dmssn predict cube.hdr -o out
    # float maps, masks and tables of objects of all cubes in a folder
    dmssn predict cubes/ -o out --save tiff mask objects --json
    # a scene larger than the memory, or targets of a few pixels
    dmssn predict flight-line.hdr -o out --tile 256
    # a classical detector, or the mean over two sizes
    dmssn predict cube.mat -o out --detector local-rx:inner=5:outer=15
    dmssn predict cube.mat -o out --detector dmssn:sizes=128+192
"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dmssn.commands.cube_options import CubeOptions
from dmssn.commands.cube_reports import report
from dmssn.config import SettingError
from dmssn.recipes import to_table

EXTRAS = ("mask", "objects", "npy", "tiff", "envi")


def main(
    cubes: Annotated[tuple[Path, ...], Parameter(negative="")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    detector: str | None = None,
    save: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    tile: int | None = None,
    overlap: int | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    threads: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    shard: str = "1/1",
    json: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[CubeOptions, Parameter(name="*")] = CubeOptions(),  # noqa: B008
) -> int:
    """Write a saliency map and an overlay for each cube.

    For a cube NAME it writes NAME.saliency.png (16 bit, the cube's own size) and
    NAME.overlay.png. One bad cube does not stop the others.

    Args:
        cubes: Cube files, folders of one-band pictures, or folders of cubes.
        output: Folder for all that is written.
        detector: Name of a detector, a checkpoint file, a run folder, or an ONNX file of `dmssn
            export`, which needs no torch; by default the one that comes with the program. Settings
            follow a colon: dmssn:sizes=128+192 is the mean of a
            trained detector's maps at squares of these sides, and takes the time of both.
        save: Also write: mask (PNG), objects (CSV table), npy, tiff, envi (float maps; the last
            two keep the cube's georeference, tiff with the extra `geo`); several by commas or
            spaces.
        tile: Judge a scene at its own size in tiles of so many pixels a side, for scenes larger
            than the memory and targets too small for the network's square. Statistics are those
            of the whole scene. Larger ones see more of what is around a thing.
        overlap: Pixels that neighbouring tiles share, where they are blended; by default a
            quarter of the side.
        threshold: From which saliency up a pixel is salient, in mask, objects and contour.
        device: auto, cpu, cuda or cuda:N.
        threads: CPU threads (of each worker).
        workers: Processes that predict side by side; the maps depend on their threads alone.
        scheduler: Address of a Dask cluster that does the work (extra `cluster`).
        shard: k/n: predict the k-th of n parts of the cubes, for a batch array.
        json: Describe the results on stdout as JSON.
        options: How the cubes' files are to be understood.

    Returns:
        0 when every cube has its map; 2 when an option did not fit one; else 1.
    """
    extras = _extras(save)
    options.check()
    if not 0 <= threshold <= 1:
        raise SettingError(f"--threshold must be from 0 to 1, got {threshold}")
    if workers < 1:
        raise SettingError(f"--workers must be at least 1, got {workers}")
    from dmssn.datasets.splits import read_fraction
    from dmssn.devices import check_device
    from dmssn.labour import Labour
    from dmssn.predicting import predict_all
    from dmssn.wording import counted

    if overlap is not None and tile is None:
        raise SettingError("--overlap is of tiles: give --tile, too")
    cut = None
    if tile is not None:
        from dmssn.tiles.layout import check_tiles

        cut = tile, check_tiles(tile, overlap)
    labour = Labour(workers=workers, scheduler=scheduler, shard=read_fraction("--shard", shard))
    check_device(device, threads)
    results = predict_all(
        cubes,
        output,
        open_cube=(options.absolute() if scheduler else options).open,
        detector=detector,
        extras=extras,
        threshold=threshold,
        device=device,
        settings={name: value for name, value in to_table(options).items() if value != ()},
        labour=labour,
        threads=threads,
        tile=cut,
    )
    code = report("predict", results, _line, as_json=json)
    if code == 0 and not json:
        print(f"{counted(len(results), 'map')} in {output}")
    return code


def _extras(words: tuple[str, ...]) -> list[str]:
    """The kinds of further files, given as ``mask objects`` or ``mask,objects``."""
    extras = [extra for word in words for extra in word.split(",")]
    for extra in extras:
        if extra not in EXTRAS:
            raise SettingError(
                f"--save takes {', '.join(EXTRAS)}, got {extra!r}; cubes go before the options"
            )
    return extras


def _line(result: dict[str, Any]) -> str:
    """What was made of one cube."""
    return f"{result['name']}: {result['bands']}; {result['saliency']}"
