"""The worst scenes of an entry, and a reason for each, which follows from numbers alone."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from dmssn.baselines.border import along_sides
from dmssn.judging.tables import number_text
from dmssn.scene_manifest import MANIFEST
from dmssn.scoring import Pair
from dmssn.wording import counted

SIDES = 4
"""Pixels from a side of the picture that are called its side."""
THRESHOLD = 0.5
ENOUGH = 0.5
"""Precision, or recall, at the threshold: below it the map is wrong in that way."""
HARDLY = 0.7
"""ROC AUC: where no classical detector reaches it, spectra hardly differ."""
EASILY = 0.9
"""ROC AUC: where one reaches it, spectra do."""
SMALL, LARGE = 0.01, 0.3
"""Salient shares of the scene, below and above which that is worth a word."""
MANY = 10
"""Objects, likewise."""
CUT = 0.15
"""Share of the mask near a side; of a mask all over the picture it would be 0.06."""
ZONES = 0.5
"""Share of the wrong pixels in pieces that reach a side: more of them are ground, not things."""
ALIKE_RAD = 0.1
"""Spectral angle to the surround below which materials are much the same."""
BOTH = "missed and invented"
IN_WORDS = {
    "CS": "the objects have the colour of what surrounds them",
    "MS": "the objects are of a material like those around them",
    "HDR": "light is very uneven",
    "CB": "the background is complex",
}
"""Attributes that may be a reason; SO and MO are told by numbers."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a scene and a map of it.

    Attributes:
        precision: Of the pixels above 0.5; 0 where none is.
        recall: Likewise.
        auc: ROC AUC of the map; NaN where it is not defined.
        called: Share of the pixels above 0.5.
        highest: Largest saliency.
        salient: Share of the pixels that is salient.
        at_sides: Share of the salient pixels that is near a side of the picture.
        zones: Of the pixels called salient that are not, the share in pieces that reach a side.
        classical: ROC AUC of each classical detector.
        attributes: Codes of what makes the scene hard.
        told: What the generator measured of the scene: ``objects``, ``faint`` (objects that hardly
            show), ``greatest_angle`` (rad, to the surround), ``enlarged``; empty of other scenes.
    """

    precision: float
    recall: float
    auc: float
    called: float
    highest: float
    salient: float
    at_sides: float
    zones: float = 0.0
    classical: Mapping[str, float] = field(default_factory=dict)
    attributes: Sequence[str] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


def kind_of(facts: Facts) -> str:
    """Of the error, in a word or two."""
    if facts.auc < 0.5:
        return "inverted"
    missed = facts.recall < ENOUGH
    # Nothing called is no invention, though its precision is 0.
    invented = facts.called > 0 and facts.precision < ENOUGH
    if missed and invented:
        return BOTH
    return "missed" if missed else "invented" if invented else "unsure"


def why(facts: Facts) -> str:
    """What went wrong and what of the scene goes with it, in sentences.

    The same facts give the same words. What is told beside an error need not be its cause.
    """
    return " ".join([_error(facts), *_zones(facts), *_spectra(facts), *_layout(facts)])


def _error(facts: Facts) -> str:
    """What is wrong with the map."""
    kind = kind_of(facts)
    found, wrong = _percent(facts.recall), _percent(1 - facts.precision)
    if kind == "inverted":
        return f"Inverted: the rest is brighter than the objects (AUC {number_text(facts.auc)})."
    if kind == "missed" and facts.called == 0:
        return f"Missed: nothing is above {THRESHOLD:g}, the highest is {facts.highest:.2f}."
    if kind == "missed":
        return (
            f"Missed: {found} of the salient pixels are found, and little else is called salient."
        )
    if kind == "invented":
        return (
            f"Invented: {wrong} of what is called salient is not; {found} of the salient pixels "
            "are found."
        )
    if kind == BOTH:
        return (
            f"Missed and invented: {found} of the salient pixels are found, and {wrong} of what is "
            "called salient is not."
        )
    return (
        f"Unsure: at {THRESHOLD:g} {found} of the salient pixels are found and {wrong} of what is "
        "called salient is not, but most other thresholds are wrong."
    )


def _zones(facts: Facts) -> Iterator[str]:
    """Whether ground is taken for objects."""
    if kind_of(facts) not in ("missed", "unsure") and facts.zones > ZONES:
        yield (
            f"Zones of the background are taken for objects: {_percent(facts.zones)} of the wrong "
            "pixels are in pieces that reach a side of the picture."
        )


def _spectra(facts: Facts) -> Iterator[str]:
    """Whether there is something to see."""
    known = {name: auc for name, auc in facts.classical.items() if not math.isnan(auc)}
    if known:
        best = max(known, key=lambda name: known[name])
        reaches = f"reaches AUC {number_text(known[best])}"
        if known[best] < HARDLY:
            yield (
                "Spectra hardly differ from the rest: the best classical detector, "
                f"{best}, {reaches}."
            )
        elif known[best] >= EASILY:
            yield f"It can be found: {best} {reaches}."
    codes = [code for code in IN_WORDS if code in facts.attributes]
    angle = facts.told.get("greatest_angle")
    if angle is not None and angle < ALIKE_RAD:
        yield f"The objects' spectra are within {angle:.3f} rad of what surrounds them."
        codes = [code for code in codes if code != "MS"]  # which is that in other words
    if codes:
        text = " and ".join(IN_WORDS[code] for code in codes)
        yield f"{text[0].upper()}{text[1:]}."


def _layout(facts: Facts) -> Iterator[str]:
    """How large the objects are, how many, and where."""
    objects, faint = facts.told.get("objects"), facts.told.get("faint") or 0
    enlarged = facts.told.get("enlarged", 1)
    if facts.salient < SMALL:
        yield f"Small: {facts.salient:.2%} of the scene is salient."
    elif facts.salient > LARGE:
        yield f"Large: {facts.salient:.0%} of the scene is salient."
    if objects is not None and objects >= MANY:
        yield f"Many: {counted(objects, 'object')}."
    if faint:
        yield f"{faint} of {counted(objects or faint, 'object')} hardly show."
    if facts.at_sides > CUT:
        yield f"Cut: {facts.at_sides:.0%} of the mask is at the sides of the picture."
    if enlarged > 1:
        yield f"Coarse: the cube was enlarged {enlarged} times."


def facts_of(
    pair: Pair,
    scores: Mapping[str, float],
    classical: Mapping[str, float],
    attributes: Sequence[str],
    told: Mapping[str, Any],
) -> Facts:
    """From a map beside its mask and what was scored and told of the scene."""
    mask = pair.mask
    sides = along_sides(mask.shape, SIDES)
    called = pair.saliency > THRESHOLD
    return Facts(
        precision=scores["precision"],
        recall=scores["recall"],
        auc=scores["roc_auc"],
        called=float(called.mean()),
        highest=float(pair.saliency.max()),
        salient=float(mask.mean()),
        at_sides=float((mask & sides).sum() / max(mask.sum(), 1)),
        zones=reaching_sides(called & ~mask),
        classical=classical,
        attributes=attributes,
        told=told,
    )


def reaching_sides(wrong: NDArray[np.bool_]) -> float:
    """Share of the pixels that are in connected pieces with a pixel at a side; 0 of none."""
    pieces, _ = label(wrong, np.ones((3, 3)))
    outer = np.unique(pieces[along_sides(wrong.shape, 1)])
    return float(np.isin(pieces, outer[outer > 0]).sum() / max(wrong.sum(), 1))


def told_of_scenes(folder: Path) -> dict[str, dict[str, Any]]:
    """What the generator wrote of each scene; nothing of a folder of other scenes."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return {str(scene["name"]): scene for scene in json.loads(text)["scenes"]}


def _percent(share: float) -> str:
    """A share, exact at neither end by rounding."""
    rounded = round(100 * share)
    if rounded == 0 < share:
        return "under 1%"
    return "over 99%" if share < 1 and rounded == 100 else f"{rounded}%"
