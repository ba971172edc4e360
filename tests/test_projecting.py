"""Principal components of the training scenes: against scikit-learn on the pixels themselves."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from dmssn.regions import RegionCube
from dmssn.store import Manifest, PreparedSet, Scene, write_manifest, write_scene
from dmssn.training.projecting import principal_components

BANDS, SIDE, REGIONS = 6, 16, 30


def scene(name: str, seed: int, spectra: np.ndarray | None = None, level: float = 0.0) -> Scene:
    """Regions of very different areas, strewn; the outermost rows are outside."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(REGIONS, 0.5))
    region_map = rng.choice(REGIONS, (SIDE, SIDE), p=shares).astype(np.int32)
    region_map.flat[rng.permutation(np.arange(SIDE, SIDE * SIDE))[:REGIONS]] = np.arange(REGIONS)
    region_map[0] = -1
    if spectra is None:
        mixed = rng.normal(size=(REGIONS, BANDS)) * np.linspace(1, 0.2, BANDS)
        turn = np.linalg.qr(np.random.default_rng(99).normal(size=(BANDS, BANDS)))[0]
        spectra = 0.1 * mixed @ turn.T + level
    cube = RegionCube(region_map, spectra.astype(np.float32), name, (SIDE, SIDE))
    return Scene(cube, np.zeros((SIDE, SIDE), dtype=bool))


def write_set(root, train: list[Scene], val: list[Scene] | None = None) -> PreparedSet:
    val = val or []
    for one in (*train, *val):
        write_scene(root, one)
    splits = {"train": [s.cube.name for s in train], "val": [s.cube.name for s in val], "test": []}
    bands = train[0].cube.spectra.shape[1]
    write_manifest(root, Manifest({}, bands, None, None, None, splits))
    return PreparedSet(root)


def centred_pixels(scenes: list[Scene]) -> np.ndarray:
    parts = [one.cube.spectra[one.cube.region_map[1:]].reshape(-1, BANDS) for one in scenes]
    return np.concatenate([part - part.astype(float).mean(axis=0) for part in parts])


def test_they_are_the_axes_of_all_pixels_each_scene_about_its_mean(tmp_path):
    # Levels far apart: about one mean for all, the first axis would be that of the levels.
    scenes = [scene("a", 0, level=0.1), scene("b", 1, level=0.5), scene("c", 2, level=0.9)]
    found = principal_components(write_set(tmp_path, scenes), 4).numpy()
    wanted = PCA(4, svd_solver="full").fit(centred_pixels(scenes)).components_
    np.testing.assert_allclose(
        found @ wanted.T, np.diag(np.sign((found * wanted).sum(1))), atol=1e-5
    )
    assert found.dtype == np.float32
    spread = (centred_pixels(scenes) @ found.T).var(axis=0)
    assert (np.diff(spread) < 0).all()


def test_the_largest_entry_of_each_axis_is_positive(tmp_path):
    found = principal_components(write_set(tmp_path, [scene("a", 3), scene("b", 4)]), BANDS)
    largest = found.abs().argmax(dim=1, keepdim=True)
    assert (found.gather(1, largest) > 0).all()


def test_a_known_axis_is_found_first(tmp_path):
    axis = np.array([-0.8, 0.0, 0.6, 0, 0, 0])
    along = np.random.default_rng(5).normal(size=(REGIONS, 1))
    found = principal_components(write_set(tmp_path, [scene("a", 5, 0.5 + 0.1 * along * axis)]), 1)
    np.testing.assert_allclose(found[0], -axis, atol=1e-5)


def test_rows_past_the_number_of_bands_are_zeros(tmp_path):
    prepared = write_set(tmp_path, [scene("a", 6), scene("b", 7)])
    found = principal_components(prepared, 9)
    assert found.shape == (9, BANDS)
    assert not found[BANDS:].any()
    np.testing.assert_allclose(found[:BANDS] @ found[:BANDS].T, np.eye(BANDS), atol=1e-6)
    np.testing.assert_array_equal(found[:3], principal_components(prepared, 3))


def test_only_training_scenes_count_and_their_order_does_not(tmp_path):
    train = [scene("a", 8), scene("b", 9, level=0.4), scene("c", 10)]
    alone = principal_components(write_set(tmp_path / "one", train), 3)
    val = [scene("v", 11, np.eye(REGIONS, BANDS) * 100)]
    beside = principal_components(write_set(tmp_path / "two", train[::-1], val), 3)
    np.testing.assert_allclose(beside, alone, atol=1e-6)


def test_a_region_weighs_as_much_as_its_pixels_apart(tmp_path):
    whole = scene("a", 12)
    ids = np.full((SIDE, SIDE), -1, dtype=np.int32)
    ids[1:] = np.arange(SIDE * (SIDE - 1)).reshape(SIDE - 1, SIDE)
    spectra = whole.cube.spectra[whole.cube.region_map[1:]].reshape(-1, BANDS)
    apart = Scene(RegionCube(ids, spectra, "a", (SIDE, SIDE)), whole.mask)
    one, other = (
        principal_components(write_set(tmp_path / name, [made]), BANDS)
        for name, made in (("whole", whole), ("apart", apart))
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_set_without_training_scenes_is_refused(tmp_path):
    write_set(tmp_path, [scene("a", 0)])
    write_manifest(tmp_path, Manifest({}, BANDS, None, None, None, {"train": [], "val": ["a"]}))
    with pytest.raises(ValueError, match="no scene in the train split"):
        principal_components(PreparedSet(tmp_path), 2)
