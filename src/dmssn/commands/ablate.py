"""``dmssn ablate``: what each idea of the method is worth.

Examples:
    # one seed and two variants, to see that it works
    dmssn ablate ablation -o runs/try --seeds 1 --only ours,pca --train.epochs 1
    # the whole of it, with a page of verdicts; interrupted, it goes on
    dmssn ablate ablation -o runs/ablation --seeds 3 --report docs/ablations.md
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dmssn.commands.recipe_options import RecipeOptions
from dmssn.commands.tables import print_table
from dmssn.config import Recipe, SettingError

WORKER_BYTES = 12e9
"""Memory that a training may need: 11.4 GB were seen without homogenization, with the recipe
``ablation``. The other variants need a fraction of it; larger scenes or batches need more."""


def main(
    recipe: str,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    seeds: int = 3,
    only: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    report: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008
) -> int:
    """Train variants of a recipe, each without one idea of the method, and compare their scores.

    Each variant is trained with several seeds and scored on the test scenes. Scenes are
    generated where the recipe's generate.count is above 0, else they are those of data.scenes.
    What is there is kept: the same call goes on after an interruption, and one with more seeds
    trains those that are new.

    Args:
        recipe: TOML recipe, or the name of one that comes with the program.
        output: Folder for scenes, prepared sets, runs and results.json.
        seeds: How many trainings of each variant; from 3 on differences are judged.
        only: Variants to train (distillation in place of no-distillation where the recipe has no
            teacher), with commas between: ours, published-detector, no-evidence, sum-head,
            no-coarse-loss, whole-spectra, no-homogenization, component-homogenization,
            no-distillation, spatial-teacher, spatial-heads, spectral-heads, pca, bands,
            published-rates.
        workers: Trainings side by side, of one thread each where there are several; by default
            one a core as far as the memory goes, and one on a GPU.
        device: auto, cpu, cuda or cuda:N.
        report: Markdown page to write.
        as_json: Print the results as JSON.
        options: Keys of the recipe that are overruled.

    Returns:
        0 when each run has scores or diverged; else 1.
    """
    for name, value in (("--seeds", seeds), ("--workers", workers)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    settings = options.read(recipe, ("teacher", "detector"))
    chosen = _chosen(only, settings)
    from dmssn.ablation.results import GAVE_UP
    from dmssn.ablation.running import Ablation
    from dmssn.devices import choose_device
    from dmssn.files import make_folder
    from dmssn.workers import usual_workers

    on_cpu = choose_device(device).type == "cpu"
    if report is not None:  # said now, and not when all is trained
        if report.is_dir():
            raise SettingError(f"--report {report} is a folder; name a .md file in it")
        make_folder(report.parent)
    if workers is None:
        workers = usual_workers(WORKER_BYTES) if on_cpu else 1
    results = Ablation(settings, output, seeds=seeds, device=device).run(chosen, workers)
    told = list(results["variants"])
    only_told = told if len(told) < len(_variants(settings)) else []
    command = " ".join(_command(recipe, output, seeds, only_told, report, options))
    _tell(results, settings, command, report, as_json=as_json)
    whys = [why for told in results["variants"].values() for why in told["failed"].values()]
    return 0 if all(why.startswith(GAVE_UP) for why in whys) else 1


def _chosen(only: str | None, recipe: Recipe) -> list[str]:
    """Names of the variants to train; none for all."""
    from difflib import get_close_matches

    known = _variants(recipe)
    chosen = [name.strip() for name in only.split(",")] if only is not None else []
    for name in chosen:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise SettingError(f"--only: no variant {name!r}; {hint}")
    return chosen


def _variants(recipe: Recipe) -> list[str]:
    """Names of all variants."""
    from dmssn.ablation.variants import variants

    return list(variants(recipe))


def _command(
    recipe: str,
    output: Path,
    seeds: int,
    only: list[str],
    report: Path | None,
    options: RecipeOptions,
) -> Iterator[str]:
    """The words of the command that makes the results, for the folder it was called in."""
    from shlex import quote

    yield from ("dmssn ablate", quote(_near(recipe)), "-o", quote(_near(str(output))))
    yield f"--seeds {seeds}"
    if only:
        yield f"--only {','.join(only)}"
    for option, value in options.given:
        yield f"{option} {quote(_near(value))}"
    if report is not None:
        yield f"--report {quote(_near(str(report)))}"


def _near(text: str) -> str:
    """A path relative to the working folder if it is below it; other text as it is."""
    path, here = Path(text), Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and here in path.parents else text


def _tell(
    results: dict[str, Any], recipe: Recipe, command: str, report: Path | None, *, as_json: bool
) -> None:
    import json
    import sys

    from dmssn.ablation.pages import difference_rows, failures, page, score_rows
    from dmssn.files import replacing

    if report is not None:
        with replacing(report) as partial:
            partial.write_text(page(results, recipe, command), encoding="utf-8")
    for line in failures(results):
        print(f"dmssn ablate: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps(results, indent=1))
        return
    print_table(score_rows(results))
    print()
    print_table(difference_rows(results), words=("verdict",))
