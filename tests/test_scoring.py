"""How a map and a mask are brought together: size, stretch, pixels that do not count, crops."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from dmssn.config import SettingError
from dmssn.masks import read_label
from dmssn.metrics import published_score, score
from dmssn.scoring import Scoring, brought, read_pair, score_files, score_pair

RNG = np.random.default_rng(1)
MASK = np.zeros((6, 8), dtype=bool)
MASK[1:4, 2:6] = True
SALIENCY = RNG.integers(0, 65536, MASK.shape).astype(np.uint16)


def write(folder, levels, mask):
    """A map and a mask in files."""
    Image.fromarray(levels).save(folder / "map.png")
    Image.fromarray(mask).save(folder / "mask.png")
    return folder / "map.png", folder / "mask.png"


@pytest.fixture
def files(tmp_path):
    return write(tmp_path, SALIENCY, MASK * np.uint8(255))


def test_by_default_map_and_mask_are_compared_as_they_are(files):
    values, note = score_files(*files, Scoring())
    assert values == score(SALIENCY / 65535, MASK)
    assert note == ""


def test_stretched_maps_run_from_0_to_1(files):
    pair = read_pair(*files, Scoring(stretch=True))
    low, high = SALIENCY.min(), SALIENCY.max()
    np.testing.assert_allclose(pair.saliency, (SALIENCY - low) / (high - low), atol=1e-12)


def test_a_map_is_stretched_after_it_is_resized():
    saliency = np.zeros((4, 4))
    saliency[0, 0] = 1.0  # a fourth of a pixel at half the size
    small, _, _ = brought(saliency, saliency > 0, None, Scoring(size=2, stretch=True))
    np.testing.assert_allclose(small, [[1, 0], [0, 0]])
    small, _, _ = brought(saliency, saliency > 0, None, Scoring(size=2))
    np.testing.assert_allclose(small, [[0.25, 0], [0, 0]])


def test_a_shrunk_mask_is_salient_where_half_of_a_pixel_is():
    mask = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
    _, small, counted = brought(np.zeros((4, 4)), mask, None, Scoring(size=2))
    np.testing.assert_array_equal(small, [[True, False], [True, False]])
    assert counted is None


def test_a_shrunk_mask_is_judged_by_the_pixels_that_count():
    mask = np.array([[1, 0, 1, 1], [0, 0, 0, 0]], dtype=bool)
    counted = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
    # Upper left half of what is known is salient; upper right all of the half that is known.
    _, small, known = brought(np.zeros((2, 4)), mask, counted, Scoring(size=2))
    np.testing.assert_array_equal(known, [[True, True], [True, False]])
    np.testing.assert_array_equal(small, [[True, True], [False, False]])


def test_at_one_size_a_map_may_have_another_size_than_its_mask(tmp_path):
    map_file, mask_file = write(tmp_path, np.full((3, 5), 65535, np.uint16), MASK * np.uint8(255))
    with pytest.raises(ValueError, match=r"3 x 5.*6 x 8.*--size"):
        read_pair(map_file, mask_file, Scoring())
    pair = read_pair(map_file, mask_file, Scoring(size=12))
    assert pair.saliency.shape == pair.mask.shape == (12, 12)
    assert pair.saliency.min() == 1
    assert pair.mask.mean() == pytest.approx(MASK.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("height", "width", "fits"),
    [
        (100, 150, True),
        (50, 50, True),  # squeezed to a square, as networks do
        (33, 50, True),  # 33.3 rounded
        (34, 50, True),
        (300, 451, True),  # grown: less than a pixel of the mask
        (150, 100, False),
        (75, 50, False),
        (100, 200, False),
        (36, 50, False),
    ],
)
def test_at_one_size_a_map_is_square_or_of_the_aspect_of_its_mask(height, width, fits):
    saliency, mask = np.full((height, width), 0.5), np.zeros((100, 150), dtype=bool)
    if fits:
        assert brought(saliency, mask, None, Scoring(size=9))[0].shape == (9, 9)
        return
    with pytest.raises(ValueError, match=rf"{height} x {width}.*100 x 150; is it turned\?"):
        brought(saliency, mask, None, Scoring(size=9))


def test_a_map_that_is_nearly_square_and_turned_is_refused_by_its_name(tmp_path):
    levels = np.zeros((101, 100), np.uint8)
    files = write(tmp_path, levels, levels.T.copy())
    with pytest.raises(ValueError, match=r"map\.png: .*is it turned"):
        read_pair(*files, Scoring(size=16))


@pytest.mark.parametrize("size", [None, 512])
def test_a_crop_needs_a_map_of_the_size_of_its_mask_and_no_size_helps(tmp_path, size):
    np.savez(tmp_path / "mask.npz", truth=MASK, crop=[0, 3, 0, 4])
    np.save(tmp_path / "map.npy", np.zeros((3, 4)))
    scoring = Scoring(size=size, crop_key="crop")
    with pytest.raises(ValueError, match=r"3 x 4.*6 x 8.*--crop-key.*whole mask") as caught:
        read_pair(tmp_path / "map.npy", tmp_path / "mask.npz", scoring)
    assert "--size" not in str(caught.value)


@pytest.mark.parametrize("ignore", [None, 7])
def test_a_mask_that_loses_what_is_salient_at_the_size_is_noted(tmp_path, ignore):
    speck = np.zeros((32, 32), np.uint8)
    speck[3, 3] = 255
    files = write(tmp_path, speck, speck)
    assert read_pair(*files, Scoring(size=32, ignore=ignore)).note == ""
    note = read_pair(*files, Scoring(size=8, ignore=ignore)).note
    assert note == f"{files[1]}: what is salient is too small to be so at 8 x 8"
    files = write(tmp_path, speck, speck * 0)
    assert read_pair(*files, Scoring(size=8, ignore=ignore)).note == ""


def test_a_mask_with_nothing_salient_left_of_what_counts_is_noted(tmp_path):
    mask = MASK * np.uint8(255)
    files = write(tmp_path, MASK.astype(np.uint8), mask)
    dim, empty = read_pair(*files, Scoring(ignore=255)).note.split("; ", 2)[::2]
    assert "no level above 1" in dim
    assert empty == f"{files[1]}: no pixel is salient once those at 255 are left out"
    mask[0, 0] = 7
    assert read_pair(*write(tmp_path, SALIENCY, mask), Scoring(ignore=7)).note == ""


def test_an_empty_mask_of_which_all_counts_is_not_noted(tmp_path):
    files = write(tmp_path, SALIENCY, MASK * np.uint8(0))
    assert read_pair(*files, Scoring(ignore=255)).note == ""


def test_at_the_size_it_has_nothing_is_resized():
    square = RNG.random((5, 5))
    values, mask, _ = brought(square, square > 0.5, None, Scoring(size=5))
    np.testing.assert_array_equal(values, square)
    np.testing.assert_array_equal(mask, square > 0.5)


@pytest.mark.parametrize("scoring", [Scoring(size=4), Scoring(stretch=True)])
@pytest.mark.parametrize("wrong", [np.nan, 1.5, -0.1])
def test_what_is_no_map_is_refused_before_it_is_changed(scoring, wrong):
    saliency = np.full((3, 3), 0.5)
    saliency[1, 1] = wrong
    with pytest.raises(ValueError, match="from 0 to 1"):
        brought(saliency, saliency > 0.2, None, scoring)


def test_pixels_that_do_not_count_change_no_score(tmp_path):
    levels = MASK.astype(np.uint8)
    levels[:, :2] = 255
    other = SALIENCY.copy()
    other[:, :2] = 65535 - other[:, :2]
    scores = []
    for number, saliency in enumerate((SALIENCY, other)):
        folder = tmp_path / str(number)
        folder.mkdir()
        scores.append(score_files(*write(folder, saliency, levels), Scoring(ignore=255))[0])
    np.testing.assert_equal(scores[0], scores[1])
    inside = score((SALIENCY / 65535)[:, 2:], MASK[:, 2:])
    assert scores[0]["roc_auc"] == pytest.approx(inside["roc_auc"], abs=1e-12)
    assert scores[0]["mean_absolute_error"] == pytest.approx(inside["mean_absolute_error"])
    assert np.isnan(scores[0]["s_measure"])


def test_a_level_that_does_not_count_is_named_by_its_number(tmp_path):
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, np.array([[0, 1, -1], [1, 1, 0]], dtype=np.int16))
    mask, counted = read_label(path, ignore=-1)
    np.testing.assert_array_equal(mask, [[False, True, False], [True, True, False]])
    np.testing.assert_array_equal(counted, [[True, True, False], [True, True, True]])
    np.save(tmp_path / "map.npy", np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"from -1 to 1.*--ignore"):
        read_pair(tmp_path / "map.npy", path, Scoring())


def test_a_variable_may_hold_pixels_that_do_not_count(tmp_path):
    np.savez(tmp_path / "scene.npz", truth=np.array([[0, 3], [7, 0]]))
    mask, counted = read_label(tmp_path / "scene.npz", "truth", ignore=7)
    np.testing.assert_array_equal(mask, [[False, True], [False, False]])
    np.testing.assert_array_equal(counted, [[True, True], [False, True]])


def test_the_published_metrics_come_under_names_of_their_own(files):
    pair = read_pair(*files, Scoring(published=True))
    values = score_pair(pair, Scoring(published=True))
    plain, published = score(SALIENCY / 65535, MASK), published_score(SALIENCY / 65535, MASK)
    assert values == plain | published
    assert not plain.keys() & published.keys()


def test_every_way_to_score_is_told():
    told = " ".join(Scoring().said)
    assert "the mask's own size" in told
    assert "none stretched" in told
    other = " ".join(Scoring(size=512, stretch=True, ignore=255, crop_key="crop").said)
    for part in ("512 x 512", "stretched to [0, 1]", "at 255", "crop"):
        assert part in other


def test_a_size_of_one_pixel_is_refused():
    with pytest.raises(SettingError, match="--size must be at least 2, got 1"):
        Scoring(size=1)
