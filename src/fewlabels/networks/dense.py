"""Fully connected autoencoders, for vectors and for flattened images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

from fewlabels.networks.autoencoder import Autoencoder, size_of
from fewlabels.settings import require

Activation = Literal["linear", "relu"]


@dataclass(frozen=True)
class Dense:
    """input - hidden... - latent_dim - ...hidden - input, ReLU between the layers.

    hidden: widths of the encoder's inner layers; the decoder mirrors them. () gives one layer each way.
    latent_dim: width of the code.
    code: activation of the code; output: activation of the reconstruction.

    Raises InputError for a width below 1 or an unknown activation.
    """

    hidden: tuple[int, ...] = (256, 128)
    latent_dim: int = 64
    code: Activation = "linear"
    output: Activation = "linear"

    def __post_init__(self) -> None:
        require(all(width >= 1 for width in self.hidden), self, "hidden", "widths of 1 or more")
        require(self.latent_dim >= 1, self, "latent_dim", "1 or more")
        require(self.code in ("linear", "relu"), self, "code", "'linear' or 'relu'")
        require(self.output in ("linear", "relu"), self, "output", "'linear' or 'relu'")

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        inputs = size_of(input_shape)
        encoder = nn.Sequential(
            nn.Flatten(),
            *_layers((inputs, *self.hidden, code_width * self.latent_dim), last=self.code),
        )
        decoder = nn.Sequential(
            *_layers((self.latent_dim, *reversed(self.hidden), inputs), last=self.output),
            nn.Unflatten(1, input_shape),
        )
        return Autoencoder(encoder, decoder, input_shape, self.latent_dim, code_width)


def _layers(widths: tuple[int, ...], last: Activation) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return layers if last == "relu" else layers[:-1]
