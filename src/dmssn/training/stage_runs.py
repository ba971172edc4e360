"""A stage of training in its run folder: opened, trained, complete."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dmssn.batches import TrainingSteps, pack
from dmssn.config import Recipe
from dmssn.files import locked
from dmssn.models.network import DMSSN
from dmssn.store import PreparedSet
from dmssn.training.jobs import Job, Stage
from dmssn.training.loop import Trainer
from dmssn.training.recording import Record
from dmssn.training.terms import shared
from dmssn.training.validation import agreement

LOADERS_LIVE = 10.0
"""Seconds that processes which load scenes may outlive a training process that was killed."""


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

        def opened() -> tuple[TrainingSteps, Record | None]:
            steps = TrainingSteps(prepared, config.augment, config.fit, world, pin=pin)
            return steps, _opened(stage, recipe, prepared, job, stack) if world.first else None

        steps, record = world.together(opened)
        # The first process has seen to the folder; another that cannot see it says so.
        begun = world.any(bool(record) and job.resume and job.state.is_file())
        if begun:
            world.together(lambda: trainer.load_state(job.state))
        if record:
            record.begin(trainer.progress)
        difference = None if begun else _agreement(stage, prepared, job)
        if record and difference is not None:
            record.run.log(agreement=difference)
        log = record.log if record else _silent
        save = record.save if record else _silent
        try:
            trainer.fit(steps, log, save, job.state)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise ChildProcessError(
                "a process that loads scenes was killed, for too little memory perhaps; lower "
                "fit.workers, and go on with --resume"
            ) from error
        if record:
            record.complete()


def _opened(
    stage: Stage[Any], recipe: Recipe, prepared: PreparedSet, job: Job, stack: ExitStack
) -> Record:
    """The record of a run, whose folder is kept to ourselves until the stack is left."""
    there = not job.folder.exists() and job.running.is_dir()
    if there:  # before anything is touched
        _enter_lock(stack, job.running)
    record = Record(stage, recipe, prepared, job)
    if not there:
        stack.enter_context(locked(job.running))
    return record


def _enter_lock(stack: ExitStack, folder: Path) -> None:
    """Keep a folder to ourselves; a killed run's loaders have it for a few seconds more."""
    until = time.monotonic() + LOADERS_LIVE
    while True:
        try:
            stack.enter_context(locked(folder))
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def _agreement(stage: Stage[Any], prepared: PreparedSet, job: Job) -> float | None:
    """How near a network that computes in other ways comes to plain float32; None if it is that."""
    network, fit = stage.network, stage.config.fit
    if not isinstance(network, DMSSN) or (fit.precision == "float32" and not network.compiled):
        return None
    scenes = pack([prepared.read(name) for name in prepared.names("val")[: fit.batch]])
    try:
        return agreement(network, scenes, fit, job.device)
    except FloatingPointError as error:
        raise job.world.told_once(error) from None


def _silent(*_: object, **__: object) -> None:
    """What processes but the first do with lines and checkpoints."""
