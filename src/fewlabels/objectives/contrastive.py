"""Contrastive: two views of an example have codes alike, those of other examples other codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective, Terms
from fewlabels.objectives.two_views import draw_two, mlp, projected
from fewlabels.objectives.views import AutomaticView, View


@final
@dataclass(frozen=True)
class Contrastive(Objective):
    """NT-Xent: L = mean_i - ln( e^(s_ij / t) / sum_(k != i) e^(s_ik / t) ), over the 2 B views of a batch.

    s_ik is the cosine between the projections of views i and k, j the other view of i's example, t the temperature
    (Chen et al. 2020, SimCLR). In nats. The projection, a hidden layer of width `hidden` and an output of `width`, is
    left behind: codes are what it is given.
    """

    coupled: ClassVar[bool] = True
    decodes: ClassVar[Literal["reconstructions", "samples"] | None] = None

    temperature: float = 0.2
    view: View = field(default_factory=AutomaticView)
    hidden: int = 256
    width: int = 64

    def __post_init__(self) -> None:
        require(self.temperature > 0, self, "temperature", "above 0")
        require(self.hidden >= 1, self, "hidden", "1 or more")
        require(self.width >= 1, self, "width", "1 or more")

    def heads(self, net: Autoencoder) -> dict[str, nn.Module]:
        return {"projection": mlp(net.latent_dim, self.hidden, self.width)}

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return draw_two(self.view, x, generator)

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        z = F.normalize(projected(net, noise), dim=1)  # [2B, width]
        with torch.autocast(z.device.type, enabled=False):
            logits = z @ z.T / self.temperature
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        other = torch.arange(len(z), device=z.device).roll(len(x))
        contrast = F.cross_entropy(logits.masked_fill(itself, -torch.inf), other)
        return contrast, {"contrast": contrast}
