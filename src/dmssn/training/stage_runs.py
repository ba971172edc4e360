"""A stage of training in its run folder: opened, trained, looked at, complete."""

import platform
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from dmssn import __version__, checkpoint
from dmssn.batches import Batch, TrainingSteps, pack
from dmssn.checkpoint import Header
from dmssn.config import DataConfig, DetectorConfig, Recipe, TeacherConfig
from dmssn.detector import BEST
from dmssn.distributed import World
from dmssn.files import LOCK, locked, sha256
from dmssn.models.network import DMSSN
from dmssn.recipes import to_table
from dmssn.runs.events import Events, require_tensorboard
from dmssn.runs.pages import ShownScene, write_page
from dmssn.runs.records import RUNNING
from dmssn.runs.run import Run
from dmssn.runs.scene_pictures import scene_strip
from dmssn.store import PreparedSet
from dmssn.training.loop import Between, Trainer
from dmssn.training.resuming import Progress
from dmssn.training.terms import Terms, shared
from dmssn.training.validation import agreement, saliency_of, score_scenes

Network = TypeVar("Network", bound=nn.Module)

WATCHED = 4
"""Validation scenes whose maps TensorBoard shows after each validation."""
SHOWN = 3
"""Best, and worst, validation scenes on the page of a run."""


@dataclass(frozen=True)
class Stage(Generic[Network]):
    """A stage, ready to be trained.

    Attributes:
        name: "teacher" or "detector".
        network: What is trained, on its device.
        config: Its part of the recipe.
        model: Arguments that make such a network again.
        terms: From a network and a batch on its device to weighted loss terms.
        validate: From a network to metrics, ``score`` among them, the same in all processes.
    """

    name: checkpoint.Stage
    network: Network
    config: TeacherConfig | DetectorConfig
    model: dict[str, Any]
    terms: Callable[[Network, Batch], Terms]
    validate: Callable[[Network, Between], dict[str, float]]


@dataclass(frozen=True)
class Job:
    """Where and how a stage is to be trained.

    Attributes:
        folder: The finished run.
        device: Where the network is.
        world: The processes that train.
        resume: Whether to go on with an interrupted run.
        init: Weights to start from, as they were named; None for fresh ones.
        tensorboard: Whether to write events for TensorBoard too.
    """

    folder: Path
    device: torch.device
    world: World
    resume: bool = False
    init: Path | None = None
    tensorboard: bool = False

    @property
    def running(self) -> Path:
        """The folder until the run is complete."""
        return self.folder.with_name(f"{RUNNING}{self.folder.name}")

    @property
    def state(self) -> Path:
        """The resume file."""
        return self.running / "resume.safetensors"


def open_prepared(recipe: Recipe) -> PreparedSet:
    """The recipe's prepared set, made with the recipe's own settings.

    Raises:
        ValueError: It was made with others, or has no scenes to train or validate with.
    """
    prepared = PreparedSet(recipe.data.prepared)
    wanted, made = to_table(recipe.prepare), prepared.manifest.prepare
    if changed := [key for key in wanted if wanted[key] != made.get(key)]:
        raise ValueError(
            f"{recipe.data.prepared}: prepared with other settings than the recipe's "
            f"({', '.join(f'prepare.{key}' for key in changed)}); prepare it again into "
            "another folder, or restore the recipe"
        )
    source = prepared.manifest.source
    asked, told = recipe.data, source.get("choice", {}) | {"set": source.get("set", "folder")}
    usual = DataConfig(scenes=asked.scenes, prepared=asked.prepared)
    for name in ("set", "split", "fold", "seed"):  # or it might train on what is tested later
        value = getattr(asked, name)
        if value != getattr(usual, name) and value != told.get(name, value):
            raise ValueError(
                f"{recipe.data.prepared}: prepared with {name} {told[name]!r}, the recipe says "
                f"data.{name} = {value!r}; prepare it into another folder, or change the recipe"
            )
    for split in ("train", "val"):  # an empty one is refused now, not after the first epoch
        prepared.names(split)
    return prepared


def run_stage(stage: Stage[Any], recipe: Recipe, prepared: PreparedSet, job: Job) -> None:
    """Train a stage in its run folder, which the first process writes.

    Raises:
        OSError: The folder is there already, or cannot be written to; another process is gone.
        ValueError: The interrupted run had other settings.
        FloatingPointError: A loss or score is not finite.
    """
    world, config = job.world, stage.config
    trainer = Trainer(
        stage.network,
        lambda batch, shares: shared(stage.terms(stage.network, batch.to(job.device)), shares),
        lambda batch: batch.amounts,
        stage.validate,
        config.fit,
        world,
    )
    pin = job.device.type == "cuda"
    with ExitStack() as stack:

        def opened() -> tuple[TrainingSteps, _Record | None]:
            steps = TrainingSteps(prepared, config.augment, config.fit, world, pin=pin)
            return steps, _opened(stage, recipe, prepared, job, stack) if world.first else None

        steps, record = world.together(opened)
        if job.resume and job.state.is_file():
            world.together(lambda: trainer.load_state(job.state))
        if record:
            record.begin(trainer.progress)
        difference = _agreement(stage, prepared, job)
        if record and difference is not None:
            record.run.log(agreement=difference)
        log = record.log if record else _silent
        save = record.save if record else _silent
        trainer.fit(steps, log, save, job.state)
        if record:
            record.complete()


def _opened(
    stage: Stage[Any], recipe: Recipe, prepared: PreparedSet, job: Job, stack: ExitStack
) -> "_Record":
    """The record of a run, whose folder is kept to ourselves until the stack is left."""
    there = not job.folder.exists() and job.running.is_dir()
    if there:  # before anything is touched
        stack.enter_context(locked(job.running))
    record = _Record(stage, recipe, prepared, job)
    if not there:
        stack.enter_context(locked(job.running))
    return record


def _agreement(stage: Stage[Any], prepared: PreparedSet, job: Job) -> float | None:
    """How near a network that computes in other ways comes to plain float32; None if it is that."""
    network, fit = stage.network, stage.config.fit
    if not isinstance(network, DMSSN) or (fit.precision == "float32" and not network.compiled):
        return None
    scenes = pack([prepared.read(name) for name in prepared.names("val")[: fit.batch]])
    return agreement(network, scenes, fit, job.device)


def _silent(*_: object, **__: object) -> None:
    """What processes but the first do with lines and checkpoints."""


class _Record:
    """What the first process writes of a run: log, checkpoints, events, page."""

    def __init__(self, stage: Stage[Any], recipe: Recipe, prepared: PreparedSet, job: Job) -> None:
        self.stage, self.prepared, self.job = stage, prepared, job
        self.header = _header(stage, recipe, prepared)
        if job.tensorboard:
            require_tensorboard()
        identity = {
            "stage": stage.name,
            "init": None if job.init is None else str(job.init),
            "scenes": sha256(prepared.root / "manifest.json"),
        }
        self.run = Run(job.folder, to_table(recipe), identity, _facts(job), resume=job.resume)
        self.events: Events | None = None

    def begin(self, progress: Progress) -> None:
        """Go on from there; what an interrupted run noted of later steps is dropped."""
        self.run.rewind(progress.epoch, progress.step)
        if self.job.tensorboard:
            self.events = Events(self.run.folder / "tensorboard", progress.epoch + 1)

    def log(self, **values: Any) -> None:  # noqa: ANN401
        self.run.log(**values)
        if self.events and "epoch" in values:
            numbers = {k: v for k, v in values.items() if isinstance(v, float)}
            self.events.scalars(values["epoch"], numbers)

    def save(self, name: str, network: nn.Module, scores: dict[str, float]) -> None:
        described = replace(self.header, metrics=scores)
        checkpoint.save(self.run.folder / f"{name}.safetensors", described, network.state_dict())
        if self.events and name == "last" and isinstance(network, DMSSN):
            names = self.prepared.names("val")[:WATCHED]
            self.events.pictures(int(scores["epoch"]), self.strips(network, names))

    def strips(self, network: DMSSN, names: Sequence[str]) -> dict[str, Any]:
        """Pictures of scenes and of what the network finds in them."""
        found = {}
        for name in names:
            scene = self.prepared.read(name)
            fit, device = self.stage.config.fit, self.job.device
            saliency = saliency_of(network, pack([scene]), fit, device)[0, 0].numpy()
            nm = self.prepared.manifest.wavelengths_nm
            found[name] = scene_strip(scene, saliency, nm)
        return found

    def complete(self) -> None:
        if self.events:
            self.events.close()
        write_page(self.run.folder, self._shown())
        self.run.complete()  # before the state goes: should this fail, the run can be resumed
        for name in (self.job.state.name, LOCK):
            (self.job.folder / name).unlink(missing_ok=True)

    def _shown(self) -> list[ShownScene]:
        """The validation scenes that the best weights do best and worst on."""
        network = self.stage.network
        if not isinstance(network, DMSSN):
            return []
        path = self.run.folder / BEST
        checkpoint.load_weights(network, checkpoint.load(path, self.stage.name)[1], path)
        network.eval()
        names = self.prepared.names("val")
        scores = score_scenes(network, self.prepared, names, self.stage.config.fit, self.job.device)
        ranked = sorted(names, key=lambda name: scores[name]["mae"] - scores[name]["f_mean"])
        chosen = dict.fromkeys([*ranked[:SHOWN], *ranked[-SHOWN:]])
        strips = self.strips(network, list(chosen))
        return [ShownScene(name, scores[name], strips[name]) for name in chosen]


def _header(stage: Stage[Any], recipe: Recipe, prepared: PreparedSet) -> Header:
    manifest = prepared.manifest
    return Header(
        stage=stage.name,
        bands=manifest.bands,
        wavelengths_nm=manifest.wavelengths_nm,
        model=stage.model,
        prepare=manifest.prepare,
        mean=manifest.mean,
        std=manifest.std,
        provenance={
            "version": __version__,
            "torch": torch.__version__,
            "recipe": to_table(recipe),
            "scenes": {split: len(names) for split, names in manifest.splits.items()},
            "set": manifest.source.get("set", "folder"),
            "commit": _commit(),
        },
    )


def _facts(job: Job) -> dict[str, Any]:
    """What may differ between the times that a run is gone on with."""
    device = "CPU" if job.device.type == "cpu" else torch.cuda.get_device_name(job.device)
    return {
        "version": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device,
        "processes": job.world.size,
        "threads": torch.get_num_threads(),
    }


def _commit() -> str | None:
    """The commit of the source the program runs from, when it runs from a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
