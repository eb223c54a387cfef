"""The nodes of a graph: where they lie, in which order, and which are each other's neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewlabels.core.errors import FewlabelsError
from fewlabels.training import Examples
from fewlabels.transfer.base import Start
from fewlabels.transfer.coordinates import SAME, fit_coordinates
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

    points: [N, d], those of a cell side by side. place: [n] int64, the node that each labelled input is; pool: [U]
    int64, that each example of `pool_of` is. cell: [N] int64. found: the nearest others of every node, [N, k].
    """

    coordinates: PrincipalComponents
    points: Tensor
    place: np.ndarray
    pool: np.ndarray
    cell: np.ndarray
    found: Nearest


def pool_of(start: Start, labelled: int) -> Examples:
    """The unlabelled pool, or as much of it, drawn at random, as there is room for beside so many labelled inputs."""
    pool = start.unlabelled()
    if len(pool) + labelled <= MOST_NODES:
        return pool
    drawn = np.random.default_rng(0).choice(len(pool), max(1, MOST_NODES - labelled), replace=False)
    return pool.take(np.sort(drawn))


def make_nodes(start: Start, x: np.ndarray, whitening: float, k: int) -> Nodes:
    """Of the unlabelled pool and the labelled features x [n, D]; one that stands in both is one node.

    Raises
    ------
    FewlabelsError
        For features that are not finite.
    """
    pool = pool_of(start, len(x))
    fitted = min(len(pool), MOST_FITTED, max(1000, FIT_BYTES // (4 * x.shape[1])))
    sample = start.features_of(pool.take(np.unique(np.linspace(0, len(pool) - 1, fitted).astype(int))))
    if not (np.isfinite(sample).all() and np.isfinite(x).all()):
        raise FewlabelsError("graph: some features are NaN or infinite; check the inputs and the encoder")
    coordinates = fit_coordinates(sample, whitening)
    own = coordinates(torch.from_numpy(x))
    rest = torch.cat([coordinates(torch.from_numpy(start.features_of(part))) for part in _parts(pool)])
    twins = nearest(own, rest, 1)
    kept = torch.ones(len(rest), dtype=torch.bool)
    doubled, double = (twins.squared[:, 0] <= SAME).nonzero()[:, 0], twins.numbers[:, 0]
    kept[double[doubled]] = False
    points = torch.cat([own, rest[kept]])
    cells = min(MOST_CELLS, len(points) // CELL)
    seeds = points[:: len(points) // cells] if cells > 1 else points[:1]
    cell = nearest(points, seeds, 1).numbers[:, 0]
    cell, order = cell.sort(stable=True)
    points, place = points[order], order.argsort()
    of_pool = torch.empty(len(rest), dtype=torch.int64)
    of_pool[kept] = place[len(x) :]
    of_pool[double[doubled]] = place[doubled]
    numbers = place[: len(x)].numpy(), of_pool.numpy(), _numbered(cell)
    return Nodes(coordinates, points, *numbers, others(points, k))


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
