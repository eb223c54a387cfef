"""Sparse autoencoders: an L1 penalty on activations (as in paper 1's code) or on weights (as in its text), or a
Kullback-Leibler penalty towards a target activation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error


@final
@dataclass(frozen=True)
class SparseActivations(Objective):
    """``L = mean (g(z) - x)^2 + penalty * (mean |relu(z)| + mean |relu(g(z))|)``, z = f(x), as paper 1's code has it.

    f(x) are the codes [B, latent_dim], g the decoder; the published code penalises the output of both halves.
    """

    penalty: float = 1e-3

    def __post_init__(self) -> None:
        require(self.penalty >= 0, self, "penalty", "0 or more")

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        code = net.encode(x)
        output = net.decode(code)
        error = mean_squared_error(output, x)
        sparsity = self.penalty * (code.relu().mean() + output.relu().mean())
        return error + sparsity, {"reconstruction": error, "sparsity": sparsity}


@final
@dataclass(frozen=True)
class SparseWeights(Objective):
    """``L = mean (g(f(x)) - x)^2 + penalty * sum |w|`` over all weights, as paper 1's text has it.

    Biases, and the gains of normalisations, are no weights.
    """

    penalty: float = 1e-5

    def __post_init__(self) -> None:
        require(self.penalty >= 0, self, "penalty", "0 or more")

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        error = mean_squared_error(net.decode(net.encode(x)), x)
        weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
        sparsity = self.penalty * torch.stack([w.abs().sum() for w in weights]).sum()
        return error + sparsity, {"reconstruction": error, "sparsity": sparsity}


@final
@dataclass(frozen=True)
class SparseTarget(Objective):
    """L = mean (g(a) - x)^2 + penalty * mean_j KL(target || r_j), a = sigmoid(f(x)), r_j = mean of a_j over the batch.

    KL(p || r) = p ln(p / r) + (1 - p) ln((1 - p) / (1 - r)), in nats: every code is on for a share `target` of the
    examples (Ng 2011). The activations a [B, latent_dim], between 0 and 1, are what the decoder and a classifier get.
    """

    penalty: float = 1e-2
    target: float = 0.05

    def __post_init__(self) -> None:
        require(self.penalty >= 0, self, "penalty", "0 or more")
        require(0 < self.target < 1, self, "target", "above 0, below 1")

    @property
    def why_not_greedy(self) -> str | None:
        return "its decoder is given sigmoids, the stage above the codes themselves"

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        code = net.encode(x)
        error = mean_squared_error(net.decode(code.sigmoid()), x)
        p = torch.as_tensor(self.target, dtype=x.dtype, device=x.device)
        log_on, log_off = log_mean_sigmoid(code), log_mean_sigmoid(-code)  # ln r, ln(1 - r): [latent_dim] each
        divergence = p * (p.log() - log_on) + (1 - p) * ((1 - p).log() - log_off)
        sparsity = self.penalty * divergence.mean()
        return error + sparsity, {"reconstruction": error, "sparsity": sparsity}

    def embed(self, net: Autoencoder, x: Tensor) -> Tensor:
        return net.encode(x).sigmoid()


def log_mean_sigmoid(logits: Tensor) -> Tensor:
    """ln of the batch's mean sigmoid, finite however far the logits are from 0: [B, latent_dim] -> [latent_dim]."""
    return F.logsigmoid(logits).logsumexp(dim=0) - math.log(len(logits))
