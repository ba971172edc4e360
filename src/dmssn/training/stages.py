"""The two stages of training: the teacher, and the detector that learns from it."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dmssn import checkpoint
from dmssn.batches import Batch
from dmssn.config import DataConfig, DetectorConfig, Recipe
from dmssn.detector import BEST, find_checkpoint
from dmssn.devices import deterministic
from dmssn.distributed import joined
from dmssn.models.autoencoder import Teacher
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN
from dmssn.models.projection import Projection
from dmssn.recipes import to_table
from dmssn.store import PreparedSet
from dmssn.training.jobs import Job, Stage
from dmssn.training.loop import Between
from dmssn.training.projecting import principal_components
from dmssn.training.stage_runs import run_stage
from dmssn.training.terms import TEACHER_TERMS, Terms, detector_terms, teacher_terms
from dmssn.training.validation import means, scene_table, score_scenes

SHAPE = ("head_groups", "head")
"""Settings of the transformer that decide which weights it has."""
RATES = ("dropout", "attention_dropout", "drop_path")


def train_teacher(
    recipe: Recipe,
    folder: Path,
    *,
    device: torch.device,
    resume: bool,
    init: Path | None,
    tensorboard: bool = False,
) -> None:
    """Stage 1: a teacher that reconstructs the homogenized spectra of the training scenes.

    In a job that torchrun started, all of its processes call this.

    Args:
        recipe: All settings.
        folder: The finished run; holds ``best.safetensors`` and ``last.safetensors``.
        device: Where the networks run.
        resume: Go on with an interrupted run.
        init: Teacher checkpoint to start from, or None.
        tensorboard: Write events for TensorBoard too.
    """
    with ExitStack() as stack:
        world = stack.enter_context(joined(device))
        stack.enter_context(deterministic(recipe.teacher.fit, device))
        job = Job(folder, device, world, resume, init, tensorboard)
        prepared, stage = world.together(lambda: _teacher_stage(recipe, job))
        run_stage(stage, recipe, prepared, job)


def _teacher_stage(recipe: Recipe, job: Job) -> tuple[PreparedSet, Stage[Teacher]]:
    config, prepared = recipe.teacher, open_prepared(recipe)
    torch.manual_seed(config.fit.seed)
    teacher = Teacher(prepared.manifest.bands, spatial=config.spatial)
    if job.init:
        file = weights_file(job.init)
        checkpoint.load_weights(teacher, checkpoint.load(file, "teacher")[1], file)
    teacher.to(job.device)

    def terms(network: Teacher, batch: Batch) -> Terms:
        return teacher_terms(network, batch, config)

    def validate(network: Teacher, between: Between) -> dict[str, float]:
        def measure(batch: Batch) -> list[dict[str, float]]:
            found = terms(network, batch.to(job.device))
            return [{name: float(term) for name, term in found.items()}]

        # One at a time, since a batch's terms are means over all of its pixels.
        scenes = scene_table(
            prepared,
            prepared.names("val"),
            TEACHER_TERMS,
            measure,
            batch=1,
            world=job.world,
            between=between,
        )
        found = {
            name: sum(s[name] for s in scenes.values()) / len(scenes) for name in TEACHER_TERMS
        }
        return {"score": -sum(found.values())} | {f"val/{k}": v for k, v in found.items()}

    model = {"spatial": config.spatial}
    return prepared, Stage("teacher", teacher, config, model, terms, validate)


def train_detector(
    recipe: Recipe,
    folder: Path,
    *,
    device: torch.device,
    resume: bool,
    init: Path | None,
    teacher_path: Path | None,
    tensorboard: bool = False,
) -> None:
    """Stage 2: the student and the transformer, trained together.

    In a job that torchrun started, all of its processes call this.

    Args:
        recipe: All settings.
        folder: The finished run; holds ``best.safetensors`` and ``last.safetensors``.
        device: Where the networks run.
        resume: Go on with an interrupted run.
        init: Detector to start from, as ``load_detector`` takes it, or None.
        teacher_path: Checkpoint or run folder of the teacher; None for the recipe's.
        tensorboard: Write events for TensorBoard too.

    Raises:
        ValueError: A teacher is needed and not given, or of other bands.
    """
    if teacher_path:  # as if the recipe said so: checkpoints tell it and resuming compares it
        recipe = replace(recipe, detector=replace(recipe.detector, teacher=teacher_path))
    with ExitStack() as stack:
        world = stack.enter_context(joined(device))
        stack.enter_context(deterministic(recipe.detector.fit, device))
        job = Job(folder, device, world, resume, init, tensorboard)
        prepared, stage = world.together(lambda: _detector_stage(recipe, job))
        run_stage(stage, recipe, prepared, job)


def _detector_stage(recipe: Recipe, job: Job) -> tuple[PreparedSet, Stage[DMSSN]]:
    config, prepared = recipe.detector, open_prepared(recipe)
    teacher = _read_teacher(config, prepared.manifest.bands, job.device)
    torch.manual_seed(config.fit.seed)
    sizes = {name: getattr(config, name) for name in (*SHAPE, *RATES)}
    model = {"encoder": config.encoder, "evidence": config.evidence, "msst": sizes}
    network = DMSSN.described(prepared.manifest.bands, model)
    if job.init:
        path = find_checkpoint(str(job.init))[1]
        header, tensors = checkpoint.load(path, "detector")
        _check_alike(config, header.model, path)
        checkpoint.load_weights(network, tensors, path)
    elif config.encoder == "pca" and isinstance(network.student, Projection):
        weight = network.student.weight
        weight.copy_(principal_components(prepared, len(weight)))
    network.to(job.device)
    if config.compile:
        network.msst.compile()

    def terms(network: DMSSN, batch: Batch) -> Terms:
        return detector_terms(network, batch, config, teacher)

    def validate(network: DMSSN, between: Between) -> dict[str, float]:
        names = prepared.names("val")
        scenes = score_scenes(network, prepared, names, config.fit, job.device, job.world, between)
        scored = means(scenes, "val/")
        score = scored.get("val/f_mean", math.nan) - scored.get("val/mae", math.nan)
        return {"score": score} | scored

    file = weights_file(config.teacher) if teacher and config.teacher else None
    return prepared, Stage("detector", network, config, model, terms, validate, file)


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


def _check_alike(config: DetectorConfig, model: Mapping[str, Any], path: Path) -> None:
    """Refuse weights of another network than the recipe's, in words that name the settings."""
    told = {"encoder": "student", "evidence": False, **model, **model.get("msst", {})}
    usual = MSSTConfig()
    for name in ("encoder", "evidence", *SHAPE):
        theirs = told.get(name, getattr(usual, name, None))
        if theirs != getattr(config, name):
            raise ValueError(
                f"{path}: weights of a network with detector.{name} = {theirs!r}, the recipe's has "
                f"{getattr(config, name)!r}; set it alike, or start from other weights"
            )


def weights_file(path: Path) -> Path:
    """The checkpoint itself, or the best one of a run folder."""
    return path / BEST if path.is_dir() else path


def _read_teacher(config: DetectorConfig, bands: int, device: torch.device) -> Teacher | None:
    if not config.imitates:
        return None
    path = config.teacher
    if path is None:
        raise ValueError(
            "distillation needs a teacher: give --teacher RUN (from `dmssn train-teacher`), or set "
            "detector.distill = 0 in the recipe"
        )
    header, tensors = checkpoint.load(weights_file(path), "teacher")
    if header.bands != bands:
        raise ValueError(f"{path}: a teacher of {header.bands} bands, the scenes have {bands}")
    teacher = Teacher(bands, **header.model)
    checkpoint.load_weights(teacher, tensors, path)
    return teacher.to(device).eval().requires_grad_(False)
