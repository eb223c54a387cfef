"""Objectives of two views: against their papers' formulas, on the smallest batches, and what each part is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_cases import build, draw, examples, normal, uniform
from torch.nn import functional as F

from fewlabels.core.settings import from_json, to_json
from fewlabels.data import Scaling
from fewlabels.networks import Dense, PooledConv
from fewlabels.objectives import (
    Affine,
    AutomaticView,
    Contrastive,
    Distillation,
    GaussianNoise,
    Resample,
    VICReg,
    Views,
    kinds,
)
from fewlabels.training import Examples, Job, Recipe, can_stack, train
from fewlabels.training.numerics import Numerics

ONE = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))
OBJECTIVES = [Contrastive(), VICReg(), Distillation()]
every_objective = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)
DENSE = Dense(hidden=(8,), latent_dim=4)


def two(shape: tuple[int, ...] = (5,), n: int = 6):
    """Views of n examples, in double precision."""
    return {name: normal(n, *shape, seed=seed).double() for seed, name in enumerate(("first", "second"))}


def test_nt_xent_pair_by_pair():
    objective = Contrastive(temperature=0.3)
    net, noise = build(DENSE, (5,), objective).double(), two()
    z = F.normalize(net.heads["projection"](net.encode(torch.cat([noise["first"], noise["second"]]))), dim=1)
    found = []
    for i in range(12):
        similar = {k: ((z[i] @ z[k]) / 0.3).exp() for k in range(12) if k != i}
        found.append(-(similar[(i + 6) % 12] / sum(similar.values())).log())
    torch.testing.assert_close(objective.loss(net, noise["first"], noise)[0], torch.stack(found).mean())


def test_vicreg_column_by_column():
    objective = VICReg(invariance=3.0, variance=2.0, covariance=0.5, width=4)
    net, noise = build(DENSE, (5,), objective).double(), two()
    first, second = net.heads["projection"](net.encode(torch.cat([noise["first"], noise["second"]]))).split(6)
    terms = {"invariance": 3 * F.mse_loss(first, second), "variance": 0, "covariance": 0}
    for z in (first, second):
        terms["variance"] += 2 * F.relu(1 - (z.var(dim=0) + 1e-4).sqrt()).mean() / 2
        pairs = [torch.cov(z[:, [i, j]].T)[0, 1] ** 2 for i in range(4) for j in range(4) if i != j]
        terms["covariance"] += 0.5 * sum(pairs) / 4
    torch.testing.assert_close(objective.loss(net, noise["first"], noise)[1], terms)


def test_distillation_follows_by_its_momentum_and_gives_the_copy_no_gradient():
    objective = Distillation(momentum=0.75)
    net, noise = build(DENSE, (5,), objective).double(), two()
    loss, _ = objective.loss(net, noise["first"], noise)
    loss.backward()
    fast, slow = net.encoder[1].weight, net.heads["target_encoder"][1].weight
    assert fast.grad.any()
    assert slow.grad is None
    assert torch.equal(fast, slow)
    with torch.no_grad():
        fast += 1
        objective.after_step(net)
    torch.testing.assert_close(slow, fast - 0.75)
    with torch.no_grad():
        loss_after = objective.loss(net, noise["first"], noise)[0]
        net.heads["target_encoder"][1].weight += 5
        assert objective.loss(net, noise["first"], noise)[0] != loss_after  # it is what is foretold


@every_objective
@pytest.mark.parametrize("n", [2, 3])
def test_the_smallest_batches(objective, n):
    """And nothing but zeros, as where a hole is larger than the image."""
    for spec, shape in ((DENSE, (5,)), (PooledConv(channels=(3,)), (1, 4, 4))):
        net = build(spec, shape, objective).train()
        for x in (uniform(n, *shape), torch.zeros(n, *shape)):
            loss, _ = objective.loss(net, x, draw(objective, net, x))
            loss.backward()
            assert loss.isfinite()
            assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@every_objective
def test_both_views_pass_the_encoder_at_once_so_that_batch_normalisation_sees_them_together(objective):
    net = build(PooledConv(channels=(3,)), (1, 6, 6), objective).train()
    x, sizes = examples(1, 6, 6), []
    net.encoder.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    objective.loss(net, x, draw(objective, net, x))
    assert sizes == [2 * len(x)]


@every_objective
def test_views_differ_from_each_other_and_are_those_of_the_setting(objective):
    net, x = build(DENSE, (1, 6, 6), objective), examples(1, 6, 6)
    noise = draw(objective, net, x)
    assert noise.keys() == {"first", "second"}
    assert not torch.equal(noise["first"], noise["second"])
    plain = draw(replace(objective, view=Views()), net, x)
    assert all(torch.equal(view, x) for view in plain.values())


@every_objective
@pytest.mark.parametrize("view", [AutomaticView("mild", flip=True), Views((Affine(), GaussianNoise(0.1))), Resample()])
def test_views_travel_through_json_with_their_objective(objective, view):
    own = replace(objective, view=view)
    assert from_json(to_json(own), kinds()) == own


@every_objective
def test_heads_keep_no_running_statistics_and_those_of_the_network_alone_prevent_a_stack(objective):
    assert can_stack(build(DENSE, (5,), objective))
    assert not can_stack(build(PooledConv(channels=(3,)), (1, 6, 6), objective))
    assert can_stack(build(PooledConv(channels=(4,), norm="group"), (1, 6, 6), objective))


@pytest.mark.slow
@pytest.mark.parametrize("numerics", [Numerics(precision="bfloat16"), Numerics(memory_format="contiguous")], ids=str)
@every_objective
def test_other_numerics_come_near(objective, numerics):
    x = uniform(32, 1, 8, 8).numpy()
    losses = []
    for own in (Numerics(), numerics):
        job = Job(PooledConv(channels=(8,)), objective, Recipe(steps=5, batch_size=16), numerics=own)
        losses.append(train(job, Examples(x, ONE, own))[1].loss)
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
