"""Spectra, materials and lights: measured ones unchanged, others as physics has them."""

import hashlib
import importlib.util
import math
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from dmssn.rendering import XYZ_TO_SRGB, colour_matching
from dmssn.scenes import generate_scene, libraries, light, materials, spectra
from dmssn.scenes.chance import Chance
from dmssn.scenes.spectra import FROZEN, GRID_NM, STREAMS, Spectra, spectra_of

SCRIPT = Path(__file__).parents[1] / "recipes" / "freeze_spectra.py"
VISIBLE = GRID_NM <= 680

with_libraries = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("earthlib", "colour")),
    reason="the extra scenes is not installed",
)
streams = pytest.mark.parametrize(
    "stream", [pytest.param("train", marks=with_libraries), *STREAMS[1:]]
)


def chance(seed, stream="v1"):
    return Chance([seed], spectra_of(stream))


def at(nm):
    return int(np.flatnonzero(GRID_NM == nm)[0])


def stored():
    """The arrays of the frozen file."""
    with np.load(FROZEN, allow_pickle=False) as arrays:
        return dict(arrays)


def frozen(part, name):
    """The frozen spectra of a name, shape (number, G)."""
    names, groups = stored(), vars(spectra_of("v1"))[part]
    return np.concatenate([groups[kind][names[f"names/{kind}"] == name] for kind in groups])


@streams
def test_spectra_are_in_range_and_their_classes_are_those_that_materials_name(stream):
    found = spectra_of(stream)
    assert {*materials.SOILS, *materials.PLANTS, *materials.DRY, *materials.PAVED} | {
        *materials.ROOFS,
        *materials.MADE,
        "chart",
    } == set(found.reflectance)
    assert {*light.LAMPS, "daylight"} == set(found.illuminants)
    for values in found.reflectance.values():
        assert len(values) >= 3
        assert values.shape[1:] == GRID_NM.shape
        assert 0 < values.min() <= values.max() <= 1
    for values in found.illuminants.values():
        assert len(values) >= 2
        assert values.min() > 0
        np.testing.assert_allclose(values[:, GRID_NM <= 700].mean(axis=1), 1, rtol=1e-6)


@with_libraries
@pytest.mark.parametrize("part", ["reflectance", "illuminants"])
def test_training_and_benchmarks_share_no_spectrum(part):
    train, ours = (np.concatenate([*vars(spectra_of(s))[part].values()]) for s in ("train", "v1"))
    squares = (train**2).mean(axis=1)[:, None] + (ours**2).mean(axis=1)
    apart = np.sqrt(squares - 2 * train @ ours.T / GRID_NM.size)
    assert (apart / ours.mean(axis=1)).min() > 0.001


@with_libraries
def test_what_is_measured_again_under_another_name_is_left_out():
    one = libraries.Measured("soil", "a", GRID_NM, np.linspace(0.2, 0.5, GRID_NM.size))
    again = one._replace(name="b", values=one.values * 1.01)
    darker = one._replace(name="c", values=one.values * 0.97)
    other = one._replace(name="d", values=one.values[::-1])
    kept = spectra._without_copies([again, darker, other], {"soil": one.values[None]})
    assert [one.name for one in kept] == ["c", "d"]


def test_the_frozen_spectra_are_small_named_and_all_of_the_benchmarks_side():
    assert FROZEN.stat().st_size < 400_000
    arrays = stored()
    for part, groups in vars(spectra_of("v1")).items():
        for group, values in groups.items():
            names = arrays[f"names/{group}"].tolist()
            assert len(names) == len(values) == len(arrays[f"{part}/{group}"])
            assert all(spectra.is_for_benchmarks(name) for name in names)
    assert not spectra.is_for_benchmarks("FS15R_FS4275")  # crc32 2415018611


def test_the_frozen_spectra_never_change():
    arrays = stored()
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        total.update(arrays[name].tobytes())
    assert total.hexdigest() == ("722cd99778cda5b8fd73cb36caea4ed0c8af7f59c35eb08c1ba3df2814047d96")


@with_libraries
def test_the_script_makes_the_frozen_spectra_from_the_libraries():
    if (version("earthlib"), version("colour-science")) != ("1.1.0", "0.4.7"):
        pytest.skip("other versions of the libraries than the spectra were frozen from")
    spec = importlib.util.spec_from_file_location("freeze_spectra", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made, kept = script.frozen_arrays(), stored()
    assert set(made) == set(kept)
    for name, array in made.items():
        assert array.dtype == kept[name].dtype
        if array.dtype.kind == "f":  # an exponential may differ in its last bit elsewhere
            np.testing.assert_allclose(array, kept[name], rtol=1e-6)
        else:
            np.testing.assert_array_equal(array, kept[name])


@with_libraries
def test_what_was_frozen_is_read_as_the_library_has_it():
    listed, _ = spectra.library_spectra(for_benchmarks=True)
    theirs = {one.name: one.values for one in listed if one.group == "soil"}
    for name, values in zip(
        stored()["names/soil"], spectra_of("v1").reflectance["soil"], strict=True
    ):
        np.testing.assert_allclose(values, theirs[name], atol=1e-5)


@pytest.mark.parametrize(
    ("module", "name"), [("earthlib", "earthlib"), ("colour", "colour-science")]
)
def test_without_a_library_one_line_tells_what_to_install(module, name, monkeypatch):
    spectra_of.cache_clear()
    monkeypatch.setattr(libraries, "find_spec", lambda one: None if one == module else True)
    with pytest.raises(ModuleNotFoundError) as error:
        spectra_of("train")
    message = f"generated scenes need the spectra of {name}; pip install 'dmssn[scenes]'"
    assert str(error.value) == message


def test_the_benchmark_needs_no_library(monkeypatch):
    spectra_of.cache_clear()
    for module in ("earthlib", "colour"):
        monkeypatch.setitem(sys.modules, module, None)  # an import of it fails
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    scene = generate_scene(1, height=24, width=24, bands=6, stream="v1")
    assert np.isfinite(scene.cube.data).all()


@with_libraries
def test_a_spectrum_of_the_library_is_what_the_library_holds():
    ours = [one for one in libraries.materials() if not spectra.is_for_benchmarks(one.name)]
    one = next(one for one in ours if one.group == "char")
    found = spectra_of("train").reflectance["char"][0]
    np.testing.assert_allclose(found[np.isin(GRID_NM, one.wavelengths_nm.round())], one.values)
    # The library leaves out 1360-1450 nm: halfway across, halfway between.
    ends = found[[at(1350), at(1460)]]
    assert found[at(1405)] == pytest.approx(ends.mean())


@streams
def test_plants_have_a_red_edge(stream):
    plants = spectra_of(stream).reflectance["canopy"].mean(axis=0)
    assert plants[at(850)] > 4 * plants[at(670)]


@pytest.mark.parametrize(
    ("patch", "srgb"),
    [("red", (175, 54, 60)), ("cyan", (0, 133, 161)), ("neutral 5 (.70 D)", (122, 122, 121))],
)
def test_a_paint_of_the_colour_checker_has_its_published_colour(patch, srgb):
    """The sRGB values are X-Rite's; its cyan, out of gamut, has a red of 8."""
    (daylight,) = frozen("illuminants", "D6400")
    matching = colour_matching(GRID_NM)
    for paint in frozen("reflectance", patch):
        xyz = (paint * daylight) @ matching / (daylight @ matching)[1]
        linear = np.clip(XYZ_TO_SRGB @ xyz, 0, 1)
        shown = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(255 * shown, srgb, atol=6)


def test_planck_constant_and_the_peak_of_a_black_body():
    radiation = constants.h * constants.c / constants.k * 1e9
    assert pytest.approx(radiation, rel=1e-8) == spectra.SECOND_RADIATION_NM_K
    peak = GRID_NM[spectra.black_body(4000.0).argmax()]
    assert abs(peak - constants.value("Wien wavelength displacement law constant") / 4000 * 1e9) < 5


def test_illuminant_a_glows_on_as_the_black_body_it_is():
    """CIE 15: Planck's law at 2856 K, by today's constants."""
    (lamp,) = frozen("illuminants", "A")
    np.testing.assert_allclose(lamp, spectra.black_body(2856.0), rtol=0.01)


def test_daylight_goes_on_smoothly_and_other_lamps_fade():
    kinds = spectra_of("v1").illuminants
    step = np.diff(np.log(kinds["daylight"][:, GRID_NM >= 825]), axis=1)
    assert np.abs(step).max() < 0.03
    assert (kinds["daylight"][:, at(1600)] / kinds["daylight"][:, at(800)]).max() < 0.35
    for kind in ("led", "fluorescent", "discharge"):
        beyond = kinds[kind][:, GRID_NM >= 800]
        assert (np.diff(beyond, axis=1) <= 0).all()
        assert beyond[:, -1].max() < 0.01


@streams
@pytest.mark.parametrize(
    "draw",
    [
        materials.pigment,
        materials.charted,
        materials.made_up,
        materials.water,
        lambda rng: materials.grey(rng, 0.02),
        lambda rng: materials.measured(rng, materials.SOILS + materials.PLANTS),
        lambda rng: materials.measured(rng, materials.MADE),
    ],
)
def test_materials_reflect_between_none_and_all_of_the_light(draw, stream):
    for seed in range(10):
        material = draw(chance(seed, stream))
        assert material.spectra.shape[1:] == GRID_NM.shape
        assert 0 < material.spectra.min() <= material.spectra.max() <= 1
        assert 0 <= material.gloss <= 1


def test_a_measured_material_is_of_a_class_asked_for():
    shape = np.linspace(0.1, 0.4, GRID_NM.size)
    classes = {"metal": np.stack([shape] * 3), "soil": np.stack([shape[::-1]] * 3)}
    for seed in range(5):
        metal = materials.measured(Chance([seed], Spectra(classes, {})), ("metal",))
        assert np.ptp(metal.spectra[0] / shape) < 1e-9
        assert metal.gloss >= 0.3
        soil = materials.measured(Chance([seed], Spectra(classes, {})), ("soil",))
        assert np.ptp(soil.spectra[0] / shape[::-1]) < 1e-9
        assert soil.gloss == 0


def test_a_charted_paint_is_as_measured_in_the_visible_and_mostly_brighter_beyond():
    paints = spectra_of("v1").reflectance["chart"]
    brighter = 0
    for seed in range(60):
        made = materials.charted(chance(seed)).spectra[0]
        apart = np.abs(paints - made)[:, VISIBLE].max(axis=1)
        assert apart.min() < 0.01
        brighter += made[at(900)] > paints[apart.argmin()][at(900)] + 0.05
    assert 15 < brighter < 55


@given(
    reflectance=st.floats(0.002, 1),
    one=st.floats(0.2, 5),
    two=st.floats(0.2, 5),
)
def test_deepening_twice_is_deepening_once(reflectance, one, two):
    values = np.full(3, reflectance)
    np.testing.assert_allclose(materials.deepened(values, 1.0), values, rtol=1e-6)
    twice = materials.deepened(materials.deepened(values, one), two)
    np.testing.assert_allclose(twice, materials.deepened(values, one * two), rtol=1e-5)
    if one > 1:
        assert (materials.deepened(values, one) <= values * (1 + 1e-9)).all()


def test_a_material_varies_in_depth_and_colour_but_stays_itself():
    base = np.linspace(0.1, 0.6, GRID_NM.size)
    angles = []
    for seed in range(30):
        first, second = materials.varied(chance(seed), base).spectra
        np.testing.assert_array_equal(first, base)
        cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
        angles.append(math.acos(min(cosine, 1)))
    assert 0.01 < np.median(angles) < 0.1
    assert max(angles) < 0.3


@streams
def test_lamps_have_a_mean_of_one_in_the_visible_and_some_infrared(stream):
    for seed in range(40):
        power = light.lamp(chance(seed, stream))
        assert power[GRID_NM <= 700].mean() == pytest.approx(1)
        assert power.min() > 0
        assert power[at(1000)] > 0.02


@streams
def test_sunlight_lacks_what_water_vapour_takes(stream):
    for seed in range(20):
        power = light.sunlight(chance(seed, stream))
        assert power.min() > 0
        assert 0.6 < power[GRID_NM <= 700].mean() < 1.5
        assert power[at(1395)] < 0.25 * power[at(1250)]
        assert power[at(940)] < 0.9 * power[at(880)]
        assert power[at(760)] < 0.95 * power[at(740)]  # oxygen, in the tables of daylight as well


def test_the_sky_is_bluer_than_a_black_body_of_its_temperature():
    ratio = light.sky(7000.0) / spectra.black_body(7000.0)
    assert (np.diff(ratio) < 0).all()
