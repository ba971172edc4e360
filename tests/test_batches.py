"""Packed batches: rows, areas and maps fit; order and changes depend on seed and epoch alone."""

import numpy as np
import pytest
import torch

from dmssn.batches import (
    EpochOrder,
    TrainingScenes,
    pack,
    pack_cube,
    training_batches,
    validation_batches,
)
from dmssn.config import AugmentConfig, FitConfig
from dmssn.losses import distillation_terms, reconstruction_terms, saliency_terms
from dmssn.models.autoencoder import Student, Teacher
from dmssn.models.network import DMSSN
from dmssn.regions import OUTSIDE, RegionCube, connected_regions
from dmssn.store import Manifest, PreparedSet, Scene, write_manifest, write_scene

SIDE, BANDS = 32, 5
NEUTRAL = AugmentConfig(flips=False, rotation=0, shrink=1, enlarge=1)


def scene(seed: int, name: str = "scene", side: int = SIDE, frame: int = 0) -> Scene:
    """Random blocks; the outermost ``frame`` pixels are outside."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 9, (side // 4, side // 4)), np.ones((4, 4), dtype=int))
    mask = blocks == 2
    if frame:
        blocks, mask = np.pad(blocks, frame, constant_values=-1), np.pad(mask, frame)
    region_map = connected_regions(blocks)
    spectra = rng.random((region_map.max() + 1, BANDS), dtype=np.float32)
    return Scene(RegionCube(region_map, spectra, name, (50, 60)), mask)


@pytest.fixture
def prepared(tmp_path):
    names = {"train": [f"t{k}" for k in range(7)], "val": ["v0", "v1", "v2"], "test": ["x"]}
    for seed, name in enumerate(names["train"] + names["val"]):
        write_scene(tmp_path, scene(seed, name))
    write_manifest(tmp_path, Manifest({}, BANDS, None, None, None, names))
    return PreparedSet(tmp_path)


def test_packed_scenes_are_the_scenes():
    scenes = [scene(0, frame=2), scene(1, side=36), scene(2, frame=2)]
    batch = pack(scenes)
    assert batch.spectra.shape == (sum(batch.packing.counts), BANDS)
    assert batch.region_map.dtype == torch.int32
    assert batch.mask.shape == (3, 1, 36, 36)
    assert batch.mask.dtype == batch.packing.area.dtype == batch.spectra.dtype == torch.float32
    dense = batch.dense()
    for index, (cube, mask, _) in enumerate(scenes):
        np.testing.assert_array_equal(dense[index].permute(1, 2, 0), cube.dense())
        np.testing.assert_array_equal(batch.mask[index, 0], mask)
        np.testing.assert_array_equal(batch.valid[index, 0], cube.region_map != OUTSIDE)
    parts = batch.packing.area.split(batch.packing.counts)
    for (cube, *_), areas in zip(scenes, parts, strict=True):
        np.testing.assert_array_equal(areas, cube.areas)


def test_a_cube_alone_is_a_batch_without_a_mask():
    cube, *_ = scene(0)
    batch = pack_cube(cube)
    assert batch.region_map.shape == (1, SIDE, SIDE)
    assert not batch.mask.any()


def test_moving_a_batch_keeps_it():
    batch = pack([scene(0), scene(1)])
    moved = batch.to(torch.device("cpu"))
    assert moved.packing.counts == batch.packing.counts
    for one, other in zip(batch, moved, strict=True):
        if isinstance(one, torch.Tensor):
            torch.testing.assert_close(one, other)


def test_autoencoders_and_their_losses_do_not_see_pixels_outside():
    # The same scenes with a frame of pixels outside, and cut out of it.
    framed, cut = pack([scene(0, frame=5), scene(1, frame=5)]), pack([scene(0), scene(1)])
    torch.manual_seed(0)
    student, teacher = Student(BANDS), Teacher(BANDS)
    found = []
    for batch in (framed, cut):
        output, example = (net(batch.spectra, batch.packing) for net in (student, teacher))
        area = batch.packing.area
        terms = reconstruction_terms(output.reconstruction, batch.spectra, area)
        found.append(
            (*output, *terms.values(), *distillation_terms(output, example, area).values())
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    # And both are the dense ones of the scenes without the frame.
    dense = student(cut.dense())
    spread = found[1][1][cut.region_map].permute(0, 3, 1, 2)
    torch.testing.assert_close(dense.code, spread, rtol=1e-3, atol=1e-4)


def test_what_is_said_of_pixels_outside_changes_no_saliency_loss():
    batch = pack([scene(0, frame=5), scene(1, frame=5)])
    logits = torch.randn(batch.mask.shape, generator=torch.Generator().manual_seed(0))
    loud = torch.where(batch.valid, logits, torch.tensor(30.0))
    one, other = (saliency_terms(maps, batch.mask, batch.valid) for maps in (logits, loud))
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_saliency_is_zero_outside():
    batch = pack([scene(0, frame=6)])
    torch.manual_seed(0)
    network = DMSSN(BANDS).eval()
    with torch.no_grad():
        saliency = network.saliency(batch.spectra, batch.region_map, batch.packing)
    assert (saliency[~batch.valid] == 0).all()
    assert (saliency[batch.valid] > 0).all()


def test_every_scene_once_an_epoch_in_an_order_of_its_own():
    order = EpochOrder(50, seed=3)
    assert len(order) == 50
    orders = []
    for epoch in range(3):
        order.epoch = epoch
        keys = list(order)
        assert {key[0] for key in keys} == {epoch}
        orders.append([key[1] for key in keys])
        assert sorted(orders[-1]) == list(range(50))
    assert orders[0] != orders[1] != orders[2]
    again = EpochOrder(50, seed=3)
    again.epoch = 2
    assert [key[1] for key in again] == orders[2]
    assert [key[1] for key in EpochOrder(50, seed=4)] != orders[0]


def test_a_change_depends_on_seed_epoch_and_scene_alone(prepared):
    def maps(seed, keys):
        found = TrainingScenes(prepared, AugmentConfig(), seed)
        return [found[key].cube.region_map for key in keys]

    keys = [(0, 0), (0, 1), (1, 0), (1, 1)]
    forward, backward = maps(0, keys), maps(0, keys[::-1])[::-1]
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(forward[0], forward[2])  # another epoch
    assert not np.array_equal(forward[0], maps(1, keys)[0])  # another seed


def batches_of(prepared, epoch, **settings):
    fit = FitConfig(**settings)
    loader, order = training_batches(prepared, AugmentConfig(), fit, pin=False)
    order.epoch = epoch
    return list(loader)


def test_workers_change_nothing(prepared):
    alone, helped = (batches_of(prepared, 1, batch=3, workers=workers) for workers in (0, 2))
    assert len(alone) == len(helped) == 2
    for one, other in zip(alone, helped, strict=True):
        torch.testing.assert_close(one.spectra, other.spectra, rtol=0, atol=0)
        torch.testing.assert_close(one.region_map, other.region_map)
        torch.testing.assert_close(one.mask, other.mask)
        assert one.packing.counts == other.packing.counts


def test_the_loader_starts_an_epoch_afresh_whatever_came_before(prepared):
    fit = FitConfig(batch=3)
    loader, order = training_batches(prepared, AugmentConfig(), fit, pin=False)
    for epoch in range(3):
        order.epoch = epoch
        last = list(loader)
    again = batches_of(prepared, 2, batch=3)
    torch.testing.assert_close(last[1].spectra, again[1].spectra, rtol=0, atol=0)


@pytest.mark.parametrize(("batch", "sizes"), [(3, [3, 3]), (7, [7]), (20, [7]), (1, [1] * 7)])
def test_odd_scenes_wait_but_few_scenes_are_a_batch(prepared, batch, sizes):
    found = batches_of(prepared, 0, batch=batch)
    assert [len(one.mask) for one in found] == sizes


def test_training_scenes_are_those_of_the_training_split(prepared):
    found = TrainingScenes(prepared, NEUTRAL, 0)
    assert found.names == prepared.manifest.splits["train"]
    np.testing.assert_array_equal(found[0, 4].cube.spectra, scene(4).cube.spectra)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_validation_is_every_scene_once_as_it_is(prepared, size):
    found = list(validation_batches(prepared, size))
    assert sum(len(batch.mask) for batch in found) == 3
    maps = torch.cat([batch.dense() for batch in found])
    for index, dense in enumerate(maps):
        np.testing.assert_array_equal(dense.permute(1, 2, 0), scene(7 + index).cube.dense())


def test_pixels_whose_truth_is_unknown_count_nowhere():
    known = scene(0)
    unknown = np.zeros(known.mask.shape, dtype=bool)
    unknown[3:9, 2:5] = True
    batch = pack([known, known._replace(counted=~unknown)])
    inside = batch.region_map >= 0
    torch.testing.assert_close(batch.valid[0, 0], inside[0])
    torch.testing.assert_close(batch.valid[1, 0], inside[1] & torch.from_numpy(~unknown))
    assert pack([known]).counted is None
    logits = torch.zeros(2, 1, *unknown.shape)
    wrong = batch.mask.clone()
    wrong[1, 0][torch.from_numpy(unknown)] = 1 - wrong[1, 0][torch.from_numpy(unknown)]
    terms = saliency_terms(logits, batch.mask, batch.valid)
    for name, term in saliency_terms(logits, wrong, batch.valid).items():
        torch.testing.assert_close(term, terms[name])


def test_what_is_known_of_the_truth_is_warped_with_it(tmp_path):
    first = scene(0)
    half = np.zeros(first.mask.shape, dtype=bool)
    half[:, : half.shape[1] // 2] = True
    write_scene(tmp_path, first._replace(counted=half, mask=first.mask & half))
    splits = {"train": [first.cube.name], "val": [], "test": []}
    write_manifest(tmp_path, Manifest({}, first.cube.spectra.shape[1], None, None, None, splits))
    found = TrainingScenes(PreparedSet(tmp_path), AugmentConfig(), seed=3)
    for epoch in range(5):
        cube, mask, counted = found[epoch, 0]
        assert not (mask & ~counted).any()
        assert not (counted & (cube.region_map < 0)).any()
        assert 0 < counted.mean() < 1
