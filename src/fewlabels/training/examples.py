"""Examples as training wants them: stored compactly, scaled on the way in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fewlabels.data import Scaling
from fewlabels.training.order import Order, order_of


class Examples:
    """N examples, indexed a batch at a time.

    x: [N, *shape] uint8 or float32; it may be memory-mapped and is not copied.
    scaling: applied to every batch, fitted on the unlabelled pool.
    order: in which an epoch of training visits them.
    """

    def __init__(self, x: np.ndarray, scaling: Scaling) -> None:
        self._x = np.asarray(x)  # an array like any other: np.memmap itself is slower to index
        self.order: Order = order_of(self._x)
        self.scaling = scaling
        self._shift = torch.from_numpy(np.asarray(scaling.shift, dtype=np.float32))
        self._scale = torch.from_numpy(np.asarray(scaling.scale, dtype=np.float32))

    def __len__(self) -> int:
        return len(self._x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self._x.shape[1:])

    def batch(self, index: Tensor | np.ndarray | slice) -> Tensor:
        """Scaled examples, [B, *shape] float32; images in channels-last memory, which convolutions prefer."""
        found = self._x[index].copy() if isinstance(index, slice) else self._x[np.asarray(index)]
        raw = torch.from_numpy(found)
        scaled = (raw.float() - self._shift) / self._scale
        return scaled.contiguous(memory_format=torch.channels_last) if scaled.dim() == 4 else scaled

    def take(self, index: np.ndarray) -> Examples:
        """The examples at `index`, as a copy."""
        return Examples(self._x[index], self.scaling)

    def first(self, n: int) -> Examples:
        """The first n examples, or all where there are fewer; nothing is copied."""
        return Examples(self._x[:n], self.scaling)

    def batches(self, size: int = 1000) -> Iterator[Tensor]:
        """All examples in order, scaled, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size))
