"""Prepared sets: one file a scene, and a manifest that says how they were made.

PREPARED/manifest.json            settings, statistics, bands, wavelengths, splits, checksums
PREPARED/scenes/NAME.safetensors  region_map (H, W) int32, spectra (R, B), mask (H, W) uint8

A scene's file carries a checksum of its own numbers and what it was made from, so that a damaged
or outdated one is known by itself.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from dmssn import __version__
from dmssn.files import replacing
from dmssn.regions import RegionCube

FORMAT = 2
"""1 had no checksums; it is still read."""
NOT_COUNTED = 2
"""In a stored mask, beside 0 and 1."""


class Scene(NamedTuple):
    """A homogenized cube and its truth.

    Attributes:
        cube: The cube.
        mask: Bool of shape (H, W), True is salient.
        counted: Likewise, False where the truth is not known; None when it is everywhere.
    """

    cube: RegionCube
    mask: NDArray[np.bool_]
    counted: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Manifest:
    """How a prepared set was made and what is in it.

    Attributes:
        prepare: Settings of ``preparing.prepare``.
        bands: Bands of every scene.
        wavelengths_nm: Of those bands; None when unknown or when they differ.
        mean: Statistics of the training scenes; None when each cube has its own.
        std: Likewise.
        splits: Names of the scenes of each split.
        source: Which data set, whose split, and how its cubes were turned.
        versions: Of the programs whose arithmetic made the numbers.
        left_out: Scenes that could not be prepared, and why.
        checksums: SHA-256 of each scene's file.
    """

    prepare: dict[str, Any]
    bands: int
    wavelengths_nm: list[float] | None
    mean: list[float] | None
    std: list[float] | None
    splits: dict[str, list[str]]
    source: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)


class PreparedSet:
    """A prepared set on disk, opened for training; its test scenes are closed to it.

    Raises:
        FileNotFoundError: There is no finished prepared set.
        ValueError: It was written by a newer version, or is something else.
    """

    def __init__(self, root: Path) -> None:
        """Read the manifest of the set at ``root``."""
        self.root = root
        self._seen: set[str] = set()
        path = root / "manifest.json"
        if not path.is_file():
            raise FileNotFoundError(f"{root}: no prepared set; make it with `dmssn prepare`")
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            if table.pop("format") > FORMAT:
                raise ValueError(f"{root}: prepared by a newer dmssn; upgrade to read it")
            table.pop("version")
            self.manifest = Manifest(**table)
        except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise ValueError(
                f"{path}: not of a prepared set; make one with `dmssn prepare`"
            ) from None

    def names(self, split: Literal["train", "val"]) -> list[str]:
        """Scenes of the training or the validation split.

        Raises:
            ValueError: The split is another, such as the locked "test", or has no scene.
        """
        if split not in ("train", "val"):
            raise ValueError(
                f"training takes train and val, not {split!r}: the test scenes are for evaluation"
            )
        return self._names(split)

    def test_names(self) -> list[str]:
        """Scenes of the test split, for evaluation once training is over and for nothing else.

        Whatever is chosen by their scores, an epoch or a setting, makes those scores worthless.

        Raises:
            ValueError: The split has no scene.
        """
        return self._names("test")

    def _names(self, split: str) -> list[str]:
        names = self.manifest.splits.get(split, [])
        if not names:
            raise ValueError(f"{self.root}: no scene in the {split} split")
        return names

    def read(self, name: str) -> Scene:
        """Read one scene; the first time, its checksum is compared too.

        Raises:
            ValueError: Its file is missing or damaged.
        """
        scene = read_scene(self.root, name, verify=name not in self._seen)
        self._seen.add(name)
        return scene


def scene_path(root: Path, name: str) -> Path:
    """File of a scene."""
    return root / "scenes" / f"{name}.safetensors"


def write_scene(root: Path, scene: Scene, about: Mapping[str, Any] | None = None) -> None:
    """Write one scene, whole or not at all.

    Args:
        root: The prepared set.
        scene: The scene.
        about: Further plain values for the file's header, such as what it was made from.

    Raises:
        OSError: It cannot be written.
    """
    mask = scene.mask.astype(np.uint8)
    if scene.counted is not None:
        mask[~scene.counted] = NOT_COUNTED
    arrays: dict[str, NDArray[Any]] = {
        "region_map": scene.cube.region_map,
        "spectra": scene.cube.spectra,
        "mask": mask,
        "source_shape": np.asarray(scene.cube.source_shape, dtype=np.int64),
    }
    header = {"format": FORMAT, **(about or {})}
    header["sha256"] = _checksum(arrays, header)
    with replacing(scene_path(root, scene.cube.name)) as partial:
        # As in checkpoints; one key alone, since the library writes several in any order.
        partial.write_bytes(serialized(arrays, metadata={"dmssn": json.dumps(header)}))


def read_scene(root: Path, name: str, *, verify: bool = True) -> Scene:
    """Read one scene.

    Args:
        root: The prepared set.
        name: Of the scene.
        verify: Whether to compare its checksum.

    Raises:
        ValueError: Its file is missing or damaged.
    """
    path = scene_path(root, name)
    try:
        with safe_open(path, framework="np") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}
            header = json.loads((file.metadata() or {}).get("dmssn", "{}"))
        told = header.pop("sha256", None)
        old = not header  # of format 1
        if verify and not old and told != _checksum(arrays, header):
            raise ValueError("its checksum differs")
        height, width = (int(side) for side in arrays["source_shape"])
        cube = RegionCube(arrays["region_map"], arrays["spectra"], name, (height, width))
        counted = arrays["mask"] != NOT_COUNTED
        return Scene(cube, arrays["mask"] == 1, None if counted.all() else counted)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a prepared scene ({error}); prepare the set again") from None


def read_about(root: Path, name: str) -> dict[str, Any] | None:
    """The header of a scene's file; None when there is no file, or not a whole one.

    Its numbers are not read.
    """
    try:
        with safe_open(scene_path(root, name), framework="np") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {}).get("dmssn", "{}"))
            return header | {"bands": int(file.get_slice("spectra").get_shape()[1])}
    except (SafetensorError, OSError, ValueError):
        return None


def _checksum(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> str:
    """SHA-256 of the header and of the arrays' bytes, in the order of their names."""
    total = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        total.update(np.ascontiguousarray(arrays[name]).data)
    return total.hexdigest()


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest, which makes the set complete."""
    write_json(root / "manifest.json", {"format": FORMAT, "version": __version__, **vars(manifest)})


def read_begun(manifest: Path) -> dict[str, Any] | None:
    """What an earlier run said of the folder it began; None where it said nothing.

    Raises:
        ValueError: It is not JSON.
    """
    if not manifest.is_file():
        return None
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{manifest} is not JSON; choose another folder") from None
    return found if isinstance(found, dict) else {}


def write_json(path: Path, table: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write JSON, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
