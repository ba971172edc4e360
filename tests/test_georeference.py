"""Where pixels lie on a map: from the files of cubes to those of saliency maps."""

import json
import math

import h5py
import numpy as np
import pytest
import tifffile
from spectral.io import envi

from dmssn import geotiff
from dmssn.cli import main
from dmssn.cube import Georeference
from dmssn.map_info import map_info_lines, read_map_info
from dmssn.readers import open_cube
from dmssn.readers.turning import TURNS, turned
from generated import cube_of
from making import BANDS, write_detector

rasterio = pytest.importorskip("rasterio", reason="the extra geo is not installed")

HEIGHT, WIDTH = 20, 36
NORTH_UP = (2.0, 0.0, 500000.0, 0.0, -3.0, 4100000.0)
"""Pixels of 2 x 3 m, the upper left corner at (500000, 4100000)."""
CORNERS = ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))
"""(column, row) of a picture's corners, clockwise from the upper left."""
ESRI = (
    'PROJCS["WGS_1984_UTM_Zone_11N",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",'
    '6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],'
    'PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",-117.0],'
    'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
UTM = "UTM, 1, 1, 500000, 4100000, 2, 3, 11, North, WGS-84, units=Meters"


def run(capsys, *tokens) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(token) for token in tokens])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def data(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, BANDS)).astype(np.float32)


def write_envi(path, info=UTM, system=None, numbers=None):
    """An ENVI cube (header) with these fields."""
    told = {} if info is None else {"map info": info.split(", ")}
    envi.save_image(str(path), data() if numbers is None else numbers, metadata=told, force=True)
    if system:  # the library would put spaces into it, of which GDAL makes no sense
        with path.open("a") as header:
            header.write(f"coordinate system string = {{{system}}}\n")
    return path


def write_geotiff(path, transform=NORTH_UP, crs="EPSG:32611", numbers=None):
    numbers = data() if numbers is None else numbers
    height, width, bands = numbers.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype="float32",
        crs=crs, transform=rasterio.Affine(*transform),
    ) as file:  # fmt: skip
        file.write(numbers.transpose(2, 0, 1))
    return path


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def place_of(path) -> tuple:
    """What rasterio makes of a file: transform and the system's code."""
    with rasterio.open(path) as file:
        return tuple(file.transform)[:6], file.crs and file.crs.to_epsg()


# Values


def test_corners_of_a_turned_picture_are_those_of_the_old_one_in_another_order():
    place = Georeference(NORTH_UP)
    north_west, north_east = (500000, 4100000), (500072, 4100000)
    south_west, south_east = (500000, 4099940), (500072, 4099940)
    assert [place.point(*corner) for corner in CORNERS] == [
        north_west, north_east, south_east, south_west,
    ]  # fmt: skip
    flipped = place.flipped_rows(HEIGHT)
    assert [flipped.point(*corner) for corner in CORNERS] == [
        south_west, south_east, north_east, north_west,
    ]  # fmt: skip
    mirrored = place.flipped_columns(WIDTH)
    assert [mirrored.point(*corner) for corner in CORNERS] == [
        north_east, north_west, south_west, south_east,
    ]  # fmt: skip
    across = place.transposed()
    assert [across.point(row, column) for column, row in CORNERS] == [
        north_west, north_east, south_east, south_west,
    ]  # fmt: skip


def test_a_window_begins_at_its_own_corner():
    part = Georeference(NORTH_UP).window(row=5, column=7)
    assert part.point(0, 0) == (500014, 4099985)
    assert part.point(1, 1) == (500016, 4099982)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["envi", "tiff", "mat"])
def test_every_pixel_of_a_turned_cube_keeps_its_coordinates(tmp_path, kind, orientation):
    # The cube's first band holds x, its second y of each pixel's middle: it tells for itself.
    slanted = (2.0, 0.5, 100.0, 0.25, -3.0, 900.0) if kind != "envi" else NORTH_UP
    place = Georeference(slanted)
    numbers = data()
    for row in range(HEIGHT):
        for column in range(WIDTH):
            numbers[row, column, :2] = place.point(column + 0.5, row + 0.5)
    if kind == "envi":
        path = write_envi(tmp_path / "a.hdr", numbers=numbers)
    elif kind == "tiff":
        path = write_geotiff(tmp_path / "a.tif", slanted, numbers=numbers)
    else:
        path = tmp_path / "a.mat"
        with h5py.File(path, "w") as file:
            file["cube"] = numbers.transpose(2, 1, 0)
            file["cube"].attrs["grid_mapping"] = "place"
            file["place"] = 0
            file["place"].attrs["GeoTransform"] = "100 2 0.5 900 0.25 -3"
    file = turned(open_cube(path), orientation)
    for cube in (file, file.to_cube(), file.sideways()):
        if cube is None:
            continue
        read = cube.read(slice(None))
        for row, column in ((0, 0), (3, 11), (read.shape[0] - 1, read.shape[1] - 1)):
            found = cube.georeference.point(column + 0.5, row + 0.5)
            assert found == pytest.approx(read[row, column, :2], rel=1e-6)


# ENVI's words


@pytest.mark.parametrize(
    ("info", "system"),
    [
        (UTM, None),
        (UTM, ESRI),
        ("Arbitrary, 1, 1, 7, 9, 2, 2", ESRI),
        ("UTM, 1.5, 1.5, 500000, 4100000, 2, 3, 33, South, WGS-84, units=Meters", None),
        ("UTM, 11, 21, 500000, 4100000, 2, 2, 11, North, WGS-84, units=Meters", None),
        ("UTM, 1, 1, 500000, 4100000, 2, 2, 11, North, WGS-84, units=Meters, rotation=29.5", None),
        ("UTM, 1, 1, 500000, 4100000, 2, 2, 11, North, WGS-84, units=Meters, rotation=-90", None),
        ("UTM, 1, 1, 500000, 4100000, 2, 2, 11, North, North America 1983, units=Meters", None),
        ("Geographic Lat/Lon, 1, 1, -117.5, 34.25, 0.001, 0.001, WGS-84, units=Degrees", None),
        ("Arbitrary, 1, 1, 7, 9, 2, 2, 0, North", None),
    ],
)
def test_map_info_means_what_gdal_takes_it_for(tmp_path, info, system):
    path = write_envi(tmp_path / "a.hdr", info, system)
    place = open_cube(path).georeference
    transform, code = place_of(path.with_suffix(".img"))
    assert place.transform == pytest.approx(transform, abs=1e-9)
    crs = None if place.crs is None else rasterio.crs.CRS.from_user_input(place.crs).to_epsg()
    assert crs == code
    # And in our words it is the same again.
    again = "\n".join(map_info_lines(place))
    fields = again.partition("{")[2].partition("}")[0].split(", ")
    found = read_map_info(fields, place.crs if "[" in (place.crs or "") else None)
    assert found.transform == pytest.approx(place.transform, rel=1e-12, abs=1e-9)
    assert (found.crs, found.projection) == (place.crs, place.projection)


@pytest.mark.parametrize(
    ("info", "code"),
    [
        (UTM.replace("Meters", "Feet"), None),
        (UTM.replace("Meters", "Km"), None),
        (UTM.replace("units=Meters", "Units = meters"), "EPSG:32611"),
        (UTM.replace(", units=Meters", ""), "EPSG:32611"),
        ("Geographic Lat/Lon, 1, 1, -423000, 123300, 1, 1, WGS-84, units=Seconds", None),
        ("Geographic Lat/Lon, 1, 1, -2, 0.6, 1e-4, 1e-4, WGS-84, units=Radians", None),
    ],
)
def test_coordinates_in_another_unit_are_of_no_code(info, code):
    found = read_map_info(info.split(", "), None)
    assert found.crs == code
    (line,) = map_info_lines(found)  # whose words still tell the unit
    assert line.endswith(info.rpartition("WGS-84")[2] + "}")


@pytest.mark.parametrize(
    "info",
    ["UTM, 1, 1", "UTM, one, 1, 5, 5, 2, 2", "UTM, 1, 1, 5, 5, 0, 2", "UTM, 1, 1, inf, 5, 2, 2"],
)
def test_a_map_info_that_is_none_is_left_out_with_a_note(tmp_path, info):
    file = open_cube(write_envi(tmp_path / "a.hdr", info))
    assert file.georeference is None
    assert any("georeference is left out: map info must" in note for note in file.notes)


@pytest.mark.parametrize(
    "transform", [(-2.0, 0.0, 5.0, 0.0, -2.0, 5.0), (2.0, 1.0, 5.0, 0.0, -2.0, 5.0)]
)
def test_what_map_info_cannot_say_is_not_said(transform):
    assert map_info_lines(Georeference(transform)) == []


@pytest.mark.parametrize("degrees", [0, 12.5, 90, 180, -77])
def test_map_info_has_a_rotation_and_sizes_of_its_own(degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    place = Georeference((2 * cos, 2 * sin, 7.0, 3 * sin, -3 * cos, 9.0))
    (line,) = map_info_lines(place)
    found = read_map_info(line.partition("{")[2][:-1].split(", "), None)
    assert found.transform == pytest.approx(place.transform, abs=1e-12)


# From cube to map


def test_a_map_of_an_envi_cube_is_where_the_cube_is(capsys, tmp_path, detector):
    path = write_envi(tmp_path / "a.hdr", system=ESRI)
    code, _, err = run(
        capsys, "predict", path, "-o", tmp_path / "out", "--detector", detector,
        "--save", "tiff", "envi", "npy",
    )  # fmt: skip
    assert code == 0, err
    out = tmp_path / "out"
    saved = np.load(out / "a.saliency.npy")
    for name in ("a.saliency.tif", "a.saliency.img"):
        assert place_of(out / name) == (NORTH_UP, 32611)
        with rasterio.open(out / name) as file:
            np.testing.assert_array_equal(file.read(1), saved)
    assert np.array_equal(envi.open(str(out / "a.saliency.hdr")).read_band(0), saved)
    with tifffile.TiffFile(out / "a.saliency.tif") as tiff:
        assert json.loads(tiff.pages.first.description)["cube"] == "a.hdr"


def test_a_map_of_a_turned_geotiff_lies_as_the_turned_cube_does(capsys, tmp_path, detector):
    path = write_geotiff(tmp_path / "a.tif")
    code, _, err = run(
        capsys, "predict", path, "-o", tmp_path / "out", "--detector", detector,
        "--save", "tiff", "envi", "--orientation", "rotate-90",
    )  # fmt: skip
    assert code == 0, err
    # Turned counterclockwise: the upper left corner was the upper right one, columns run south.
    expected = (0.0, -2.0, 500072.0, -3.0, 0.0, 4100000.0)
    assert place_of(tmp_path / "out" / "a.saliency.tif") == (expected, 32611)
    transform, code = place_of(tmp_path / "out" / "a.saliency.img")
    assert transform == pytest.approx(expected, abs=1e-9)
    assert code == 32611


def test_a_mirrored_map_is_a_geotiff_and_in_envi_a_note(capsys, tmp_path, detector):
    path = write_geotiff(tmp_path / "a.tif")
    code, _, err = run(
        capsys, "predict", path, "-o", tmp_path / "out", "--detector", detector,
        "--save", "tiff", "envi", "--orientation", "flip-left-right",
    )  # fmt: skip
    assert code == 0
    assert "ENVI cannot tell the georeference, mirrored or slanted: left out" in err
    assert place_of(tmp_path / "out" / "a.saliency.tif")[0][0] == -2.0
    assert open_cube(tmp_path / "out" / "a.saliency.hdr").georeference is None


def test_a_cube_without_coordinates_has_a_map_without(capsys, tmp_path, detector):
    path = write_envi(tmp_path / "a.hdr", info=None)
    code, _, err = run(
        capsys, "predict", path, "-o", tmp_path / "out", "--detector", detector,
        "--save", "tiff", "envi",
    )  # fmt: skip
    assert (code, "georeference" in err) == (0, False)
    for name in ("a.saliency.tif", "a.saliency.hdr"):
        assert "map info" not in (tmp_path / "out" / name).read_bytes().decode("latin-1")


def test_without_rasterio_the_cube_is_read_and_the_map_written_with_notes(
    capsys, tmp_path, detector, monkeypatch
):
    tiff, header = write_geotiff(tmp_path / "a.tif"), write_envi(tmp_path / "b.hdr")
    for module in ("dmssn.readers.tiff", "dmssn.saving", "dmssn.predicting", "dmssn.geotiff"):
        monkeypatch.setattr(f"{module}.available", lambda: False)
    code, _, err = run(
        capsys, "predict", tiff, header, "-o", tmp_path / "out", "--detector", detector,
        "--save", "tiff", "envi",
    )  # fmt: skip
    assert code == 0
    assert f"a: its georeference is left out, which needs an extra; {geotiff.INSTALL}" in err
    assert f"b: the TIFF holds no georeference, which needs an extra; {geotiff.INSTALL}" in err
    assert place_of(tmp_path / "out" / "b.saliency.img") == (NORTH_UP, 32611)


# Converting


@pytest.mark.parametrize("ending", ["h5", "mat", "hdr", "zarr"])
@pytest.mark.parametrize("source", ["hdr", "tif"])
def test_converted_cubes_lie_where_they_lay(capsys, tmp_path, source, ending):
    if ending == "zarr":
        pytest.importorskip("zarr", reason="the extra zarr is not installed")
    path = tmp_path / f"a.{source}"
    write_envi(path) if source == "hdr" else write_geotiff(path)
    code, out, err = run(capsys, "convert", path, "-o", tmp_path / f"b.{ending}", "--json")
    assert code == 0, err
    assert json.loads(out)[0]["georeference"] is True
    code, _, err = run(capsys, "convert", tmp_path / f"b.{ending}", "-o", tmp_path / "c.hdr")
    assert code == 0, err
    assert place_of(tmp_path / "c.img") == (NORTH_UP, 32611)


def test_a_mirrored_cube_is_converted_to_envi_with_a_note(capsys, tmp_path):
    path = write_geotiff(tmp_path / "a.tif", (-2.0, 0.0, 5.0, 0.0, -2.0, 5.0))
    code, _, err = run(capsys, "convert", path, "-o", tmp_path / "b.hdr")
    assert code == 0
    assert "ENVI cannot tell its georeference" in err
    code, _, _ = run(capsys, "convert", path, "-o", tmp_path / "b.h5")
    assert open_cube(tmp_path / "b.h5").georeference.transform[0] == -2.0


def test_a_system_that_nobody_knows_is_left_out_and_the_place_kept(capfd, tmp_path, detector):
    path = write_envi(tmp_path / "a.hdr", system='NONSENSE["a"]')
    assert run(capfd, "convert", path, "-o", tmp_path / "b.h5")[0] == 0
    code, _, err = run(
        capfd, "predict", tmp_path / "b.h5", "-o", tmp_path / "out", "--detector", detector,
        "--save", "tiff", "envi",
    )  # fmt: skip
    assert code == 0
    assert err == "b: the TIFF names no coordinate system: rasterio makes no sense of the cube's\n"
    assert place_of(tmp_path / "out" / "b.saliency.tif") == (NORTH_UP, None)
    saved = open_cube(tmp_path / "out" / "b.saliency.hdr").georeference
    assert (saved.transform, saved.crs) == (NORTH_UP, 'NONSENSE["a"]')


@pytest.mark.parametrize(
    "numbers",
    ["1 2 three", "1 2 3", "nan 2 0 0 0 -2", "0 inf 0 0 0 1", "0 0 0 0 0 0", "0 2 2 0 1 1"],
)
def test_a_grid_mapping_that_places_no_pixel_is_a_note(tmp_path, numbers):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = cube_of(HEIGHT, WIDTH, BANDS).data
        file["cube"].attrs["grid_mapping"] = "place"
        file["place"] = 0
        file["place"].attrs["GeoTransform"] = numbers
    file = open_cube(path)
    assert file.georeference is None
    assert "georeference is left out: GeoTransform must be six numbers" in file.notes[0]


def test_info_tells_the_place(capsys, tmp_path):
    path = write_geotiff(tmp_path / "a.tif")
    _, text, _ = run(capsys, "info", path)
    said = "upper left at (500000, 4100000), pixels of 2 x 3, in WGS 84 / UTM zone 11N"
    assert said in text
    _, told, _ = run(capsys, "info", path, "--json")
    assert json.loads(told)[0]["georeference"]["transform"] == list(NORTH_UP)
