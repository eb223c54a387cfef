"""What the second player is for: codes that lie like the prior, samples that lie like the data. In two dimensions."""

from __future__ import annotations

import pytest
import torch
from objective_cases import build, learn, normal

from fewlabels.networks import Dense
from fewlabels.objectives import AdversarialAutoencoder, GenerativeAdversarial


@pytest.mark.slow
def test_the_critic_pulls_codes_to_the_prior():
    x = torch.tensor([4.0, -3.0]) + 0.5 * normal(512, 2)

    def trained(weight: float) -> tuple[float, float, float]:
        """How far the codes' mean is from 0 and their deviation from 1, and the mean squared error."""
        objective = AdversarialAutoencoder(weight, hidden=32)
        net = build(Dense(hidden=(32,), latent_dim=2), (2,), objective)
        learn(objective, net, x, steps=400, lr=1e-2)
        with torch.no_grad():
            code = objective.embed(net, x)
            error = (objective.reconstruct(net, x) - x).square().mean()
        return code.mean(dim=0).norm().item(), (code.std(dim=0) - 1).norm().item(), error.item()

    free_mean, free_std, _ = trained(weight=0.0)
    mean, std, error = trained(weight=0.1)
    assert mean < 0.25 * free_mean
    assert std < 0.8 * free_std
    assert error < 0.1 * x.var(dim=0).mean()  # the codes still tell the examples apart


@pytest.mark.slow
@pytest.mark.parametrize("losses", ["non-saturating", "hinge"])
def test_samples_move_to_the_data(losses):
    x = 3 + 0.5 * normal(512, 2)
    objective = GenerativeAdversarial(losses)
    net = build(Dense(hidden=(32,), latent_dim=8), (2,), objective)
    prior = {"prior": normal(512, 8, seed=7)}

    def distance() -> float:
        with torch.no_grad():
            return (objective.picture(net, x, prior).mean(dim=0) - 3).abs().max().item()

    before = distance()
    learn(objective, net, x, steps=300, lr=2e-3)
    assert before > 2.5
    assert distance() < 0.8
    with torch.no_grad():
        spread = objective.picture(net, x, prior).std(dim=0)
    assert spread.min() > 0.1  # samples, not one sample
