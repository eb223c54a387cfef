"""Contractive: codes that change little when the input does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder, batch_normalisations
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error
from fewlabels.objectives.views.base import normal


@final
@dataclass(frozen=True)
class Contractive(Objective):
    """L = mean (g(f(x)) - x)^2 + penalty * mean_x ||J(x)||_F^2, J(x) = df/dx [latent_dim, D] (Rifai et al. 2011).

    The norm is estimated without bias from one direction an example: E ||J v||^2 = ||J||_F^2 for v ~ N(0, I)
    (Hutchinson 1990), at the price of one more pass through the encoder.
    exact: sum over all codes instead, a pass each: for small codes.

    With batch normalisation, J is that of the encoder as it is used, with the running statistics of now.
    """

    penalty: float = 1e-3
    exact: bool = False

    def __post_init__(self) -> None:
        require(self.penalty >= 0, self, "penalty", "0 or more")

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        if self.exact:
            return {}
        return {"direction": normal(x.shape, x, generator)}

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        mixing = [layer for layer in batch_normalisations(net.encoder) if layer.training]
        for layer in mixing:
            layer.eval()
        code, norms = exact_norms(net, x) if self.exact else estimated_norms(net, x, noise["direction"])
        for layer in mixing:
            layer.train()
        error = mean_squared_error(net.decode(net.encode(x) if mixing else code), x)
        contraction = self.penalty * norms.mean()
        return error + contraction, {"reconstruction": error, "contraction": contraction}


def estimated_norms(net: Autoencoder, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Codes [B, latent_dim] and ||J(x) v||^2 [B], for directions v of the shape of x."""
    code, change = jvp(net.encode, (x,), (direction,))[:2]
    return code, change.square().sum(dim=1)


def exact_norms(net: Autoencoder, x: Tensor) -> tuple[Tensor, Tensor]:
    """Codes [B, latent_dim] and ||J(x)||_F^2 [B]."""
    code, pull_back = vjp(net.encode, x)[:2]
    basis = torch.eye(code.shape[1], dtype=x.dtype, device=x.device)[:, None].expand(-1, len(x), -1)  # [k, B, k]
    (rows,) = vmap(pull_back)(basis)  # [k, B, *input_shape]: an example's code depends on that example alone
    return code, rows.square().flatten(2).sum(dim=(0, 2))
