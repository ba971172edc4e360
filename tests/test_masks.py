"""Masks from pictures and from variables of NumPy and MATLAB files."""

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
from PIL import Image

from dmssn.config import SettingError
from dmssn.masks import read_crop, read_label, read_mask

MASK = np.zeros((7, 9), dtype=bool)
MASK[1:4, 2:8] = True
MASK[6, 0] = True  # no symmetry: a flip or a transpose shows
CUBE = np.arange(7 * 9 * 4, dtype=np.uint16).reshape(7, 9, 4)


def write(path, levels, mode=None):
    picture = Image.fromarray(levels)
    (picture if mode is None else picture.convert(mode)).save(path)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize(
    "levels",
    [MASK, MASK.astype(np.uint8), MASK * np.uint8(255), MASK * np.uint8(128)],
    ids=["1 bit", "0 and 1", "0 and 255", "0 and 128"],
)
def test_a_black_and_white_picture_is_a_mask(tmp_path, suffix, levels):
    np.testing.assert_array_equal(read_mask(write(tmp_path / f"m{suffix}", levels)), MASK)


def test_a_jpeg_is_cut_at_128(tmp_path):
    levels = np.kron(MASK * np.uint8(255), np.ones((5, 5), dtype=np.uint8))
    path = tmp_path / "m.JPG"
    Image.fromarray(levels).save(path, quality=60)
    assert len(np.unique(np.asarray(Image.open(path)))) > 2
    np.testing.assert_array_equal(read_mask(path), levels > 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: write(path, MASK * np.uint16(65535)),
        lambda path: write(path, MASK * np.uint8(255), "RGB"),
        lambda path: write(path, MASK * np.uint8(255), "RGBA"),
        lambda path: write(path, MASK * np.uint8(255), "LA"),
        lambda path: write(path, MASK * np.uint8(255), "P"),
    ],
    ids=["16 bit", "RGB", "RGBA", "LA", "palette"],
)
def test_other_ways_to_store_black_and_white_in_a_png(tmp_path, make):
    np.testing.assert_array_equal(read_mask(make(tmp_path / "m.png")), MASK)


@pytest.mark.parametrize(
    ("levels", "more"),
    [
        (MASK.astype(np.float32), {}),
        (MASK.astype(np.float64), {"compression": "deflate"}),
        (MASK * np.uint16(65535), {}),
        (np.where(MASK, 0, 255).astype(np.uint8), {"photometric": "miniswhite"}),
    ],
    ids=["float32", "float64", "16 bit", "counting from white"],
)
def test_tiffs_of_other_types(tmp_path, levels, more):
    tifffile.imwrite(tmp_path / "m.tif", levels, **more)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), MASK)


def test_an_empty_and_a_full_picture_are_masks(tmp_path):
    assert not read_mask(write(tmp_path / "0.png", np.zeros((3, 4), np.uint8))).any()
    assert read_mask(write(tmp_path / "1.png", np.ones((3, 4), np.uint8))).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: write(path, MASK * np.uint8(7)), "levels up to 7 of 255"),
        (lambda path: write(path, np.dstack([MASK * np.uint8(255), *[CUBE[..., 0] * 0] * 2])
                            .astype(np.uint8)), "in colour"),
        (lambda path: write(path, np.dstack([MASK * np.uint8(0)] * 3 + [MASK * np.uint8(255)])),
         "transparent"),
        (lambda path: path.write_bytes(b"no picture"), "cannot|not a picture"),
    ],
    ids=["labels", "colour", "alpha", "damaged"],
)  # fmt: skip
def test_a_picture_that_is_no_clear_mask_is_an_error_naming_it(tmp_path, make, message):
    make(tmp_path / "m.png")
    with pytest.raises(ValueError, match=rf"m\.png.*({message})"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize(("suffix", "kind"), [(".png", np.uint8), (".tif", np.uint16)])
def test_255_beside_0_and_1_may_mean_not_known_and_is_refused(tmp_path, suffix, kind):
    levels = MASK.astype(kind)
    levels[5] = 255
    path = tmp_path / f"m{suffix}"
    Image.fromarray(levels).save(path)
    message = rf"m\{suffix}: levels 0, 1 and 255: .* --ignore 255, else .* black and white"
    with pytest.raises(ValueError, match=message):
        read_mask(path)
    for ignore in (None, 255) if kind is np.uint8 else (255,):
        mask, counted = read_label(path, ignore=ignore)
        np.testing.assert_array_equal(mask, MASK)
        np.testing.assert_array_equal(counted, levels != 255)


def test_other_grey_beside_black_and_white_is_cut_at_the_middle(tmp_path):
    levels = MASK * np.uint8(255)
    levels[5] = [0, 1, 2, 0, 1, 2, 253, 254, 0]
    mask = read_mask(write(tmp_path / "m.png", levels))
    np.testing.assert_array_equal(mask, levels > 127)


def test_a_stack_of_tiff_pages_is_no_mask(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((5, 7, 9), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match=r"m\.tif.*\(5, 7, 9\)"):
        read_mask(tmp_path / "m.tif")


def npz(path, **variables):
    np.savez(path, **variables)


def matlab_5(path, **variables):
    scipy.io.savemat(path, variables)


def matlab_73(path, **variables):
    with h5py.File(path, "w") as file:
        for name, values in variables.items():
            file[name] = np.asarray(values).T  # as MATLAB stores it
        file.create_group("#refs#")


WRITERS = pytest.mark.parametrize(
    ("write_file", "suffix"),
    [(npz, ".npz"), (matlab_5, ".mat"), (matlab_73, ".mat")],
    ids=["npz", "v5", "v7.3"],
)


@WRITERS
@pytest.mark.parametrize("key", [None, "truth"])
def test_a_variable_is_salient_where_it_is_not_zero(tmp_path, write_file, suffix, key):
    path = tmp_path / f"scene{suffix}"
    bands = np.linspace(400, 700, 4)[:, None]
    write_file(path, cube=CUBE, truth=MASK * np.uint8(3), wavelengths=bands)
    np.testing.assert_array_equal(read_mask(path, key), MASK)


@WRITERS
def test_two_possible_masks_are_listed(tmp_path, write_file, suffix):
    path = tmp_path / f"scene{suffix}"
    write_file(path, cube=CUBE, truth=MASK.astype(float), depth=CUBE[:, :, 0])
    with pytest.raises(ValueError, match=r"--mask-key.*truth \(7, 9\)") as caught:
        read_mask(path)
    assert "depth (7, 9)" in str(caught.value)
    np.testing.assert_array_equal(read_mask(path, "truth"), MASK)


@WRITERS
@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (None, ValueError, "no variable could be the mask"),
        ("truth", SettingError, "no variable 'truth'; it holds"),
        ("cube", ValueError, r"\(7, 9, 4\)"),
        ("holes", ValueError, "NaN"),
    ],
)
def test_a_variable_that_is_no_mask_is_an_error(tmp_path, write_file, suffix, key, error, message):
    path = tmp_path / f"scene{suffix}"
    if key is None:
        write_file(path, cube=CUBE)
    else:
        write_file(path, cube=CUBE, holes=np.where(MASK, np.nan, 0))
    with pytest.raises(error, match=message):
        read_mask(path, key)


@WRITERS
@pytest.mark.parametrize("kind", [np.int16, np.float64])
def test_a_variable_with_numbers_below_0_is_refused_unless_they_are_ignored(
    tmp_path, write_file, suffix, kind
):
    path = tmp_path / f"scene{suffix}"
    values = MASK.astype(kind)
    values[5] = -1
    write_file(path, cube=CUBE, truth=values)
    with pytest.raises(ValueError, match=rf"scene\{suffix}: .* below 0, this one -1; .* --ignore"):
        read_mask(path)
    mask, counted = read_label(path, ignore=-1)
    np.testing.assert_array_equal(mask, MASK)
    np.testing.assert_array_equal(counted, values != -1)


@WRITERS
@pytest.mark.parametrize("kept", [0, 90, 300])
def test_a_damaged_file_is_an_error_naming_it(tmp_path, write_file, suffix, kept):
    path = tmp_path / f"scene{suffix}"
    write_file(path, truth=MASK.astype(float))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf"scene\{suffix}"):
        read_mask(path)


def test_a_key_for_a_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no variable 'mask'"):
        read_mask(write(tmp_path / "m.png", MASK), "mask")


@WRITERS
def test_a_crop_is_rows_then_columns(tmp_path, write_file, suffix):
    path = tmp_path / f"scene{suffix}"
    write_file(path, truth=MASK.astype(float), crop=np.array([[1, 4, 2, 9]]))
    assert read_crop(path, "crop", (7, 9)) == (slice(1, 4), slice(2, 9))


@pytest.mark.parametrize(
    "crop", [[0, 8, 0, 9], [4, 4, 0, 9], [-1, 4, 0, 9], [0, 7, 0], [0.5, 7, 0, 9]]
)
def test_an_impossible_crop_is_an_error(tmp_path, crop):
    np.savez(tmp_path / "scene.npz", crop=np.array(crop))
    with pytest.raises(ValueError, match="four whole numbers"):
        read_crop(tmp_path / "scene.npz", "crop", (7, 9))


@pytest.mark.parametrize(
    ("name", "key", "shape", "salient"),
    [
        ("abu/abu-airport-2.mat", None, (100, 100), None),
        ("muufl/muufl_gulfport_targets.mat", None, (36, 36), 3),
        ("cave/superballs_256x256x31.npz", "mask", (256, 256), None),
        ("corn/corn-kernel_otsu.png", None, (31, 43), None),
    ],
)
def test_masks_of_real_cubes(real_data, name, key, shape, salient):
    mask = read_mask(real_data / name, key)
    assert mask.shape == shape
    assert 0 < mask.mean() < 0.6
    assert salient is None or mask.sum() == salient
