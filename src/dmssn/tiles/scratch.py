"""Arrays that lie on a disk and not in memory, until nobody holds them any more."""

import math
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Scratch:
    """Makes arrays in files without a name, which vanish with them.

    Args:
        folder: Where the files are; None for the system's folder of temporary files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Nothing is made yet."""
        self._folder = folder

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """A new array of zeros.

        Raises:
            OSError: The disk has too little room: now, not as a signal when it is filled.
        """
        size = max(1, math.prod(shape) * np.dtype(dtype).itemsize)
        with TemporaryFile(dir=self._folder) as file:
            try:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.truncate(size)
            except OSError as error:
                place = self._folder or "the folder of temporary files"
                raise OSError(
                    f"{place}: no room for {size / 1e9:.3g} GB of a large scene "
                    f"({error.strerror}); choose another --output"
                ) from None
            return np.memmap(file, dtype, "r+", shape=shape)
