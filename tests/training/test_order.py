"""The order of an epoch: whole where the examples fit, else a buffer of blocks at a time; a permutation always."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_training import ONE

from fewlabels.networks import Dense
from fewlabels.objectives import OBJECTIVES
from fewlabels.training import Examples, Job, Recipe, examples, sampler, train
from fewlabels.training.sampler import Batches, order_of, shuffled, shuffled_blocks


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def of_length(n: int, bytes_each: int = 1) -> np.ndarray:
    """[n, bytes_each] uint8 that takes no memory."""
    return np.broadcast_to(np.uint8(0), (n, bytes_each))


def epoch(made) -> list[int]:
    return torch.cat(list(made)).tolist()


def test_what_fits_is_shuffled_as_a_whole_with_the_same_draws_as_ever():
    (part,) = shuffled(50)(seeded())
    assert part.tolist() == torch.randperm(50, generator=seeded()).tolist()
    (part,) = order_of(of_length(2**18, 4096))(seeded())  # 1 GiB
    assert len(part) == 2**18


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 200), block=st.integers(1, 30), buffer=st.integers(1, 6), seed=st.integers(0, 3))
def test_blocks_make_a_permutation_a_buffer_at_a_time(n, block, buffer, seed):
    parts = list(shuffled_blocks(of_length(n), block, buffer)(seeded(seed)))
    assert sorted(epoch(parts)) == list(range(n))
    visited = [sorted({number // block for number in part.tolist()}) for part in parts]
    assert [len(blocks) for blocks in visited[:-1]] == [buffer] * (len(parts) - 1)
    assert len({number for blocks in visited for number in blocks}) == sum(map(len, visited))  # no block is split
    again = epoch(shuffled_blocks(of_length(n), block, buffer)(seeded(seed)))
    assert again == epoch(parts)


def test_blocks_and_examples_are_both_shuffled():
    made = shuffled_blocks(of_length(1000), block=10, buffer=20)
    generator = seeded()
    first, second = list(made(generator)), list(made(generator))
    visited = [{number // 10 for number in part.tolist()} for part in first]
    assert visited[0] != set(range(20))  # blocks come from anywhere
    assert visited[0] != {number // 10 for number in second[0].tolist()}  # and others in the next epoch
    inside = first[0]
    assert (inside[1:] - inside[:-1] == 1).float().mean() < 0.05  # neighbours do not follow each other
    assert epoch(first) != epoch(shuffled_blocks(of_length(1000), 10, 20)(seeded(1)))


def test_sizes_beyond_memory():
    n, bytes_each = 2**19, 4096  # 2 GiB
    first, *others = order_of(of_length(n, bytes_each))(seeded())
    assert len(first) == 2**16  # 256 MiB
    assert len(first.unique()) == 2**16
    assert len((first // 512).unique()) == 128  # blocks of 2 MiB
    assert len(others) == 7


@pytest.mark.parametrize(("n", "size"), [(100, 7), (100, 100), (23, 50)])
def test_batches_run_on_over_the_ends_of_buffers(n, size):
    recipe = Recipe(steps=2 * (n // min(n, size)), batch_size=size)
    batches = list(Batches(n, recipe, seeded(), shuffled_blocks(of_length(n), 4, 3)))
    assert {len(batch) for batch in batches} == {min(n, size)}
    assert len(batches) == recipe.steps
    generator = seeded()
    for start in (0, recipe.steps // 2):
        expected = epoch(shuffled_blocks(of_length(n), 4, 3)(generator))
        seen = torch.cat(batches[start : start + recipe.steps // 2]).tolist()
        assert seen == expected[: len(seen)]


def test_a_mapped_pool_trains_to_the_same_weights_as_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(sampler, "WHOLE_BYTES", 100)
    monkeypatch.setattr(sampler, "BLOCK_BYTES", 40)
    monkeypatch.setattr(sampler, "BUFFER_BYTES", 200)
    x = np.random.default_rng(0).integers(0, 256, (90, 8), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    visited = []
    job = Job(Dense(hidden=(6,), latent_dim=2), OBJECTIVES["denoising"], Recipe(steps=30, batch_size=8))
    batch = examples.Examples.batch

    def watched(self, index):
        visited.append(index)
        return batch(self, index)

    monkeypatch.setattr(Examples, "batch", watched)
    nets = [train(job, Examples(array, ONE))[0] for array in (x, np.load(tmp_path / "x.npy", mmap_mode="r"))]
    for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(one, other)
    first = [index for index in visited if isinstance(index, torch.Tensor)][:3]  # of a buffer of 25 in 5 blocks
    assert len({number // 5 for index in first for number in index.tolist()}) == 5


def parts_of(*lengths: int):
    """An order whose epochs come in parts of these lengths, shuffled as a whole."""

    def made(generator: torch.Generator):
        return iter(torch.randperm(sum(lengths), generator=generator).split(list(lengths)))

    return made


PARTS = {
    "shorter than a batch": (2,) * 11,
    "of one": (1,) * 23,
    "longer": (30, 30, 30),
    "whole batches": (8, 16, 8),
    "uneven": (3, 20, 1, 0, 9, 8, 17),
    "empty": (0, 0, 12, 0),
    "one longer, one shorter": (40, 3),
}


@pytest.mark.parametrize("steps", [1, 3, 40])
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS.keys())
def test_batches_of_an_order_in_parts(parts, steps):
    """As many as steps; those of an epoch follow its parts, and only what is left at its end is left out."""
    n, size = sum(parts), 8
    batches = list(Batches(n, Recipe(steps=steps, batch_size=size), seeded(), parts_of(*parts)))
    assert len(batches) == steps
    assert all(batch.shape == (size,) and batch.dtype == torch.int64 for batch in batches)
    generator = seeded()
    for start in range(0, steps, n // size):
        expected = torch.randperm(n, generator=generator).tolist()
        seen = torch.cat(batches[start : start + n // size]).tolist()
        assert seen == expected[: len(seen)]


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(st.integers(0, 25), min_size=1, max_size=8).filter(sum),
    size=st.integers(1, 40),
    steps=st.integers(1, 60),
)
def test_any_parts_give_every_epoch_without_repeats_and_all_but_a_rest(parts, size, steps):
    n = sum(parts)
    batches = list(Batches(n, Recipe(steps=steps, batch_size=size), seeded(), parts_of(*parts)))
    assert [len(batch) for batch in batches] == [min(n, size)] * steps
    an_epoch = n // min(n, size)
    for start in range(0, steps, an_epoch):
        epoch = torch.cat(batches[start : start + an_epoch])
        assert len(epoch.unique()) == len(epoch)
        if start + an_epoch <= steps:
            assert n - len(epoch) < min(n, size)


@pytest.mark.parametrize("steps", [2, 3, 6])
def test_nothing_is_drawn_after_the_last_batch(steps):
    """Of 3 batches an epoch, drawn a part at a time: what draws next from the generator has the same numbers."""
    drawn = []

    def order(generator):
        for start in (0, 8, 16):
            drawn.append(start)
            yield start + torch.randperm(8, generator=generator)

    generator = seeded()
    assert len(list(Batches(24, Recipe(steps=steps, batch_size=8), generator, order))) == steps
    assert len(drawn) == steps
    oracle = seeded()
    for _ in range(steps):
        torch.randperm(8, generator=oracle)
    assert torch.equal(generator.get_state(), oracle.get_state())


def test_a_whole_epoch_is_drawn_once_for_its_batches():
    generator, oracle = seeded(), seeded()
    assert len(list(Batches(24, Recipe(steps=6, batch_size=8), generator))) == 6
    for _ in range(2):
        torch.randperm(24, generator=oracle)
    assert torch.equal(generator.get_state(), oracle.get_state())
