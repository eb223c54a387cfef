"""The order in which an epoch visits examples: shuffled as a whole, or, beyond memory, a buffer of blocks at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

Order = Callable[[torch.Generator], Iterator[Tensor]]
"""Makes an epoch: the numbers of all examples, each once, in parts of [n] int64."""

WHOLE_BYTES = 2**30
"""Examples of no more are shuffled as a whole: they fit into memory, or into what the system keeps of the disk."""

BLOCK_BYTES = 2 * 2**20
"""Of neighbouring examples, read in one go: what takes a disk longer to read than to find."""

BUFFER_BYTES = 256 * 2**20
"""Of the blocks that are shuffled among themselves; two buffers are in use at a time."""

PAGE_BYTES = 4096


def shuffled(n: int) -> Order:
    """All orders of n examples are equally likely."""
    return lambda generator: iter([torch.randperm(n, generator=generator, device=generator.device)])


def shuffled_blocks(x: np.ndarray, block: int, buffer: int) -> Order:
    """The order of x, [N, *shape]: blocks of so many neighbouring examples are visited in random order, and the
    examples of so many blocks, a buffer, are shuffled among themselves. The next buffer is read ahead meanwhile.
    """

    def epoch(generator: torch.Generator) -> Iterator[Tensor]:
        where = generator.device
        starts = torch.randperm(-(-len(x) // block), generator=generator, device=where).cpu() * block
        buffers = starts.split(buffer)
        in_use = [0]
        for in_use[0], (here, following) in enumerate(zip(buffers, (*buffers[1:], None), strict=True)):
            if following is not None:
                ahead = (x, following.tolist(), block, in_use[0] + 1, in_use)
                threading.Thread(target=_touch, args=ahead, daemon=True).start()
            numbers = torch.cat([torch.arange(start, min(start + block, len(x))) for start in here.tolist()])
            yield numbers.to(where)[torch.randperm(len(numbers), generator=generator, device=where)]

    return epoch


def order_of(x: np.ndarray) -> Order:
    """The order that suits the size of x, wherever it is kept: memory-mapped or not, results are the same."""
    if x.nbytes <= WHOLE_BYTES:
        return shuffled(len(x))
    return shuffled_blocks(x, max(1, BLOCK_BYTES // x[0].nbytes), BUFFER_BYTES // BLOCK_BYTES)


def _touch(x: np.ndarray, starts: list[int], block: int, buffer: int, in_use: list[int]) -> None:
    """Have the system read blocks of a memory-mapped array into its cache: one byte a page is enough.

    buffer: the number of theirs; where the buffer in use, `in_use[0]`, is a later one, the rest is of no use any more.
    """
    for start in sorted(starts):
        if in_use[0] > buffer:
            return
        np.max(x[start : start + block].reshape(-1).view(np.uint8)[::PAGE_BYTES])
