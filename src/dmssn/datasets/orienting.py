"""How the stored cubes of a set are turned, told by their colour pictures.

Published loaders of one set disagree on its orientation, so no statement is taken on trust: cubes
are compared with the colour pictures of their scenes (``evidence``), and vote.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmssn.config import Orientation, OrientationChoice
from dmssn.datasets.data_set import DataSet, SceneFiles
from dmssn.datasets.evidence import Evidence, look, read_colour
from dmssn.datasets.finding import Found
from dmssn.datasets.opening import open_scene
from dmssn.progress import track
from dmssn.readers.turning import TURNS

MAJORITY = 0.75
"""Share of the decisive cubes that settles a set: some may be turned by an accident of their own,
but a set that is half and half has no orientation."""
SCENES = 16
"""Cubes compared to settle a set."""


class Settled(NamedTuple):
    """The orientation of a set.

    Attributes:
        orientation: How its cubes are turned.
        said: Why, a sentence.
        others: Scenes whose decisive cubes are for another: name to that.
    """

    orientation: Orientation
    said: str
    others: dict[str, Orientation] = {}  # noqa: RUF012  # a tuple's default, never changed


def settle(found: Found, root: Path, choice: OrientationChoice, scenes: int = SCENES) -> Settled:
    """Settle how the cubes of a copy are turned.

    Args:
        found: The scenes of the copy.
        root: Its folder, for messages.
        choice: ``auto`` to compare cubes with their colour pictures, or an orientation, which is
            then taken as it is.
        scenes: Cubes to compare, spread evenly over those with a colour picture; where one of the
            two cannot be read, another scene is taken.

    Raises:
        ValueError: The cubes contradict each other or what is documented, or nothing tells.
    """
    if choice != "auto":
        return Settled(choice, "as given")
    documented = found.kind.orientation
    pool = [scene for scene in found.scenes if scene.colour]
    readable = _readable(found.kind, [*spread(pool, scenes), *_left_out(pool, scenes)])
    evidences: dict[str, Evidence] = {}
    for _ in track(
        range(min(scenes, len(pool))), "comparing cubes with their colour pictures", each="cubes"
    ):
        evidences.update(next(readable, {}))
    try:
        settled = decide(list(evidences.values()), documented)
    except ValueError as error:
        raise ValueError(f"{root}: {error}") from None
    return settled._replace(
        others={
            name: evidence.winner
            for name, evidence in evidences.items()
            if evidence.decisive and evidence.winner != settled.orientation
        }
    )


def decide(evidences: Sequence[Evidence], documented: Orientation | None) -> Settled:
    """Settle the orientation of a set by the votes of its decisive cubes.

    Args:
        evidences: One a cube; there may be none.
        documented: What the authors say, or the format; None when nobody does.

    Raises:
        ValueError: No orientation has a clear majority, a clear one is not the documented one, or
            no cube is decisive and nothing is documented.
    """
    way_out = f"pass --orientation, or set data.orientation, to one of {', '.join(TURNS)}"
    votes: dict[Orientation, list[float]] = defaultdict(list)
    for evidence in evidences:
        if evidence.decisive:
            votes[evidence.winner].append(evidence.score)
    count = sum(map(len, votes.values()))
    if not count:
        why = _silence(evidences)
        if documented:
            return Settled(documented, f"as documented; {why}")
        raise ValueError(f"the orientation of the cubes is not documented, and {why}; {way_out}")
    winner = max(votes, key=lambda name: (len(votes[name]), sum(votes[name])))
    numbers = ", ".join(
        f"{len(scores)} for {name} (mean score {np.mean(scores):.2f})"
        for name, scores in sorted(votes.items(), key=lambda item: -len(item[1]))
    )
    said = f"of {len(evidences)} cubes compared with their colour pictures {count} tell: {numbers}"
    if len(votes[winner]) < MAJORITY * count:
        raise ValueError(f"the cubes are not all turned alike; {said}; {way_out}")
    if documented and winner != documented:
        raise ValueError(f"the cubes contradict the documented {documented!r}; {said}; {way_out}")
    return Settled(winner, f"{'as documented; ' if documented else ''}{said}")


def _silence(evidences: Sequence[Evidence]) -> str:
    """Why no cube tells."""
    if not evidences:
        return "no cube could be compared with a colour picture"
    best = max(evidences, key=lambda evidence: evidence.score)
    return (
        f"none of {len(evidences)} cubes compared with their colour pictures tells (best score "
        f"{best.score:.2f}, for {best.winner}, where z is {best.z:.1f})"
    )


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many of the items, or all, at even distances.

    Example:
        >>> spread("abcdefg", 3)
        ['a', 'c', 'e']
    """
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def _left_out(items: Sequence[Any], count: int) -> list[Any]:
    taken = set(spread(range(len(items)), count))
    return [item for place, item in enumerate(items) if place not in taken]


def _readable(kind: DataSet, scenes: Sequence[SceneFiles]) -> Iterator[dict[str, Evidence]]:
    """Name and evidence of each scene whose cube and colour picture can be read."""
    for scene in scenes:
        assert scene.colour is not None  # they were chosen so
        try:
            picture = read_colour(scene.colour)
            evidence = look(open_scene(kind, scene.cube), picture)
        except (ValueError, OSError):
            continue  # `dmssn dataset check`, and preparing itself, name it
        yield {scene.name: evidence}
