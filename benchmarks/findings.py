"""What a case finds besides times: whether the sides agree, and whether a promise is kept."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Finding:
    """A number, and the limit it has to keep.

    Attributes:
        name: What the number is.
        value: The number.
        limit: Its limit; None for a number that is told and nothing more.
        at_most: Whether the limit is from above.
        kind: A "check" says that the sides computed the same thing: without it their times mean
            nothing and the program fails. A "criterion" is a promise that is reported, "told"
            a number without a limit.
    """

    name: str
    value: float
    limit: float | None = None
    at_most: bool = True
    kind: Literal["check", "criterion", "told"] = "check"

    @property
    def met(self) -> bool | None:
        """Whether it is within the limit, as NaN never is; None without one."""
        if self.limit is None:
            return None
        return bool(self.value <= self.limit if self.at_most else self.value >= self.limit)

    def table(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "met": self.met}


def same(name: str, ours: ArrayLike, theirs: ArrayLike, limit: float) -> Finding:
    """The largest difference of two arrays must be within a limit."""
    return Finding(f"{name}: largest difference", _largest(ours, theirs), limit)


def same_relative(name: str, ours: float, theirs: float, limit: float) -> Finding:
    """The difference of two numbers must be within a share of the second."""
    share = abs(ours - theirs) / max(abs(theirs), 1e-12)
    return Finding(f"{name}: relative difference", float(share), limit)


def _largest(ours: ArrayLike, theirs: ArrayLike) -> float:
    first, second = _numbers(ours), _numbers(theirs)
    if first.shape != second.shape:
        return float("nan")
    # A block at a time: two cubes widened to float64 would take four times their memory.
    flat = zip(first.reshape(-1, 1), second.reshape(-1, 1), strict=True) if first.ndim < 2 else None
    pairs = flat if flat is not None else zip(first, second, strict=True)
    differences = [np.abs(a.astype(np.float64) - b).max(initial=0) for a, b in pairs]
    return float(np.max(differences, initial=0))


def _numbers(values: ArrayLike) -> np.ndarray[Any, np.dtype[Any]]:
    if isinstance(values, torch.Tensor):
        return values.detach().float().cpu().numpy()
    return np.asarray(values)
