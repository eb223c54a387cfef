"""The variational objective against closed forms, torch's distributions and sampling."""

from __future__ import annotations

import math

import pytest
import torch
from objective_cases import build, draw, normal, uniform
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from fewlabels.core.errors import InputError
from fewlabels.networks import Autoencoder, Dense
from fewlabels.objectives import Variational
from fewlabels.objectives.variational import cross_entropy, kl_from_standard_normal


def constant_net(mean: list[float], std: list[float], inputs: int, seed: int = 0) -> Autoencoder:
    """An encoder that gives every input the same Gaussian; a random linear decoder."""
    net = build(Dense(hidden=(), latent_dim=len(mean)), (inputs,), Variational(), seed).double()
    layer = net.encoder[1]
    assert isinstance(layer, nn.Linear)
    nn.init.zeros_(layer.weight)
    layer.bias.data = torch.tensor([*mean, *(2 * math.log(s) for s in std)], dtype=torch.float64)
    return net


def test_divergence_by_hand():
    # N(3, 2^2): (4 + 9 - 1 - ln 4) / 2; N(0, 1): 0; N(0, e): (e - 1 - 1) / 2; summed over the codes of an example
    mean = torch.tensor([[3.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    log_variance = torch.tensor([[math.log(4), 1.0], [0.0, 0.0]], dtype=torch.float64)
    expected = [(12 - math.log(4)) / 2 + (math.e - 2) / 2, 0.0]
    assert kl_from_standard_normal(mean, log_variance).tolist() == pytest.approx(expected)


def test_divergence_is_that_of_torch():
    mean, log_variance = 3 * normal(50, 4), 2 * normal(50, 4, seed=2)
    theirs = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0, 1)).sum(dim=1)
    torch.testing.assert_close(kl_from_standard_normal(mean, log_variance), theirs, rtol=1e-5, atol=1e-5)


def test_divergence_is_the_mean_of_the_log_ratio_of_densities():
    samples = 20_000
    q = Normal(torch.tensor([0.7, -1.2]), torch.tensor([0.5, 1.5]))
    z = q.mean + q.stddev * normal(samples, 2)
    ratio = (q.log_prob(z) - Normal(0, 1).log_prob(z)).sum(dim=1)
    expected = kl_from_standard_normal(q.mean[None], 2 * q.stddev[None].log()).item()
    error = ratio.std().item() / samples**0.5
    assert abs(ratio.mean().item() - expected) < 4 * error
    assert error < 0.02 * expected


def test_cross_entropy_is_the_negative_log_likelihood_of_bernoullis():
    logits, x = 3 * normal(8, 5), uniform(8, 5).round()
    torch.testing.assert_close(cross_entropy(logits, x), -Bernoulli(logits=logits).log_prob(x).mean())
    grey = uniform(8, 5)  # between 0 and 1: the mean over what it could have been
    on, off = Bernoulli(logits=logits).log_prob(torch.ones(8, 5)), Bernoulli(logits=logits).log_prob(torch.zeros(8, 5))
    torch.testing.assert_close(cross_entropy(logits, grey), -(grey * on + (1 - grey) * off).mean())
    assert cross_entropy(torch.tensor([[200.0, -200.0]]), torch.tensor([[0.0, 1.0]])).item() == 200


def test_beta_is_lambda_times_the_number_of_inputs():
    x = uniform(6, 10)
    net = build(Dense(hidden=(), latent_dim=3), (10,), Variational())
    in_beta, in_lambda = Variational(weight=2.0, unit="beta"), Variational(weight=0.2, unit="lambda")
    noise = draw(in_beta, net, x)
    torch.testing.assert_close(in_beta.loss(net, x, noise), in_lambda.loss(net, x, noise))


@pytest.mark.parametrize(
    ("warm_up", "progress", "risen"),
    [
        (0.0, 0.0, 1.0),
        (0.0, 0.5, 1.0),
        (0.5, 0.0, 0.0),
        (0.5, 0.25, 0.5),
        (0.5, 0.5, 1.0),
        (0.5, 0.9, 1.0),
        (1.0, 0.75, 0.75),
    ],
)
def test_the_divergence_rises_with_the_warm_up(warm_up, progress, risen):
    x = uniform(6, 10)
    objective = Variational(warm_up=warm_up)
    net = build(Dense(hidden=(), latent_dim=3), (10,), objective)
    noise = objective.draw(x, 3, torch.Generator().manual_seed(2), progress)
    assert noise["risen"].tolist() == [risen] * 6
    full = Variational().loss(net, x, draw(Variational(), net, x))[1]
    terms = objective.loss(net, x, noise)[1]
    assert terms["divergence"].item() == pytest.approx(risen * full["divergence"].item(), rel=1e-6)
    assert terms["reconstruction"].item() == pytest.approx(full["reconstruction"].item())


def test_after_training_the_divergence_has_risen():
    """`draw` without progress, as validation calls it."""
    objective = Variational(warm_up=0.5)
    assert objective.draw(uniform(3, 4), 2, torch.Generator())["risen"].tolist() == [1, 1, 1]


def test_codes_are_drawn_with_the_mean_and_deviation_the_encoder_gives():
    samples, mean, std = 40_000, [0.5, -2.0], [0.1, 3.0]
    net = constant_net(mean, std, inputs=2)
    seen: list[Tensor] = []
    net.decoder.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].detach()))
    x = torch.zeros(samples, 2, dtype=torch.float64)
    Variational().loss(net, x, draw(Variational(), net, x))
    (code,) = seen
    for j in range(2):
        assert code[:, j].mean().item() == pytest.approx(mean[j], abs=4 * std[j] / samples**0.5)
        assert code[:, j].std().item() == pytest.approx(std[j], rel=4 / (2 * samples) ** 0.5)
    torch.testing.assert_close(Variational().embed(net, x)[:1], torch.tensor([mean], dtype=torch.float64))


def test_gradients_reach_mean_and_deviation_through_the_drawn_code():
    """d/dmu of f(mu + sigma e) is f', d/d ln sigma^2 is f' sigma e / 2; here f = (z - x)^2 and the decoder is 1."""
    net = constant_net([0.5], [2.0], inputs=1)
    for layer in (net.decoder[0],):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
    noise = {"gaussian": torch.tensor([[0.25]]).double(), "risen": torch.ones(1).double()}
    terms = Variational().loss(net, torch.tensor([[0.2]]).double(), noise)[1]
    (gradient,) = torch.autograd.grad(terms["reconstruction"], [net.encoder[1].bias])
    slope = 2 * (0.5 + 2.0 * 0.25 - 0.2)
    assert gradient.tolist() == pytest.approx([slope, slope * 2.0 * 0.25 / 2])


def test_the_loss_is_a_lower_bound_on_the_likelihood():
    """-D loss = E[ln p(x|z)] - KL <= ln p(x), which importance sampling from the encoder's Gaussian estimates."""
    samples, inputs = 20_000, 3
    objective = Variational("bernoulli", weight=1.0, unit="beta")
    net = constant_net([0.4, -0.3], [0.8, 1.1], inputs, seed=1)
    x = torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64).expand(samples, inputs)
    noise = draw(objective, net, x)
    bound = -inputs * objective.loss(net, x, noise)[0].item()
    q = Normal(torch.tensor([0.4, -0.3]).double(), torch.tensor([0.8, 1.1]).double())
    z = q.mean + q.stddev * noise["gaussian"]
    likelihood = Bernoulli(logits=net.decode(z)).log_prob(x).sum(dim=1)
    log_ratio = likelihood + (Normal(0, 1).log_prob(z) - q.log_prob(z)).sum(dim=1)
    evidence = log_ratio.logsumexp(dim=0).item() - math.log(samples)
    # the gap is KL(q || posterior), and the bound is the mean of the same log ratio, its KL in closed form
    assert bound < evidence - 0.05
    assert bound == pytest.approx(log_ratio.mean().item(), abs=4 * log_ratio.std().item() / samples**0.5)


@pytest.mark.parametrize(
    ("low", "high", "text"), [(-0.1, 1.0, r"-0\.1 to 1;"), (0.0, 1.5, r"0 to 1\.5;"), (float("nan"), 1.0, "nan")]
)
def test_bernoulli_refuses_inputs_outside_0_to_1(low, high, text):
    x = torch.tensor([[low, 0.5], [0.5, high]])
    advice = "allowed is 0 to 1, as uint8 images are scaled; use likelihood='gaussian'"
    with pytest.raises(InputError, match=rf"^Variational: likelihood is 'bernoulli', but inputs .*{text}.*{advice}"):
        Variational("bernoulli").draw(x, 2, torch.Generator())
    Variational("gaussian").draw(x, 2, torch.Generator())


def test_bernoulli_takes_0_and_1_and_reconstructs_between_them():
    x = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    objective = Variational("bernoulli")
    net = build(Dense(hidden=(), latent_dim=1), (2,), objective)
    assert draw(objective, net, x)["gaussian"].shape == (2, 1)
    torch.testing.assert_close(objective.reconstruct(net, x), net.decode(objective.embed(net, x)).sigmoid())
