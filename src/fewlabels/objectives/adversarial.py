"""Adversarial autoencoders: a critic pulls the codes to a prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error
from fewlabels.objectives.corruption import normal
from fewlabels.objectives.players import calls_apart, held_fixed, passes_for_real


@final
@dataclass(frozen=True)
class AdversarialAutoencoder(Objective):
    """L = mean (g(z) - x)^2 + weight * (- ln c(z)) + [- ln c(e) - ln(1 - c(z))],  z = f(x),  e ~ N(0, I).

    Makhzani et al. 2016: c(z), the critic's probability that z comes from the prior, is learned in the bracket, with z
    held fixed; the encoder learns to be taken for the prior in the middle term, with c held fixed.
    weight: of the middle term. hidden: width of the critic's hidden layers.
    """

    watched: ClassVar[str | None] = "reconstruction"

    weight: float = 1e-3
    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.weight >= 0, self, "weight", "0 or more")
        require(self.hidden >= 1, self, "hidden", "1 or more")

    def critic(self, latent_dim: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(latent_dim, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, 1),
        )

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return {"prior": normal((len(x), latent_dim), x, generator)}

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        code = net.encode(x)
        terms = {
            "reconstruction": mean_squared_error(net.decode(code), x),
            "encoder": self.weight * passes_for_real(held_fixed(net.critic)(code)),
            "critic": calls_apart(net.critic(noise["prior"]), net.critic(code.detach())),
        }
        return terms["reconstruction"] + terms["encoder"] + terms["critic"], terms
