"""Inputs to the range networks like: a shift and a scale, fitted on the unlabelled pool alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fewlabels.data.blocks import blocks


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - shift) / scale; both float32, broadcastable over one example."""

    shift: np.ndarray
    scale: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """[B, *example_shape] of any real type -> a new float32 array of that shape."""
        scaled = x.astype(np.float32)
        scaled -= self.shift
        scaled /= self.scale
        return scaled


def fit_scaling(x: np.ndarray, unlabelled: np.ndarray | None = None) -> Scaling:
    """The scaling for [N, C, H, W] images or [N, D] vectors, from the unlabelled pool: x, or its examples `unlabelled`.

    uint8: 0..255 to 0..1, nothing is fitted. float32: zero mean and unit standard deviation, per channel of
    images, per feature of vectors; what is constant is only centred.
    """
    if x.dtype == np.uint8:
        ones = np.ones((1,) * (x.ndim - 1), dtype=np.float32)
        return Scaling(shift=0 * ones, scale=255 * ones)
    axes = (0, *range(2, x.ndim))
    sums = [block.sum(axis=axes, dtype=np.float64, keepdims=True) for block in blocks(x, unlabelled)]
    total = np.sum(sums, axis=0)  # [1, C, 1, 1] or [1, D]
    n = len(x) if unlabelled is None else len(unlabelled)
    count = n * x[0].size / total.size  # of numbers in a channel or feature
    mean = total / count
    squares, low, high = np.zeros_like(mean), np.inf, -np.inf
    for block in blocks(x, unlabelled):
        squares += ((block - mean) ** 2).sum(axis=axes, keepdims=True)
        low = np.minimum(low, block.min(axis=axes, keepdims=True))
        high = np.maximum(high, block.max(axis=axes, keepdims=True))
    std = np.sqrt(squares / count).astype(np.float32)
    std[(low == high) | (std < np.finfo(np.float32).tiny)] = 1
    return Scaling(shift=mean[0].astype(np.float32), scale=std[0])
