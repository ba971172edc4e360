"""A stage that is ready to be trained, and where and how that is to happen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from dmssn import checkpoint
from dmssn.batches import Batch
from dmssn.config import DetectorConfig, TeacherConfig
from dmssn.distributed import World
from dmssn.runs.records import running_folder
from dmssn.training.loop import Between
from dmssn.training.terms import Terms

Network = TypeVar("Network", bound=nn.Module)


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
        teacher: Checkpoint of the teacher; None where there is none.
    """

    name: checkpoint.Stage
    network: Network
    config: TeacherConfig | DetectorConfig
    model: dict[str, Any]
    terms: Callable[[Network, Batch], Terms]
    validate: Callable[[Network, Between], dict[str, float]]
    teacher: Path | None = None


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
        return running_folder(self.folder)

    @property
    def state(self) -> Path:
        """The resume file."""
        return self.running / "resume.safetensors"
