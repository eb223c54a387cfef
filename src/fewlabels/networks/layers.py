"""Layers that run another layer backwards: its weights transposed, a bias of their own (paper 4)."""

from __future__ import annotations

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
