"""Generative adversarial networks: the discriminator's body is the encoder, the generator is the decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms
from fewlabels.objectives.corruption import normal
from fewlabels.objectives.players import calls_apart, held_fixed, passes_for_real


@final
@dataclass(frozen=True)
class GenerativeAdversarial(Objective):
    """Generator G(e) = g(e), e ~ N(0, I); discriminator D(x) = c(f(x)), linear in leaky-ReLU codes (paper 5).

    losses: 'non-saturating' (Goodfellow et al. 2014): L_D = - ln s(D(x)) - ln(1 - s(D(G(e)))), L_G = - ln s(D(G(e)));
        'hinge' (Lim & Ye 2017): L_D = max(0, 1 - D(x)) + max(0, 1 + D(G(e))), L_G = - D(G(e)).
    The loss is L_D + L_G, each player held fixed in the other's term. A classifier gets the codes f(x), which were
    never asked to reconstruct anything: pictures are samples. Neither loss tells which weights are best.
    """

    watched: ClassVar[str | None] = None
    shows: ClassVar[Literal["reconstructions", "samples"]] = "samples"

    losses: Literal["non-saturating", "hinge"] = "non-saturating"

    def __post_init__(self) -> None:
        require(self.losses in ("non-saturating", "hinge"), self, "losses", "'non-saturating' or 'hinge'")

    def critic(self, latent_dim: int) -> nn.Module:
        return nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(latent_dim, 1))

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return {"prior": normal((len(x), latent_dim), x, generator)}

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        made = net.decode(noise["prior"])
        real, fake = net.critic(net.encode(x)), net.critic(net.encode(made.detach()))  # [B, 1] each
        passed = held_fixed(net.critic)(held_fixed(net.encoder)(made))
        if self.losses == "hinge":
            discriminator, generator = F.relu(1 - real).mean() + F.relu(1 + fake).mean(), -passed.mean()
        else:
            discriminator, generator = calls_apart(real, fake), passes_for_real(passed)
        return discriminator + generator, {"discriminator": discriminator, "generator": generator}

    def picture(self, net: Autoencoder, x: Tensor, noise: Noise) -> Tensor:
        return net.decode(noise["prior"])
