"""What prediction writes, read back by other programs."""

import csv
import json

import numpy as np
import pytest
import skimage.io
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from dmssn.cube import Cube
from dmssn.rendering import render
from dmssn.saliency_maps import read_saliency
from dmssn.saving import (
    CONTOUR,
    overlay,
    save_mask,
    save_npy,
    save_objects,
    save_overlay,
    save_saliency,
    save_tiff,
)
from generated import cube_of

ORIGIN = {"version": "1.2", "detector": "tiny", "notes": ["µm, as the header says"]}
RAMP = np.linspace(0, 1, 20 * 30, dtype=np.float32).reshape(20, 30)


def said(path) -> dict:
    """The provenance in a picture."""
    with Image.open(path) as picture:
        assert picture.text["Software"] == "dmssn 1.2"
        return json.loads(picture.text["dmssn"])


def test_the_map_is_sixteen_bit_with_one_at_full_scale(tmp_path):
    path = tmp_path / "a.saliency.png"
    save_saliency(path, RAMP, ORIGIN)
    levels = skimage.io.imread(path)
    assert (levels.dtype, levels.shape) == (np.uint16, (20, 30))
    assert (levels[0, 0], levels[-1, -1]) == (0, 65535)
    np.testing.assert_allclose(levels / 65535, RAMP, atol=0.5 / 65535)
    np.testing.assert_allclose(read_saliency(path), RAMP, atol=0.5 / 65535)
    assert said(path) == ORIGIN


@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)))
def test_every_level_in_zero_to_one_keeps_its_place(tmp_path_factory, saliency):
    path = tmp_path_factory.mktemp("maps") / "a.png"
    save_saliency(path, saliency, ORIGIN)
    assert np.abs(read_saliency(path) - saliency).max() <= 0.51 / 65535  # float32 rounds the half


def test_the_mask_is_white_at_and_above_the_threshold_and_tells_it(tmp_path):
    saliency = np.array([[0.39, 0.4, 0.41]], np.float32)
    save_mask(tmp_path / "a.mask.png", saliency, float(np.float32(0.4)), ORIGIN)
    levels = skimage.io.imread(tmp_path / "a.mask.png")
    assert levels.dtype == np.uint8
    assert levels.tolist() == [[0, 255, 255]]
    assert said(tmp_path / "a.mask.png")["threshold"] == pytest.approx(0.4)


def test_float_maps_are_the_map_itself(tmp_path):
    save_npy(tmp_path / "a.saliency.npy", RAMP)
    save_tiff(tmp_path / "a.saliency.tif", RAMP, ORIGIN)
    in_tiff = skimage.io.imread(tmp_path / "a.saliency.tif")
    for levels in (np.load(tmp_path / "a.saliency.npy"), in_tiff):
        assert levels.dtype == np.float32
        np.testing.assert_array_equal(levels, RAMP)
    with tifffile.TiffFile(tmp_path / "a.saliency.tif") as file:
        assert json.loads(file.pages.first.description) == ORIGIN


def test_the_overlay_shows_the_scene_where_nothing_is_salient(tmp_path):
    cube = cube_of(height=300, width=280)
    picture = render(cube)
    save_overlay(tmp_path / "a.png", np.zeros((300, 280), np.float32), picture, 0.5, ORIGIN)
    np.testing.assert_array_equal(skimage.io.imread(tmp_path / "a.png"), picture)
    assert said(tmp_path / "a.png") == ORIGIN | {"threshold": 0.5}


def test_a_picture_mixed_in_blocks_of_rows_is_that_mixed_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (300, 260, 3), dtype=np.uint8)
    saliency = rng.random((300, 260), dtype=np.float32)
    found = overlay(picture, saliency, 0.5)
    monkeypatch.setattr("dmssn.saving.ROWS_AT_ONCE", 1000)
    np.testing.assert_array_equal(found, overlay(picture, saliency, 0.5))


def test_the_contour_runs_along_the_inside_of_what_is_salient():
    saliency = np.zeros((300, 300), np.float32)
    saliency[50:60, 70:90] = 0.8
    shown = overlay(np.full((300, 300, 3), 100, np.uint8), saliency, 0.5)
    contour = (shown == CONTOUR).all(axis=2)
    wanted = np.zeros((300, 300), bool)
    wanted[50:60, 70:90] = True
    wanted[51:59, 71:89] = False
    np.testing.assert_array_equal(contour, wanted)
    assert (shown[:50] == 100).all()
    assert (shown[55, 80] != 100).any()


def test_more_salient_is_shown_hotter():
    picture = np.full((256, 256, 3), 128, np.uint8)
    saliency = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    shown = overlay(picture, saliency, 2.0).astype(int)[0]
    assert shown[0].tolist() == [128, 128, 128]
    assert shown[-1, 0] > shown[0, 0] + 50
    assert shown[-1, 2] == shown[:, 2].min() or shown[-1, 0] > shown[-1, 2]


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        ((300, 280), 1),
        ((256, 256), 1),
        ((255, 400), 2),
        ((36, 36), 8),
        ((2, 300), 13),
        ((1, 5000), 1),
    ],
)
def test_a_small_scene_is_enlarged_by_a_whole_factor_within_limits(shape, factor):
    saliency = np.random.default_rng(0).random(shape).astype(np.float32)
    picture = np.zeros((*shape, 3), np.uint8)
    shown = overlay(picture, saliency, 0.5)
    assert shown.shape == (shape[0] * factor, shape[1] * factor, 3)
    middle = slice(factor // 2, None, factor)
    inside = ~(shown == CONTOUR).all(axis=2)[middle, middle]
    np.testing.assert_array_equal(
        shown[middle, middle][inside], overlay(picture, saliency, 9.0)[middle, middle][inside]
    )


def test_the_table_of_objects_has_a_row_each_and_a_column_a_band(tmp_path):
    values = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    cube = Cube(values, np.array([401.25, 500.0, 700.0]))
    saliency = np.zeros((4, 6), np.float32)
    saliency[0, 0] = saliency[0, 1] = 1
    saliency[3, 5] = 0.75
    save_objects(tmp_path / "a.csv", saliency, cube, 0.5)
    with (tmp_path / "a.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "object": "1", "area_px": "2", "row_start": "0", "row_stop": "1", "column_start": "0",
        "column_stop": "2", "centroid_row": "0", "centroid_column": "0.5", "mean_saliency": "1",
        "401.25_nm": "1.5", "500_nm": "2.5", "700_nm": "3.5",
    }  # fmt: skip
    assert (second["object"], second["area_px"], second["mean_saliency"]) == ("2", "1", "0.75")
    assert second["700_nm"] == "71"


def test_bands_without_wavelengths_are_numbered_and_no_object_is_an_empty_table(tmp_path):
    cube = Cube(np.ones((4, 6, 3), np.float32))
    save_objects(tmp_path / "a.csv", np.zeros((4, 6), np.float32), cube, 0.5)
    (line,) = (tmp_path / "a.csv").read_text().splitlines()
    assert line.endswith(",mean_saliency,band_0,band_1,band_2")


def test_wavelengths_that_print_alike_keep_their_own_columns(tmp_path):
    cube = Cube(np.ones((2, 2, 3), np.float32), np.array([1000.001, 1000.002, 1000.003]))
    save_objects(tmp_path / "a.csv", np.ones((2, 2), np.float32), cube, 0.5)
    with (tmp_path / "a.csv").open(newline="") as file:
        columns = next(csv.reader(file))
    assert len(set(columns)) == len(columns)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.saliency.png"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        save_saliency(path, RAMP, ORIGIN | {"notes": object()})
    assert [file.name for file in tmp_path.iterdir()] == ["a.saliency.png"]
    assert path.read_bytes() == b"old"
