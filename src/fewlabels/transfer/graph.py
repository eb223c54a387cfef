"""The graph of nearest neighbours, weighted, and labels spread over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from fewlabels.transfer.conjugate_gradients import ROUGH, TOLERANCE, operator, solve
from fewlabels.transfer.neighbours import Nearest

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SHARPNESS = 4.0
"""Of the weights: the k-th neighbour has exp(-4)."""


CANCELLED = 1e-7
"""Of labels at the same node, less than so much of the largest is what rounding leaves of opposite ones."""


class Labelled(NamedTuple):
    """Labels at nodes. nodes: [m] int64. y: [m] int64, classes. share: [m], how much of a label lies there."""

    nodes: np.ndarray
    y: np.ndarray
    share: np.ndarray

    def counts(self, classes: int) -> np.ndarray:
        """Labels of each class, [K]."""
        return np.bincount(self.y, weights=self.share, minlength=classes)


@dataclass(frozen=True, eq=False)
class Graph:
    """N nodes and the weights between them.

    Attributes
    ----------
    weights
        W [N, N] CSR, symmetric, none of them negative, nothing on the diagonal.
    component
        [N] int64, to which connected part a node belongs.
    cell
        [N] int64, parts of neighbours, so that solutions are found in few steps; one for all where N is small.
    """

    weights: csr_matrix
    component: np.ndarray
    cell: np.ndarray

    @property
    def degree(self) -> np.ndarray:
        """d_i = sum_j w_ij, [N]."""
        total: np.ndarray = np.asarray(self.weights.sum(axis=1)).ravel()
        return total


def neighbour_weights(squared: Tensor) -> Tensor:
    """exp(-4 (|x - x_j| / |x - x_k|)^4) for the neighbours x_j of x, x_k the last. squared: [B, k] squared distances,
    ascending -> [B, k].

    Calder et al. 2020 have the power 2; that of 4, which tells near from nearer more sharply, did better on labelled
    training examples of images and tables alike (docs/graphs.md).
    """
    share = squared / squared[:, -1:].clamp_min(1e-30)
    weights: Tensor = (-SHARPNESS * share.square()).exp()
    return weights


def neighbour_graph(found: Nearest, cell: np.ndarray | None = None) -> Graph:
    """(V + V') / 2 of the weights V of each node's k nearest others.

    found: [N, k], in the order of the nodes.
    """
    from scipy.sparse import csr_matrix  # takes longer to import than predictions may
    from scipy.sparse.csgraph import connected_components

    n, k = found.numbers.shape
    values = neighbour_weights(found.squared).numpy().ravel()
    one_way = csr_matrix((values, found.numbers.numpy().ravel(), np.arange(0, n * k + 1, k)), (n, n))
    weights = ((one_way + one_way.T) / 2).tocsr().astype(values.dtype)
    component = connected_components(weights, directed=False)[1].astype(np.int64)
    return Graph(weights, component, np.zeros(n, dtype=np.int64) if cell is None else cell)


def poisson(graph: Graph, tasks: Sequence[Labelled], classes: int, tolerance: float = ROUGH) -> np.ndarray:
    """Poisson learning: for each task the potentials u [N, K], of the precision of the weights; all solved together.

    ``L u = sum_j s_j (e_{y_j} - ybar) delta_j`` and ``sum_i d_i u_i = 0``, where L = D - W, the sum is over labels j,
    of which the share s_j lies at a node, and ybar is the mean of e_{y_j} by these shares. Each connected component is
    such a problem of its own, so where one has labels of a single class, or none, u is 0. Returns [T, N, K].

    References
    ----------
    Calder, Cook, Thorpe, Slepcev 2020, Poisson learning: graph based semi-supervised learning at very low label rates.
    """
    root = np.sqrt(graph.degree)
    sources = [_centred(graph, task, classes)[:, :-1] for task in tasks]
    found = _solutions(graph, tasks, sources, 1.0, 1 / root, tolerance) / root[:, None, None].astype(root.dtype)
    found -= _means(graph, found)[graph.component]
    potentials = np.concatenate([found, -found.sum(axis=2, keepdims=True)], axis=2)  # over the classes they add to 0
    return np.ascontiguousarray(potentials.transpose(1, 0, 2))


def spread(
    graph: Graph, tasks: Sequence[Labelled], classes: int, alpha: float, tolerance: float = TOLERANCE
) -> np.ndarray:
    """Label spreading: for each task ``F = (1 - alpha) (I - alpha S)^-1 Y`` [N, K], of the precision of the weights;
    S = D^-1/2 W D^-1/2, and Y has at each node the shares of the labels there, by class. Returns [T, N, K].

    References
    ----------
    Zhou, Bousquet, Lal, Weston, Schoelkopf 2004, Learning with local and global consistency, equation 4.
    """
    sources = [task.share[:, None] * np.eye(classes)[task.y] for task in tasks]
    found = _solutions(graph, tasks, sources, alpha, np.ones_like(graph.degree), tolerance)
    return np.ascontiguousarray((1 - alpha) * found.transpose(1, 0, 2))


def _solutions(
    graph: Graph,
    tasks: Sequence[Labelled],
    sources: Sequence[np.ndarray],
    alpha: float,
    factor: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """x [N, T, C] of (I - alpha S) x = factor * sources. sources: a task each, [m, C]; factor: [N]."""
    from scipy.sparse import csc_matrix, diags_array

    root, width = np.sqrt(graph.degree), sources[0].shape[1]
    inverse = diags_array(1 / root)
    a = operator((inverse @ graph.weights @ inverse).tocsr(), root, graph.cell, alpha)
    nodes, first = np.concatenate([task.nodes for task in tasks]), np.arange(len(tasks)) * width
    columns = np.repeat(first, [len(task.nodes) for task in tasks])[:, None] + np.arange(width)
    values = (factor[nodes, None] * np.concatenate(sources)).ravel()
    b = csc_matrix((values, (nodes.repeat(width), columns.ravel())), (len(root), len(tasks) * width))
    b.data[np.abs(b.data) < CANCELLED * np.abs(values).max(initial=0)] = 0
    return solve(a, b, tolerance).reshape(len(root), len(tasks), width)


def _centred(graph: Graph, task: Labelled, classes: int) -> np.ndarray:
    """s_j (e_{y_j} - ybar), [m, K]; ybar is that of the component."""
    _, component = np.unique(graph.component[task.nodes], return_inverse=True)
    label = np.eye(classes)[task.y]
    total = np.zeros((component.max() + 1, classes))
    np.add.at(total, component, task.share[:, None] * label)
    centred: np.ndarray = task.share[:, None] * (label - (total / total.sum(axis=1, keepdims=True))[component])
    return centred


def _means(graph: Graph, values: np.ndarray) -> np.ndarray:
    """sum_i d_i v_i / sum_i d_i over each component. values: [N, T, C] -> [components, T, C]."""
    from scipy.sparse import csr_matrix

    degree, n = graph.degree, len(graph.component)
    within = csr_matrix((degree, (graph.component, np.arange(n))), (graph.component.max() + 1, n))
    total: np.ndarray = within @ values.reshape(n, -1) / np.asarray(within.sum(axis=1))
    return total.reshape(-1, *values.shape[1:])
