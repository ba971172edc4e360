"""Hyperspectral versus colour: what the two arms share, and what is said of their scores."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dmssn.config import Recipe
from dmssn.masks import read_mask
from dmssn.readers import open_cube
from dmssn.recipes import changed_keys, read_recipe
from dmssn.runs.records import METRICS
from dmssn.scene_folders import SceneSettings, write_scenes
from recipes import colour, colour_results, colour_scenes


@pytest.fixture(scope="module")
def recipe():
    return read_recipe(Recipe, colour.RECIPE)


def experiment_of(recipe, out, seeds=3):
    return colour.Experiment(recipe, out, seeds=seeds, tests=4, workers=1, device="cpu")


# The arms


def test_the_arms_differ_in_bands_and_places_alone(recipe, tmp_path):
    both = experiment_of(recipe, tmp_path)
    cube, colours = both.arm("cube"), both.arm("colour")
    places = ["data.scenes", "data.prepared"]
    assert changed_keys(cube, colours, places) == ["prepare.bands"]
    assert colours.prepare.bands == 3
    assert changed_keys(recipe, cube, [*places, "data.split", "data.orientation"]) == []
    assert cube.data.split == colours.data.split  # the same scenes for the same
    jobs = [both.detector(arm, seed) for arm in colour_scenes.ARMS for seed in range(2)]
    assert [job.recipe.detector.fit.seed for job in jobs] == [0, 1, 0, 1]
    assert len({job.folder for job in jobs}) == 4


def test_a_recipe_has_a_teacher_where_it_distills(recipe, tmp_path):
    assert experiment_of(recipe, tmp_path).detector("cube", 1).teacher is None
    taught = replace(recipe, detector=replace(recipe.detector, distill=1.0))
    assert experiment_of(taught, tmp_path).detector("cube", 1).teacher.recipe.teacher.fit.seed == 1


def test_a_folder_is_kept_to_the_settings_it_was_begun_with(recipe, tmp_path):
    experiment_of(recipe, tmp_path)._claim()
    experiment_of(recipe, tmp_path, seeds=5)._claim()
    longer = replace(recipe.detector, fit=replace(recipe.detector.fit, epochs=3))
    with pytest.raises(ValueError, match=r"other settings \(detector.fit.epochs\)"):
        experiment_of(replace(recipe, detector=longer), tmp_path)._claim()


def test_test_scenes_have_other_seeds_than_those_that_are_trained_on(recipe, tmp_path, monkeypatch):
    asked = {}

    def generate(config, folder, workers):
        asked[folder.name] = (config.seed, ())

    def write(settings, folder, workers):
        asked[folder.name] = (settings.seed, settings.attributes)

    monkeypatch.setattr(colour_scenes, "generate", generate)
    monkeypatch.setattr(colour_scenes, "write_scenes", write)
    monkeypatch.setattr(
        colour_scenes, "fitting", lambda folder, without: [f"s{n}" for n in range(9)]
    )
    monkeypatch.setattr(colour_scenes, "render_all", lambda *args: None)
    places = colour_scenes.Places(tmp_path)
    colour_scenes.draw_all(places, recipe.generate, 4, 1)
    assert {codes for _, codes in asked.values()} == {(), ("CS",)}
    assert len({seed for seed, _ in asked.values()}) == 3
    assert places.lists("any").joinpath("test.txt").read_text().split() == ["s0", "s1", "s2", "s3"]
    lists = sorted(path.name for path in places.lists("train").iterdir())
    assert lists == ["test.txt", "train.txt", "val.txt"]


# The scenes


@pytest.fixture(scope="module")
def drawn_scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "scenes"
    settings = SceneSettings(count=6, height=24, width=32, bands=24, seed=2030, cubes="seeds")
    write_scenes(settings, folder)
    return folder


def test_only_scenes_in_true_colour_are_compared(drawn_scenes):
    names = colour_scenes.fitting(drawn_scenes)
    told = json.loads((drawn_scenes / "scenes.json").read_text())["scenes"]
    covering = [s["name"] for s in told if s["range_nm"][0] < 450 and 650 < s["range_nm"][1]]
    assert 0 < len(names) < len(told)
    assert set(names) <= set(covering)
    some = next(s["attributes"][0] for s in told if s["name"] in names and s["attributes"])
    assert len(colour_scenes.fitting(drawn_scenes, without=some)) < len(names)


def test_colours_are_of_the_same_scene_in_three_bands(drawn_scenes, tmp_path):
    names = colour_scenes.fitting(drawn_scenes)[:2]
    colour_scenes.render_all(drawn_scenes, names, tmp_path, workers=1)
    for name in names:
        cube = open_cube(tmp_path / "cubes" / f"{name}.npz").to_cube()
        assert cube.shape == (24, 32, 3)
        assert cube.wavelengths_nm.tolist() == [460, 550, 640]
        mask = read_mask(tmp_path / "masks" / f"{name}.png")
        assert np.array_equal(mask, read_mask(drawn_scenes / "masks" / f"{name}.png"))
    before = (tmp_path / "cubes" / f"{names[0]}.npz").stat().st_mtime_ns
    colour_scenes.render_all(drawn_scenes, names, tmp_path, workers=1)  # kept
    assert (tmp_path / "cubes" / f"{names[0]}.npz").stat().st_mtime_ns == before


def test_where_no_scene_is_in_colour_it_is_said(tmp_path):
    (tmp_path / "cubes").mkdir()
    (tmp_path / "scenes.json").write_text('{"scenes": []}')
    with pytest.raises(ValueError, match="no scene in true colour"):
        colour_scenes.fitting(tmp_path)


# The results


def run_of(values, kinds=("metamers", "any")):
    """What a run left: the same value of every metric on each scene."""
    scenes = {f"s{n}": dict.fromkeys(METRICS, float(value)) for n, value in enumerate(values)}
    return {
        "tests": dict.fromkeys(kinds, scenes), "parameters": 7, "minutes": 2.0,
        "teacher_minutes": None,
    }  # fmt: skip


FACTS = {
    "size": 48, "bands": {"cube": 64, "colour": 3}, "epochs": 1, "seeds": 3, "train": 5, "val": 1,
}  # fmt: skip


def compared(cube, colours):
    """Results of one list of scores by scene for each seed and arm."""
    runs = {"cube": [run_of(v) for v in cube], "colour": [run_of(v) for v in colours]}
    return colour_results.results_of(runs, FACTS | {"seeds": len(cube)})


BASE = np.linspace(0.2, 0.8, 8)
NOISE = 0.01 * np.sin(np.arange(8))


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([0.1, 0.12, 0.09], "shown"),
        ([-0.1, -0.12, -0.09], "refuted"),
        ([0.2, 0.2, -0.01], "undecided"),  # the mean is clear, a seed is against it
        ([0.1, 0.1], "undecided"),  # two seeds
        ([0.0, 0.0, 0.0], "undecided"),
    ],
)
def test_a_verdict_takes_the_interval_and_every_seed(gains, verdict):
    told = compared([BASE + NOISE + gain for gain in gains], [BASE] * len(gains))
    assert told["tests"]["metamers"]["verdict"] == verdict
    assert colour_results.verdict_said(told, "metamers").startswith(verdict.capitalize())


def test_few_scenes_decide_nothing_and_it_is_said_why():
    told = compared([[0.9] * 5] * 2, [[0.1] * 5] * 2)
    said = colour_results.verdict_said(told, "any")
    assert said.startswith("Undecided.")
    assert said.endswith("it takes 6 scenes and it takes 3 seeds.")


def test_means_are_over_seeds_and_differences_by_scene():
    told = compared([BASE, BASE + 0.3], [BASE - 0.1, BASE])["tests"]["any"]
    cube = told["means"]["cube"]["auc"]
    assert cube["mean"] == pytest.approx(0.65)
    assert cube["spread"] == pytest.approx(0.3 / np.sqrt(2))
    difference = told["difference"]["auc"]
    assert difference["mean"] == pytest.approx(0.2)
    assert (difference["low"], difference["high"]) == pytest.approx((0.2, 0.2))
    assert difference["seeds"] == pytest.approx([0.1, 0.3])


def test_less_error_is_better(monkeypatch):
    monkeypatch.setattr(colour_results, "DECIDES", "mae")
    told = compared([BASE + NOISE + 0.1] * 3, [BASE] * 3)
    assert told["tests"]["any"]["verdict"] == "refuted"


def test_a_score_that_is_not_defined_counts_nowhere():
    runs = {arm: [run_of(BASE) for _ in range(3)] for arm in ("cube", "colour")}
    runs["cube"][0] = json.loads(json.dumps(run_of(BASE)))
    runs["cube"][0]["tests"]["any"]["s0"]["auc"] = None
    told = colour_results.results_of(runs, FACTS)["tests"]["any"]
    assert told["means"]["cube"]["auc"]["mean"] > told["means"]["colour"]["auc"]["mean"]
    json.dumps(told, allow_nan=False)


def test_the_section_has_a_verdict_and_a_table_for_each_set():
    told = compared([BASE + NOISE + 0.1] * 3, [BASE] * 3)
    text = "\n".join(colour_results.section(json.loads(json.dumps(told))))
    assert text.startswith("## Hyperspectral versus colour\n")
    assert text.count("- Shown. On ") == 2
    assert text.count("| spectra |") == text.count("| difference |") == 2
    assert "5 scenes to train on" in text


def test_the_recipe_begins_with_its_command():
    text = Path(colour.RECIPE).read_text(encoding="utf-8")
    assert "\n#   python -m recipes.colour -o runs/colour " in text
