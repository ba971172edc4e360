"""Contact sheets: which scene is where, and what its pictures show."""

import math

import numpy as np
import pytest
from PIL import Image

from dmssn.judging.sheets import (
    GAP,
    LINE,
    MARGIN,
    ON_A_SHEET,
    SIDE,
    ScenePictures,
    SheetRow,
    Sheets,
    worst_first,
    write_sheets,
)
from judged import results_of

TOP = MARGIN + 2 * LINE + GAP + LINE
"""Of the first scene's pictures: under the head and the scene's name."""


def pictures_of(height=20, width=20, number=1, colour=(200, 100, 50), level=0.4, **more):
    shape = height, width
    told = {
        "colours": np.full((*shape, 3), colour, dtype=np.uint8),
        "mask": np.zeros(shape, dtype=bool),
        "maps": [np.full(shape, level) for _ in range(number)],
    }
    return ScenePictures(**(told | more))


def sheets_of(*scenes, entries=("one",), value=0.5):
    rows = [SheetRow(scene, [value] * len(entries)) for scene in scenes]
    return Sheets(entries, "max_f_measure", rows)


def shown(path, column, height=SIDE, width=SIDE, top=TOP):
    """The pixels of a picture of the first scene."""
    with Image.open(path) as page:
        pixels = np.asarray(page.convert("RGB"))
    left = MARGIN + column * (SIDE + GAP) + (SIDE - width) // 2
    return pixels[top : top + height, left : left + width]


def one_sheet(folder, pictures, **more):
    (path,) = write_sheets(folder, sheets_of("scene", **more), lambda _: pictures)
    return path


def scored(**scores):
    """Results of scene -> the two entries' values."""
    return results_of(
        {
            name: {scene: {"max_f_measure": both[place], "mean_absolute_error": 1 - both[place]}
                   for scene, both in scores.items()}
            for place, name in enumerate(("x", "y"))
        }
    )  # fmt: skip


def test_the_scene_that_all_do_badly_on_is_first():
    results = scored(easy=(0.9, 0.8), hard=(0.1, 0.2), mixed=(0.0, 0.9))
    sheets = worst_first(results)
    assert [row.scene for row in sheets.rows] == ["hard", "mixed", "easy"]
    assert sheets.rows[1].scores == [0.0, 0.9]
    assert sheets.entries == ["x", "y"]


def test_of_an_error_the_worst_is_the_largest():
    results = scored(easy=(0.9, 0.8), hard=(0.1, 0.2))
    assert [row.scene for row in worst_first(results, "mean_absolute_error").rows] == [
        "hard",
        "easy",
    ]


def test_equals_are_by_name_and_undefined_ones_last():
    nan = math.nan
    results = scored(d=(nan, nan), c=(0.5, 0.5), a=(nan, 0.7), b=(0.6, 0.4))
    assert [row.scene for row in worst_first(results).rows] == ["b", "c", "a", "d"]
    assert [row.scene for row in worst_first(results, "mean_absolute_error").rows] == [
        "b", "c", "a", "d",
    ]  # fmt: skip


def test_a_sheet_holds_twenty_scenes(tmp_path):
    names = [f"{number:03d}" for number in range(2 * ON_A_SHEET + 1)]
    asked = []

    def load(name):
        asked.append(name)
        return pictures_of(4, 8)

    paths = write_sheets(tmp_path, sheets_of(*names), load)
    assert [path.name for path in paths] == ["sheet_01.png", "sheet_02.png", "sheet_03.png"]
    assert asked == names
    heights = []
    for path in paths:
        with Image.open(path) as page:
            heights.append(page.height)
    assert heights[0] == heights[1] > heights[2]


def test_without_scenes_there_is_no_sheet(tmp_path):
    assert write_sheets(tmp_path, sheets_of(), lambda _: pictures_of()) == []


def test_columns_are_scene_mask_and_maps(tmp_path):
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:10] = True
    maps = [np.full((20, 20), 0.2), np.full((20, 20), 1.0)]
    path = one_sheet(tmp_path, pictures_of(mask=mask, maps=maps), entries=("one", "two"))
    assert np.all(shown(path, 0) == (200, 100, 50))
    rows = shown(path, 1)[:, :, 0]
    assert np.all(rows[40:80] == 255)
    assert np.all(rows[:40] == 0)
    assert np.all(rows[80:] == 0)
    assert np.all(shown(path, 2) == 51)
    assert np.all(shown(path, 3) == 255)


def test_small_scenes_grow_by_whole_pixels(tmp_path):
    level = np.array([[0.0, 1.0], [0.6, 0.2]])
    pixels = shown(one_sheet(tmp_path, pictures_of(2, 2, maps=[level])), 2)
    expected = np.rint(level * 255).repeat(80, axis=0).repeat(80, axis=1)
    np.testing.assert_array_equal(pixels[:, :, 0], expected)


def test_large_scenes_shrink_to_means(tmp_path):
    stripes = np.zeros((640, 640))
    stripes[:, ::2] = 1.0  # sampled, not averaged, they would be all black or all white
    pixels = shown(one_sheet(tmp_path, pictures_of(640, 640, maps=[stripes])), 2)
    assert np.all(np.abs(pixels.astype(int) - 127.5) <= 1)


def test_the_longer_side_has_160_pixels(tmp_path):
    path = one_sheet(tmp_path, pictures_of(40, 80))
    assert np.all(shown(path, 0, height=80) == (200, 100, 50))
    path = one_sheet(tmp_path, pictures_of(80, 40))
    assert np.all(shown(path, 0, width=80) == (200, 100, 50))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 161)])
def test_scenes_of_odd_shapes_are_shown(shape, tmp_path):
    assert one_sheet(tmp_path, pictures_of(*shape)).exists()


def test_pixels_whose_truth_is_not_known_are_grey_in_the_mask(tmp_path):
    counted = np.ones((20, 20), dtype=bool)
    counted[:10] = False
    mask = np.ones((20, 20), dtype=bool)
    pixels = shown(one_sheet(tmp_path, pictures_of(mask=mask, counted=counted)), 1)
    assert np.all(pixels[:80] == 128)
    assert np.all(pixels[80:] == 255)


def test_maps_of_another_size_are_brought_to_the_scenes_shape(tmp_path):
    square = np.zeros((64, 64))
    square[:, 32:] = 1.0
    path = one_sheet(tmp_path, pictures_of(40, 80, maps=[square], mask=square > 0))
    for column in (1, 2):
        pixels = shown(path, column, height=80)
        assert np.all(pixels[:, :80] == 0)
        assert np.all(pixels[:, 80:] == 255)


def test_maps_are_read_one_by_one(tmp_path):
    held = []

    def maps():
        for number in range(3):
            held.append(number)
            yield np.full((20, 20), number / 2)

    path = one_sheet(tmp_path, pictures_of(maps=maps()), entries=("a", "b", "c"))
    assert held == [0, 1, 2]
    assert [int(shown(path, 2 + number)[0, 0, 0]) for number in range(3)] == [0, 128, 255]


def test_a_map_too_few_is_an_error_of_its_scene(tmp_path):
    with pytest.raises(ValueError, match="scene: 1 map to show, expected 2"):
        one_sheet(tmp_path, pictures_of(number=1), entries=("a", "b"))
    assert list(tmp_path.iterdir()) == []


def ink_under(path, column):
    """Whether anything is written in the line under a picture."""
    return shown(path, column, height=LINE, top=TOP + SIDE + 2).min() < 100


def test_a_score_is_under_each_map_and_under_nothing_else(tmp_path):
    path = one_sheet(tmp_path, pictures_of(number=2), entries=("a", "b"))
    assert [bool(ink_under(path, column)) for column in range(4)] == [False, False, True, True]


def test_another_score_is_another_text(tmp_path):
    texts = []
    for value in (0.5, 0.6, math.nan):
        path = one_sheet(tmp_path, pictures_of(), value=value)
        texts.append(shown(path, 2, height=LINE, top=TOP + SIDE + 2).tobytes())
    assert len(set(texts)) == 3


@pytest.mark.parametrize(
    "name",
    ["光谱", "שלום", "a\nb\tc", "\udcff\ud800", "x" * 500, "", "e\u0301", "👩‍🔬", "\x00"],
)
def test_names_in_any_script_and_of_any_length_are_written(name, tmp_path):
    sheets = sheets_of(name, entries=(name,))
    (path,) = write_sheets(tmp_path, sheets, lambda _: pictures_of())
    with Image.open(path) as page:
        assert page.width == 2 * MARGIN + 3 * SIDE + 2 * GAP


def test_what_is_no_letter_is_a_question_mark_in_the_same_line(tmp_path):
    odd, plain = (
        one_sheet(tmp_path / folder, pictures_of(), entries=(name,))
        for folder, name in (("odd", "a\nb\udcffc"), ("plain", "a?b?c"))
    )
    assert odd.read_bytes() == plain.read_bytes()


def test_a_long_name_stays_in_its_column(tmp_path):
    (path,) = write_sheets(
        tmp_path, sheets_of("s", entries=("m" * 60, "")), lambda _: pictures_of(number=2)
    )
    with Image.open(path) as page:
        head = np.asarray(page.convert("L"))[MARGIN + LINE : MARGIN + 2 * LINE + GAP]
    start = MARGIN + 2 * (SIDE + GAP)
    assert head[:, start : start + SIDE].min() < 100
    assert head[:, start + SIDE + 1 :].min() == 255
    assert head[:, start - GAP : start].min() == 255


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    paths = [one_sheet(tmp_path / name, pictures_of()) for name in ("first", "again")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
