"""Batches of example numbers, epoch after epoch: in which order, and from a state that can be kept and returned to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewlabels.training.recipe import Recipe

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


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where `Batches` are, and their generator.

    drawn: states of the generator, uint8, before each part of the present epoch that was drawn so far.
    taken: batches given of the last of these parts. left: batches still to come, of all.
    now: the generator's present state.
    """

    drawn: list[Tensor]
    taken: int
    left: int
    now: Tensor


class Batches:
    """`recipe.steps` batches of example numbers, [B] int64 each: shuffled epochs, a short last batch left out.

    order: of each epoch; by default, all orders are equally likely.

    A part of an epoch is drawn when its first batch is asked for. Others may draw from the generator in between.
    """

    def __init__(self, n: int, recipe: Recipe, generator: torch.Generator, order: Order | None = None) -> None:
        self._size = min(n, recipe.batch_size)
        self._order = order or shuffled(n)
        self._generator = generator
        self._left = recipe.steps
        self._parts: Iterator[Tensor] = iter(())
        self._drawn: list[Tensor] = []
        self._ready: tuple[Tensor, ...] = ()
        self._rest = self._nothing()
        self._taken = 0

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        if not self._left:
            raise StopIteration
        while self._taken == len(self._ready):
            self._draw()
        self._taken += 1
        self._left -= 1
        return self._ready[self._taken - 1]

    def state(self) -> SamplerState:
        """Where they are now."""
        return SamplerState(list(self._drawn), self._taken, self._left, self._generator.get_state())

    def load_state(self, place: SamplerState) -> None:
        """Go where other batches of the same examples and recipe were, and the generator with them.

        The parts of the epoch are drawn once more, each from the state that it was drawn from.
        """
        self._parts, self._drawn, self._ready = iter(()), [], ()
        for state in place.drawn:
            self._generator.set_state(state)
            self._draw()
        self._taken, self._left = place.taken, place.left
        self._generator.set_state(place.now)

    def _draw(self) -> None:
        """The next part of the epoch, or the first of another, made ready as batches."""
        before = self._generator.get_state()
        part = next(self._parts, None)
        if part is None:
            before = self._generator.get_state()
            self._parts, self._drawn, self._rest = self._order(self._generator), [], self._nothing()
            part = next(self._parts)
        self._drawn.append(before)
        numbers = torch.cat([self._rest, part]) if len(self._rest) else part
        whole = len(numbers) // self._size * self._size
        self._ready = numbers[:whole].split(self._size) if whole else ()
        self._rest, self._taken = numbers[whole:], 0

    def _nothing(self) -> Tensor:
        return torch.empty(0, dtype=torch.int64, device=self._generator.device)
