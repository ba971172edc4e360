"""Files that cannot be read: one line each, with the file's name and what to do."""

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
from PIL import Image
from spectral.io import envi

from dmssn.readers import open_cube, read_cube

CUBE = np.arange(40 * 52 * 9, dtype=np.uint16).reshape(40, 52, 9)


def error_of(path, **options) -> str:
    with pytest.raises((ValueError, OSError)) as caught:
        read_cube(path, **options)
    text = str(caught.value)
    assert path.name in text
    return text


def write_hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            file[name] = value
    return path


def edit_header(tmp_path, old: str, new: str):
    path = tmp_path / "scene.hdr"
    envi.save_image(str(path), CUBE, dtype=np.uint16, interleave="bil", byteorder=0, ext="raw")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    "name", ["a.h5", "a.mat", "a.npy", "a.npz", "a.tif", "a.hdr", "a.raw", "a.xyz", "a"]
)
def test_a_missing_and_an_empty_file_are_said_to_be(tmp_path, name):
    path = tmp_path / name
    assert "no such file" in error_of(path)
    path.touch()
    assert "the file is empty" in error_of(path)


@pytest.mark.parametrize("name", ["a.h5", "a.mat", "a.npy", "a.npz", "a.tif", "a.hdr"])
@pytest.mark.parametrize("content", [b"just some text, not a cube\n" * 50, b"\x00" * 600])
def test_other_content_under_a_known_name_is_an_error(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    text = error_of(path)
    assert "damaged or of another format" in text or "is not a" in text


@pytest.mark.parametrize("name", ["a.h5", "a.mat", "a5.mat", "a.npy", "a.npz", "a.tif", "z.tif"])
@pytest.mark.parametrize("kept", [0.3, 0.98])
def test_a_truncated_file_is_an_error(tmp_path, name, kept):
    path = tmp_path / name
    if name == "a.h5":
        write_hdf5(path, cube=CUBE)
    elif name == "a.mat":
        write_hdf5(path, cube=CUBE.T)
    elif name == "a5.mat":
        scipy.io.savemat(path, {"cube": CUBE}, do_compression=True)
    elif name == "a.npy":
        np.save(path, CUBE)
    elif name == "a.npz":
        np.savez(path, cube=CUBE)
    else:
        compression = "zlib" if name == "z.tif" else None
        pages = np.ascontiguousarray(np.moveaxis(CUBE, 2, 0))
        tifffile.imwrite(path, pages, photometric="minisblack", compression=compression)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    error_of(path)


def test_a_raw_file_and_header_that_disagree_give_both_numbers(tmp_path):
    path = edit_header(tmp_path, "bands = 9", "bands = 10")
    text = error_of(tmp_path / "scene.raw")
    assert "has 37440 bytes, but scene.hdr asks for 41600 (0 before 40 x 10 x 52 uint16" in text
    edited = path.read_text().replace("bands = 10", "bands = 9")
    path.write_text(edited)
    raw = tmp_path / "scene.raw"
    whole = raw.read_bytes()
    raw.write_bytes(whole[:-1])
    assert "has 37439 bytes, but scene.hdr asks for 37440" in error_of(raw)
    raw.write_bytes(whole + b"x")
    assert "has 37441 bytes, but scene.hdr asks for 37440" in error_of(raw)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bands = 9", "", "no field 'bands'"),
        ("bands = 9", "bands = nine", "'bands' must be a whole number, got 'nine'"),
        ("bands = 9", "bands = 0", "must be 1 or more"),
        ("data type = 12", "data type = 6", "holds complex numbers"),
        ("byte order = 0", "byte order = 2", "0 (little-endian) or 1 (big-endian), not 2"),
        ("data type = 12", "data type = 77", "'77' is none of ENVI's"),
        ("interleave = bil", "interleave = tile", "not 'tile'"),
        ("interleave = bil", "interleave = bil\nfile compression = 1", "compressed"),
        ("interleave = bil", "interleave = bil\nbbl = {1, 0}", "bbl has 2 values for 9 bands"),
        ("interleave = bil", "interleave = bil\nbbl = {0,0,0,0,0,0,0,0,0}", "no band remains"),
        ("interleave = bil", "interleave = bil\nwavelength = {1, 2}", "9 bands but 2 wavelengths"),
        ("interleave = bil", "interleave = bil\nwavelength = {a, b}", "must hold numbers"),
        ("interleave = bil", "interleave = bil\nwavelength = {1, 2", "damaged"),
        ("interleave = bil", "interleave = bil\nreflectance scale factor = 0", "above 0"),
        ("file type = ENVI Standard", "file type = ENVI Spectral Library", "spectral library"),
    ],
)
def test_a_header_with_a_mistake_is_an_error_that_says_which(tmp_path, old, new, said):
    assert said in error_of(edit_header(tmp_path, old, new))


def test_a_header_without_or_with_two_raw_files_is_an_error(tmp_path):
    path = edit_header(tmp_path, "ENVI", "ENVI")
    (tmp_path / "scene.img").write_bytes((tmp_path / "scene.raw").read_bytes())
    assert "several raw files beside it, give one instead: scene.raw, scene.img" in error_of(path)
    (tmp_path / "scene.img").unlink()
    (tmp_path / "scene.raw").unlink()
    assert "no raw file beside it; expected scene with the ending .raw, .img" in error_of(path)


def test_raw_numbers_without_a_header_ask_for_it(tmp_path):
    (tmp_path / "scene.raw").write_bytes(b"12345678")
    assert "need their ENVI header (.hdr)" in error_of(tmp_path / "scene.raw")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (CUBE.astype(complex), "complex numbers"),
        (CUBE > 3, "booleans"),
        (CUBE.astype("U5"), "text"),
        (CUBE.astype(object), "objects"),
        (CUBE.astype([("a", "f4"), ("b", "f4")]), "compound values"),
    ],
)
@pytest.mark.parametrize("key", [None, "cube"])
def test_numbers_that_are_not_real_are_refused_by_kind(tmp_path, array, said, key):
    np.savez(tmp_path / "a.npz", cube=array)
    assert said in error_of(tmp_path / "a.npz", key=key)
    if key is None and array.dtype != object:
        np.save(tmp_path / "a.npy", array)
        assert said in error_of(tmp_path / "a.npy")


def test_complex_and_boolean_variables_of_matlab_and_hdf5_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "c.mat", {"cube": CUBE * 1j})
    assert "complex numbers" in error_of(tmp_path / "c.mat")
    scipy.io.savemat(tmp_path / "b.mat", {"cube": CUBE > 3})
    assert "booleans" in error_of(tmp_path / "b.mat")
    assert "complex numbers" in error_of(write_hdf5(tmp_path / "c.h5", cube=CUBE * 1j))
    assert "booleans" in error_of(write_hdf5(tmp_path / "b.h5", cube=CUBE > 3))


def test_files_with_pictures_only_list_what_they_hold(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"mask": CUBE[:, :, 0], "text": "x"})
    assert "three axes, found mask (40, 52) uint16" in error_of(tmp_path / "a.mat")
    scipy.io.savemat(tmp_path / "s.mat", {"s": {"cube": CUBE}})
    assert "structures and cells are not looked into" in error_of(tmp_path / "s.mat")
    assert "found mask (40, 52)" in error_of(write_hdf5(tmp_path / "a.h5", mask=CUBE[:, :, 0]))
    assert "found no arrays" in error_of(write_hdf5(tmp_path / "b.h5"))
    np.save(tmp_path / "a.npy", CUBE[:, :, 0])
    assert "found shape (40, 52)" in error_of(tmp_path / "a.npy")
    tifffile.imwrite(tmp_path / "a.tif", CUBE[:, :, 0])
    assert "found 0 (40, 52) uint16" in error_of(tmp_path / "a.tif")


@pytest.mark.parametrize("ending", ["h5", "mat", "npz"])
def test_several_cubes_in_one_file_ask_for_the_key(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    write = {"h5": write_hdf5, "npz": lambda p, **v: np.savez(p, **v)}
    write.get(ending, lambda p, **v: scipy.io.savemat(p, v))(path, one=CUBE, two=CUBE + 1)
    assert "--key with one of: one (40, 52, 9) uint16, two (40, 52, 9) uint16" in error_of(path)
    np.testing.assert_array_equal(read_cube(path, key="two").data, CUBE + 1)
    assert "no variable 'three'" in error_of(path, key="three")


def test_a_key_that_names_no_cube_is_an_error(tmp_path):
    np.savez(tmp_path / "a.npz", cube=CUBE, mask=CUBE[:, :, 0])
    assert "mask (40, 52) uint16 has not" in error_of(tmp_path / "a.npz", key="mask")
    np.save(tmp_path / "a.npy", CUBE)
    assert "--key does not apply" in error_of(tmp_path / "a.npy", key="a")


def test_a_cube_without_a_valid_pixel_is_an_error(tmp_path):
    data = CUBE.astype(np.float32)
    data[:, :, 4] = np.nan
    np.save(tmp_path / "a.npy", data)
    assert "no pixel has finite values in all bands" in error_of(tmp_path / "a.npy")


def test_empty_bands_are_named_with_what_to_do(tmp_path):
    data = CUBE.astype(np.float32)
    data[:, :, [4, 7]] = np.nan
    np.save(tmp_path / "a.npy", data)
    said = "2 of 9 bands are empty (number 4, 7, from 0); leave them out with --bands"
    assert said in error_of(tmp_path / "a.npy")
    assert read_cube(tmp_path / "a.npy", bands=[0, 1, 2, 3, 5, 6, 8]).bands == 7


def test_numbers_beyond_float32_are_invalid(tmp_path):
    data = CUBE.astype(np.float64)
    data[1, 2, 3] = -1.7e308
    data[2, 2, 3], data[2, 2, 4] = np.inf, -np.inf
    np.save(tmp_path / "a.npy", data)
    cube = read_cube(tmp_path / "a.npy")
    with np.errstate(invalid="ignore"):
        assert np.argwhere(~cube.valid()).tolist() == [[1, 2], [2, 2]]


def test_a_folder_without_bands_says_what_it_found(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    assert "found no pictures" in error_of(folder)
    (folder / "scene_ms").mkdir()
    assert "found the folders scene_ms; give one" in error_of(folder)
    Image.new("RGB", (5, 4)).save(folder / "a1.png")
    Image.new("RGB", (5, 4)).save(folder / "a2.png")
    assert "one-band pictures, found a1.png (RGB), a2.png (RGB)" in error_of(folder)


@pytest.mark.parametrize("planarconfig", [None, "contig"])
def test_a_folder_of_cubes_is_not_a_folder_of_bands(tmp_path, planarconfig):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(3):
        data = CUBE if planarconfig else np.ascontiguousarray(np.moveaxis(CUBE, 2, 0))
        tifffile.imwrite(
            folder / f"s{number}.tif", data, planarconfig=planarconfig, photometric="minisblack"
        )
    text = error_of(folder)
    assert f"s0.tif (uint16 {data.shape})" in text
    assert "a file of several bands is given by itself" in text


def test_a_folder_of_other_cubes_lists_them(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    np.save(folder / "one.npy", CUBE)
    assert "found one.npy; a cube's file is given by itself" in error_of(folder)


def test_two_pictures_of_one_number_are_an_error(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for name in ("b_1", "b_2", "b_3", "b_01"):
        Image.fromarray(CUBE[:, :, 0].copy()).save(folder / f"{name}.png")
    assert "b_01.png and b_1.png have the same number" in error_of(folder)


@pytest.mark.parametrize("page", [CUBE[:20, :, 0], CUBE[:, :, 0].astype(np.float32)])
def test_a_tiff_with_one_page_unlike_the_others_is_an_error(tmp_path, page):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for band in range(9):
            tiff.write(page if band == 5 else CUBE[:, :, band], metadata=None)
    text = error_of(tmp_path / "a.tif")
    assert f"page 5 is stored as {page.shape} {page.dtype}, the others as (40, 52) uint16" in text


def test_a_damaged_picture_is_named(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    for band in range(9):
        Image.fromarray(CUBE[:, :, band].copy()).save(folder / f"b{band}.png")
    broken = folder / "b4.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"b4\.png"):
        read_cube(folder)


def test_one_picture_and_unknown_formats_say_what_can_be_read(tmp_path):
    Image.new("L", (5, 4)).save(tmp_path / "a.png")
    assert "folder that holds them all" in error_of(tmp_path / "a.png")
    (tmp_path / "a.docx").write_text("x")
    assert "ENVI (.hdr), MATLAB (.mat), HDF5 (.h5)" in error_of(tmp_path / "a.docx")


def test_opening_does_not_read_and_a_later_damage_is_still_one_line(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=CUBE, chunks=(8, 52, 9), compression="gzip")
        where = file["cube"].id.get_chunk_info(2).byte_offset
    content = bytearray(path.read_bytes())
    content[where : where + 40] = b"\xff" * 40
    path.write_bytes(content)
    cube = open_cube(path)
    np.testing.assert_array_equal(cube.read(slice(0, 8)), CUBE[:8])
    with pytest.raises(ValueError, match=r"a\.h5: cannot be read"):
        cube.read()
