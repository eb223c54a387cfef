"""Fully connected autoencoders, and the dense last stages of convolutional ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from torch import Tensor, nn

from fewlabels.core.settings import require
from fewlabels.networks.autoencoder import Autoencoder, Shape, Stage, size_of
from fewlabels.networks.layers import TiedLinear


def code_stages(
    feature_map: Shape, hidden: tuple[int, ...], latent_dim: int | None, code_width: int, tied: bool = False
) -> list[Stage]:
    """Dense stages from a feature map (C, H, W) through `hidden` widths to `latent_dim` codes.

    latent_dim: None makes the feature map itself the code; two numbers a code then come from a 1x1 convolution.
    """
    if latent_dim is not None:
        return dense_stages(feature_map, hidden, latent_dim, code_width, "linear", "relu", tied)
    channels = feature_map[0]
    widened = [nn.Conv2d(channels, code_width * channels, 1)] if code_width > 1 else []
    return [Stage([*widened, nn.Flatten()], [nn.Unflatten(1, feature_map)], (size_of(feature_map),))]


def stacked_under(code: Sequence[Stage], levels: Sequence[Stage]) -> list[Stage]:
    """The convolutional levels with the code's stages on top; what has no layer of its own joins the last level."""
    last, first = levels[-1], code[0]
    if any(isinstance(layer, nn.Linear) for layer in first.down):
        return [*levels, *code]
    return [*levels[:-1], Stage([*last.down, *first.down], [*first.up, *last.up], first.shape)]


Activation = Literal["linear", "relu"]


@dataclass(frozen=True)
class Dense:
    """input - hidden... - latent_dim - ...hidden - input, ReLU between the layers.

    Parameters
    ----------
    hidden
        Widths of the encoder's inner layers; the decoder mirrors them. () gives one layer each way, which with linear
        code and output is the linear autoencoder.
    latent_dim
        Width of the code; as wide as the input or wider makes it overcomplete.
    code
        Activation of the code, linear wherever an objective needs two numbers a code.
    output
        Activation of the reconstruction.
    tied
        The decoder uses the encoder's weights, transposed, and biases of its own.

    Raises
    ------
    InputError
        For a width below 1 or an unknown activation.

    Examples
    --------
    >>> import torch
    >>> from fewlabels.networks import Dense
    >>> net = Dense(hidden=(32,), latent_dim=8).build((64,))
    >>> x = torch.zeros(5, 64)
    >>> net.encode(x).shape, net.decode(net.encode(x)).shape
    (torch.Size([5, 8]), torch.Size([5, 64]))
    """

    hidden: tuple[int, ...] = (256, 128)
    latent_dim: int = 64
    code: Activation = "linear"
    output: Activation = "linear"
    tied: bool = False

    convolutional: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(all(width >= 1 for width in self.hidden), self, "hidden", "widths of 1 or more")
        require(self.latent_dim >= 1, self, "latent_dim", "1 or more")
        require(self.code in ("linear", "relu"), self, "code", "'linear' or 'relu'")
        require(self.output in ("linear", "relu"), self, "output", "'linear' or 'relu'")

    @property
    def depth(self) -> int:
        return len(self.hidden) + 1

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        code = self.code if code_width == 1 else "linear"
        settings = self.hidden, self.latent_dim, code_width, code, self.output, self.tied
        return Autoencoder(dense_stages(input_shape, *settings), input_shape, code_width)


def dense_stages(
    shape: Shape,
    hidden: tuple[int, ...],
    latent_dim: int,
    code_width: int,
    code: Activation,
    output: Activation,
    tied: bool,
) -> list[Stage]:
    """A stage a dense layer, from examples or a feature map of any shape to the code; settings as `Dense` has them."""
    widths = (*hidden, latent_dim)
    down = [nn.Linear(*fans) for fans in pairwise((size_of(shape), *hidden, code_width * latent_dim))]
    back = [
        TiedLinear(layer, width) if tied else nn.Linear(width, layer.in_features)
        for layer, width in zip(reversed(down), reversed(widths), strict=True)
    ]
    to_code = [*_activations("relu", len(hidden)), *_activations(code, 1)]
    to_input = [*_activations(output, 1), *_activations("relu", len(hidden))]
    layers = zip(down, to_code, reversed(back), to_input, widths, strict=True)
    first, *rest = [Stage([there, *after], [up, *then], (width,)) for there, after, up, then, width in layers]
    return [Stage([nn.Flatten(), *first.down], [*first.up, nn.Unflatten(1, shape)], first.shape), *rest]


def _activations(kind: Activation, number: int) -> list[list[nn.Module]]:
    return [[nn.ReLU()] if kind == "relu" else [] for _ in range(number)]


def linear_decoder(net: Autoencoder) -> Tensor | None:
    """The decoder's weights [D, latent_dim] of a linear autoencoder, one affine layer each way; None for any other."""
    there = [layer for layer in net.encoder if not isinstance(layer, nn.Flatten)]
    back = [layer for layer in net.decoder if not isinstance(layer, nn.Unflatten)]
    if len(there) != 1 or len(back) != 1 or not isinstance(there[0], nn.Linear):
        return None
    return back[0].weight if isinstance(back[0], nn.Linear | TiedLinear) else None
