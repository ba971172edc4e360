"""What makes a scene hard, as it is asked for or as chance has it.

A style only makes an attribute likely; whether a finished scene has it is measured.
"""

from collections.abc import Collection
from dataclasses import dataclass

from dmssn.scenes.chance import Chance

BUSY = ("ground", "paved", "patchwork", "horizon", "coast")
"""Backgrounds of many things."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a scene is made hard.

    Attributes:
        busy: Whether there is much in the background (CB).
        metamers: Whether objects have the colour and texture of what is behind them (CS).
        dark: Whether the light comes short of a part of the picture (HDR).
        over: Share of the pixels that are over-exposed (HDR); 0 keeps to the camera's range.
        small: Whether the objects fill less than a hundredth of the picture (SO).
        akin: Whether objects reflect nearly as what is behind them does (MS).
        many: Whether there are two objects or more (MO).
    """

    busy: bool
    metamers: bool
    dark: bool
    over: float
    small: bool
    akin: bool
    many: bool


def draw_style(rng: Chance, wanted: Collection[str]) -> Style:
    """The style of a scene that is to have the attributes of the given codes."""
    metamers = "CS" in wanted or ("MS" not in wanted and rng.one_in(0.1))
    akin = "MS" in wanted or (not metamers and rng.one_in(0.12))
    harsh = "HDR" in wanted or rng.one_in(0.15)
    dark = harsh and rng.one_in(0.5)
    return Style(
        busy="CB" in wanted or rng.one_in(0.15),
        metamers=metamers,
        dark=dark,
        over=rng.spread(0.012, 0.12) if harsh and (not dark or rng.one_in(0.3)) else 0.0,
        small="SO" in wanted or rng.one_in(0.12),
        akin=akin,
        many="MO" in wanted,
    )


def draw_kind(rng: Chance, chances: dict[str, float], style: Style) -> str:
    """A kind of background that goes with a style."""
    kinds = BUSY if style.busy else tuple(chances)
    return rng.choice(kinds, p=[chances[kind] for kind in kinds])
