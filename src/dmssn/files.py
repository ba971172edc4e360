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
        OSError: The folder cannot be made or written to, or the disk is full; ``path`` is named,
            which is the name that the user knows.
    """
    try:
        with _partial(path) as partial:
            yield partial
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"{path}: cannot be written ({reason}); choose another place") from error


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        partial.touch()
        usual = stat.S_IMODE(partial.stat().st_mode)
        partial.unlink()  # or a writer that writes nothing would leave an empty file
        yield partial
        partial.chmod(usual)  # safetensors makes its files readable to their owner alone
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Have a folder to write to, or say so before the work is done.

    Raises:
        OSError: It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{folder}: cannot be made a folder to write to ({error.strerror}); "
            "choose another --output"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder}: may not be written to; choose another --output")
