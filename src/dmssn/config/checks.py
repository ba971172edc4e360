"""The error of a setting that cannot be, and the checks that raise it."""

import math


class SettingError(ValueError):
    """A setting that cannot be: the command line or a recipe has to change (exit code 2)."""


def at_least(name: str, value: float, least: float) -> None:
    """Refuse a number below ``least``, or infinite, as a SettingError that names it."""
    if not least <= value < math.inf:
        raise SettingError(f"{name} must be at least {least}, got {value}")


def within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [``low``, ``high``], as a SettingError that names it."""
    if not low <= value <= high:
        raise SettingError(f"{name} must be from {low} to {high}, got {value}")
