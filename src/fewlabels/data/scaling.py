"""Inputs to the range networks like: a shift and a scale, fitted on the unlabelled pool alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BLOCK = 4096


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


def fit_scaling(x_unlabelled: np.ndarray) -> Scaling:
    """The scaling for [N, C, H, W] images or [N, D] vectors, from the unlabelled pool.

    uint8: 0..255 to 0..1, nothing is fitted. float32: zero mean and unit standard deviation, per channel of
    images, per feature of vectors; what is constant is only centred.
    """
    if x_unlabelled.dtype == np.uint8:
        ones = np.ones((1,) * (x_unlabelled.ndim - 1), dtype=np.float32)
        return Scaling(shift=0 * ones, scale=255 * ones)
    axes = (0, *range(2, x_unlabelled.ndim))
    mean = x_unlabelled.mean(axis=axes, dtype=np.float64, keepdims=True)  # [1, C, 1, 1] or [1, D]
    squares = np.zeros_like(mean)
    for start in range(0, len(x_unlabelled), _BLOCK):  # in blocks: no float64 copy of all data
        squares += ((x_unlabelled[start : start + _BLOCK] - mean) ** 2).sum(axis=axes, keepdims=True)
    std = np.sqrt(squares * (mean.size / x_unlabelled.size)).astype(np.float32)
    constant = x_unlabelled.max(axis=axes, keepdims=True) == x_unlabelled.min(axis=axes, keepdims=True)
    std[constant | (std < np.finfo(np.float32).tiny)] = 1
    return Scaling(shift=mean[0].astype(np.float32), scale=std[0])
