"""Checkpoints: safetensors with a readable JSON header, written whole or not at all.

A checkpoint holds all that is needed to use it; a resume file holds, in the same format, what
the training loop needs to go on. Neither runs any code when loaded.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor

from dmssn.checkpoint_header import (
    FORMAT,
    KEY,
    Header,
    Stage,
    header_of,
    opened,
    read_header,
    to_json,
)
from dmssn.files import replacing

__all__ = [
    "FORMAT",
    "Header",
    "Stage",
    "load",
    "load_weights",
    "read_header",
    "read_state_dict",
    "save",
]


def save(path: Path, header: Header, tensors: Mapping[str, Tensor], *, half: bool = False) -> None:
    """Write a checkpoint.

    Args:
        path: Its file; a reader sees the old one or the new one, never half of one.
        header: What the tensors are.
        tensors: A state dict.
        half: Store floating tensors in float16.
    """
    with replacing(path) as partial:
        # Bytes first: on a full disk the library's own writer raises no OSError.
        partial.write_bytes(
            serialized(
                {name: _stored(tensor, half) for name, tensor in tensors.items()},
                metadata={KEY: to_json(header)},
            )
        )


def _stored(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu()
    if half and tensor.is_floating_point():
        tensor = tensor.half()
    return tensor.contiguous().clone()


def load(path: Path, stage: Stage) -> tuple[Header, dict[str, Tensor]]:
    """Read a checkpoint of the given stage onto the CPU; float16 comes back as float32.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, not whole, of another stage, or of a newer format.
    """
    with opened(path, stage, "pt") as file:
        # A resume file is ours alone and keeps its types; weights may be stored in half.
        tensors = {name: _loaded(file.get_tensor(name), stage) for name in file.keys()}
        header = header_of(path, file, stage)
    return header, tensors


def _loaded(tensor: Tensor, stage: Stage) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 and stage != "resume" else tensor


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of another program's file: safetensors, or torch's without running code.

    A table of tensors may stand in the file under ``state_dict`` or ``model``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is neither, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError:
        pass  # then it is torch's
    state = _read_torch(path)
    for key in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise ValueError(
            f"{path}: holds something else than a table of tensors; save the network's state_dict()"
        )
    return dict(state)


def _read_torch(path: Path) -> Any:  # noqa: ANN401
    """What torch stored in a file, if that takes no code to load."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats that are refused in the end
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # torch raises nearly anything, and advises what should not be done
        raise ValueError(
            f"{path}: neither safetensors nor tensors alone, saved by torch: damaged, of another "
            "format, or with code in it, which is not run; save the network's state_dict() again"
        ) from None


def load_weights(module: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill a network; every tensor must be there and fit.

    Raises:
        ValueError: The file's tensors are not this network's.
    """
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(f"{path}: not weights of this network: {reason}") from None
