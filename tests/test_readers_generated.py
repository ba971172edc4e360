"""Cubes kept as what they are drawn from: known before they are drawn, and never another."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from dmssn.cli import main
from dmssn.config import SettingError
from dmssn.files import fingerprint
from dmssn.readers import open_cube, read_cube
from dmssn.readers.formats import cubes_in
from dmssn.scenes import kept, libraries, spectra
from dmssn.scenes.kept import FORMAT, KeptScene, SceneRequest
from dmssn.scenes.spectra import Spectra

REQUEST = SceneRequest(seed=5, height=24, width=32, bands=7, bits=12)


@pytest.fixture(scope="module")
def drawn():
    return REQUEST.draw()


@pytest.fixture
def path(tmp_path, drawn):
    path = tmp_path / "field.1.scene"
    path.write_text(KeptScene.of(drawn, REQUEST, {"name": "field.1"}).to_json())
    return path


@pytest.fixture
def draws(monkeypatch):
    """Counts the scenes that are drawn."""
    generate, seeds = kept.generate_scene, []

    def counting(seed, **arguments):
        seeds.append(seed)
        return generate(seed, **arguments)

    monkeypatch.setattr(kept, "generate_scene", counting)
    return seeds


def edit(path, **changes):
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | changes))


def test_what_a_cube_will_be_is_known_before_it_is_drawn(path, drawn, draws):
    file = open_cube(path)
    assert (file.name, file.shape, file.dtype) == ("field.1", (24, 32, 7), np.uint16)
    np.testing.assert_array_equal(file.wavelengths_nm, drawn.cube.wavelengths_nm)
    assert not draws
    np.testing.assert_array_equal(file.read(), drawn.cube.data)


def test_a_cube_is_drawn_once_while_it_is_open_and_again_when_it_is_opened_again(path, draws):
    file = open_cube(path, bands=slice(2, 5))
    rows = [file.read(slice(top, top + 8)) for top in (0, 8, 16)]
    assert draws == [5]
    np.testing.assert_array_equal(np.concatenate(rows), read_cube(path).data[:, :, 2:5])
    assert draws == [5, 5]


def test_one_thread_draws(path, monkeypatch):
    threads = []

    def watching(**arguments):
        threads.extend(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")
        raise ValueError("seen enough")

    monkeypatch.setattr(kept, "generate_scene", watching)
    with pytest.raises(ValueError, match=r"field.1.scene: seen enough"):
        read_cube(path)
    assert set(threads) == {1}


def test_a_folder_of_cubes_has_it_and_its_fingerprint_is_of_what_it_is_drawn_from(path):
    (path.parent / "scenes.json").write_text("{}")
    assert cubes_in(path.parent) == [path]
    before = fingerprint(path)
    edit(path, salient=0)
    assert fingerprint(path) != before


def test_a_file_of_another_version_is_refused(path):
    edit(path, format=FORMAT + 1)
    with pytest.raises(ValueError, match=rf"field.1.scene: .*\(format {FORMAT}, the file has "):
        open_cube(path)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe\x00",
        b"[1]",
        b"{}",
        b"3",
        b'{"format": %d}' % FORMAT,
        b'{"format": %d, "request": {}}' % FORMAT,
        b'{"format": true}',
        b'{"format": "2\\n"}',
        b'{"format": Infinity}',
        b'{"format": %s}' % (b"9" * 5000),
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_said_to_be(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"field.1.scene: is damaged"):
        open_cube(path)


NEVER = ["7", 7.0, True, -1, 10**400, math.inf, math.nan, [], {}, [7]]
"""No whole number of a scene."""
SPANS = [[500], [500, 600, 700], "ab", {"1": 1, "2": 2}, ["500", "600"], [True, 600], [600, 500]]
SPANS += [[500, 500], [399, 600], [500, 2451], [500, math.inf], [math.nan, 600], [500, 10**400], 5]
BAD_SHAPES = [[24, 32, None], [24.0, 32, 7], [24, "32", 7], [24, 32, math.nan], [24, 32, 10**400]]
WRONG = {
    "request seed": [*NEVER, None, 2**64],
    "request height": [*NEVER, None, 15, 25, 4097],
    "request width": [*NEVER, None, 15, 24, 4097],
    "request bands": [*NEVER, 2, 8, 601],
    "request most_bands": [*NEVER, 19, 601],
    "request bits": [*NEVER, 7, 17],
    "request wavelength_range_nm": SPANS,
    "request attributes": [None, "CS", {"CS": 1}, ["XX"], [1], [["CS"]], [None], 3],
    "request stream": [None, "v0", 1, ["train"]],
    "cube shape": [None, 7, "abc", [24, 32], [24, 32, 7, 1], [32, 24, 7], [24, 32, 8], *BAD_SHAPES],
    "cube dtype": [None, "float64", "uint8", "O", 2, ["uint16"], "<u2"],
    "cube range_nm": [*SPANS, None],
    "spectra": [*NEVER, None, 2**32],
    "salient": [*NEVER, None, 0, 24 * 32 + 1],
    "scene": [None, "a", [["name", "a"]], 3],
    "request": [None, [], "a", 3],
    "cube": [None, [], "a", 3],
}
"""Values that no file has, by their place in it."""


@pytest.mark.parametrize("place", WRONG)
def test_a_file_with_a_value_that_cannot_be_is_damaged(path, place):
    whole = path.read_text()
    for value in WRONG[place]:
        table = json.loads(whole)
        *parts, last = place.split()
        inner = table[parts[0]] if parts else table
        assert last in inner
        inner[last] = value
        path.write_text(json.dumps(table))
        with pytest.raises(ValueError, match=r"field.1.scene: is damaged") as raised:
            open_cube(path)
        assert "\n" not in str(raised.value)


@given(st.data())
def test_whatever_else_a_file_says_is_read_or_said_to_be_damaged(drawn, data):
    text = KeptScene.of(drawn, REQUEST, {"name": "a"}).to_json()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 6, len(text))))
    put = data.draw(st.text('0123456789eE.-+[]{}":, nul', max_size=6))
    try:
        scene = KeptScene.from_json(text[:start] + put + text[end:])
    except ValueError:
        return
    assert scene.wavelengths_nm.shape == (scene.shape[2],)
    assert (np.diff(scene.wavelengths_nm) > 0).all()
    assert KeptScene.from_json(scene.to_json()) == scene


@pytest.mark.parametrize("field", ["seed", "bands", "stream", "unknown"])
def test_a_request_of_other_fields_is_damaged(path, field):
    request = json.loads(path.read_text())["request"]
    request.pop(field, None)
    edit(path, request=request | {f"{field}s": 1})
    with pytest.raises(ValueError, match="is damaged"):
        open_cube(path)


def test_another_scene_than_announced_is_refused(path, drawn):
    cube = json.loads(path.read_text())["cube"]
    for change in (
        {"salient": 700},
        {"salient": int(drawn.mask.sum()) + 3},
        {"cube": cube | {"dtype": "float32"}},
        {"cube": cube | {"range_nm": [500.0, 600.0]}},
    ):
        before = path.read_text()
        edit(path, **change)
        file = open_cube(path)
        with pytest.raises(ValueError, match=r"field.1.scene: another scene comes of its seed"):
            file.read()
        path.write_text(before)


def test_a_scene_of_other_spectra_is_refused_before_it_is_drawn(path, draws, monkeypatch):
    library = spectra.spectra_of("train")
    changed = {name: values[:-1] for name, values in library.reflectance.items()}
    monkeypatch.setattr(kept, "spectra_of", lambda stream: Spectra(changed, library.illuminants))
    kept.spectra_checksum.cache_clear()
    with pytest.raises(ValueError, match=r"field.1.scene: it was made of the spectra of another"):
        read_cube(path)
    kept.spectra_checksum.cache_clear()
    assert not draws


def test_a_pixel_of_the_outline_may_fall_the_other_way(path, drawn):
    edit(path, salient=int(drawn.mask.sum()) + 2)
    np.testing.assert_array_equal(read_cube(path).data, drawn.cube.data)


def test_without_the_extra_one_line_names_the_file_and_what_to_install(path, monkeypatch, capsys):
    spectra.spectra_of.cache_clear()
    kept.spectra_checksum.cache_clear()
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        main(["info", str(path)])
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith(f"dmssn info: {path}: ")
    assert "pip install 'dmssn[scenes]'" in error
    assert error.count("\n") == 1


def test_it_has_no_variables(path):
    with pytest.raises(SettingError, match="--key does not apply"):
        open_cube(path, key="cube")


@given(
    seed=st.integers(0, 2**64 - 1),
    bands=st.none() | st.integers(3, 600),
    span=st.none() | st.tuples(st.floats(400, 1000), st.floats(1001, 2450)),
    attributes=st.sets(st.sampled_from(["CB", "CS", "SO"])).map(tuple),
    ends=st.tuples(st.floats(400, 1000), st.floats(1001, 2450)),
)
def test_a_kept_scene_comes_back_to_the_last_bit(seed, bands, span, attributes, ends):
    request = SceneRequest(
        seed=seed, height=64, width=48, bands=bands, wavelength_range_nm=span, attributes=attributes
    )
    scene = KeptScene(
        request=request,
        spectra=seed % 2**32,
        shape=(64, 48, bands or 30),
        dtype=np.dtype(np.float32),
        range_nm=ends,
        salient=17,
        about={"name": "a"},
    )
    assert KeptScene.from_json(scene.to_json()) == scene
