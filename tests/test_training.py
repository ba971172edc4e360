"""The training loop: schedules by hand, averaged weights, and resuming that changes nothing."""

import copy
import math
import os
import signal
import threading
from itertools import pairwise

import pytest
import torch
from torch import nn

from dmssn.config import FitConfig
from dmssn.training import loop as training
from dmssn.training import optimizing
from dmssn.training.loop import Trainer
from dmssn.training.optimizing import rate_factor

DATA = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))


class Interrupted(Exception):
    pass


class Loop:
    """A small network in a Trainer, and all that it says; the score is the negative loss."""

    def __init__(self, folder, interrupt=lambda epoch, where: False, **settings):
        torch.manual_seed(settings.get("seed", 0))
        self.network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.4), nn.Linear(8, 4))
        self.config = FitConfig(**({"epochs": 4, "learning_rate": 0.05} | settings))
        self.trainer = Trainer(self.network, self.step, self.weigh, self.validate, self.config)
        self.file = folder / "resume.safetensors"
        self.interrupt = interrupt
        self.lines, self.saved, self.rates = [], [], []

    per_epoch = 3

    def weigh(self, batch):
        return (len(batch), 1)

    def step(self, batch, shares=(1, 1)):
        if self.interrupt(self.trainer.progress.epoch, "step"):
            raise Interrupted
        self.rates.append(self.trainer.optimizer.param_groups[0]["lr"])
        error = self.network(batch) - batch
        terms = {"square": error.square().mean(), "absolute": 0.1 * error.abs().mean()}
        return {name: term * shares[0] for name, term in terms.items()}

    def validate(self, network, between=lambda: None):
        between()
        assert not network.training
        with torch.no_grad():
            return {"score": -float((network(DATA) - DATA).square().mean())}

    def log(self, **values):
        if "epoch" in values and self.interrupt(values["epoch"], "log"):
            raise Interrupted
        values.pop("seconds_left", None)
        self.lines.append(values)

    def save(self, name, network, metrics):
        if self.interrupt(self.trainer.progress.epoch, "save"):
            raise Interrupted
        self.saved.append((name, self.trainer.progress.epoch, copy.deepcopy(network), metrics))

    def __call__(self, epoch, start=0):
        order = torch.randperm(12, generator=torch.Generator().manual_seed(epoch))
        steps = [DATA[part] for part in order.split(4)][start:]
        return [list(step.chunk(self.config.accumulate)) for step in steps]

    def fit(self):
        self.trainer.fit(self, self.log, self.save, self.file)
        return self

    def state(self):
        optimizer = self.trainer.optimizer.state_dict()["state"]
        return [
            *self.network.state_dict().values(),
            *self.trainer.averaged.state_dict().values(),
            *(value for moments in optimizer.values() for _, value in sorted(moments.items())),
        ]


def same(one, other):
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("where", ["step", "log", "save"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"ema": 0.9}, {"schedule": "step", "step_epochs": 1}, {"precision": "float16"}],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, where, settings):
    whole = Loop(tmp_path / "whole", **settings).fit()
    with pytest.raises(Interrupted):
        Loop(tmp_path, lambda epoch, at: (epoch, at) == (2, where), **settings).fit()
    resumed = Loop(tmp_path, **settings)
    torch.manual_seed(99)  # no matter: each step seeds the generator
    resumed.trainer.load_state(resumed.file)
    assert 0 < resumed.trainer.progress.epoch < 4
    resumed.fit()
    same(resumed.state(), whole.state())
    assert resumed.trainer.progress == whole.trainer.progress
    assert resumed.lines == whole.lines[-len(resumed.lines) :]
    assert resumed.rates == whole.rates[-len(resumed.rates) :]


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    whole = Loop(tmp_path).fit()
    again = Loop(tmp_path)
    again.trainer.load_state(again.file)
    again.fit()
    assert again.lines == again.saved == []
    same(again.state(), whole.state())


def test_a_run_depends_on_its_seed_alone(tmp_path):
    one, same_seed, other = (Loop(tmp_path, seed=seed).fit() for seed in (1, 1, 2))
    same(one.state(), same_seed.state())
    assert not torch.equal(one.state()[0], other.state()[0])


def test_the_loss_goes_down_and_is_logged(tmp_path):
    loop = Loop(tmp_path, epochs=12).fit()
    assert [line["epoch"] for line in loop.lines] == list(range(1, 13))
    assert set(loop.lines[0]) == {"epoch", "square", "absolute", "score", "learning_rate"}
    assert loop.lines[-1]["square"] < 0.7 * loop.lines[0]["square"]
    assert loop.lines[-1]["score"] > loop.lines[0]["score"]


def test_what_is_logged_is_the_mean_of_the_steps(tmp_path):
    loop = Loop(tmp_path, epochs=1, learning_rate=0.0)
    loop.network[1].p = 0.0
    expected = sum(loop.step(batch)["square"].item() for (batch,) in loop(0)) / 3
    assert loop.fit().lines[0]["square"] == pytest.approx(expected, rel=1e-6)


def test_best_is_the_epoch_of_the_highest_score_and_last_the_last(tmp_path):
    scores = iter([-3.0, -1.0, -2.0, -1.0])
    loop = Loop(tmp_path)
    loop.trainer.validate = lambda network, between: {"score": next(scores)}
    loop.fit()
    assert [(name, epoch) for name, epoch, *_ in loop.saved] == [
        ("last", 1),
        ("best", 1),
        ("last", 2),
        ("best", 2),
        ("last", 3),
        ("last", 4),
    ]
    assert loop.trainer.progress.best == -1.0


def test_validation_comes_every_so_often_and_at_the_end(tmp_path):
    loop = Loop(tmp_path, epochs=5, validate_every=2).fit()
    assert [epoch for name, epoch, *_ in loop.saved if name == "last"] == [2, 4, 5]
    assert ["score" in line for line in loop.lines] == [False, True, False, True, True]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_and_names_its_term(tmp_path, bad):
    loop = Loop(tmp_path)
    step = loop.trainer.step
    loop.trainer.step = lambda *part: step(*part) | {"angle": torch.tensor(bad)}
    before = copy.deepcopy(loop.network.state_dict())
    with pytest.raises(FloatingPointError, match=rf"at step 0: .*angle = {bad}") as raised:
        loop.fit()
    assert "\n" not in str(raised.value)
    same(list(loop.network.state_dict().values()), list(before.values()))


def test_on_a_gpu_a_loss_that_is_not_finite_stops_by_the_end_of_the_epoch(tmp_path):
    def bad(epoch, where):
        if (epoch, where) == (1, "step"):  # the loss of its later steps is NaN, too
            loop.network[0].weight.data.fill_(math.nan)
        return False

    loop = Loop(tmp_path, bad)
    loop.trainer.device = torch.device("cuda")  # only asked how dear a look at the loss is
    loop.trainer.progress.step = 1  # not one of the steps that are looked at
    with pytest.raises(FloatingPointError, match="square = nan"):
        loop.fit()
    assert loop.trainer.progress.step == 1 + 2 * 3
    assert [epoch for _, epoch, *_ in loop.saved] == [1, 1]


def test_float16_scales_the_loss_and_leaves_out_a_step_that_overflows(tmp_path):
    loop = Loop(tmp_path, precision="float16", epochs=1)
    scale = loop.trainer.scaler.get_scale()
    assert scale > 1
    loop.trainer.step = lambda batch, shares: {"loss": loop.network(batch).square().mean()}
    loop.trainer._take([DATA])
    before = [weight.clone() for weight in loop.network.parameters()]
    gradient = torch.autograd.grad(loop.network.eval()(DATA).square().mean(), loop.network[0].bias)
    assert gradient[0].abs().max() < 1
    loop.trainer.step = lambda batch, shares: {"loss": loop.network(batch).square().mean() * 1e35}
    loop.trainer._take([DATA])
    same(list(loop.network.parameters()), before)
    assert loop.trainer.scaler.get_scale() == scale / 2
    loop.trainer.save_state(loop.file)
    again = Loop(tmp_path, precision="float16")
    again.trainer.load_state(again.file)
    assert again.trainer.scaler.get_scale() == scale / 2


def test_a_score_that_is_not_finite_stops_and_saves_nothing(tmp_path):
    loop = Loop(tmp_path)
    loop.trainer.validate = lambda network, between: {"score": math.nan, "val/mae": 0.5}
    with pytest.raises(FloatingPointError, match=r"after epoch 1: score = nan, val/mae = 0.5"):
        loop.fit()
    assert loop.saved == []


def test_gradients_are_clipped_to_their_norm(tmp_path):
    found = {}
    for clip in (0.0, 1e-3):
        loop = Loop(tmp_path, epochs=1, clip=clip)
        loop.trainer.optimizer = torch.optim.SGD(loop.network.parameters(), lr=1.0)
        before = [p.detach().clone() for p in loop.network.parameters()]
        loop.trainer._take([DATA])
        moved = [p.detach() - b for p, b in zip(loop.network.parameters(), before, strict=True)]
        found[clip] = torch.cat([change.flatten() for change in moved]).norm().item()
    assert found[0.0] > 0.1
    assert found[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_averaged_weights_by_hand(tmp_path):
    loop = Loop(tmp_path, epochs=1, ema=0.9)
    network, averaged = (net[0].bias for net in (loop.network, loop.trainer.averaged))
    expected = averaged.detach().clone()
    for step in range(1, 4):
        loop.trainer._take([DATA])
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.detach()
        torch.testing.assert_close(averaged, expected)
    assert not torch.equal(network, averaged)


def test_averaged_weights_are_what_is_validated_and_saved(tmp_path):
    loop = Loop(tmp_path, ema=0.9).fit()
    assert loop.trainer.averaged is not loop.network
    final = loop.saved[-1][2]
    same(list(final.state_dict().values()), list(loop.trainer.averaged.state_dict().values()))
    assert Loop(tmp_path, ema=0.0).trainer.averaged is not None
    plain = Loop(tmp_path)
    assert plain.trainer.averaged is plain.network


def test_weights_decay_and_biases_do_not(tmp_path):
    groups = Loop(tmp_path, weight_decay=0.3).trainer.optimizer.param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.GroupNorm(1, 2))
    groups = optimizing.decay_groups(network, 0.3)
    assert sorted(decays.values()) == [0.0, 0.0, 0.3, 0.3]
    assert [len(group["params"]) for group in groups] == [1, 3]
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]


def test_a_resume_file_of_another_network_is_refused(tmp_path):
    loop = Loop(tmp_path).fit()
    other = Loop(tmp_path)
    other.trainer.network = nn.Linear(4, 4)
    with pytest.raises(ValueError, match=r"resume.safetensors: not weights of this network"):
        other.trainer.load_state(loop.file)
    with pytest.raises(FileNotFoundError, match="no such resume checkpoint"):
        other.trainer.load_state(tmp_path / "none")


def test_cosine_rates_by_hand():
    config = FitConfig(epochs=5, warmup=0.2, schedule="cosine")  # 20 steps, 4 of them rising
    found = [rate_factor(config, step, 4) for step in range(20)]
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4] == 1.0
    assert found[12] == pytest.approx(0.5)
    assert found[8] == pytest.approx(0.5 * (1 + math.sqrt(0.5)))
    assert found[19] == pytest.approx(0.5 * (1 + math.cos(math.pi * 15 / 16)))
    assert all(one >= other for one, other in pairwise(found[4:]))


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_cosine_rates_at_the_ends_of_warmup(warmup):
    config = FitConfig(epochs=2, warmup=warmup)
    found = [rate_factor(config, step, 3) for step in range(6)]
    assert found[0] == (1.0 if warmup == 0 else pytest.approx(1 / 6))
    assert max(found) == 1.0
    assert min(found) > 0


def test_step_rates_by_hand():
    config = FitConfig(epochs=30, schedule="step", step_epochs=10, step_factor=0.6)
    assert [rate_factor(config, epoch * 7, 7) for epoch in (0, 9)] == [1.0, 1.0]
    assert rate_factor(config, 10 * 7 - 1, 7) == 1.0
    assert rate_factor(config, 10 * 7, 7) == 0.6
    assert rate_factor(config, 29 * 7, 7) == pytest.approx(0.36)


def test_the_rate_of_each_step_is_the_schedules(tmp_path):
    loop = Loop(tmp_path, epochs=3, learning_rate=0.02, warmup=0.5).fit()
    config = loop.config
    assert loop.rates == pytest.approx([0.02 * rate_factor(config, step, 3) for step in range(9)])


def test_progress_is_said_within_a_long_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAID_EVERY", -1.0)
    said = []
    loop = Loop(tmp_path, epochs=1)
    loop.trainer.fit(loop, lambda **values: said.append(values), loop.save, loop.file)
    assert [line.get("step") for line in said] == [1, 2, 3, None]
    assert said[0]["of"] == 3
    assert said[0]["epoch_seconds_left"] >= 0


def test_parts_give_the_gradient_of_all_their_scenes(tmp_path):
    found = []
    for sizes in ((7,), (1, 2, 4), (3, 4)):
        loop = Loop(tmp_path, clip=0.0)
        loop.network[1].p = 0.0
        loop.trainer._take(DATA[:7].split(sizes))
        gradients = [weight.grad for weight in loop.network.parameters()]
        found.append([*gradients, *loop.trainer.totals.own.values()])
    for other in found[1:]:
        for one, value in zip(found[0], other, strict=True):
            torch.testing.assert_close(one, value)


def test_what_a_parts_terms_are_worth_is_its_share_of_each_amount(tmp_path):
    loop, seen = Loop(tmp_path), []
    loop.trainer.weigh = lambda part: (len(part), 10.0 if len(part) == 1 else 30.0, 0.0)
    step = loop.step
    loop.trainer.step = lambda part, shares: seen.append(shares) or step(part, shares)
    loop.trainer._take([DATA[:1], DATA[1:4]])
    assert seen == [[0.25, 0.25, 0.0], [0.75, 0.75, 0.0]]


def test_training_ends_early_when_the_score_does_not_rise(tmp_path):
    scores = [-3.0, -2.0, -2.0, -2.5, -1.0, -4.0]
    for patience, epochs in ((0, 6), (1, 3), (2, 4), (3, 6)):
        loop, given = Loop(tmp_path, epochs=6, patience=patience), iter(scores)
        loop.trainer.validate = lambda network, between, given=given: {"score": next(given)}
        loop.fit()
        assert [line["epoch"] for line in loop.lines] == list(range(1, epochs + 1)), patience


def test_patience_is_not_forgotten_by_a_resumed_run(tmp_path):
    loop = Loop(tmp_path, epochs=6, patience=2)
    scores = iter([-1.0, -2.0])
    loop.trainer.validate = lambda network, between: {"score": next(scores)}
    with pytest.raises(StopIteration):
        loop.fit()
    again = Loop(tmp_path, epochs=6, patience=2)
    again.trainer.load_state(again.file)
    again.trainer.validate = lambda network, between: {"score": -1.5}
    again.fit()
    assert [line["epoch"] for line in again.lines] == [3]
    assert again.trainer.progress.best == -1.0


def test_nesterovs_momentum_by_hand(tmp_path):
    settings = {"optimizer": "sgd", "momentum": 0.5, "clip": 0.0, "weight_decay": 0.0}
    loop = Loop(tmp_path, **settings, schedule="constant", learning_rate=0.1)
    loop.network[1].p = 0.0
    weight = loop.network[2].bias
    expected, velocity = weight.detach().clone(), 0.0
    for _ in range(3):
        loop.trainer.optimizer.param_groups[0]["lr"] = 0.1
        loop.trainer._take([DATA])
        velocity = 0.5 * velocity + weight.grad
        expected = expected - 0.1 * (weight.grad + 0.5 * velocity)
        torch.testing.assert_close(weight.detach(), expected)


def test_a_constant_rate_is_constant(tmp_path):
    loop = Loop(tmp_path, schedule="constant", learning_rate=0.02).fit()
    assert loop.rates == [0.02] * 12
    assert {line["learning_rate"] for line in loop.lines} == {0.02}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [0, 2, 4])
def test_asked_to_end_it_finishes_the_step_and_can_go_on(tmp_path, number, step):
    whole = Loop(tmp_path / "whole", ema=0.9).fit()

    def ask(epoch, where):
        if loop.trainer.progress.step == step and where == "step":
            os.kill(os.getpid(), number)
        return False

    before = signal.getsignal(number)
    loop = Loop(tmp_path, ask, ema=0.9)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        loop.fit()
    if number == signal.SIGTERM:
        assert ended.value.code == 143
    else:
        assert ended.type is KeyboardInterrupt
    assert signal.getsignal(number) == before
    assert loop.lines[-1] == {"stopped": "go on with --resume", "step": step + 1}
    resumed = Loop(tmp_path, ema=0.9)
    resumed.trainer.load_state(resumed.file)
    assert resumed.trainer.progress.step == step + 1
    resumed.fit()
    same(resumed.state(), whole.state())
    assert resumed.lines == whole.lines[-len(resumed.lines) :]


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    def ask(epoch, where):
        if where == "step":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return False

    loop = Loop(tmp_path, ask)
    with pytest.raises(KeyboardInterrupt):
        loop.fit()
    assert loop.trainer.progress.step == 0
    assert not loop.file.exists()


def test_a_point_to_go_on_from_comes_as_often_as_wanted(tmp_path):
    points = []
    loop = Loop(tmp_path, epochs=2, checkpoint_steps=2)
    save_state = loop.trainer.save_state
    loop.trainer.save_state = lambda path: (
        points.append((loop.trainer.progress.epoch, loop.trainer.progress.into)),
        save_state(path),
    )
    loop.fit()
    assert points == [(0, 2), (1, 0), (1, 1), (2, 0)]  # steps 2, 3 (an epoch), 4, 6


def test_training_outside_the_main_thread_leaves_signals_alone(tmp_path):
    loop = Loop(tmp_path)
    thread = threading.Thread(target=loop.fit)
    thread.start()
    thread.join()
    assert loop.trainer.progress.epoch == 4


def test_weights_that_are_not_finite_do_not_take_the_place_of_a_resume_file(tmp_path):
    def bad(epoch, where):
        if loop.trainer.progress.step == 4 and where == "step":
            loop.network[0].weight.data.fill_(math.nan)
        return False

    loop = Loop(tmp_path, bad, checkpoint_steps=1)
    loop.trainer.device = torch.device("cuda")  # whose loss is looked at seldom
    with pytest.raises(FloatingPointError, match="at step 5: square = nan"):
        loop.fit()
    again = Loop(tmp_path)
    again.trainer.load_state(again.file)
    assert again.trainer.progress.step == 4
    assert all(torch.isfinite(weight).all() for weight in again.network.parameters())
