"""Being asked to end: a loop goes on to a point it can be resumed from, and ends there."""

import signal
from contextlib import suppress
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""A scheduler's, and Ctrl-C."""


class Interruption:
    """While it is entered, SIGTERM and Ctrl-C are noted in place of ending the program.

    A second Ctrl-C ends it at once, as usual.
    """

    def __init__(self) -> None:
        """Nothing was asked for."""
        self.noted: set[int] = set()
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Begin to take note."""
        with suppress(ValueError):  # not in the main thread: then signals are not ours
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave signals to those who had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and number in self.noted:
            raise KeyboardInterrupt
        self.noted.add(number)

    @property
    def flags(self) -> list[float]:
        """1 for each of ``SIGNALS`` that came, else 0: for processes to add up."""
        return [float(number in self.noted) for number in SIGNALS]


def end(flags: list[float]) -> None:
    """End the program as the first signal that came would have, with its usual exit code.

    Raises:
        SystemExit: 128 + SIGTERM.
        KeyboardInterrupt: After Ctrl-C.
    """
    if flags[SIGNALS.index(signal.SIGTERM)]:
        raise SystemExit(128 + signal.SIGTERM)
    raise KeyboardInterrupt
