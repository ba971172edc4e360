"""One run of an ablation: a teacher or a detector, trained, and the detector scored."""

import json
import os
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmssn import checkpoint
from dmssn.ablation.results import GAVE_UP
from dmssn.config import Recipe
from dmssn.detector import BEST, load_network
from dmssn.devices import choose_device
from dmssn.runs.records import DIVERGED, can_be_resumed, read_run, running_folder
from dmssn.store import PreparedSet, write_json
from dmssn.training.stages import train_detector, train_teacher
from dmssn.training.validation import score_scenes

SCORES = "test.json"


@dataclass(frozen=True)
class Job:
    """A run to do.

    Attributes:
        stage: "teacher" or "detector".
        name: Of the variant.
        seed: Of the run.
        recipe: All settings, the seed and the scenes' places among them.
        folder: The finished run.
        device: As ``choose_device`` takes it.
        teacher: Whose finished run a detector needs; None when it needs none.
    """

    stage: str
    name: str
    seed: int
    recipe: Recipe
    folder: Path
    device: str
    teacher: "Job | None" = None

    def __str__(self) -> str:
        """For progress."""
        return f"{self.name}, seed {self.seed}"

    @property
    def running(self) -> Path:
        """The run's folder until it is finished."""
        return running_folder(self.folder)

    @property
    def done(self) -> bool:
        """Whether all that the job makes is there."""
        return self.folder.is_dir() and (self.stage == "teacher" or self.scores is not None)

    @property
    def diverged(self) -> str:
        """Why it is not tried again, unless its folder is removed; empty when it may be."""
        path = self.running / DIVERGED
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @property
    def scores(self) -> dict[str, Any] | None:
        """What a finished detector left; None before."""
        path = self.folder / SCORES
        if not path.is_file():
            return None
        scores: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return scores

    @property
    def minutes(self) -> float:
        """Of training, of a finished run."""
        return read_run(self.folder).seconds / 60


def work(job: Job) -> str:
    """Train, and score a detector; what is there already stays.

    Training's own lines are not shown: they are in the log of the run.

    Returns:
        Why there is nothing; empty when all went well.
    """
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            if not job.folder.is_dir():
                _train(job)
            if job.stage == "detector":
                _score(job)
    except FloatingPointError as error:
        said = f"{GAVE_UP}: {_line(error)}"
        job.running.mkdir(parents=True, exist_ok=True)
        (job.running / DIVERGED).write_text(said, encoding="utf-8")
        return said
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        return f"failed: {_line(error)}"
    return ""


def _train(job: Job) -> None:
    resume = can_be_resumed(job.folder)
    device = choose_device(job.device)
    if job.stage == "teacher":
        train_teacher(job.recipe, job.folder, device=device, resume=resume, init=None)
    else:
        teacher = job.teacher.folder if job.teacher else None
        train_detector(
            job.recipe,
            job.folder,
            device=device,
            resume=resume,
            init=None,
            teacher_path=teacher,
        )


def _score(job: Job) -> None:
    """Score the best checkpoint on the test scenes, at the network's size."""
    prepared, fit = PreparedSet(job.recipe.data.prepared), job.recipe.detector.fit
    detector = load_network(job.folder, device=job.device)
    scenes = score_scenes(detector.network, prepared, prepared.test_names(), fit, detector.device)
    told = checkpoint.read_header(job.folder / BEST, "detector").provenance
    write_json(
        job.folder / SCORES,
        {
            "minutes": job.minutes,
            "teacher_minutes": job.teacher.minutes if job.teacher else None,
            "parameters": detector.parameters,
            "versions": {"dmssn": told["version"], "torch": told["torch"]},
            "scenes": {
                scene: {
                    name: value if value == value else None  # NaN is not JSON
                    for name, value in values.items()
                }
                for scene, values in scenes.items()
            },
        },
    )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
