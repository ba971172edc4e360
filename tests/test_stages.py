"""Both stages end to end on tiny generated scenes: runs, resuming, fine-tuning, refusals."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from dmssn import checkpoint
from dmssn.batches import pack
from dmssn.cli import main
from dmssn.config import (
    AugmentConfig,
    DataConfig,
    DetectorConfig,
    FitConfig,
    MixtureConfig,
    PrepareConfig,
    Recipe,
    TeacherConfig,
)
from dmssn.losses import reconstruction_terms
from dmssn.models.autoencoder import Teacher
from dmssn.models.network import DMSSN
from dmssn.preparing_sets import prepare_set
from dmssn.recipes import to_table
from dmssn.runs.pages import PAGE
from dmssn.runs.run import Run
from dmssn.store import PreparedSet, write_manifest, write_scene
from dmssn.training import stage_runs, stages, validation
from dmssn.training import terms as stage_terms
from dmssn.training.stages import open_prepared, train_detector, train_teacher
from generated import write_folder

pytestmark = pytest.mark.usefixtures("unrendered")

BANDS = 6
CPU = torch.device("cpu")
PREPARE = PrepareConfig(size=32, mixture=MixtureConfig(components=6))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    folder = write_folder(root / "in", train=5, val=2, height=34, width=38, bands=BANDS)
    prepare_set(DataConfig(scenes=folder, prepared=root / "set"), PREPARE)
    return root / "set"


def recipe_of(prepared, **fit) -> Recipe:
    shared = FitConfig(**({"epochs": 3, "batch": 2, "learning_rate": 3e-3} | fit))
    return Recipe(
        data=DataConfig(scenes=prepared.parent / "in", prepared=prepared),
        prepare=PREPARE,
        teacher=TeacherConfig(fit=shared),
        detector=DetectorConfig(fit=shared),
    )


@pytest.fixture(scope="module")
def teacher(prepared, tmp_path_factory, unrendered):
    folder = tmp_path_factory.mktemp("runs") / "teacher"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", unrendered)
        train_teacher(recipe_of(prepared), folder, device=CPU, resume=False, init=None)
    return folder


def scored_on_val(network, opened, fit):
    scenes = validation.score_scenes(network, opened, opened.names("val"), fit, CPU)
    return validation.means(scenes, "val/")


def fit_detector(recipe, folder, teacher, *, resume=False, init=None):
    train_detector(recipe, folder, device=CPU, resume=resume, init=init, teacher_path=teacher)
    return folder


def fit_teacher(recipe, folder, *, resume=False, init=None):
    train_teacher(recipe, folder, device=CPU, resume=resume, init=init)
    return folder


def same_weights(one, other, stage):
    (first, tensors), (second, others) = (
        checkpoint.load(folder / "best.safetensors", stage) for folder in (one, other)
    )
    assert first.metrics == second.metrics
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, others[name]), name


def picture_size(path):
    with Image.open(path) as picture:
        return picture.size


def lines_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_teacher_learns_and_its_checkpoint_tells_all(prepared, teacher):
    assert sorted(path.name for path in teacher.iterdir()) == [
        "best.safetensors",
        "last.safetensors",
        "log.jsonl",
        "recipe.toml",
        "report.png",
        "run.json",
    ]
    lines = lines_of(teacher)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[-1]["val/reconstruct/smooth_l1"] < lines[0]["val/reconstruct/smooth_l1"]
    assert picture_size(teacher / PAGE)[0] == 1560
    header, tensors = checkpoint.load(teacher / "best.safetensors", "teacher")
    assert (header.bands, header.model) == (BANDS, {"spatial": False})
    assert header.prepare["size"] == 32
    assert len(header.wavelengths_nm) == BANDS
    assert header.provenance["scenes"] == {"train": 5, "val": 2, "test": 1}
    assert header.provenance["recipe"] == to_table(recipe_of(prepared))
    Teacher(BANDS).load_state_dict(tensors)


def test_a_detector_learns_and_its_checkpoint_tells_all(
    prepared, teacher, tmp_path, monkeypatch, unrendered
):
    monkeypatch.setattr(Figure, "savefig", unrendered)
    folder = fit_detector(recipe_of(prepared, ema=0.5), tmp_path / "run", teacher)
    assert picture_size(folder / PAGE)[0] == 1560
    lines = lines_of(folder)
    expected = {
        *(f"segment/{name}" for name in ("bce", "ssim", "iou")),
        *(f"reconstruct/{name}" for name in ("smooth_l1", "angle")),
        *(f"distill/{name}" for name in ("encoded", "code", "decoded")),
        *(f"val/{name}" for name in ("mae", "f_mean", "f_max", "auc")),
    }
    assert expected <= set(lines[-1])
    assert lines[-1]["segment/bce"] < lines[0]["segment/bce"]
    assert lines[-1]["score"] == pytest.approx(lines[-1]["val/f_mean"] - lines[-1]["val/mae"])
    header, tensors = checkpoint.load(folder / "best.safetensors", "detector")
    rates = {"dropout", "attention_dropout", "drop_path"}
    assert set(header.model["msst"]) == {"head", "head_groups", *rates}
    assert header.model["encoder"] == "student"
    assert header.metrics["score"] == max(line["score"] for line in lines)
    assert header.provenance["recipe"]["detector"]["teacher"] == str(teacher)
    DMSSN.described(BANDS, header.model).load_state_dict(tensors)


def test_the_validation_metrics_are_those_of_the_saved_weights(prepared, teacher, tmp_path):
    recipe = recipe_of(prepared, ema=0.5, epochs=2)
    folder = fit_detector(recipe, tmp_path / "run", teacher)
    header, tensors = checkpoint.load(folder / "last.safetensors", "detector")
    network = DMSSN.described(BANDS, header.model)
    network.load_state_dict(tensors)
    scored = scored_on_val(network.eval(), PreparedSet(prepared), recipe.detector.fit)
    for name, value in scored.items():
        assert header.metrics[name] == pytest.approx(value, abs=1e-6)


class Interrupted(Exception):
    pass


def interrupted_at(epoch, monkeypatch, run):
    log = Run.log

    def failing(self, **values):
        if values.get("epoch") == epoch:
            raise Interrupted
        log(self, **values)

    monkeypatch.setattr(Run, "log", failing)
    with pytest.raises(Interrupted):
        run()
    monkeypatch.undo()


PUBLISHED = {"evidence": False, "head": "sum", "coarse": 0.0}
VIEWS = AugmentConfig(flips=False, rotation=0, shrink=1, enlarge=1, turns=True, window=0.4, tone=2)


@pytest.mark.parametrize(
    ("fit", "detector"),
    [
        ({}, PUBLISHED),
        ({"ema": 0.9, "workers": 1}, {}),
        ({"epochs": 4, "validate_every": 2}, {"augment": VIEWS}),
    ],
    ids=["published", "averaged", "views"],
)
def test_a_resumed_detector_is_the_uninterrupted_one(
    prepared, teacher, tmp_path, monkeypatch, fit, detector
):
    recipe = recipe_of(prepared, **fit)
    recipe = replace(recipe, detector=replace(recipe.detector, **detector))
    whole = fit_detector(recipe, tmp_path / "whole", teacher)
    cut = tmp_path / "cut"
    late = recipe.detector.fit.epochs - 1
    interrupted_at(late, monkeypatch, lambda: fit_detector(recipe, cut, teacher))
    assert not cut.exists()
    assert (tmp_path / "running_cut" / "resume.safetensors").is_file()
    fit_detector(recipe, cut, teacher, resume=True)
    same_weights(whole, cut, "detector")
    assert not (tmp_path / "running_cut").exists()
    assert not (cut / "resume.safetensors").exists()


def test_a_resumed_teacher_is_the_uninterrupted_one(prepared, teacher, tmp_path, monkeypatch):
    recipe = recipe_of(prepared)
    cut = tmp_path / "cut"
    interrupted_at(3, monkeypatch, lambda: fit_teacher(recipe, cut))
    fit_teacher(recipe, cut, resume=True)
    same_weights(teacher, cut, "teacher")


def test_a_run_cut_off_before_its_first_epoch_ended_resumes_from_the_start(
    prepared, teacher, tmp_path, monkeypatch
):
    recipe = recipe_of(prepared)
    interrupted_at(1, monkeypatch, lambda: fit_teacher(recipe, tmp_path / "cut"))
    fit_teacher(recipe, tmp_path / "cut", resume=True)
    same_weights(teacher, tmp_path / "cut", "teacher")


def test_a_run_begun_from_other_weights_is_not_resumed_without_them(
    prepared, teacher, tmp_path, monkeypatch
):
    recipe, cut = recipe_of(prepared), tmp_path / "cut"
    whole = fit_teacher(recipe, tmp_path / "whole", init=teacher)
    interrupted_at(1, monkeypatch, lambda: fit_teacher(recipe, cut, init=teacher))
    with pytest.raises(ValueError, match=r"other settings \(init\)"):
        fit_teacher(recipe, cut, resume=True)
    fit_teacher(recipe, cut, resume=True, init=teacher)
    same_weights(whole, cut, "teacher")


def test_a_run_that_cannot_take_its_name_is_finished_by_resuming(prepared, tmp_path):
    recipe, run = recipe_of(prepared), tmp_path / "run"
    complete = Run.complete

    def taken(self):
        run.mkdir()
        (run / "file").touch()
        complete(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "complete", taken)
        with pytest.raises(OSError, match="not empty"):
            fit_teacher(recipe, run)
    shutil.rmtree(run)
    fit_teacher(recipe, run, resume=True)
    assert [line["epoch"] for line in lines_of(run)] == [1, 2, 3]  # nothing was trained again


def test_a_set_of_other_settings_than_the_recipes_is_refused(prepared, tmp_path):
    recipe = replace(recipe_of(prepared), prepare=replace(PREPARE, size=64, bands=6))
    with pytest.raises(ValueError, match=r"\(prepare\.size, prepare\.bands\)"):
        fit_teacher(recipe, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_scenes_without_salient_pixels_train_and_their_log_is_json(prepared, teacher, tmp_path):
    copy = tmp_path / "set"
    shutil.copytree(prepared, copy)
    opened = PreparedSet(copy)
    for name in opened.names("train") + opened.names("val"):
        scene = opened.read(name)
        write_scene(copy, scene._replace(mask=scene.mask & False))
    recipe = recipe_of(copy, epochs=1)
    folder = fit_detector(recipe, tmp_path / "run", teacher)
    assert "NaN" not in (folder / "log.jsonl").read_text()
    assert "val/auc" not in lines_of(folder)[-1]  # empty masks define none
    assert "val/mae" in lines_of(folder)[-1]


def test_settings_changed_on_resuming_are_refused_by_name(prepared, teacher, tmp_path, monkeypatch):
    recipe = recipe_of(prepared)
    interrupted_at(2, monkeypatch, lambda: fit_detector(recipe, tmp_path / "run", teacher))
    changed = replace(
        recipe,
        detector=replace(
            recipe.detector,
            dropout=0.1,
            fit=replace(recipe.detector.fit, learning_rate=1e-4),
        ),
    )
    with pytest.raises(ValueError, match=r"detector\.dropout, detector\.fit\.learning_rate"):
        fit_detector(changed, tmp_path / "run", teacher, resume=True)
    other = fit_teacher(recipe_of(prepared, epochs=1, seed=1), tmp_path / "other")
    with pytest.raises(ValueError, match=r"other settings \(teacher\)"):
        fit_detector(recipe, tmp_path / "run", other, resume=True)
    with pytest.raises(ValueError, match=r"other settings \(.*stage"):
        fit_teacher(recipe, tmp_path / "run", resume=True)


def test_runs_are_never_overwritten(prepared, teacher, tmp_path, monkeypatch):
    recipe = recipe_of(prepared)
    with pytest.raises(FileExistsError, match="exists; choose another --run or remove it"):
        fit_teacher(recipe, teacher)
    with pytest.raises(FileExistsError, match="exists; choose another"):
        fit_teacher(recipe, teacher, resume=True)
    with pytest.raises(FileNotFoundError, match="no interrupted run to resume"):
        fit_teacher(recipe, tmp_path / "run", resume=True)
    with pytest.raises(FileExistsError, match=r"^\.: exists"):
        fit_teacher(recipe, Path())
    interrupted_at(1, monkeypatch, lambda: fit_teacher(recipe, tmp_path / "run"))
    with pytest.raises(FileExistsError, match="go on with --resume or remove it"):
        fit_teacher(recipe, tmp_path / "run")


def test_fine_tuning_starts_from_the_weights_it_is_given(prepared, teacher, tmp_path):
    still = recipe_of(prepared, epochs=1, learning_rate=0.0)
    first = fit_detector(recipe_of(prepared, epochs=1), tmp_path / "first", teacher)
    tuned = fit_detector(still, tmp_path / "tuned", teacher, init=first)
    fresh = fit_detector(still, tmp_path / "fresh", teacher)
    (_, start), (_, end), (_, other) = (
        checkpoint.load(folder / "last.safetensors", "detector") for folder in (first, tuned, fresh)
    )
    for name, tensor in start.items():
        assert torch.equal(tensor, end[name]), name
    assert any(not torch.equal(tensor, other[name]) for name, tensor in start.items())
    file = teacher / "best.safetensors"
    same = fit_teacher(still, tmp_path / "teacher", init=file)
    _, tensors = checkpoint.load(same / "last.safetensors", "teacher")
    for name, tensor in checkpoint.load(file, "teacher")[1].items():
        assert torch.equal(tensor, tensors[name]), name


def other_detector(folder, bands):
    """A checkpoint of the recipe's network, not trained, of other bands."""
    config = DetectorConfig()
    sizes = {name: getattr(config, name) for name in ("head", "head_groups")}
    model = {"encoder": "student", "evidence": config.evidence, "msst": sizes}
    network = DMSSN.described(bands, model)
    path = folder / "other.safetensors"
    header = checkpoint.Header(stage="detector", bands=bands, model=model)
    checkpoint.save(path, header, network.state_dict())
    return path


def test_weights_of_another_stage_or_size_are_no_start(prepared, teacher, tmp_path):
    recipe = recipe_of(prepared)
    with pytest.raises(ValueError, match="a teacher checkpoint, a detector one is needed"):
        fit_detector(recipe, tmp_path / "run", teacher, init=teacher)
    published = replace(recipe, detector=replace(recipe.detector, head="sum", evidence=False))
    said = r"detector\.evidence = (True|False), the recipe's has (True|False); set it alike"
    with pytest.raises(ValueError, match=said):
        fit_detector(published, tmp_path / "run", teacher, init=other_detector(tmp_path, 64))
    with pytest.raises(ValueError, match=r"other\.safetensors: not weights .*: size mismatch"):
        fit_detector(recipe, tmp_path / "run", teacher, init=other_detector(tmp_path, 64))
    (tmp_path / "other.safetensors").unlink()
    wide = replace(recipe, teacher=replace(recipe.teacher, spatial=True))
    with pytest.raises(ValueError, match="not weights of this network: Missing key"):
        fit_teacher(wide, tmp_path / "run", init=teacher)
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_that_looks_around_trains_and_teaches(prepared, tmp_path):
    recipe = recipe_of(prepared, epochs=2)
    recipe = replace(recipe, teacher=replace(recipe.teacher, spatial=True))
    folder = fit_teacher(recipe, tmp_path / "teacher")
    header, tensors = checkpoint.load(folder / "best.safetensors", "teacher")
    assert header.model == {"spatial": True}
    assert any("depthwise" in name for name in tensors)
    lines = lines_of(folder)
    assert lines[-1]["reconstruct/smooth_l1"] < lines[0]["reconstruct/smooth_l1"]
    taught = fit_detector(recipe_of(prepared, epochs=1), tmp_path / "run", folder)
    assert lines_of(taught)[-1]["distill/code"] > 0


def test_a_dense_teacher_is_compared_inside_the_scene_alone(prepared):
    batch = pack([PreparedSet(prepared).read(f"train_{k}") for k in range(2)])
    region_map = batch.region_map.clone()
    region_map[:, :5] = -1
    area = torch.bincount(region_map[region_map >= 0], minlength=len(batch.spectra)).float()
    batch = batch._replace(region_map=region_map, packing=batch.packing._replace(area=area))
    dense = torch.rand(2, BANDS, 32, 32, generator=torch.Generator().manual_seed(0))
    loud = torch.where(batch.valid, dense, torch.tensor(50.0))
    teacher = Teacher(BANDS, spatial=True)
    one, other = (
        reconstruction_terms(*stage_terms.compared(teacher, made, batch)) for made in (dense, loud)
    )
    inside = reconstruction_terms(dense[:, :, 5:], batch.dense()[:, :, 5:])
    for name, term in inside.items():
        torch.testing.assert_close(one[name], term)
        torch.testing.assert_close(other[name], term)


def test_features_of_a_dense_teacher_are_read_as_region_means(prepared):
    batch = pack([PreparedSet(prepared).read(f"train_{k}") for k in range(2)])
    teacher = Teacher(BANDS, spatial=True).eval()
    with torch.no_grad():
        dense, means = teacher.features(batch.dense()), stage_terms.teacher_features(teacher, batch)
    assert means.code.shape == (len(batch.spectra), 32)
    for region in (0, len(batch.spectra) - 1):
        image, rows, columns = torch.where(batch.region_map == region)
        expected = dense.code[image, :, rows, columns].mean(dim=0)
        torch.testing.assert_close(means.code[region], expected)


def test_nothing_is_distilled_with_weight_zero(prepared, tmp_path):
    recipe = recipe_of(prepared, epochs=1)
    alone = replace(recipe, detector=replace(recipe.detector, distill=0, l1=1e-6))
    line = lines_of(fit_detector(alone, tmp_path / "run", None))[-1]
    assert not any(name.startswith("distill") for name in line)
    assert line["l1"] > 0


def test_a_teacher_must_be_given_and_fit(prepared, teacher, tmp_path):
    recipe = recipe_of(prepared)
    with pytest.raises(ValueError, match="distillation needs a teacher: give --teacher"):
        fit_detector(recipe, tmp_path / "run", None)
    with pytest.raises(FileNotFoundError, match="no such teacher checkpoint"):
        fit_detector(recipe, tmp_path / "run", tmp_path / "nowhere")
    header, tensors = checkpoint.load(teacher / "best.safetensors", "teacher")
    checkpoint.save(
        tmp_path / "nine",
        replace(header, bands=9, wavelengths_nm=None, mean=None, std=None),
        tensors,
    )
    with pytest.raises(ValueError, match=r"nine: a teacher of 9 bands, the scenes have 6"):
        fit_detector(recipe, tmp_path / "run", tmp_path / "nine")
    assert not (tmp_path / "running_run").exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split_is_refused_before_anything_is_made(prepared, tmp_path, split):
    shutil.copytree(prepared, tmp_path / "set")
    manifest = PreparedSet(prepared).manifest
    write_manifest(tmp_path / "set", replace(manifest, splits={**manifest.splits, split: []}))
    with pytest.raises(ValueError, match=f"no scene in the {split} split"):
        fit_teacher(recipe_of(tmp_path / "set"), tmp_path / "run")
    assert not (tmp_path / "running_run").exists()


def test_test_scenes_are_never_read(prepared, teacher, tmp_path):
    shutil.copytree(prepared, tmp_path / "set")
    (tmp_path / "set" / "scenes" / "test_0.safetensors").unlink()
    recipe = recipe_of(tmp_path / "set", epochs=1)
    fit_detector(recipe, tmp_path / "run", fit_teacher(recipe, tmp_path / "teacher"))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_trains_and_says_how_near_it_is(prepared, teacher, tmp_path, precision):
    recipe = recipe_of(prepared, epochs=1, precision=precision)
    folder = fit_detector(recipe, tmp_path / "run", fit_teacher(recipe, tmp_path / "teacher"))
    _, tensors = checkpoint.load(folder / "best.safetensors", "detector")
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    assert 0 < lines_of(folder)[0]["agreement"] < validation.AGREEMENT


def test_low_precision_that_is_far_off_is_refused(prepared, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "AGREEMENT", 1e-7)
    with pytest.raises(FloatingPointError, match=r"the saliency in bfloat16 is .* off plain"):
        fit_detector(recipe_of(prepared, precision="bfloat16"), tmp_path / "run", teacher)


def test_compiling_is_asked_for_and_checked(prepared, teacher, tmp_path, monkeypatch):
    def compile_to_the_same(module):  # the compiler takes minutes; test_models_msst.py traces
        module._compiled_call_impl = module._call_impl

    monkeypatch.setattr(nn.Module, "compile", compile_to_the_same)
    recipe = recipe_of(prepared, epochs=1)
    compiled = replace(recipe, detector=replace(recipe.detector, compile=True))
    for name, chosen in (("plain", recipe), ("compiled", compiled)):
        fit_detector(chosen, tmp_path / name, teacher)
    same_weights(tmp_path / "plain", tmp_path / "compiled", "detector")
    assert "agreement" not in lines_of(tmp_path / "plain")[0]
    assert lines_of(tmp_path / "compiled")[0]["agreement"] == 0


def test_augmentation_is_the_stages_own(prepared, tmp_path, monkeypatch):
    seen = []
    real = stage_runs.TrainingSteps

    def spied(prepared_set, augmentation, *others, **more):
        seen.append(augmentation)
        return real(prepared_set, augmentation, *others, **more)

    monkeypatch.setattr(stage_runs, "TrainingSteps", spied)
    recipe = recipe_of(prepared, epochs=1)
    own = AugmentConfig(flips=False)
    fit_teacher(replace(recipe, teacher=replace(recipe.teacher, augment=own)), tmp_path / "run")
    assert seen == [own]


def test_the_commands_train_both_stages(prepared, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text(
        f'[data]\nscenes = "in"\nprepared = "{prepared}"\n'
        "[prepare]\nsize = 32\n[prepare.mixture]\ncomponents = 6\n"
        "[teacher.fit]\nepochs = 1\nbatch = 4\n[detector.fit]\nepochs = 1\nbatch = 4\n"
    )

    def run(*tokens):
        with pytest.raises(SystemExit) as ended:
            main([*tokens])
        return ended.value.code, *capsys.readouterr()

    code, out, err = run("train-teacher", "recipe.toml", "--run", "t", "--device", "cpu")
    assert (code, out) == (0, "t/best.safetensors\n")
    assert "epoch 1" in err
    code, out, _ = run("train", "recipe.toml", "--teacher", "t", "--run", "d", "--device", "cpu")
    assert (code, out) == (0, "d/best.safetensors\n")
    code, out, err = run("train", "recipe.toml", "--teacher", "t", "--run", "d")
    assert (code, out) == (1, "")
    assert err == "dmssn train: d: exists; choose another --run or remove it\n"
    code, _, err = run("train", "recipe.toml", "--run", "e", "--threads", "0")
    assert (code, err) == (2, "dmssn train: --threads must be at least 1, got 0\n")
    (tmp_path / "recipe.toml").write_text('[data]\nscenes = "in"\nprepared = "none"\n')
    code, _, err = run("train-teacher", "recipe.toml", "--run", "e")
    assert (code, err) == (
        1,
        "dmssn train-teacher: none: no prepared set; make it with `dmssn prepare`\n",
    )


def test_a_set_of_another_fold_is_refused(prepared):
    recipe = recipe_of(prepared)
    source = {"set": "folder", "choice": {"split": "", "fold": "1/3", "val": 0.1, "seed": 0}}
    copy = prepared.parent / "folded"
    shutil.copytree(prepared, copy)
    write_manifest(copy, replace(PreparedSet(prepared).manifest, source=source))
    for fold, fits in (("1/3", True), ("2/3", False)):
        asked = replace(recipe, data=replace(recipe.data, prepared=copy, fold=fold))
        if fits:
            assert open_prepared(asked).manifest.source == source
        else:
            with pytest.raises(
                ValueError, match=r"prepared with fold '1/3', the recipe says data\.fold"
            ):
                open_prepared(asked)


def test_validation_leaves_out_what_nobody_knows(prepared):
    torch.manual_seed(0)
    network = DMSSN(BANDS).eval()
    copy = prepared.parent / "unknown"
    shutil.copytree(prepared, copy)
    errors = []
    for name in PreparedSet(prepared).names("val"):
        scene = PreparedSet(prepared).read(name)
        counted = np.ones(scene.mask.shape, dtype=bool)
        counted[:9] = False
        write_scene(copy, scene._replace(counted=counted))
        batch = pack([scene])
        with torch.inference_mode():
            saliency = network.saliency(batch.spectra, batch.region_map, batch.packing)[0, 0]
        errors.append(np.abs(saliency.numpy() - scene.mask)[counted].mean())
    scored = scored_on_val(network, PreparedSet(copy), FitConfig(batch=2))
    assert scored["val/mae"] == pytest.approx(np.mean(errors), rel=1e-5)
    plain = scored_on_val(network, PreparedSet(prepared), FitConfig(batch=2))
    assert scored["val/mae"] != pytest.approx(plain["val/mae"], rel=1e-3)


def test_deterministic_algorithms_are_asked_for_and_given_back(prepared, teacher, tmp_path):
    plain, asked = (recipe_of(prepared, epochs=1, deterministic=value) for value in (False, True))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        real = stages.run_stage

        def spied(*arguments):
            seen.append(torch.are_deterministic_algorithms_enabled())
            real(*arguments)

        patch.setattr(stages, "run_stage", spied)
        runs = [
            fit_detector(recipe, tmp_path / f"{number}", teacher)
            for number, recipe in enumerate((plain, asked))
        ]
    assert seen == [False, True]
    assert not torch.are_deterministic_algorithms_enabled()
    same_weights(*runs, "detector")


def test_a_run_is_gone_on_with_wherever_its_teacher_and_scenes_are(
    prepared, teacher, tmp_path, monkeypatch
):
    recipe = recipe_of(prepared, epochs=2)
    whole = fit_detector(recipe, tmp_path / "whole", teacher)
    interrupted_at(2, monkeypatch, lambda: fit_detector(recipe, tmp_path / "cut", teacher))
    shutil.copytree(teacher, tmp_path / "teacher")
    shutil.copytree(prepared, tmp_path / "set")
    moved = replace(recipe, data=replace(recipe.data, prepared=tmp_path / "set"))
    fit_detector(moved, tmp_path / "cut", tmp_path / "teacher", resume=True)
    same_weights(whole, tmp_path / "cut", "detector")


def test_a_run_is_not_gone_on_with_on_scenes_prepared_anew(
    prepared, teacher, tmp_path, monkeypatch
):
    recipe = recipe_of(prepared, epochs=2)
    interrupted_at(2, monkeypatch, lambda: fit_teacher(recipe, tmp_path / "run"))
    shutil.copytree(prepared, tmp_path / "set")
    manifest = PreparedSet(prepared).manifest
    fewer = {**manifest.splits, "train": manifest.splits["train"][1:]}
    write_manifest(tmp_path / "set", replace(manifest, splits=fewer))
    moved = replace(recipe, data=replace(recipe.data, prepared=tmp_path / "set"))
    with pytest.raises(ValueError, match=r"other settings \(scenes\)"):
        fit_teacher(moved, tmp_path / "run", resume=True)
