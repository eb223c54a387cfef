"""What objectives of two views share: drawing them, encoding both at once, and the head that is left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Objective
from fewlabels.objectives.views import AutomaticView, View


@dataclass(frozen=True)
class TwoViews(Objective):
    """Abstract: an objective of two views of every example, behind a projection that the encoder leaves behind.

    Nothing is decoded. The noise is the views themselves, 'first' and 'second', [B, *input_shape] each.

    Parameters
    ----------
    view
        That both are drawn by; by default the one that suits the shape of the examples.
    hidden, width
        Of the projection: its hidden layer and its output.
    """

    coupled: ClassVar[bool] = True
    decodes: ClassVar[Literal["reconstructions", "samples"] | None] = None

    view: View = field(default_factory=AutomaticView, kw_only=True)
    hidden: int = field(default=256, kw_only=True)
    width: int = field(default=64, kw_only=True)

    def __post_init__(self) -> None:
        require(self.hidden >= 1, self, "hidden", "1 or more")
        require(self.width >= 1, self, "width", "1 or more")

    def heads(self, net: Autoencoder) -> dict[str, nn.Module]:
        return {"projection": mlp(net.latent_dim, self.hidden, self.width)}

    def draw(self, x: Tensor, latent_dim: int, generator: torch.Generator, progress: float = 1.0) -> Noise:
        return {name: in_memory_as(self.view.of(x, generator), x) for name in ("first", "second")}


def in_memory_as(view: Tensor, x: Tensor) -> Tensor:
    """The view in channels-last memory where images x [B, C, H, W] are.

    Images of one channel always are, but for their strides, by which convolutions tell; told wrong, the network's first
    layers work in the other order, and a step takes a quarter longer.
    """
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        return view.clone(memory_format=torch.channels_last)
    return view


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Linear, normalisation over the batch, ReLU, linear: [B, inputs] -> [B, outputs].

    The normalisation keeps no running statistics, since the head is used on whole batches alone: so it can be stacked.
    """
    norm = nn.BatchNorm1d(hidden, track_running_stats=False)
    return nn.Sequential(nn.Linear(inputs, hidden, bias=False), norm, nn.ReLU(), nn.Linear(hidden, outputs))


def projected(net: Autoencoder, noise: Noise) -> Tensor:
    """The projections of both views, the second's after the first's: [2 B, width], in the precision of the views.

    One pass for both, so that batch normalisation sees them together.
    """
    both: Tensor = net.heads["projection"](net.encode(torch.cat([noise["first"], noise["second"]])))
    return both.to(noise["first"].dtype)
