"""Tiles: the whole scene's statistics from rows as they come, weights, seams, and maps."""

import json
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmssn import preparing
from dmssn.cli import main
from dmssn.config import MixtureConfig, PrepareConfig, SettingError
from dmssn.cube import Cube
from dmssn.detector import load_network
from dmssn.models.autoencoder import Packing
from dmssn.models.evidence import CHANNELS, OF_SPECTRA
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN
from dmssn.models.whole_scene import WholeScene
from dmssn.preparing import Statistics
from dmssn.regions import OUTSIDE, connected_regions
from dmssn.resample import axis_weights
from dmssn.surveying import survey
from dmssn.tiles import homogenizing
from dmssn.tiles.connecting import connect
from dmssn.tiles.detecting import TiledDetector
from dmssn.tiles.homogenizing import homogenize
from dmssn.tiles.layout import spans, tiles
from dmssn.tiles.scratch import Scratch
from generated import cube_of
from making import BANDS, Watched, write_detector

HEIGHT, WIDTH = 150, 130  # 19,500 pixels: more than one block of `kmeans_numpy.PIXELS_AT_ONCE`


def scene(holes: bool = True) -> Cube:
    cube = cube_of(HEIGHT, WIDTH, BANDS)
    if holes:
        cube.data[5:9, 20:70] = np.nan
        cube.data[::37, ::11, 3] = np.inf
        cube.data[:, 100:104] = np.nan  # from top to bottom: what it parts is never joined
        cube.data[70, 31] = 1e6
    return cube


def watched(cube: Cube, rows: int) -> Watched:
    return Watched(cube.data, cube.wavelengths_nm, cube.name).in_blocks(rows)


SETTINGS = {
    "shipped": PrepareConfig(),
    "components": PrepareConfig(homogenize="component"),
    "pixels": PrepareConfig(homogenize="none"),
    "exact": PrepareConfig(mixture=MixtureConfig(mode="exact")),
    "data set": PrepareConfig(statistics="data set"),
}


# Statistics of the whole


@pytest.mark.parametrize(
    ("name", "rows"), [*((name, 7) for name in SETTINGS), ("shipped", 64), ("shipped", HEIGHT)]
)
def test_regions_are_those_of_the_whole_scene(monkeypatch, name, rows):
    config, cube = SETTINGS[name], scene()
    config = replace(config, mixture=replace(config.mixture, components=12))
    statistics = None
    if config.statistics == "data set":
        statistics = Statistics(np.full(BANDS, 0.4), np.full(BANDS, 0.2))
    monkeypatch.setattr(homogenizing, "STRIP", 10 * WIDTH)
    monkeypatch.setattr(homogenizing, "ROWS_AT_ONCE", 100)
    whole = preparing.homogenize(survey(cube, (HEIGHT, WIDTH)), config, statistics)
    found = homogenize(watched(cube, rows), config, statistics)
    np.testing.assert_array_equal(found.region_map, whole.region_map)
    np.testing.assert_allclose(found.spectra, whole.spectra, atol=1e-5)
    np.testing.assert_array_equal(found.areas, whole.areas)
    np.testing.assert_array_equal(found.valid, cube.valid())


def test_bands_and_colours_are_those_of_a_survey():
    cube = scene()
    bands, colours = axis_weights(BANDS, 5), axis_weights(BANDS, 3)
    config = PrepareConfig(mixture=MixtureConfig(components=6))
    found = survey(cube, (HEIGHT, WIDTH), bands, colours)
    whole = preparing.homogenize(found, config)
    tiled = homogenize(watched(cube, 20), config, bands=bands, colours=colours)
    np.testing.assert_array_equal(tiled.region_map, whole.region_map)
    np.testing.assert_allclose(tiled.spectra, whole.spectra, atol=1e-5)
    np.testing.assert_allclose(tiled.colours, found.colours, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("homogenize_by", ["region", "component", "none"])
def test_a_scene_of_one_pixel_and_one_without_any(homogenize_by):
    config = PrepareConfig(homogenize=homogenize_by)
    one = np.full((1, 1, BANDS), 0.5, dtype=np.float32)
    found = homogenize(Cube(one), config)
    assert (found.region_map.tolist(), found.areas.tolist()) == ([[0]], [1])
    with pytest.raises(ValueError, match="no pixel has a finite value in every band"):
        homogenize(Cube(one * np.nan), config)


def test_wrong_statistics_are_refused_as_they_are_of_a_whole_scene():
    config = PrepareConfig(statistics="data set")
    for statistics, said in (
        (None, "were not given"),
        (Statistics(np.zeros(3), np.ones(3)), "but statistics of 3"),
        (Statistics(np.zeros(BANDS), np.full(BANDS, 1e-12)), "bring it to their units"),
    ):
        with pytest.raises(ValueError, match=said):
            homogenize(scene(), config, statistics)


def test_an_exact_mixture_of_many_pixels_is_refused(monkeypatch):
    monkeypatch.setattr("dmssn.tiles.homogenizing.SAMPLE", 1000)
    with pytest.raises(SettingError, match="takes all pixels at once"):
        homogenize(scene(), SETTINGS["exact"])


@settings(max_examples=60)
@given(st.data())
def test_strips_joined_are_the_regions_of_the_whole(data):
    height, width, high = (data.draw(st.integers(1, most)) for most in (12, 9, 5))
    kinds = data.draw(st.integers(1, 3))
    cells = st.lists(st.integers(-1, kinds), min_size=height * width, max_size=height * width)
    components = np.array(data.draw(cells), dtype=np.int32).reshape(height, width)
    pieces = np.zeros_like(components)
    cuts = (slice(top, min(top + high, height)) for top in range(0, height, high))
    number = connect(((rows, components[rows]) for rows in cuts), pieces)
    joined = np.append(number, OUTSIDE)[pieces]
    np.testing.assert_array_equal(joined, connected_regions(components))


def test_a_disk_without_room_is_an_error_of_one_line(tmp_path, small_files):
    with pytest.raises(OSError, match=r"no room for .* GB of a large scene"):
        Scratch(tmp_path).array((100, 100), np.float32)


class Striped(Cube):
    """A scene of any height that is made as it is read."""

    @classmethod
    def of(cls, height: int) -> "Striped":
        made = cls(np.zeros((1, 64, BANDS), dtype=np.float32))
        object.__setattr__(made, "rows", height)
        return made

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.rows, 64, BANDS

    def row_blocks(self) -> list[slice]:
        return [slice(top, top + 50) for top in range(0, self.rows, 50)]

    def read(self, rows: slice, /) -> np.ndarray:
        row, column, band = np.ogrid[rows, :64, :BANDS]
        stripes = np.sin((row // 20 * 7 + column // 16 * 3) % 5 + band)
        return (stripes + 0.01 * np.sin(row * 1.7 + column * 2.3 + band)).astype(np.float32)


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr("dmssn.mixture.SAMPLE", 400)
    monkeypatch.setattr("dmssn.tiles.homogenizing.SAMPLE", 400)
    monkeypatch.setattr(homogenizing, "STRIP", 64 * 100)
    config = PrepareConfig(mixture=MixtureConfig(components=5))
    heights, peaks = (400, 1600), []
    for height in heights:
        tracemalloc.start()
        homogenize(Striped.of(height), config)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < (heights[1] - heights[0]) * 64  # a byte a pixel


# What the network sees


def network(encoder: str, evidence: bool) -> DMSSN:
    torch.manual_seed(0)
    made = DMSSN(BANDS, encoder=encoder, with_evidence=evidence, config=MSSTConfig())
    if encoder == "pca":
        made.student.weight.normal_()
    return made.eval()


def whole_scene(made: DMSSN, spectra, areas, region_map, at_once: int = 50) -> WholeScene:
    table = torch.from_numpy(np.array(spectra))

    def blocks():
        for first in range(0, len(table), at_once):
            rows = slice(first, first + at_once)
            yield rows, table[rows]

    area = torch.from_numpy(np.array(areas)).float()
    return WholeScene(made, blocks, area, torch.from_numpy(region_map), lambda ids: table[ids])


@pytest.mark.parametrize("encoder", ["student", "pca", "bands"])
@pytest.mark.parametrize("evidence", [False, True])
@torch.inference_mode()
def test_a_part_sees_the_code_and_the_evidence_of_the_whole(encoder, evidence):
    config = PrepareConfig(mixture=MixtureConfig(components=10))
    found = preparing.homogenize(survey(scene(), (HEIGHT, WIDTH)), config)
    made = network(encoder, evidence)
    area = torch.from_numpy(found.areas).float()
    packing = Packing(area, (len(area),))
    everything = torch.from_numpy(found.region_map)
    expected = made._seen(
        made.student.encode(torch.from_numpy(found.spectra), packing),
        torch.from_numpy(found.spectra),
        everything[None],
        packing,
    )
    whole = whole_scene(made, found.spectra, found.areas, found.region_map)
    rows, columns = slice(40, 90), slice(60, 110)
    window = found.region_map[rows, columns]
    ids, local = np.unique(window, return_inverse=True)
    assert ids[0] == OUTSIDE
    seen = whole.seen(
        torch.from_numpy(found.spectra[ids[1:]]),
        area[ids[1:]],
        torch.from_numpy(local.reshape(window.shape) - 1),
    )
    # Directions of evidence are equal up to their signs, which no evidence knows.
    belonging = 32 + (OF_SPECTRA if evidence else 0)
    torch.testing.assert_close(
        seen[:, :belonging], expected[:, :belonging, rows, columns], atol=1e-4, rtol=0
    )
    assert seen.shape[1] == 32 + (CHANNELS if evidence else 0)


@torch.inference_mode()
def test_the_whole_scene_as_one_part_has_the_map_of_the_whole():
    config = PrepareConfig(mixture=MixtureConfig(components=10))
    found = preparing.homogenize(survey(scene(), (HEIGHT, WIDTH)), config)
    made = network("student", True)
    area = torch.from_numpy(found.areas).float()
    spectra, rows = torch.from_numpy(found.spectra), torch.from_numpy(found.region_map)
    expected = made.saliency(spectra, rows[None], Packing(area, (len(area),)))[0, 0]
    whole = whole_scene(made, found.spectra, found.areas, found.region_map)
    torch.testing.assert_close(whole.saliency(spectra, area, rows), expected, atol=1e-4, rtol=0)


# Where tiles lie


@given(length=st.integers(1, 400), side=st.integers(3, 90), share=st.floats(0.01, 1 / 3))
def test_weights_sum_to_one_and_change_by_one_over_the_overlap(length, side, share):
    overlap = max(1, int(side * share))
    found = spans(length, side, overlap)
    weights = np.zeros((len(found), length))
    for number, span in enumerate(found):
        assert span.pixels.stop - span.pixels.start == min(side, length)
        weights[number, span.pixels] = span.weight
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
    assert (weights >= 0).all()
    assert np.abs(np.diff(weights, axis=1)).max(initial=0) <= 1 / overlap + 1e-6
    for before, after in pairwise(found):
        assert before.pixels.stop - after.pixels.start >= min(overlap, length)


def test_a_scene_smaller_than_a_tile_is_one():
    ((rows, columns, weight),) = tiles((20, 70), 96, 24)
    assert (rows, columns) == (slice(0, 20), slice(0, 70))
    assert (weight == 1).all()


@given(seed=st.integers(0, 99), side=st.integers(8, 40), share=st.floats(0.05, 1 / 3))
def test_tiles_that_disagree_leave_no_step_above_one_over_the_overlap(seed, side, share):
    # Each tile has a number of its own, as far apart as can be: all steps are of the blend.
    overlap = max(1, int(side * share))
    values = np.random.default_rng(seed)
    blend = np.zeros((97, 61))
    for rows, columns, weight in tiles(blend.shape, side, overlap):
        blend[rows, columns] += weight * values.integers(0, 2)
    steps = max(np.abs(np.diff(blend, axis=axis)).max(initial=0) for axis in (0, 1))
    assert steps <= 1 / overlap + 1e-6


# Detectors


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def test_one_tile_is_the_map_at_the_scenes_own_size(weights):
    cube = scene()
    square = Cube(cube.data[:120, :120].copy(), cube.wavelengths_nm)
    whole = load_network(f"{weights}:sizes=120").detect(square)
    tiled = TiledDetector(load_network(weights), 120).detect(square)
    np.testing.assert_allclose(tiled.saliency, whole.saliency, atol=1e-4)
    np.testing.assert_array_equal(tiled.regions.region_map, whole.regions.region_map)
    assert (tiled.saliency[~square.valid()] == 0).all()


def test_seams_are_bounded_by_how_far_tiles_differ(weights):
    """The step that tiles add to the map is their difference, over the overlap."""
    cube, side, overlap = scene(holes=False), 64, 16
    detector = TiledDetector(load_network(weights), side, overlap)
    maps = []
    judge = detector._tile
    detector._tile = lambda *given: maps.append(judge(*given)) or maps[-1]
    blended = detector.detect(cube).saliency
    places = list(tiles(blended.shape, side, overlap))
    low, high = np.full((2, *blended.shape), np.inf) * np.array([1, -1])[:, None, None]
    own = {axis: np.zeros(blended.shape) for axis in (0, 1)}
    for (rows, columns, _), found in zip(places, maps, strict=True):
        low[rows, columns] = np.minimum(low[rows, columns], found)
        high[rows, columns] = np.maximum(high[rows, columns], found)
        for axis, steps in own.items():
            here = np.abs(np.diff(found, axis=axis, append=found.take([-1], axis)))
            steps[rows, columns] = np.maximum(steps[rows, columns], here)
    apart = float((high - low).max())
    assert apart > 0  # or nothing is tried
    for axis, steps in own.items():
        seen = np.abs(np.diff(blended, axis=axis, append=blended.take([-1], axis)))
        assert (seen <= steps + apart / overlap + 1e-5).all()


def run(capsys, *tokens) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, tokens)])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def test_predict_in_tiles_writes_the_files_of_any_prediction(capsys, tmp_path, weights):
    np.save(tmp_path / "a.npy", scene().data)
    code, out, err = run(
        capsys, tmp_path / "a.npy", "-o", tmp_path / "out", "--detector", weights, "--json",
        "--tile", "64", "--overlap", "20", "--save", "npy", "mask", "objects", "--band-axis", "2",
    )  # fmt: skip
    assert code == 0, err
    (told,) = json.loads(out)
    assert told["notes"][-1] == "judged in 9 tiles of 64 pixels, 20 shared"
    assert told["regions"] > 10
    saved = np.load(tmp_path / "out" / "a.saliency.npy")
    assert saved.shape == (HEIGHT, WIDTH)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.mask.png", "a.objects.csv", "a.overlay.png", "a.saliency.npy", "a.saliency.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tile", "16"], "--tile must be from 32 to 2048 pixels, got 16"),
        (["--tile", "64", "--overlap", "33"], "--overlap must be from 1 to 21, a third of --tile"),
        (["--tile", "64", "--overlap", "0"], "--overlap must be from 1 to 21"),
        (["--overlap", "8"], "--overlap is of tiles: give --tile, too"),
        (["--tile", "64", "--detector", "sad"], "sad: --tile is for trained detectors"),
        (["--tile", "64", "--detector", "b.onnx"], "b.onnx: --tile is for trained detectors that"),
        (["--tile", "64", "--detector", "dmssn:sizes=64+96"], "for a detector without sizes"),
    ],
)
def test_tiles_that_cannot_be_are_code_2(capsys, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.onnx").touch()
    np.save(tmp_path / "a.npy", scene().data)
    code, out, err = run(capsys, tmp_path / "a.npy", "-o", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
