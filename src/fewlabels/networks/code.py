"""The last stages of convolutional autoencoders: from the feature map to the code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from fewlabels.networks.autoencoder import Shape, Stage, size_of
from fewlabels.networks.tied import TiedLinear


def code_stages(
    feature_map: Shape, hidden: tuple[int, ...], latent_dim: int | None, code_width: int, tied: bool = False
) -> list[Stage]:
    """Dense stages from a feature map (C, H, W) through `hidden` widths to `latent_dim` codes.

    latent_dim: None makes the feature map itself the code; two numbers a code then come from a 1x1 convolution.
    """
    features = size_of(feature_map)
    if latent_dim is None:
        channels = feature_map[0]
        widened = [nn.Conv2d(channels, code_width * channels, 1)] if code_width > 1 else []
        return [Stage([*widened, nn.Flatten()], [nn.Unflatten(1, feature_map)], (features,))]
    widths = (*hidden, latent_dim)
    down = [nn.Linear(*fans) for fans in pairwise((features, *hidden, code_width * latent_dim))]
    back = [
        TiedLinear(layer, width) if tied else nn.Linear(width, layer.in_features)
        for layer, width in zip(reversed(down), reversed(widths), strict=True)
    ]
    between = [*([nn.ReLU()] for _ in hidden), []]  # the code is linear
    layers = zip(down, between, reversed(back), widths, strict=True)
    stages = [Stage([there, *relu], [up, nn.ReLU()], (width,)) for there, relu, up, width in layers]
    first = stages[0]
    stages[0] = Stage([nn.Flatten(), *first.down], [*first.up, nn.Unflatten(1, feature_map)], first.shape)
    return stages


def stacked_under(code: Sequence[Stage], levels: Sequence[Stage]) -> list[Stage]:
    """The convolutional levels with the code's stages on top; what has no layer of its own joins the last level."""
    last, first = levels[-1], code[0]
    if any(isinstance(layer, nn.Linear) for layer in first.down):
        return [*levels, *code]
    return [*levels[:-1], Stage([*last.down, *first.down], [*first.up, *last.up], first.shape)]
