"""Batches against the plain generator they stand for, and from any place they are brought to."""

from __future__ import annotations

import threading
from itertools import islice

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabels.training import Recipe, sampler
from fewlabels.training.sampler import Batches, shuffled, shuffled_blocks

ANY = {
    "n": st.integers(1, 40),
    "size": st.integers(1, 50),
    "block": st.integers(0, 9),
    "buffer": st.integers(1, 4),
    "steps": st.integers(1, 15),
    "noise": st.integers(0, 3),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def order_of(n: int, block: int, buffer: int):
    """block: 0 for a shuffle of all."""
    return shuffled_blocks(np.zeros((n, 1), np.uint8), block, buffer) if block else shuffled(n)


def plain(n, size, steps, generator, made):
    """Epoch after epoch, as it is said in a few lines; what is left over at its end is left out."""
    size = min(n, size)
    while steps:
        rest = torch.empty(0, dtype=torch.int64)
        for part in made(generator):
            rest = torch.cat([rest, part])
            while len(rest) >= size:
                yield rest[:size]
                rest, steps = rest[size:], steps - 1
                if not steps:
                    return


def drawn(batches, generator, noise: int) -> list[list[float]]:
    """All that is to come, and as many numbers drawn after each batch, as an objective does."""
    return [[*batch.tolist(), *torch.rand(noise, generator=generator).tolist()] for batch in batches]


@settings(max_examples=40, deadline=None)
@given(**ANY)
def test_they_are_the_plain_ones(n, size, block, buffer, steps, noise):
    one, other, made = seeded(), seeded(), order_of(n, block, buffer)
    found = drawn(Batches(n, Recipe(steps=steps, batch_size=size), one, made), one, noise)
    assert found == drawn(plain(n, size, steps, other, made), other, noise)
    assert torch.equal(one.get_state(), other.get_state())


@settings(max_examples=40, deadline=None)
@given(**ANY, stop=st.integers(0, 15), used=st.integers(0, 3))
def test_from_any_place_the_same_follows(n, size, block, buffer, steps, noise, stop, used):
    """In other batches, fresh or somewhere else, of a generator of another state."""
    recipe, made = Recipe(steps=steps, batch_size=size), order_of(n, block, buffer)
    generator, other = seeded(0), seeded(1)
    batches, others = Batches(n, recipe, generator, made), Batches(n, recipe, other, made)
    drawn(islice(batches, stop), generator, noise)
    place = batches.state()
    drawn(islice(others, used), other, noise)
    expected = drawn(batches, generator, noise)
    others.load_state(place)
    assert drawn(others, other, noise) == expected
    assert torch.equal(generator.get_state(), other.get_state())
    others.load_state(place)  # a place is not used up
    assert drawn(others, other, noise) == expected
    assert len(expected) == max(0, steps - stop)


def test_a_place_holds_the_parts_of_one_epoch_alone():
    made = shuffled_blocks(np.zeros((40, 1), np.uint8), 5, 2)  # parts of 10
    batches = Batches(40, Recipe(steps=100, batch_size=4), seeded(), made)
    lengths = []
    for _ in batches:
        lengths.append(len(batches.state().drawn))
    assert lengths == [1, 1, 2, 2, 2, 3, 3, 4, 4, 4] * 10


def test_reading_ahead_ends_once_its_buffer_is_passed(monkeypatch):
    """Going to a place passes buffers without reading their examples."""
    held, touched = threading.Event(), []

    def slow(part):
        held.wait(10)
        touched.append(int(part[0]))

    monkeypatch.setattr(sampler.np, "max", slow)
    x = np.repeat(np.arange(60, dtype=np.uint8)[:, None], sampler.PAGE_BYTES, axis=1)
    before = set(threading.enumerate())
    epoch = shuffled_blocks(x, 1, 10)(seeded())  # 6 buffers of 10 blocks of one example
    buffers = [next(epoch).tolist() for _ in range(5)]
    readers = set(threading.enumerate()) - before
    assert len(readers) == 5
    held.set()
    for reader in readers:
        reader.join(10)
    ahead = set(range(60)).difference(*buffers)
    read = {number: sum(seen in part for seen in touched) for number, part in enumerate([*buffers, ahead])}
    assert read == {0: 0, 1: 1, 2: 1, 3: 1, 4: 10, 5: 10}  # those in use and next are read to the end
