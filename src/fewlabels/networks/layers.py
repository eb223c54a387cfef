"""Layers of networks: tied ones (paper 4), normalisation, pooling, residual blocks, encoders side by side."""

from __future__ import annotations

from math import gcd
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TiedLinear(nn.Module):
    """y = x W[:rows] + b, with the weights W [out, in] of `source`: [B, rows] -> [B, in].

    Only b is a parameter of this layer; W belongs to `source`, is trained there and saved there once.
    rows: outputs of `source` that are undone; the rest (log-variances, say) play no part.
    """

    def __init__(self, source: nn.Linear, rows: int) -> None:
        super().__init__()
        self._source = (source,)  # in a tuple, lest it be registered here as well
        self._rows = rows
        self.bias = nn.Parameter(torch.zeros(source.in_features))

    @property
    def weight(self) -> Tensor:
        """[in, rows], a view of the weights of `source`."""
        return self._source[0].weight[: self._rows].T

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class TiedConvTranspose2d(nn.Module):
    """The transposed convolution with the kernels of `source`: [B, out, h, w] -> [B, in, H, W], and a bias of its own.

    output_padding: rows and columns that the way down rounded off.
    """

    def __init__(self, source: nn.Conv2d, output_padding: tuple[int, int]) -> None:
        super().__init__()
        self._source = (source,)
        self._output_padding = output_padding
        self.bias = nn.Parameter(torch.zeros(source.in_channels))

    def forward(self, x: Tensor) -> Tensor:
        source = self._source[0]
        stride, padding = (source.stride[0], source.stride[1]), (int(source.padding[0]), int(source.padding[1]))
        return F.conv_transpose2d(x, source.weight, self.bias, stride, padding, self._output_padding)


class SideBySide(nn.Module):
    """Two encoders of the same input, their codes one after the other: [B, *input_shape] -> [B, 2 latent_dim]."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.first(x), self.second(x)], dim=1)


class ElementwiseAffine(nn.Module):
    """y_j = a_j x_j + b_j, [B, D] both; it begins as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + self.bias


Affine = ElementwiseAffine  # its name in pickles of before


class Norm(nn.GroupNorm):
    """Group normalisation that can be differentiated forwards, too: torch's cannot in channels-last memory."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.contiguous())


GROUPS = 4
"""Of channels, in which 'group' normalises, or the greatest number that divides both this and the channels."""


def normalisation(kind: Literal["batch", "group"] | None, channels: int) -> list[nn.Module]:
    """The layer that normalises so many channels this way, if any."""
    if kind is None:
        return []
    return [nn.BatchNorm2d(channels) if kind == "batch" else Norm(gcd(GROUPS, channels), channels)]


def batch_normalisations(module: nn.Module) -> list[nn.Module]:
    """The layers of a module that normalise by the batch while training, and by running statistics afterwards."""
    return [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


class MeanAndMax(nn.Module):
    """The mean of every channel, then its greatest value in each quarter: [B, C, H, W] -> [B, 5 C]."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((2, 3)), F.adaptive_max_pool2d(x, 2).flatten(1)], dim=1)


class Block(nn.Module):
    """y = relu(x + norm(conv(relu(norm(conv(x)))))), [B, C, H, W] both."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            Norm(groups, channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            Norm(groups, channels),
        )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        activations: Tensor = self.activation(x + self.change(x))
        return activations
