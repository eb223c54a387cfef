"""A function as the plain list of tensor operations it comes down to, recorded once and played back.

What Python does between operations - modules, transforms, automatic differentiation - is most of a step of small
networks. On CUDA the operations are captured as a graph, which is launched as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

WORTH_STEPS, WORTH_STARTING = 500, 5000
"""Steps of one shape for which a recording pays, and steps in all for which it pays to load what records."""


Values = Any
"""Tensors, or tuples and dictionaries of such."""


def recording_pays(shortest: int, longest: int, device: torch.device) -> bool:
    """Whether to record a step of models that have these numbers of steps before them."""
    return shortest >= WORTH_STEPS and (longest >= WORTH_STARTING or device.type == "cuda")


def record(function: Callable[[Values, Values], Values], state: Values, batch: Values) -> Callable[[Values], Values]:
    """The function of a batch, given a state that is changed in place only: for batches of these shapes and types.

    Random numbers come from the global generators, anew at every call.
    """
    from torch.fx.experimental.proxy_tensor import make_fx  # takes seconds to load

    def plain(state: Values, batch: Values) -> Values:  # bound methods cannot be recorded
        return function(state, batch)

    operations = make_fx(plain)(state, batch)
    if tree_flatten(batch)[0][0].is_cuda:
        return _Captured(operations, state, batch)
    return lambda batch: operations(state, batch)


class _Captured:
    """Operations as a CUDA graph: a batch is copied to where the graph reads, the results lie where it writes."""

    def __init__(self, operations: Callable[[Values, Values], Values], state: Values, batch: Values) -> None:
        self._batch = tree_map(torch.clone, batch)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries set themselves up on a first run, which must not be captured
            operations(state, self._batch)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._results = operations(state, self._batch)

    def __call__(self, batch: Values) -> Values:
        for kept, new in zip(tree_flatten(self._batch)[0], tree_flatten(batch)[0], strict=True):
            kept.copy_(new)
        self._graph.replay()
        return tree_map(Tensor.clone, self._results)
