"""The contractive penalty is the squared Frobenius norm of the codes' Jacobian, exactly or without bias."""

from __future__ import annotations

import pytest
import torch
from objective_cases import NETWORKS, build, draw, every_network, examples, normal, uniform
from torch import Tensor
from torch.autograd.functional import jacobian

from fewlabels.networks import Autoencoder, Conv, Dense
from fewlabels.objectives import Contractive
from fewlabels.objectives.contractive import estimated_norms, exact_norms


def linear_net() -> Autoencoder:
    return build(Dense(hidden=(), latent_dim=3), (7,), Contractive(), seed=4).double()


def brute_force(net: Autoencoder, x: Tensor) -> Tensor:
    """||J(x)||_F^2 an example [B], from the whole Jacobian of each."""
    return torch.stack([jacobian(lambda one: net.encode(one[None])[0], one).square().sum() for one in x])


@pytest.mark.parametrize("network", [*NETWORKS, "relu-conv"])
def test_the_exact_norm_is_that_of_the_whole_jacobian(network):
    cases = {**NETWORKS, "relu-conv": (Conv(channels=(3,), kernel=4, hidden=(6,), latent_dim=4), (1, 6, 5))}
    spec, shape = cases[network]
    net = build(spec, shape, Contractive()).double()
    x = examples(*shape)[:5].double()
    code, norms = exact_norms(net, x)
    torch.testing.assert_close(norms, brute_force(net, x), rtol=1e-9, atol=0)
    torch.testing.assert_close(code, net.encode(x))


def test_the_exact_norm_of_a_linear_encoder_is_the_sum_of_its_squared_weights():
    net = linear_net()
    expected = net.encoder[1].weight.square().sum().expand(6)
    torch.testing.assert_close(exact_norms(net, normal(6, 7).double())[1], expected)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["linear", "dense", "stride"])
def test_the_estimate_is_right_on_average(network):
    directions = 20_000
    spec, shape = NETWORKS[network]
    net = build(spec, shape, Contractive()).double()
    x = uniform(1, *shape).double()
    objective = Contractive()
    many = x.expand(directions, *shape).contiguous()
    with torch.no_grad():
        code, estimates = estimated_norms(net, many, draw(objective, net, many, seed=3)["direction"])
        exact = exact_norms(net, x)[1].item()
    torch.testing.assert_close(code[:1], net.encode(x))
    error = estimates.std().item() / directions**0.5
    assert abs(estimates.mean().item() - exact) < 4 * error
    assert error < 0.05 * exact  # else the line above says nothing


def test_the_gradient_of_the_penalty_on_a_linear_encoder_is_twice_its_weights():
    """d/dW of penalty * sum W^2, whatever the inputs."""
    net = linear_net()
    x = normal(5, 7).double()
    terms = Contractive(penalty=0.3, exact=True).loss(net, x, {})[1]
    weight, bias = net.encoder[1].weight, net.encoder[1].bias
    gradient, of_bias = torch.autograd.grad(terms["contraction"], [weight, bias], allow_unused=True)
    torch.testing.assert_close(gradient, 2 * 0.3 * weight.detach())
    assert of_bias is None or not of_bias.any()


def test_the_gradient_of_the_estimate_for_one_known_direction():
    """d/dW of penalty * ||W v||^2 is 2 penalty W v v^T."""
    net = linear_net()
    x, direction = normal(1, 7).double(), normal(1, 7, seed=2).double()
    terms = Contractive(penalty=0.3).loss(net, x, {"direction": direction})[1]
    (gradient,) = torch.autograd.grad(terms["contraction"], [net.encoder[1].weight])
    torch.testing.assert_close(gradient, 2 * 0.3 * net.encoder[1].weight.detach() @ direction.T @ direction)


@every_network
def test_exact_and_estimated_loss_differ_in_the_contraction_alone(network):
    spec, shape = NETWORKS[network]
    net, x = build(spec, shape, Contractive()), examples(*shape)
    exact, estimated = Contractive(exact=True), Contractive()
    assert exact.draw(x, net.latent_dim, torch.Generator()) == {}
    with_exact = exact.loss(net, x, {})[1]
    with_estimate = estimated.loss(net, x, draw(estimated, net, x))[1]
    torch.testing.assert_close(with_exact["reconstruction"], with_estimate["reconstruction"])
    assert with_exact["contraction"].item() == pytest.approx(with_estimate["contraction"].item(), rel=0.8)
    assert with_exact["contraction"].item() != with_estimate["contraction"].item()


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
def test_training_shrinks_the_jacobian(exact):
    x = normal(64, 7)
    norms = []
    for penalty in (0.0, 0.1):
        objective = Contractive(penalty=penalty, exact=exact)
        net = build(Dense(hidden=(8,), latent_dim=3), (7,), objective)
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
        generator = torch.Generator().manual_seed(0)
        for _ in range(50):
            optimiser.zero_grad()
            objective.loss(net, x, objective.draw(x, 3, generator))[0].backward()
            optimiser.step()
        norms.append(exact_norms(net, x)[1].mean().item())
    assert norms[1] < 0.5 * norms[0]
