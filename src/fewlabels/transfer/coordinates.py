"""Features as coordinates in which nodes of a graph are neighbours, and how new inputs are read off the nodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.transfer.features import PrincipalComponents
from fewlabels.transfer.graph import neighbour_weights
from fewlabels.transfer.neighbours import SPARE, Nearest, closest, nearest

DIMENSIONS = 64
"""Principal coordinates that are kept."""

LEAST = 1e-3
"""Of a standard deviation, as a share of the largest: less is noise that would be scaled up."""

SAME = 1e-10
"""Squared distance below which an input is the node itself; coordinates have a mean square length of 1, and rounding
moves them by 1e-14."""


class Principal(NamedTuple):
    """The leading principal components of features, at most 64. deviation: [d], of each over the examples fitted on."""

    components: PrincipalComponents
    deviation: Tensor

    def scale(self, whitening: float) -> Tensor:
        """[d], what coordinates are multiplied by: each is divided by its standard deviation to the power of
        `whitening`, and all by one number so that their mean square length is 1.
        """
        largest = self.deviation.max()
        if not largest > 0:
            return torch.ones_like(self.deviation)
        divided = self.deviation.clamp_min(LEAST * largest).pow(-whitening)
        scale: Tensor = divided / torch.linalg.vector_norm(self.deviation * divided)
        return scale

    def coordinates(self, whitening: float) -> PrincipalComponents:
        """Features -> coordinates, scaled so."""
        return PrincipalComponents(self.components.mean, self.components.axes * self.scale(whitening)[:, None])


def fit_principal(features: np.ndarray) -> Principal:
    """Fitted on features of the unlabelled pool, [n, D]."""
    from sklearn.decomposition import PCA  # takes longer to import than most fits

    with np.errstate(invalid="ignore"):  # shares of a variance of 0
        pca = PCA(min(DIMENSIONS, *features.shape), random_state=0).fit(features)
    parts = pca.mean_, pca.components_, np.sqrt(pca.explained_variance_)
    mean, axes, deviation = (torch.from_numpy(part.astype(np.float32)) for part in parts)
    return Principal(PrincipalComponents(mean, axes), deviation)


class Readings(nn.Module):
    """Which nodes an input is read off, and with what weights: features [B, D] -> index [B, k], weights [B, k].

    A node that the input is itself does not count, once: so an example that is a node is read as any other is.
    nodes: [N, d] coordinates.
    """

    def __init__(self, coordinates: PrincipalComponents, nodes: Tensor, k: int) -> None:
        super().__init__()
        self.coordinates = coordinates
        self.nodes: Tensor
        self.register_buffer("nodes", nodes)
        self.k = k

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        queries = self.coordinates(features)
        found = self._nearest(queries)
        same = found.squared[:, :1] <= SAME
        index = torch.where(same, found.numbers[:, 1:], found.numbers[:, :-1])
        weights = neighbour_weights(torch.where(same, found.squared[:, 1:], found.squared[:, :-1]))
        return index, weights / weights.sum(dim=1, keepdim=True)

    def _nearest(self, queries: Tensor) -> Nearest:
        wanted = self.k + 1
        if not torch.compiler.is_compiling():
            return nearest(queries, self.nodes, wanted)
        products = queries @ self.nodes.T - 0.5 * self.nodes.square().sum(dim=1)  # the same, in one piece
        candidates = products.topk(min(wanted + SPARE, len(self.nodes)), dim=1).indices
        return closest(queries, self.nodes, candidates, wanted)


def anchors(queries: Tensor, nodes: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The nodes that stand for an input, and the share of each: coordinates [B, d] -> index [B, k], shares [B, k].

    Its k nearest, by the weights that it is read off with; a node that it is itself stands for it alone.
    """
    found = nearest(queries, nodes, k)
    weights = neighbour_weights(found.squared)
    itself = torch.eye(1, k, dtype=weights.dtype)
    return found.numbers, torch.where(found.squared[:, :1] <= SAME, itself, weights / weights.sum(dim=1, keepdim=True))


class NeighbourVote(nn.Module):
    """The weighted mean of what an input's nearest nodes say: features [B, D] -> logits [B, K]. values: [N, K]."""

    def __init__(self, readings: Readings, values: Tensor) -> None:
        super().__init__()
        self.readings = readings
        self.values: Tensor
        self.register_buffer("values", values)

    def forward(self, features: Tensor) -> Tensor:
        return self.vote(*self.readings(features))

    def vote(self, index: Tensor, weights: Tensor) -> Tensor:
        """Logits [B, K] of what is read off the nodes at index [B, k]."""
        return (self.values[index] * weights[:, :, None]).sum(dim=1)


def neighbour_vote(width: int, classes: int, nodes: int, dimensions: int, k: int) -> NeighbourVote:
    """One of the right shapes, without values."""
    coordinates = PrincipalComponents(torch.empty(width), torch.empty(dimensions, width))
    return NeighbourVote(Readings(coordinates, torch.empty(nodes, dimensions), k), torch.empty(nodes, classes))
