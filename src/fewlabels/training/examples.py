"""Examples as training wants them: stored compactly, scaled on the way in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fewlabels.data import Scaling
from fewlabels.training.numerics import Numerics
from fewlabels.training.sampler import Order, order_of

HERE = Numerics()


class Examples:
    """N examples, indexed a batch at a time.

    x: [N, *shape] uint8 or float32; it may be memory-mapped and is not copied, unless to an accelerator.
    scaling: applied to every batch, fitted on the unlabelled pool.
    numerics: the device that batches are made on, where all examples then lie, and their memory format.
    order: in which an epoch of training visits them.
    """

    def __init__(self, x: np.ndarray, scaling: Scaling, numerics: Numerics = HERE) -> None:
        self._x = np.asarray(x)  # an array like any other: np.memmap itself is slower to index
        self.order: Order = order_of(self._x)
        self.scaling = scaling
        self.numerics = numerics
        self._resident: Tensor | None = None
        self._shift, self._scale = (
            torch.from_numpy(np.asarray(part, dtype=np.float32)).to(numerics.device)
            for part in (scaling.shift, scaling.scale)
        )

    def __len__(self) -> int:
        return len(self._x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self._x.shape[1:])

    def on(self, numerics: Numerics) -> Examples:
        """The same examples for other numerics; themselves where device and memory format are these already."""
        if (numerics.device, numerics.memory_format) == (self.numerics.device, self.numerics.memory_format):
            return self
        return Examples(self._x, self.scaling, numerics)

    def batch(self, index: Tensor | np.ndarray | slice) -> Tensor:
        """Scaled examples, [B, *shape] float32, on the device."""
        scaled = self._raw(index).to(torch.float32).sub_(self._shift).div_(self._scale)
        return self.numerics.to_memory_format(scaled)

    def _raw(self, index: Tensor | np.ndarray | slice) -> Tensor:
        """Copies of the examples at `index`."""
        if self.numerics.device == "cpu":
            found = self._x[index].copy() if isinstance(index, slice) else self._x[np.asarray(index)]
            return torch.from_numpy(found)
        if self._resident is None:
            self._resident = torch.from_numpy(np.ascontiguousarray(self._x)).to(self.numerics.device)
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.numerics.device)
        return self._resident[index].clone()

    def take(self, index: np.ndarray) -> Examples:
        """The examples at `index`, as a copy."""
        return Examples(self._x[index], self.scaling, self.numerics)

    def first(self, n: int) -> Examples:
        """The first n examples, or all where there are fewer; nothing is copied."""
        return Examples(self._x[:n], self.scaling, self.numerics)

    def batches(self, size: int = 1000) -> Iterator[Tensor]:
        """All examples in order, scaled, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size))
