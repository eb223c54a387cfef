"""Blocks of arrays: all examples, in order, without copying the whole."""

import io

import numpy as np
import pytest

from fewlabels.data import block_length, blocks, spans, write_npy_header


@pytest.mark.parametrize(
    ("shape", "itemsize", "most", "length"),
    [((10,), 1, 100, 10), ((10,), 4, 100, 2), ((3, 4), 1, 35, 2), ((1000,), 1, 10, 1), ((0,), 1, 10, 10)],
)
def test_block_length(shape, itemsize, most, length):
    assert block_length(shape, itemsize, most) == length


def test_spans_cover_everything_once():
    assert [(s.start, s.stop) for s in spans(10, 4)] == [(0, 4), (4, 8), (8, 10)]
    assert [(s.start, s.stop) for s in spans(10, 4, start=5)] == [(5, 9), (9, 10)]
    assert list(spans(10, 4, start=10)) == []


def test_blocks_of_more_than_one_hold_all_in_order():
    x = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None], (5, 6 * 2**20))  # two make a block, almost three
    assert [block[:, 0].tolist() for block in blocks(x)] == [[0, 1], [2, 3], [4]]
    assert [block[:, 9].tolist() for block in blocks(x, np.array([4, 0, 2]))] == [[4, 0], [2]]


def test_a_header_and_the_bytes_are_a_file_that_numpy_reads():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    file = io.BytesIO()
    write_npy_header(file, x.shape, x.dtype)
    file.write(x.data)
    file.seek(0)
    np.testing.assert_array_equal(np.load(file), x)
