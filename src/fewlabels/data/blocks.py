"""Arrays that may be larger than memory, a block of examples at a time: read, written, hashed, shuffled."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
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


SIZE = 16


def digests(x: np.ndarray, index: np.ndarray | None = None) -> Iterator[bytes]:
    """A digest of SIZE bytes for each example of x, [N, *shape], or of those at `index`."""
    for block in blocks(x, index):
        for example in np.ascontiguousarray(block):
            yield hashlib.blake2b(example.data, digest_size=SIZE).digest()


STRETCH_BYTES = 128 * 2**20
"""As much as is gathered at a time: as few passes over the source as can be afforded."""


def save_shuffled(path: Path, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write the examples of all (source [N, *shape], index [n] int64) in random order, a stretch at a time."""
    starts = np.cumsum([0, *(len(index) for _, index in parts)])
    order = np.random.default_rng(0).permutation(starts[-1])
    shape, dtype = parts[0][0].shape[1:], parts[0][0].dtype
    with path.open("wb") as file:
        write_npy_header(file, (len(order), *shape), dtype)
        for span in spans(len(order), block_length(shape, dtype.itemsize, STRETCH_BYTES)):
            wanted = np.sort(order[span])  # sources are read in their own order
            found = np.empty((len(wanted), *shape), dtype)
            for part, (source, index) in enumerate(parts):
                first, last = np.searchsorted(wanted, starts[part : part + 2])
                found[first:last] = source[index[wanted[first:last] - starts[part]]]
            file.write(found[np.searchsorted(wanted, order[span])].data)
