"""Variants of a study's network, by the name they have in methods: `reconstruction/tied`, `random/residual`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fewlabels.core.errors import InputError
from fewlabels.networks.autoencoder import Network, Shape, outline, size_of
from fewlabels.networks.conv import Conv
from fewlabels.networks.dense import Dense
from fewlabels.networks.presets import PRESETS, halvings
from fewlabels.networks.residual import Residual

Variant = Callable[[Network, Shape], Network]


def linear(base: Network, input_shape: Shape) -> Network:
    """One linear layer each way, as many codes as `base`: compare with PCA."""
    return Dense(hidden=(), latent_dim=outline(base, input_shape).latent_dim)


def tied(base: Network, input_shape: Shape) -> Network:
    """`base` with a decoder that uses the encoder's weights, transposed (paper 4)."""
    if not isinstance(base, Dense | Conv):
        raise InputError(f"network {type(base).__name__} cannot be tied; allowed are Dense and Conv")
    return replace(base, tied=True)


def dense(base: Network, input_shape: Shape) -> Network:
    """Two hidden layers, as many codes as `base`."""
    return Dense(hidden=(256, 128), latent_dim=outline(base, input_shape).latent_dim)


def residual(base: Network, input_shape: Shape) -> Network:
    """Residual blocks with group normalisation, as many codes as `base`; images only."""
    levels = halvings(input_shape) if len(input_shape) == 3 else 1
    channels = tuple(min(64, 16 * 2**level) for level in range(levels))
    return Residual(channels, latent_dim=outline(base, input_shape).latent_dim)


def overcomplete(base: Network, input_shape: Shape) -> Network:
    """As many codes as inputs: without corruption, nothing forces such a network to learn more than the identity."""
    if not isinstance(base, Dense | Conv | Residual):
        raise InputError(f"network {type(base).__name__} has no overcomplete form; allowed are Dense, Conv, Residual")
    return replace(base, latent_dim=size_of(input_shape))


def _always(network: Network) -> Variant:
    return lambda base, input_shape: network


VARIANTS: Mapping[str, Variant] = {
    "linear": linear,
    "tied": tied,
    "dense": dense,
    "residual": residual,
    "overcomplete": overcomplete,
    **{name: _always(network) for name, network in PRESETS.items()},
}
"""From the study's network and the shape of an example to the variant. All but `tied` and `overcomplete` keep only
the number of codes of the study's network; the papers' presets not even that."""
