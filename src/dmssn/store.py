"""Prepared sets: one file a scene, and a manifest that says how they were made.

PREPARED/manifest.json          settings, statistics, bands, wavelengths, scenes
PREPARED/scenes/NAME.safetensors  region_map (H, W) int32, spectra (R, B), mask (H, W) uint8
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as serialized

from dmssn import __version__
from dmssn.files import replacing
from dmssn.regions import RegionCube

FORMAT = 1


class Scene(NamedTuple):
    """A homogenized cube and its mask, bool of shape (H, W), True is salient."""

    cube: RegionCube
    mask: NDArray[np.bool_]


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
    """

    prepare: dict[str, Any]
    bands: int
    wavelengths_nm: list[float] | None
    mean: list[float] | None
    std: list[float] | None
    splits: dict[str, list[str]]


class PreparedSet:
    """A prepared set on disk, opened for training; its test scenes stay closed.

    Raises:
        FileNotFoundError: There is no finished prepared set.
        ValueError: It was written by a newer version, or is something else.
    """

    def __init__(self, root: Path) -> None:
        """Read the manifest of the set at ``root``."""
        self.root = root
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
        names = self.manifest.splits.get(split, [])
        if not names:
            raise ValueError(f"{self.root}: no scene in the {split} split")
        return names

    def read(self, name: str) -> Scene:
        """Read one scene."""
        return read_scene(self.root, name)


def scene_path(root: Path, name: str) -> Path:
    """File of a scene."""
    return root / "scenes" / f"{name}.safetensors"


def write_scene(root: Path, scene: Scene) -> None:
    """Write one scene, whole or not at all."""
    arrays: dict[str, NDArray[Any]] = {
        "region_map": scene.cube.region_map,
        "spectra": scene.cube.spectra,
        "mask": scene.mask.astype(np.uint8),
        "source_shape": np.asarray(scene.cube.source_shape, dtype=np.int64),
    }
    with replacing(scene_path(root, scene.cube.name)) as partial:
        partial.write_bytes(serialized(arrays))  # as in checkpoints


def read_scene(root: Path, name: str) -> Scene:
    """Read one scene.

    Raises:
        ValueError: Its file is missing or damaged.
    """
    path = scene_path(root, name)
    try:
        arrays = load_file(path)
        height, width = (int(side) for side in arrays["source_shape"])
        cube = RegionCube(arrays["region_map"], arrays["spectra"], name, (height, width))
        return Scene(cube, arrays["mask"].astype(bool))
    except (SafetensorError, OSError, KeyError) as error:
        raise ValueError(f"{path}: not a prepared scene ({error}); prepare the set again") from None


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest, which makes the set complete."""
    write_json(root / "manifest.json", {"format": FORMAT, "version": __version__, **vars(manifest)})


def write_json(path: Path, table: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write JSON, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
