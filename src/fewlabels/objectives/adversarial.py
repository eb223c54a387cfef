"""Objectives of two players: adversarial autoencoders, and the discriminator of a generative adversarial network.

Each player's term reaches its own parameters alone, because the other player is frozen in it; so the sum of the terms
has, in every parameter, the gradient of that parameter's player, and one loss, one backward pass and one optimiser
train both, a step of each at a time. Tied weights are the exception: they belong to both players at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error
from fewlabels.objectives.views.base import normal


def frozen(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """The module as a function that passes gradients on to its input, but none to its parameters."""
    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    return lambda x: functional_call(module, parameters, (x,))


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """The critic's loss, - ln s(real) - ln(1 - s(made)) with s the sigmoid: logits [B, 1] both -> mean, nats."""
    return F.softplus(-real).mean() + F.softplus(made).mean()


def generator_loss(made: Tensor) -> Tensor:
    """The maker's non-saturating loss, - ln s(made): logits [B, 1] -> mean, nats (Goodfellow et al. 2014)."""
    return F.softplus(-made).mean()


@final
@dataclass(frozen=True)
class AdversarialAutoencoder(Objective):
    """L = mean (g(z) - x)^2 + weight * (- ln c(z)) + [- ln c(e) - ln(1 - c(z))],  z = f(x),  e ~ N(0, I).

    Makhzani et al. 2016: c(z), the critic's probability that z comes from the prior, is learned in the bracket, with z
    held fixed; the encoder learns to be taken for the prior in the middle term, with c held fixed.
    weight: of the middle term. hidden: width of the critic's hidden layers.
    """

    monitor: ClassVar[str | None] = "reconstruction"

    weight: float = 1e-3
    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.weight >= 0, self, "weight", "0 or more")
        require(self.hidden >= 1, self, "hidden", "1 or more")

    def heads(self, net: Autoencoder) -> dict[str, nn.Module]:
        critic = nn.Sequential(
            nn.Linear(net.latent_dim, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, 1),
        )
        return {"critic": critic}

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return {"prior": normal((len(x), latent_dim), x, generator)}

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        code, critic = net.encode(x), net.heads["critic"]
        terms = {
            "reconstruction": mean_squared_error(net.decode(code), x),
            "encoder": self.weight * generator_loss(frozen(critic)(code)),
            "critic": discriminator_loss(critic(noise["prior"]), critic(code.detach())),
        }
        return terms["reconstruction"] + terms["encoder"] + terms["critic"], terms


@final
@dataclass(frozen=True)
class GenerativeAdversarial(Objective):
    """Generator G(e) = g(e), e ~ N(0, I); discriminator D(x) = c(f(x)), linear in leaky-ReLU codes (paper 5).

    The loss is L_D + L_G, each player held fixed in the other's term. A classifier gets the codes f(x), which were
    never asked to reconstruct anything: pictures are samples. Neither loss tells which weights are best.

    Parameters
    ----------
    losses
        'non-saturating' (Goodfellow et al. 2014): L_D = - ln s(D(x)) - ln(1 - s(D(G(e)))), L_G = - ln s(D(G(e)));
        'hinge' (Lim & Ye 2017): L_D = max(0, 1 - D(x)) + max(0, 1 + D(G(e))), L_G = - D(G(e)).
    """

    monitor: ClassVar[str | None] = None
    decodes: ClassVar[Literal["reconstructions", "samples"] | None] = "samples"

    losses: Literal["non-saturating", "hinge"] = "non-saturating"

    def __post_init__(self) -> None:
        require(self.losses in ("non-saturating", "hinge"), self, "losses", "'non-saturating' or 'hinge'")

    def heads(self, net: Autoencoder) -> dict[str, nn.Module]:
        return {"critic": nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(net.latent_dim, 1))}

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return {"prior": normal((len(x), latent_dim), x, generator)}

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        made, critic = net.decode(noise["prior"]), net.heads["critic"]
        real, fake = critic(net.encode(x)), critic(net.encode(made.detach()))  # [B, 1] each
        passed = frozen(critic)(frozen(net.encoder)(made))
        if self.losses == "hinge":
            discriminator, generator = F.relu(1 - real).mean() + F.relu(1 + fake).mean(), -passed.mean()
        else:
            discriminator, generator = discriminator_loss(real, fake), generator_loss(passed)
        return discriminator + generator, {"discriminator": discriminator, "generator": generator}

    def picture(self, net: Autoencoder, x: Tensor, noise: Noise) -> Tensor:
        return net.decode(noise["prior"])
