"""Made up for tests of the objective's contract: what contrastive and self-distilling objectives will need of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional as F

from fewlabels.objectives import Objective


def two_views(x, generator):
    """Noise for two views of every example."""
    return {name: torch.randn(x.shape, generator=generator, dtype=x.dtype) for name in ("first", "second")}


@dataclass(frozen=True)
class Contrast(Objective):
    """NT-Xent of two noisy views, behind a projection head; nothing is decoded."""

    decodes: ClassVar[Literal["reconstructions", "samples"] | None] = None
    coupled: ClassVar[bool] = True

    std: float = 0.3
    temperature: float = 0.5

    def heads(self, net):
        return {"projection": nn.Linear(net.latent_dim, 4)}

    def draw(self, x, latent_dim, generator, progress=1.0):
        return two_views(x, generator)

    def loss(self, net, x, noise):
        views = torch.cat([x + self.std * noise["first"], x + self.std * noise["second"]])
        z = F.normalize(net.heads["projection"](net.encode(views)), dim=1)  # [2B, 4]
        itself = torch.eye(len(z), dtype=torch.bool)
        logits = (z @ z.T / self.temperature).masked_fill(itself, -1e9)
        contrast = F.cross_entropy(logits, torch.arange(len(z)).roll(len(x)))
        return contrast, {"contrast": contrast}


@dataclass(frozen=True)
class Follow(Objective):
    """A predictor of the codes of another view, as a copy of the encoder gives them that follows it slowly."""

    decodes: ClassVar[Literal["reconstructions", "samples"] | None] = None

    std: float = 0.3
    momentum: float = 0.9

    def heads(self, net):
        target = copy.deepcopy(net.encoder).requires_grad_(False)
        return {"predictor": nn.Linear(net.latent_dim, net.latent_dim), "target": target}

    def draw(self, x, latent_dim, generator, progress=1.0):
        return two_views(x, generator)

    def loss(self, net, x, noise):
        predicted = net.heads["predictor"](net.encode(x + self.std * noise["first"]))
        aim = net.heads["target"](x + self.std * noise["second"])
        distance = (predicted - aim).square().mean()
        return distance, {"distance": distance}

    def after_step(self, net):
        for own, followed in zip(net.heads["target"].parameters(), net.encoder.parameters(), strict=True):
            own.lerp_(followed, 1 - self.momentum)


@dataclass(frozen=True)
class Idle(Objective):
    """Plain reconstruction, with a head that it has no use for."""

    def heads(self, net):
        return {"idle": nn.Linear(net.latent_dim, 3)}

    def loss(self, net, x, noise):
        error = (net.decode(net.encode(x)) - x).square().mean()
        return error, {"error": error}


@dataclass(frozen=True)
class Normed(Contrast):
    """Its projection head keeps running statistics."""

    def heads(self, net):
        return {"projection": nn.Sequential(nn.Linear(net.latent_dim, 4), nn.BatchNorm1d(4))}


TOYS = {"contrast": Contrast(), "follow": Follow(), "idle": Idle()}
