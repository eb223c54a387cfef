"""Exact nearest neighbours by blocks of products, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 2**24
"""Products that are held at a time: 64 MB."""

GROUP = 32
"""Nodes of which only the nearest takes part in the first choice."""

SPARE = 4
"""Candidates beyond those asked for, since a product in float32 may put two that are almost equally near the wrong way
round; the distances by which they are chosen in the end are sums of squared differences."""


class Nearest(NamedTuple):
    """squared: [B, k] squared Euclidean distances, ascending. numbers: [B, k] int64, of the nodes."""

    squared: Tensor
    numbers: Tensor


def nearest(queries: Tensor, nodes: Tensor, k: int) -> Nearest:
    """The k nearest of N nodes [N, D] to each of B queries [B, D], float32, all pairs being compared."""
    half = 0.5 * nodes.square().sum(dim=1, keepdim=True)  # the nearest has the largest q.n - |n|^2 / 2
    nodes_with_half = torch.cat([nodes, -half], dim=1)
    rows = min(max(1, BLOCK // len(nodes)), len(queries))
    products = nodes.new_empty(rows, len(nodes))
    found = []
    for block in queries.split(rows):
        with_one = torch.cat([block, block.new_ones(len(block), 1)], dim=1)
        scores = torch.mm(with_one, nodes_with_half.T, out=products[: len(block)])  # [B, N]
        found.append(closest(block, nodes, _largest(scores, min(k + SPARE, len(nodes))), k))
    return Nearest(torch.cat([part.squared for part in found]), torch.cat([part.numbers for part in found]))


def closest(queries: Tensor, nodes: Tensor, candidates: Tensor, k: int) -> Nearest:
    """The k nearest of the candidates [B, C], numbers of nodes; distances as sums of squared differences."""
    squared = (queries[:, None] - nodes[candidates]).square().sum(dim=2)  # [B, C]
    chosen, order = squared.topk(k, dim=1, largest=False)
    return Nearest(chosen, candidates.gather(1, order))


def _largest(scores: Tensor, k: int) -> Tensor:
    """The places [B, k] of the k largest of each row, [B, N].

    They lie in the k groups of columns whose largest are the largest, so only these groups are looked through.
    """
    groups = scores.shape[1] // GROUP
    if groups < 4 * k:
        return scores.topk(k, dim=1).indices
    whole = groups * GROUP
    among = scores[:, :whole].unflatten(1, (GROUP, groups))  # group g: columns g, g + groups, ...
    best = among.amax(dim=1).topk(k, dim=1, sorted=False).indices  # [B, k]
    columns = (best[:, :, None] + groups * torch.arange(GROUP, device=scores.device)).flatten(1)
    rest = torch.arange(whole, scores.shape[1], device=scores.device).expand(len(scores), -1)
    columns = torch.cat([columns, rest], dim=1)
    return columns.gather(1, scores.gather(1, columns).topk(k, dim=1, sorted=False).indices)
