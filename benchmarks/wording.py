"""Numbers as the table and the page write them."""

from typing import Any

NONE = "-"


def duration(seconds: float | None) -> str:
    """Three digits, in seconds or milliseconds."""
    if seconds is None:
        return NONE
    if seconds < 0.9995:
        return f"{_digits(seconds * 1000)} ms"
    return f"{_digits(seconds)} s"


def spread(side: dict[str, Any]) -> str:
    """The median, and between which times the others were."""
    low, high = duration(side["least"]), duration(side["most"])
    if low == high:
        return duration(side["median"])
    if low.split()[1] == high.split()[1]:
        low = low.split()[0]
    return f"{duration(side['median'])} [{low} - {high}]"


def ratio(value: float | None) -> str:
    """How many times as fast."""
    return NONE if value is None else f"{_digits(value)}x"


def number(value: int | None) -> str:
    """With commas."""
    return NONE if value is None else f"{value:,}"


def megabytes(value: float | None) -> str:
    """Of bytes, three digits."""
    return NONE if value is None else _digits(value / 1e6)


def verdict(met: bool | None) -> str:
    """Whether a target is met; nothing where there is none."""
    return NONE if met is None else ("yes" if met else "no")


def criterion(finding: dict[str, Any]) -> tuple[str, str]:
    """The value of a finding, and its limit, if it has one."""
    if finding["limit"] is None:
        return f"{finding['value']:.3g}", NONE
    side = "at most" if finding["at_most"] else "at least"
    return f"{finding['value']:.3g}", f"{side} {finding['limit']:.3g}"


def _digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.2g}"
