"""The nodes of a graph: where they lie, in which order, and which are each other's neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewlabels.core.errors import FewlabelsError
from fewlabels.training import Examples
from fewlabels.transfer.base import Start
from fewlabels.transfer.coordinates import Principal, fit_principal
from fewlabels.transfer.features import FIT_BYTES, PrincipalComponents
from fewlabels.transfer.neighbours import Nearest, nearest

MOST_NODES = 200_000
"""Of a larger pool so many are drawn: all pairs of nodes are compared."""

MOST_FITTED = 20_000
"""Examples of the pool that coordinates are fitted on."""

CELL = 100
"""Nodes of a cell, where there are so many that cells pay."""

MOST_CELLS = 1000


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of a graph, and what is known of their neighbourhoods.

    points: [N, d], those of a cell side by side. place: [N] int64, the node that each example of `pool_of` is. cell:
    [N] int64. found: the nearest others of every node, [N, k].
    """

    coordinates: PrincipalComponents
    points: Tensor
    place: np.ndarray
    cell: np.ndarray
    found: Nearest


def pool_of(start: Start) -> Examples:
    """The unlabelled pool, or MOST_NODES of it, drawn at random."""
    pool = start.unlabelled()
    if len(pool) <= MOST_NODES:
        return pool
    return pool.take(np.sort(np.random.default_rng(0).choice(len(pool), MOST_NODES, replace=False)))


@dataclass(frozen=True, eq=False)
class Pool:
    """The examples of `pool_of` along their principal components. points: [N, d], as they come."""

    principal: Principal
    points: Tensor


def project(start: Start) -> Pool:
    """The pool.

    Raises
    ------
    FewlabelsError
        For features that are not finite, and for a pool of one example.
    """
    pool = pool_of(start)
    if len(pool) < 2:
        raise FewlabelsError("graph: the unlabelled pool has 1 example; give more, or take another way of transfer")
    fitted = min(len(pool), MOST_FITTED, max(1000, FIT_BYTES // (4 * start.features_of(pool.first(1)).shape[1])))
    sample = start.features_of(pool.take(np.unique(np.linspace(0, len(pool) - 1, fitted).astype(int))))
    check_finite(sample)
    principal = fit_principal(sample)
    points = [principal.components(torch.from_numpy(start.features_of(part))) for part in _parts(pool)]
    return Pool(principal, torch.cat(points))


def make_nodes(pool: Pool, whitening: float, k: int) -> Nodes:
    """The pool as nodes, and the k nearest of each."""
    points = pool.points * pool.principal.scale(whitening)
    cells = min(MOST_CELLS, len(points) // CELL)
    seeds = points[:: len(points) // cells] if cells > 1 else points[:1]
    cell, order = nearest(points, seeds, 1).numbers[:, 0].sort(stable=True)
    points, place = points[order], order.argsort().numpy()
    return Nodes(pool.principal.coordinates(whitening), points, place, _numbered(cell), others(points, k))


def check_finite(features: np.ndarray) -> None:
    """Raise FewlabelsError where they are not."""
    if not np.isfinite(features).all():
        raise FewlabelsError("graph: some features are NaN or infinite; check the inputs and the encoder")


def _parts(pool: Examples) -> list[Examples]:
    """The pool in parts whose features are no more than a batch at a time."""
    return [pool.take(np.arange(i, min(i + 1000, len(pool)))) for i in range(0, len(pool), 1000)]


def _numbered(cell: Tensor) -> np.ndarray:
    """Cells numbered without gaps."""
    numbers: np.ndarray = np.unique(cell.numpy(), return_inverse=True)[1]
    return numbers


def others(points: Tensor, k: int) -> Nearest:
    """The nearest nodes of every node but for itself, at most k."""
    k = min(k, len(points) - 1)
    found = nearest(points, points, k + 1)
    itself = found.numbers == torch.arange(len(points))[:, None]
    itself[~itself.any(dim=1), -1] = True  # so many lie in the same place that it was not found itself
    return Nearest(*(part[~itself].view(-1, k) for part in found))
