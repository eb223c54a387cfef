"""SOAP by name, in recipes and in training, alone and where a stack was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import patterns

from fewlabels.core.errors import TrainingDiverged
from fewlabels.networks import Conv, Dense
from fewlabels.objectives import Reconstruction
from fewlabels.training import Group, Job, Recipe, train, train_stacked
from fewlabels.training.recipe import make_optimiser, set_rate

RECIPE = Recipe(steps=100, batch_size=16, lr=0.03, optimiser="soap", schedule="one-cycle")
JOB = Job(Dense(hidden=(12,), latent_dim=3), Reconstruction(), RECIPE)


def test_recipes_give_every_group_its_rate_decay_and_epsilon():
    start = torch.tensor([1.0, -2.0, 3.0])
    slow, fast = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    recipe = Recipe(steps=10, optimiser="soap", lr=0.4, epsilon=0.5, weight_decay=0.2, schedule="cosine")
    optimiser = make_optimiser([Group((slow,), rate=0.1), Group((fast,))], recipe)
    set_rate(optimiser, recipe, 5)  # half of the peak
    gradient = torch.tensor([2.0, 0.5, -1.0])
    slow.grad, fast.grad = gradient.clone(), gradient.clone()
    optimiser.step()
    for weight, lr in ((slow, 0.02), (fast, 0.2)):
        expected = start * (1 - lr * 0.2) - lr * gradient / (gradient.norm() + 0.5)
        torch.testing.assert_close(weight.detach(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "shape", "share"),
    [(JOB.network, (20,), 0.2), (Conv(channels=(3, 4), latent_dim=3), (1, 6, 6), 0.7)],
    ids=["dense", "conv"],
)
def test_training_learns_and_gives_the_same_bits_again(network, shape, share):
    job, x = replace(JOB, network=network), patterns(shape)
    net, history = train(job, x)
    again, told = train(job, x)
    assert history.loss == told.loss
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), again.state_dict().values(), strict=True))
    assert np.mean(history.loss[-4:]) < share * np.mean(history.loss[:4])


def test_a_training_that_diverges_says_so():
    recipe = replace(RECIPE, lr=1e30, schedule="constant")
    with pytest.raises(TrainingDiverged, match=r"with learning rate 1e\+30"):
        train(replace(JOB, recipe=recipe), patterns((20,)))


def test_stacks_are_trained_one_by_one_with_one_warning():
    jobs = [replace(JOB, seed=seed, recipe=replace(RECIPE, steps=12)) for seed in range(3)]
    x = patterns((20,))
    message = "^soap has a basis for every weight, so models are trained one after the other$"
    with pytest.warns(UserWarning, match=message) as heard:
        found = train_stacked(jobs, x)
    assert len(heard) == 1
    for job, (net, history) in zip(jobs, found, strict=True):
        oracle, told = train(job, x)
        assert history.loss == told.loss
        torch.testing.assert_close(net.state_dict(), oracle.state_dict(), rtol=0, atol=0)
