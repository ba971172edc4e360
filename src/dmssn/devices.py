"""Where the networks run: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""

import torch

from dmssn.config import SettingError


def choose_device(name: str = "auto", threads: int | None = None) -> torch.device:
    """The device of a name, checked; also sets the number of CPU threads when given.

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
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise SettingError(f"--device {name}: this machine shows {found} CUDA devices; use cpu")
    return device
