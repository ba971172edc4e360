"""Resume files: all that the training loop needs to go on as if nothing had happened."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dmssn import checkpoint


@dataclass
class Progress:
    """Where the loop is.

    With the seed in the settings it decides the order of the scenes, their augmentation, the rate
    and what dropout leaves out: there is no state of a generator to keep.
    """

    epoch: int = 0
    """Epochs done."""
    into: int = 0
    """Steps done of the epoch under way."""
    step: int = 0
    """Optimizer steps done, in all."""
    best: float = -math.inf
    """Best validation score so far."""
    stale: int = 0
    """Validations since."""


class State(NamedTuple):
    """What changes in training, besides numbers."""

    network: nn.Module
    averaged: nn.Module | None
    """None when weights are not averaged."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


def save_state(path: Path, state: State, progress: Progress, totals: Mapping[str, Tensor]) -> None:
    """Write a resume file, whole or not at all.

    Args:
        path: Its file.
        state: Written as it is now.
        progress: Where the loop is.
        totals: Sums of the loss terms over the steps of the epoch under way, each of shape
            (processes,).
    """
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    if state.averaged is not None:
        tensors |= {f"averaged.{k}": v for k, v in state.averaged.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in moments.items() if v is not None}
    tensors |= {f"total.{name}": total for name, total in totals.items()}
    provenance = {**vars(progress), "scaler": state.scaler.state_dict()}
    header = checkpoint.Header(stage="resume", bands=0, provenance=provenance)
    checkpoint.save(path, header, tensors)


def load_state(path: Path, state: State) -> tuple[Progress, dict[str, Tensor]]:
    """Fill networks, optimizer and scaler from a resume file.

    Returns:
        Where the loop was, and the sums of loss terms, each of shape (processes,).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged or of another network.
    """
    header, tensors = checkpoint.load(path, "resume")
    checkpoint.load_weights(state.network, _under("network.", tensors), path)
    if state.averaged is not None:
        checkpoint.load_weights(state.averaged, _under("averaged.", tensors), path)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer.", tensors).items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = tensor
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    told = dict(header.provenance)
    state.scaler.load_state_dict(told.pop("scaler"))
    return Progress(**told), _under("total.", tensors)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
