"""Contrastive: two views of an example have codes alike, those of other examples other codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Terms
from fewlabels.objectives.two_views import TwoViews, projected


@final
@dataclass(frozen=True)
class Contrastive(TwoViews):
    """NT-Xent: L = mean_i - ln( e^(s_ij / t) / sum_(k != i) e^(s_ik / t) ), over the 2 B views of a batch.

    s_ik is the cosine between the projections of views i and k, j the other view of i's example, t the temperature
    (Chen et al. 2020, SimCLR). In nats. Codes are what the projection is given.
    """

    temperature: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.temperature > 0, self, "temperature", "above 0")

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        z = F.normalize(projected(net, noise), dim=1)  # [2B, width]
        with torch.autocast(z.device.type, enabled=False):
            logits = z @ z.T / self.temperature
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        other = torch.arange(len(z), device=z.device).roll(len(x))
        contrast = F.cross_entropy(logits.masked_fill(itself, -torch.inf), other)
        return contrast, {"contrast": contrast}
