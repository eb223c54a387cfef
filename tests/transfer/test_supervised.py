"""Classifiers trained in steps: they learn, and together they end as alone."""

from __future__ import annotations

import copy
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from toy_task import LEARNERS, SETTING, D, K, N, accuracy, as_examples, learners, toy

from fewlabels.data import fit_scaling
from fewlabels.networks import Conv, seeded
from fewlabels.objectives import Reconstruction
from fewlabels.training import Examples
from fewlabels.transfer import (
    Centring,
    FineTune,
    MlpHead,
    Task,
    WholeNetwork,
    fit_one,
)
from fewlabels.transfer.supervised import BATCH, EPOCHS, FEWEST_STEPS, MOST_STEPS, recipe_for


@learners
def test_learns_what_can_be_separated(name):
    learner, inputs = LEARNERS[name]
    (x, y), (new, new_y) = toy(0), toy(1, 90)
    classifier = fit_one(learner, inputs(x), y, SETTING, seed=0)
    assert accuracy(classifier, inputs(x), y) == 1
    assert accuracy(classifier, inputs(new), new_y) > 0.95
    assert len(classifier.curve) == recipe_for(N, 0.02).steps
    assert np.mean(classifier.curve[-10:]) < 0.2 * classifier.curve[0]


def test_the_hidden_layer_of_the_mlp_matters():
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(60, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)  # no line separates these
    classifier = fit_one(MlpHead(2), x, y, SETTING, seed=0)
    assert (classifier.log_proba(x).argmax(axis=1) == y).all()
    assert classifier.trained == classifier.total == (2 + 1) * 64 + (64 + 1) * 2
    assert fit_one(MlpHead(2, hidden=5), x, y, SETTING, seed=0).trained == 3 * 5 + 6 * 2


@learners
def test_the_seed_decides_and_the_global_generator_is_left_alone(short, name):
    learner, inputs = LEARNERS[name]
    x, y = toy(0, 2 * BATCH)  # more than a batch: the order matters
    before = torch.get_rng_state()
    first, again, other = (fit_one(learner, inputs(x), y, SETTING, seed).log_proba(inputs(x)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 1e-4


@pytest.mark.slow
@learners
def test_the_setting_decides(name):
    learner, inputs = LEARNERS[name]
    x, y = toy(0)
    ends = [fit_one(learner, inputs(x), y, {"lr": lr}, 0).curve[-1] for lr in (1e-5, 1e-3, 2e-2)]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] > 10 * ends[2]


@pytest.mark.slow
@learners
def test_all_tasks_together_end_as_each_alone(short, name):
    """Of 40 examples, in batches of 32: on the whole of them the gradient of a probe's intercepts is 0, and Adam
    would make full steps of its rounding errors."""
    learner, inputs = LEARNERS[name]
    x, y = toy(0, 60)
    folds = np.array_split(np.arange(60), 3)
    tasks = [Task(np.setdiff1d(np.arange(60), fold), {"lr": lr}, 60, 3) for lr in (0.003, 0.02) for fold in folds]
    together = learner.fit_all(inputs(x), y, tasks)
    assert len(together) == 6
    for task, classifier in zip(tasks, together, strict=True):
        (alone,) = learner.fit_all(inputs(x), y, [task])
        np.testing.assert_allclose(classifier.curve, alone.curve, rtol=0, atol=1e-5)
        np.testing.assert_allclose(classifier.log_proba(inputs(x)), alone.log_proba(inputs(x)), rtol=0, atol=1e-4)
        assert (classifier.trained, classifier.total) == (alone.trained, alone.total)
    assert len({tuple(classifier.curve) for classifier in together}) == 6


@learners
@pytest.mark.parametrize("several", [False, True])
def test_a_task_sees_none_but_its_own_labels(short, name, several):
    learner, inputs = LEARNERS[name]
    x, y = toy(0)
    index = np.arange(0, N, 2)
    hidden = x.copy()
    hidden[1::2] = np.nan
    wrong = y.copy()
    wrong[1::2] = 0
    tasks = [Task(index, SETTING, N, 0)] * (2 if several else 1)
    clean = learner.fit_all(inputs(x), y, tasks)[-1].log_proba(inputs(x))
    found = learner.fit_all(inputs(hidden), wrong, tasks)[-1].log_proba(inputs(x))
    np.testing.assert_array_equal(found, clean)


class Watched(nn.Module):
    """A linear classifier behind dropout, which tells the modes it ran in."""

    modes: ClassVar[list[bool]] = []

    def __init__(self, p: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(p)
        self.linear = nn.Linear(D, K)

    def forward(self, x):
        Watched.modes.append(self.training)
        return self.linear(self.dropout(x))


@pytest.mark.parametrize("several", [False, True])
def test_dropout_acts_in_training_and_not_in_prediction(short, several):
    x, y = toy(0)
    tasks = [Task(np.arange(N), SETTING, N, 0)] * (2 if several else 1)
    curves = []
    for p in (0.0, 0.5, 0.5):
        built: list = []

        def build(p=p, built=built):
            built.append(Watched(p))
            return built[-1]

        Watched.modes.clear()
        classifier = WholeNetwork(build).fit_all(as_examples(x), y, tasks)[0]
        assert Watched.modes == [True] * len(classifier.curve)
        Watched.modes.clear()
        first, again = classifier.log_proba(as_examples(x)), classifier.log_proba(as_examples(x))
        assert Watched.modes == [False, False]
        np.testing.assert_array_equal(first, again)
        logits = built[0].linear(torch.from_numpy(x)).detach().double()
        np.testing.assert_allclose(first, logits.log_softmax(dim=1).numpy(), atol=1e-5)
        curves.append(classifier.curve)
    assert curves[1] == curves[2] != curves[0]


def test_what_cannot_be_stacked_is_trained_one_by_one():
    x, y = toy(0)
    learner = WholeNetwork(lambda: nn.Sequential(nn.Linear(D, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, K)))
    tasks = [Task(np.arange(N), {"lr": lr}, N, 0) for lr in (0.003, 0.02)]
    together = learner.fit_all(as_examples(x), y, tasks)
    assert accuracy(together[1], as_examples(x), y) == 1
    alone = learner.fit_all(as_examples(x), y, tasks[:1])[0]
    assert together[0].curve == alone.curve


def test_images_go_through_convolutions_alone_and_together():
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    x = rng.integers(0, 60, (24, 1, 8, 8), dtype=np.uint8)
    x[y == 1, :, :4] += 150
    images = Examples(x, fit_scaling(x))
    net = seeded(0, lambda: Conv(channels=(4,), latent_dim=3).build((1, 8, 8)))
    learner = FineTune(
        2, lambda: copy.deepcopy(net), Reconstruction(), Centring(np.zeros(3, np.float32), 1.0), encoder_rate=1.0
    )
    tasks = [Task(np.arange(24), {"lr": lr}, 24, 0) for lr in (0.005, 0.02)]
    together = learner.fit_all(images, y, tasks)
    for task, classifier in zip(tasks, together, strict=True):
        alone = learner.fit_all(images, y, [task])[0]
        np.testing.assert_allclose(classifier.curve, alone.curve, atol=1e-3)
        assert (classifier.log_proba(images).argmax(axis=1) == y).all()


@pytest.mark.slow
def test_cases_of_several_sizes_and_seeds_each_have_their_own_steps_and_batches():
    x, y = toy(0, 300)
    sizes = {(12, 1): (8, 9), (12, 2): (8, 8), (300, 1): (200, 200)}
    tasks = [Task(np.arange(n), {"lr": 0.01}, labels, seed) for (labels, seed), counts in sizes.items() for n in counts]
    together = MlpHead(K).fit_all(x, y, tasks)
    for (labels, _), start in zip(sizes, (0, 2, 4), strict=True):
        case = tasks[start : start + 2]
        assert len(together[start].curve) == recipe_for(labels, 0.01).steps
        for classifier, alone in zip(together[start : start + 2], MlpHead(K).fit_all(x, y, case), strict=True):
            np.testing.assert_allclose(classifier.curve, alone.curve, rtol=0, atol=1e-5)
    assert together[0].curve != together[2].curve  # another seed, another order and start


def test_the_number_of_steps_follows_the_labels():
    assert recipe_for(1, 0.5).steps == FEWEST_STEPS
    assert recipe_for(10**6, 0.5).steps == MOST_STEPS
    middle = BATCH * (FEWEST_STEPS + MOST_STEPS) // (2 * EPOCHS)
    assert recipe_for(middle, 0.5).steps * BATCH == pytest.approx(EPOCHS * middle, abs=BATCH)
    assert recipe_for(middle, 0.5).lr == 0.5
