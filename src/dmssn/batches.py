"""Packed batches: the region tables of several scenes under one another, and their maps.

Letters: N images, B bands, H rows, W columns, R regions of all images together.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from dmssn.augment import augment
from dmssn.config import AugmentConfig, FitConfig
from dmssn.models.autoencoder import Packing
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.store import PreparedSet, Scene


class Batch(NamedTuple):
    """Scenes as the networks take them.

    Attributes:
        spectra: Region tables, image after image, float32 of shape (R, B).
        packing: How the rows belong to images.
        region_map: Row of ``spectra`` of each pixel, int32 of shape (N, H, W), -1 outside.
        mask: 1 where salient, float32 of shape (N, 1, H, W).
        counted: False where the truth is not known, bool of the same shape; None when it is
            everywhere.
    """

    spectra: Tensor
    packing: Packing
    region_map: Tensor
    mask: Tensor
    counted: Tensor | None = None

    @property
    def valid(self) -> Tensor:
        """Pixels inside the scene whose truth is known, bool of shape (N, 1, H, W)."""
        inside = (self.region_map >= 0).unsqueeze(1)
        return inside if self.counted is None else inside & self.counted

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device; from pinned memory the copy does not wait."""
        packing = self.packing._replace(area=self.packing.area.to(device, non_blocking=True))
        return Batch(
            self.spectra.to(device, non_blocking=True),
            packing,
            self.region_map.to(device, non_blocking=True),
            self.mask.to(device, non_blocking=True),
            None if self.counted is None else self.counted.to(device, non_blocking=True),
        )

    def pin_memory(self) -> "Batch":
        """The batch in pinned memory; the data loader calls this."""
        packing = self.packing._replace(area=self.packing.area.pin_memory())
        return Batch(
            self.spectra.pin_memory(),
            packing,
            self.region_map.pin_memory(),
            self.mask.pin_memory(),
            None if self.counted is None else self.counted.pin_memory(),
        )

    def dense(self) -> Tensor:
        """The homogenized cubes, shape (N, B, H, W); pixels outside are zero."""
        padded = torch.cat([self.spectra, self.spectra.new_zeros(1, self.spectra.shape[1])])
        return padded[self.region_map].permute(0, 3, 1, 2).contiguous()


def pack(scenes: Sequence[Scene]) -> Batch:
    """Put scenes of one size into a batch."""
    counts = tuple(len(scene.cube.spectra) for scene in scenes)
    starts = np.cumsum((0, *counts[:-1]))
    region_map = np.stack(
        [
            np.where(scene.cube.region_map == OUTSIDE, OUTSIDE, scene.cube.region_map + start)
            for scene, start in zip(scenes, starts, strict=True)
        ]
    ).astype(np.int32)
    area = np.concatenate([scene.cube.areas for scene in scenes]).astype(np.float32)
    mask = np.stack([scene.mask for scene in scenes])[:, None].astype(np.float32)
    spectra = np.concatenate([scene.cube.spectra for scene in scenes])
    counted = None
    if any(scene.counted is not None for scene in scenes):
        known = [np.True_ if scene.counted is None else scene.counted for scene in scenes]
        counted = np.stack([np.broadcast_to(plane, mask.shape[2:]) for plane in known])[:, None]
    return Batch(
        torch.from_numpy(spectra),
        Packing(torch.from_numpy(area), counts),
        torch.from_numpy(region_map),
        torch.from_numpy(mask),
        None if counted is None else torch.from_numpy(counted),
    )


def pack_cube(cube: RegionCube) -> Batch:
    """A batch of one cube without a mask, for prediction."""
    return pack([Scene(cube, np.zeros(cube.region_map.shape, dtype=bool))])


class TrainingScenes(Dataset[Scene]):
    """Augmented training scenes; the change depends on seed, epoch and scene alone.

    Neither the number of workers nor where a run was resumed moves it.
    """

    def __init__(self, prepared: PreparedSet, config: AugmentConfig, seed: int) -> None:
        """The scenes of the set's training split."""
        self.prepared = prepared
        self.names = prepared.names("train")
        self.config = config
        self.seed = seed

    def __getitem__(self, key: tuple[int, int]) -> Scene:
        """The scene of an index, as it is in an epoch: (epoch, index)."""
        epoch, index = key
        cube, mask, counted = self.prepared.read(self.names[index])
        generator = np.random.default_rng([self.seed, epoch, index])
        if counted is None:
            return Scene(*augment(cube, mask, self.config, generator))
        planes = np.stack([mask, counted], axis=2)
        cube, planes = augment(cube, planes, self.config, generator)
        return Scene(cube, planes[:, :, 0], planes[:, :, 1])


class EpochOrder(Sampler[tuple[int, int]]):
    """Every scene once, in an order that depends on seed and epoch alone."""

    def __init__(self, scenes: int, seed: int) -> None:
        """Set ``epoch`` before each pass."""
        self.scenes = scenes
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        """Number of scenes."""
        return self.scenes

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (epoch, index)."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.scenes)
        return iter([(self.epoch, int(index)) for index in order])


def training_batches(
    prepared: PreparedSet, augmentation: AugmentConfig, fit: FitConfig, *, pin: bool
) -> tuple[DataLoader[Any], EpochOrder]:
    """Batches of one epoch, and the order whose ``epoch`` chooses which.

    Fewer scenes than a batch make one smaller batch; otherwise the odd ones at the end of an
    epoch wait for another (the order differs each time).
    """
    scenes = TrainingScenes(prepared, augmentation, fit.seed)
    order = EpochOrder(len(scenes.names), fit.seed)
    loader = DataLoader(
        scenes,
        batch_size=fit.batch,
        sampler=order,
        num_workers=fit.workers,
        collate_fn=pack,
        # Else workers are seeded by the next number of the training's own generator, and once a
        # process: a resumed run would draw one more than an uninterrupted one.
        generator=torch.Generator() if fit.workers else None,
        pin_memory=pin,
        drop_last=len(order) >= fit.batch,
        persistent_workers=fit.workers > 0,
    )
    return loader, order


def validation_batches(prepared: PreparedSet, batch: int) -> Iterator[Batch]:
    """Every validation scene once, in order, not augmented."""
    names = prepared.names("val")
    for first in range(0, len(names), batch):
        yield pack([prepared.read(name) for name in names[first : first + batch]])
