"""The networks of the reference papers, and sensible defaults chosen from the shape of the input."""

from __future__ import annotations

from fewlabels.networks.autoencoder import Network, size_of
from fewlabels.networks.conv import Conv
from fewlabels.networks.dense import Dense

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
