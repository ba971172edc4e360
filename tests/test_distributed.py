"""Several processes give what one gives: gradients, losses, weights, scores; none hangs."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmssn import checkpoint
from dmssn.config import SettingError
from dmssn.devices import choose_device
from dmssn.distributed import World
from dmssn.training.totals import Totals
from taking_a_step import take_step
from training_jobs import (
    NO_DROPOUT,
    Forked,
    by_torchrun,
    ended,
    furthest,
    train,
    trained,
)

forked = partial(train, processes=2)


@pytest.fixture(scope="module")
def whole(job_folder):
    """A run of one process that nothing interrupts."""
    return trained(
        job_folder, "whole", *NO_DROPOUT, "--train.optimizer=sgd", "--train.learning_rate=0.1"
    )


@pytest.fixture(scope="module")
def steps(job_folder):
    """The job_folder, with what one, two and three processes made of the same step."""
    for size in (1, 2, 3):  # of 7 scenes: the shares differ in size
        code, _, err = ended(Forked(job_folder, take_step, (Path("set"), f"step{size}"), size))
        assert code == 0, err
    return job_folder


@pytest.mark.parametrize("stage", ["detector", "teacher", "spatial"])
def test_gradients_and_losses_are_those_of_one_process(steps, stage):
    alone = load_file(steps / f"step1-{stage}.0")
    gradients = {name: value for name, value in alone.items() if name.startswith("gradient")}
    norm = float(torch.cat([value.flatten() for value in gradients.values()]).norm())
    assert len(alone) - len(gradients) == (10 if stage == "detector" else 2)
    for size, rank in ((2, 0), (2, 1), (3, 2)):
        shared = load_file(steps / f"step{size}-{stage}.{rank}")
        assert shared.keys() == alone.keys()
        for name, value in alone.items():
            scale = norm if name in gradients else 1.0
            assert (shared[name] - value).abs().max() < 1e-5 * scale, name


def test_two_processes_end_with_the_weights_and_scores_of_one(job_folder, whole):
    options = [*NO_DROPOUT, "--train.optimizer=sgd", "--train.learning_rate=0.1"]
    two = trained(job_folder, "two", *options, processes=2)
    assert furthest(whole, two) < 1e-5
    first, second = (
        checkpoint.read_header(run / "best.safetensors", "detector").metrics for run in (whole, two)
    )
    assert first == pytest.approx(second, abs=1e-5)
    lines = [(run / "log.jsonl").read_text().splitlines() for run in (whole, two)]
    assert len(lines[0]) == len(lines[1]) == 3  # one process writes
    for one, other in zip(*(map(json.loads, some) for some in lines), strict=True):
        for name in one.keys() - {"seconds", "seconds_left"}:
            assert one[name] == pytest.approx(other[name], abs=1e-5), name
    still = trained(job_folder, "still", *NO_DROPOUT, "--train.learning_rate=0")
    assert furthest(whole, still) > 1e-2  # or equality would say little


def test_two_processes_with_adam_are_one_that_works_in_two_parts_bit_for_bit(job_folder):
    two = trained(job_folder, "adam", *NO_DROPOUT, processes=2)
    parts = trained(job_folder, "parts", *NO_DROPOUT, "--train.accumulate=2")
    assert furthest(two, parts) == 0
    assert furthest(two, parts, "best") == 0


def test_a_run_of_two_processes_is_gone_on_with_by_one(job_folder, whole):
    options = [*NO_DROPOUT, "--train.optimizer=sgd", "--train.learning_rate=0.1"]
    code, _, err = ended(by_torchrun(job_folder, "fewer", *options, fault="stopped:3,1"))
    assert code == 1
    assert "go on with --resume" in err
    assert (job_folder / "running_fewer" / "resume.safetensors").is_file()
    assert furthest(whole, trained(job_folder, "fewer", *options, "--resume")) < 1e-5
    facts = json.loads((job_folder / "fewer" / "run.json").read_text())["facts"]
    assert [start["processes"] for start in facts] == [2, 1]


@pytest.mark.parametrize("fault", ["stopped:3,1", "stopped-in-validation", "killed-writing:2"])
def test_two_resumed_processes_end_as_uninterrupted_ones_with_dropout(job_folder, fault):
    if not (job_folder / "dropped").exists():
        trained(job_folder, "dropped", processes=2)
    name = fault.partition(":")[0]
    code, *_ = ended(train(job_folder, name, processes=2, fault=fault))
    assert code != 0
    assert furthest(job_folder / "dropped", trained(job_folder, name, "--resume", processes=2)) == 0
    assert not list((job_folder / name).glob(".*"))


@pytest.mark.parametrize(
    ("start", "fault"),
    [(by_torchrun, "killed:2,1"), (forked, "fails:2,1"), (forked, "killed:0,0")],
)
def test_a_process_that_dies_ends_the_job_and_the_others_say_so(job_folder, start, fault):
    code, out, err = ended(start(job_folder, fault.replace(",", "-"), fault=fault))
    assert code == 1
    assert out == ""
    other = "" if fault.endswith(",1") else ": process 1"
    assert f"dmssn train{other}: another process of the job ended" in err
    if fault.startswith("fails"):
        assert "dmssn train: process 1: made to fail" in err


@pytest.mark.parametrize(
    ("run", "option", "said"),
    [
        ("whole", "--train.epochs=3", "whole: exists; choose another --run or remove it"),
        ("none", "--train.epoch=3", "--train.epoch"),
        ("none", "--train.batch=1", "2 processes share 1 scenes a step"),
        ("none", "--data.prepared=elsewhere", "elsewhere: no prepared set"),
    ],
)
def test_what_cannot_begin_ends_all_processes_with_one_message(
    job_folder, whole, run, option, said
):
    code, _, err = ended(train(job_folder, run, option, processes=2))
    assert code == 1
    told = [line for line in err.splitlines() if line.startswith("dmssn train")]
    assert len(told) == 1
    assert said in told[0]
    assert not (job_folder / "running_none").exists()


def test_a_process_that_does_not_see_the_run_says_so_and_none_hangs(job_folder):
    code, *_ = ended(train(job_folder, "unseen", processes=2, fault="stopped:3"))
    assert code == 1
    code, _, err = ended(train(job_folder, "unseen", "--resume", processes=2, fault="blind:0,1"))
    assert code == 1
    told = [line for line in err.splitlines() if line.startswith("dmssn train")]
    state = "running_unseen/resume.safetensors"
    assert told == [f"dmssn train: process 1: {state}: no such resume checkpoint"]


class Two(World):
    """The second of two processes, the other of which has nothing but ones."""

    def sum(self, values):
        values[0] = 1.0
        return values


def test_sums_of_terms_are_kept_apart_for_each_process():
    totals = Totals(Two(1, 2))
    totals.add({"a": torch.tensor(2.0), "b": torch.tensor(0.5)})
    totals.add({"a": torch.tensor(3.0), "b": torch.tensor(0.5)})
    assert totals.sum() == 6.0
    for _ in range(2):  # gathering changes nothing
        gathered = {name: each.tolist() for name, each in totals.gathered().items()}
        assert gathered == {"a": [1.0, 5.0], "b": [1.0, 1.0]}
    saved = totals.gathered()
    for world, sums in ((Two(1, 2), (5.0, 1.0)), (World(0, 1), (6.0, 2.0)), (World(2, 3), (0, 0))):
        again = Totals(world)
        again.restore(saved, torch.device("cpu"))
        assert tuple(float(total) for total in again.own.values()) == sums


def test_a_job_of_one_shares_with_nobody():
    world = World()
    assert world.first
    assert world.share([1, 2, 3]) == [1, 2, 3]
    numbers = torch.tensor([1.0, 2.0])
    assert world.sum(numbers) is numbers
    assert world.together(lambda: 5) == 5
    with pytest.raises(KeyError):
        world.together(lambda: {}[0])
    assert [world.any(here) for here in (True, False)] == [True, False]
    error = ValueError("all come to this")
    assert world.told_once(error) is error
    assert isinstance(World(1, 2).told_once(error), SystemExit)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shares_are_all_there_is_and_the_first_is_the_longest(size):
    parts = [World(rank, size).share(range(11)) for rank in range(size)]
    assert sorted(item for part in parts for item in part) == list(range(11))
    assert len(World(size - 1, size).share(range(11), of=0)) == max(map(len, parts))


def test_each_of_several_processes_has_the_gpu_of_its_number(monkeypatch):
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 1)
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(SettingError, match="each process has a GPU of its own; use cuda"):
        choose_device("cuda:0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")  # for this process there is one, for others not
    with pytest.raises(SettingError, match=r"shows 2 CUDA devices; .* no more than 2 processes"):
        choose_device("auto")
