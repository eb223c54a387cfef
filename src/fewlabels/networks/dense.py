"""Fully connected autoencoders, for vectors and for flattened images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from fewlabels.networks.autoencoder import Autoencoder, Stage, size_of
from fewlabels.networks.tied import TiedLinear
from fewlabels.settings import require

Activation = Literal["linear", "relu"]


@dataclass(frozen=True)
class Dense:
    """input - hidden... - latent_dim - ...hidden - input, ReLU between the layers.

    hidden: widths of the encoder's inner layers; the decoder mirrors them. () gives one layer each way, which with
        linear code and output is the linear autoencoder.
    latent_dim: width of the code; as wide as the input or wider makes it overcomplete.
    code: activation of the code; output: activation of the reconstruction.
    tied: the decoder uses the encoder's weights, transposed, and biases of its own (paper 4).

    Raises InputError for a width below 1 or an unknown activation.
    """

    hidden: tuple[int, ...] = (256, 128)
    latent_dim: int = 64
    code: Activation = "linear"
    output: Activation = "linear"
    tied: bool = False

    def __post_init__(self) -> None:
        require(all(width >= 1 for width in self.hidden), self, "hidden", "widths of 1 or more")
        require(self.latent_dim >= 1, self, "latent_dim", "1 or more")
        require(self.code in ("linear", "relu"), self, "code", "'linear' or 'relu'")
        require(self.output in ("linear", "relu"), self, "output", "'linear' or 'relu'")

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        inputs = size_of(input_shape)
        ends = (*self.hidden, self.latent_dim)
        down = [nn.Linear(*fans) for fans in pairwise((inputs, *self.hidden, code_width * self.latent_dim))]
        back = [self._back(layer, width) for layer, width in zip(reversed(down), reversed(ends), strict=True)]
        to_code = [*((nn.ReLU(),) for _ in self.hidden), (nn.ReLU(),) if self.code == "relu" else ()]
        to_input = [(nn.ReLU(),) if self.output == "relu" else (), *((nn.ReLU(),) for _ in self.hidden)]
        layers = zip(down, to_code, reversed(back), to_input, ends, strict=True)
        stages = [Stage([there, *code], [up, *output], (width,)) for there, code, up, output, width in layers]
        first = stages[0]
        stages[0] = Stage([nn.Flatten(), *first.down], [*first.up, nn.Unflatten(1, input_shape)], first.shape)
        return Autoencoder(stages, input_shape, code_width)

    def _back(self, layer: nn.Linear, width: int) -> nn.Module:
        return TiedLinear(layer, width) if self.tied else nn.Linear(width, layer.in_features)


def linear_decoder(net: Autoencoder) -> Tensor | None:
    """The decoder's weights [D, latent_dim] of a linear autoencoder, one affine layer each way; None for any other."""
    there = [layer for layer in net.encoder if not isinstance(layer, nn.Flatten)]
    back = [layer for layer in net.decoder if not isinstance(layer, nn.Unflatten)]
    if len(there) != 1 or len(back) != 1 or not isinstance(there[0], nn.Linear):
        return None
    return back[0].weight if isinstance(back[0], nn.Linear | TiedLinear) else None
