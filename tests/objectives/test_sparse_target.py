"""The penalty towards a target activation: against torch, at the target, far away, and in training."""

from __future__ import annotations

import math

import pytest
import torch
from objective_cases import build, learn, normal
from torch import Tensor, nn
from torch.distributions import Bernoulli, kl_divergence

from fewlabels.networks import Autoencoder, Dense
from fewlabels.objectives import SparseTarget


def net_giving(code: Tensor) -> tuple[Autoencoder, Tensor]:
    """A linear autoencoder and inputs for which the encoder gives exactly these codes [B, latent_dim]."""
    width = code.shape[1]
    net = build(Dense(hidden=(), latent_dim=width), (width,), SparseTarget()).to(code.dtype)
    layer = net.encoder[1]
    assert isinstance(layer, nn.Linear)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return net, code


def sparsity(code: Tensor, target: float) -> Tensor:
    net, x = net_giving(code)
    return SparseTarget(penalty=1.0, target=target).loss(net, x, {})[1]["sparsity"]


@pytest.mark.parametrize("target", [0.01, 0.05, 0.5, 0.9])
def test_divergence_is_that_of_torch_between_mean_activations(target):
    code = 2 * normal(30, 6).double()
    means = code.sigmoid().mean(dim=0)
    theirs = kl_divergence(Bernoulli(torch.tensor(target).double()), Bernoulli(means)).mean()
    assert sparsity(code, target).item() == pytest.approx(theirs.item(), rel=1e-6)


@pytest.mark.parametrize("target", [0.05, 0.3])
def test_divergence_is_zero_at_the_target_and_positive_beside_it(target):
    logit = math.log(target / (1 - target))
    at, above, below = (sparsity(torch.full((4, 3), logit + by).double(), target).item() for by in (0, 0.3, -0.3))
    assert at == pytest.approx(0, abs=1e-7)
    assert min(above, below) > 1e-4
    # only the mean over the batch counts: half of the examples on twice as much, the others off
    twice = math.log(2 * target / (1 - 2 * target))
    spread = torch.tensor([[twice] * 3, [-60.0] * 3]).double()
    assert sparsity(spread, target).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("size", [200.0, -200.0, 1e4, -1e4])
def test_codes_far_from_zero_leave_loss_and_gradients_finite(size):
    """All of one sign, the mean activation is 0 or 1 in single precision, yet the way back is known."""
    code = torch.full((5, 2), size).requires_grad_()
    net, x = net_giving(code)
    loss, terms = SparseTarget(penalty=1.0).loss(net, x, {})
    loss.backward()
    weight = 0.05 if size < 0 else 0.95
    assert terms["sparsity"].item() == pytest.approx(weight * abs(size), rel=0.02)
    (gradient,) = torch.autograd.grad(SparseTarget(penalty=1.0).loss(net, x, {})[1]["sparsity"], [code])
    assert gradient.flatten().tolist() == pytest.approx([math.copysign(weight, size) / 10] * 10, rel=1e-4)
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters() if parameter.grad is not None)


def test_signs_may_differ_far_from_zero():
    code = torch.tensor([[200.0, -200.0], [-200.0, -200.0]]).requires_grad_()
    value = sparsity(code, 0.05)
    value.backward()
    # means 1/2 and e^-200: (ln 2 + 0.05 ln 0.05 + 0.95 ln 0.95) and 0.05 (ln 0.05 + 200) + 0.95 ln 0.95
    entropy = 0.05 * math.log(0.05) + 0.95 * math.log(0.95)
    assert value.item() == pytest.approx((math.log(2) + entropy + 0.05 * 200 + entropy) / 2, rel=1e-5)
    assert code.grad is not None
    assert code.grad.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.05, 0.5])
def test_training_pulls_the_mean_activation_to_the_target(target):
    x = normal(256, 10)
    distances = []
    for penalty in (0.0, 30.0):
        objective = SparseTarget(penalty=penalty, target=target)
        net = build(Dense(hidden=(), latent_dim=6), (10,), objective)
        with torch.no_grad():
            net.encoder[1].bias += 1.5
        learn(objective, net, x, steps=120, lr=1e-1, batch_size=256)
        activation = objective.embed(net, x)
        assert activation.min() >= 0
        assert activation.max() <= 1
        distances.append((activation.mean(dim=0) - target).abs().max().item())
    assert distances[1] < 0.03
    assert distances[1] < 0.3 * distances[0]
