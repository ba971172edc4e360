"""Files that are written whole or not at all."""

import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has other locks; there, two runs are not kept apart
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial"
"""In the name of every file that is not whole yet."""
END_BYTES = 2**16
"""Of the beginning and of the end of a file, for its fingerprint."""
LOCK = ".lock"
"""In a folder that is, or was, kept to one process or to those who share it."""
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What a file system without locks answers."""


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
    # By chance, not by the process: two machines may write to one folder. And without the name,
    # which may be as long as a name can be.
    partial = path.with_name(f".{secrets.token_hex(8)}{PARTIAL}{path.suffix}")
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


def remove_partial(folder: Path) -> None:
    """Remove what killed processes left half written; nobody else may be writing there."""
    for path in folder.glob(f".*{PARTIAL}*"):
        if re.fullmatch(rf"\.[0-9a-f]{{16}}{re.escape(PARTIAL)}(\..*)?", path.name):
            path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Keep a folder to oneself, or to those who share it; the system frees it when we die.

    Args:
        folder: It is there.
        shared: Together with others that share it.
        wait: For the others to end, on a lock of its own, which is held for a moment only.

    Raises:
        OSError: Another process holds it, or it cannot be written to.
    """
    # For reading too: NFS gives a shared lock on nothing else.
    with (folder / (".moment.lock" if wait else LOCK)).open("a+") as file:
        if fcntl is not None:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            try:
                fcntl.flock(file, kind | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise BlockingIOError(
                    f"{folder}: another run is at work in it; wait for it, or choose another folder"
                ) from None
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                print(f"{folder}: no locks here; run one at a time", file=sys.stderr)
        yield


def room(path: Path) -> tuple[Path, int]:
    """The nearest folder to a path that is there, and the bytes that are free on its disk."""
    folder = next(place for place in (path, *path.absolute().parents) if place.is_dir())
    return folder, shutil.disk_usage(folder).free


def sha256(path: Path) -> str:
    """Checksum of a file, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """A checksum of a file's length, beginning and end, or of those of all files of a folder.

    Enough to see that a cube was replaced, without reading gigabytes; independent of where the
    file lies and when it was copied. A header (``.hdr``) counts with the files named like it.
    """
    total = hashlib.sha256()
    if path.is_dir():
        parts = sorted(item for item in path.rglob("*") if item.is_file())
    elif path.suffix.lower() == ".hdr":
        named = path.parent.glob(f"{glob.escape(path.stem)}*")
        parts = sorted(item for item in named if path.stem in (item.stem, item.name))
    else:
        parts = [path]
    for part in parts:
        size = part.stat().st_size
        total.update(os.fsencode(part.name) + f" {size}\n".encode())
        with part.open("rb") as file:
            total.update(file.read(END_BYTES))
            if size > END_BYTES:
                file.seek(max(END_BYTES, size - END_BYTES))
                total.update(file.read())
    return total.hexdigest()
