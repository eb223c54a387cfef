"""Fixed features of examples: the raw numbers, their principal components, the codes of an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.core.errors import InputError
from fewlabels.networks import Autoencoder, size_of
from fewlabels.networks.layers import MeanAndMax
from fewlabels.objectives import Objective
from fewlabels.training import Examples

Shape = tuple[int, ...]

FIT_BYTES = 256 * 2**20
"""Most memory for the unlabelled examples that centring and PCA are fitted on; beyond, the first that fit."""


@dataclass(frozen=True, eq=False)
class Centring:
    """f -> (f - mean) / scale: mean [D] float32, one scale for all features, so that their variance averages 1.

    One scale, because the relative sizes of codes, components and pixels carry information.
    """

    mean: np.ndarray
    scale: float

    def apply(self, features: np.ndarray) -> np.ndarray:
        centred: np.ndarray = (features - self.mean) / np.float32(self.scale)
        return centred

    def layer(self) -> Centre:
        """The same as a layer."""
        return Centre(torch.from_numpy(self.mean), torch.tensor(self.scale, dtype=torch.float32))


def fit_centring(features: np.ndarray) -> Centring:
    """Fitted on features of the unlabelled pool, [U, D]."""
    variance = float(features.var(axis=0, dtype=np.float64).mean())
    return Centring(features.mean(axis=0, dtype=np.float64).astype(np.float32), variance**0.5 or 1.0)


class Centre(nn.Module):
    """`Centring` as a layer: [B, D] -> [B, D]. mean: [D]; scale: []."""

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.scale


class Raw(nn.Module):
    """The scaled numbers themselves: [B, *input_shape] -> [B, D]."""

    def forward(self, batch: Tensor) -> Tensor:
        return batch.flatten(1)


class PrincipalComponents(nn.Module):
    """The coordinates of examples along principal axes: [B, *input_shape] -> [B, components].

    mean: [D]. axes: [components, D].
    """

    def __init__(self, mean: Tensor, axes: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.axes: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)

    def forward(self, batch: Tensor) -> Tensor:
        return (batch.flatten(1) - self.mean) @ self.axes.T


class Codes(nn.Module):
    """What the objective embeds, by the network as it stands: [B, *input_shape] -> [B, latent_dim]."""

    def __init__(self, net: Autoencoder, objective: Objective) -> None:
        super().__init__()
        self.net = net
        self._objective = objective

    def forward(self, batch: Tensor) -> Tensor:
        return self._objective.embed(self.net, batch)


@dataclass(frozen=True)
class Layer:
    """A layer of an encoder that a classifier may read instead of the code.

    make: from the stages below the code -> [B, *input_shape] to features [B, D]. width: D, by the shape of an example
    there; None where there is no such layer.
    """

    summary: str
    make: Callable[[Autoencoder], nn.Module]
    width: Callable[[Shape], int | None]


def _flat(below: Autoencoder) -> nn.Module:
    return below.encoder


def _pooled(below: Autoencoder) -> nn.Module:
    *layers, _ = below.encoder  # the last flattens the map
    return nn.Sequential(*layers, MeanAndMax())


def _pooled_width(shape: Shape) -> int | None:
    return 5 * shape[0] if len(shape) == 3 else None


LAYERS: dict[str, Layer] = {
    "below": Layer("the layer below the code: the last feature map, or the last hidden layer", _flat, size_of),
    "below-pooled": Layer(
        "each channel's mean and its maxima in quarters of the last feature map", _pooled, _pooled_width
    ),
}
"""By name: `SOURCE@NAME` in methods."""


def features_at(net: Autoencoder, objective: Objective, layer: str | None = None) -> nn.Module:
    """What gives a classifier its features, sharing weights with the network: the codes, or another of its layers."""
    return Codes(net.without_decoder(), objective) if layer is None else LAYERS[layer].make(net.below())


def width_at(net: Autoencoder, layer: str | None = None) -> int:
    """How many features a layer has. Raises InputError for a network that has no such layer."""
    if layer is None:
        return net.latent_dim
    width = None if net.shape_below is None else LAYERS[layer].width(net.shape_below)
    if width is None:
        what = "layer below its code" if net.shape_below is None else "feature map below its code"
        raise InputError(f"the network has no {what}; leave out '@{layer}'")
    return width


def fit_pca(unlabelled: Examples, components: int, seed: int) -> PrincipalComponents:
    """The leading principal components of the unlabelled pool: at most `components`, or as many as there are."""
    from sklearn.decomposition import PCA  # takes longer to import than most fits

    x = features_of(Raw(), first_that_fit(unlabelled))
    pca = PCA(min(components, *x.shape), random_state=seed).fit(x)
    mean, axes = (torch.from_numpy(part.astype(np.float32)) for part in (pca.mean_, pca.components_))
    return unlabelled.numerics.to(PrincipalComponents(mean, axes))


@torch.no_grad()
def features_of(features: nn.Module, x: Examples) -> np.ndarray:
    """[N, D] float32, computed a batch at a time. features: a scaled batch [B, *input_shape] -> [B, D]."""
    return np.concatenate([features(batch).cpu().numpy() for batch in x.batches()])


def first_that_fit(x: Examples) -> Examples:
    """As many of the first examples as fit into FIT_BYTES as float32."""
    return x.take(np.arange(min(len(x), max(1000, FIT_BYTES // (4 * int(np.prod(x.shape)))))))
