"""Where a written cube goes: over nothing that is to be kept, and whole or not at all."""

import errno
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dmssn.config import SettingError
from dmssn.files import replacing, room
from dmssn.readers.envi import RAW_SUFFIXES
from dmssn.readers.zarr_stores import is_zarr


def refuse_to_lose(files: tuple[Path, ...], inputs: Sequence[Path], *, folder: bool) -> None:
    """Write over no file that is read, and over none that is not a cube of this format.

    Args:
        files: What is to be written, the one by which the others are found last.
        inputs: What is read.
        folder: Whether a Zarr folder is to be written.

    Raises:
        SettingError: That is what would happen.
    """
    output = files[-1]
    for file in files:
        if file.exists() and any(other.exists() and file.samefile(other) for other in inputs):
            raise SettingError(f"{file}: is read, and would be written over; choose another output")
    if folder and output.exists() and not is_zarr(output):
        raise SettingError(f"{output}: is there and no Zarr; choose another output, or remove it")
    if len(files) == 1:
        return
    # ENVI: the raw file goes by its name, so that another may be taken for it, or lost.
    raw = files[0]
    if raw.exists() and not output.exists():
        raise SettingError(
            f"{raw}: is there without {output.name} and would be written over; "
            "choose another output, or remove it"
        )
    others = [path for path in _raw_files(output) if not (raw.exists() and path.samefile(raw))]
    if others:
        raise SettingError(
            f"{others[0]}: would be taken for the numbers of {output.name}; "
            "choose another output, or remove it"
        )


def _raw_files(header: Path) -> list[Path]:
    ends = [end for suffix in RAW_SUFFIXES for end in (suffix, suffix.upper())]
    found = [header.with_suffix(end) for end in dict.fromkeys(ends)]
    return [path for path in found if path.is_file()]


def require_space(target: Path, nbytes: int) -> None:
    """Find out before hours of work that the disk is too small.

    Raises:
        OSError: It is.
    """
    _, free = room(target)
    if free < nbytes:
        raise OSError(
            f"{target}: cannot be written ({nbytes / 1e9:.3g} GB are needed, {free / 1e9:.3g} GB "
            "are free); choose another place"
        )


@contextmanager
def placing(files: tuple[Path, ...], *, folder: bool) -> Iterator[tuple[Path, ...]]:
    """Give names beside ``files`` to write to; they become ``files`` when all went well.

    As ``replacing`` does for one file. Several files, or a folder, cannot be exchanged in one
    step: the last file, a header, is taken away first and comes last, so that at no time an old
    header stands before new numbers. Whatever goes wrong, the old ones are put back; only a
    process that is killed between these steps leaves them aside, under a name with a dot.

    Raises:
        OSError: They cannot be written; or a folder is where a file is to be.
    """
    if len(files) == 1 and not folder:
        with replacing(files[0]) as partial:
            yield (partial,)
        return
    try:
        with _together(files) as partials:
            yield partials
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(
            f"{files[-1]}: cannot be written ({reason}); choose another place"
        ) from error


@contextmanager
def _together(files: tuple[Path, ...]) -> Iterator[tuple[Path, ...]]:
    token = secrets.token_hex(4)
    partials = tuple(_beside(path, f"{token}.partial") for path in files)
    files[-1].parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partials
        _exchange(partials, files, f"{token}.old")
    finally:
        for partial in partials:
            _remove(partial)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.stem}.{what}{path.suffix}")


def _exchange(partials: tuple[Path, ...], files: tuple[Path, ...], word: str) -> None:
    """Put the new ones in the place of the old ones: all of them or none."""
    for partial, path in zip(partials, files, strict=True):
        if path.is_dir() and not partial.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
    old: list[tuple[Path, Path]] = []
    new: list[Path] = []
    try:
        for path in reversed(files):
            if path.exists():
                old.append((path, path.rename(_beside(path, word))))
        for partial, path in zip(partials, files, strict=True):
            new.append(partial.rename(path))
    except BaseException:
        for path in new:
            _remove(path)
        for path, aside in reversed(old):
            aside.rename(path)
        raise
    for _, aside in old:
        _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
