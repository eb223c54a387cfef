"""Denoising: see the corrupted input, reconstruct the clean one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error
from fewlabels.objectives.corruption import Corruption, GaussianNoise


@final
@dataclass(frozen=True)
class Denoising(Objective):
    """L = mean (g(f(c(x))) - x)^2 with a corruption c (Vincent et al. 2010; papers 2, 3 and 5).

    What it learns is not the identity, even with as many codes as inputs or more.
    """

    corruption: Corruption = field(default_factory=GaussianNoise)

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return self.corruption.draw(x, generator)

    def corrupt(self, x: Tensor, noise: Noise) -> Tensor:
        return self.corruption.apply(x, noise)

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        error = mean_squared_error(net.decode(net.encode(self.corrupt(x, noise))), x)
        return error, {"reconstruction": error}
