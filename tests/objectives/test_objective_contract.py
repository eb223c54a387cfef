"""The contract every objective keeps on every network. A new row in OBJECTIVES is tested here by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from objective_cases import NETWORKS, B, draw, every_network, every_objective, setup
from torch import Tensor, nn

from fewlabels.data import Scaling
from fewlabels.networks import state_hash
from fewlabels.objectives import OBJECTIVES, Objective
from fewlabels.training import Examples, Job, Recipe, train

WATCHED = [name for name, objective in OBJECTIVES.items() if objective.monitor is not None]
UNWATCHED = [name for name in OBJECTIVES if name not in WATCHED]
two_networks = pytest.mark.parametrize("network", ["dense", "stride"])


def falls(
    parameters: Sequence[nn.Parameter], value: Callable[[], Tensor], lowered: Callable[[], Tensor], lr: float = 2e-2
) -> bool:
    """Whether a few steps of Adam down `lowered` take 0.2% off `value`, whatever its sign."""
    optimiser = torch.optim.Adam(parameters, lr=lr, fused=True)
    before = value().item()
    for _ in range(6):
        optimiser.zero_grad()
        lowered().backward(inputs=parameters)
        optimiser.step()
    return value().item() < before - 0.002 * abs(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", WATCHED)
@every_network
def test_training_lowers_what_is_watched(name, network):
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)

    def loss() -> Tensor:
        return objective.loss(net, x, noise)[0]

    def watched() -> Tensor:
        loss, terms = objective.loss(net, x, noise)
        return loss if objective.monitor == "loss" else terms[objective.monitor]

    assert falls([parameter for parameter in net.parameters() if parameter.requires_grad], watched, loss, lr=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNWATCHED)
@every_network
def test_where_nothing_is_watched_every_player_lowers_its_own_term(name, network):
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)
    terms = objective.loss(net, x, noise)[1]
    parameters = list(net.parameters())
    reached = {
        term: {i for i, gradient in enumerate(gradients_of(value, parameters)) if gradient is not None}
        for term, value in terms.items()
    }
    for term, indices in reached.items():
        alone = indices.difference(*(others for other, others in reached.items() if other != term))
        player = [parameters[i] for i in sorted(alone)]
        assert player, f"no parameter is trained for {term!r} alone"

        def lowered(term: str = term) -> Tensor:
            return objective.loss(net, x, noise)[1][term]

        assert falls(player, lowered, lowered), term


def gradients_of(value: Tensor, parameters: Sequence[nn.Parameter]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True)


@pytest.mark.slow
@every_objective
@every_network
def test_every_parameter_gets_a_finite_gradient(name, network):
    objective, net, x = setup(name, network)
    objective.loss(net, x, draw(objective, net, x))[0].backward()
    gradients = {key: parameter.grad for key, parameter in net.named_parameters() if parameter.requires_grad}
    assert [key for key, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []
    for part in (net.encoder, net.decoder, *net.heads.values()):
        parameters = list(part.parameters())
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        assert not trained or any(p.grad is not None and bool(p.grad.any()) for p in trained)


@pytest.mark.slow
@every_objective
@every_network
def test_the_loss_is_a_scalar_and_the_sum_of_its_terms(name, network):
    objective, net, x = setup(name, network)
    loss, terms = objective.loss(net, x, draw(objective, net, x))
    assert loss.shape == ()
    assert terms
    assert all(term.shape == () for term in terms.values())
    torch.testing.assert_close(sum(terms.values()), loss)
    assert objective.monitor in ("loss", None, *terms)


@pytest.mark.slow
@every_objective
@every_network
def test_codes_reconstructions_and_corrupted_inputs_keep_their_shapes(name, network):
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)
    code = objective.embed(net, x)
    assert (code.shape, code.dtype) == ((B, net.latent_dim), torch.float32)
    decoded = (objective.reconstruct(net, x), objective.picture(net, x, noise)) if objective.decodes else ()
    for image in (objective.corrupt(x, noise), *decoded):
        assert (image.shape, image.dtype) == (x.shape, torch.float32)
        assert image.isfinite().all()


@pytest.mark.parametrize("name", [name for name, objective in OBJECTIVES.items() if objective.decodes])
@two_networks
def test_the_reconstruction_comes_from_the_code_alone(name, network):
    """The decoder's output, or a function of it that rises, such as the sigmoid."""
    objective, net, x = setup(name, network)
    decoded = net.decode(objective.embed(net, x)).flatten()
    reconstructed = objective.reconstruct(net, x).flatten()
    assert (reconstructed[decoded.argsort()].diff() >= 0).all()


@pytest.mark.slow
@every_objective
@every_network
def test_the_loss_does_not_depend_on_the_order_of_the_batch(name, network):
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(3))
    assert all(len(part) == B for part in noise.values())
    shuffled = {key: part[order] for key, part in noise.items()}
    (loss, terms), (kept, kept_terms) = objective.loss(net, x[order], shuffled), objective.loss(net, x, noise)
    torch.testing.assert_close(loss, kept, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(terms, kept_terms, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@every_objective
@every_network
def test_all_randomness_comes_from_the_generator_given(name, network):
    objective, net, x = setup(name, network)
    before = torch.get_rng_state()
    first, again = draw(objective, net, x), draw(objective, net, x)
    assert all(torch.equal(first[key], again[key]) for key in first)
    losses = {objective.loss(net, x, noise)[0].item() for noise in (first, again, first)}
    assert len(losses) == 1
    assert torch.equal(torch.get_rng_state(), before)
    other = draw(objective, net, x, seed=9)
    assert first.keys() == other.keys()
    for key, part in first.items():  # another seed, another draw; what is not drawn at all is one number
        assert not torch.equal(part, other[key]) or len(part.unique()) == 1, key


@every_objective
@two_networks
def test_the_loss_is_the_same_where_no_gradients_are_kept(name, network):
    """As in validation."""
    objective, net, x = setup(name, network)
    noise = draw(objective, net, x)
    with torch.no_grad():
        loss = objective.loss(net, x, noise)[0]
    torch.testing.assert_close(loss, objective.loss(net, x, noise)[0].detach(), rtol=1e-5, atol=1e-7)


@every_objective
def test_input_noise_and_network_are_left_as_they_were(name):
    objective, net, x = setup(name, "dense")
    noise = draw(objective, net, x)
    kept_x, kept, weights = x.clone(), {key: part.clone() for key, part in noise.items()}, state_hash(net)
    trained = [parameter.requires_grad for parameter in net.parameters()]
    objective.loss(net, x, noise)
    if objective.decodes:
        objective.picture(net, x, noise)
    assert torch.equal(x, kept_x)
    assert all(torch.equal(noise[key], kept[key]) for key in noise)
    assert state_hash(net) == weights
    assert [parameter.requires_grad for parameter in net.parameters()] == trained


@every_objective
def test_what_corrupts_draws_noise_and_what_does_not_shows_the_input(name):
    objective, net, x = setup(name, "dense")
    noise = draw(objective, net, x)
    corrupts = type(objective).corrupt is not Objective.corrupt
    assert torch.equal(objective.corrupt(x, noise), x) == (not corrupts)
    assert noise or not corrupts


@pytest.mark.slow
@every_objective
@two_networks
def test_the_same_seed_trains_to_the_same_bits(name, network):
    spec, shape = NETWORKS[network]
    unscaled = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))
    x = Examples(np.random.default_rng(0).random((20, *shape), dtype=np.float32), unscaled)
    recipe = Recipe(steps=3, batch_size=8)
    first, again, other = (
        state_hash(train(Job(spec, OBJECTIVES[name], recipe, seed=seed), x)[0]) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other
