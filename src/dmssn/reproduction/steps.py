"""All steps from scenes to scores in one folder, each done once: what is there is kept.

RUN/recipe.toml         all settings; the same ones go on, others are refused
RUN/scenes/             generated scenes, where the recipe makes them up
RUN/check.json          what `dmssn dataset check` says of the copy
RUN/prepared/           the prepared set
RUN/teacher/, detector/ the two runs of training (running_... until they are complete)
RUN/maps/               a saliency map and an overlay for each test scene
RUN/results.json, .md   our scores beside the published ones
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import tomli_w

from dmssn.checking import Report, Request, check
from dmssn.config import Recipe
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.splits import Choice
from dmssn.devices import choose_device
from dmssn.files import locked, make_folder, remove_partial, replacing
from dmssn.labour import Labour
from dmssn.preparing_sets import prepare_set
from dmssn.recipes import changed_keys, read_recipe, to_table
from dmssn.reproduction.comparing import markdown, results_of
from dmssn.reproduction.launching import launch
from dmssn.reproduction.scoring import DETECTOR, MAPS, predict_test_scenes, score_test_scenes
from dmssn.runs.records import RECIPE, can_be_resumed
from dmssn.scene_folders import generate
from dmssn.scene_manifest import MANIFEST as GENERATED
from dmssn.store import write_json
from dmssn.training.stages import train_detector, train_teacher
from dmssn.wording import counted

LISTED = 20
"""A message names at most this many scenes."""
CHECK, RESULTS, PAGE = "check.json", "results.json", "results.md"
BEGINNING = {RECIPE, CHECK, "scenes"}
"""What is in a folder until the set is prepared: so far other settings can take it over."""
DONE = "done before"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the work may use; nothing in the results hangs on it but their last digits.

    Attributes:
        workers: Processes that generate, check, prepare and, unless on a GPU, predict.
        processes: That train together, each with a GPU of its own where there are GPUs.
        device: As ``choose_device`` takes it.
        threads: CPU threads of training; None for the default.
    """

    workers: int = 1
    processes: int = 1
    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class _Work:
    recipe: Recipe
    folder: Path
    machine: Machine
    skip_bad: bool


def reproduce(
    recipe: Recipe, folder: Path, machine: Machine, *, skip_bad: bool = False
) -> dict[str, Any]:
    """Do every step that is not done yet, and tell the scores on the locked test split.

    Args:
        recipe: All settings; its prepared set, teacher and generated scenes are in ``folder``.
        folder: New, empty, or begun with the same settings; until the set is prepared, with others.
        machine: What the work may use.
        skip_bad: Go on without the scenes that cannot be prepared.

    Returns:
        What ``results.json`` in the folder says.

    Raises:
        ValueError: The folder was begun with other settings or holds something else; the copy of
            the set is not whole; or a step fails.
        OSError: Likewise, for reasons of the system; or another run is at work in the folder.
    """
    work = _Work(recipe, folder, machine, skip_bad)
    steps: dict[str, Callable[[_Work], str]] = {
        "generate": _generate,
        "check": _check,
        "prepare": _prepare,
        "teacher": partial(_train, stage="teacher"),
        "detector": partial(_train, stage="detector"),
        "predict": _predict,
        "evaluate": _evaluate,
    }
    if not recipe.generate.count:
        del steps["generate"]
    if not recipe.detector.imitates:
        del steps["teacher"]
    make_folder(folder)
    with locked(folder):
        remove_partial(folder)
        _claim(recipe, folder)
        for number, (name, step) in enumerate(steps.items(), start=1):
            _say(f"step {number} of {len(steps)}, {name}")
            _say(f"{name}: {step(work)}")
    results: dict[str, Any] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    return results


def _say(text: str) -> None:
    print(f"dmssn reproduce: {text}", file=sys.stderr)


def _claim(recipe: Recipe, folder: Path) -> None:
    """Make the folder this recipe's, or see that it is."""
    path = folder / RECIPE
    there = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    if RECIPE in there:
        before = read_recipe(Recipe, path)
        if before == recipe:
            return
        made = bool(recipe.generate.count)  # then all three follow from the folder
        places = ["data.prepared", "detector.teacher", *(["data.scenes"] if made else [])]
        changed = changed_keys(before, recipe, places)
        if changed and not _can_change(there, changed):
            raise ValueError(
                f"{folder}: begun with other settings ({', '.join(changed)}); give the same ones, "
                "or choose another --run"
            )
        if changed:
            (folder / CHECK).unlink(missing_ok=True)
    elif there:
        raise ValueError(
            f"{folder}: holds {there[0]} and no {RECIPE} of `dmssn reproduce`; choose another "
            "--run, or empty it"
        )
    with replacing(path) as partial_file:
        partial_file.write_text(tomli_w.dumps(to_table(recipe)), encoding="utf-8")


def _can_change(there: list[str], changed: list[str]) -> bool:
    """Whether nothing in the folder hangs on the settings that changed."""
    scenes_stay = "scenes" not in there or not any(key.startswith("generate.") for key in changed)
    return set(there) <= BEGINNING and scenes_stay


def _generate(work: _Work) -> str:
    folder = work.recipe.data.scenes
    manifest = folder / GENERATED
    if manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8")).get("complete"):
        return DONE
    made = generate(work.recipe.generate, folder, work.machine.workers)
    return f"{counted(len(made), 'scene')} in {folder}"


def _check(work: _Work) -> str:
    data, path = work.recipe.data, work.folder / CHECK
    if _is_prepared(work):
        return DONE
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if not found["wrong"] or work.skip_bad:
            return DONE
    request = Request(
        root=data.scenes,
        output=work.folder,
        choice=Choice(data.split, data.fold, data.val, data.seed),
        orientation=data.orientation,
        size=work.recipe.prepare.size,
        workers=work.machine.workers,
    )
    report = check(data_set(data.set), request)
    if not report.found.names("test"):
        raise ValueError(f"{data.scenes}: no scene in the test split, so nothing can be scored")
    write_json(path, report.to_table())
    wrong = report.of("wrong")
    for line in _listed(report):
        _say(f"check: {line}")
    if wrong and not work.skip_bad:
        raise ValueError(
            f"{data.scenes}: {len(wrong)} wrong, as listed above and in {path}; mend it and run "
            "this again, or pass --skip-bad to go on without scenes that cannot be prepared"
        )
    return f"{len(wrong)} wrong, {len(report.of('note'))} to note, all in {path}"


def _is_prepared(work: _Work) -> bool:
    return (work.recipe.data.prepared / "manifest.json").is_file()


def _listed(report: Report) -> Iterator[str]:
    """What is wrong, a line for what several scenes share."""
    alike: dict[str, list[str]] = {}
    for problem in report.of("wrong"):
        detail = f" ({problem.detail})" if problem.detail else ""
        names = [f"{problem.scene}{detail}"] if problem.scene else []
        alike.setdefault(f"{problem.group}: {problem.said}", []).extend(names)
    for said, names in alike.items():
        yield f"{said}: {_names(names)}" if names else said


def _names(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"


def _prepare(work: _Work) -> str:
    data = work.recipe.data
    if _is_prepared(work) and (work.folder / DETECTOR).exists():
        return DONE
    labour = Labour(workers=work.machine.workers)
    report = prepare_set(data, work.recipe.prepare, labour, skip_bad=work.skip_bad)
    for said in report.said:
        _say(f"prepare: {said}")
    for name, why in report.wrong.items():
        _say(f"prepare: {name}: {' '.join(why.split())}")
    if report.missing:
        raise ValueError(
            f"{_names(report.missing)}: changed while they were prepared; run it again"
        )
    if report.manifest is None:
        raise ValueError(
            f"{counted(len(report.wrong), 'scene')} could not be prepared "
            f"({_names(list(report.wrong))}); mend what is wrong and run it again, or pass "
            "--skip-bad to do without"
        )
    without = f", {len(report.wrong)} left out" if report.wrong else ""
    return f"{counted(report.made, 'scene')} prepared, {report.kept} kept{without}"


def _train(work: _Work, stage: Literal["teacher", "detector"]) -> str:
    final = work.folder / stage
    if final.exists():
        return DONE
    resume = can_be_resumed(final)
    machine = work.machine
    if machine.processes > 1:
        command = {"teacher": "train-teacher", "detector": "train"}[stage]
        # -o is --run, which torchrun would take for its own --run-path.
        words = [command, str(work.folder / RECIPE), "-o", str(final)]
        words += ["--device", machine.device]
        words += [] if machine.threads is None else ["--threads", str(machine.threads)]
        launch(machine.processes, [*words, *(["--resume"] if resume else [])])
        return str(final)
    device = choose_device(machine.device, machine.threads)
    if stage == "teacher":
        train_teacher(work.recipe, final, device=device, resume=resume, init=None)
    else:
        train_detector(
            work.recipe, final, device=device, resume=resume, init=None, teacher_path=None
        )
    return str(final)


def _predict(work: _Work) -> str:
    machine = work.machine
    threads = machine.threads
    on_gpu = choose_device(machine.device, threads).type == "cuda"
    made = predict_test_scenes(
        work.recipe,
        work.folder,
        device=machine.device,
        workers=1 if on_gpu else machine.workers,  # which would share the one GPU's memory
    )
    return f"{counted(made, 'map')} in {work.folder / MAPS}" if made else DONE


def _evaluate(work: _Work) -> str:
    if (work.folder / RESULTS).is_file() and (work.folder / PAGE).is_file():
        return DONE
    results = results_of(score_test_scenes(work.recipe, work.folder))
    with replacing(work.folder / PAGE) as partial_file:
        partial_file.write_text(markdown(results), encoding="utf-8")
    write_json(work.folder / RESULTS, results)
    return f"{counted(results['test_scenes'], 'test scene')} scored, {work.folder / PAGE}"
