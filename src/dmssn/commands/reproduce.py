"""``dmssn reproduce``: from scenes to scores in one command.

Examples:
    dmssn reproduce smoke --run runs/smoke
    # a published set on four GPUs; run again after an interruption, it goes on
    dmssn reproduce hsod-bit ROOT --run runs/hsod-bit --processes 4
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dmssn.commands.recipe_options import RecipeOptions
from dmssn.config import Recipe, SettingError
from dmssn.recipes import find_recipe, read_recipe

SETS = {"hsod-bit": "hsod-bit", "hsod-bit-v2": "hsod-bit", "hs-sod": "hs-sod"}
"""Data sets that have a recipe, and its name."""
CHOICES = ("split", "fold", "val", "seed", "orientation")
"""Keys of [data] that are the set's, whatever recipe the other settings are taken from."""
OURS = ("data.scenes", "data.prepared", "data.set", "detector.teacher")
"""Keys that follow from the data set and the folder."""
WORKER_BYTES = 1.5e9
"""Memory a worker may need for a cube of 1240 x 1680 x 200."""


def main(
    name: str,
    root: Path | None = None,
    /,
    *,
    run: Annotated[Path, Parameter(name="--run")],
    recipe: str | None = None,
    skip_bad: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    processes: int = 1,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008
) -> None:
    """Go from scenes to scores: check, prepare, train both stages, predict and evaluate.

    Prints the scores on the locked test split beside the published ones. The same call again goes
    on where an interrupted one stopped, and does nothing twice.

    Args:
        name: hsod-bit, hsod-bit-v2 or hs-sod, each with its folder; a recipe that makes up its own
            scenes, such as smoke; or a recipe's file.
        root: Folder of the data set.
        run: Folder for all that is made.
        recipe: Take the settings of this recipe, a name or a file, such as published; but not
            which scenes are for what.
        skip_bad: Go on without the scenes that cannot be prepared.
        device: auto, cpu, cuda or cuda:N.
        threads: CPU threads of training, for each process.
        workers: Processes that check, prepare and predict; by default one a core, as far as the
            memory goes.
        processes: Processes that train together, on as many GPUs where there are any.
        as_json: Print the results as JSON.
        options: Keys of the recipe.
    """
    settings = _settings(name, root, run, recipe, options)
    for option, value in (("--workers", workers), ("--processes", processes)):
        if value is not None and value < 1:
            raise SettingError(f"{option} must be at least 1, got {value}")
    from dmssn.devices import choose_device
    from dmssn.distributed import world_size
    from dmssn.reproduction.comparing import markdown
    from dmssn.reproduction.steps import Machine, reproduce
    from dmssn.workers import usual_workers

    if world_size() > 1:
        raise SettingError("starts its processes itself: leave torchrun out, and pass --processes")
    choose_device(device, threads)  # said now, and not when all is prepared
    machine = Machine(
        workers=workers or usual_workers(WORKER_BYTES),
        processes=processes,
        device=device,
        threads=threads,
    )
    results = reproduce(settings, run, machine, skip_bad=skip_bad)
    print(json.dumps(results, indent=1) if as_json else markdown(results), end="")
    if as_json:
        print()


def _settings(
    name: str, root: Path | None, run: Path, recipe: str | None, options: RecipeOptions
) -> Recipe:
    """All settings: where the scenes are by ``name`` and ``root``, the rest by a recipe."""
    changes = options.changes(("teacher", "detector"))
    for key in OURS:
        table, _, last = key.partition(".")
        if last in changes.get(table, {}):
            raise SettingError(f"--{key} is for `dmssn reproduce` to say; leave it out")
    by_set = name.lower() in SETS
    own = find_recipe(SETS.get(name.lower(), name))
    base = read_recipe(Recipe, own)
    generate: dict[str, Any] = vars(base.generate) | changes.get("generate", {})
    scenes, kind = root, name.lower() if by_set else base.data.set
    if generate["count"]:
        if root is not None:
            raise SettingError(f"{name} makes up its own scenes; leave {root} out")
        scenes, kind = run / "scenes", "folder"
    elif root is None and by_set:
        raise SettingError(
            f"give the folder of the data set: dmssn reproduce {name} ROOT --run RUN"
        )
    data = {"scenes": str(scenes or base.data.scenes), "prepared": str(run / "prepared")}
    choices = {key: getattr(base.data, key) for key in CHOICES}
    given = {
        **changes,
        "data": choices | changes.get("data", {}) | data | {"set": kind},
        "generate": generate,
    }
    settings = read_recipe(Recipe, own if recipe is None else find_recipe(recipe), given)
    teacher = run / "teacher" if settings.detector.imitates else None
    return replace(settings, detector=replace(settings.detector, teacher=teacher))
