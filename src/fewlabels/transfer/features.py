"""Fixed features of examples: the raw numbers, their principal components, the codes of an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewlabels.networks import Autoencoder
from fewlabels.objectives import Objective
from fewlabels.training import Examples

FeatureMap = Callable[[Tensor], np.ndarray]
"""A scaled batch [B, *input_shape] -> features [B, D] float32."""

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
        return (features - self.mean) / np.float32(self.scale)


def fit_centring(features: np.ndarray) -> Centring:
    """Fitted on features of the unlabelled pool, [U, D]."""
    variance = float(features.var(axis=0, dtype=np.float64).mean())
    return Centring(features.mean(axis=0, dtype=np.float64).astype(np.float32), variance**0.5 or 1.0)


def raw(batch: Tensor) -> np.ndarray:
    """The scaled numbers themselves, [B, D]."""
    return batch.flatten(1).cpu().numpy()


def fit_pca(unlabelled: Examples, components: int, seed: int) -> FeatureMap:
    """The leading principal components of the unlabelled pool: at most `components`, or as many as there are."""
    from sklearn.decomposition import PCA  # takes longer to import than most fits

    x = features_of(raw, first_that_fit(unlabelled))
    pca = PCA(min(components, *x.shape), random_state=seed).fit(x)
    return lambda batch: pca.transform(raw(batch)).astype(np.float32)


def codes(net: Autoencoder, objective: Objective) -> FeatureMap:
    """What the objective embeds, by the network as it stands."""

    @torch.no_grad()
    def feature_map(batch: Tensor) -> np.ndarray:
        return objective.embed(net, batch).cpu().numpy()

    return feature_map


def features_of(feature_map: FeatureMap, x: Examples) -> np.ndarray:
    """[N, D] float32, computed a batch at a time."""
    return np.concatenate([feature_map(batch) for batch in x.batches()])


def first_that_fit(x: Examples) -> Examples:
    """As many of the first examples as fit into FIT_BYTES as float32."""
    return x.take(np.arange(min(len(x), max(1000, FIT_BYTES // (4 * int(np.prod(x.shape)))))))
