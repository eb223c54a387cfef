"""Convolutional autoencoders for images of any size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

from fewlabels.errors import InputError
from fewlabels.networks.autoencoder import Autoencoder, size_of
from fewlabels.settings import require

Size = tuple[int, int]


@dataclass(frozen=True)
class Conv:
    """Convolutions that halve the image at every level, then dense layers down to the code; the decoder mirrors both.

    channels: one convolution a level, with so many output channels.
    kernel: side of every kernel.
    down: 'stride' halves by stride 2 (and grows again by transposed convolution); 'pool' halves by 2x2 max-pooling
        (and grows again by nearest-neighbour upsampling followed by a convolution).
    padding: zeros around the image, one number for all levels or one a level.
    hidden: widths of the dense layers between feature map and code.
    latent_dim: width of the code; None makes the last feature map, flattened, the code.

    Raises InputError for settings out of range, and on `build` for images too small or inputs that are not images.
    """

    channels: tuple[int, ...] = (16, 32)
    kernel: int = 3
    down: Literal["stride", "pool"] = "stride"
    padding: int | tuple[int, ...] = 1
    hidden: tuple[int, ...] = ()
    latent_dim: int | None = 64

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
    def paddings(self) -> tuple[int, ...]:
        return (self.padding,) * len(self.channels) if isinstance(self.padding, int) else self.padding

    def build(self, input_shape: tuple[int, ...], code_width: int = 1) -> Autoencoder:
        if len(input_shape) != 3:
            raise InputError(
                f"Conv needs images (channels, height, width), got examples of shape {input_shape}; use Dense"
            )
        sizes = self._sizes(input_shape)
        feature_map = (self.channels[-1], *sizes[-1])
        latent_dim = size_of(feature_map) if self.latent_dim is None else self.latent_dim
        to_code, from_code = self._code_layers(feature_map, latent_dim, code_width)
        encoder = nn.Sequential(*self._shrinking(input_shape[0]), nn.Flatten(), *to_code)
        decoder = nn.Sequential(*from_code, nn.Unflatten(1, feature_map), *self._growing(input_shape[0], sizes))
        return Autoencoder(encoder, decoder, input_shape, latent_dim, code_width)

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

    def _shrinking(self, inputs: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        stride = 2 if self.down == "stride" else 1
        for (fan_in, fan_out), padding in zip(pairwise((inputs, *self.channels)), self.paddings, strict=True):
            layers += [nn.Conv2d(fan_in, fan_out, self.kernel, stride, padding), nn.ReLU()]
            if self.down == "pool":
                layers.append(nn.MaxPool2d(2))
        return layers

    def _code_layers(
        self, feature_map: tuple[int, ...], latent_dim: int, code_width: int
    ) -> tuple[list[nn.Module], list[nn.Module]]:
        """Dense layers from the flat feature map to the code, and from the code back."""
        features = size_of(feature_map)
        if self.latent_dim is None:  # the code is the feature map; two numbers a code need a layer that makes them
            return ([nn.Linear(features, code_width * latent_dim)] if code_width > 1 else []), []
        to_code: list[nn.Module] = []
        from_code: list[nn.Module] = []
        for fan_in, fan_out in pairwise((features, *self.hidden, code_width * latent_dim)):
            to_code += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        for fan_in, fan_out in pairwise((latent_dim, *reversed(self.hidden), features)):
            from_code += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        return to_code[:-1], from_code

    def _growing(self, outputs: int, sizes: list[Size]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        if self.down == "pool":
            widths = (self.channels[-1], *reversed(self.channels))
            for (fan_in, fan_out), size in zip(pairwise(widths), reversed(sizes[:-1]), strict=True):
                layers += [
                    nn.Conv2d(fan_in, fan_out, self.kernel, padding="same"),
                    nn.ReLU(),
                    nn.Upsample(size),
                ]
            return [*layers, nn.Conv2d(self.channels[0], outputs, self.kernel, padding="same")]
        widths = (*reversed(self.channels), outputs)
        levels = zip(pairwise(widths), reversed(self.paddings), pairwise(reversed(sizes)), strict=True)
        for (fan_in, fan_out), padding, (small, large) in levels:
            layers += [_grow(fan_in, fan_out, self.kernel, padding, small, large), nn.ReLU()]
        return layers[:-1]


def _grow(fan_in: int, fan_out: int, kernel: int, padding: int, small: Size, large: Size) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 from `small` to exactly `large`, whatever rounding the way down met."""
    missing = [end - ((start - 1) * 2 - 2 * padding + kernel) for start, end in zip(small, large, strict=True)]
    return nn.ConvTranspose2d(fan_in, fan_out, kernel, 2, padding, output_padding=(missing[0], missing[1]))
