"""As many codes as inputs or more: plain reconstruction learns to pass anything through, denoising does not."""

from __future__ import annotations

import pytest
from objective_cases import build, draw, learn, normal
from torch import Tensor

from fewlabels.networks import Autoencoder, Dense
from fewlabels.objectives import Denoising, GaussianNoise, MaskingNoise, Objective, Reconstruction

INPUTS = 12


def correlated(n: int, seed: int) -> Tensor:
    """12 numbers that three others explain, but for a little noise: [n, 12] of mean 0."""
    mixing = normal(3, INPUTS, seed=99) / 3**0.5
    return normal(n, 3, seed=seed) @ mixing + 0.3 * normal(n, INPUTS, seed=seed + 50)


def trained(objective: Objective, codes: int) -> Autoencoder:
    net = build(Dense(hidden=(), latent_dim=codes), (INPUTS,), objective)
    learn(objective, net, correlated(1000, seed=1), steps=300, lr=2e-2)
    return net.requires_grad_(False)


def error(objective: Objective, net: Autoencoder, x: Tensor, wanted: Tensor) -> float:
    return (objective.reconstruct(net, x) - wanted).square().mean().item()


TEST, UNRELATED = correlated(300, seed=2), normal(300, INPUTS, seed=5)


@pytest.mark.parametrize("codes", [INPUTS, 2 * INPUTS])
def test_plain_reconstruction_learns_the_identity(codes):
    """It gives back inputs that have nothing to do with the data, too."""
    objective = Reconstruction()
    net = trained(objective, codes)
    assert error(objective, net, TEST, TEST) < 0.01 * TEST.var()
    assert error(objective, net, UNRELATED, UNRELATED) < 0.01 * UNRELATED.var()


@pytest.mark.parametrize(
    ("codes", "corruption"),
    [(INPUTS, GaussianNoise(1.0)), (2 * INPUTS, GaussianNoise(1.0)), (INPUTS, MaskingNoise(0.5))],
    ids=["12-gaussian", "24-gaussian", "12-masking"],
)
def test_denoising_does_not_and_moves_corrupted_inputs_towards_the_clean(codes, corruption):
    objective = Denoising(corruption)
    net = trained(objective, codes)
    corrupted = objective.corrupt(TEST, draw(objective, net, TEST))
    assert error(objective, net, UNRELATED, UNRELATED) > 0.4 * UNRELATED.var()
    assert error(objective, net, corrupted, TEST) < 0.6 * (corrupted - TEST).square().mean()


def test_the_identity_cleans_nothing():
    net = trained(Reconstruction(), INPUTS)
    noise = draw(Denoising(GaussianNoise(1.0)), net, TEST)
    corrupted = Denoising(GaussianNoise(1.0)).corrupt(TEST, noise)
    assert error(Reconstruction(), net, corrupted, TEST) > 0.9 * (corrupted - TEST).square().mean()
