"""Networks by name: the reference papers', the default for a shape of examples, and variants of a study's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any

from fewlabels.core.errors import InputError
from fewlabels.networks.autoencoder import Network, Shape, outline, size_of
from fewlabels.networks.conv import Conv
from fewlabels.networks.dense import Dense
from fewlabels.networks.pooled import PooledConv
from fewlabels.networks.residual import Residual

PAPER_1 = Conv(channels=(8, 4), kernel=3, down="pool", latent_dim=None)
"""Barletta & De Benedetti 2024: 889 parameters on 28x28x1, 196 codes."""

PAPER_2 = Conv(channels=(8, 16, 32), kernel=3, padding=(1, 1, 0), hidden=(64,), latent_dim=9)
"""Ballarin: the encoder has 24,969 parameters on 28x28x1, 9 codes."""

PAPER_3 = Dense(hidden=(512, 256, 128), latent_dim=64, code="relu", output="relu")
"""Shinde: 784-512-256-128-64-128-256-512-784, ReLU everywhere, the output included."""

PRESETS: dict[str, Network] = {"paper1": PAPER_1, "paper2": PAPER_2, "paper3": PAPER_3}

NETWORKS: dict[str, type[Network]] = {kind.__name__: kind for kind in (Dense, Conv, Residual, PooledConv)}
"""Every network spec, by the name it has in JSON: the one table. What is in it can be saved and loaded."""


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


def halvings(input_shape: tuple[int, ...], longest: int = 8) -> int:
    """How often images (C, H, W) are halved until their longer side is `longest` or less or their shorter one 1."""
    levels, longer, shorter = 1, (max(input_shape[1:]) + 1) // 2, min(input_shape[1:]) // 2
    while longer > longest and shorter > 1:
        levels, longer, shorter = levels + 1, (longer + 1) // 2, shorter // 2
    return levels


@dataclass(frozen=True)
class Variant:
    """A network by name, made from a study's own: `reconstruction/NAME` in methods, `--network NAME`.

    make: from the study's network and the shape of an example. own_encoder: whether its encoder is the study's own, so
    that it needs no controls of its own.
    """

    summary: str
    make: Callable[[Network, Shape], Network]
    own_encoder: bool = False

    def __call__(self, base: Network, input_shape: Shape) -> Network:
        return self.make(base, input_shape)


def _codes(base: Network, input_shape: Shape) -> int:
    return outline(base, input_shape).latent_dim


def _linear(base: Network, input_shape: Shape) -> Network:
    return Dense(hidden=(), latent_dim=_codes(base, input_shape))


def _tied(base: Network, input_shape: Shape) -> Network:
    return _with(base, "tied", True, "cannot be tied")


def _dense(base: Network, input_shape: Shape) -> Network:
    return Dense(hidden=(256, 128), latent_dim=_codes(base, input_shape))


def _residual(base: Network, input_shape: Shape) -> Network:
    levels = halvings(input_shape) if len(input_shape) == 3 else 1
    channels = tuple(min(64, 16 * 2**level) for level in range(levels))
    return Residual(channels, latent_dim=_codes(base, input_shape))


def _pooled(base: Network, input_shape: Shape) -> Network:
    levels = halvings(input_shape, longest=6) if len(input_shape) == 3 else 1
    return PooledConv(tuple(min(128, 32 * 2**level) for level in range(levels)))


def _overcomplete(base: Network, input_shape: Shape) -> Network:
    return _with(base, "latent_dim", size_of(input_shape), "has no overcomplete form")


def with_latent_dim(network: Network, latent_dim: int) -> Network:
    """The network with so many codes. Raises InputError for one whose codes follow from its other settings."""
    return _with(network, "latent_dim", latent_dim, "takes no `latent_dim`, its codes follow from its channels")


def _with(base: Network, setting: str, value: Any, otherwise: str) -> Network:
    """The network with another value of a setting. Raises InputError for one that has no such setting."""
    able = [name for name, kind in NETWORKS.items() if _has(kind, setting)]
    if not _has(type(base), setting):
        raise InputError(f"network {type(base).__name__} {otherwise}; allowed are {', '.join(able)}")
    changed: Network = replace(base, **{setting: value})  # type: ignore[type-var]  # a frozen dataclass, as all are
    return changed


def _has(kind: type, setting: str) -> bool:
    return is_dataclass(kind) and setting in (field.name for field in fields(kind))


def _preset(name: str, summary: str) -> Variant:
    return Variant(summary, partial(_same, PRESETS[name]))


def _same(network: Network, base: Network, input_shape: Shape) -> Network:
    return network


VARIANTS: dict[str, Variant] = {
    "linear": Variant("one linear layer each way, as many codes as the study's network: compare with PCA", _linear),
    "tied": Variant("the study's network, its decoder the encoder's weights transposed", _tied, own_encoder=True),
    "dense": Variant("two hidden layers, as many codes as the study's network", _dense),
    "residual": Variant("residual blocks with group normalisation, as many codes; images only", _residual),
    "pooled": Variant(
        "convolutions with batch normalisation; codes are means and maxima of the last feature map; images only",
        _pooled,
    ),
    "overcomplete": Variant("the study's network with as many codes as inputs", _overcomplete),
    "paper1": _preset("paper1", "Barletta & De Benedetti 2024: two convolutions of 8 and 4 channels, pooling"),
    "paper2": _preset("paper2", "Ballarin: three convolutions, 9 codes"),
    "paper3": _preset("paper3", "Shinde: 512-256-128-64, ReLU everywhere"),
}
"""Networks by name. Without corruption, nothing forces an overcomplete one to learn more than the identity."""
