"""Packed batches: rows, areas and maps fit; order and changes depend on seed and epoch alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dmssn.batches import (
    EpochOrder,
    TrainingScenes,
    TrainingSteps,
    pack,
    pack_cube,
)
from dmssn.config import AugmentConfig, FitConfig, SettingError
from dmssn.distributed import World
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


def order_of(scenes, epoch=0, start=0, world=None, **fit):
    """The scenes of each part, without the epoch."""
    order = EpochOrder(scenes, FitConfig(**fit), world or World())
    order.epoch, order.start = epoch, start
    keys = list(order)
    assert {key[0] for part in keys for key in part} <= {epoch}
    assert len(order) == len(keys)
    return [[key[1] for key in part] for part in keys]


def test_every_scene_once_an_epoch_in_an_order_of_its_own():
    orders = [order_of(50, epoch, batch=1, seed=3) for epoch in range(3)]
    for order in orders:
        assert sorted(scene for (scene,) in order) == list(range(50))
    assert orders[0] != orders[1] != orders[2]
    assert order_of(50, 2, batch=1, seed=3) == orders[2]
    assert order_of(50, 0, batch=1, seed=4) != orders[0]


def test_an_order_can_be_entered_at_any_step():
    whole = order_of(50, batch=7, accumulate=3)
    assert len(whole) == 7 * 3
    assert order_of(50, start=4, batch=7, accumulate=3) == whole[4 * 3 :]
    assert order_of(50, start=7, batch=7) == []


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("accumulate", [1, 2, 4])
@pytest.mark.parametrize("batch", [5, 6, 40])
def test_processes_and_parts_share_each_step_out(size, accumulate, batch):
    alone = order_of(17, batch=batch, seed=1)
    shares = []
    for rank in range(size):
        fit = FitConfig(batch=batch, accumulate=accumulate, seed=1)
        steps = EpochOrder(17, fit, World(rank, size))
        keys = [[scene for _, scene in part] for part in steps]
        assert all(keys)
        at_once = steps.parts
        each = (keys[k : k + at_once] for k in range(0, len(keys), at_once))
        shares.append([[scene for part in step for scene in part] for step in each])
    for step, scenes in enumerate(alone):
        assert sorted(scene for share in shares for scene in share[step]) == sorted(scenes)
        sizes = [len(share[step]) for share in shares]
        assert max(sizes) - min(sizes) <= 1


def test_parts_of_one_process_are_the_shares_of_several():
    parts = order_of(12, batch=6, accumulate=3)
    for rank in range(3):
        assert order_of(12, batch=6, world=World(rank, 3)) == parts[rank::3]


@pytest.mark.parametrize(("scenes", "batch"), [(20, 3), (3, 20)])
def test_more_processes_than_scenes_in_a_step_are_refused(scenes, batch):
    with pytest.raises(SettingError, match=r"4 processes share 3 scenes a step: .*fit\.batch"):
        EpochOrder(scenes, FitConfig(batch=batch), World(0, 4))


def test_a_change_depends_on_seed_epoch_and_scene_alone(prepared):
    def maps(seed, keys):
        found = TrainingScenes(prepared, AugmentConfig(), FitConfig(seed=seed))
        return [found[key].cube.region_map for key in keys]

    keys = [(0, 0), (0, 1), (1, 0), (1, 1)]
    forward, backward = maps(0, keys), maps(0, keys[::-1])[::-1]
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(forward[0], forward[2])  # another epoch
    assert not np.array_equal(forward[0], maps(1, keys)[0])  # another seed


def batches_of(prepared, epoch, start=0, **settings):
    steps = TrainingSteps(prepared, AugmentConfig(), FitConfig(**settings))
    found = list(steps(epoch, start))
    assert len(found) == steps.per_epoch - start
    return [batch for parts in found for batch in parts]


def same(one, other):
    torch.testing.assert_close(one.spectra, other.spectra, rtol=0, atol=0)
    torch.testing.assert_close(one.region_map, other.region_map)
    torch.testing.assert_close(one.mask, other.mask)
    assert one.packing.counts == other.packing.counts


def test_workers_change_nothing(prepared):
    alone, helped = (batches_of(prepared, 1, batch=3, workers=workers) for workers in (0, 2))
    assert len(alone) == len(helped) == 2
    for one, other in zip(alone, helped, strict=True):
        same(one, other)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_starts_afresh_whatever_came_before_and_wherever_it_is_entered(prepared, workers):
    steps = TrainingSteps(prepared, AugmentConfig(), FitConfig(batch=3, workers=workers))
    list(steps(0, 1))
    next(iter(steps(1)))  # left before its end
    last = [batch for parts in steps(2) for batch in parts]
    for one, other in zip(last, batches_of(prepared, 2, batch=3), strict=True):
        same(one, other)
    (late,) = batches_of(prepared, 2, start=1, batch=3)
    same(late, last[1])


def test_amounts_by_hand():
    framed = scene(1, frame=3)
    unknown = np.ones(framed.mask.shape, dtype=bool)
    unknown[:5] = False
    batch = pack([scene(0, side=SIDE + 4, frame=1), framed._replace(counted=unknown)])
    side = SIDE + 6
    assert batch.mask.shape == (2, 1, side, side)
    inside = 36 * 36 + 32 * 32
    assert batch.amounts == (inside, inside - 2 * 32, 2)


@pytest.mark.parametrize(("batch", "sizes"), [(3, [3, 3]), (7, [7]), (20, [7]), (1, [1] * 7)])
def test_odd_scenes_wait_but_few_scenes_are_a_batch(prepared, batch, sizes):
    found = batches_of(prepared, 0, batch=batch)
    assert [len(one.mask) for one in found] == sizes


def test_training_scenes_are_those_of_the_training_split(prepared):
    found = TrainingScenes(prepared, NEUTRAL, FitConfig())
    assert found.names == prepared.manifest.splits["train"]
    np.testing.assert_array_equal(found[0, 4].cube.spectra, scene(4).cube.spectra)


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


def half_known(folder) -> PreparedSet:
    """A set of one scene, of which the left half of the truth is known."""
    first = scene(0)
    half = np.zeros(first.mask.shape, dtype=bool)
    half[:, : half.shape[1] // 2] = True
    write_scene(folder, first._replace(counted=half, mask=first.mask & half))
    splits = {"train": [first.cube.name], "val": [], "test": []}
    write_manifest(folder, Manifest({}, first.cube.spectra.shape[1], None, None, None, splits))
    return PreparedSet(folder)


def test_what_is_known_of_the_truth_is_warped_with_it(tmp_path):
    found = TrainingScenes(half_known(tmp_path), AugmentConfig(), FitConfig(seed=3))
    for epoch in range(5):
        cube, mask, counted = found[epoch, 0]
        assert not (mask & ~counted).any()
        assert not (counted & (cube.region_map < 0)).any()
        assert 0 < counted.mean() < 1


def test_a_training_scene_is_seen_in_views_with_what_is_known_of_it(tmp_path):
    config = replace(NEUTRAL, turns=True)
    found = TrainingScenes(half_known(tmp_path), config, FitConfig())
    views = [found[epoch, 0] for epoch in range(20)]
    assert len({view.cube.dense().tobytes() for view in views}) > 4
    for _, mask, counted in views:
        assert counted.mean() == 0.5
        assert not (mask & ~counted).any()
