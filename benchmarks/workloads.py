"""What the rows on pretraining train: three networks on MNIST. Needs torch and numpy alone, for rivals' sake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.data import Scaling, load_named
from fewlabels.networks import PAPER_1, Autoencoder, Conv, Dense, Network, seeded

MEAN, DEVIATION = np.float32(0.1307), np.float32(0.3081)
SHAPE = (1, 28, 28)
FIRST_HELD_OUT, HELD_OUT = 59_000, 1000


@dataclass(frozen=True)
class Workload:
    """A network, and how it is trained: Adam at a constant rate, batches of `batch`."""

    title: str
    network: Network
    batch: int = 256
    lr: float = 1e-3


WORKLOADS = {
    "paper1": Workload("paper 1's autoencoder, 889 parameters", PAPER_1),
    "dense": Workload("a dense 784-512-256-128-64 autoencoder", Dense(hidden=(512, 256, 128), latent_dim=64)),
    "conv": Workload("a convolutional autoencoder of 32-64-128 channels, 64 codes", Conv(channels=(32, 64, 128))),
}


def standardising() -> Scaling:
    """(x / 255 - 0.1307) / 0.3081, on bytes."""
    ones = np.ones((1, 1, 1), dtype=np.float32)
    return Scaling(shift=255 * MEAN * ones, scale=255 * DEVIATION * ones)


def mnist_train(n: int) -> np.ndarray:
    """The first n training images, [n, 1, 28, 28] uint8."""
    return load_named("mnist").x[:n]


def mnist_held_out() -> np.ndarray:
    """Training images 59,000 to 59,999, on which paper 1 validates, [1000, 1, 28, 28] uint8."""
    return load_named("mnist").x[FIRST_HELD_OUT : FIRST_HELD_OUT + HELD_OUT]


def standardised(images: np.ndarray) -> Tensor:
    """[n, 1, 28, 28] uint8 -> float32."""
    return torch.from_numpy(standardising().apply(images))


def fresh_network(workload: Workload, seed: int) -> Autoencoder:
    """The network that every arm starts from, in torch's default memory format."""
    return seeded(seed, lambda: workload.network.build(SHAPE))


@torch.no_grad()
def held_out_loss(net: Autoencoder) -> float:
    """Mean squared error a pixel, on standardised held-out images."""
    x = standardised(mnist_held_out())
    return float(nn.functional.mse_loss(net.decode(net.encode(x)), x))
