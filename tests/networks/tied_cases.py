"""Tied networks, and what their tests do with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from network_cases import noise
from torch import nn

from fewlabels.networks import PAPER_1, Conv, Dense, seeded
from fewlabels.networks.layers import TiedConvTranspose2d, TiedLinear

MIRRORED = {
    "dense": (Dense(hidden=(9, 6), latent_dim=4, tied=True), (2, 7)),
    "dense-relu": (Dense(hidden=(5,), latent_dim=8, code="relu", output="relu", tied=True), (6,)),
    "stride": (Conv(channels=(4, 3), latent_dim=6, tied=True), (1, 9, 8)),
    "stride-hidden": (Conv(channels=(2, 5), kernel=4, hidden=(7,), latent_dim=3, tied=True), (3, 13, 10)),
    "stride-feature-map": (Conv(channels=(3, 4), padding=0, latent_dim=None, tied=True), (2, 10, 12)),
}
POOLED = {
    "pool": (Conv(channels=(4, 3), down="pool", latent_dim=6, tied=True), (1, 9, 8)),
    "pool-kernel-5": (Conv(channels=(3, 2), kernel=5, down="pool", padding=(0, 2), tied=True), (2, 12, 11)),
    "pool-feature-map": (replace(PAPER_1, tied=True), (1, 9, 11)),
}
every_net = pytest.mark.parametrize(
    ("spec", "shape"), [pytest.param(*case, id=name) for name, case in (MIRRORED | POOLED).items()]
)


def made(spec, shape, code_width=1, seed=0):
    """In double precision, with biases that are not zero."""
    net = seeded(seed, lambda: spec.build(shape, code_width)).double()
    for i, (name, parameter) in enumerate(net.named_parameters()):
        if name.endswith("bias"):
            nn.init.ones_(parameter).data.mul_(0.01 * (i + 1))
    return net


def batch(shape, size=3, seed=5):
    return noise(size, *shape, seed=seed, dtype=torch.float64)


def reconstruction(net, x):
    return net.decode(net.encode(x)[:, : net.latent_dim])


def loss_of(net, x):
    return reconstruction(net, x).sub(x).square().sum()


def weighted(layers):
    return [layer for layer in layers if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def sources_of(net):
    """Layers of the encoder that the decoder runs backwards, with the layers that do so."""
    there = weighted(net.encoder)
    back = [layer for layer in net.decoder if isinstance(layer, TiedLinear | TiedConvTranspose2d)]
    return list(zip(there, reversed(back), strict=False))  # not the last 1x1 convolution of a variational feature map
