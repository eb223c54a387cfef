"""Convolutional encoders whose code is pooled from the last feature map, as objectives without a decoder like them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import require
from fewlabels.networks.autoencoder import Autoencoder, Stage
from fewlabels.networks.conv import grow
from fewlabels.networks.layers import GROUPS, ElementwiseAffine, MeanAndMax, SideBySide, normalisation

Size = tuple[int, int]


@dataclass(frozen=True)
class PooledConv:
    """3x3 convolutions of stride 2, normalisation, ReLU; the code is the mean and the 2x2 maxima of the last map.

    The mean of each channel and its greatest value in each quarter of the image stand side by side: codes are 5 times
    as many as the last channels, 640 of 128. The decoder begins with a dense layer back to the last map and mirrors the
    convolutions; an objective that decodes nothing does without it.

    Parameters
    ----------
    channels
        One convolution a level, with so many output channels.
    norm
        'batch' normalises with the statistics of the batch while training, and keeps running ones (Ioffe & Szegedy
        2015), so that several such networks are trained one after the other; 'group' every example alone, in up to 4
        groups of channels (Wu & He 2018); None not at all.

    Raises
    ------
    InputError
        For settings out of range, and on `build` for inputs that are not images.

    Examples
    --------
    >>> import torch
    >>> from fewlabels.networks import PooledConv
    >>> net = PooledConv().build((1, 28, 28))
    >>> net.latent_dim, net.encode(torch.zeros(2, 1, 28, 28)).shape
    (640, torch.Size([2, 640]))
    """

    channels: tuple[int, ...] = (32, 64, 128)
    norm: Literal["batch", "group"] | None = "batch"

    convolutional: ClassVar[bool] = True
    latent_dim: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        positive = len(self.channels) >= 1 and all(c >= 1 for c in self.channels)
        require(positive, self, "channels", "one level or more, each of 1 or more")
        require(self.norm in ("batch", "group", None), self, "norm", "'batch', 'group' or None")

    @property
    def depth(self) -> int:
        return len(self.channels)

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        if len(input_shape) != 3:
            raise InputError(
                f"PooledConv needs images (channels, height, width), got examples of shape {input_shape}; use Dense"
            )
        sizes: list[Size] = [(input_shape[1], input_shape[2])]
        for _ in self.channels:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        for channels, size in zip(self.channels, sizes[1:], strict=True):
            if self.norm == "group" and size == (1, 1) and GROUPS % channels == 0:
                raise InputError(
                    f"PooledConv with norm 'group' would normalise {channels} channels of 1x1 one number at a time, "
                    "and every code would be the same; give more channels, fewer levels, or larger images"
                )
        widths = list(pairwise((input_shape[0], *self.channels)))
        levels = [
            Stage(self._down(below, above), self._up(below, above, large, small, bool(level)), (above, *small))
            for level, ((below, above), (large, small)) in enumerate(zip(widths, pairwise(sizes), strict=True))
        ]
        last, codes = levels[-1], 5 * self.channels[-1]
        down: list[nn.Module] = [*last.down, MeanAndMax()]
        if code_width == 2:
            down = [
                SideBySide(
                    nn.Sequential(*down),
                    nn.Sequential(*self._down(*widths[-1]), MeanAndMax(), ElementwiseAffine(codes)),
                )
            ]
        numbers = last.shape[0] * last.shape[1] * last.shape[2]
        up = [nn.Linear(codes, numbers), nn.ReLU(), nn.Unflatten(1, last.shape), *last.up]
        return Autoencoder([*levels[:-1], Stage(down, up, (codes,))], input_shape, code_width)

    def _down(self, below: int, above: int) -> list[nn.Module]:
        convolution = nn.Conv2d(below, above, 3, 2, 1, bias=self.norm is None)
        return [convolution, *normalisation(self.norm, above), nn.ReLU()]

    def _up(self, below: int, above: int, large: Size, small: Size, inner: bool) -> list[nn.Module]:
        grown = grow(nn.Conv2d(below, above, 3, 2, 1), small, large)
        return [grown, *normalisation(self.norm, below), nn.ReLU()] if inner else [grown]
