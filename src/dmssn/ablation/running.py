"""Ablations: variants of a recipe, each trained with several seeds and scored on the test scenes.

OUT/ablation.json          the recipe and the variants, which stay the same
OUT/scenes                 where the recipe generates them
OUT/prepared/HOMOGENIZE    prepared sets
OUT/teachers/NAME-SEED     runs; NAME is the first variant whose teacher is trained like this
OUT/detectors/NAME-SEED    runs, and in each test.json: the scores of the test scenes
OUT/results.json           what came of it

What is there is kept, so that the same call goes on after an interruption.
"""

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from operator import attrgetter
from pathlib import Path
from types import FrameType
from typing import Any

from dmssn.ablation.jobs import Job, work
from dmssn.ablation.results import results_of
from dmssn.ablation.variants import OURS, Variant, seeded, teacher_owner, variants
from dmssn.config import DataConfig, PrepareConfig, Recipe
from dmssn.files import locked, make_folder
from dmssn.labour import Labour
from dmssn.origins import made_up
from dmssn.preparing_sets import prepare_set
from dmssn.recipes import changed_keys, hints_by_key
from dmssn.scene_folders import generate
from dmssn.store import PreparedSet, write_json
from dmssn.workers import WorkerDied, over_all

RESULTS = "results.json"
SETTINGS = "ablation.json"


class Ablation:
    """A folder of runs.

    Args:
        recipe: ``ours``.
        out: The folder.
        seeds: 0 up to this number, itself left out, are the seeds of every variant.
        device: Where networks run, as ``choose_device`` takes it.
    """

    def __init__(self, recipe: Recipe, out: Path, *, seeds: int, device: str = "auto") -> None:
        """Nothing is read or written yet."""
        self.ours = recipe
        self.out = out
        self.seeds = range(seeds)
        self.device = device
        self.variants = variants(recipe)
        self.chosen: list[str] = []
        self.workers = 1
        self.failed: dict[Path, str] = {}

    def run(self, only: Sequence[str], workers: int) -> dict[str, Any]:
        """Do all that is missing, and collect the results.

        Args:
            only: Names of the variants to train; empty for all.
            workers: Processes side by side.

        Returns:
            What is in ``results.json``: of all variants that have runs, trained now or before.

        Raises:
            ValueError: The folder was begun with other settings, or scenes cannot be prepared.
            OSError: The folder cannot be written to, or another run is at work in it.
        """
        make_folder(self.out)
        with locked(self.out), _ending_workers():
            self._claim()
            self.workers = self._workers_before() or workers
            self.chosen = [name for name in self.variants if name in only or not only]
            self._prepare(workers)
            detectors = [self.detector(name, seed) for seed in self.seeds for name in self.chosen]
            teachers = [job.teacher for job in detectors if job.teacher]
            self._do("teachers", list({job.folder: job for job in teachers}.values()), workers)
            ready = [job for job in detectors if not (job.teacher and self._why(job.teacher))]
            self._do("detectors", ready, workers)
            return self._collect()

    def detector(self, name: str, seed: int) -> Job:
        """The detector of a variant and a seed, with its teacher."""
        recipe = self.variants[name].recipe(self.ours)
        teacher = self._teacher(recipe, seed) if recipe.detector.imitates else None
        return self._job("detector", name, seed, teacher)

    def _teacher(self, recipe: Recipe, seed: int) -> Job:
        return self._job("teacher", teacher_owner(recipe, self.ours), seed, None)

    def _job(self, stage: str, name: str, seed: int, teacher: Job | None) -> Job:
        recipe = self.variants[name].recipe(self.ours)
        placed = seeded(recipe, seed, self._scenes(), self._prepared(recipe))
        folder = self.out / f"{stage}s" / f"{name}-{seed}"
        return Job(stage, name, seed, placed, folder, self.device, teacher)

    def _scenes(self) -> Path:
        return self.out / "scenes" if self.ours.generate.count else self.ours.data.scenes

    def _prepared(self, recipe: Recipe) -> Path:
        return self.out / "prepared" / recipe.prepare.homogenize

    def _claim(self) -> None:
        """Make the folder that of this recipe, or see that it is."""
        path, places = self.out / SETTINGS, ["data.prepared", "detector.teacher"]
        if self.ours.generate.count:
            places.append("data.scenes")  # all three follow from the folder
        keys = [key for key in hints_by_key(Recipe) if key not in places]
        changes = {name: dict(variant.changes) for name, variant in self.variants.items()}
        if not path.is_file():
            settings = {key: _setting(self.ours, key) for key in keys}
            write_json(path, {"recipe": settings, "variants": changes})
            return
        before = json.loads(path.read_text(encoding="utf-8"))
        settings = {key: before["recipe"][key] for key in keys if key in before["recipe"]}
        was = Variant(name=OURS, says="as the folder was begun", changes=settings).recipe(self.ours)
        changed = changed_keys(was, self.ours)
        for name, variant in changes.items():  # others may have come with a newer version
            changed += [name] if before["variants"].get(name, variant) != variant else []
        if changed:
            raise ValueError(
                f"{self.out}: begun with other settings ({', '.join(changed)}); choose another "
                "--output, or restore the recipe"
            )

    def _workers_before(self) -> int | None:
        """Side by side in the last call that trained something; None when none did."""
        path = self.out / RESULTS
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        workers: int | None = told.get("workers")
        return workers

    def _prepare(self, workers: int) -> None:
        if self.ours.generate.count:
            generate(self.ours.generate, self._scenes(), workers)
        recipes = [self.variants[name].recipe(self.ours) for name in self.chosen]
        for recipe in {recipe.prepare: recipe for recipe in recipes}.values():
            placed = seeded(recipe, 0, self._scenes(), self._prepared(recipe))
            prepare_whole(placed.data, placed.prepare, workers)
            PreparedSet(placed.data.prepared).test_names()  # refused now, not after training

    def _do(self, what: str, jobs: list[Job], workers: int) -> None:
        """Do the jobs that are not done, several at a time, with a line for each."""
        todo = [job for job in jobs if not job.done and not job.diverged]
        if jobs:
            print(
                f"{what}: {sum(job.done for job in jobs)} of {len(jobs)} are there", file=sys.stderr
            )
        for job in jobs:
            if not job.done and job.diverged:
                print(f"{what}: {job}: {_given_up(job)}", file=sys.stderr)
        self.workers = workers if todo else self.workers
        threads = 1 if workers > 1 else None
        for count, (job, said) in enumerate(
            over_all(work, todo, workers=workers, threads=threads), start=1
        ):
            if isinstance(said, WorkerDied):
                said = f"failed: {said}"
            if said:
                self.failed[job.folder] = said
            ended = _given_up(job) or said or f"done in {job.minutes:.1f} min"
            print(f"{what}: {count} of {len(todo)}, {job}: {ended}", file=sys.stderr, flush=True)
            if job.stage == "detector":
                self._collect()

    def _why(self, job: Job) -> str:
        """Why a job left nothing; empty when it did, or was not tried."""
        if why := self.failed.get(job.folder) or job.diverged:
            return why
        if job.teacher is None or job.done or job.name not in self.chosen:
            return ""
        why = self._why(job.teacher)
        return why.replace(": ", ": its teacher: ", 1)

    def _collect(self) -> dict[str, Any]:
        """Results of what is there, written too."""
        runs: dict[str, dict[int, dict[str, Any] | str]] = {}
        for name in self.variants:
            for seed in self.seeds:
                job = self.detector(name, seed)
                if (found := job.scores or self._why(job)) and found:
                    runs.setdefault(name, {})[seed] = found
        sets = sorted(self.out.glob("prepared/*/manifest.json"))  # of the same scenes all
        manifest = PreparedSet(sets[0].parent).manifest
        facts = {
            "scenes": {split: len(names) for split, names in manifest.splits.items()},
            "bands": manifest.bands,
            "seeds": len(self.seeds),
            "split": manifest.source["split"],
            "made_up": "" if self.ours.generate.count else made_up(self._scenes()),
            "workers": self.workers,
        }
        results = results_of(self.variants, runs, facts)
        write_json(self.out / RESULTS, results)
        return results


def prepare_whole(data: DataConfig, prepare: PrepareConfig, workers: int) -> None:
    """Prepare a set that is not prepared yet, all of it.

    Raises:
        ValueError: A scene cannot be prepared.
    """
    if (data.prepared / "manifest.json").is_file():
        return
    report = prepare_set(data, prepare, Labour(workers=workers))
    if report.manifest is None:
        why = "; ".join([*report.wrong.values(), *report.missing, *report.said])
        raise ValueError(f"{data.prepared}: the set is not complete: {why}")


@contextmanager
def _ending_workers() -> Iterator[None]:
    """While it is entered, SIGTERM and Ctrl-C reach the workers: they end where they can go on."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def pass_on(number: int, frame: FrameType | None) -> None:
        for worker in active_children():
            worker.terminate()
        usual = before[signal.Signals(number)]
        if callable(usual):
            usual(number, frame)
        raise SystemExit(128 + number)

    with suppress(ValueError):  # not in the main thread: then signals are not ours
        for number in numbers:
            signal.signal(number, pass_on)
    try:
        yield
    finally:
        with suppress(ValueError):
            for number in numbers:
                signal.signal(number, before[number])


def _given_up(job: Job) -> str:
    """That a run diverged, and what to do to try it again; empty when it did not."""
    return job.diverged and f"{job.diverged}; to try it again, remove {job.running}"


def _setting(recipe: Recipe, key: str) -> Any:  # noqa: ANN401
    """A setting by its full key, as JSON has it."""
    value = attrgetter(key)(recipe)
    return str(value) if isinstance(value, Path) else value
