"""Keys of a recipe as options of the commands that take one, through the real parser."""

from itertools import chain
from pathlib import Path

import pytest

from dmssn.cli import app, main
from dmssn.commands.prepare import _settings
from dmssn.commands.recipe_options import NAMES, RecipeOptions
from dmssn.config import Recipe, SettingError
from dmssn.recipes import hints_by_key
from dmssn.store import PreparedSet
from generated import write_folder

TEXT = '[data]\nscenes = "a"\nprepared = "b"\n[detector.fit]\nepochs = 7\n[teacher.fit]\nseed = 4\n'


@pytest.fixture
def recipe(tmp_path) -> str:
    path = tmp_path / "r.toml"
    path.write_text(TEXT)
    return str(path)


def parsed(*words: str) -> RecipeOptions:
    """The options, as `dmssn reproduce` gets them."""
    _, bound, _ = app.parse_args(
        ["reproduce", "r", "--run", "x", *words], exit_on_error=False, print_error=False
    )
    options = bound.arguments.get("options", RecipeOptions())
    assert isinstance(options, RecipeOptions)
    return options


def read(recipe: str, *words: str, stages=("teacher", "detector")) -> Recipe:
    return parsed(*words).read(recipe, stages)


def refused(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    return err


def test_a_flag_goes_before_the_recipe_and_the_recipe_before_the_default(recipe):
    assert read(recipe).detector.fit.epochs == 7
    assert read(recipe).teacher.fit.epochs == 100
    found = read(recipe, "--detector.fit.epochs", "3")
    assert found.detector.fit.epochs == 3
    assert (found.teacher.fit.seed, found.teacher.fit.epochs) == (4, 100)


@pytest.mark.parametrize("words", [("--prepare.size", "128"), ("--prepare.size=128",)])
def test_a_value_is_the_next_word_or_behind_an_equals_sign(recipe, words):
    assert read(recipe, *words).prepare.size == 128


def test_values_are_of_the_types_of_their_keys(recipe):
    found = read(
        recipe,
        "--detector.compile", "true", "--teacher.augment.flips=false", "--train.learning_rate",
        "1e-5", "--detector.segment", "2", "--data.prepared", "x/y", "--detector.teacher=t",
        "--train.schedule", "step", "--prepare.statistics", "data set", "--data.split=",
        "--prepare.mixture.components", "8",
    )  # fmt: skip
    assert (found.detector.compile, found.teacher.augment.flips) == (True, False)
    assert found.detector.fit.learning_rate == 1e-5
    assert isinstance(found.detector.segment, float)
    assert found.data.prepared == Path("x/y")
    assert (found.detector.teacher, found.data.split) == (Path("t"), "")
    assert (found.teacher.fit.schedule, found.prepare.statistics) == ("step", "data set")
    assert found.prepare.mixture.components == 8


def test_words_of_a_key_may_be_joined_by_dashes(recipe):
    found = read(recipe, "--detector.head-groups", "spatial", "--train.weight-decay=0.5")
    assert found.detector.head_groups == "spatial"
    assert found.detector.fit.weight_decay == 0.5


def test_every_key_of_a_recipe_is_an_option():
    for key in hints_by_key(Recipe):
        assert parsed(f"--{key}", "1").given == ((f"--{key}", "1"),)


@pytest.mark.parametrize(
    ("stages", "teacher", "detector"),
    [(("teacher", "detector"), 2, 2), (("teacher",), 2, 7), (("detector",), 100, 2)],
)
def test_train_is_short_for_every_stage_that_is_trained(recipe, stages, teacher, detector):
    found = read(recipe, "--train.epochs", "2", stages=stages)
    assert (found.teacher.fit.epochs, found.detector.fit.epochs) == (teacher, detector)


@pytest.mark.parametrize("turned", [False, True])
def test_a_whole_key_goes_before_a_short_one_in_either_order(recipe, turned):
    pairs = [("--train.epochs", "2"), ("--teacher.fit.epochs", "9")]
    words = chain.from_iterable(reversed(pairs) if turned else pairs)
    found = read(recipe, *words)
    assert (found.teacher.fit.epochs, found.detector.fit.epochs) == (9, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--train.weight-decay", "1", "--train.weight_decay", "2"), "is given twice: 1 and 2"),
        (("--detector.fit.epochs", "3.5"), "--detector.fit.epochs takes a whole number, got '3.5'"),
        (("--train.epochs", "many"), "--train.epochs takes a whole number, got 'many'"),
        (("--detector.l1", "x"), "--detector.l1 takes a number, got 'x'"),
        (("--detector.l1", "nan"), "--detector.l1 takes a number, got 'nan'"),
        (("--detector.compile", "yes"), "--detector.compile takes true or false, got 'yes'"),
        (("--detector.l1", "-3"), "as overruled: detector.l1 must be at least 0, got -3"),
        (("--detector.fit.batch=-3",), "as overruled: detector.fit.batch must be at least 1"),
        (("--train.schedule", "stairs"), ".fit.schedule' must be one of 'cosine', 'step'"),
        (
            ("--prepare.size", "64", "--prepare.size", "96"),
            "--prepare.size is given twice: 64 and 96",
        ),
        (("--TABLE.KEY", "1"), "--TABLE.KEY stands for a key of the recipe"),
    ],
)
def test_a_value_that_cannot_be_is_an_error_that_names_the_key(recipe, words, said):
    with pytest.raises(SettingError) as refused:
        read(recipe, *words)
    assert said in str(refused.value)


COMMANDS = {
    "prepare": "-o",
    "train": "--run",
    "train-teacher": "--run",
    "reproduce": "--run",
    "ablate": "-o",
}
"""Commands that take a recipe, and their option for where to."""


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--detector.fit.epoch", "3"], "Did you mean --detector.fit.epochs?"),
        (["--prepare.sise=3"], "Did you mean --prepare.size?"),
        (["--train.ephocs", "3"], "Did you mean --train.epochs?"),
        (["--detector.fit.epochs"], "--detector.fit.epochs requires an argument"),
        (["--detector.fit.epochs", "x"], "--detector.fit.epochs takes a whole number"),
    ],
)
def test_a_mistake_is_one_line_with_a_suggestion_and_code_2(capsys, recipe, command, words, said):
    err = refused(capsys, command, recipe, COMMANDS[command], "nowhere", *words)
    assert err.startswith(f"dmssn {command}: ")
    assert said in err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_one_entry_for_all_keys(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("--TABLE.KEY") == 1
    assert "--detector.fit.epochs 3" in out
    assert sum(name in out for name in NAMES) <= 2  # the example


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "prepare"])
def test_a_mistake_in_an_option_of_the_commands_own_gets_a_suggestion_too(capsys, recipe, command):
    words = (COMMANDS[command], "nowhere", "--devise", "cpu")
    assert "Did you mean --device?" in refused(capsys, command, recipe, *words)


def prepared(*words: str) -> Recipe:
    """The settings `dmssn prepare` comes to, but for its own options."""
    _, bound, _ = app.parse_args(["prepare", *words], exit_on_error=False, print_error=False)
    given = bound.arguments
    names = ("source", "root", "output", "recipe")
    return _settings(*(given.get(key) for key in names), given.get("options", RecipeOptions()))


def test_prepare_takes_keys_of_the_recipe_and_places_from_its_own_options(recipe):
    keys = ("--prepare.size", "64", "--data.val", "0.2", "--data.prepared", "x")
    found = prepared(recipe, *keys)
    assert (found.prepare.size, found.data.val, found.data.prepared) == (64, 0.2, Path("x"))
    found = prepared("hs-sod", "ROOT", "-o", "out", *keys)
    assert (found.data.set, found.data.scenes) == ("hs-sod", Path("ROOT"))
    assert (found.prepare.size, found.data.prepared) == (64, Path("out"))
    found = prepared("hs-sod", "ROOT", "-o", "out", "--recipe", recipe, *keys)
    assert (found.detector.fit.epochs, found.data.scenes) == (7, Path("ROOT"))


def test_the_own_options_of_prepare_go_before_the_keys(tmp_path):
    root = write_folder(tmp_path / "in", height=34, width=34, bands=6)
    words = ["prepare", "folder", str(root), "-o", str(tmp_path / "out"), "--size", "32"]
    words += ["--prepare.size", "48", "--prepare.mixture.components", "3", "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    prepare = PreparedSet(tmp_path / "out").manifest.prepare
    assert (prepare["size"], prepare["mixture"]["components"]) == (32, 3)


def test_train_knows_recipes_by_name(capsys):
    err = refused(capsys, "train", "smok", "--run", "nowhere")
    assert "did you mean 'smoke'?" in err
