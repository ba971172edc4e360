"""The training loop: minimizes the sum of a step's named loss terms, and can be resumed exactly.

A stage is a ``step`` from a batch to terms, and a ``validate`` from a network to metrics. A step's
scenes are shared among the job's processes, and among the parts that each of them works through
in turn; the gradient is that of all of them together, whatever their number.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from dmssn import interruptions
from dmssn.config import FitConfig
from dmssn.distributed import World
from dmssn.interruptions import Interruption
from dmssn.training import resuming
from dmssn.training.optimizing import make_optimizer, rate_factor
from dmssn.training.resuming import Progress
from dmssn.training.totals import Totals, listed, not_finite

Network = TypeVar("Network", bound=nn.Module)

SAID_EVERY = 30.0
"""Seconds between two progress lines within an epoch."""
CHECKED_EVERY = 50
"""Steps between two looks at the loss on a GPU: each look waits for all that is under way."""


class Steps(Protocol):
    """The steps of an epoch."""

    per_epoch: int
    """How many there are."""

    def __call__(self, epoch: int, start: int) -> Iterable[Sequence[Any]]:
        """The parts of each step of an epoch that are this process's, from step ``start`` on."""


class Log(Protocol):
    """Where progress goes."""

    def __call__(self, **values: Any) -> None:  # noqa: ANN401
        """Record named values."""


Save = Callable[[str, nn.Module, dict[str, float]], None]
"""Writes the checkpoint named "last" or "best"."""
Between = Callable[[], None]
"""To be called now and then, by all processes alike: ends the program if that was asked for."""


class _AskedToEnd(Exception):
    """Some process of the job was; holds the flags of ``Interruption``."""


class Trainer(Generic[Network]):
    """One stage of training.

    Args:
        network: What is trained; all processes take the first one's weights.
        step: From a part of a step, and the shares it has of all that the step's terms are means
            over, to named loss terms, already weighted and times the share.
        weigh: How much of each of these a part has, such as pixels and images.
        validate: From the (averaged) network to named metrics, the same in all processes;
            ``score`` among them is what the best epoch has most of.
        config: Epochs, rates, precision.
        world: The job's processes.
    """

    def __init__(
        self,
        network: Network,
        step: Callable[[Any, Sequence[float]], dict[str, Tensor]],
        weigh: Callable[[Any], Sequence[float]],
        validate: Callable[[Network, Between], dict[str, float]],
        config: FitConfig,
        world: World | None = None,
    ) -> None:
        """Nothing runs yet."""
        self.network = network
        self.step = step
        self.weigh = weigh
        self.validate = validate
        self.config = config
        self.world = world or World()
        self.world.copy_from_first(list(network.state_dict().values()))
        self.averaged = copy.deepcopy(network).requires_grad_(False) if config.ema else network
        self.optimizer = make_optimizer(network, config)
        self.device = next(network.parameters()).device
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "float16")
        self.progress = Progress()
        self.totals = Totals(self.world)
        self.interruption = Interruption()

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done, or the score has not risen for too long."""
        stale = bool(self.config.patience) and self.progress.stale >= self.config.patience
        return self.progress.epoch >= self.config.epochs or stale

    def fit(self, steps: Steps, log: Log, save: Save, resume_file: Path) -> None:
        """Train up to the last epoch, from wherever the loop is.

        Asked to end (SIGTERM, Ctrl-C), it writes the resume file first.

        Args:
            steps: The steps of an epoch.
            log: Receives losses, metrics, rate and time left.
            save: Writes checkpoints, in the first process.
            resume_file: Rewritten after each epoch, and every ``checkpoint_steps``.

        Raises:
            FloatingPointError: A loss term is not finite, or the score of a validation; the
                message names it.
            SystemExit: After SIGTERM, with 143.
            KeyboardInterrupt: After Ctrl-C.
            ConnectionError: Another process of the job is gone.
        """
        asked: list[float] = []
        with self.interruption:
            try:
                while not self.finished:
                    self._pass(steps, log, save, resume_file)
            except _AskedToEnd as error:
                asked = error.args[0]
            if asked:
                self.save_state(resume_file)
        if asked:
            log(stopped="go on with --resume", step=self.progress.step)
            interruptions.end(asked)

    def _pass(self, steps: Steps, log: Log, save: Save, resume_file: Path) -> None:
        """An epoch, or what is left of it, and its validation."""
        began = time.monotonic()
        begun_at = self.progress.into
        terms = self._epoch(steps, log, resume_file)
        done = self.progress.epoch + 1
        scores: dict[str, float] = {}
        if done % self.config.validate_every == 0 or done == self.config.epochs:
            self.averaged.eval()
            scores = self.validate(self.averaged, self._between)
        self.progress.epoch, self.progress.into = done, 0
        self.totals.clear()
        if scores:
            self._keep(scores, save)
        rate = self._rate(self.progress.step - 1, steps.per_epoch)
        told = {**terms, **scores, "learning_rate": rate}
        if taken := steps.per_epoch - begun_at:
            whole = (time.monotonic() - began) * steps.per_epoch / taken
            told["seconds_left"] = round(whole * (self.config.epochs - done))
        log(epoch=done, **told)
        self.save_state(resume_file)

    def _keep(self, scores: dict[str, float], save: Save) -> None:
        if not math.isfinite(scores["score"]):
            wrong = FloatingPointError(
                f"the validation score is not finite after epoch {self.progress.epoch}: "
                f"{listed(scores)}; lower the learning rate"
            )
            raise self.world.told_once(wrong)
        told = {"epoch": self.progress.epoch, **scores}
        save("last", self.averaged, told)
        self.progress.stale += 1
        if scores["score"] > self.progress.best:
            self.progress.best, self.progress.stale = scores["score"], 0
            save("best", self.averaged, told)

    def _epoch(self, steps: Steps, log: Log, resume_file: Path) -> dict[str, float]:
        """One pass, from where the loop is in it; returns the mean of each term."""
        self.network.train()
        began = said = time.monotonic()
        start, count = self.progress.into, steps.per_epoch
        for parts in steps(self.progress.epoch, start):
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(self.progress.step, count)
            self._take(parts)
            self.progress.into += 1
            done = self.progress.into
            if time.monotonic() - said > SAID_EVERY:
                said = time.monotonic()
                left = (said - began) / (done - start) * (count - done)
                # Of this process's scenes, as if they were all.
                loss = self.totals.sum() / done * self.world.size
                of = count * self.config.epochs
                log(step=self.progress.step, of=of, loss=loss, epoch_seconds_left=round(left))
            every = self.config.checkpoint_steps
            if every and self.progress.step % every == 0 and done < count:
                self.save_state(resume_file)
        totals = {name: each.sum() for name, each in self.totals.gathered().items()}
        if wrong := not_finite(totals, self.progress.step):
            raise self.world.told_once(wrong)
        return {name: total.item() / count for name, total in totals.items()}

    def _take(self, parts: Sequence[Any]) -> None:
        """One step of the optimizer, with all processes' parts."""
        weights = torch.tensor([self.weigh(part) for part in parts], dtype=torch.float64)
        flags = torch.tensor(self.interruption.flags, dtype=torch.float64)
        sums = self.world.sum(torch.cat([weights.sum(dim=0), flags]))
        whole, asked = sums[: -len(flags)], sums[-len(flags) :]
        if asked.any():
            raise _AskedToEnd(asked.tolist())
        # What is left to chance depends on seed, step and process alone, so that a resumed run
        # needs no generator's state, nor as many processes as before.
        torch.manual_seed(_mixed(self.config.seed, self.progress.step, self.world.rank))
        self.optimizer.zero_grad(set_to_none=True)
        for part, share in zip(parts, (weights / whole.clamp(min=1)).tolist(), strict=True):
            terms = self.step(part, share)
            looked_at = self.device.type == "cpu" or self.progress.step % CHECKED_EVERY == 0
            if looked_at and (wrong := not_finite(terms, self.progress.step)):
                raise wrong
            self.scaler.scale(torch.stack(list(terms.values())).sum()).backward()
            self.totals.add(terms)
        self._minimize()

    def _minimize(self) -> None:
        self._add_gradients()
        if self.config.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.scaler.step(self.optimizer)  # not taken when a scaled gradient overflowed
        self.scaler.update()
        self.progress.step += 1
        if self.config.ema:
            self._average()

    def _add_gradients(self) -> None:
        """Give every process the sum of all processes' gradients.

        In one message: the networks have 7 MB of gradients, too few for sending some of them
        while others are computed (as DistributedDataParallel does) to gain anything.
        """
        if self.world.size == 1:
            return
        grads = [p.grad for p in self.network.parameters() if p.grad is not None]
        summed = self.world.sum(torch.cat([grad.flatten() for grad in grads]))
        for grad, part in zip(grads, summed.split([g.numel() for g in grads]), strict=True):
            grad.copy_(part.view_as(grad))

    def _between(self) -> None:
        if (asked := self.world.sum(torch.tensor(self.interruption.flags))).any():
            raise _AskedToEnd(asked.tolist())

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the average follows the weights, or it would remember their random start.
        decay = min(self.config.ema, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_(
            list(self.averaged.parameters()), list(self.network.parameters()), 1 - decay
        )

    def _rate(self, step: int, per_epoch: int) -> float:
        return self.config.learning_rate * rate_factor(self.config, step, per_epoch)

    def save_state(self, path: Path) -> None:
        """Write all that is needed to go on as if nothing had happened.

        Raises:
            FloatingPointError: A loss was not finite; weights that nobody can go on with do not
                take the place of good ones.
        """
        totals = self.totals.gathered()
        if wrong := not_finite({k: v.sum() for k, v in totals.items()}, self.progress.step):
            raise self.world.told_once(wrong)
        if self.world.first:
            resuming.save_state(path, self._state, self.progress, totals)

    def load_state(self, path: Path) -> None:
        """Go on from a resume file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is damaged or of another network.
        """
        self.progress, totals = resuming.load_state(path, self._state)
        self.totals.restore(totals, self.device)

    @property
    def _state(self) -> resuming.State:
        averaged = self.averaged if self.config.ema else None
        return resuming.State(self.network, averaged, self.optimizer, self.scaler)


def _mixed(*numbers: int) -> int:
    """One seed from several numbers, any of which changes it entirely."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
