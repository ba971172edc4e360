"""``dmssn prepare``: the scenes of a data set, homogenized once.

Examples:
    dmssn prepare folder my-scenes -o runs/mine/prepared
    # on a cluster; run again after an interruption, it goes on
    dmssn prepare hsod-bit /data/HSOD-BIT -o prepared --scheduler tcp://head:8786
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from dmssn.commands.recipe_options import RecipeOptions
from dmssn.config import OrientationChoice, PrepareConfig, Recipe, SettingError
from dmssn.recipes import find_recipe, from_table, read_recipe

if TYPE_CHECKING:
    from dmssn.preparing_sets import Report

LISTED = 30
"""Scenes of one trouble that are named."""
WORKER_BYTES = 1.5e9
"""Memory a worker may need for a cube of 1240 x 1680 x 200."""


def main(
    source: str,
    root: Path | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    recipe: str | None = None,
    split: str | None = None,
    fold: str | None = None,
    val: float | None = None,
    seed: int | None = None,
    orientation: OrientationChoice | None = None,
    size: int | None = None,
    bands: int | None = None,
    statistics: Literal["self", "data set"] | None = None,
    homogenize: Literal["region", "component", "none"] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    shard: str = "1/1",
    redo: Annotated[bool, Parameter(negative="")] = False,
    skip_bad: Annotated[bool, Parameter(negative="")] = False,
    statistics_only: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008
) -> int:
    """Homogenize the scenes of a data set, once, for training.

    `dmssn prepare NAME ROOT -o PREPARED` prepares the data set NAME (`dmssn dataset list` has
    them; `folder` is your own) in ROOT. `dmssn prepare RECIPE` takes all three from a recipe. The
    same call again goes on where an interrupted one stopped.

    Args:
        source: Name of the data set, or a recipe: a file, or the name of one that comes with the
            program.
        root: Folder of the data set.
        output: Prepared set to write.
        recipe: Recipe whose [prepare] and [data] apply where no option says otherwise.
        split: A published split by name, seeded, folders, or a file or folder of lists.
        fold: k/n: the k-th of n parts is the test split.
        val: Share of the training scenes taken for validation where no list names them.
        seed: Of what is left to chance in the split.
        orientation: How stored cubes are turned; auto compares them with their colour pictures.
        size: Side in pixels of the square every scene is squeezed to.
        bands: Bands every cube is brought to; 0 keeps the cubes' own.
        statistics: Whose mean and spread standardize the bands.
        homogenize: Pixels that share one spectrum: of a region, of a component anywhere, or none.
        workers: Processes; by default one a core, as far as the memory goes.
        scheduler: Address of a Dask cluster that does the work (extra `cluster`).
        shard: k/n: prepare the k-th of n parts of the scenes, for a batch array.
        redo: Prepare anew what was prepared with other settings.
        skip_bad: Complete the set without the scenes that cannot be prepared.
        statistics_only: Stop after the statistics (of this shard's training scenes).
        as_json: Describe the result on stdout as JSON.
        options: Keys of the recipe that are overruled; the options above go before them.

    Returns:
        0 when the set, or this shard of it, is done; else 1.
    """
    settings = _settings(source, root, output, recipe, options)
    data = {"split": split, "fold": fold, "val": val, "seed": seed, "orientation": orientation}
    ways = {"size": size, "bands": bands, "statistics": statistics, "homogenize": homogenize}
    settings = replace(
        settings, data=_changed(settings.data, data), prepare=_changed(settings.prepare, ways)
    )
    if workers is not None and workers < 1:
        raise SettingError(f"--workers must be at least 1, got {workers}")
    if statistics_only and settings.prepare.statistics == "self":
        raise SettingError("--statistics-only needs --statistics 'data set'")
    from dmssn.datasets.splits import read_fraction
    from dmssn.labour import Labour
    from dmssn.preparing_sets import prepare_set
    from dmssn.workers import usual_workers

    labour = Labour(
        workers=workers or usual_workers(WORKER_BYTES),
        scheduler=scheduler,
        shard=read_fraction("--shard", shard),
    )
    report = prepare_set(
        settings.data,
        settings.prepare,
        labour,
        redo=redo,
        skip_bad=skip_bad,
        statistics_only=statistics_only,
    )
    return _tell(
        settings.data.prepared,
        settings.prepare,
        report,
        skip_bad=skip_bad,
        statistics_only=statistics_only,
        whole=labour.whole,
        as_json=as_json,
    )


def _settings(
    source: str,
    root: Path | None,
    output: Path | None,
    recipe: str | None,
    options: RecipeOptions,
) -> Recipe:
    """The settings of a recipe, or of a data set by name with or without one."""
    changes = options.changes(("teacher", "detector"))
    if root is None:
        if recipe is not None:
            raise SettingError(f"two recipes, {source} and --recipe {recipe}; give one")
        given: dict[str, Any] = {} if output is None else {"prepared": str(output)}
        try:
            path = find_recipe(source)
        except SettingError as error:
            raise SettingError(
                f"{error}; a data set goes with its folder: dmssn prepare {source} ROOT -o PREPARED"
            ) from None
        return read_recipe(Recipe, path, _with_places(changes, given))
    if output is None:
        raise SettingError("--output is missing: the folder of the prepared set")
    given = {"set": source, "scenes": str(root), "prepared": str(output)}
    if recipe is not None:
        return read_recipe(Recipe, find_recipe(recipe), _with_places(changes, given))
    return from_table(Recipe, _with_places(changes, given))


def _with_places(changes: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Tables of a recipe, and before what they say of the data what was given otherwise."""
    return changes | {"data": changes.get("data", {}) | given}


def _changed(config: Any, values: dict[str, Any]) -> Any:  # noqa: ANN401
    """The settings with those values that were given."""
    return replace(config, **{key: value for key, value in values.items() if value is not None})


def _tell(
    out: Path,
    config: PrepareConfig,
    report: "Report",
    *,
    skip_bad: bool,
    statistics_only: bool,
    whole: bool,
    as_json: bool,
) -> int:
    """Print what was done; returns the exit code."""
    import json
    import sys

    from dmssn.wording import counted

    for said in report.said:
        print(f"dmssn prepare: {said}", file=sys.stderr)
    level = "left out" if skip_bad else "not prepared"
    alike: dict[str, list[str]] = {}
    for name, why in report.wrong.items():
        alike.setdefault(" ".join(why.split()), []).append(name)
    for why, names in alike.items():
        more = f" and {len(names) - LISTED} more, see --json" if len(names) > LISTED else ""
        listed = ", ".join(names[:LISTED])
        print(f"dmssn prepare: {level}: {why}: {listed}{more}", file=sys.stderr)
    manifest = report.manifest
    if as_json:
        table = {
            "prepared": str(out),
            "complete": manifest is not None,
            "measured": report.measured,
            "made": report.made,
            "kept": report.kept,
            "wrong": report.wrong,
            "missing": report.missing,
            "splits": manifest and {split: len(names) for split, names in manifest.splits.items()},
            "bands": manifest and manifest.bands,
            "size": config.size,
            "notes": report.said,
            "seconds": report.seconds,
        }
        print(json.dumps(table, indent=1))
    else:
        work = f"{counted(report.made, 'scene')} prepared, {report.kept} kept"
        if statistics_only:
            work = f"statistics of {report.measured} training scenes are there"
        if report.seconds:
            parts = ", ".join(f"{part} {time:.2f} s" for part, time in report.seconds.items())
            work += f" (a scene: {parts})"
        print(f"{out}: {work}")
        if manifest is not None:
            counts = ", ".join(f"{len(names)} {split}" for split, names in manifest.splits.items())
            print(f"{out}: complete, {counts}, {manifest.bands} bands")
        elif report.missing and not whole:
            print(f"{out}: of other parts {counted(len(report.missing), 'scene')} to come")
    if report.missing and whole:
        print(
            f"dmssn prepare: {counted(len(report.missing), 'scene')} changed while being prepared "
            f"({', '.join(report.missing[:LISTED])}); run it again",
            file=sys.stderr,
        )
        return 1
    if report.wrong and not skip_bad:
        print(
            f"dmssn prepare: {counted(len(report.wrong), 'scene')} could not be prepared, so the "
            "set is not complete; mend what is wrong and run it again, or pass --skip-bad to do "
            "without",
            file=sys.stderr,
        )
        return 1
    return 0
