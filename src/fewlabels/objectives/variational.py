"""Variational autoencoders: codes are drawn from a Gaussian that the encoder gives, held near the standard one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor
from torch.nn import functional as F

from fewlabels.core.errors import InputError
from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms, mean_squared_error
from fewlabels.objectives.views.base import normal


@final
@dataclass(frozen=True)
class Variational(Objective):
    """L = R(x, g(z)) + w KL,  z = mu + sigma e,  e ~ N(0, I),  (mu, ln sigma^2) = f(x) (Kingma & Welling 2014).

    KL = 1/2 sum_j (sigma_j^2 + mu_j^2 - 1 - ln sigma_j^2), mean over the batch, in nats. A classifier gets mu.

    Parameters
    ----------
    likelihood
        'gaussian', where R is the mean squared error of the D numbers of an example, or 'bernoulli', where R is their
        mean cross-entropy (nats), inputs must lie within 0 and 1, and the decoder gives logits.
    weight, unit
        w = weight with unit 'lambda' (paper 2); w = weight / D with unit 'beta', which is the evidence lower bound over
        D at weight 1 with the Bernoulli likelihood, and Higgins et al. 2017 elsewhere.
    warm_up
        Share of training in which w rises from 0 in a line (Bowman et al. 2016); 0 for none.

    Raises
    ------
    InputError
        For settings out of range, and for inputs the likelihood cannot have.
    """

    code_width: ClassVar[int] = 2

    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    weight: float = 1e-3
    unit: Literal["lambda", "beta"] = "lambda"
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        require(self.likelihood in ("gaussian", "bernoulli"), self, "likelihood", "'gaussian' or 'bernoulli'")
        require(self.weight >= 0, self, "weight", "0 or more")
        require(self.unit in ("lambda", "beta"), self, "unit", "'lambda' or 'beta'")
        require(0 <= self.warm_up <= 1, self, "warm_up", "0 to 1")

    @property
    def why_not_greedy(self) -> str | None:
        return "with likelihood 'bernoulli' inputs must lie within 0 and 1" if self.likelihood == "bernoulli" else None

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        if self.likelihood == "bernoulli" and not (x.min() >= 0 and x.max() <= 1):
            raise InputError(
                f"Variational: likelihood is 'bernoulli', but inputs reach from {x.min():.3g} to {x.max():.3g}; "
                "allowed is 0 to 1, as uint8 images are scaled; use likelihood='gaussian'"
            )
        risen = min(1.0, progress / self.warm_up) if self.warm_up else 1.0
        standard = normal((len(x), latent_dim), x, generator)
        return {"gaussian": standard, "risen": x.new_full((len(x),), risen)}

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        mean, log_variance = net.encode(x).chunk(2, dim=1)  # [B, latent_dim] each
        output = net.decode(mean + (0.5 * log_variance).exp() * noise["gaussian"])
        error = mean_squared_error(output, x) if self.likelihood == "gaussian" else cross_entropy(output, x)
        weight = self.weight / (x[0].numel() if self.unit == "beta" else 1)
        divergence = weight * (noise["risen"] * kl_from_standard_normal(mean, log_variance)).mean()
        return error + divergence, {"reconstruction": error, "divergence": divergence}

    def embed(self, net: Autoencoder, x: Tensor) -> Tensor:
        return net.encode(x).chunk(2, dim=1)[0]

    def decode(self, net: Autoencoder, codes: Tensor) -> Tensor:
        output = net.decode(codes)
        return output if self.likelihood == "gaussian" else output.sigmoid()


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp log_variance) || N(0, I)) in nats: [B, latent_dim] both -> [B]."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """Mean over all numbers of -x ln s - (1 - x) ln(1 - s), s = sigmoid(logits), in nats."""
    return F.binary_cross_entropy_with_logits(logits, x)
