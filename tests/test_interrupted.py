"""A run that is stopped or killed at any time, and gone on with, ends as if it had not been."""

import json
import os
import re
import shutil
import signal
import time

import pytest

from dmssn import checkpoint
from training_jobs import ended, furthest, train, trained

LONG = ["--train.epochs=6", "--train.validate_every=2"]
"""Long enough to be met while it runs."""


@pytest.fixture(scope="module")
def whole(job_folder):
    """A run that nothing interrupts, with dropout and averaged weights."""
    return trained(job_folder, "whole")


def goes_on_to(job_folder, run, whole, *options):
    resumed = trained(job_folder, run, *options, "--resume")
    assert furthest(whole, resumed) == 0
    assert furthest(whole, resumed, "best") == 0
    assert not list(resumed.glob(".*"))  # of writers that were killed
    assert not (resumed / "resume.safetensors").exists()
    for one, other in zip(lines_of(whole), lines_of(resumed), strict=True):
        same = one.keys() - {"seconds", "seconds_left"}
        assert {name: one[name] for name in same} == {name: other[name] for name in same}


def lines_of(run):
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [line for line in lines if "epoch" in line]


@pytest.mark.parametrize("step", [0, 2, 3])
def test_a_stopped_run_writes_where_it_is_and_goes_on(job_folder, whole, step):
    run = f"stopped{step}"
    code, out, err = ended(train(job_folder, run, fault=f"stopped:{step}"))
    assert (code, out) == (143, "")
    assert f"go on with --resume  step {step}" in err
    state = job_folder / f"running_{run}" / "resume.safetensors"
    told = checkpoint.read_header(state, "resume").provenance
    assert (told["step"], told["epoch"], told["into"]) == (step, step // 2, step % 2)
    goes_on_to(job_folder, run, whole)


def test_a_run_stopped_in_validation_does_not_train_the_epoch_again(job_folder, whole):
    code, *_ = ended(train(job_folder, "validating", fault="stopped-in-validation"))
    assert code == 143
    state = job_folder / "running_validating" / "resume.safetensors"
    told = checkpoint.read_header(state, "resume").provenance
    assert (told["step"], told["epoch"], told["into"]) == (4, 1, 2)
    goes_on_to(job_folder, "validating", whole)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_run_killed_while_it_writes_goes_on_from_the_file_before(job_folder, whole, nth):
    code, *_ = ended(train(job_folder, f"torn{nth}", fault=f"killed-writing:{nth}"))
    assert code == -signal.SIGKILL
    folder = job_folder / f"running_torn{nth}"
    assert list(folder.glob(".*partial*"))
    state = folder / "resume.safetensors"
    assert state.exists() == (nth > 1)
    if state.exists():
        assert checkpoint.read_header(state, "resume").provenance["epoch"] == nth - 1
    goes_on_to(job_folder, f"torn{nth}", whole)


def test_a_killed_run_loses_no_more_than_the_interval(job_folder, whole):
    every = "--train.checkpoint_steps=1"
    code, *_ = ended(train(job_folder, "killed", every, fault="killed:5"))
    assert code == -signal.SIGKILL
    state = job_folder / "running_killed" / "resume.safetensors"
    told = checkpoint.read_header(state, "resume").provenance
    assert (told["step"], told["epoch"], told["into"]) == (5, 2, 1)
    goes_on_to(job_folder, "killed", whole, every)


def test_a_run_is_not_gone_on_with_while_it_trains(job_folder, whole):
    job = train(job_folder, "busy", "--train.epochs=1000")
    met(job_folder, job, "busy", epochs=1)
    before = (job_folder / "running_busy" / "run.json").read_text()
    code, _, err = ended(train(job_folder, "busy", "--train.epochs=1000", "--resume"))
    assert (code, err) == (
        1,
        "dmssn train: running_busy: another run is at work in it; wait for it, or choose another "
        "folder\n",
    )
    assert (job_folder / "running_busy" / "run.json").read_text() == before
    os.killpg(job.pid, signal.SIGKILL)
    ended(job)


def met(job_folder, job, run, epochs=2):
    """Wait until a run has logged some epochs."""
    log = job_folder / f"running_{run}" / "log.jsonl"
    for _ in range(1000):
        if log.exists() and log.read_text().count('"epoch"') >= epochs:
            return
        assert job.poll() is None, job.communicate()
        time.sleep(0.05)
    raise AssertionError("no epoch was logged")


def test_runs_met_at_any_time_by_signals_for_all_their_processes_go_on(job_folder):
    options = [*LONG, "--train.workers=1"]
    long = trained(job_folder, "long", *options)
    asked = {"met": [signal.SIGTERM], "twice": [signal.SIGTERM] * 2}
    asked |= {"ctrl-c": [signal.SIGINT], "killed-all": [signal.SIGKILL]}
    codes = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}
    for run, numbers in asked.items():
        number, expected = numbers[0], codes[numbers[0]]
        job = train(job_folder, run, *options)
        met(job_folder, job, run)
        for each in numbers:
            os.killpg(job.pid, each)  # the scenes' loader too, as a scheduler does
            time.sleep(0.02)
        code, _, err = ended(job)
        assert code == expected, err
        assert "Traceback" not in err
        if number == signal.SIGINT:
            assert err.splitlines()[-1] == "dmssn train: interrupted"
        told = checkpoint.read_header(
            job_folder / f"running_{run}" / "resume.safetensors", "resume"
        ).provenance
        logged = re.findall(
            r'"epoch": (\d+)', (job_folder / f"running_{run}" / "log.jsonl").read_text()
        )
        assert int(logged[-1]) - 1 <= told["epoch"] < 6
        goes_on_to(job_folder, run, long, *options)


def test_a_damaged_scene_ends_a_run_whose_scenes_are_loaded_by_others(job_folder):
    (job_folder / "damaged").mkdir()
    for name in ("in", "set", "recipe.toml", "teacher"):
        source = job_folder / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, (job_folder / "damaged" / name))
    scene = job_folder / "damaged" / "set" / "scenes" / "train_3.safetensors"
    content = bytearray(scene.read_bytes())
    content[-50] ^= 255
    scene.write_bytes(content)
    said = []
    for workers in (0, 1):
        options = [f"--train.workers={workers}", "--train.batch=9"]
        code, out, err = ended(train(job_folder / "damaged", f"w{workers}", *options))
        assert (code, out) == (1, "")
        said.append(err)
    assert said[0] == said[1]
    assert said[0].startswith("dmssn train: set/scenes/train_3.safetensors: not a prepared scene")
    assert said[0].count("\n") == 1
