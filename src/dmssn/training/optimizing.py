"""Optimizers and learning rates, from a stage's settings."""

import math
from typing import Any

import torch
from torch import nn

from dmssn.config import FitConfig


def make_optimizer(network: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """The optimizer of a network's trainable parameters; ``rate_factor`` sets its rate."""
    groups = decay_groups(network, config.weight_decay)
    if config.optimizer == "sgd":
        momentum = config.momentum
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=momentum, nesterov=momentum > 0
        )
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and norms (one dimension) do not."""
    weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def rate_factor(config: FitConfig, step: int, steps_per_epoch: int) -> float:
    """The learning rate's share of its height at a step, in [0, 1].

    The cosine schedule is Loshchilov and Hutter 2017 (one period, no restart).
    """
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "step":
        return config.step_factor ** (step // steps_per_epoch // config.step_epochs)
    total = config.epochs * steps_per_epoch
    rise = round(config.warmup * total)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))
