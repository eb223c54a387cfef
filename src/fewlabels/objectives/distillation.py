"""Self-distillation: codes that foretell what a slower copy of the encoder makes of another view."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fewlabels.core.settings import require
from fewlabels.networks import Autoencoder
from fewlabels.objectives.base import Noise, Terms
from fewlabels.objectives.two_views import TwoViews, mlp, projected


@final
@dataclass(frozen=True)
class Distillation(TwoViews):
    """L = mean over views of 2 - 2 cos( q(p(f(v))), p'(f'(v')) ), with v' the other view (Grill et al. 2020, BYOL).

    q is the predictor and p the projection, each with a hidden layer of width `hidden` and an output of `width`; f' and
    p' are moving averages of encoder f and p, w' <- momentum w' + (1 - momentum) w after every step, and get no
    gradient.

    BYOL and not SimSiam (Chen & He 2021), since it holds both: with momentum 0 the copy has no delay, which is SimSiam.
    It costs a pass forward more.
    """

    momentum: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.momentum <= 1, self, "momentum", "0 to 1")

    def heads(self, net: Autoencoder) -> dict[str, nn.Module]:
        shared = super().heads(net)
        return {
            **shared,
            "predictor": mlp(self.width, self.hidden, self.width),
            "target_encoder": copy.deepcopy(net.encoder).requires_grad_(False),
            "target_projection": copy.deepcopy(shared["projection"]).requires_grad_(False),
        }

    def loss(self, net: Autoencoder, x: Tensor, noise: Noise) -> tuple[Tensor, Terms]:
        foretold = net.heads["predictor"](projected(net, noise))  # [2B, width], first views' before second views'
        with torch.no_grad():
            swapped = torch.cat([noise["second"], noise["first"]])
            target = net.heads["target_projection"](net.heads["target_encoder"](swapped))
        cosine = F.cosine_similarity(foretold.to(x.dtype), target.to(x.dtype), dim=1)
        distance = (2 - 2 * cosine).mean()
        return distance, {"distance": distance}

    def after_step(self, net: Autoencoder) -> None:
        heads = net.heads
        followers = chain(heads["target_encoder"].parameters(), heads["target_projection"].parameters())
        followed = chain(net.encoder.parameters(), heads["projection"].parameters())
        for own, leader in zip(followers, followed, strict=True):
            own.add_((leader - own) * (1 - self.momentum))
