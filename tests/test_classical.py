"""Classical detectors as detectors: files of any size in, maps of the same contract out."""

import json

import numpy as np
import pytest
from PIL import Image

import dmssn
from dmssn import classical
from dmssn.baselines.catalogue import CLASSICAL
from dmssn.classical import working_shape
from dmssn.cli import main
from dmssn.config import SettingError
from dmssn.cube import Cube
from dmssn.readers import open_cube
from dmssn.resample import resize
from generated import cube_of, with_object


@pytest.fixture(scope="module")
def scene():
    return with_object(cube_of(40, 56, 9), 3)


@pytest.mark.parametrize("name", CLASSICAL)
def test_each_is_a_detector_by_its_name(name, scene):
    cube, _ = scene
    detector = dmssn.load_detector(name)
    assert (detector.name, detector.kind, detector.parameters) == (name, "classical", 0)
    assert detector.settings == CLASSICAL[name].settings
    found = detector.detect(cube, picture=True)
    assert found.saliency.shape == (40, 56)
    assert found.saliency.dtype == np.float32
    assert 0 <= found.saliency.min() <= found.saliency.max() <= 1
    assert found.picture is not None
    assert found.picture.shape == (40, 56, 3)
    assert found.regions is None
    assert found.bands_said == "9 bands as they are"
    np.testing.assert_array_equal(found.saliency, CLASSICAL[name].function(cube).saliency)


def test_an_invalid_pixel_gets_no_saliency(scene):
    cube, _ = scene
    data = cube.data.copy()
    data[5, 6, 2] = np.nan
    data[20:24, 30:33] = np.inf
    for name in CLASSICAL:
        saliency = dmssn.load_detector(name)(Cube(data, cube.wavelengths_nm))
        assert np.isfinite(saliency).all(), name
        assert saliency[5, 6] == 0, name
        assert not saliency[20:24, 30:33].any(), name


def test_a_cube_without_a_valid_pixel_is_refused(scene):
    cube = Cube(np.full((4, 5, 3), np.nan, np.float32), name="dark")
    with pytest.raises(ValueError, match="dark: no pixel"):
        dmssn.load_detector("sad")(cube)


def test_a_large_cube_is_shrunk_and_says_so(scene, monkeypatch):
    cube, _ = scene
    monkeypatch.setattr(classical, "MOST_SIDE", 28)
    found = dmssn.load_detector("rx").detect(cube)
    assert found.notes == ("worked on at 20 x 28 of 40 x 56 pixels",)
    small = CLASSICAL["rx"].function(Cube(resize(cube.data, 20, 28), cube.wavelengths_nm))
    np.testing.assert_allclose(found.saliency, resize(small.saliency, 40, 56), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((1, 1), (1, 1)), ((1024, 7), (1024, 7)), ((4096, 3), (1024, 1)), ((1, 4096), (1, 1024))],
)
def test_the_working_size_keeps_the_shape(shape, wanted):
    assert working_shape(*shape) == wanted


def test_a_cube_in_a_file_gives_the_map_of_the_one_in_memory(scene, tmp_path):
    cube, _ = scene
    np.savez(tmp_path / "scene.npz", cube=cube.data, wavelengths_nm=cube.wavelengths_nm)
    detector = dmssn.load_detector("sed-sad")
    np.testing.assert_array_equal(detector(open_cube(tmp_path / "scene.npz")), detector(cube))


def test_settings_are_part_of_the_name(scene):
    cube, _ = scene
    wide = dmssn.load_detector("local-rx:inner=3:outer=21")
    assert (wide.settings["inner"], wide.settings["outer"]) == (3, 21)
    assert wide.name == "local-rx:inner=3:outer=21"
    assert np.abs(wide(cube) - dmssn.load_detector("local-rx")(cube)).max() > 0.01
    with pytest.raises(SettingError, match="inner"):
        dmssn.load_detector("local-rx:iner=3")


def test_an_unknown_name_is_refused_with_the_near_one():
    with pytest.raises(SettingError, match="did you mean 'sed-sad'"):
        dmssn.load_detector("sed-sed")


def test_a_folder_that_is_no_run_does_not_hide_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "border").mkdir()
    assert dmssn.load_detector("border").kind == "classical"


def test_a_checkpoint_of_a_classical_name_is_a_checkpoint(tmp_path, monkeypatch):
    from making import write_detector

    monkeypatch.chdir(tmp_path)
    write_detector(tmp_path / "sad")
    assert dmssn.load_detector("sad").kind == "network"
    assert dmssn.load_detector("./sad").kind == "network"


def test_predict_takes_them_and_tells_their_notes(scene, tmp_path, capsys):
    cube, _ = scene
    np.savez(tmp_path / "scene.npz", cube=cube.data, wavelengths_nm=cube.wavelengths_nm)
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(tmp_path / "scene.npz"), "-o", str(tmp_path / "out"),
              "--detector", "sad", "--json"])  # fmt: skip
    out, err = capsys.readouterr()
    assert not ended.value.code, err
    (result,) = json.loads(out)
    assert result["detector"] == "sad"
    assert result["regions"] is None
    assert any("pyramid" in note for note in result["notes"])
    with Image.open(tmp_path / "out" / "scene.saliency.png") as picture:
        told = json.loads(picture.text["dmssn"])
        levels = np.asarray(picture)
    assert (told["detector"], told["detector_version"]) == ("sad", dmssn.__version__)
    wanted = dmssn.load_detector("sad")(cube)
    np.testing.assert_allclose(levels / 65535, wanted, atol=1e-5)


def test_the_survey_at_its_own_size_is_the_cube(scene):
    from dmssn.surveying import survey

    cube, _ = scene
    data = cube.data.copy()
    data[3, 4, 5] = np.inf
    found = survey(Cube(data), (40, 56))
    assert np.isnan(found.small[3, 4]).all()
    assert not found.valid[3, 4]
    assert found.valid.sum() == 40 * 56 - 1
    np.testing.assert_array_equal(found.small[found.valid], data[found.valid])
