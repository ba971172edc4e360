"""``dmssn predict``: cubes in, maps and pictures of their own size out."""

import csv
import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import scipy.io
import skimage.io
import tifffile
from PIL import Image
from spectral.io import envi

import dmssn
from dmssn.cli import main
from dmssn.predicting import predict_all
from dmssn.readers import CubeFile, open_cube, read_cube
from generated import cube_of
from making import BANDS, PREPARE, brightness_detector, write_detector

HEIGHT, WIDTH = 20, 36
NM = np.linspace(400, 750, BANDS)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture
def scene(tmp_path):
    """A cube of 20 x 36 pixels whose upper right is bright."""
    return write_npz(tmp_path / "scene.npz")


def bright_corner(seed: int = 0) -> np.ndarray:
    data = np.random.default_rng(seed).random((HEIGHT, WIDTH, BANDS)).astype(np.float32) * 0.2
    data[:7, 24:] += 1
    return data


def write_npz(path, data=None, **more):
    data = bright_corner() if data is None else data
    np.savez(path, cube=data, **more)
    return path


def run(capsys, *tokens, command="predict"):
    """Exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main([command, *map(str, tokens)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def origin_of(path) -> dict:
    with Image.open(path) as picture:
        return json.loads(picture.text["dmssn"])


def test_a_cube_gets_a_map_and_an_overlay_of_its_size(scene, tmp_path, detector, capsys):
    out = tmp_path / "deep" / "out"
    code, told, err = run(capsys, scene, "-o", out, "--detector", detector)
    assert (code, err) == (0, "")
    assert names_in(out) == ["scene.overlay.png", "scene.saliency.png"]
    levels = skimage.io.imread(out / "scene.saliency.png")
    assert (levels.dtype, levels.shape) == (np.uint16, (HEIGHT, WIDTH))
    overlay = skimage.io.imread(out / "scene.overlay.png")
    assert overlay.shape == (13 * HEIGHT, 13 * WIDTH, 3)
    assert told.splitlines() == [
        f"scene: 8 bands as the detector's, in their order; {out / 'scene.saliency.png'}",
        f"1 map in {out}",
    ]


def test_the_map_in_the_file_is_that_of_the_detector(scene, tmp_path, detector, capsys):
    run(capsys, scene, "-o", tmp_path / "out", "--detector", detector, "--save", "npy", "tiff")
    wanted = dmssn.load_detector(detector)(dmssn.read_cube(scene))
    assert wanted.std() > 0.01
    start = str(tmp_path / "out" / "scene.saliency")
    np.testing.assert_array_equal(np.load(start + ".npy"), wanted)
    np.testing.assert_array_equal(tifffile.imread(start + ".tif"), wanted)
    levels = skimage.io.imread(start + ".png")
    np.testing.assert_array_equal(levels, np.rint(wanted * np.float32(65535)))


@pytest.mark.parametrize("chunks", [None, (6, 7, 3)])
@pytest.mark.parametrize("band_axis", [0, 2])
def test_a_cube_too_large_for_memory_is_read_in_blocks(
    band_axis, chunks, tmp_path, monkeypatch, detector, capsys
):
    data, block = bright_corner(), 7 * WIDTH * BANDS * 4
    data[5:9, 3:7, 2] = np.nan
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file.create_dataset("cube", data=np.moveaxis(data, 2, band_axis), chunks=chunks)
    monkeypatch.setattr("dmssn.readers.cube_file.ROWS_BYTES", block // 4)
    sizes, read = [], CubeFile.read

    def watched(self, rows=None):
        found = read(self, rows)
        sizes.append(found.nbytes)
        return found

    monkeypatch.setattr(CubeFile, "read", watched)
    out = tmp_path / "out"
    code, _, err = run(capsys, tmp_path / "scene.h5", "-o", out, "--detector", detector,
                       "--band-axis", band_axis, "--save", "npy,objects")  # fmt: skip
    assert (code, err) == (0, "")
    assert max(sizes) <= block
    wanted = dmssn.load_detector(detector)(dmssn.Cube(data))
    np.testing.assert_allclose(np.load(out / "scene.saliency.npy"), wanted, atol=1e-4)


def test_a_cube_without_a_valid_pixel_is_one_line_and_does_not_stop_the_rest(
    scene, tmp_path, detector, capsys
):
    data = bright_corner()
    data[:, :, 3] = np.nan
    dark = write_npz(tmp_path / "dark.npz", data)
    code, out, err = run(capsys, dark, scene, "-o", tmp_path / "out", "--detector", detector)
    assert (code, out.count("\n")) == (1, 1)
    assert err.splitlines()[0] == (
        f"dmssn predict: {dark}: no pixel has finite values in all bands: 1 of 8 bands are empty "
        "(number 3, from 0); leave them out with --bands or --drop-nm"
    )


@pytest.mark.parametrize("ending", ["npz", "npy", "mat", "h5", "hdr", "tif"])
def test_the_map_lies_as_the_scene_does_whatever_the_format(ending, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dmssn.predicting.load_detector", lambda *_, **__: brightness_detector())
    path, data = tmp_path / f"scene.{ending}", bright_corner()
    if ending == "npz":
        write_npz(path)
    elif ending == "npy":
        np.save(path, data)
    elif ending == "mat":
        scipy.io.savemat(path, {"data": data})
    elif ending == "h5":
        with h5py.File(path, "w") as file:
            file["cube"] = data
    elif ending == "hdr":
        envi.save_image(str(path), data, interleave="bil", ext="raw")
    else:
        pages = np.ascontiguousarray(np.moveaxis(data, 2, 0))
        tifffile.imwrite(path, pages, photometric="minisblack")
    code, _, err = run(capsys, path, "-o", tmp_path / "out", "--save", "mask")
    assert (code, err) == (0, "")
    salient = skimage.io.imread(tmp_path / "out" / "scene.mask.png") > 0
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[:7, 24:] = True
    assert (salient & wanted).sum() / (salient | wanted).sum() > 0.85
    overlay = skimage.io.imread(tmp_path / "out" / "scene.overlay.png")
    contour = (overlay == (0, 255, 255)).all(axis=2)
    rows, columns = np.nonzero(contour)
    assert rows.min() == 0
    assert abs(rows.max() / 13 - 7) <= 1
    assert abs(columns.min() / 13 - 24) <= 1.5
    assert columns.max() == 13 * WIDTH - 1


@pytest.mark.parametrize(
    "save",
    [["mask,objects,npy,tiff"], ["mask", "objects", "npy", "tiff"], ["mask,npy", "tiff,objects"]],
)
def test_further_files_are_named_with_commas_or_spaces(save, scene, tmp_path, detector, capsys):
    out = tmp_path / "out"
    code, _, err = run(capsys, scene, "-o", out, "--detector", detector, "--save", *save)
    assert (code, err) == (0, "")
    pictures, maps = ["mask.png", "objects.csv", "overlay.png"], ["npy", "png", "tif"]
    ends = [*pictures, *(f"saliency.{ending}" for ending in maps)]
    assert names_in(out) == [f"scene.{end}" for end in ends]


def test_the_threshold_rules_mask_objects_and_share(scene, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dmssn.predicting.load_detector", lambda *_, **__: brightness_detector())
    out = tmp_path / "out"
    code, told, _ = run(
        capsys, scene, "-o", out, "--threshold", "0.6", "--save", "mask,objects,npy", "--json"
    )
    assert code == 0
    salient = np.load(out / "scene.saliency.npy") >= 0.6
    np.testing.assert_array_equal(skimage.io.imread(out / "scene.mask.png") > 0, salient)
    assert json.loads(told)[0]["salient_share"] == pytest.approx(salient.mean())
    with (out / "scene.objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["area_px"]) for row in rows) == salient.sum()
    largest = rows[0]
    assert int(largest["row_start"]) == 0
    assert int(largest["column_stop"]) == WIDTH
    assert 1 < float(largest["band_3"]) < 1.2
    assert origin_of(out / "scene.mask.png")["threshold"] == 0.6


def test_pictures_say_where_they_come_from(tmp_path, detector, capsys):
    scene = write_npz(tmp_path / "scene.npz", wavelengths_nm=NM)
    out = tmp_path / "out"
    run(capsys, scene, "-o", out, "--detector", detector, "--bands", "0:7", "--drop-nm", "440-460",
        "--threshold", "0.25", "--save", "mask,tiff")  # fmt: skip
    wanted = {
        "version": dmssn.__version__,
        "detector": "tiny",
        "detector_version": "0.0.9",
        "cube": "scene.npz",
        "settings": {"drop_nm": ["440-460"], "bands": "0:7"},
        "notes": [
            "1 band left out: not among --bands",
            "1 band left out: 440-460 nm",
        ],
        "bands": "6 bands resampled along their order to 8",
        "prepare": dmssn.load_detector(detector).header.prepare,
    }
    assert origin_of(out / "scene.saliency.png") == wanted
    assert origin_of(out / "scene.overlay.png") == wanted | {"threshold": 0.25}
    assert origin_of(out / "scene.mask.png") == wanted | {"threshold": 0.25}
    with tifffile.TiffFile(out / "scene.saliency.tif") as file:
        assert json.loads(file.pages.first.description) == wanted


def test_json_tells_all_there_is_to_know(tmp_path, detector, capsys):
    scene = write_npz(tmp_path / "scene.npz", wavelengths_nm=NM)
    out = tmp_path / "out"
    code, told, err = run(
        capsys, scene, "-o", out, "--detector", detector, "--json", "--drop-nm", "440-460"
    )
    assert (code, err) == (0, "")
    (result,) = json.loads(told)
    assert result.pop("seconds") > 0
    assert 0 <= result.pop("salient_share") <= 1
    assert result.pop("regions") > 1
    assert result == {
        "cube": str(scene),
        "name": "scene",
        "shape": [HEIGHT, WIDTH, 7],
        "detector": "tiny",
        "bands": "7 bands resampled along their order to 8",
        "notes": ["1 band left out: 440-460 nm"],
        "saliency": str(out / "scene.saliency.png"),
        "overlay": str(out / "scene.overlay.png"),
    }


def test_the_rule_by_which_bands_are_resampled_is_printed(tmp_path, capsys):
    theirs = write_detector(tmp_path / "known.safetensors", wavelengths_nm=NM.tolist())
    wide = np.repeat(bright_corner(), 4, axis=2)
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    write_npz(scenes / "a.npz", wide)
    write_npz(scenes / "b.npz", wide, wavelengths_nm=np.linspace(380, 900, 32))
    write_npz(scenes / "c.npz", wide, wavelengths_nm=np.linspace(1000, 2500, 32))
    call = [scenes, "-o", tmp_path / "out", "--detector", theirs, "--band-axis", "2"]
    _, out, _ = run(capsys, *call)
    said = [line.split("; ")[0] for line in out.splitlines()[:3]]
    assert said == [
        "a: 32 bands resampled along their order to 8",
        "b: 32 bands resampled by wavelength to 8 (100% covered)",
        "c: 32 bands resampled along their order to 8, though its wavelengths cover 0% of the "
        "detector's range",
    ]
    _, out, _ = run(capsys, *call, "--json")
    assert [f"{one['name']}: {one['bands']}" for one in json.loads(out)] == said


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_the_type_of_the_numbers_changes_nothing(dtype, tmp_path, detector):
    data = np.rint(bright_corner() * 100)
    wanted = dmssn.load_detector(detector)(dmssn.Cube(data.astype(np.float32)))
    np.save(tmp_path / "scene.npy", data.astype(dtype))
    found = dmssn.load_detector(detector)(read_cube(tmp_path / "scene.npy", band_axis=2))
    np.testing.assert_array_equal(found, wanted)


def test_the_same_cube_gives_the_same_bytes(scene, tmp_path, detector, capsys):
    for out in ("first", "second"):
        run(capsys, scene, "-o", tmp_path / out, "--detector", detector,
            "--save", "mask,objects,npy,tiff")  # fmt: skip
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_an_old_map_is_replaced(scene, tmp_path, detector, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "scene.saliency.png").write_bytes(b"old")
    assert run(capsys, scene, "-o", out, "--detector", detector)[0] == 0
    assert skimage.io.imread(out / "scene.saliency.png").shape == (HEIGHT, WIDTH)
    assert names_in(out) == ["scene.overlay.png", "scene.saliency.png"]


def test_a_folder_of_one_band_pictures_is_one_cube(tmp_path, detector, capsys, monkeypatch):
    folder = tmp_path / "toys"
    folder.mkdir()
    data = (bright_corner() * 200).astype(np.uint8)
    for band in range(BANDS):
        Image.fromarray(data[:, :, band]).save(folder / f"toys_ms_{band + 1:02}.png")
    out = tmp_path / "out"
    assert run(capsys, folder, "-o", out, "--detector", detector, "--save", "npy")[0] == 0
    wanted = dmssn.load_detector(detector)(dmssn.Cube(data.astype(np.float32)))
    np.testing.assert_array_equal(np.load(out / "toys.saliency.npy"), wanted)
    monkeypatch.chdir(folder)
    assert run(capsys, ".", "-o", "../here", "--detector", detector)[0] == 0
    assert names_in(tmp_path / "here") == ["toys.overlay.png", "toys.saliency.png"]


def test_a_folder_of_one_band_tiffs_is_one_cube(tmp_path, detector, capsys):
    folder = tmp_path / "toys"
    folder.mkdir()
    for band in range(BANDS):
        tifffile.imwrite(folder / f"b{band}.tif", bright_corner()[:, :, band])
    assert run(capsys, folder, "-o", tmp_path / "out", "--detector", detector)[0] == 0
    assert names_in(tmp_path / "out") == ["toys.overlay.png", "toys.saliency.png"]
    (folder / "b3.tif").write_bytes(b"damaged")
    code, _, err = run(capsys, folder, "-o", tmp_path / "out", "--detector", detector)
    assert (code, err.count("\n")) == (1, 1)
    assert "b3.tif" in err


@pytest.fixture
def cubes(tmp_path):
    """A folder of three cubes in three formats, with what lies about in such a folder."""
    folder = tmp_path / "cubes"
    folder.mkdir()
    write_npz(folder / "a.npz")
    envi.save_image(str(folder / "b.hdr"), bright_corner(), interleave="bip", ext="raw")
    pages = np.ascontiguousarray(np.moveaxis(bright_corner(), 2, 0))
    tifffile.imwrite(folder / "c.tif", pages, photometric="minisblack")
    tifffile.imwrite(folder / "c_mask.tif", pages[0])
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(folder / "a.png")
    (folder / "notes.txt").write_text("sunny")
    (folder / ".a.partial.npz").write_bytes(b"half")
    return folder


def test_a_folder_of_cubes_is_all_of_them(cubes, tmp_path, detector, capsys):
    code, out, err = run(capsys, cubes, "-o", tmp_path / "out", "--detector", detector)
    assert (code, err) == (0, "")
    assert out.endswith(f"3 maps in {tmp_path / 'out'}\n")
    assert names_in(tmp_path / "out") == [
        f"{name}.{kind}.png" for name in "abc" for kind in ("overlay", "saliency")
    ]


def test_maps_written_beside_the_cubes_are_not_taken_for_cubes(cubes, detector, capsys):
    for _ in range(2):
        code, out, err = run(
            capsys, cubes, "-o", cubes, "--detector", detector, "--save", "npy,tiff"
        )
        assert (code, err) == (0, "")
        assert "3 maps in" in out


def test_bad_cubes_do_not_stop_the_rest_and_are_listed_at_the_end(
    cubes, tmp_path, detector, capsys
):
    (cubes / "b.raw").write_bytes(b"short")
    (cubes / "c.tif").write_bytes(b"damaged")
    (cubes / "e.mat").write_text("text")
    write_npz(cubes / "z.npz")
    out = tmp_path / "out"
    code, told, err = run(capsys, cubes, "-o", out, "--detector", detector)
    assert code == 1
    assert names_in(out) == [
        f"{name}.{kind}.png" for name in "az" for kind in ("overlay", "saliency")
    ]
    assert [line.split(":")[0] for line in told.splitlines()] == ["a", "z"]
    *failures, last = err.splitlines()
    for failure, name in zip(failures, ["b.raw", "c.tif", "e.mat"], strict=True):
        assert failure.startswith("dmssn predict: ")
        assert name in failure
    assert last == "dmssn predict: 3 of 5 cubes failed"


def test_json_lists_good_and_bad_cubes(cubes, tmp_path, detector, capsys):
    (cubes / "c.tif").write_bytes(b"damaged")
    code, told, err = run(capsys, cubes, "-o", tmp_path / "out", "--detector", detector, "--json")
    results = json.loads(told)
    assert code == 1
    assert [result["name"] for result in results] == ["a", "b", "c"]
    assert ["error" in result for result in results] == [False, False, True]
    assert results[2]["exit_code"] == 1
    assert results[2]["error"] in err


def test_an_option_that_fits_one_cube_only_does_not_stop_the_rest(tmp_path, detector, capsys):
    few = write_npz(tmp_path / "a_few.npz", bright_corner()[:, :, :5])
    many = write_npz(tmp_path / "many.npz")
    code, _, err = run(
        capsys, few, many, "-o", tmp_path / "out", "--detector", detector, "--bands", "0:7"
    )
    assert code == 2
    note, error, *_ = err.splitlines()
    assert note == "many: 1 band left out: not among --bands"
    assert error.startswith(f"dmssn predict: {few}: --bands asks for band 5")
    assert names_in(tmp_path / "out") == ["many.overlay.png", "many.saliency.png"]


def test_too_little_memory_for_one_cube_does_not_stop_the_rest(
    cubes, tmp_path, detector, capsys, monkeypatch
):
    found, asked = dmssn.load_detector(detector), []
    saliency = found.network.saliency

    def starve_once(*given):
        asked.append(given)
        if len(asked) == 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return saliency(*given)

    monkeypatch.setattr(found.network, "saliency", starve_once)
    monkeypatch.setattr("dmssn.predicting.load_detector", lambda *_, **__: found)
    code, told, err = run(capsys, cubes, "-o", tmp_path / "out")
    assert (code, told.count("\n")) == (1, 2)
    first, last = err.splitlines()
    assert first.startswith(f"dmssn predict: {cubes / 'a.npz'}: too little memory on cpu (CUDA")
    assert last == "dmssn predict: 1 of 3 cubes failed"


def test_two_cubes_of_one_name_are_refused_before_anything_is_written(
    scene, tmp_path, detector, capsys
):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "scene.npy"
    np.save(twin, bright_corner())
    first = write_npz(tmp_path / "first.npz")
    for others in ([twin], [scene]):
        code, told, err = run(
            capsys, first, scene, *others, "-o", tmp_path / "out", "--detector", detector
        )
        assert (code, told, err.count("\n")) == (2, "", 1)
        assert f"{scene} and {others[0]} would both write scene.saliency.png" in err
        assert not (tmp_path / "out").exists()


def test_a_name_with_dots_is_kept(tmp_path, detector, capsys):
    scene = write_npz(tmp_path / "2024.05.01 plot 3.v2.npz")
    run(capsys, scene, "-o", tmp_path / "out", "--detector", detector)
    assert names_in(tmp_path / "out") == [
        "2024.05.01 plot 3.v2.overlay.png",
        "2024.05.01 plot 3.v2.saliency.png",
    ]


def test_maps_are_scored_as_they_were_written(cubes, tmp_path, detector, capsys):
    out, masks = tmp_path / "out", tmp_path / "masks"
    run(capsys, cubes, "-o", out, "--detector", detector, "--save", "mask,objects,npy,tiff")
    masks.mkdir()
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:7, 24:] = True
    for name in "abc":
        Image.fromarray(mask).save(masks / f"{name}.png")
    code, told, _ = run(capsys, "--maps", out, "--masks", masks, "--json", command="evaluate")
    assert code == 0
    error = np.abs(np.load(out / "b.saliency.npy").astype(np.float64) - mask).mean()
    assert json.loads(told)["scenes"]["b"]["mean_absolute_error"] == pytest.approx(error, abs=1e-12)


def test_from_python_many_cubes_are_predicted_by_one_call(scene, tmp_path, detector):
    (result,) = predict_all([scene], tmp_path / "out", open_cube=open_cube, detector=str(detector))
    assert names_in(tmp_path / "out") == ["scene.overlay.png", "scene.saliency.png"]
    assert result["shape"] == [HEIGHT, WIDTH, BANDS]


def test_a_run_folder_is_a_detector(scene, tmp_path, detector, capsys):
    trained = tmp_path / "runs" / "grass"
    trained.mkdir(parents=True)
    (trained / "best.safetensors").write_bytes(detector.read_bytes())
    code, told, _ = run(capsys, scene, "-o", tmp_path / "out", "--detector", trained, "--json")
    assert (code, json.loads(told)[0]["detector"]) == (0, "grass")


def test_the_package_runs_as_a_module(tmp_path, detector):
    cube = cube_of(bands=BANDS)
    scene = write_npz(tmp_path / "scene.npz", cube.data, wavelengths_nm=cube.wavelengths_nm)
    command = [sys.executable, "-m", "dmssn", "predict", scene, "-o", tmp_path / "out"]
    done = subprocess.run(
        [*command, "--detector", detector, "--threads", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"1 map in {tmp_path / 'out'}\n")
    done = subprocess.run(
        [*command, "--detector", "dmsn"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("dmssn predict: no detector 'dmsn'")


def test_real_cubes_of_every_camera_get_maps(real_data, tmp_path, detector, capsys):
    folders = [real_data / name for name in ("abu", "corn", "muufl")]
    code, told, err = run(
        capsys, *folders, "-o", tmp_path, "--detector", detector, "--save", "objects", "--json"
    )
    assert (code, err) == (0, "")
    shapes = {result["name"]: result["shape"] for result in json.loads(told)}
    assert shapes == {
        "abu-airport-2": [100, 100, 205],
        "abu-beach-2": [100, 100, 193],
        "corn-kernel-hyperspectral": [31, 43, 580],
        "muufl_gulfport_targets": [36, 36, 72],
    }
    for name, (height, width, _) in shapes.items():
        assert skimage.io.imread(tmp_path / f"{name}.saliency.png").shape == (height, width)


@pytest.fixture
def three(tmp_path):
    """A folder of three cubes, and what one process makes of them."""
    for seed in range(3):
        (tmp_path / "cubes").mkdir(exist_ok=True)
        write_npz(tmp_path / "cubes" / f"{seed}.npz", bright_corner(seed))
    return tmp_path / "cubes"


def maps_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_workers_and_parts_make_the_same_maps(three, detector, tmp_path, capsys):
    always = (three, "--detector", detector, "--threads", 1, "--save", "npy,objects")
    code, told, _ = run(capsys, *always, "-o", tmp_path / "one", "--json")
    assert code == 0
    code, by_two, _ = run(capsys, *always, "-o", tmp_path / "two", "--workers", 2, "--json")
    assert code == 0
    names = [result["name"] for result in json.loads(told)]
    assert names == [result["name"] for result in json.loads(by_two)] == ["0", "1", "2"]
    for part in (2, 1):
        assert run(capsys, *always, "-o", tmp_path / "parts", "--shard", f"{part}/2")[0] == 0
        assert len(names_in(tmp_path / "parts")) == {2: 4, 1: 12}[part]
    assert maps_of(tmp_path / "one") == maps_of(tmp_path / "two") == maps_of(tmp_path / "parts")


def test_a_bad_cube_does_not_stop_the_workers(three, detector, tmp_path, capsys):
    (three / "1.npz").write_bytes(b"no cube")
    code, out, err = run(
        capsys, three, "--detector", detector, "-o", tmp_path / "out", "--workers", 2
    )
    assert code == 1
    assert [line.partition(":")[0] for line in out.splitlines()] == ["0", "2"]
    assert "1.npz" in err
    assert err.splitlines()[-1] == "dmssn predict: 1 of 3 cubes failed"


def test_a_cluster_makes_the_same_maps(three, detector, tmp_path, capsys, monkeypatch, cluster):
    monkeypatch.chdir(tmp_path)  # relative paths are ours, not the workers'
    always = ("cubes", "--detector", detector.name, "--threads", 1)
    (tmp_path / detector.name).write_bytes(detector.read_bytes())
    assert run(capsys, *always, "-o", "here")[0] == 0
    code, out, _ = run(capsys, *always, "-o", "there", "--scheduler", cluster)
    assert (code, out.splitlines()[-1]) == (0, "3 maps in there")
    assert maps_of(tmp_path / "here") == maps_of(tmp_path / "there")


def test_a_detector_trained_again_is_loaded_again(scene, tmp_path):
    path = write_detector(tmp_path / "d.safetensors")
    first = predict_all([scene], tmp_path / "a", open_cube=open_cube, detector=str(path))
    write_detector(path, provenance={"version": "0.0.10"})
    again = predict_all([scene], tmp_path / "b", open_cube=open_cube, detector=str(path))
    assert first[0]["detector"] == again[0]["detector"] == "d"
    told = [origin_of(tmp_path / name / "scene.saliency.png") for name in "ab"]
    assert [origin["detector_version"] for origin in told] == ["0.0.9", "0.0.10"]


def test_a_cube_can_be_turned_and_read_as_its_set_says(detector, tmp_path, capsys):
    data = np.random.default_rng(0).random((20, 36, 81)).astype(np.float32)
    with h5py.File(tmp_path / "0001.mat", "w") as file:
        file["hypercube"] = (data.T * 4095).astype(np.uint16)
    code, out, _ = run(
        capsys,
        tmp_path / "0001.mat",
        "--set",
        "hs-sod",
        "--orientation",
        "rotate-90",
        "--json",
        command="info",
    )
    (told,) = json.loads(out)
    assert (code, told["shape"], told["max"]) == (0, [36, 20, 81], pytest.approx(1, abs=0.01))
    assert told["wavelengths_nm"][:2] == [380, 385]
    code, out, err = run(
        capsys,
        tmp_path / "0001.mat",
        "-o",
        tmp_path,
        "--set",
        "hs-sod",
        "--key",
        "hypercube",
        "--detector",
        detector,
    )
    assert (code, "leave the other options out" in err) == (2, True)
    scene = write_npz(tmp_path / "scene.npz")
    for name, options in (("as_it_is", ()), ("turned", ("--orientation", "flip-left-right"))):
        always = (scene, "--detector", detector, "--save", "npy", "-o", tmp_path / name)
        assert run(capsys, *always, *options)[0] == 0
    found = [np.load(tmp_path / name / "scene.saliency.npy") for name in ("as_it_is", "turned")]
    assert found[0].shape == found[1].shape
    picture = np.asarray(Image.open(tmp_path / "turned" / "scene.overlay.png"))
    assert picture[:7, :12].mean() > picture[:7, 24:].mean()  # the bright corner is left now


def test_a_zarr_cube_gives_its_maps_its_name(detector, tmp_path, capsys):
    zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")
    zarr.save_array(str(tmp_path / "field.zarr"), bright_corner())
    always = (tmp_path / "field.zarr", "--detector", detector, "--band-axis", 2)
    assert run(capsys, *always, "-o", tmp_path / "out")[0] == 0
    assert names_in(tmp_path / "out") == ["field.overlay.png", "field.saliency.png"]


def test_a_detector_in_the_units_of_a_set_takes_no_others(tmp_path, capsys):
    provenance = {"version": "0.0.9", "set": "hs-sod"}
    of_set = {"mean": [0.1] * BANDS, "std": [0.1] * BANDS, "provenance": provenance}
    config = PREPARE | {"statistics": "data set"}
    path = write_detector(tmp_path / "d.safetensors", prepare=config, **of_set)
    counts = (np.random.default_rng(0).random((20, 36, 81)) * 4095).astype(np.uint16)
    with h5py.File(tmp_path / "0001.mat", "w") as file:
        file["hypercube"] = counts.T
    always = (tmp_path / "0001.mat", "--detector", path, "-o", tmp_path / "out")
    code, _, err = run(capsys, *always)
    assert (code, "in its units; pass --set hs-sod" in err, err.count("\n")) == (2, True, 1)
    assert run(capsys, *always, "--set", "hs-sod")[0] == 0
    # With statistics of the cube's own, units do not matter.
    own = write_detector(tmp_path / "own.safetensors", provenance=provenance)
    assert run(capsys, always[0], "--detector", own, "-o", tmp_path / "own")[0] == 0


def test_a_wrong_set_is_said_once(three, detector, tmp_path, capsys):
    for more in (("--set", "moon"), ("--set", "hs-sod", "--key", "cube")):
        code, out, err = run(capsys, three, "--detector", detector, "-o", tmp_path / "out", *more)
        assert (code, out, err.count("\n")) == (2, "", 1)
    assert not (tmp_path / "out").exists()


def test_a_cluster_finds_references_by_relative_paths(
    detector, tmp_path, capsys, monkeypatch, cluster
):
    monkeypatch.chdir(tmp_path)
    np.save("scene.npy", bright_corner())
    np.save("white.npy", np.full(BANDS, 2.0, np.float32))
    (tmp_path / "nm.txt").write_text("\n".join(map(str, NM)))
    always = (
        "scene.npy", "--band-axis", 2, "--white", "white.npy", "--wavelengths", "nm.txt",
        "--detector", detector, "--threads", 1,
    )  # fmt: skip
    assert run(capsys, *always, "-o", "here")[0] == 0
    assert run(capsys, *always, "-o", "there", "--scheduler", cluster)[0] == 0
    assert maps_of(tmp_path / "here") == maps_of(tmp_path / "there")
