"""A training that is killed and goes on ends with the same bits, whatever is trained, wherever it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from toy_checkpoints import JOB, KEY, SHAPE, VALIDATION, Dying, KeepingAll, Killed, X, die_after, every_step, told
from toy_training import ONE, Blind, Contrary, Spy, examples, patterns

from fewlabels.core.processes import ONE_THREAD
from fewlabels.networks import Autoencoder, Conv, Dense
from fewlabels.networks.autoencoder import Stage
from fewlabels.objectives import (
    OBJECTIVES,
    AdversarialAutoencoder,
    Denoising,
    Masked,
    Variational,
)
from fewlabels.training import Checkpoints, Examples, Layerwise, Numerics, sampler, train

CONV = Conv(channels=(8, 10), latent_dim=3)
WARMING_UP = Variational(weight=0.1, warm_up=0.8)


@dataclass(frozen=True)
class Normed:
    """Two stages with running statistics, which move in training and are used as they are below another stage."""

    def build(self, input_shape, code_width=1):
        width = torch.Size(input_shape).numel()
        first = Stage([nn.Flatten(), nn.Linear(width, 6), nn.BatchNorm1d(6)], [nn.Linear(6, width)], (6,))
        second = Stage([nn.Linear(6, 3 * code_width), nn.BatchNorm1d(3 * code_width)], [nn.Linear(3, 6)], (3,))
        return Autoencoder([first, replace(second)], (width,), code_width)


CASES = {
    "joint, at once": replace(JOB, layerwise=None),
    "greedy-joint": JOB,
    "conv, at once": replace(JOB, network=CONV, objective=Masked(patch=2), layerwise=None),
    "conv, greedy": replace(JOB, network=CONV, objective=Masked(patch=2), layerwise=Layerwise()),
    "contiguous": replace(JOB, network=CONV, layerwise=None, numerics=Numerics(memory_format="contiguous")),
    "bfloat16": replace(JOB, numerics=Numerics(precision="bfloat16")),
    "warm-up": replace(JOB, objective=WARMING_UP, layerwise=None),
    "log-variances below": replace(JOB, objective=WARMING_UP),
    "critic": replace(JOB, objective=AdversarialAutoencoder(), layerwise=None),
    "critics below": replace(JOB, objective=AdversarialAutoencoder()),
    "a critic below": replace(JOB, layerwise=Layerwise((AdversarialAutoencoder(),))),
    "gan": replace(JOB, objective=OBJECTIVES["gan"]),
    "nothing watched": replace(JOB, objective=Blind()),
    "tied": replace(JOB, network=Dense(hidden=(24,), latent_dim=3, tied=True)),
    "early stopping": replace(
        JOB, objective=Contrary(), recipe=replace(JOB.recipe, steps=40, validate_every=2, patience=2)
    ),
}


def with_optimiser(job, optimiser):
    return replace(job, recipe=replace(job.recipe, optimiser=optimiser))


RUNS = [(case, "soap", VALIDATION) for case in CASES]
RUNS += [(case, "adamw", None) for case in ("joint, at once", "conv, greedy", "contiguous", "critics below", "gan")]
RUNS += [(case, "sgd", VALIDATION) for case in ("conv, at once", "greedy-joint", "early stopping")]
RUNS += [("conv, at once", "adam", VALIDATION), ("log-variances below", "adamw", VALIDATION)]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "optimiser", "validation"), RUNS)
def test_killed_again_and_again_it_ends_with_the_same_bits(tmp_path, case, optimiser, validation):
    """After 1 checkpoint, then after some more, drawn anew by the case, until it is over."""
    job, path = with_optimiser(CASES[case], optimiser), tmp_path / "new" / "checkpoint"
    draws = random.Random(f"{case} {validation is None} {optimiser}")
    kills, saves = 0, 1
    while die_after(saves, path, job, X, validation):
        kills, saves = kills + 1, draws.randint(3, 12)
    resumed = train(job, X, validation, checkpoints=every_step(path))  # which was over: nothing is trained
    assert told(resumed) == told(train(job, X, validation))
    assert kills >= 2


@pytest.mark.slow
def test_every_step_is_a_place_to_go_on_from(tmp_path):
    """The ends of epochs, of phases and of training among them."""
    job, checkpoints = with_optimiser(JOB, "soap"), KeepingAll(tmp_path / "c")
    expected = told(train(job, X, VALIDATION, checkpoints=checkpoints))
    assert expected == told(train(job, X, VALIDATION))
    assert len(checkpoints.kept) == 24 + 3  # after every step, and every phase
    for path in checkpoints.kept:
        assert told(train(job, X, VALIDATION, checkpoints=Checkpoints(path, KEY))) == expected, path


def test_seconds_are_those_of_all_runs(tmp_path):
    checkpoints = every_step(tmp_path / "c")
    assert die_after(11, tmp_path / "c", JOB, X, VALIDATION)  # the second phase's second step: 8 steps, 1 phase before
    state = checkpoints.load()
    state["histories"]["layer 1"]["seconds"] = 1000.0
    state["loop"]["history"]["seconds"] = 200.0
    checkpoints.save(state)
    assert 1200 < train(JOB, X, VALIDATION, checkpoints=checkpoints)[1].seconds < 1300


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 7, 16, 30])
def test_running_statistics_are_where_they_were(tmp_path, stop):
    job = replace(JOB, network=Normed(), recipe=replace(JOB.recipe, steps=34))
    x = patterns((36,), n=21)
    expected = train(job, x)
    assert expected[0].encoder[2].num_batches_tracked == 12 + 11  # of the first phase and the joint one
    assert die_after(stop, tmp_path / "c", job, x, None)
    assert told(train(job, x, checkpoints=every_step(tmp_path / "c"))) == told(expected)


@pytest.mark.slow
def test_an_order_in_parts_goes_on_in_the_middle_of_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(sampler, "WHOLE_BYTES", 100)
    monkeypatch.setattr(sampler, "BLOCK_BYTES", 2 * 4 * 36)
    monkeypatch.setattr(sampler, "BUFFER_BYTES", 7 * 2 * 4 * 36)  # 14 examples; batches of 8 run on over the ends
    x = patterns(SHAPE, n=50)
    parts = [len(part) for part in x.order(torch.Generator())]
    assert parts == [14, 14, 14, 8]
    job = replace(JOB, layerwise=Layerwise(), recipe=replace(JOB.recipe, steps=30))
    expected, checkpoints = told(train(job, x)), KeepingAll(tmp_path / "c")
    train(job, x, checkpoints=checkpoints)
    for path in checkpoints.kept:
        again = Examples(x.batch(slice(None)).numpy(), ONE)
        assert told(train(job, again, checkpoints=Checkpoints(path, KEY))) == expected, path


@pytest.mark.parametrize("every", [0.0, 3600.0])
def test_with_checkpoints_and_no_kill_nothing_changes(tmp_path, every):
    checkpoints = Checkpoints(tmp_path / "c", KEY, every)
    assert told(train(JOB, X, VALIDATION, checkpoints=checkpoints)) == told(train(JOB, X, VALIDATION))
    assert checkpoints.steps_done() == 24
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C, which a suite that runs in the background has not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_training_after_a_checkpoint_from_which_it_goes_on_to_the_same_bits(tmp_path):
    def interrupts(done, loss, speed):
        if done == 10:
            signal.raise_signal(signal.SIGINT)

    path = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        train(JOB, X, VALIDATION, interrupts, Checkpoints(path, KEY))  # the next would be due in half a minute
    assert 10 <= every_step(path).steps_done() < 24
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = train(JOB, X, VALIDATION, checkpoints=Checkpoints(path, KEY))
    assert told(resumed) == told(train(JOB, X, VALIDATION))


@pytest.mark.usefixtures("interruptible")
def test_a_second_ctrl_c_does_not_wait_and_other_handlers_are_left_alone(tmp_path):
    def interrupts_twice(done, loss, speed):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(JOB, X, VALIDATION, interrupts_twice, Checkpoints(tmp_path / "c", KEY))
    assert not (tmp_path / "c").exists()
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("others'"))
    try:
        train(JOB, X, VALIDATION, lambda *_: signal.raise_signal(signal.SIGINT), Checkpoints(tmp_path / "c", KEY))
    finally:
        signal.signal(signal.SIGINT, before)
    assert set(heard) == {"others'"}


def test_what_raises_in_the_middle_loses_only_what_came_after_the_last_checkpoint(tmp_path):
    spy, heard = Spy(), []
    job = replace(JOB, objective=spy, layerwise=None)

    def fails(done, loss, speed):
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job, patterns((5,)), patterns((5,), seed=1), progress=fails, checkpoints=every_step(tmp_path / "c"))
    assert every_step(tmp_path / "c").steps_done() == 14
    spy.heard.clear()
    train(
        job,
        patterns((5,)),
        patterns((5,), seed=1),
        progress=lambda done, loss, speed: heard.append(done),
        checkpoints=every_step(tmp_path / "c"),
    )
    assert [share for share in spy.heard if share < 1] == [step / 24 for step in range(14, 24)]
    assert heard == [15, 16, 20, 24]


def test_checkpoints_are_so_many_seconds_apart(tmp_path, monkeypatch):
    """The clock goes on by one second whenever it is looked at: once a step, and once more as a checkpoint is saved."""
    clock = iter(range(10**6))
    job = replace(JOB, layerwise=None)
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: float(next(clock)))
        checkpoints = Dying(tmp_path / "c", saves=2, every=7.0)
        with pytest.raises(Killed):
            train(job, X, checkpoints=checkpoints)
    assert checkpoints.steps_done() == 14


SCRIPT = """
from toy_checkpoints import JOB, SHAPE, every_step
from test_checkpoints_resume import LONG, LONG_X
from fewlabels.training import train
import sys, pathlib
train(LONG, LONG_X, LONG_X, checkpoints=every_step(pathlib.Path(sys.argv[1])))
"""
LONG = replace(JOB, objective=Denoising(), recipe=replace(JOB.recipe, steps=300, validate_every=50))
LONG_X = examples(SHAPE, n=40)


@pytest.mark.slow
@pytest.mark.skipif(torch.get_num_threads() != 1, reason="the other process has one thread")
def test_a_killed_process_is_continued_by_another(tmp_path):
    """Killed by the system, wherever it is: in a step or in writing a checkpoint."""
    path = tmp_path / "c"
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(random.random() / 2)
    finally:
        process.kill()
        process.wait()
    assert process.returncode < 0
    checkpoints = Checkpoints(path, KEY)
    assert 0 < checkpoints.steps_done() < 300
    assert told(train(LONG, LONG_X, LONG_X, checkpoints=checkpoints)) == told(train(LONG, LONG_X, LONG_X))
