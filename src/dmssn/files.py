"""Files that are written whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the name of ``path`` when all went well.

    A reader sees the old file or the new one, never half of one, and an error leaves the old one
    alone. The temporary name keeps the suffix, since some writers choose the format by it.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        partial.touch()
        usual = stat.S_IMODE(partial.stat().st_mode)
        yield partial
        partial.chmod(usual)  # safetensors makes its files readable to their owner alone
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
