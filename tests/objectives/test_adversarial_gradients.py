"""Two players in one loss: each term reaches its own player alone, as if the two were trained by turns."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch
from objective_cases import NETWORKS, build, draw, every_network, examples, normal
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from fewlabels.networks import Autoencoder, Dense
from fewlabels.objectives import OBJECTIVES, AdversarialAutoencoder, GenerativeAdversarial, Objective
from fewlabels.objectives.adversarial import discriminator_loss, frozen, generator_loss

GAN_TERMS = {"discriminator": {"encoder", "critic"}, "generator": {"decoder"}}
PLAYERS = {
    # term: what it trains, in OBJECTIVES' rows that bring a critic
    "adversarial": {"reconstruction": {"encoder", "decoder"}, "encoder": {"encoder"}, "critic": {"critic"}},
    "gan": GAN_TERMS,
    "gan-hinge": GAN_TERMS,
}
UNTIED = [name for name, (spec, _) in NETWORKS.items() if not getattr(spec, "tied", False)]


def parts(net: Autoencoder) -> dict[str, list[nn.Parameter]]:
    modules = {"encoder": net.encoder, "decoder": net.decoder, **net.heads}
    return {part: list(module.parameters()) for part, module in modules.items()}


def setup_for(objective: Objective, network: str) -> tuple[Autoencoder, Tensor, dict[str, Tensor]]:
    spec, shape = NETWORKS[network]
    net, x = build(spec, shape, objective), examples(*shape)
    return net, x, draw(objective, net, x)


def test_every_objective_with_a_critic_has_its_players_here():
    spec, shape = NETWORKS["dense"]
    assert PLAYERS.keys() == {name for name, o in OBJECTIVES.items() if "critic" in build(spec, shape, o).heads}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYERS)
@pytest.mark.parametrize("network", UNTIED)
def test_each_term_reaches_its_player_alone(name, network):
    objective = OBJECTIVES[name]
    net, x, noise = setup_for(objective, network)
    terms = objective.loss(net, x, noise)[1]
    assert terms.keys() == PLAYERS[name].keys()
    for term, trained in PLAYERS[name].items():
        for part, parameters in parts(net).items():
            gradients = torch.autograd.grad(terms[term], parameters, allow_unused=True, retain_graph=True)
            reached = [gradient is not None for gradient in gradients]
            assert reached == [part in trained] * len(reached), f"{term} -> {part}"


def freeze(*modules: nn.Module, frozen: bool = True) -> None:
    for module in modules:
        module.requires_grad_(not frozen)


def judged(logits: Tensor, real: bool) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def assert_same_gradients(net: Autoencoder, expected: Iterable[tuple[nn.Parameter, Tensor | None]]) -> None:
    for parameter, gradient in expected:
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def kept(net: Autoencoder) -> list[tuple[nn.Parameter, Tensor | None]]:
    """Parameters and their gradients, which start anew."""
    gradients = [(parameter, parameter.grad) for parameter in net.parameters()]
    net.zero_grad(set_to_none=True)
    return gradients


@every_network
def test_the_adversarial_autoencoder_has_the_gradients_of_three_separate_losses(network):
    """Makhzani et al. 2016: reconstruction; then the critic, codes detached; then the encoder, critic frozen."""
    objective = AdversarialAutoencoder(weight=0.7, hidden=9)
    net, x, noise = setup_for(objective, network)
    objective.loss(net, x, noise)[0].backward()
    at_once = kept(net)

    (net.decode(net.encode(x)) - x).square().mean().backward()
    with torch.no_grad():
        codes = net.encode(x)
    (judged(net.heads["critic"](noise["prior"]), real=True) + judged(net.heads["critic"](codes), real=False)).backward()
    freeze(net.heads["critic"])
    (0.7 * judged(net.heads["critic"](net.encode(x)), real=True)).backward()
    freeze(net.heads["critic"], frozen=False)
    assert_same_gradients(net, at_once)


@pytest.mark.slow
@pytest.mark.parametrize("losses", ["non-saturating", "hinge"])
@pytest.mark.parametrize("network", UNTIED)
def test_the_gan_has_the_gradients_of_two_separate_losses(losses, network):
    """The discriminator's, made pictures detached; then the generator's, discriminator frozen."""
    objective = GenerativeAdversarial(losses)
    net, x, noise = setup_for(objective, network)
    objective.loss(net, x, noise)[0].backward()
    at_once = kept(net)

    with torch.no_grad():
        made = net.decode(noise["prior"])
    real, fake = net.heads["critic"](net.encode(x)), net.heads["critic"](net.encode(made))
    if losses == "hinge":
        (relu(1 - real).mean() + relu(1 + fake).mean()).backward()
    else:
        (judged(real, real=True) + judged(fake, real=False)).backward()
    freeze(net.encoder, net.heads["critic"])
    passed = net.heads["critic"](net.encode(net.decode(noise["prior"])))
    (-passed.mean() if losses == "hinge" else judged(passed, real=True)).backward()
    freeze(net.encoder, net.heads["critic"], frozen=False)
    assert_same_gradients(net, at_once)


def test_a_module_held_fixed_passes_gradients_on_to_its_input_alone():
    module = build(Dense(hidden=(5,), latent_dim=2), (4,), AdversarialAutoencoder()).encoder
    x = normal(6, 4).requires_grad_()
    fixed = frozen(module)(x)
    torch.testing.assert_close(fixed, module(x))
    of_fixed = torch.autograd.grad(fixed.sum(), [x, *module.parameters()], allow_unused=True, retain_graph=True)
    torch.testing.assert_close(of_fixed[0], torch.autograd.grad(module(x).sum(), [x])[0])
    assert of_fixed[1:] == (None,) * 4
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_the_players_losses_by_hand():
    # s(ln 3) = 3/4, s(0) = 1/2: - (ln 3/4 + ln 1/2) / 2 for the real, - (ln 1/4 + ln 1/2) / 2 for the made
    logits = torch.tensor([[math.log(3)], [0.0]])
    of_real, of_made = (math.log(4 / 3) + math.log(2)) / 2, (math.log(4) + math.log(2)) / 2
    assert discriminator_loss(logits, logits).item() == pytest.approx(of_real + of_made)
    assert generator_loss(logits).item() == pytest.approx(of_real)
    sure = torch.tensor([[100.0]])
    assert discriminator_loss(sure, -sure).item() == pytest.approx(0, abs=1e-30)
    assert discriminator_loss(-sure, sure).item() == pytest.approx(200)
    assert generator_loss(-sure).item() == pytest.approx(100)


def test_the_players_losses_are_torchs_cross_entropies():
    real, made = 4 * normal(50, 1), 4 * normal(50, 1, seed=2)
    torch.testing.assert_close(discriminator_loss(real, made), judged(real, real=True) + judged(made, real=False))
    torch.testing.assert_close(generator_loss(made), judged(made, real=True))


@pytest.mark.parametrize("losses", ["non-saturating", "hinge"])
def test_the_discriminator_is_linear_in_leaky_codes(losses):
    critic = build(Dense(hidden=(), latent_dim=3), (4,), GenerativeAdversarial(losses)).heads["critic"]
    nn.init.ones_(critic[1].weight)
    nn.init.zeros_(critic[1].bias)
    assert critic(torch.tensor([[1.0, 2.0, -5.0]])).item() == pytest.approx(1 + 2 - 0.2 * 5)


def test_pictures_of_a_gan_are_samples_and_those_of_an_adversarial_autoencoder_reconstructions():
    gan, adversarial = GenerativeAdversarial(), AdversarialAutoencoder()
    net, x, noise = setup_for(gan, "dense")
    assert gan.decodes == "samples"
    assert torch.equal(gan.picture(net, x, noise), net.decode(noise["prior"]))
    assert adversarial.decodes == "reconstructions"
    assert torch.equal(adversarial.picture(net, x, noise), net.decode(net.encode(x)))
