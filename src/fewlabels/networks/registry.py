"""Networks by name: the reference papers', the default for a shape of examples, and variants of a study's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fewlabels.core.errors import InputError
from fewlabels.networks.autoencoder import Network, Shape, outline, size_of
from fewlabels.networks.conv import Conv
from fewlabels.networks.dense import Dense
from fewlabels.networks.residual import Residual

PAPER_1 = Conv(channels=(8, 4), kernel=3, down="pool", latent_dim=None)
"""Barletta & De Benedetti 2024: 889 parameters on 28x28x1, 196 codes."""

PAPER_2 = Conv(channels=(8, 16, 32), kernel=3, padding=(1, 1, 0), hidden=(64,), latent_dim=9)
"""Ballarin: the encoder has 24,969 parameters on 28x28x1, 9 codes."""

PAPER_3 = Dense(hidden=(512, 256, 128), latent_dim=64, code="relu", output="relu")
"""Shinde: 784-512-256-128-64-128-256-512-784, ReLU everywhere, the output included."""

PRESETS: dict[str, Network] = {"paper1": PAPER_1, "paper2": PAPER_2, "paper3": PAPER_3}


def default_network(input_shape: tuple[int, ...]) -> Network:
    """A network for examples of this shape: (C, H, W) images of 8x8 and up, or (D,) vectors.

    Vectors, and images of 16 pixels a side or less, pass one hidden layer of 128. Larger images are halved until their
    longer side is 8 or less or their shorter one 1, channels doubling from 8 up to 64; then one dense layer gives the
    codes. Codes are half as many as inputs, 2 to 64.
    """
    latent_dim = min(64, max(2, size_of(input_shape) // 2))
    if len(input_shape) == 1 or max(input_shape[1:]) <= 16:
        return Dense(hidden=(128,), latent_dim=latent_dim)
    channels = tuple(min(64, 8 * 2**level) for level in range(halvings(input_shape)))
    return Conv(channels=channels, kernel=4, latent_dim=latent_dim)


def halvings(input_shape: tuple[int, ...]) -> int:
    """How often images (C, H, W) are halved until their longer side is 8 or less or their shorter one 1."""
    levels, longer, shorter = 1, (max(input_shape[1:]) + 1) // 2, min(input_shape[1:]) // 2
    while longer > 8 and shorter > 1:
        levels, longer, shorter = levels + 1, (longer + 1) // 2, shorter // 2
    return levels


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
