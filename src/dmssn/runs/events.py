"""A run's numbers and pictures as TensorBoard events (the extra ``tensorboard``)."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def require_tensorboard() -> None:
    """Say that the extra is missing before anything is begun.

    Raises:
        ModuleNotFoundError: The extra ``tensorboard`` is not installed.
    """
    try:
        import_module("torch.utils.tensorboard")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "TensorBoard events need an extra: pip install 'dmssn[tensorboard]'"
        ) from None


class Events:
    """Writes the events of one run; of several processes only the first has one.

    Each call is on disk when it returns, so that a kill loses nothing.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        """Open a file of events in a folder, beside those of an interrupted run.

        Args:
            folder: For events alone, such as ``RUN/tensorboard``.
            first_step: First step that is to come; events of this one and later ones that are
                there already are not shown any more.

        Raises:
            ModuleNotFoundError: The extra ``tensorboard`` is not installed.
        """
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=first_step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by name; a slash parts the name of a group from the rest."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def pictures(self, step: int, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write pictures by name, uint8 of shape (H, W, 3)."""
        for name, picture in pictures.items():
            self._writer.add_image(name, picture, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Nothing more comes."""
        self._writer.close()
