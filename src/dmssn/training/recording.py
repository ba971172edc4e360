"""What the first process writes of a run: log, checkpoints, events, page."""

import platform
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import dmssn
from dmssn import __version__, checkpoint
from dmssn.batches import pack
from dmssn.checkpoint import Header
from dmssn.config import Recipe
from dmssn.detector import BEST
from dmssn.files import LOCK, sha256
from dmssn.models.network import DMSSN
from dmssn.recipes import to_table
from dmssn.runs.events import Events, require_tensorboard
from dmssn.runs.pages import ShownScene, write_page
from dmssn.runs.run import Run
from dmssn.runs.scene_pictures import scene_strip
from dmssn.store import PreparedSet
from dmssn.training.jobs import Job, Stage
from dmssn.training.resuming import Progress
from dmssn.training.validation import saliency_of, score_scenes

WATCHED = 4
"""Validation scenes whose maps TensorBoard shows after each validation."""
SHOWN = 3
"""Best, and worst, validation scenes on the page of a run."""


class Record:
    """A run as the first process writes it."""

    def __init__(self, stage: Stage[Any], recipe: Recipe, prepared: PreparedSet, job: Job) -> None:
        """Open the run's folder; raises as ``Run`` does, or for a missing extra."""
        self.stage, self.prepared, self.job = stage, prepared, job
        self.header = _header(stage, recipe, prepared)
        if job.tensorboard:
            require_tensorboard()
        identity = {
            "stage": stage.name,
            "init": None if job.init is None else str(job.init),
            "scenes": sha256(prepared.root / "manifest.json"),
            "teacher": None if stage.teacher is None else sha256(stage.teacher),
        }
        self.run = Run(job.folder, to_table(recipe), identity, _facts(job), resume=job.resume)
        self.events: Events | None = None

    def begin(self, progress: Progress) -> None:
        """Go on from there; what an interrupted run noted of later steps is dropped."""
        self.run.rewind(progress.epoch, progress.step)
        if self.job.tensorboard:
            self.events = Events(self.run.folder / "tensorboard", progress.epoch + 1)

    def log(self, **values: Any) -> None:  # noqa: ANN401
        """Note a line; an epoch's numbers are events too."""
        self.run.log(**values)
        if self.events and "epoch" in values:
            numbers = {k: v for k, v in values.items() if isinstance(v, float)}
            self.events.scalars(values["epoch"], numbers)

    def save(self, name: str, network: nn.Module, scores: dict[str, float]) -> None:
        """Write the checkpoint named "last" or "best"."""
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
        """Draw the page, and give the run its name."""
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
    root = Path(dmssn.__file__).parents[2]
    if not (root / ".git").exists():  # perhaps within somebody else's
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
