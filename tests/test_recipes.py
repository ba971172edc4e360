"""Every recipe that comes with the package is one, and is found by its name."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from dmssn.config import AugmentConfig, DataConfig, DetectorConfig, Recipe, SettingError
from dmssn.recipes import changed_keys, find_recipe, hints_by_key, read_recipe, recipe_names

RUN_BY = {"hsod-bit": ["hsod-bit", "hsod-bit-v2"], "published": ["hsod-bit", "hs-sod"]}
"""What is reproduced by the calls in the comment of a recipe; else what the recipe is called."""


def bundled(name: str) -> Recipe:
    return read_recipe(Recipe, find_recipe(name))


def test_the_recipes_of_the_package_are_known_by_name():
    assert {"hs-sod", "hsod-bit", "published", "shipped", "smoke"} <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_reads_and_keeps_to_its_own_folder(name):
    recipe = bundled(name)
    assert recipe.data.prepared.parts[:2] == ("runs", name)
    if recipe.generate.count:
        assert recipe.data.scenes == Path("runs", name, "scenes")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_begins_with_the_commands_that_use_it(name):
    text = find_recipe(name).read_text(encoding="utf-8")
    if name == "ablation":
        assert f"\n#   dmssn ablate {name} -o runs/{name} " in text
        return
    commands = re.findall(r"^#   dmssn reproduce (\S+) (.*)$", text, re.MULTILINE)
    assert [command for command, _ in commands] == RUN_BY.get(name, [name])
    for _, options in commands:
        assert (f"--recipe {name}" in options) == (name == "published")
        assert ("ROOT" in options) == (not bundled(name).generate.count)
    assert f"--run runs/{name}" in commands[0][1]


def test_the_recipes_of_published_sets_are_for_their_cameras():
    for name in ("hs-sod", "hsod-bit", "published"):
        recipe = bundled(name)
        assert (recipe.prepare.size, recipe.prepare.bands) == (512, 0)
        assert recipe.prepare.statistics == "data set"
        assert recipe.data.set == ("hs-sod" if name == "hs-sod" else "hsod-bit")


def test_generated_scenes_are_those_the_recipes_say():
    assert asdict(bundled("smoke").generate) == {
        "count": 200, "size": 96, "least_size": 0, "aerial": 0.0, "glare": 0.0, "bands": 32,
        "seed": 7,
        "cubes": "seeds",
    }  # fmt: skip
    assert asdict(bundled("shipped").generate) == {
        "count": 2000, "size": 384, "least_size": 96, "aerial": 0.3, "glare": 0.05,
        "bands": 0, "seed": 2031,
        "cubes": "seeds",
    }  # fmt: skip


def test_the_published_recipe_holds_the_published_numbers():
    """Those of the code that came with the paper; docs/paper.md has them too."""
    recipe = bundled("published")
    mixture = recipe.prepare.mixture
    assert (mixture.components, mixture.iterations, mixture.seed) == (50, 5, 21)
    assert mixture.mode == "exact"
    shared = {"optimizer": "adamw", "weight_decay": 0.5, "schedule": "step", "step_epochs": 10}
    shared |= {"clip": 0, "ema": 0, "precision": "float32", "accumulate": 1, "patience": 0}
    teacher = {"epochs": 50, "batch": 4 * 4, "learning_rate": 0.004, "step_factor": 0.1}
    detector = {"epochs": 100, "batch": 6 * 4, "learning_rate": 0.06, "step_factor": 0.6}
    for fit, own in ((recipe.teacher.fit, teacher), (recipe.detector.fit, detector)):
        values = asdict(fit)
        assert {key: values[key] for key in shared | own} == shared | own
    stage = recipe.detector
    assert (stage.dropout, stage.attention_dropout, stage.drop_path) == (0.3, 0.3, 0.3)
    assert (stage.segment, stage.reconstruct, stage.distill, stage.l1) == (1, 1, 1, 0)
    assert (stage.evidence, stage.head, stage.coarse) == (False, "sum", 0)
    assert recipe.teacher.augment == stage.augment == AugmentConfig()
    assert (AugmentConfig().shrink, AugmentConfig().enlarge, AugmentConfig().rotation) == (
        0.5, 1.5, 180,
    )  # fmt: skip
    assert not recipe.teacher.spatial


@pytest.mark.parametrize("text", ["hs-sod", "hs_sod", "HS-SOD"])
def test_a_name_is_found_however_it_is_spelled(text):
    assert find_recipe(text).name == "hs_sod.toml"


def test_a_file_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("smoke").write_text('[data]\nscenes = "a"\nprepared = "b"\n')
    assert find_recipe("smoke") == Path("smoke")
    assert find_recipe("shipped").is_absolute()


@pytest.mark.parametrize(
    ("text", "said"),
    [("smok", "did you mean 'smoke'?"), ("hsod_bitt.toml", "did you mean 'hsod-bit'?")],
)
def test_an_unknown_recipe_is_an_error_that_suggests(text, said):
    with pytest.raises(SettingError, match=re.escape(said)):
        find_recipe(text)


def test_nothing_like_it_gets_the_names():
    with pytest.raises(SettingError, match=r"comes with the program \(.*smoke.*\)$"):
        find_recipe("xyzzy")


def test_changes_go_before_the_recipe_and_leave_the_rest(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[data]\nscenes = "a"\nprepared = "b"\n[detector.fit]\nepochs = 3\nbatch = 2\n')
    recipe = read_recipe(
        Recipe, path, {"data": {"prepared": "c"}, "detector": {"fit": {"epochs": 5}}}
    )
    assert recipe.data == DataConfig(scenes=Path("a"), prepared=Path("c"))
    assert (recipe.detector.fit.epochs, recipe.detector.fit.batch) == (5, 2)


def test_the_keys_that_differ_are_named_and_paths_compared_by_where_they_lead(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    before = Recipe(data=DataConfig(scenes=Path("a"), prepared=Path("b")))
    same = Recipe(data=DataConfig(scenes=tmp_path / "a", prepared=Path("x/../b")))
    assert changed_keys(before, same) == []
    other = Recipe(
        data=DataConfig(scenes=Path("c"), prepared=Path("b"), val=0.2),
        detector=DetectorConfig(teacher=Path("t")),
    )
    assert changed_keys(before, other) == ["data.scenes", "data.val", "detector.teacher"]
    assert changed_keys(before, other, ["data.scenes", "detector.teacher"]) == ["data.val"]


def test_every_setting_has_its_key():
    hints = hints_by_key(Recipe)
    assert hints["detector.fit.epochs"] is int
    assert hints["prepare.mixture.components"] is int
    assert "detector.fit" not in hints
    assert len(hints) == len(set(hints)) > 70
