"""Sums of the loss terms over the steps of an epoch, and what is said when they are not finite."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dmssn.distributed import World


class Totals:
    """What each process of a job has added up; kept apart, so that resuming changes no digit."""

    def __init__(self, world: World) -> None:
        """Nothing yet."""
        self.world = world
        self.own: dict[str, Tensor] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the terms of a part of a step, scalars."""
        for name, term in terms.items():
            self.own[name] = self.own.get(name, torch.zeros_like(term)) + term.detach()

    def sum(self) -> float:
        """Of all terms, of this process."""
        return float(sum(self.own.values()))

    def gathered(self) -> dict[str, Tensor]:
        """Those of all processes, each of shape (processes,); all of them call this."""
        found = {}
        for name, total in self.own.items():
            each = total.new_zeros(self.world.size)
            each[self.world.rank] = total
            found[name] = self.world.sum(each)
        return found

    def restore(self, gathered: Mapping[str, Tensor], device: torch.device) -> None:
        """Take one's own from what was gathered, by as many processes or by others."""
        for name, each in gathered.items():
            if len(each) == self.world.size:
                own = each[self.world.rank]
            else:
                own = each.sum() if self.world.first else torch.zeros(())
            self.own[name] = own.to(device)

    def clear(self) -> None:
        """A new epoch begins."""
        self.own = {}


def not_finite(terms: Mapping[str, Tensor], step: int) -> FloatingPointError | None:
    """What to raise if a term is not finite; one look at all of them, for which a GPU waits."""
    if not terms or torch.stack(list(terms.values())).isfinite().all():
        return None
    return FloatingPointError(
        f"the loss is not finite at step {step}: {listed(terms)}; lower the learning rate"
    )


def listed(values: Mapping[str, float | Tensor]) -> str:
    """Numbers by name, for a message."""
    numbers = {k: v.item() if isinstance(v, Tensor) else v for k, v in values.items()}
    return ", ".join(f"{name} = {number:g}" for name, number in numbers.items())
