"""Packed batches: the region tables of several scenes under one another, and their maps.

Letters: N images, B bands, H rows, W columns, R regions of all images together.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from dmssn.augment import augment
from dmssn.config import AugmentConfig, FitConfig, SettingError
from dmssn.distributed import World
from dmssn.models.autoencoder import Packing
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.store import PreparedSet, Scene
from dmssn.views import random_view


class Amounts(NamedTuple):
    """How much a batch has of what loss terms are means over; or the shares of a part."""

    area: float
    """Pixels of all regions."""
    pixels: float
    """Pixels inside whose truth is known."""
    images: float


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

    @property
    def amounts(self) -> Amounts:
        """Of this batch; quick where it is on the CPU."""
        area = float(self.packing.area.sum(dtype=torch.float64))
        return Amounts(area, int(self.valid.sum()), len(self.mask))

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


class TrainingScenes(Dataset[Scene | Exception]):
    """Augmented training scenes; the change depends on seed, epoch and scene alone.

    Neither the number of workers nor where a run was resumed moves it.
    """

    def __init__(self, prepared: PreparedSet, config: AugmentConfig, fit: FitConfig) -> None:
        """The scenes of the set's training split."""
        self.prepared = prepared
        self.names = prepared.names("train")
        self.config = config
        self.seed = fit.seed

    def __getitem__(self, key: tuple[int, int]) -> Scene | Exception:
        """The scene of an index, as it is in an epoch: (epoch, index); or why it cannot be had."""
        try:
            return self._scene(*key)
        except (ValueError, OSError) as error:
            return error

    def _scene(self, epoch: int, index: int) -> Scene:
        cube, mask, counted = self.prepared.read(self.names[index])
        generator = np.random.default_rng([self.seed, epoch, index])
        planes = mask if counted is None else np.stack([mask, counted], axis=2)
        cube, planes = augment(cube, planes, self.config, generator)
        cube, planes = random_view(cube, planes, self.config, generator)
        if counted is None:
            return Scene(cube, planes)
        return Scene(cube, planes[:, :, 0], planes[:, :, 1])


class EpochOrder(Sampler[list[tuple[int, int]]]):
    """Every scene once, in an order that depends on seed and epoch alone, as one process takes it.

    The scenes of a step are dealt to the processes, and a process's to its parts, like cards.
    Fewer scenes than a batch make one smaller batch; otherwise the odd ones at the end of an
    epoch wait for another (the order differs each time).
    """

    def __init__(self, scenes: int, fit: FitConfig, world: World) -> None:
        """Set ``epoch`` and ``start``, the first step, before each pass.

        Raises:
            SettingError: There are more processes than scenes in a step.
        """
        self.scenes = scenes
        self.fit = fit
        self.world = world
        self.batch = min(fit.batch, scenes)
        self.steps = scenes // self.batch
        if self.batch < world.size:
            raise SettingError(
                f"{world.size} processes share {self.batch} scenes a step: start fewer, or raise "
                f"fit.batch ({fit.batch}; there are {scenes} training scenes)"
            )
        self.parts = min(fit.accumulate, len(world.share(range(self.batch))))
        self.epoch = self.start = 0

    def __len__(self) -> int:
        """Number of parts of all steps to come."""
        return (self.steps - self.start) * self.parts

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the scenes of each part, as (epoch, index)."""
        order = np.random.default_rng([self.fit.seed, self.epoch]).permutation(self.scenes)
        for step in range(self.start, self.steps):
            scenes = order[step * self.batch : (step + 1) * self.batch].tolist()
            mine = self.world.share([(self.epoch, scene) for scene in scenes])
            for part in range(self.parts):
                yield list(mine[part :: self.parts])


class TrainingSteps:
    """The steps of an epoch, each a list of the batches that one process works through.

    Attributes:
        per_epoch: Steps of an epoch.
    """

    def __init__(
        self,
        prepared: PreparedSet,
        augmentation: AugmentConfig,
        fit: FitConfig,
        world: World | None = None,
        *,
        pin: bool = False,
    ) -> None:
        """Raises SettingError as ``EpochOrder`` does; ``pin`` puts batches in pinned memory."""
        scenes = TrainingScenes(prepared, augmentation, fit)
        self._order = EpochOrder(len(scenes.names), fit, world or World())
        self.per_epoch = self._order.steps
        self._loader: DataLoader[Any] = DataLoader(
            scenes,
            batch_sampler=self._order,
            num_workers=fit.workers,
            collate_fn=_packed,
            generator=torch.Generator(),  # or each pass would take a number of the training's own
            pin_memory=pin,
            persistent_workers=fit.workers > 0,
            worker_init_fn=_leave_signals_to_parent if fit.workers else None,
        )

    def __call__(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Yield the parts of each step of an epoch, from a step on.

        Raises:
            ValueError: A scene's file is missing or damaged.
        """
        self._order.epoch, self._order.start = epoch, start
        batches = iter(self._loader)
        while parts := list(islice(batches, self._order.parts)):
            for part in parts:
                if isinstance(part, Exception):
                    raise part
            yield parts


def _packed(scenes: Sequence[Scene | Exception]) -> Batch | Exception:
    """A batch; or why a scene cannot be had, in words of its own and not in those of a loader."""
    whole = [scene for scene in scenes if not isinstance(scene, Exception)]
    wrong = [scene for scene in scenes if isinstance(scene, Exception)]
    return wrong[0] if wrong else pack(whole)


def _leave_signals_to_parent(_: int) -> None:
    """End when the training process says so, and at no other's word.

    A scheduler signals all processes, and more than once. A loader that ended by that would tear
    the training process out of its step.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not hasattr(signal, "sigwaitinfo"):  # macOS, where no scheduler does so
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def wait() -> None:
        while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
