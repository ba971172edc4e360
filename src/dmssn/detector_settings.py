"""Settings behind the name or file of a trained detector, as in ``dmssn:sizes=128+192``."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dmssn.config import SettingError

LEAST, MOST = 32, 2048
"""Of the sides a cube may be prepared at, in pixels."""
SIZES = "sizes"
"""The one setting there is."""


def split(text: str, is_there: Callable[[str], bool]) -> tuple[str, list[str]]:
    r"""A detector's text as what names it, and its settings.

    A name or path may hold colons itself: the longest beginning that is there goes first. Where
    none is, only an ending such as ``:sizes=256`` is taken for a setting.

    Args:
        text: As it was given.
        is_there: Whether a text without settings is a detector.

    Example:
        >>> split("dmssn:sizes=128+192", lambda text: text == "dmssn")
        ('dmssn', ['sizes=128+192'])
        >>> split("C:\\runs\\mine:sizes=320", lambda text: False)
        ('C:\\runs\\mine', ['sizes=320'])
    """
    base, settings = text, list[str]()
    while not is_there(base):
        base, _, last = base.rpartition(":")
        if not base or "/" in last or "\\" in last:
            ending = re.fullmatch(rf"(.+?)((?::{SIZES}=[^:/\\]*)+)", text, re.DOTALL)
            return (ending[1], ending[2][1:].split(":")) if ending else (text, [])
        settings.insert(0, last)
    return base, settings


def read_sizes(name: str, settings: Sequence[str]) -> tuple[int, ...]:
    """The sides that settings ask for, in pixels; none where they ask for none.

    Args:
        name: Whose settings they are, for errors.
        settings: As ``split`` gives them.

    Raises:
        SettingError: There is no such setting, it is given twice, or its value cannot be.

    Example:
        >>> read_sizes("dmssn", ["sizes=128+192"])
        (128, 192)
    """
    found: tuple[int, ...] = ()
    for part in settings:
        key, _, value = part.partition("=")
        if key != SIZES:
            raise SettingError(
                f"{name} has no setting {key!r}; there is {SIZES}, as in {SIZES}=128+192"
            )
        if found:
            raise SettingError(f"{name}: {SIZES} is given twice")
        found = _sizes(name, value)
    return found


def _sizes(name: str, value: str) -> tuple[int, ...]:
    words = value.split("+")
    if not all(re.fullmatch("[0-9]{1,9}", word) for word in words):
        raise SettingError(
            f"{name}: {SIZES} must be whole numbers of pixels, with + between, such as 128+192, "
            f"got {value!r}"
        )
    sizes = tuple(map(int, words))
    for side in sizes:
        if not LEAST <= side <= MOST:
            raise SettingError(
                f"{name}: {SIZES} must each be from {LEAST} to {MOST} pixels, got {side}"
            )
        if sizes.count(side) > 1:
            raise SettingError(f"{name}: {SIZES} holds {side} twice; each counts once")
    return sizes


def with_sizes(name: str, sizes: Sequence[int]) -> str:
    """A name with its settings behind it, as they are written.

    Example:
        >>> with_sizes("dmssn", [128, 192]), with_sizes("dmssn", [])
        ('dmssn:sizes=128+192', 'dmssn')
    """
    return f"{name}:{SIZES}={'+'.join(map(str, sizes))}" if sizes else name


def told(prepare: Mapping[str, Any], sizes: Sequence[int]) -> Mapping[str, Any]:
    """A checkpoint's settings of preparing as they are used, plain values for outputs.

    Args:
        prepare: The checkpoint's own.
        sizes: Sides in place of its ``size``: one under that key, several under ``sizes``.
    """
    if not sizes:
        return prepare
    used = {"size": sizes[0]} if len(sizes) == 1 else {"sizes": list(sizes)}
    return used | {key: value for key, value in prepare.items() if key != "size"}
