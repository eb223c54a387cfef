"""Encoders and classifiers as one module each, from examples as they come to codes or logits."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from fewlabels.models.layers import Prepare
from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective
from fewlabels.training import Numerics
from fewlabels.transfer import Centre

NetT = TypeVar("NetT", bound=nn.Module)


class EncoderNet(nn.Module):
    """Examples [B, *signature shape] -> codes [B, latent_dim], as the objective embeds them, not centred.

    centre: of the codes of the unlabelled pool, for classifiers to come.
    """

    def __init__(self, prepare: Prepare, net: Autoencoder, objective: Objective, centre: Centre) -> None:
        super().__init__()
        self.prepare = prepare
        self.net = net
        self.centre = centre
        self._objective = objective

    def forward(self, x: Tensor) -> Tensor:
        return self._objective.embed(self.net, self.prepare(x))


class ClassifierNet(nn.Module):
    """Examples [B, *signature shape] -> logits [B, K], divided by the temperature (Guo et al. 2017, section 4.2).

    centre: None where `features` are logits already and `head` is the identity.
    """

    def __init__(
        self, prepare: Prepare, features: nn.Module, centre: Centre | None, head: nn.Module, temperature: float
    ) -> None:
        super().__init__()
        self.prepare = prepare
        self.features = features
        self.centre = nn.Identity() if centre is None else centre
        self.head = head
        self.temperature: Tensor
        self.register_buffer("temperature", torch.tensor(temperature, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.centre(self.features(self.prepare(x)))) / self.temperature


def ready(module: NetT, device: str = "cpu") -> NetT:
    """The module for use: on the device, weights in one memory format wherever they come from, nothing to train."""
    return Numerics(device).place(module.eval().requires_grad_(False))
