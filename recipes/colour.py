"""Hyperspectral versus colour: one network trained on spectra, and on colours, of the same scenes.

    python -m recipes.colour -o runs/colour --seeds 3 --workers 2
    python -m recipes.colour -o runs/colour --until prepare      # in steps; the same call goes on

Scenes are generated (recipes/colour.toml says which), and rendered in three bands as a colour
camera would have them. On each kind a network is trained with each seed, with the same settings,
and tested on metamers, scenes whose objects have the colour of what surrounds them, and on scenes
as they come. What is there is kept, so that the call can be repeated after an interruption;
``results.json`` in the folder is what `make leaderboard` tells.

OUT/scenes, colour, lists           scenes, as ``colour_scenes`` has them
OUT/prepared/ARM-SET                prepared sets; ARM is cube or colour
OUT/teachers/ARM-SEED, detectors/   runs
OUT/scores/ARM-SEED.json            scores of each test scene
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from dmssn.ablation.jobs import Job, work
from dmssn.ablation.running import prepare_whole
from dmssn.ablation.variants import seeded
from dmssn.config import Recipe
from dmssn.detector import load_network
from dmssn.files import locked, make_folder, replacing
from dmssn.judging.results import known
from dmssn.recipes import changed_keys, find_recipe, from_table, read_recipe, to_table
from dmssn.store import PreparedSet, write_json
from dmssn.training.validation import score_scenes
from dmssn.workers import WorkerDied, over_all
from recipes.colour_results import results_of, section
from recipes.colour_scenes import ARMS, TESTS, TRAIN, Places, draw_all

STEPS = ("scenes", "prepare", "train", "score")
RECIPE = Path(__file__).with_suffix(".toml")
SETTINGS, RESULTS = "recipe.toml", "results.json"
COLOUR_BANDS = 3


class Experiment:
    """A folder of scenes, runs and scores.

    Args:
        recipe: Of the network that sees spectra.
        out: The folder.
        seeds: How many trainings of each arm.
        tests: Scenes of each set of test scenes, at most.
        workers: Processes side by side.
        device: Where networks run, as ``choose_device`` takes it.
    """

    def __init__(
        self, recipe: Recipe, out: Path, *, seeds: int, tests: int, workers: int, device: str
    ) -> None:
        """Nothing is read or written yet."""
        self.recipe, self.out, self.places = recipe, out, Places(out)
        self.seeds, self.tests, self.workers, self.device = range(seeds), tests, workers, device

    def run(self, until: str = STEPS[-1]) -> dict[str, Any] | None:
        """Do all that is missing, up to a step.

        Returns:
            What is in ``results.json``; None before the last step.

        Raises:
            ValueError: The folder was begun with other settings, or a step fails.
            OSError: It cannot be written to, or another run is at work in it.
        """
        make_folder(self.out)
        with locked(self.out):
            self._claim()
            for step in STEPS[: STEPS.index(until) + 1]:
                print(f"step {step}", file=sys.stderr)
                getattr(self, f"_{step}")()
            return self._collect() if until == STEPS[-1] else None

    def arm(self, arm: str, kind: str = TRAIN) -> Recipe:
        """The recipe of an arm, and where a set is that it sees: nothing else differs."""
        table = to_table(self.recipe)
        table["data"] |= {
            "scenes": str(self.places.of_arm(arm, kind)),
            "prepared": str(self.places.prepared(arm, kind)),
            "split": str(self.places.lists(kind)),
            "orientation": "none",  # they are generated upright
        }
        if arm == "colour":
            table["prepare"]["bands"] = COLOUR_BANDS
        return from_table(Recipe, table)

    def detector(self, arm: str, seed: int) -> Job:
        """The detector of an arm and a seed, with its teacher if it has one."""
        teacher = None
        if self.recipe.detector.imitates:
            teacher = self._job("teacher", arm, seed, None)
        return self._job("detector", arm, seed, teacher)

    def _job(self, stage: str, arm: str, seed: int, teacher: Job | None) -> Job:
        recipe = self.arm(arm)
        placed = seeded(recipe, seed, recipe.data.scenes, recipe.data.prepared)
        folder = self.out / f"{stage}s" / f"{arm}-{seed}"
        return Job(stage, arm, seed, placed, folder, self.device, teacher)

    def _claim(self) -> None:
        """Make the folder that of this recipe, or see that it is."""
        path = self.out / SETTINGS
        if not path.is_file():
            with replacing(path) as partial:
                partial.write_text(tomli_w.dumps(to_table(self.recipe)), encoding="utf-8")
            return
        apart = ("data.scenes", "data.prepared", "detector.teacher")
        if changed := changed_keys(read_recipe(Recipe, path), self.recipe, apart):
            raise ValueError(
                f"{self.out}: begun with other settings ({', '.join(changed)}); choose another "
                "--output, or restore the recipe"
            )

    def _scenes(self) -> None:
        draw_all(self.places, self.recipe.generate, self.tests, self.workers)

    def _prepare(self) -> None:
        for arm in ARMS:
            for kind in (TRAIN, *TESTS):
                recipe = self.arm(arm, kind)
                prepare_whole(recipe.data, recipe.prepare, self.workers)

    def _train(self) -> None:
        detectors = [self.detector(arm, seed) for seed in self.seeds for arm in ARMS]
        self._do([job.teacher for job in detectors if job.teacher])
        self._do(detectors)

    def _do(self, jobs: list[Job]) -> None:
        """Train what is not there, several at a time."""
        todo = [job for job in jobs if not job.done]
        threads = 1 if self.workers > 1 else None
        done = over_all(work, todo, workers=self.workers, threads=threads)
        for count, (job, said) in enumerate(done, start=1):
            if isinstance(said, WorkerDied) or said:
                raise ValueError(f"{job.folder}: {said}")
            told = f"{job.stage}s: {count} of {len(todo)}, {job}: done in {job.minutes:.1f} min"
            print(told, file=sys.stderr, flush=True)

    def _score(self) -> None:
        """Score every detector on every test scene, at the networks' size."""
        for arm in ARMS:
            for seed in self.seeds:
                path, job = self._scores(arm, seed), self.detector(arm, seed)
                if not path.is_file():
                    write_json(path, self._score_one(arm, job))
                    print(f"scored {job}", file=sys.stderr, flush=True)

    def _score_one(self, arm: str, job: Job) -> dict[str, Any]:
        detector = load_network(job.folder, device=self.device)
        fit, tests = job.recipe.detector.fit, {}
        for kind in TESTS:
            prepared = PreparedSet(self.places.prepared(arm, kind))
            tests[kind] = score_scenes(
                detector.network, prepared, prepared.test_names(), fit, detector.device
            )
        return {
            "minutes": job.minutes,
            "teacher_minutes": job.teacher.minutes if job.teacher else None,
            "parameters": detector.parameters,
            "tests": {kind: _without_nan(scenes) for kind, scenes in tests.items()},
        }

    def _scores(self, arm: str, seed: int) -> Path:
        return self.out / "scores" / f"{arm}-{seed}.json"

    def _collect(self) -> dict[str, Any]:
        """Results of what was asked for, written too."""
        runs = {
            arm: [
                json.loads(self._scores(arm, seed).read_text(encoding="utf-8"))
                for seed in self.seeds
            ]
            for arm in ARMS
        }
        trained = PreparedSet(self.places.prepared("cube", TRAIN)).manifest.splits
        facts = {
            "size": self.recipe.prepare.size,
            "bands": {arm: self.arm(arm).prepare.bands for arm in ARMS},
            "epochs": self.recipe.detector.fit.epochs,
            "seeds": len(self.seeds),
            "train": len(trained["train"]),
            "val": len(trained["val"]),
        }
        results = results_of(runs, facts)
        write_json(self.out / RESULTS, results)
        return results


def _without_nan(scenes: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """For JSON, which has no NaN."""
    return {
        scene: {metric: known(value) for metric, value in values.items()}
        for scene, values in scenes.items()
    }


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/colour"))
    parser.add_argument("--recipe", default=str(RECIPE), help="file, or name of the package's")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--tests", type=int, default=60, help="scenes of each test set")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1], help="last step to do")
    options = parser.parse_args()
    recipe = read_recipe(Recipe, find_recipe(options.recipe))
    experiment = Experiment(
        recipe,
        options.output,
        seeds=options.seeds,
        tests=options.tests,
        workers=options.workers,
        device=options.device,
    )
    results = experiment.run(options.until)
    if results is not None:
        print("\n".join(section(results)))


if __name__ == "__main__":
    main()
