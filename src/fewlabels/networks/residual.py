"""Deeper convolutional autoencoders: residual blocks with group normalisation, for images of 32 pixels and more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import ClassVar

from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import require
from fewlabels.networks.autoencoder import Autoencoder, Stage
from fewlabels.networks.dense import code_stages, stacked_under
from fewlabels.networks.layers import Block, Norm

Size = tuple[int, int]


@dataclass(frozen=True)
class Residual:
    """Levels that halve the image, each a strided convolution and residual blocks; the decoder mirrors them.

    The blocks are normalised in groups, which, unlike batch normalisation, treats every example alone, so that many
    such networks can be trained at once. The decoder grows by nearest-neighbour upsampling.

    Parameters
    ----------
    channels
        One level each, with so many channels.
    blocks
        Residual blocks a level, each of two 3x3 convolutions, in the encoder and in the decoder.
    groups
        Groups of channels that are normalised together: so many, or the greatest number that divides both this and the
        channels.
    latent_dim
        Width of the code; None makes the last feature map, flattened, the code.

    Raises
    ------
    InputError
        For settings out of range, and on `build` for images too small or inputs that are not images.

    References
    ----------
    He et al. (2016), Deep residual learning for image recognition. Wu & He (2018), Group normalization.
    """

    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 1
    groups: int = 4
    latent_dim: int | None = 64

    convolutional: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive = len(self.channels) >= 1 and all(c >= 1 for c in self.channels)
        require(positive, self, "channels", "one level or more, each of 1 or more")
        require(self.blocks >= 0, self, "blocks", "0 or more")
        require(self.groups >= 1, self, "groups", "1 or more")
        require(self.latent_dim is None or self.latent_dim >= 1, self, "latent_dim", "1 or more, or None")

    @property
    def depth(self) -> int:
        return len(self.channels) * (1 + self.blocks)

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        if len(input_shape) != 3:
            raise InputError(
                f"Residual needs images (channels, height, width), got examples of shape {input_shape}; use Dense"
            )
        sizes: list[Size] = [(input_shape[1], input_shape[2])]
        for _ in self.channels:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        if min(sizes[-2]) < 2:
            raise InputError(
                f"Residual with {len(self.channels)} levels is too deep for images of "
                f"{input_shape[1]}x{input_shape[2]}; give fewer channels or larger images"
            )
        if sizes[-1] == (1, 1) and self.groups % self.channels[-1] == 0:
            raise InputError(
                f"Residual with {self.groups} groups would normalise {self.channels[-1]} channels of 1x1 one number at "
                "a time, and every code would be the same; give fewer groups, more channels or larger images"
            )
        levels: list[Stage] = []
        widths = pairwise((input_shape[0], *self.channels))
        for (below, channels), (large, small) in zip(widths, pairwise(sizes), strict=True):
            down = [nn.Conv2d(below, channels, 3, 2, 1), *self._normalised(channels), *self._blocks(channels)]
            up = [*self._blocks(channels), nn.Upsample(large), nn.Conv2d(channels, below, 3, padding=1)]
            levels.append(Stage(down, [*up, *(self._normalised(below) if levels else [])], (channels, *small)))
        code = code_stages(levels[-1].shape, (), self.latent_dim, code_width)
        return Autoencoder(stacked_under(code, levels), input_shape, code_width)

    def _normalised(self, channels: int) -> list[nn.Module]:
        return [Norm(gcd(self.groups, channels), channels), nn.ReLU()]

    def _blocks(self, channels: int) -> list[nn.Module]:
        return [Block(channels, gcd(self.groups, channels)) for _ in range(self.blocks)]
