"""Where the networks run, and in which arithmetic."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from dmssn.config import FitConfig, SettingError
from dmssn.threads import installed_torch, use_threads

if TYPE_CHECKING:
    import torch

MOST_THREADS = 1024


def choose_device(name: str = "auto", threads: int | None = None) -> "torch.device":
    """The device of a name: auto, cpu, cuda or cuda:N.

    Args:
        name: Checked; ``auto`` is the GPU where there is one. Of several processes that torchrun
            started, each has the GPU of its number on its machine.
        threads: CPU threads used from now on; None leaves them.

    Raises:
        SettingError: There is no such device here, or the threads are less than one.
        ModuleNotFoundError: torch is not installed.
    """
    import torch

    from dmssn.distributed import local_rank, local_world_size, world_size

    _use(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingError(f"--device {name!r}: use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise SettingError(f"--device {name!r}: use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and world_size() > 1:
        if device.index is not None:
            raise SettingError(f"--device {name}: each process has a GPU of its own; use cuda")
        device = torch.device("cuda", local_rank())
    found = torch.cuda.device_count() if device.type == "cuda" else 0
    wanted = local_world_size() if world_size() > 1 else (device.index or 0) + 1
    if device.type == "cuda" and wanted > found:  # in all processes of a machine alike
        raise SettingError(
            f"--device {name}: this machine shows {found} CUDA devices; use cpu"
            + (f", or start no more than {found} processes on it" if wanted > 1 else "")
        )
    return device


def check_device(name: str = "auto", threads: int | None = None) -> None:
    """Refuse what ``choose_device`` refuses; without torch, what a CPU cannot be.

    Args:
        name: As there.
        threads: As there.

    Raises:
        SettingError: As there.
    """
    if installed_torch() is not None:
        choose_device(name, threads)
        return
    _use(threads)
    if name not in ("auto", "cpu"):
        raise SettingError(f"--device {name}: torch is not installed; use cpu")


def _use(threads: int | None) -> None:
    if threads is None:
        return
    if threads < 1:
        raise SettingError(f"--threads must be at least 1, got {threads}")
    if threads > MOST_THREADS:
        raise SettingError(f"--threads must be at most {MOST_THREADS}, got {threads}")
    use_threads(threads)


def precision(fit: FitConfig, device: "torch.device") -> AbstractContextManager[Any]:
    """Autocast to the precision of a stage, or nothing."""
    import torch

    enabled = fit.precision != "float32"
    dtype = torch.float16 if fit.precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=enabled)


@contextmanager
def deterministic(fit: FitConfig, device: "torch.device") -> Iterator[None]:
    """While entered, a GPU takes algorithms that give the same numbers each time, if asked for.

    Attention is then computed step by step: the gradient of the fused kernels differs.

    Raises:
        RuntimeError: At an operation that has none.
    """
    if not fit.deterministic:
        yield
        return
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS refuses
    torch.use_deterministic_algorithms(True)
    on_gpu = device.type == "cuda"
    try:
        with sdpa_kernel(SDPBackend.MATH) if on_gpu else nullcontext():
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that a GPU or the CPU has too little memory; it has no type for both."""
    return bool(re.search("out of memory|allocate memory", str(error)))


@contextmanager
def telling_of_memory(name: str, device: object, advice: str) -> Iterator[None]:
    """Have too little memory for a cube told in one line, with what to do.

    Raises:
        MemoryError: In place of torch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(f"{name}: too little memory on {device} ({error}); {advice}") from error
