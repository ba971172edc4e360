"""Ablations on tiny scenes: what a variant changes, what is shared, resumed, compared and told."""

import json
import math
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from dmssn import checkpoint
from dmssn.ablation import jobs as ablation_jobs
from dmssn.ablation.pages import difference_rows, outcome, page, score_rows
from dmssn.ablation.results import margin, results_of, spread, verdict
from dmssn.ablation.running import Ablation
from dmssn.ablation.variants import OURS, teacher_owner, variants
from dmssn.cli import main
from dmssn.commands import ablate
from dmssn.commands.recipe_options import RecipeOptions
from dmssn.config import (
    DataConfig,
    DetectorConfig,
    FitConfig,
    GenerateConfig,
    MixtureConfig,
    PrepareConfig,
    Recipe,
    TeacherConfig,
)
from dmssn.datasets.catalogue import data_set
from dmssn.datasets.faking import write_fake
from dmssn.datasets.faking_plan import FakeSettings
from dmssn.recipes import find_recipe, read_recipe, to_table
from dmssn.runs.tables import cells, tabulate
from dmssn.store import write_json
from generated import write_folder

pytestmark = pytest.mark.usefixtures("unrendered")

BANDS = 6
FIT = FitConfig(epochs=1, batch=2, learning_rate=3e-3)
OURS_ONLY = Recipe(data=DataConfig(scenes=Path("scenes"), prepared=Path("unused")))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    folder = write_folder(root / "in", train=2, val=1, test=2, height=32, width=32, bands=BANDS)
    return Recipe(
        data=DataConfig(scenes=folder, prepared=root / "unused"),
        prepare=PrepareConfig(size=32, mixture=MixtureConfig(components=6)),
        teacher=TeacherConfig(fit=FIT),
        detector=DetectorConfig(fit=FIT),
    )


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """A folder where a few variants are done, and its results."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, Ablation(recipe, out, seeds=2).run(["ours", "pca", "spectral-heads"], 1)


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flat(config, where=""):
    found = {}
    for key, value in vars(config).items():
        if hasattr(value, "__dataclass_fields__"):
            found |= flat(value, f"{where}{key}.")
        else:
            found[where + key] = value
    return found


# What the variants are


@pytest.mark.parametrize("name", variants(OURS_ONLY))
def test_a_variant_changes_its_keys_and_no_other(name):
    variant = variants(OURS_ONLY)[name]
    ours, other = flat(OURS_ONLY), flat(variant.recipe(OURS_ONLY))
    assert {key for key in ours if ours[key] != other[key]} <= set(variant.changes)
    assert {key: other[key] for key in variant.changes} == variant.changes
    assert bool(variant.claim) == bool(variant.changes) == (name != OURS)


def test_the_published_rates_fall_as_often_as_published_but_at_most_once_an_epoch():
    def steps_of(teacher, detector):
        ours = replace(
            OURS_ONLY,
            teacher=TeacherConfig(fit=FitConfig(epochs=teacher)),
            detector=DetectorConfig(fit=FitConfig(epochs=detector)),
        )
        changed = variants(ours)["published-rates"].recipe(ours)
        assert (changed.teacher.fit.epochs, changed.detector.fit.epochs) == (teacher, detector)
        return changed.teacher.fit.step_epochs, changed.detector.fit.step_epochs

    assert steps_of(50, 100) == (10, 10)
    assert steps_of(25, 20) == (5, 2)
    assert steps_of(2, 3) == (1, 1)


def test_the_published_rates_are_those_of_the_published_code():
    published = variants(OURS_ONLY)["published-rates"].recipe(OURS_ONLY)
    teacher, detector = published.teacher.fit, published.detector.fit
    assert (teacher.learning_rate, detector.learning_rate) == (0.004, 0.06)
    assert (teacher.step_factor, detector.step_factor) == (0.1, 0.6)
    for fit in (teacher, detector):
        assert (fit.optimizer, fit.schedule, fit.weight_decay) == ("adamw", "step", 0.5)
        assert (fit.clip, fit.ema) == (0, 0)
    rates = published.detector
    assert (rates.dropout, rates.attention_dropout, rates.drop_path) == (0.3, 0.3, 0.3)


def test_variants_share_the_teachers_that_are_trained_alike():
    owners = {
        name: teacher_owner(recipe, OURS_ONLY)
        for name, variant in variants(OURS_ONLY).items()
        if (recipe := variant.recipe(OURS_ONLY)).detector.imitates
    }
    own = ("no-homogenization", "component-homogenization", "spatial-teacher", "published-rates")
    alike = ("ours", "published-detector", "no-evidence", "sum-head", "no-coarse-loss")
    alike += ("whole-spectra", "spatial-heads", "spectral-heads")
    assert owners == dict.fromkeys(alike, "ours") | {name: name for name in own}


def test_a_recipe_without_a_teacher_is_compared_with_one():
    lone = replace(OURS_ONLY, detector=DetectorConfig(reconstruct=0, distill=0))
    assert "no-distillation" not in variants(lone)
    variant = variants(lone)["distillation"]
    assert variant.expected == "better"
    assert variant.recipe(lone).detector.imitates
    assert variants(lone)["spatial-teacher"].recipe(lone).detector.imitates


def test_the_published_detector_is_the_one_of_the_published_recipe():
    published = read_recipe(Recipe, find_recipe("published")).detector
    found = variants(OURS_ONLY)["published-detector"].recipe(OURS_ONLY).detector
    for key in ("evidence", "head", "coarse", "head_groups"):
        assert getattr(found, key) == getattr(published, key)


# What a run of them leaves


def test_each_run_is_trained_once_with_its_seed_and_teachers_are_shared(whole):
    out, _ = whole
    runs = {path.name for path in (out / "detectors").iterdir()}
    names = ("ours", "pca", "spectral-heads")
    assert runs == {f"{name}-{seed}" for name in names for seed in (0, 1)}
    assert {path.name for path in (out / "teachers").iterdir()} == {"ours-0", "ours-1"}
    for run in runs:
        header = checkpoint.read_header(out / "detectors" / run / "best.safetensors", "detector")
        used, seed = header.provenance["recipe"], int(run[-1])
        assert used["detector"]["fit"]["seed"] == seed
        if not run.startswith("pca"):
            assert used["detector"]["teacher"] == str(out / "teachers" / f"ours-{seed}")


def test_scores_are_those_of_the_test_scenes_and_results_their_means(whole):
    out, results = whole
    run = json.loads((out / "detectors" / "ours-1" / "test.json").read_text())
    assert set(run["scenes"]) == {"test_0", "test_1"}
    mean = sum(scene["mae"] for scene in run["scenes"].values()) / 2
    told = results["variants"]["ours"]
    assert told["seeds"]["1"]["mae"] == pytest.approx(mean)
    both = [told["seeds"][seed]["mae"] for seed in ("0", "1")]
    assert told["metrics"]["mae"]["mean"] == pytest.approx(sum(both) / 2)
    assert told["metrics"]["mae"]["spread"] == pytest.approx(abs(both[0] - both[1]) / math.sqrt(2))
    assert results["scenes"] == {"train": 2, "val": 1, "test": 2}
    assert json.loads((out / "results.json").read_text()) == results


def test_what_is_there_is_kept_and_counts_in_later_results(whole, recipe):
    out, results = whole
    before = files_of(out)
    again = Ablation(recipe, out, seeds=2).run(["pca"], 1)
    assert again == results
    assert files_of(out) == before


def test_an_interrupted_run_goes_on_and_comes_to_the_same(whole, recipe, tmp_path, monkeypatch):
    saved = checkpoint.save
    stops = [2, 5]  # within the first teacher, and within a detector

    def save(path, header, tensors, **more):
        saved(path, header, tensors, **more)
        if header.stage == "resume":
            stops[:] = [stop - 1 for stop in stops]
            if 0 in stops:
                raise KeyboardInterrupt

    longer = replace(
        recipe,
        teacher=TeacherConfig(fit=replace(FIT, epochs=3)),
        detector=DetectorConfig(fit=replace(FIT, epochs=3)),
    )
    expected = Ablation(longer, tmp_path / "one", seeds=1).run(["ours"], 1)
    monkeypatch.setattr(checkpoint, "save", save)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Ablation(longer, tmp_path / "two", seeds=1).run(["ours"], 1)
        assert list((tmp_path / "two").glob("*/running_ours-0"))
    found = Ablation(longer, tmp_path / "two", seeds=1).run(["ours"], 1)
    assert found["variants"]["ours"]["seeds"] == expected["variants"]["ours"]["seeds"]


def test_a_run_killed_before_it_could_be_resumed_begins_anew(recipe, tmp_path):
    (tmp_path / "out" / "detectors" / "running_bands-0").mkdir(parents=True)
    results = Ablation(recipe, tmp_path / "out", seeds=1).run(["bands"], 1)
    assert list(results["variants"]["bands"]["seeds"]) == ["0"]


def test_runs_side_by_side_train_what_one_after_another_do(whole, recipe, tmp_path):
    _, results = whole
    found = Ablation(recipe, tmp_path / "out", seeds=2).run(["pca"], 2)
    one, other = (table["variants"]["pca"]["seeds"] for table in (results, found))
    assert {seed: pytest.approx(values, abs=1e-4) for seed, values in one.items()} == other


def test_a_diverging_run_is_told_and_the_others_finish(recipe, tmp_path, monkeypatch, capsys):
    trained = []
    train_detector, train_teacher = ablation_jobs.train_detector, ablation_jobs.train_teacher

    def detector(recipe, folder, **more):
        trained.append(folder.name)
        if folder.name == "pca-0":
            raise FloatingPointError("the loss is not\nfinite")
        train_detector(recipe, folder, **more)

    def teacher(recipe, folder, **more):
        trained.append(folder.name)
        if folder.name == "ours-1":
            raise FloatingPointError("too far")
        train_teacher(recipe, folder, **more)

    monkeypatch.setattr(ablation_jobs, "train_detector", detector)
    monkeypatch.setattr(ablation_jobs, "train_teacher", teacher)

    def told():
        results = Ablation(recipe, tmp_path / "out", seeds=2).run(["ours", "pca"], 1)
        return {name: (list(v["seeds"]), v["failed"]) for name, v in results["variants"].items()}

    expected = {
        "ours": (["0"], {"1": "diverged: its teacher: too far"}),
        "pca": (["1"], {"0": "diverged: the loss is not finite"}),
    }
    assert told() == expected
    trained.clear()
    capsys.readouterr()
    assert told() == expected
    assert trained == []  # those that diverged would do so again
    running = tmp_path / "out" / "detectors" / "running_pca-0"
    assert f"to try it again, remove {running}\n" in capsys.readouterr().err
    write_json(running / "run.json", {"identity": {"stage": "detector"}, "facts": []})
    (running / "recipe.toml").write_text(tomli_w.dumps(to_table(recipe)))
    (row,) = tabulate(running)[0]
    assert row["state"] == cells(row, datetime.now(UTC))["state"] == "diverged"
    running.rename(tmp_path / "away")
    del expected["pca"][1]["0"]
    monkeypatch.setattr(ablation_jobs, "train_detector", train_detector)
    assert told()["pca"] == (["0", "1"], {})


def test_a_run_that_fails_is_told_and_tried_again(recipe, tmp_path, monkeypatch):
    train_detector = ablation_jobs.train_detector

    def full(*_, **__):
        raise OSError("no space")

    monkeypatch.setattr(ablation_jobs, "train_detector", full)
    ablation = Ablation(recipe, tmp_path / "out", seeds=1)
    results = ablation.run(["bands"], 1)
    assert results["variants"]["bands"]["failed"] == {"0": "failed: no space"}
    monkeypatch.setattr(ablation_jobs, "train_detector", train_detector)
    results = Ablation(recipe, tmp_path / "out", seeds=1).run(["bands"], 1)
    assert results["variants"]["bands"]["failed"] == {}


def test_changed_settings_are_refused_in_the_same_folder(whole, recipe):
    out, _ = whole
    other = replace(recipe, detector=replace(recipe.detector, distill=0.5))
    with pytest.raises(ValueError, match=r"other settings \(detector\.distill\); choose another"):
        Ablation(other, out, seeds=2).run(["ours"], 1)


def test_the_same_folders_may_be_spelled_otherwise(whole, recipe, monkeypatch):
    out, results = whole
    monkeypatch.chdir(out.parent)
    scenes = Path(os.path.relpath(recipe.data.scenes))
    data = replace(recipe.data, scenes=scenes, prepared=Path("elsewhere"))
    found = Ablation(replace(recipe, data=data), Path(out.name), seeds=2).run(["ours"], 1)
    assert found == results


def test_other_scenes_are_refused_in_the_same_folder(whole, recipe, tmp_path):
    other = replace(recipe, data=replace(recipe.data, scenes=tmp_path))
    with pytest.raises(ValueError, match=r"other settings \(data\.scenes\)"):
        Ablation(other, whole[0], seeds=2).run(["ours"], 1)


def test_the_trainings_side_by_side_are_those_of_the_call_that_trained(whole, recipe):
    out, results = whole
    assert results["workers"] == 1
    assert Ablation(recipe, out, seeds=2).run(["pca"], 2)["workers"] == 1


def test_a_made_up_copy_is_told(tmp_path):
    root = tmp_path / "in"
    write_fake(data_set("hs-sod"), root, FakeSettings(size=(32, 36), quirks=False))
    data = DataConfig(scenes=root, prepared=tmp_path, set="hs-sod")
    prepare = PrepareConfig(size=32, mixture=MixtureConfig(components=3))
    fit = FitConfig(epochs=1, batch=32)
    made = Recipe(
        data=data, prepare=prepare, teacher=TeacherConfig(fit=fit), detector=DetectorConfig(fit=fit)
    )
    results = Ablation(made, tmp_path / "out", seeds=1).run(["bands"], 1)
    assert results["made_up"] == "a made-up copy (`dmssn dataset fake`)"
    assert results["split"].startswith("split 'dmssn': 48 / 12 scenes")


def test_a_set_without_test_scenes_is_refused_before_training(recipe, tmp_path):
    folder = write_folder(tmp_path / "in", train=2, val=1, test=0, height=32, width=32, bands=BANDS)
    other = replace(recipe, data=DataConfig(scenes=folder, prepared=tmp_path))
    with pytest.raises(ValueError, match="no scene in the test split"):
        Ablation(other, tmp_path / "out", seeds=1).run(["bands"], 1)
    assert not (tmp_path / "out" / "detectors").exists()


# What the numbers say


def run_of(f_mean, mae=0.1):
    scene = {"mae": mae, "f_mean": f_mean, "f_max": f_mean, "auc": None}
    return {
        "scenes": {"a": scene, "b": scene},
        "parameters": 1000,
        "minutes": 2.0,
        "teacher_minutes": None,
        "versions": {"dmssn": "1"},
    }


FACTS = {
    "scenes": {"train": 8, "val": 1, "test": 2},
    "bands": 6,
    "split": "lists in splits/",
    "made_up": "",
    "workers": 2,
}


def results_by_hand(*, asked=None, **values):
    """Results of ``ours`` and others from the F mean of each seed, or why there is none.

    ``asked`` is the number of seeds of the call; by default as many as there are.
    """
    runs = {
        name.replace("_", "-"): {
            seed: value if isinstance(value, str) else run_of(value)
            for seed, value in enumerate(numbers)
        }
        for name, numbers in values.items()
    }
    seeds = asked or max(map(len, values.values()))
    return results_of(variants(OURS_ONLY), runs, FACTS | {"seeds": seeds})


def test_differences_are_paired_by_seed():
    # Both variants spread by 0.1; by seed they differ by 0.01, 0.02 and 0.03.
    results = results_by_hand(ours=[0.5, 0.6, 0.7], pca=[0.49, 0.58, 0.67])
    found = results["variants"]["pca"]
    assert found["difference"]["f_mean"] == pytest.approx(
        {"mean": -0.02, "spread": 0.01, "seeds": 3}
    )
    assert found["metrics"]["f_mean"] == pytest.approx(
        {"mean": 0.58, "spread": math.sqrt(0.0162 / 2), "seeds": 3}
    )
    # standard error 0.01 / sqrt(3) = 0.0058, times 4.30 is 0.0248 > 0.02
    assert found["verdict"] == "no clear difference"
    assert results["variants"]["ours"]["verdict"] == ""


def test_a_seed_without_scores_on_either_side_makes_no_pair():
    results = results_by_hand(ours=["diverged: x", 0.6, 0.7], pca=[0.1, "diverged: y", 0.75])
    found = results["variants"]["pca"]
    assert found["difference"]["f_mean"]["mean"] == pytest.approx(0.05)
    assert found["difference"]["f_mean"]["seeds"] == 1
    assert found["verdict"] == "diverged in 1 of 3"


def test_an_undefined_metric_has_no_mean():
    found = results_by_hand(ours=[0.5], pca=[0.4])["variants"]
    assert found["ours"]["metrics"]["auc"] == {"mean": None, "spread": None, "seeds": 0}
    assert found["pca"]["difference"]["auc"]["mean"] is None


def test_student_t_is_that_of_the_tables():
    assert margin(3) == pytest.approx(4.303, abs=5e-4)
    assert margin(5) == pytest.approx(2.776, abs=5e-4)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([-0.03, -0.03, -0.04], "worse"),
        ([0.03, 0.03, 0.04], "better"),
        ([0.03, -0.03, 0.04], "no clear difference"),
        ([0.0, 0.0, 0.0], "no clear difference"),
        ([0.25, 0.25, 0.25], "better"),
        ([0.25, 0.25], "too few seeds"),
        ([], "too few seeds"),
    ],
)
def test_a_verdict_follows_from_the_differences(differences, expected):
    assert verdict(differences) == expected


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=6))
def test_the_opposite_differences_have_the_opposite_verdict(differences):
    opposite = {"better": "worse", "worse": "better"}
    found = verdict(differences)
    assert verdict([-value for value in differences]) == opposite.get(found, found)
    if found != "no clear difference":
        told = spread(differences)
        error = told["spread"] / math.sqrt(told["seeds"])
        assert (told["mean"] > 0) == (found == "better")
        assert abs(told["mean"]) > margin(len(differences)) * error


def test_the_claims_are_judged_by_the_verdicts():
    results = results_by_hand(
        ours=[0.5, 0.6, 0.7],
        pca=[0.4, 0.5, 0.59],
        bands=[0.7, 0.8, 0.91],
        spatial_teacher=[0.4, 0.5, 0.59],
        no_distillation=[0.5, 0.7, 0.65],
        published_rates=["diverged: x", 0.1, 0.1],
    )
    expected = {
        "pca": "Supported, the variant is worse: F mean -0.103 ± 0.006.",
        "bands": "Contradicted, the variant is better: F mean +0.203 ± 0.006.",
        "spatial-teacher": "Contradicted, the variant is worse: F mean -0.103 ± 0.006.",
        "no-distillation": "Not decided, no clear difference: F mean +0.017 ± 0.076.",
        "published-rates": "Diverged in 1 of 3 runs: not compared.",
        "spatial-heads": "Not run.",
    }
    assert {name: outcome(name, results) for name in expected} == expected


def test_without_ours_nothing_is_compared():
    results = results_by_hand(pca=[0.4, 0.5, 0.6])
    assert outcome("pca", results) == "Not compared: ours has no scores."
    assert difference_rows(results)[1] == ["pca", "-", "-", "-", "-", "ours has no scores"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # Without the fourth seed the other three would be a clear "worse".
        (
            {"ours": [0.5, 0.6, 0.7, "diverged: x"], "pca": [0.4, 0.5, 0.59, 0.9]},
            "ours diverged in 1 of 4",
        ),
        (
            {"ours": [0.5, 0.6, 0.7, "failed: x"], "pca": [0.4, 0.5, 0.59, 0.9]},
            "ours failed in 1 of 4",
        ),
        (
            {"ours": ["diverged: x"] * 4, "pca": [0.4, 0.5, 0.59, "diverged: y"]},
            "diverged in 1 of 4",
        ),
        (
            {"ours": [0.5, 0.6, 0.7], "pca": [0.4, 0.5, 0.59, 0.6]},
            "not every seed has both scores",
        ),
        (
            {"ours": [0.5, 0.6, 0.7, 0.8], "pca": [0.4, 0.5, 0.59]},
            "not every seed has both scores",
        ),
        ({"ours": [0.5, 0.6], "pca": [0.4, 0.5], "asked": 2}, "too few seeds"),
    ],
)
def test_there_is_a_verdict_only_if_every_seed_of_the_call_has_a_pair(values, expected):
    results = results_by_hand(**values)
    assert results["variants"]["pca"]["verdict"] == expected
    assert outcome("pca", results).startswith(("Not ", "Diverged in 1 of 4 runs"))
    assert "verdicts would be false" not in page(results, OURS_ONLY, "dmssn ablate")


def test_only_verdicts_count_for_the_chance_of_a_false_one():
    values = {"ours": [0.5, 0.6, 0.7], "pca": [0.4, 0.5, 0.59], "bands": [0.5, 0.5, 0.9]}
    found = page(results_by_hand(**values, no_distillation=["failed: x"] * 3), OURS_ONLY, "x")
    assert "one or more of 2 such verdicts would be false with a chance of up to 10%" in " ".join(
        found.split()
    )


def test_the_page_tells_the_rows_the_rule_and_the_command():
    results = results_by_hand(ours=[0.5, 0.6, 0.7], pca=["diverged: a | b", 0.5, 0.6])
    text = page(results, OURS_ONLY, "dmssn ablate some -o out --seeds 3")
    for row in (*score_rows(results), *difference_rows(results)):
        assert f"| {' | '.join(row)} |" in text
    assert "| ours | 0.100 ± 0.000 | 0.600 ± 0.100 |" in text
    assert "- pca, seed 0: diverged: a | b" in text
    assert "4.30 standard errors" in text
    assert "Which scenes are for what: lists in splits/." in text
    assert "with 2 trainings side by side" in " ".join(text.split())
    assert "not real" not in text
    fake = page(results | {"made_up": "a made-up copy"}, OURS_ONLY, "dmssn ablate")
    assert "of the data set `folder`, which are not real but a made-up copy;" in " ".join(
        fake.split()
    )
    assert "\n```\ndmssn ablate some -o out --seeds 3\n```\n" in text


def test_a_page_of_one_seed_gives_no_verdict():
    text = page(results_by_hand(ours=[0.5], pca=[0.6]), OURS_ONLY, "dmssn ablate")
    assert "Fewer than 3 seeds decide nothing" in text
    assert "±" not in text
    assert "| pca | +0.000 | +0.100 | +0.100 | - | too few seeds |" in text


# The command


def run(capsys, *tokens):
    with pytest.raises(SystemExit) as ended:
        main(tokens)
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def test_the_command_generates_trains_and_writes_the_page(recipe, tmp_path, capsys, monkeypatch):
    for library in ("earthlib", "colour"):
        pytest.importorskip(library, reason="the extra scenes is not installed")
    monkeypatch.chdir(tmp_path)
    made = replace(
        recipe,
        data=DataConfig(scenes=Path("unused"), prepared=Path("unused")),
        generate=GenerateConfig(count=5, size=32, bands=BANDS, seed=1),
    )
    Path("small.toml").write_text(tomli_w.dumps(to_table(made)))
    words = ["ablate", str(tmp_path / "small.toml"), "-o", "out", "--seeds", "1"]
    words += ["--only", "ours, bands", "--workers", "1", "--train.batch", "1"]
    code, out, err = run(capsys, *words, "--report", "docs/page.md")
    assert code == 0
    assert re.search(r"^bands +0\.\d{3} ", out, re.MULTILINE)
    assert "detectors: 2 of 2, bands, seed 0: done" in err
    assert "segment/bce" not in err  # what training says is in the log of its run
    assert len(list(Path("out/scenes/cubes").iterdir())) == 5
    text = Path("docs/page.md").read_text()
    assert (
        "dmssn ablate small.toml -o out --seeds 1 --only ours,bands --train.batch 1 "
        "--report docs/page.md" in text
    )
    assert str(tmp_path) not in text
    code, out, _ = run(capsys, *words, "--json")
    assert json.loads(out) == json.loads(Path("out/results.json").read_text())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--only", "pac"], "no variant 'pac'; did you mean 'pca'?"),
        (["--report", "."], "--report . is a folder"),
        (["--device", "tpu", "--workers", "2"], "--device 'tpu': use auto, cpu"),
    ],
)
def test_a_mistake_is_one_line(words, said, tmp_path, capsys):
    code, out, err = run(capsys, "ablate", "ablation", "-o", str(tmp_path / "out"), *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "out").exists()


def test_the_command_of_the_page_is_for_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here, away = tmp_path / "docs" / "page.md", tmp_path.parent / "elsewhere" / "out"
    options = RecipeOptions(given=(("--data.scenes", str(tmp_path / "my in")),))
    words = ablate._command("ablation", away, 3, [], here, options)
    assert " ".join(words) == (
        f"dmssn ablate ablation -o {away} --seeds 3 --data.scenes 'my in' --report docs/page.md"
    )


def test_the_page_names_the_variants_on_it_where_not_all_are(whole, recipe, tmp_path, capsys):
    out, _ = whole
    path, report = tmp_path / "r.toml", tmp_path / "page.md"
    path.write_text(tomli_w.dumps(to_table(recipe)))
    words = ("ablate", str(path), "-o", str(out), "--seeds", "2", "--only", "pca")
    code, printed, _ = run(capsys, *words, "--report", str(report), "--workers", "1")
    assert code == 0
    assert "--only ours,spectral-heads,pca" in report.read_text()
    assert "F mean - ours" in printed


def test_a_worker_is_counted_with_the_memory_that_was_seen():
    assert ablate.WORKER_BYTES > 11.4e9


def test_the_help_names_all_variants():
    told = str(ablate.main.__doc__).split("only:")[1].split("workers:")[0]
    assert re.findall(r"[\w-]{3,}", told.split("between:")[1]) == list(variants(OURS_ONLY))


def test_the_recipe_that_comes_with_the_program_suits_the_published_schedule():
    ours = read_recipe(Recipe, find_recipe("ablation"))
    assert ours.generate.count > 0
    assert ours.generate.size == ours.prepare.size
    published = variants(ours)["published-rates"].recipe(ours).detector.fit
    assert published.step_epochs * 10 == published.epochs
