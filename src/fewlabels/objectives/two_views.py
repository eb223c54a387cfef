"""What objectives of two views share: drawing them, encoding both at once, and the head that is left behind."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise
from fewlabels.objectives.views import View


def draw_two(view: View, x: Tensor, generator: torch.Generator) -> Noise:
    """Two views of every example, drawn and made: 'first' and 'second', [B, *input_shape] each."""
    return {name: view.of(x, generator) for name in ("first", "second")}


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
