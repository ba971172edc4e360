"""The training loop: minimizes the sum of a step's named loss terms, and can be resumed exactly.

A stage is a ``step`` from a batch to terms, and a ``validate`` from nothing to metrics.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from dmssn import checkpoint
from dmssn.config import FitConfig

Network = TypeVar("Network", bound=nn.Module)

SAID_EVERY = 30.0
"""Seconds between two progress lines within an epoch."""
CHECKED_EVERY = 50
"""Steps between two looks at the loss on a GPU: each look waits for all that is under way."""


class Batches(Sized, Iterable[Any], Protocol):
    """The batches of an epoch."""


class Log(Protocol):
    """Where progress goes."""

    def __call__(self, **values: Any) -> None:  # noqa: ANN401
        """Record named values."""


@dataclass
class Progress:
    """Where the loop is; what a resume file holds besides tensors."""

    epoch: int = 0
    """Epochs done."""
    step: int = 0
    """Optimizer steps done."""
    best: float = -math.inf
    """Best validation score so far."""


class Trainer(Generic[Network]):
    """One stage of training.

    Args:
        network: What is trained.
        step: From a batch to named loss terms, already weighted.
        validate: From the (averaged) network to named metrics; ``score`` among them is what
            the best epoch has most of.
        config: Epochs, rates, precision.
    """

    def __init__(
        self,
        network: Network,
        step: Callable[[Any], dict[str, Tensor]],
        validate: Callable[[Network], dict[str, float]],
        config: FitConfig,
    ) -> None:
        """Nothing runs yet."""
        self.network = network
        self.step = step
        self.validate = validate
        self.config = config
        self.averaged = copy.deepcopy(network).requires_grad_(False) if config.ema else network
        self.optimizer = torch.optim.AdamW(
            _decay_groups(network, config.weight_decay), lr=config.learning_rate
        )
        self.device = next(network.parameters()).device
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "float16")
        self.progress = Progress()

    def fit(
        self,
        batches: Callable[[int], Batches],
        log: Log,
        save: Callable[[str, nn.Module, dict[str, float]], None],
        resume_file: Path,
    ) -> None:
        """Train up to the last epoch, from wherever the loop is.

        Args:
            batches: The batches of an epoch.
            log: Receives losses, metrics, rate and time left.
            save: Writes the checkpoint named "last" or "best".
            resume_file: Rewritten after each epoch.

        Raises:
            FloatingPointError: A loss term is not finite, or the score of a validation; the
                message names it.
        """
        while self.progress.epoch < self.config.epochs:
            began = time.monotonic()
            terms = self._epoch(batches(self.progress.epoch), log)
            self.progress.epoch += 1
            done = self.progress.epoch
            scores: dict[str, float] = {}
            if done % self.config.validate_every == 0 or done == self.config.epochs:
                self.averaged.eval()
                scores = self.validate(self.averaged)
                self._keep(scores, save)
            left = (time.monotonic() - began) * (self.config.epochs - done)
            log(epoch=done, **terms, **scores, seconds_left=round(left))
            self.save_state(resume_file)

    def _keep(
        self,
        scores: dict[str, float],
        save: Callable[[str, nn.Module, dict[str, float]], None],
    ) -> None:
        if not math.isfinite(scores["score"]):
            raise FloatingPointError(
                f"the validation score is not finite after epoch {self.progress.epoch}: "
                f"{_listed(scores)}; lower the learning rate"
            )
        save("last", self.averaged, scores)
        if scores["score"] > self.progress.best:
            self.progress.best = scores["score"]
            save("best", self.averaged, scores)

    def _epoch(self, batches: Batches, log: Log) -> dict[str, float]:
        """One pass; returns the mean of each term."""
        self.network.train()
        totals: dict[str, Tensor] = {}
        began = said = time.monotonic()
        for done, batch in enumerate(batches, start=1):
            self._set_rate(len(batches))
            terms = self.step(batch)
            self._minimize(terms)
            for name, term in terms.items():
                totals[name] = totals.get(name, torch.zeros_like(term)) + term.detach()
            if time.monotonic() - said > SAID_EVERY:
                said = time.monotonic()
                left = (said - began) / done * (len(batches) - done)
                log(
                    step=self.progress.step,
                    of=len(batches) * self.config.epochs,
                    loss=float(sum(totals.values())) / done,
                    epoch_seconds_left=round(left),
                )
        self._check(totals)
        return {name: total.item() / len(batches) for name, total in totals.items()}

    def _check(self, terms: Mapping[str, Tensor]) -> None:
        if not all(math.isfinite(term) for term in torch.stack(list(terms.values())).tolist()):
            raise FloatingPointError(
                f"the loss is not finite at step {self.progress.step}: {_listed(terms)}; "
                "lower the learning rate"
            )

    def _minimize(self, terms: dict[str, Tensor]) -> None:
        if self.device.type == "cpu" or self.progress.step % CHECKED_EVERY == 0:
            self._check(terms)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(torch.stack(list(terms.values())).sum()).backward()
        if self.config.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.scaler.step(self.optimizer)  # not taken when a scaled gradient overflowed
        self.scaler.update()
        self.progress.step += 1
        if self.config.ema:
            self._average()

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the average follows the weights, or it would remember their random start.
        decay = min(self.config.ema, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_(
            list(self.averaged.parameters()), list(self.network.parameters()), 1 - decay
        )

    def _set_rate(self, steps: int) -> None:
        rate = self.config.learning_rate * rate_factor(self.config, self.progress.step, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def save_state(self, path: Path) -> None:
        """Write all that is needed to go on as if nothing had happened."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        if self.config.ema:
            tensors |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        provenance = {**vars(self.progress), "scaler": self.scaler.state_dict()}
        header = checkpoint.Header(stage="resume", bands=0, provenance=provenance)
        checkpoint.save(path, header, tensors)

    def load_state(self, path: Path) -> None:
        """Go on from a resume file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is damaged or of another network.
        """
        header, tensors = checkpoint.load(path, "resume")
        checkpoint.load_weights(self.network, _under("network.", tensors), path)
        if self.config.ema:
            checkpoint.load_weights(self.averaged, _under("averaged.", tensors), path)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        torch.set_rng_state(tensors["random.cpu"])
        if torch.cuda.is_available() and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        state = dict(header.provenance)
        self.scaler.load_state_dict(state.pop("scaler", self.scaler.state_dict()))
        self.progress = Progress(**state)


def rate_factor(config: FitConfig, step: int, steps_per_epoch: int) -> float:
    """The learning rate's share of its height at a step, in [0, 1].

    The cosine schedule is Loshchilov and Hutter 2017 (one period, no restart).
    """
    if config.schedule == "step":
        return config.step_factor ** (step // steps_per_epoch // config.step_epochs)
    total = config.epochs * steps_per_epoch
    rise = round(config.warmup * total)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def _decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and norms (one dimension) do not."""
    weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _listed(values: Mapping[str, float | Tensor]) -> str:
    numbers = {k: v.item() if isinstance(v, Tensor) else v for k, v in values.items()}
    return ", ".join(f"{name} = {number:g}" for name, number in numbers.items())


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
