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
from fewlabels.training import Examples, Job, Recipe, examples, order, train
from fewlabels.training.order import order_of, shuffled, shuffled_blocks
from fewlabels.training.recipe import batch_indices


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
    batches = list(batch_indices(n, recipe, seeded(), shuffled_blocks(of_length(n), 4, 3)))
    assert {len(batch) for batch in batches} == {min(n, size)}
    assert len(batches) == recipe.steps
    generator = seeded()
    for start in (0, recipe.steps // 2):
        expected = epoch(shuffled_blocks(of_length(n), 4, 3)(generator))
        seen = torch.cat(batches[start : start + recipe.steps // 2]).tolist()
        assert seen == expected[: len(seen)]


def test_a_mapped_pool_trains_to_the_same_weights_as_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(order, "WHOLE_BYTES", 100)
    monkeypatch.setattr(order, "BLOCK_BYTES", 40)
    monkeypatch.setattr(order, "BUFFER_BYTES", 200)
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
