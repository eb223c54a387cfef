"""Examples: compact in memory, scaled and laid out on the way in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fewlabels.data import fit_scaling
from fewlabels.training import Examples


def uint8_images(n: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 3, 4, 5), dtype=np.uint8)


def test_uint8_images_come_scaled_and_channels_last():
    x = uint8_images()
    examples = Examples(x, fit_scaling(x))
    assert (len(examples), examples.shape) == (6, (3, 4, 5))
    batch = examples.batch(np.array([4, 0, 4]))
    assert (batch.shape, batch.dtype) == ((3, 3, 4, 5), torch.float32)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert not batch.is_contiguous()
    np.testing.assert_allclose(batch.numpy(), x[[4, 0, 4]] / 255, rtol=1e-6)


def test_float_vectors_come_standardised_and_contiguous():
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    scaling = fit_scaling(x)
    whole = Examples(x, scaling).batch(slice(None))
    assert whole.is_contiguous()
    np.testing.assert_allclose(whole.numpy(), scaling.apply(x), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(whole.mean(dim=0), 0, atol=1e-5)
    np.testing.assert_allclose(whole.std(dim=0, correction=0), 1, atol=1e-5)


@pytest.mark.parametrize("index", [torch.tensor([2, 1]), np.array([2, 1]), slice(2, 0, -1)], ids=str)
def test_any_kind_of_index(index):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    batch = Examples(x, fit_scaling(np.zeros((1, 3), np.uint8))).batch(index)
    np.testing.assert_allclose(batch.numpy(), x[[2, 1]] / 255, rtol=1e-6)


def test_a_batch_is_a_copy_and_the_store_stays_as_it_was():
    x = np.ones((4, 3), dtype=np.float32)
    examples = Examples(x, fit_scaling(np.zeros((2, 3), np.float32)))
    for index in (slice(None), np.array([0, 1])):
        examples.batch(index).fill_(9)
    assert (x == 1).all()
    taken = examples.take(np.array([1, 2]))
    x[:] = 5
    assert (taken.batch(slice(None)) == 1).all()


def test_take_keeps_the_scaling_and_the_order():
    x = uint8_images()
    taken = Examples(x, fit_scaling(x)).take(np.array([5, 2]))
    assert len(taken) == 2
    np.testing.assert_allclose(taken.batch(slice(None)).numpy(), x[[5, 2]] / 255, rtol=1e-6)


def test_batches_cover_everything_in_order():
    x = np.arange(7, dtype=np.float32)[:, None]
    batches = list(Examples(x, fit_scaling(np.zeros((1, 1), np.float32))).batches(3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert torch.cat(batches)[:, 0].tolist() == list(range(7))


def test_memory_mapped_examples_are_read_only_when_used(tmp_path):
    x = uint8_images()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    examples = Examples(mapped, fit_scaling(x))
    for batch in (examples.batch(torch.tensor([3, 1])), examples.take(np.array([3, 1])).batch(slice(None))):
        batch.add_(0)  # its own memory, which may be written
        np.testing.assert_allclose(batch.numpy(), x[[3, 1]] / 255, rtol=1e-6)
