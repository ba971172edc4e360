"""Which scenes a made-up data set has, under which names, and which of its files are spoilt."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.config import Orientation, SettingError
from dmssn.datasets.data_set import DataSet, Split
from dmssn.datasets.faking_files import FIRST_RELEASE, FORMS, Form
from dmssn.datasets.layout import natural
from dmssn.datasets.splits import by_chance, published

Arrangement = Literal["flat", "parted"]
Release = Literal["first", "now"]

LEAST_SIDE = 16
SCENES, SHAPE, BANDS = 20, (256, 256), 60
"""Of sets whose numbers were not published."""
TEST_SHARE = 0.2
VAL_SHARE = 0.1
"""For validation, where a set has lists of its own."""
RANGE_NM = (400.0, 1000.0)
"""Of cameras whose wavelengths are not known."""
GAPS = 1.15
"""Highest number over number of scenes, as in HSOD-BIT (367 / 319), for names nobody published."""


@dataclass(frozen=True, kw_only=True)
class FakeSettings:
    """What decides every byte of a made-up data set; None stands for what is published."""

    scenes: int | None = None
    size: tuple[int, int] | None = None
    """(H, W), upright."""
    bands: int | None = None
    seed: int = 0
    orientation: Orientation = "none"
    """How stored cubes have to be turned to be upright; masks and colour pictures are."""
    layout: Arrangement | None = None
    """All files of a kind together, or in ``train/`` and ``test/``."""
    release: Release | None = None
    """Of HSOD-BIT: its first files were MATLAB's."""
    quirks: bool = True
    """Cut one cube short and leave one mask out."""
    symmetric: bool = False
    """Scenes that are their own mirror images but for one small object."""


class FakeScenePlan(NamedTuple):
    """One scene: its name, its split, and what decides its content together with the seed."""

    name: str
    split: Split
    number: int
    truncated: bool
    without_mask: bool


@dataclass(frozen=True)
class FakePlan:
    """A made-up data set before it is written.

    Attributes:
        kind: The set it imitates.
        settings: Without None, but for what the set leaves no choice about.
        shape: (H, W, B) of every cube, upright.
        form: Of the cubes' files.
        scenes: In the order people count them.
    """

    kind: DataSet
    settings: FakeSettings
    shape: tuple[int, int, int]
    form: Form
    scenes: list[FakeScenePlan]

    @property
    def wavelengths_nm(self) -> NDArray[np.float64]:
        """Band centres in nanometres, shape (B,); the set's, where they are known."""
        return np.linspace(*(self.kind.wavelengths_nm or (*RANGE_NM, self.shape[2])))


def plan(kind: DataSet, settings: FakeSettings) -> FakePlan:
    """Settle what a made-up data set is to hold.

    Raises:
        SettingError: The set cannot be so.
    """
    settings, form = _storing(kind, settings)
    height, width = settings.size or kind.shape or SHAPE
    shape = (height, width, settings.bands or kind.bands or BANDS)
    count = settings.scenes or kind.scenes or SCENES
    _check(kind, settings, shape, count)
    pool = _pool(kind, count)
    chosen = _choose(pool, count, settings.seed)
    truncated, without_mask = _spoilt(chosen, settings)
    numbers = {name: number for number, name in enumerate(pool)}
    scenes = [
        FakeScenePlan(name, chosen[name], numbers[name], name == truncated, name == without_mask)
        for name in sorted(chosen, key=natural)
    ]
    settled = replace(settings, scenes=count, size=(height, width), bands=shape[2])
    return FakePlan(kind, settled, shape, form, scenes)


def _storing(kind: DataSet, settings: FakeSettings) -> tuple[FakeSettings, Form]:
    """Settle layout and release, for which sets leave more or less choice."""
    if settings.release and kind.name != "hsod-bit":
        raise SettingError(f"{kind.title} has one release; leave --release out")
    fixed: dict[str, Arrangement] = {"hrssd": "parted", "folder": "flat"}
    only = fixed.get(kind.name)
    if only and settings.layout not in (None, only):
        raise SettingError(f"{kind.title} is always {only}; leave --layout out")
    settings = replace(settings, layout=settings.layout or only or "flat")
    if kind.name != "hsod-bit":
        return settings, FORMS[kind.name]
    settings = replace(settings, release=settings.release or "first")
    return settings, FIRST_RELEASE if settings.release == "first" else FORMS[kind.name]


def _check(kind: DataSet, settings: FakeSettings, shape: tuple[int, int, int], count: int) -> None:
    """Refuse what the set's own description would refuse, and what no reader could tell."""
    height, width, bands = shape
    if settings.seed < 0:
        raise SettingError(f"--seed must be at least 0, got {settings.seed}")
    for name, value in (("--scenes", settings.scenes), ("--bands", settings.bands)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    if kind.scenes and count > kind.scenes:
        raise SettingError(f"--scenes: {kind.title} has {kind.scenes}, got {count}")
    if kind.bands and bands != kind.bands:
        raise SettingError(f"--bands: {kind.title} has {kind.bands}, got {bands}")
    most = kind.shape or (height, width)
    if min(height, width) < LEAST_SIDE or height > most[0] or width > most[1]:
        limit = f" and at most {most[0]}x{most[1]}" if kind.shape else ""
        raise SettingError(
            f"--size must be at least {LEAST_SIDE}x{LEAST_SIDE}{limit}, got {height}x{width}"
        )
    if bands in (height, width):
        raise SettingError(
            f"--size {height}x{width}: as long as there are bands ({bands}), so nobody could tell "
            "the axes apart; choose another size"
        )


def _pool(kind: DataSet, count: int) -> dict[str, Split]:
    """All scenes the set could have, with their splits."""
    if kind.splits:
        split = next(iter(kind.splits))
        listed: dict[str, Split] = {name: "train" for name in published(kind, split, "train")}
        listed |= {name: "test" for name in published(kind, split, "test")}
        return {name: listed[name] for name in sorted(listed, key=natural)}
    if kind.scenes:
        numbers = np.arange(1, round(GAPS * kind.scenes) + 1)
        drawn = np.random.default_rng(kind.scenes).permutation(numbers)[: kind.scenes]
        names = [str(number) for number in sorted(drawn)]
    else:
        form = "scene_{}" if kind.name == "folder" else "{:04d}"
        names = [form.format(number) for number in range(1, count + 1)]
    order = by_chance(names, 0)[1:]  # the first is for training, lest nothing is
    if kind.name == "folder":
        tenth = max(1, round(VAL_SHARE * count))
        val, test = order[:tenth], order[tenth : 2 * tenth]
    else:
        share = kind.sizes[1] / sum(kind.sizes) if kind.sizes else TEST_SHARE
        val, test = [], order[: max(1, round(share * len(names)))]
    lists: dict[Split, list[str]] = {"val": val, "test": test}
    return {
        name: next((split for split, its in lists.items() if name in its), "train")
        for name in names
    }


def _choose(pool: dict[str, Split], count: int, seed: int) -> dict[str, Split]:
    """So many of the scenes, by the seed; of each split as large a share, and one at least."""
    if count == len(pool):
        return pool
    test = [name for name, split in pool.items() if split == "test"]
    others = [name for name, split in pool.items() if split != "test"]
    tests = min(max(round(count * len(test) / len(pool)), 1), count - 1)
    names = by_chance(others, seed)[: count - tests] + by_chance(test, seed)[:tests]
    return {name: pool[name] for name in names}


def _spoilt(scenes: dict[str, Split], settings: FakeSettings) -> tuple[str, str]:
    """Which scene's cube is cut short and which has no mask: two of the training scenes."""
    if not settings.quirks:
        return "", ""
    train = sorted((name for name, split in scenes.items() if split == "train"), key=natural)
    if len(train) < 3:
        raise SettingError(
            f"{len(scenes)} scenes, of which {len(train)} are for training, are too few to spoil "
            "two; ask for more --scenes, or for --no-quirks"
        )
    truncated, without_mask = by_chance(train, settings.seed + 1)[:2]
    return truncated, without_mask
