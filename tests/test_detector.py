"""A detector: a name or a file in, a function from any cube to a map of its own size out."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import dmssn
from dmssn import checkpoint
from dmssn.config import PrepareConfig, SettingError
from dmssn.cube import Cube
from dmssn.detector import SHIPPED, detector_names
from dmssn.models.msst import MSSTConfig
from dmssn.models.network import DMSSN
from dmssn.recipes import to_table
from dmssn.rendering import render
from dmssn.trained.network import NetworkDetector
from generated import cube_of
from making import (
    BANDS,
    SIZE,
    Watched,
    brightness_detector,
    header,
    write_detector,
    write_teacher,
)

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def detector_file(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def detector(detector_file):
    return dmssn.load_detector(detector_file, device="cpu")


def data(*shape: int) -> np.ndarray:
    """Smooth uneven spectra, about 0 to 1."""
    values = RNG.random((*shape[:2], 1)) * np.linspace(0.2, 1, shape[2])
    return (values + 0.02 * RNG.normal(size=shape)).astype(np.float32)


def changed(array: np.ndarray, *changes: tuple[object, float]) -> np.ndarray:
    array = array.copy()
    for where, value in changes:
        array[where] = value
    return array


ODD = {
    "1 x 1": data(1, 1, 8),
    "1 x 40": data(1, 40, 8),
    "2 x 300": data(2, 300, 8),
    "300 x 2": data(300, 2, 8),
    "5 x 5": data(5, 5, 8),
    "3 bands": data(20, 30, 3),
    "600 bands": data(20, 30, 600),
    "constant": np.full((20, 30, 8), 7, np.float32),
    "zeros": np.zeros((20, 30, 8), np.float32),
    "a flat band": changed(data(20, 30, 8), ((..., 3), 5.0)),
    "negative": data(20, 30, 8) - 0.5,
    "all negative": -1000 - data(20, 30, 8),
    "tiny numbers": data(20, 30, 8) * np.float32(1e-30),
    "huge numbers": data(20, 30, 8) * np.float32(1e30),
    "a huge range": 10 ** (30 * (data(20, 30, 8) - 0.5)),
    "hot pixel": changed(data(20, 30, 8), ((7, 9), 1e6)),
    "hottest number": changed(data(20, 30, 8), ((7, 9, 2), 3.4e38)),
    "coldest number": changed(data(20, 30, 8), ((7, 9, 2), -3.4e38)),
    "NaN pixels": changed(data(20, 30, 8), ((3, 4), np.nan), ((slice(9), slice(20), 5), np.nan)),
    "infinite pixels": changed(data(20, 30, 8), ((3, 4), np.inf), ((5, 6, 2), -np.inf)),
    "both infinities": changed(data(20, 30, 8), ((3, 4, 0), np.inf), ((3, 4, 1), -np.inf)),
    "one valid pixel": changed(np.full((20, 30, 8), np.nan, np.float32), ((11, 12), 1.0)),
}  # fmt: skip


def check_map(saliency: np.ndarray, cube: Cube) -> None:
    assert saliency.shape == (cube.height, cube.width)
    assert saliency.dtype == np.float32
    assert np.isfinite(saliency).all()
    assert saliency.min() >= 0
    assert saliency.max() <= 1
    assert not saliency[~cube.valid()].any()


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("known", [True, False], ids=["wavelengths", "no wavelengths"])
def test_an_odd_cube_gets_a_map_of_its_size_in_zero_to_one(detector, kind, known):
    values = ODD[kind].astype(np.float32)
    nm = np.linspace(400, 1000, values.shape[2]) if known else None
    cube = Cube(values, nm, kind)
    check_map(detector(cube), cube)


@settings(max_examples=30)
@given(
    values=st.tuples(st.integers(1, 32), st.integers(1, 32), st.integers(3, 12)).flatmap(
        lambda shape: arrays(
            np.float32,
            shape,
            elements=st.floats(-(2.0**120), 2.0**120, width=32)
            | st.sampled_from([math.nan, math.inf, -math.inf]),
        )
    )
)
def test_any_numbers_give_a_map_or_no_pixel_was_valid(values):
    cube = Cube(values, name="any")
    detector = brightness_detector()
    if cube.valid().any():
        check_map(detector(cube), cube)
    else:
        with pytest.raises(ValueError, match="any: no pixel"):
            detector(cube)


def test_the_map_is_zero_where_a_pixel_is_invalid_and_only_there():
    values = changed(data(20, 30, 8) + 1, ((slice(4, 9), slice(10, 22)), np.nan))
    cube = Cube(values)
    saliency = brightness_detector()(cube)
    assert not saliency[4:9, 10:22].any()
    assert (saliency[cube.valid()] > 0).mean() > 0.9


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (90, 33)])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_map_lies_on_the_scene_the_way_the_scene_lies(shape, corner):
    height, width = shape
    values = 0.2 * data(height, width, 8)
    rows = [slice(0, height // 3), slice(height - height // 3, height)][corner[0]]
    columns = [slice(0, width // 3), slice(width - width // 3, width)][corner[1]]
    values[rows, columns] += 1
    saliency = brightness_detector()(Cube(values))
    found, wanted = saliency > 0.5, np.zeros(shape, dtype=bool)
    wanted[rows, columns] = True
    assert (found & wanted).sum() / (found | wanted).sum() > 0.85


def test_the_same_cube_gives_the_same_map_to_the_bit(detector_file):
    cube = cube_of(bands=BANDS)
    first, again = (dmssn.load_detector(detector_file, device="cpu")(cube) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert first.std() > 0.01  # of something, that is


@pytest.mark.parametrize("rows", [1, 7, 20])
def test_a_cube_that_comes_in_blocks_gets_the_map_and_picture_of_the_whole(detector, rows):
    values = changed(data(50, 60, 30), ((slice(18, 23), slice(7, 12), 5), np.nan))
    whole = detector.detect(Cube(values), picture=True)
    in_blocks = Watched(values).in_blocks(rows)
    found = detector.detect(in_blocks, picture=True)
    np.testing.assert_allclose(found.saliency, whole.saliency, atol=1e-4)
    np.testing.assert_array_equal(found.picture, whole.picture)
    np.testing.assert_array_equal(found.picture, render(Cube(values)))
    assert in_blocks.asked == [(top, min(top + rows, 50)) for top in range(0, 50, rows)]
    assert not found.saliency[18:23, 7:12].any()
    assert detector.detect(Cube(values)).picture is None


def test_a_cube_is_not_changed_by_detection(detector):
    cube = Cube(changed(data(20, 30, 8), ((3, 4), np.nan), ((5, 6), 1e6)))
    before = cube.data.copy()
    detector(cube)
    np.testing.assert_array_equal(cube.data, before)


@pytest.mark.parametrize("bands", [1, 2])
def test_a_cube_of_fewer_than_three_bands_is_refused(detector, bands):
    with pytest.raises(ValueError, match=f"thin: {bands} bands; a spectrum needs at least 3"):
        detector(Cube(data(20, 30, bands), name="thin"))


NM = np.linspace(400, 750, BANDS)


@pytest.mark.parametrize(
    ("bands", "nm", "theirs", "said"),
    [
        (8, None, None, "8 bands as the detector's, in their order"),
        (8, NM, NM, "8 bands as the detector's"),
        (30, None, NM, "30 bands resampled along their order to 8"),
        (30, np.linspace(380, 900, 30), None, "30 bands resampled along their order to 8"),
        (30, np.linspace(380, 900, 30), NM, "30 bands resampled by wavelength to 8 (100% covered)"),
        (30, np.linspace(365, 715, 30), NM, "30 bands resampled by wavelength to 8 (90% covered)"),
        (30, np.linspace(900, 1700, 30), NM, "30 bands resampled along their order to 8, though "
         "its wavelengths cover 0% of the detector's range"),
        (8, np.linspace(900, 1700, 8), NM, "8 bands as the detector's, in their order, though "
         "its wavelengths cover 0% of the detector's range"),
        (3, None, None, "3 bands resampled along their order to 8"),
    ],
)  # fmt: skip
def test_bands_are_matched_by_the_rule_and_the_detection_says_how(bands, nm, theirs, said):
    wavelengths = None if theirs is None else theirs.tolist()
    detector = brightness_detector(wavelengths_nm=wavelengths)
    assert detector.detect(Cube(data(20, 30, bands), nm)).bands_said == said


def test_statistics_of_a_checkpoint_standardize_the_bands():
    cube = cube_of(bands=BANDS)
    prepare = header().prepare | {"statistics": "data set"}
    maps = [
        brightness_detector(prepare=prepare, mean=[mean] * BANDS, std=std)(cube)
        for mean, std in [(0.0, [1.0] * BANDS), (0.0, np.linspace(1, 9, BANDS).tolist())]
    ]
    assert np.abs(maps[0] - maps[1]).max() > 0.05


@pytest.mark.parametrize("kind", ["region", "component", "none"])
def test_a_detector_homogenizes_as_its_header_says(tmp_path, kind):
    prepare = to_table(PrepareConfig(size=SIZE, bands=BANDS, homogenize=kind))
    detector = dmssn.load_detector(write_detector(tmp_path / "a.safetensors", prepare=prepare))
    cube = cube_of(SIZE, SIZE, bands=BANDS)
    cube.data[4, 5:8] = np.nan
    found = detector.detect(cube)
    check_map(found.saliency, cube)
    assert found.saliency.std() > 0.001
    counts = {"region": range(51, 900), "component": range(2, 51), "none": [SIZE * SIZE - 3]}
    assert len(found.regions.spectra) in counts[kind]


def test_a_header_from_before_the_setting_means_connected_regions(tmp_path, detector):
    prepare = dict(header().prepare)
    del prepare["homogenize"]
    old = dmssn.load_detector(write_detector(tmp_path / "a.safetensors", prepare=prepare))
    cube = cube_of(bands=BANDS)
    np.testing.assert_array_equal(old(cube), detector(cube))


@pytest.mark.parametrize("groups", ["both", "spatial", "spectral"])
@pytest.mark.parametrize("encoder", ["student", "pca", "bands"])
def test_a_header_tells_the_variant_of_its_network(tmp_path, groups, encoder):
    torch.manual_seed(0)
    network = DMSSN(BANDS, config=MSSTConfig(head_groups=groups), encoder=encoder).eval()
    if encoder == "pca":
        network.student.weight.copy_(torch.randn(32, BANDS))
    model = {"msst": {"head_groups": groups, "depths": [2, 2, 2, 2]}, "encoder": encoder}
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, header(model=model), network.state_dict())
    loaded = dmssn.load_detector(path, device="cpu")
    same = NetworkDetector("same", header(), network, torch.device("cpu"))
    cube = cube_of(bands=BANDS)
    np.testing.assert_array_equal(loaded(cube), same(cube))
    other = "bands" if encoder == "student" else "student"
    checkpoint.save(path, header(model=model | {"encoder": other}), network.state_dict())
    with pytest.raises(ValueError, match="not weights of this network"):
        dmssn.load_detector(path, device="cpu")


def test_a_network_with_evidence_and_details_is_loaded_as_it_was_saved(tmp_path):
    torch.manual_seed(0)
    msst = {"head": "detail"}
    network = DMSSN(BANDS, config=MSSTConfig(**msst), with_evidence=True).eval()
    network.msst.head.classify.weight.data *= 10
    path = tmp_path / "a.safetensors"
    model = {"msst": msst, "evidence": True, "encoder": "student"}
    checkpoint.save(path, header(model=model), network.state_dict())
    loaded = dmssn.load_detector(path, device="cpu")
    same = NetworkDetector("same", header(), network, torch.device("cpu"))
    cube = cube_of(bands=BANDS)
    saliency = loaded(cube)
    assert np.ptp(saliency) > 0.01
    np.testing.assert_array_equal(saliency, same(cube))
    for change in ({"evidence": False}, {"msst": msst | {"head": "sum"}}):
        checkpoint.save(path, header(model=model | change), network.state_dict())
        with pytest.raises(ValueError, match="not weights of this network"):
            dmssn.load_detector(path, device="cpu")


def test_a_header_from_before_these_settings_means_the_published_network(tmp_path):
    torch.manual_seed(0)
    network = DMSSN(BANDS).eval()
    for number, model in enumerate(({}, {"encoder": "student", "msst": {"head_groups": "both"}})):
        path = tmp_path / f"{number}.safetensors"
        checkpoint.save(path, header(model=model), network.state_dict())
        loaded = dmssn.load_detector(path, device="cpu").network
        assert not loaded.with_evidence
        assert type(loaded.msst.head).__name__ == "Head"
        assert loaded.state_dict().keys() == network.state_dict().keys()


def test_a_network_that_is_not_finite_is_an_error(detector):
    broken = NetworkDetector("broken", header(), detector.network, torch.device("cpu"))
    weight = broken.network.msst.head.classify.weight
    kept = weight.data.clone()
    try:
        weight.data[:] = np.nan
        with pytest.raises(ValueError, match="scene: the network's output is not finite"):
            broken(cube_of(bands=BANDS))
    finally:
        weight.data[:] = kept


def test_names_files_and_run_folders_are_one_namespace(tmp_path, monkeypatch, detector_file):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "best.safetensors").write_bytes(detector_file.read_bytes())
    assert dmssn.load_detector("runs/mine").name == "mine"
    assert dmssn.load_detector(run).name == "mine"
    assert dmssn.load_detector("runs/mine/best.safetensors").name == "best"
    assert dmssn.load_detector(str(detector_file)).name == "tiny"
    monkeypatch.chdir(run)
    assert dmssn.load_detector(".").name == "mine"


def test_a_file_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_detector(tmp_path / "dmssn", provenance={"version": "7.7"})
    assert dmssn.load_detector("dmssn").version == "7.7"


def test_the_default_is_one_of_the_names():
    assert "dmssn" in detector_names()
    assert all(file.endswith(".safetensors") for file in SHIPPED.values())


def test_a_detector_in_half_precision_gives_nearly_the_same_map(tmp_path, detector_file, detector):
    described, tensors = checkpoint.load(detector_file, "detector")
    checkpoint.save(tmp_path / "half.safetensors", described, tensors, half=True)
    half = dmssn.load_detector(tmp_path / "half.safetensors", device="cpu")
    cube = cube_of(bands=BANDS)
    assert {tensor.dtype for tensor in half.network.state_dict().values()} == {torch.float32}
    np.testing.assert_allclose(half(cube), detector(cube), atol=0.02)


@pytest.mark.parametrize(
    "said", ["CUDA out of memory. Tried to allocate 2 GiB", "can't allocate memory: you tried"]
)
def test_too_little_memory_is_an_error_that_says_where(detector, monkeypatch, said):
    def starve(*_):
        raise RuntimeError(said)

    monkeypatch.setattr(detector.network, "saliency", starve)
    with pytest.raises(MemoryError, match=r"scene: too little memory on cpu .*allocate.*--device"):
        detector(cube_of(bands=BANDS))


def test_another_error_of_the_network_is_not_hidden(detector, monkeypatch):
    def fail(*_):
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(detector.network, "saliency", fail)
    with pytest.raises(RuntimeError, match="illegal"):
        detector(cube_of(bands=BANDS))


def test_an_unknown_name_lists_the_names_and_suggests(tmp_path):
    with pytest.raises(SettingError, match=r"no detector 'dmsn'.*\(dmssn, .*did you mean 'dmssn'"):
        dmssn.load_detector("dmsn")
    with pytest.raises(SettingError, match=r"^((?!did you mean).)*$"):
        dmssn.load_detector("something/else.pth")
    with pytest.raises(SettingError, match=r"holds no best\.safetensors"):
        dmssn.load_detector(tmp_path)


def test_an_unknown_device_is_a_wrong_setting(detector_file):
    for device in ("tpu", "cuda:99", "meta", ""):
        with pytest.raises(SettingError, match="--device"):
            dmssn.load_detector(detector_file, device=device)


def test_a_file_that_is_no_detector_is_an_error_that_names_it(tmp_path, detector_file):
    whole = detector_file.read_bytes()
    for kept in (0, 5, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.safetensors").write_bytes(whole[:kept])
        with pytest.raises(ValueError, match=r"cut\.safetensors: not a whole safetensors file"):
            dmssn.load_detector(tmp_path / "cut.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(ValueError, match=r"text\.safetensors: not a whole safetensors file"):
        dmssn.load_detector(tmp_path / "text.safetensors")
    teacher = write_teacher(tmp_path / "teacher.safetensors")
    with pytest.raises(ValueError, match=r"teacher\.safetensors: a teacher checkpoint, a detector"):
        dmssn.load_detector(teacher)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"msst": {"colour": "red"}}},
        {"model": {"msst": 3}},
        {"model": {"msst": {"head_groups": "temporal"}}},
        {"model": {"msst": {"head": "product"}}},
        {"model": {"encoder": "teacher"}},
        {"model": {"encoder": ["pca"]}},
        {"prepare": {"colour": "red"}},
    ],
)
def test_a_header_that_describes_no_detector_is_an_error_that_names_it(
    tmp_path, detector_file, changes
):
    described, tensors = checkpoint.load(detector_file, "detector")
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, replace(described, **changes), tensors)
    with pytest.raises(ValueError, match=r"a\.safetensors: its header describes no detector \("):
        dmssn.load_detector(path)


@pytest.mark.parametrize(
    "changes", [{"model": None}, {"bands": "many"}, {"mean": ["a"], "std": ["b"]}]
)
def test_a_header_of_other_types_is_damaged(tmp_path, detector_file, changes):
    described, tensors = checkpoint.load(detector_file, "detector")
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, replace(described, **changes), tensors)
    with pytest.raises(ValueError, match=r"a\.safetensors: its dmssn header is damaged; copy or"):
        dmssn.load_detector(path)


def test_weights_that_do_not_fit_their_header_are_an_error(tmp_path, detector_file):
    described, tensors = checkpoint.load(detector_file, "detector")
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, replace(described, bands=9), tensors)
    with pytest.raises(ValueError, match=r"a\.safetensors: not weights of this network: size mis"):
        dmssn.load_detector(path)
    tensors.pop("msst.head.classify.bias")
    checkpoint.save(path, described, tensors)
    with pytest.raises(ValueError, match=r"a\.safetensors.*msst\.head\.classify\.bias"):
        dmssn.load_detector(path)
