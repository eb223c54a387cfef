"""Arrays that may be larger than memory, a block of examples at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

BLOCK_BYTES = 16 * 2**20
"""Of a block, at most: large enough to be read at full speed, small enough that a few never matter."""


def block_length(shape: tuple[int, ...], itemsize: int = 1, most: int = BLOCK_BYTES) -> int:
    """How many examples of that shape make a block of at most so many bytes: one at least."""
    return max(1, most // max(1, math.prod(shape) * itemsize))


def spans(n: int, length: int, start: int = 0) -> Iterator[slice]:
    """start..n in consecutive slices of `length`, the last perhaps shorter."""
    return (slice(at, min(at + length, n)) for at in range(start, n, length))


def write_npy_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Begin a `.npy` file: the bytes of an array of that shape, in C order, are to follow."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def blocks(x: np.ndarray, index: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """x, or x[index], [N, *shape] in consecutive blocks [B, *shape]; those of x alone are views."""
    n = len(x) if index is None else len(index)
    for span in spans(n, block_length(x.shape[1:], x.itemsize)):
        yield x[span] if index is None else x[index[span]]
