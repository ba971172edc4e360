"""Where the networks run, and in which arithmetic."""

import re
from contextlib import AbstractContextManager
from typing import Any

import torch

from dmssn.config import FitConfig, SettingError


def choose_device(name: str = "auto", threads: int | None = None) -> torch.device:
    """The device of a name: auto, cpu, cuda or cuda:N.

    Args:
        name: Checked; ``auto`` is the GPU where there is one.
        threads: CPU threads torch uses from now on; None leaves them.

    Raises:
        SettingError: There is no such device here, or the threads are less than one.
    """
    if threads is not None:
        if threads < 1:
            raise SettingError(f"--threads must be at least 1, got {threads}")
        torch.set_num_threads(threads)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingError(f"--device {name!r}: use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise SettingError(f"--device {name!r}: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise SettingError(f"--device {name}: this machine shows {found} CUDA devices; use cpu")
    return device


def precision(fit: FitConfig, device: torch.device) -> AbstractContextManager[Any]:
    """Autocast to the precision of a stage, or nothing."""
    enabled = fit.precision != "float32"
    dtype = torch.float16 if fit.precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=enabled)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that a GPU or the CPU has too little memory; it has no type for both."""
    return bool(re.search("out of memory|allocate memory", str(error)))
