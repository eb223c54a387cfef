"""Convolutional autoencoders for images of any size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from torch import nn

from fewlabels.core.errors import InputError
from fewlabels.core.settings import require
from fewlabels.networks.autoencoder import Autoencoder, Stage
from fewlabels.networks.dense import code_stages, stacked_under
from fewlabels.networks.layers import TiedConvTranspose2d

Size = tuple[int, int]


@dataclass(frozen=True)
class Conv:
    """Convolutions that halve the image at every level, then dense layers down to the code; the decoder mirrors both.

    Parameters
    ----------
    channels
        One convolution a level, with so many output channels.
    kernel
        Side of every kernel, in pixels.
    down
        'stride' halves by stride 2 (and grows again by transposed convolution); 'pool' halves by 2x2 max-pooling (and
        grows again by nearest-neighbour upsampling followed by a convolution).
    padding
        Zeros around the image, one number for all levels or one a level.
    hidden
        Widths of the dense layers between feature map and code.
    latent_dim
        Width of the code; None makes the last feature map, flattened, the code.
    tied
        The decoder uses the encoder's weights, transposed, and biases of its own.

    Raises
    ------
    InputError
        For settings out of range, and on `build` for images too small or inputs that are not images.

    Examples
    --------
    >>> from fewlabels.networks import Conv, parameter_count
    >>> net = Conv(channels=(8, 4), down="pool", latent_dim=None).build((1, 28, 28))
    >>> net.latent_dim, parameter_count(net)
    (196, 889)
    """

    channels: tuple[int, ...] = (16, 32)
    kernel: int = 3
    down: Literal["stride", "pool"] = "stride"
    padding: int | tuple[int, ...] = 1
    hidden: tuple[int, ...] = ()
    latent_dim: int | None = 64
    tied: bool = False

    convolutional: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(
            len(self.channels) >= 1 and all(c >= 1 for c in self.channels),
            self,
            "channels",
            "one level or more, each of 1 or more",
        )
        require(self.kernel >= 1, self, "kernel", "1 or more")
        require(self.down in ("stride", "pool"), self, "down", "'stride' or 'pool'")
        one_each = isinstance(self.padding, int) or len(self.padding) == len(self.channels)
        require(
            one_each and all(0 <= p < self.kernel for p in self.paddings),
            self,
            "padding",
            "0 to kernel - 1, one a level",
        )
        require(all(width >= 1 for width in self.hidden), self, "hidden", "widths of 1 or more")
        require(self.latent_dim is None or self.latent_dim >= 1, self, "latent_dim", "1 or more, or None")
        require(self.latent_dim is not None or not self.hidden, self, "hidden", "() where latent_dim is None")

    @property
    def depth(self) -> int:
        return len(self.channels) + len(self.hidden)

    @property
    def paddings(self) -> tuple[int, ...]:
        """One a level."""
        return (self.padding,) * len(self.channels) if isinstance(self.padding, int) else self.padding

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        if len(input_shape) != 3:
            raise InputError(
                f"Conv needs images (channels, height, width), got examples of shape {input_shape}; use Dense"
            )
        sizes = self._sizes(input_shape)
        feature_map = (self.channels[-1], *sizes[-1])
        code = code_stages(feature_map, self.hidden, self.latent_dim, code_width, self.tied)
        shrinking = self._shrinking(input_shape[0])
        growing = self._growing(shrinking, input_shape[0], sizes)
        shapes = [(channels, *size) for channels, size in zip(self.channels, sizes[1:], strict=True)]
        levels = [Stage(*parts) for parts in zip(shrinking, growing, shapes, strict=True)]
        return Autoencoder(stacked_under(code, levels), input_shape, code_width)

    def _sizes(self, input_shape: tuple[int, ...]) -> list[Size]:
        """Height and width at every level, the input's first."""
        sizes: list[Size] = [(input_shape[1], input_shape[2])]
        for padding in self.paddings:
            height, width = (self._shrunk(side, padding) for side in sizes[-1])
            if min(height, width) < 1:
                raise InputError(
                    f"Conv with {len(self.channels)} levels of kernel {self.kernel} is too deep for images of "
                    f"{input_shape[1]}x{input_shape[2]}; give fewer channels or larger images"
                )
            sizes.append((height, width))
        return sizes

    def _shrunk(self, side: int, padding: int) -> int:
        reach = side + 2 * padding - self.kernel
        return (reach + 1) // 2 if self.down == "pool" else reach // 2 + 1

    def _shrinking(self, inputs: int) -> list[list[nn.Module]]:
        """The layers of every level, the input's first. Maximum and ReLU commute, so pooling comes first."""
        stride = 2 if self.down == "stride" else 1
        pool = [nn.MaxPool2d(2)] if self.down == "pool" else []
        levels = zip(pairwise((inputs, *self.channels)), self.paddings, strict=True)
        return [
            [nn.Conv2d(fan_in, fan_out, self.kernel, stride, padding), *pool, nn.ReLU()]
            for (fan_in, fan_out), padding in levels
        ]

    def _growing(self, shrinking: list[list[nn.Module]], outputs: int, sizes: list[Size]) -> list[list[nn.Module]]:
        """The layers back from every level, the input's first; made from the code outwards."""
        levels: list[list[nn.Module]] = []
        top = len(self.channels) - 1
        for level in range(top, -1, -1):
            convolution, large, small = shrinking[level][0], sizes[level], sizes[level + 1]
            assert isinstance(convolution, nn.Conv2d)
            layers: list[nn.Module] = []
            if self.down == "pool":
                fan_in, fan_out = self.channels[level], self.channels[level - 1] if level else outputs
                if level == top and not self.tied:
                    layers += [nn.Conv2d(fan_in, fan_in, self.kernel, padding="same"), nn.ReLU()]
                layers.append(nn.Upsample(_convolved(convolution, large) if self.tied else large))
                layers.append(
                    TiedConvTranspose2d(convolution, (0, 0))
                    if self.tied
                    else nn.Conv2d(fan_in, fan_out, self.kernel, padding="same")
                )
            else:
                layers.append(grow(convolution, small, large, self.tied))
            levels.append([*layers, nn.ReLU()] if level else layers)
        return levels[::-1]


def _convolved(convolution: nn.Conv2d, size: Size) -> Size:
    """Height and width after a convolution of stride 1."""
    height, width = (side + 2 * int(convolution.padding[0]) - convolution.kernel_size[0] + 1 for side in size)
    return height, width


def grow(convolution: nn.Conv2d, small: Size, large: Size, tied: bool = False) -> nn.Module:
    """A transposed convolution of stride 2 from `small` to exactly `large`, whatever rounding the way down met."""
    kernel, padding = convolution.kernel_size[0], int(convolution.padding[0])
    height, width = (end - ((start - 1) * 2 - 2 * padding + kernel) for start, end in zip(small, large, strict=True))
    if tied:
        return TiedConvTranspose2d(convolution, (height, width))
    channels = convolution.out_channels, convolution.in_channels
    return nn.ConvTranspose2d(*channels, kernel, 2, padding, output_padding=(height, width))
