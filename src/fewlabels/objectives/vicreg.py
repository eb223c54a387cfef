"""VICReg: views of an example agree, and codes are kept from collapsing by their variances and covariances."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Terms, mean_squared_error
from fewlabels.objectives.two_views import TwoViews, projected

EPSILON = 1e-4
"""Added to variances, so that the root has a gradient where they are 0."""


@final
@dataclass(frozen=True)
class VICReg(TwoViews):
    """L = invariance s(Z, Z') + variance (v(Z) + v(Z')) / 2 + covariance (c(Z) + c(Z')) (Bardes et al. 2022).

    Z and Z' are the projections [B, width] of two views, s their mean squared difference,
    v(Z) = mean_j max(0, 1 - sqrt(Var(Z_j) + 1e-4)) and c(Z) = sum_(i != j) Cov(Z)_ij^2 / width: means and halves as in
    the authors' code, whose weights these are.
    """

    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0
    width: int = field(default=256, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for weight in ("invariance", "variance", "covariance"):
            require(getattr(self, weight) >= 0, self, weight, "0 or more")

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        first, second = projected(net, noise).chunk(2)  # [B, width] each
        with torch.autocast(first.device.type, enabled=False):
            covariances = [covariance_of(first), covariance_of(second)]
        hinges = [(1 - (c.diagonal() + EPSILON).sqrt()).relu().mean() for c in covariances]
        squares = [(c.square().sum() - c.diagonal().square().sum()) / len(c) for c in covariances]
        terms = {
            "invariance": self.invariance * mean_squared_error(first, second),
            "variance": self.variance * (hinges[0] + hinges[1]) / 2,
            "covariance": self.covariance * (squares[0] + squares[1]),
        }
        return terms["invariance"] + terms["variance"] + terms["covariance"], terms


def covariance_of(z: Tensor) -> Tensor:
    """Of the columns of z [B, D], unbiased: [D, D]."""
    centred = z - z.mean(dim=0)
    return centred.T @ centred / (len(z) - 1)
