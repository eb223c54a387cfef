"""The last stages of convolutional autoencoders: from the feature map to the code."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from fewlabels.networks.autoencoder import Shape, Stage, size_of
from fewlabels.networks.dense import dense_stages


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
