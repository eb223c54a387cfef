"""Batches of example numbers, epoch after epoch, from a place that can be kept and returned to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.training.order import Order, shuffled
from fewlabels.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Place:
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

    def place(self) -> Place:
        """Where they are now."""
        return Place(list(self._drawn), self._taken, self._left, self._generator.get_state())

    def go_to(self, place: Place) -> None:
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
