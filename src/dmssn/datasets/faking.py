"""Made-up data sets in the layouts of the published ones, full-size or small.

Tests read small ones; full-size ones show what ``dmssn prepare`` needs before the real one is on
the disk.
"""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn.datasets.data_set import SPLITS, DataSet
from dmssn.datasets.faking_files import (
    as_shown,
    cube_bytes,
    encode,
    write_colour,
    write_cube,
    write_label,
    write_mask,
)
from dmssn.datasets.faking_plan import FakePlan, FakeScenePlan, FakeSettings, plan
from dmssn.datasets.faking_scenes import FakeScene, fake_scene
from dmssn.files import locked, remove_partial, replacing, room
from dmssn.progress import track
from dmssn.rendering import paint, palette
from dmssn.store import read_begun, write_json
from dmssn.workers import in_order

MANIFEST = "fake.json"
FORMAT = 1
"""Counts up when the same settings give other files."""
PICTURE_BYTES = 4
"""A pixel's share of a scene's mask and colour picture, at most."""


class Places(NamedTuple):
    """Where a scene's files go; None where the set has no such file."""

    cube: Path
    mask: Path
    second_mask: Path | None
    colour: Path | None


def write_fake(
    kind: DataSet, root: Path, settings: FakeSettings, workers: int = 1
) -> dict[str, Any]:
    """Write a made-up data set, keeping the files an interrupted run with equal settings left.

    Args:
        kind: The set it imitates.
        root: Folder to write; new, empty or begun with the same settings.
        settings: What to write.
        workers: Processes that work at once; the files do not depend on it.

    Returns:
        What ``fake.json`` in the folder says: settings, names of scenes, and ``quirks``: kind of
        quirk to the scene and file that has it.

    Raises:
        SettingError: The set cannot be so.
        ValueError: The folder holds something else.
        OSError: The folder cannot be written to, or the disk is too small.
    """
    planned = plan(kind, settings)
    said = _said(planned)
    _check_folder(root, said)
    _check_disk(planned, root)
    write_json(root / MANIFEST, said)
    with locked(root):
        for folder in {path.parent for s in planned.scenes for path in _all(planned, s, root)}:
            remove_partial(folder)
        written = in_order(partial(_write_scene, planned, root), planned.scenes, workers)
        for _ in zip(
            written, track(planned.scenes, "making up scenes", each="scenes"), strict=True
        ):
            pass
        if kind.name == "folder":
            _write_lists(planned, root / "splits")
        said |= {"complete": True}
        write_json(root / MANIFEST, said)
    return said


def disk_bytes(kind: DataSet, root: Path, settings: FakeSettings) -> int:
    """How much disk ``write_fake`` will take, without what is there already; a little too much.

    Raises:
        SettingError: The set cannot be so.
    """
    return _disk_bytes(plan(kind, settings), root)


def _disk_bytes(planned: FakePlan, root: Path) -> int:
    height, width, _ = planned.shape
    each = cube_bytes(planned.form, planned.shape) + PICTURE_BYTES * height * width
    left = [s for s in planned.scenes if not _places(planned, s, root).cube.exists()]
    return each * len(left)


def _check_disk(planned: FakePlan, root: Path) -> None:
    needed = _disk_bytes(planned, root)
    _, free = room(root)
    if needed > free:
        raise OSError(
            f"{root}: {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free; ask for fewer "
            "--scenes or a smaller --size, or choose another place"
        )


def _check_folder(root: Path, said: dict[str, Any]) -> None:
    """See that the folder is empty, or that an earlier run with the same settings began it."""
    found = read_begun(root / MANIFEST)
    if found is not None:
        if found | {"complete": False} != said:
            raise ValueError(
                f"{root} holds a made-up data set with other settings; choose another folder, or "
                "delete it"
            )
    elif root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(f"{root} is not an empty folder and holds no {MANIFEST}; choose another")


def _said(planned: FakePlan) -> dict[str, Any]:
    """What the manifest holds, before all is written."""
    places = {scene.name: _places(planned, scene) for scene in planned.scenes}
    spoilt = {
        "truncated": [(s.name, places[s.name].cube) for s in planned.scenes if s.truncated],
        "without_mask": [(s.name, places[s.name].mask) for s in planned.scenes if s.without_mask],
    }
    quirks = {
        quirk: {"scene": name, "file": path.as_posix()}
        for quirk, those in spoilt.items()
        for name, path in those
    }
    settings = asdict(planned.settings)
    return {
        "format": FORMAT,
        "set": planned.kind.name,
        "settings": settings | {"size": list(settings["size"])},
        "orientation": planned.settings.orientation,
        "quirks": quirks,
        "scenes": [scene.name for scene in planned.scenes],
        "complete": False,
    }


def _write_lists(planned: FakePlan, folder: Path) -> None:
    for split in SPLITS:
        names = [scene.name for scene in planned.scenes if scene.split == split]
        with replacing(folder / f"{split}.txt") as path:
            path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _places(planned: FakePlan, scene: FakeScenePlan, root: Path = Path()) -> Places:
    """Where a scene's files go."""
    kind, suffix = planned.kind, planned.form.suffix
    if kind.name == "hrssd":
        part = root / ("ts" if scene.split == "test" else "tr")
        image, label, mask = (part / name / scene.name for name in ("image", "label", "mask"))
        return Places(_ending(image, suffix), _ending(label, ".tif"), _ending(mask, ".png"), None)
    part = root
    if planned.settings.layout == "parted":
        part = root / ("test" if scene.split == "test" else "train")
    masks = "ground-truth" if kind.name == "hs-sod" else kind.mask_folders[0]
    pictures = ".png" if kind.name == "folder" else ".jpg"
    return Places(
        _ending(part / kind.cube_folders[0] / scene.name, suffix),
        _ending(part / masks / scene.name, pictures),
        None,
        _ending(part / kind.colour_folders[0] / scene.name, pictures),
    )


def _ending(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _all(planned: FakePlan, scene: FakeScenePlan, root: Path) -> Iterator[Path]:
    return (path for path in _places(planned, scene, root) if path is not None)


def _write_scene(planned: FakePlan, root: Path, scene: FakeScenePlan) -> None:
    """Write one scene's files, but for those that are there."""
    places = _places(planned, scene, root)
    missing = {path for path in places if path is not None and not path.exists()}
    if scene.without_mask:
        missing.discard(places.mask)
    if not missing:
        return
    made = fake_scene(
        planned.shape[:2],
        planned.wavelengths_nm,
        (planned.settings.seed, scene.number),
        symmetric=planned.settings.symmetric,
    )
    for place in missing & {places.mask, places.second_mask}:
        labels = planned.kind.ignores and place == places.mask
        with replacing(place) as path:
            (write_label if labels else write_mask)(path, made.mask)
    if not missing & {places.cube, places.colour}:
        return
    bands = StoredBands(planned, made)
    if places.cube in missing:
        with replacing(places.cube) as path:
            write_cube(path, planned.form, bands.shape, planned.wavelengths_nm, bands)
            if scene.truncated:
                os.truncate(path, path.stat().st_size // 2)
    else:
        deque(bands, maxlen=0)
    if places.colour in missing:
        with replacing(places.colour) as path:
            write_colour(path, bands.picture())


class StoredBands:
    """A scene's bands as its file holds them, made up one by one, and the colours they add up to.

    Attributes:
        shape: (h, w, B) of the cube as the file shows it.
    """

    def __init__(self, planned: FakePlan, made: FakeScene) -> None:
        """Make up nothing yet."""
        self.shape = (*as_shown(made.mask, planned.settings.orientation).shape, planned.shape[2])
        self._planned, self._made = planned, made
        self._palette = palette(planned.shape[2], planned.wavelengths_nm)
        self._colours = np.zeros((*made.mask.shape, 3), dtype=np.float32)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Each band's stored numbers, (h, w)."""
        planned = self._planned
        weights = self._palette.weights.toarray()
        for band in range(planned.shape[2]):
            stored = encode(
                self._made.plane(band), planned.form, planned.kind.divisor, planned.kind.most
            )
            for colour in np.flatnonzero(weights[:, band]):
                self._colours[:, :, colour] += weights[colour, band] * stored
            yield as_shown(stored, planned.settings.orientation)

    def picture(self) -> NDArray[np.uint8]:
        """The scene in colour, upright, sRGB of shape (H, W, 3), once all bands were asked for."""
        return paint(self._colours, true=self._palette.true)
