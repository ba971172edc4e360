"""Which scenes are for training, validation and test: published lists, one's own, or by chance."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmssn.config import SettingError
from dmssn.datasets.data_set import SPLITS, DataSet, Split
from dmssn.datasets.layout import Layout, key, natural, subfolders

TEST_SHARE = 0.2
"""Of scenes, where a split is made by chance and nobody published its sizes."""


class Choice(NamedTuple):
    """How scenes are to be split.

    Attributes:
        split: Name of a published split, ``seeded``, ``folders``, or a file or folder of lists;
            empty for the default of the set.
        fold: ``k/n``: the k-th of n parts is the test split, the others are for training.
        val: Share of the training scenes that becomes the validation split where no list names it.
        seed: Of what is left to chance.
    """

    split: str = ""
    fold: str = ""
    val: float = 0.1
    seed: int = 0


class Chosen(NamedTuple):
    """A split, scene to split in the order of the lists, and a sentence that tells whose it is."""

    splits: dict[str, Split]
    said: str
    twice: list[str]
    """Names that more than one list, or one list twice, holds."""


def choose(kind: DataSet, root: Path, layout: Layout, choice: Choice) -> Chosen:
    """Split the scenes of a copy.

    A validation split is carved from the training scenes by the seed where no list gives one.

    Raises:
        SettingError: There is no such split, or the fold is none.
        FileNotFoundError: A list is missing.
    """
    lists, said = _lists(kind, root, layout, choice)
    lists = {
        split: [layout.spelling.get(key(name), name) for name in names]
        for split, names in lists.items()
    }
    if not lists.get("val") and choice.val > 0:
        lists["train"], lists["val"] = carve(lists.get("train", []), choice.val, choice.seed)
        if lists["val"]:
            said += f"; {len(lists['val'])} of train are for validation, by seed {choice.seed}"
    splits: dict[str, Split] = {}
    twice = []
    for split in SPLITS:
        for name in lists.get(split, []):
            if name in splits:
                twice.append(name)
            else:
                splits[name] = split
    return Chosen(splits, said, twice)


def _lists(
    kind: DataSet, root: Path, layout: Layout, choice: Choice
) -> tuple[dict[Split, list[str]], str]:
    names = layout.names
    if choice.fold:
        if choice.split:
            raise SettingError(
                f"fold {choice.fold!r} and split {choice.split!r} exclude each other"
            )
        part, parts = read_fraction("fold", choice.fold)
        if parts < 2:
            raise SettingError(f"fold takes two parts or more, got {choice.fold!r}")
        test = by_chance(names, choice.seed)[part - 1 :: parts]
        return _without(names, test), f"fold {part} of {parts} by seed {choice.seed}"
    wanted = choice.split or _default(kind, root, layout)
    if wanted in kind.splits:
        lists: dict[Split, list[str]] = {
            split: published(kind, wanted, split) for split in SPLITS if split != "val"
        }
        others = [name for name in kind.splits if name != wanted]
        more = f" (there is also {', '.join(others)})" if others else ""
        return lists, f"split {wanted!r}: {kind.splits[wanted]}{more}"
    if wanted == "folders":
        if not layout.parted:
            raise SettingError(f"{root}: its scenes do not lie in folders train and test")
        by_folder = {
            split: [name for name in names if layout.parted.get(name) == split] for split in SPLITS
        }
        return by_folder, "split as the copy's folders have it"
    if wanted == "seeded":
        return _without(names, _test_by_chance(kind, names, choice.seed)), (
            f"split by chance, seed {choice.seed}"
        )
    path = Path(wanted)
    if not path.exists():
        known = ", ".join([*kind.splits, "seeded", "folders"])
        raise SettingError(
            f"{wanted!r} is no split of {kind.title} and no file or folder of lists; "
            f"splits by name: {known}"
        )
    if path.is_file():
        listed = read_list(path)
        keys = {key(name) for name in listed}
        rest = [name for name in names if key(name) not in keys]
        own: dict[Split, list[str]] = {"train": rest, "test": listed}
        said = f"test scenes of {path.name}, train the others"
    else:
        own, said = own_lists(path), f"lists in {path.name}/"
        listed = [name for names in own.values() for name in names]
    if not any(key(name) in layout.spelling for name in listed):
        raise SettingError(f"{path}: no name in it is one of the scenes of {root}")
    return own, said


def _default(kind: DataSet, root: Path, layout: Layout) -> str:
    if kind.splits:
        return next(iter(kind.splits))
    own = subfolders(root).get("splits")
    if own is not None:
        return str(own)
    if (root / "splits").exists():
        raise ValueError(f"{root / 'splits'}: expected a folder of lists; move it away, or --split")
    return "folders" if layout.parted else "seeded"


def own_lists(folder: Path) -> dict[Split, list[str]]:
    """The lists ``train.txt``, ``val.txt`` and ``test.txt`` of a folder; one may be missing.

    Raises:
        FileNotFoundError: All are missing.
        ValueError: One has nearly such a name.
    """
    files = {path.name.lower(): path for path in folder.iterdir()}
    odd = [
        path.name
        for name, path in files.items()
        if name.endswith(".txt") and name[:-4] not in SPLITS and name.startswith(SPLITS)
    ]
    if odd:  # validation.txt is not to be passed over
        raise ValueError(f"{folder / odd[0]}: lists are called train.txt, val.txt and test.txt")
    lists = {split: read_list(files.get(f"{split}.txt", folder)) for split in SPLITS}
    if not any(lists.values()):
        raise FileNotFoundError(f"{folder}: train.txt, val.txt and test.txt name no scene")
    return lists


def read_list(path: Path) -> list[str]:
    """Names in a text file, one a line; none if there is no such file.

    Raises:
        ValueError: It is no text.
    """
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a text file, one name a line; this is binary") from None
    return [line.strip() for line in lines if line.strip()]


def published(kind: DataSet, name: str, split: str) -> list[str]:
    """A list that comes with the package."""
    path = files("dmssn.datasets") / "splits" / f"{kind.name}.{name}.{split}.txt"
    return path.read_text(encoding="utf-8").split()


def carve(names: Iterable[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Part names into what remains and a share by chance, both in their own order.

    Of two names or more, one at least goes each way.
    """
    names = list(names)
    count = min(max(1, round(share * len(names))), len(names) - 1)
    taken = set(by_chance(sorted(names, key=natural), seed)[: max(count, 0)])
    return [name for name in names if name not in taken], [n for n in names if n in taken]


def by_chance(names: list[str], seed: int) -> list[str]:
    """Names in an order that depends on them and the seed alone."""
    return [names[place] for place in np.random.default_rng([seed, 2]).permutation(len(names))]


def _test_by_chance(kind: DataSet, names: list[str], seed: int) -> list[str]:
    share = kind.sizes[1] / sum(kind.sizes) if kind.sizes else TEST_SHARE
    return by_chance(names, seed)[: round(share * len(names))]


def _without(names: list[str], test: list[str]) -> dict[Split, list[str]]:
    out = set(test)
    return {
        "train": [name for name in names if name not in out],
        "test": [name for name in names if name in out],
    }


def read_fraction(what: str, text: str) -> tuple[int, int]:
    """Read ``2/5``: the second of five parts.

    Raises:
        SettingError: It is no such text, or there is no such part.
    """
    try:
        part, parts = map(int, text.split("/"))
    except ValueError:
        part, parts = 0, 0
    if not 1 <= part <= parts:
        raise SettingError(f"{what} is one of so many parts, such as 2/5, got {text!r}")
    return part, parts
