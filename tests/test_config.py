"""Settings: every key, type and range is checked, and the message says which one."""

import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from dmssn.config import (
    AugmentConfig,
    DetectorConfig,
    FitConfig,
    GenerateConfig,
    MixtureConfig,
    PrepareConfig,
    Recipe,
    SettingError,
)
from dmssn.recipes import from_table, read_recipe, to_table

DATA = '[data]\nscenes = "in"\nprepared = "out"\n'


@pytest.fixture
def recipe(tmp_path):
    def write(text: str) -> Path:
        (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
        return tmp_path / "recipe.toml"

    return write


def test_what_a_recipe_does_not_say_is_the_default(recipe):
    found = read_recipe(Recipe, recipe(DATA))
    assert found.data.scenes == Path("in")
    assert found.prepare == PrepareConfig()
    assert found.detector == DetectorConfig()


def test_a_recipe_says_what_it_says(recipe):
    text = DATA + (
        "[prepare]\nsize = 64\nstatistics = 'data set'\n[prepare.mixture]\nmode = 'exact'\n"
        "[teacher]\nspatial = true\n[detector]\nteacher = 'runs/t'\nl1 = 0\n"
        "[detector.fit]\nlearning_rate = 1\nworkers = 2\n"
    )
    found = read_recipe(Recipe, recipe(text))
    assert (found.prepare.size, found.prepare.statistics) == (64, "data set")
    assert found.prepare.mixture == MixtureConfig(mode="exact")
    assert found.teacher.spatial is True
    assert found.detector.teacher == Path("runs/t")
    assert found.detector.fit == FitConfig(learning_rate=1.0, workers=2)
    assert type(found.detector.fit.learning_rate) is float  # a whole number will do


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DATA + "[prepare]\nsise = 64", "unknown key 'prepare.sise'; did you mean 'size'?"),
        (DATA + "[teacher.fit]\nepoch = 4", "unknown key 'teacher.fit.epoch'; did you mean"),
        (DATA + "[detektor]", "unknown key 'detektor'; did you mean 'detector'?"),
        (
            DATA + "[zzz]",
            "unknown key 'zzz'; known keys: data, generate, prepare, teacher, detector",
        ),
        ("", "missing key 'data'"),
        ('[data]\nscenes = "in"', "missing key 'data.prepared'"),
        (DATA + "[prepare]\nsize = '64'", "'prepare.size' is a int, got '64'"),
        (DATA + "[prepare]\nsize = 64.0", "'prepare.size' is a int, got 64.0"),
        (DATA + "[prepare]\nsize = true", "'prepare.size' is a int, got True"),
        (DATA + "[teacher]\nspatial = 1", "'teacher.spatial' is a bool, got 1"),
        (DATA + "[augment]\nflips = true", "unknown key 'augment'"),
        ("data = 3", "'data' is a table, got 3"),
        ("[data]\nscenes = 3", "'data.scenes' is a Path, got 3"),
        (
            DATA + "[prepare.mixture]\nmode = 'slow'",
            "'prepare.mixture.mode' must be one of 'fast', 'exact', got 'slow'",
        ),
        (DATA + "[prepare]\nsize = 31", "prepare.size must be at least 32, got 31"),
        (DATA + "[prepare]\nbands = 2", "prepare.bands must be at least 3, got 2"),
        (
            DATA + "[prepare.mixture]\ncomponents = 0",
            "prepare.mixture.components must be at least 1, got 0",
        ),
        (DATA + "[prepare.mixture]\nseed = -1", "prepare.mixture.seed must be at least 0"),
        (DATA + "[teacher.fit]\nepochs = 0", "teacher.fit.epochs must be at least 1, got 0"),
        (DATA + "[detector.fit]\nema = 1", "detector.fit.ema must be from 0 to 0.99999"),
        (DATA + "[detector.fit]\nlearning_rate = nan", "detector.fit.learning_rate must be"),
        (DATA + "[detector.fit]\nweight_decay = inf", "detector.fit.weight_decay must be"),
        (DATA + "[detector.fit]\nstep_factor = 2", "detector.fit.step_factor must be from 0 to 1"),
        (DATA + "[detector]\ndropout = 1", "detector.dropout must be from 0 to 0.99, got 1.0"),
        (DATA + "[detector]\nsegment = -1", "detector.segment must be at least 0, got -1.0"),
        (
            DATA + "[detector]\nsegment = 0\nreconstruct = 0\ndistill = 0",
            "detector.segment must be above 0, or another weight of a loss; all are 0",
        ),
        (
            DATA + "[detector.augment]\nrotation = 200",
            "detector.augment.rotation must be from 0 to 180, got 200.0",
        ),
        (
            DATA + "[detector]\nhead = 'details'",
            "'detector.head' must be one of 'sum', 'detail', got 'details'",
        ),
        (DATA + "[detector]\nevidence = 1", "'detector.evidence' is a bool, got 1"),
        (DATA + "[detector]\ncoarse = -1", "detector.coarse must be at least 0, got -1.0"),
        (
            DATA + "[generate]\nsize = 64\nleast_size = 65",
            "generate.least_size must be from 16 to 64, got 65",
        ),
        (DATA + "[prepare\n", "not a TOML file"),
    ],
)
def test_a_mistake_is_named_with_its_file(recipe, text, said):
    path = recipe(text)
    with pytest.raises(SettingError) as raised:
        read_recipe(Recipe, path)
    assert str(raised.value).startswith(f"{path}: {said}")
    assert "\n" not in str(raised.value)


def test_a_recipe_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "cube.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SettingError, match="not a TOML file"):
        read_recipe(Recipe, path)


def test_a_recipe_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such recipe; with the program come"):
        read_recipe(Recipe, tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        (AugmentConfig, "rotation", (0, 180), (-1, 180.5, math.nan)),
        (AugmentConfig, "shrink", (0.1, 1), (0.05, 1.1, math.nan)),
        (AugmentConfig, "enlarge", (1, 10), (0.9, 11)),
        (AugmentConfig, "window", (0.05, 1), (0, 0.04, 1.1, math.nan)),
        (AugmentConfig, "tone", (1, 10), (0, 0.99, 10.1, math.nan)),
        (FitConfig, "batch", (1, 99), (0, -3)),
        (FitConfig, "warmup", (0, 1), (-0.1, 1.1)),
        (FitConfig, "clip", (0, 5), (-1, math.nan, math.inf)),
        (FitConfig, "seed", (0, 2**40), (-1,)),
        (DetectorConfig, "drop_path", (0, 0.99), (1, -0.1)),
        (DetectorConfig, "coarse", (0, 5), (-1, math.nan, math.inf)),
        (GenerateConfig, "count", (0, 10**6), (-1,)),
        (GenerateConfig, "size", (16, 4096), (15, 4097)),
        (GenerateConfig, "least_size", (0, 16, 256), (-1, 1, 15, 257)),  # of 256 at most
        (GenerateConfig, "bands", (0, 3, 600), (-1, 1, 2, 601)),
        (GenerateConfig, "seed", (0, 2**32 - 1), (-1, 2**32)),
    ],
)
def test_ranges_end_where_they_say(kind, name, good, bad):
    for value in good:
        assert getattr(kind(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(SettingError, match=f"{name} must be"):
            kind(**{name: value})


def test_a_table_of_a_recipe_gives_the_recipe_back(recipe):
    first = read_recipe(Recipe, recipe(DATA + "[detector]\nteacher = 'runs/t'\n"))
    table = to_table(first)
    assert (table["data"]["scenes"], table["data"]["prepared"]) == ("in", "out")
    assert from_table(Recipe, table) == first


def settings_of(kind: type) -> list[tuple[str, str]]:
    hints = get_type_hints(kind)
    inner = [hints[item.name] for item in fields(kind) if is_dataclass(hints[item.name])]
    return [(kind.__name__, item.name) for item in fields(kind)] + [
        entry for hint in inner for entry in settings_of(hint)
    ]


def test_every_setting_is_read_somewhere():
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (Path(__file__).parents[1] / "src" / "dmssn").rglob("*.py")
        if path.parent.name != "config"
    )
    for kind, name in sorted(set(settings_of(Recipe))):
        assert f".{name}" in sources or f'"{name}"' in sources, f"{kind}.{name} is never used"
