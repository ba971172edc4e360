"""The two stages of training: what a step minimizes, what validation measures, what is saved."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dmssn import __version__, checkpoint
from dmssn.batches import Batch, training_batches, validation_batches
from dmssn.checkpoint import Header
from dmssn.config import DataConfig, DetectorConfig, Recipe, TeacherConfig
from dmssn.detector import BEST, find_checkpoint
from dmssn.devices import precision
from dmssn.losses import distillation_terms, l1_penalty, reconstruction_terms, saliency_terms
from dmssn.models.autoencoder import Features, Teacher
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN, NetworkOutput
from dmssn.recipes import to_table
from dmssn.runs import Run
from dmssn.store import PreparedSet
from dmssn.training import Batches, Trainer
from dmssn.validation import agreement, mean_terms, score_detector

Terms = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


def train_teacher(
    recipe: Recipe, folder: Path, *, device: torch.device, resume: bool, init: Path | None
) -> None:
    """Stage 1: a teacher that reconstructs the homogenized spectra of the training scenes.

    Args:
        recipe: All settings.
        folder: The finished run; holds ``best.safetensors`` and ``last.safetensors``.
        device: Where the networks run.
        resume: Go on with an interrupted run.
        init: Teacher checkpoint to start from, or None.
    """
    config, prepared = recipe.teacher, _open(recipe)
    torch.manual_seed(config.fit.seed)
    teacher = Teacher(prepared.manifest.bands, spatial=config.spatial)
    if init:
        _start_from(teacher, weights_file(init), "teacher")
    teacher.to(device)

    def terms(network: Teacher, batch: Batch) -> Terms:
        with precision(config.fit, device):
            output = (
                network(batch.dense()) if network.spatial else network(batch.spectra, batch.packing)
            )
        return reconstruction_terms(*_compared(network, output.reconstruction, batch))

    def validate(network: Teacher) -> dict[str, float]:
        means = mean_terms(network, terms, prepared, config.fit.batch, device)
        return {"score": -sum(means.values())} | {f"val/{k}": v for k, v in means.items()}

    header = _header("teacher", recipe, prepared, {"spatial": config.spatial})
    _run(teacher, terms, validate, recipe, config, prepared, header, folder, device, resume, init)


def train_detector(
    recipe: Recipe,
    folder: Path,
    *,
    device: torch.device,
    resume: bool,
    init: Path | None,
    teacher_path: Path | None,
) -> None:
    """Stage 2: the student and the transformer, trained together.

    Args:
        recipe: All settings.
        folder: The finished run; holds ``best.safetensors`` and ``last.safetensors``.
        device: Where the networks run.
        resume: Go on with an interrupted run.
        init: Detector to start from, as ``load_detector`` takes it, or None.
        teacher_path: Checkpoint or run folder of the teacher; None for the recipe's.

    Raises:
        ValueError: A teacher is needed and not given, or of other bands.
    """
    if teacher_path:  # as if the recipe said so: checkpoints tell it and resuming compares it
        recipe = replace(recipe, detector=replace(recipe.detector, teacher=teacher_path))
    config, prepared = recipe.detector, _open(recipe)
    bands = prepared.manifest.bands
    teacher = _read_teacher(config, bands, device)
    torch.manual_seed(config.fit.seed)
    rates = {name: getattr(config, name) for name in ("dropout", "attention_dropout", "drop_path")}
    network = DMSSN(bands, config=MSSTConfig(**rates))
    if init:
        _start_from(network, find_checkpoint(str(init))[1], "detector")
    network.to(device)
    if config.compile:
        network.msst.compile()

    def terms(network: DMSSN, batch: Batch) -> Terms:
        with precision(config.fit, device):
            output: NetworkOutput = network(batch.spectra, batch.region_map, batch.packing)
        return _detector_terms(network, output, batch, config, teacher)

    def validate(network: DMSSN) -> dict[str, float]:
        scored = score_detector(network, prepared, config.fit, device)
        return {"score": scored["val/f_mean"] - scored["val/mae"]} | scored

    header = _header("detector", recipe, prepared, {"msst": rates})
    _run(network, terms, validate, recipe, config, prepared, header, folder, device, resume, init)


def _detector_terms(
    network: DMSSN,
    output: NetworkOutput,
    batch: Batch,
    config: DetectorConfig,
    teacher: Teacher | None,
) -> Terms:
    area = batch.packing.area
    terms = _weighted(
        config.segment, saliency_terms(output.logits, batch.mask, batch.valid)
    ) | _weighted(
        config.reconstruct,
        reconstruction_terms(output.autoencoder.reconstruction, batch.spectra, area),
    )
    if teacher is not None:
        with torch.no_grad():
            example = teacher_features(teacher, batch)
        terms |= _weighted(config.distill, distillation_terms(output.autoencoder, example, area))
    if config.l1:
        terms["l1"] = config.l1 * l1_penalty(network)
    return terms


def _weighted(weight: float, terms: Terms) -> Terms:
    """The terms times a weight; none for weight 0."""
    return {name: weight * term for name, term in terms.items()} if weight else {}


def teacher_features(teacher: Teacher, batch: Batch) -> Features:
    """What the student is to imitate, tables (R, C); a spatial teacher's are means of regions."""
    if not teacher.spatial:
        return teacher.features(batch.spectra, batch.packing)
    inside = batch.region_map >= 0
    rows = batch.region_map[inside]
    area = batch.packing.area[:, None]

    def means(maps: Tensor) -> Tensor:
        pixels = maps.permute(0, 2, 3, 1)[inside]
        return pixels.new_zeros(len(area), pixels.shape[1]).index_add_(0, rows, pixels) / area

    return Features(*(means(maps) for maps in teacher.features(batch.dense())))


def _compared(
    teacher: Teacher, reconstruction: Tensor, batch: Batch
) -> tuple[Tensor, Tensor, Tensor]:
    """What a teacher made, what it should have made, and the pixels of each row; none outside."""
    if not teacher.spatial:
        return reconstruction, batch.spectra, batch.packing.area
    inside = batch.region_map >= 0
    rows = batch.region_map[inside]
    one_each = batch.packing.area.new_ones(len(rows))
    return reconstruction.permute(0, 2, 3, 1)[inside], batch.spectra[rows], one_each


def _open(recipe: Recipe) -> PreparedSet:
    """The recipe's prepared set, made with the recipe's own settings."""
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
    return prepared


def _run(
    network: Network,
    terms: Callable[[Network, Batch], Terms],
    validate: Callable[[Network], dict[str, float]],
    recipe: Recipe,
    config: TeacherConfig | DetectorConfig,
    prepared: PreparedSet,
    header: Header,
    folder: Path,
    device: torch.device,
    resume: bool,
    init: Path | None,
) -> None:
    """Train a stage in its run folder."""
    for split in ("train", "val"):  # an empty one is refused now, not after the first epoch
        prepared.names(split)
    start = None if init is None else str(init)
    settings = to_table(recipe) | {"stage": header.stage, "init": start}
    run = Run(folder, settings, resume=resume)
    trainer = Trainer(network, lambda batch: terms(network, batch.to(device)), validate, config.fit)
    state = run.folder / "resume.safetensors"
    if resume and state.is_file():
        trainer.load_state(state)
    loader, order = training_batches(
        prepared, config.augment, config.fit, pin=device.type == "cuda"
    )

    def batches(epoch: int) -> Batches:
        order.epoch = epoch
        return loader

    if isinstance(network, DMSSN) and (network.compiled or config.fit.precision != "float32"):
        scenes = next(validation_batches(prepared, config.fit.batch))
        run.log(agreement=agreement(network, scenes, config.fit, device))

    def save(name: str, averaged: nn.Module, scores: dict[str, float]) -> None:
        described = Header(
            **{**vars(header), "metrics": {"epoch": trainer.progress.epoch, **scores}}
        )
        checkpoint.save(run.folder / f"{name}.safetensors", described, averaged.state_dict())

    trainer.fit(batches, run.log, save, state)
    run.complete()  # before the state goes: should this fail, the run can still be resumed
    (folder / state.name).unlink(missing_ok=True)


def _header(
    stage: checkpoint.Stage, recipe: Recipe, prepared: PreparedSet, model: dict[str, Any]
) -> Header:
    manifest = prepared.manifest
    return Header(
        stage=stage,
        bands=manifest.bands,
        wavelengths_nm=manifest.wavelengths_nm,
        model=model,
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


def _commit() -> str | None:
    """The commit of the source the program runs from, when it runs from a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _start_from(network: nn.Module, path: Path, stage: checkpoint.Stage) -> None:
    _, tensors = checkpoint.load(path, stage)
    checkpoint.load_weights(network, tensors, path)


def weights_file(path: Path) -> Path:
    """The checkpoint itself, or the best one of a run folder."""
    return path / BEST if path.is_dir() else path


def _read_teacher(config: DetectorConfig, bands: int, device: torch.device) -> Teacher | None:
    if not config.distill:
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
